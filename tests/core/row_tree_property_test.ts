/** The tree is a function of the rows alone: whatever batches, orders and detours led to them. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes, OverlayNodes } from "../../core/reconcile/tree_nodes.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { Prng } from "../sim/prng.ts";
import {
  gone,
  idAt,
  type LiveRow,
  modelNodes,
  namedHashes,
  put,
  quickKernel,
  textOf,
} from "./tree_rig.ts";

const kernel = namedHashes(kernelSync());
const quick = namedHashes(quickKernel);

/** Random histories, each of some batches. */
const HISTORIES = 100;
/** Random orders of the same rows; the issue asks for as many. */
const ORDERS = 10_000;

/** Hashes that meet in the first bits again and again, down to all 64 of them. */
const crowdedHashes: fc.Arbitrary<bigint> = fc
  .tuple(
    fc.constantFrom(0n, 0x8000_0000_0000_0000n, 0xffff_ff80_0000_0000n, 0x1234_5678_9abc_def0n),
    fc.constantFrom(0, 3, 5, 10, 20, 25, 26, 60, 64),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  )
  .map(([base, shared, rest]) => base ^ rest >> BigInt(shared));

const ids: fc.Arbitrary<string> = fc.oneof(
  fc.nat(400).map((n) => `row ${n}`),
  crowdedHashes.map((kh) => idAt(kh)),
  fc.tuple(fc.constantFrom(7n, 2n ** 63n), fc.nat(90)).map(([kh, name]) => idAt(kh, name)),
);

/** Some rows put or removed, some of the same number in a crowd, or nearly all that there are. */
const batches: fc.Arbitrary<(held: Iterable<string>) => RowChange[]> = fc.oneof(
  fc.array(fc.tuple(ids, fc.option(fc.nat(5))), { maxLength: 12 }).map((changes) => () =>
    changes.map(([id, json]) => json === null ? gone(id) : put(id, json))
  ),
  fc.tuple(crowdedHashes, fc.nat(150), fc.nat(24)).map(([kh, count, shift]) => () =>
    Array.from(
      { length: count },
      (_, i) => put(idAt(BigInt.asUintN(64, kh + (BigInt(i) << BigInt(shift))))),
    )
  ),
  fc.tuple(fc.nat(2_000), fc.nat(5)).map(([count, json]) => () =>
    Array.from({ length: count }, (_, i) => put(`row ${i}`, json))
  ),
  fc.tuple(fc.nat(9), fc.nat(3)).map(([kept, seed]) => (held: Iterable<string>) =>
    Array.from(held).filter((_, i) => (i * 7 + seed) % 10 >= kept).map((id) => gone(id))
  ),
);

function applied(rows: Map<string, LiveRow>, changes: readonly RowChange[]): void {
  for (const { entity, id, json } of changes) {
    if (json === null) rows.delete(id);
    else rows.set(id, { entity, id, json });
  }
}

Deno.test("RowTree after any batches equals the tree that is built at once [S10]", () => {
  fc.assert(
    fc.property(fc.array(batches, { maxLength: 8 }), (history) => {
      const nodes = new MemoryNodes();
      const tree = new RowTree(kernel, "s", nodes);
      const rows = new Map<string, LiveRow>();
      for (const batch of history) {
        const changes = batch(rows.keys());
        tree.update(changes);
        applied(rows, changes);
        const rebuilt = new MemoryNodes();
        const other = new RowTree(kernel, "s", rebuilt);
        other.update(rows.values());
        assertEquals(textOf(nodes.entries()), textOf(rebuilt.entries()));
        assertEquals([tree.root, tree.count], [other.root, rows.size]);
        assertEquals(textOf(tree.nodes()), textOf(nodes.entries()));
      }
      assertEquals(textOf(nodes.entries()), textOf(modelNodes(kernel, "s", rows.values())));
      tree.update(Array.from(rows.keys(), (id) => gone(id)));
      assertEquals([nodes.size, tree.count], [0, 0]);
    }),
    { numRuns: HISTORIES },
  );
});

Deno.test("RowTree on an overlay equals one without, committed or dropped [S10]", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(batches, fc.nat(3)), { maxLength: 8 }), (history) => {
      const [nodes, direct] = [new MemoryNodes(), new MemoryNodes()];
      const overlay = new OverlayNodes(nodes);
      const tree = new RowTree(kernel, "s", overlay);
      const expected = new RowTree(kernel, "s", direct);
      const rows = new Map<string, LiveRow>();
      for (const [batch, chance] of history) {
        const changes = batch(rows.keys());
        const before = [tree.root, textOf(nodes.entries())];
        tree.update(changes);
        assertEquals(textOf(nodes.entries()), before[1], "what is below waits for the commit");
        if (chance === 0) {
          overlay.discard();
          assertEquals([tree.root, textOf(tree.nodes())], before);
          continue;
        }
        if (chance > 1) overlay.commit();
        expected.update(changes);
        applied(rows, changes);
        if (chance === 1) {
          // Two batches, one on top of the other, in one commit.
          tree.update([put("more")]);
          tree.update([rows.get("more") ?? gone("more")]);
          overlay.commit();
        }
        assertEquals(tree.root, expected.root);
        assertEquals(textOf(nodes.entries()), textOf(direct.entries()));
      }
    }),
    { numRuns: HISTORIES },
  );
});

/** Sets of rows whose trees have the shapes that there are. */
const SHAPES: Readonly<Record<string, readonly LiveRow[]>> = {
  "a leaf that is full": numbered(64, 58n),
  "two levels": numbered(66, 58n),
  "one path of five levels": numbered(66, 36n),
  "a lowest leaf of many": numbered(70, 20n),
  "one hash for all": Array.from({ length: 67 }, (_, i) => put(idAt(5n, i))),
  "crowds at both ends": [
    ...numbered(33, 40n),
    ...numbered(33, 40n).map(({ id }) => put(id.replace(/^0{4}/, "ffff"))),
  ],
};

/** Rows whose hashes count in steps of a power of two. */
function numbered(count: number, shift: bigint): LiveRow[] {
  return Array.from({ length: count }, (_, i) => put(idAt(BigInt(i) << shift)));
}

for (const [shape, rows] of Object.entries(SHAPES)) {
  const orders = Math.ceil(ORDERS / Object.keys(SHAPES).length);
  Deno.test(`RowTree has one shape for ${shape}, in ${orders} random orders`, () => {
    const expected = textOf(modelNodes(quick, "s", rows));
    for (let seed = 0; seed < orders; seed++) {
      const prng = new Prng(seed);
      const nodes = new MemoryNodes();
      const tree = new RowTree(quick, "s", nodes);
      for (const batch of detours(prng, rows)) tree.update(batch);
      assertEquals(textOf(nodes.entries()), expected, `seed ${seed}`);
    }
  });
}

/** The rows in any order and any batches, with other records first, and rows that do not stay. */
function* detours(prng: Prng, rows: readonly LiveRow[]): Iterable<RowChange[]> {
  const guests = rows.slice(0, 9).map(({ id }, i) =>
    put(idAt(BigInt(`0x${id.slice(0, 16)}`), `guest ${i}`))
  );
  const first = [
    ...rows.filter(() => prng.chance(0.5)).map(({ id }) => put(id, "old")),
    ...guests,
  ];
  const last = [...rows, ...guests.map(({ id }) => gone(id))];
  for (const part of [shuffled(prng, first), shuffled(prng, last)]) {
    for (let from = 0; from < part.length;) {
      const end = from + 1 + prng.between(0, prng.between(0, part.length - 1));
      yield part.slice(from, end);
      from = end;
    }
  }
}

function shuffled<T>(prng: Prng, list: readonly T[]): T[] {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = prng.between(0, i);
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
