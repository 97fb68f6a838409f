/** The tree over a client's rows: whatever moves while it is built, it ends as the tree of the rows. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { MemoryStore } from "../../core/memory_store.ts";
import type { ReplicaMove } from "../../core/persistence.ts";
import { answerReconcile } from "../../core/reconcile/responder.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import { Snapshot } from "../../core/snapshot.ts";
import { ReplicaTree } from "../../ui/client/replica_tree.ts";
import { kernelSync } from "../../wasm/kernel.ts";

const kernel = kernelSync();
const EPOCH = "e";

/** Rows that move as a client's do, and the tree that follows them. */
class Stage {
  readonly snapshot = new Snapshot();
  readonly tree = new ReplicaTree({
    kernel,
    random: { bytes: (length) => new Uint8Array(length) },
    scope: "s",
    machine: this,
  });

  get cursor(): number {
    return this.snapshot.cursor;
  }

  get epoch(): string {
    return this.snapshot.epoch;
  }

  /** Starts over from rows. */
  replace(ids: readonly number[]): void {
    const rows = ids.map((id) => row(id, this.cursor + 1));
    this.#move({ kind: "snapshot", rows, cursor: this.cursor + 1, epoch: EPOCH });
  }

  /** Puts rows, and removes others, at one stroke. */
  repair(ids: readonly number[], gone: readonly number[]): void {
    this.#move({
      kind: "snapshot",
      rows: ids.map((id) => row(id, this.cursor + 1)),
      gone: gone.map((id) => row(id, 0)),
      onto: { cursor: this.cursor, epoch: this.epoch },
      cursor: this.cursor + 1,
      epoch: EPOCH,
    });
  }

  /** Moves on along the log; an odd number is deleted. */
  change(ids: readonly number[]): void {
    const from = this.cursor;
    const changes = ids.map((id, index) => {
      const cursor = from + index + 1;
      const { entity, id: name, json } = row(id, cursor);
      const isGone = id % 2 === 1;
      return {
        cursor,
        entity,
        id: name,
        op: isGone ? "delete" as const : "update" as const,
        json: isGone ? null : json,
        time: 1,
      };
    });
    for (const change of changes) this.snapshot.apply(change, EPOCH);
    this.tree.moved({ kind: "changes", from, changes, epoch: EPOCH });
  }

  /** The digest of the rows as they are. */
  root(): Uint8Array {
    const tree = new RowTree(kernel, "s", new MemoryNodes());
    tree.update(this.snapshot.rows());
    return tree.root;
  }

  #move(move: ReplicaMove & { readonly kind: "snapshot" }): void {
    this.snapshot.replace(move);
    this.tree.moved(move);
  }
}

function row(id: number, version: number) {
  return { entity: id % 3 === 0 ? "a" : "b", id: `id${id}`, json: `{"version":${version}}` };
}

const here = ({ cursor, epoch }: Stage) => ({ cursor, epoch });

Deno.test("the tree is that of the rows, whatever moves while it is built [S10]", () => {
  const ids = fc.array(fc.nat(200), { maxLength: 120 });
  const move = fc.oneof(
    fc.tuple(fc.constant("replace" as const), ids),
    fc.tuple(fc.constant("repair" as const), ids, ids),
    fc.tuple(fc.constant("change" as const), ids),
    fc.tuple(fc.constant("step" as const), fc.integer({ min: 1, max: 90 })),
    fc.tuple(fc.constant("rebuild" as const)),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 30 }), (moves) => {
      const stage = new Stage();
      for (const move of moves) {
        if (move[0] === "replace") stage.replace(move[1]);
        else if (move[0] === "repair") stage.repair(move[1], move[2]);
        else if (move[0] === "change") stage.change(move[1]);
        else if (move[0] === "step") stage.tree.step(move[1]);
        else stage.tree.rebuild();
      }
      assertEquals(stage.tree.isTrue(here(stage), stage.root()), true);
      assertEquals([stage.tree.isWhole, stage.tree.root], [true, stage.root()]);
      assertEquals(stage.tree.count, [...stage.snapshot.rows()].length);
    }),
  );
});

Deno.test("a step takes so many rows and no more", () => {
  const stage = new Stage();
  stage.replace([2, 4, 6]);
  assertEquals([stage.tree.step(2), stage.tree.count], [false, 2]);
  assertEquals([stage.tree.step(1), stage.tree.count], [false, 3]);
  // Only now it is known that there is no other one.
  assertEquals([stage.tree.step(1), stage.tree.count], [true, 3]);
  stage.change([8, 10]);
  assertEquals([stage.tree.isWhole, stage.tree.step(1), stage.tree.step(1)], [false, false, true]);
});

Deno.test("a claim is compared where the rows stand, and says nothing elsewhere", () => {
  const stage = new Stage();
  stage.replace([1, 2, 3]);
  const [place, root] = [here(stage), stage.root()];
  assertEquals(stage.tree.isTrue(place, root), true);
  assertEquals(stage.tree.isTrue(place, root.toReversed()), false);
  for (
    const other of [{ ...place, cursor: 0 }, { ...place, cursor: 2 }, { ...place, epoch: "f" }]
  ) {
    assertEquals(stage.tree.isTrue(other, root), undefined);
  }
  stage.change([2]);
  assertEquals(stage.tree.isTrue(place, root), undefined);
  assertEquals(stage.tree.isTrue(here(stage), root), false);
});

Deno.test("an exchange over rows that have moved since it began comes to nothing", () => {
  const store = new MemoryStore(EPOCH, kernel);
  store.transaction(() => {
    for (let id = 1; id <= 9; id++) {
      const { entity, id: name, json } = row(id, id === 5 ? 7 : 1);
      const place = { entity, id: name, cursor: id };
      store.append("s", { ...place, op: "create", json, time: 1 });
      store.putRow("s", { ...place, json, stamps: "", live: true });
    }
  });
  for (const isMoved of [false, true]) {
    const stage = new Stage();
    stage.replace([1, 2, 3, 5, 8, 9, 11]);
    const exchange = stage.tree.exchange({ isSelfContained: false });
    let requests = exchange.start();
    assertEquals([exchange.isOver, exchange.loaded()], [false, null]);
    for (let round = 0; !exchange.isOver && round < 20; round++) {
      requests = requests.flatMap((request) =>
        exchange.received(answerReconcile(store, "s", request).reply)
      );
    }
    assert(exchange.isOver);
    if (isMoved) stage.change([2]);
    const loaded = exchange.loaded();
    if (isMoved) {
      assertEquals(loaded, null);
      continue;
    }
    assertEquals(loaded?.rows.map(({ id }) => id).toSorted(), ["id4", "id5", "id6", "id7"]);
    assertEquals(loaded?.gone, [{ entity: "b", id: "id11" }]);
    assertEquals([loaded?.cursor, loaded?.epoch], [9, EPOCH]);
  }
});
