/**
 * What a KV store reads is of one moment, and what it writes is not too late, whoever writes
 * meanwhile.
 */
import { assert, assertEquals } from "@std/assert";
import type { Store } from "../../core/store.ts";
import { type KvStore, openKvStore } from "../../edge/kv/open.ts";
import { change, row } from "../conformance/store_suite.ts";
import { assertTree } from "../conformance/store_tree_suite.ts";
import { Prng } from "../sim/prng.ts";
import { faulty, noFaults } from "./kv_faults.ts";

const ROWS = 30;
const ROUNDS = 25;
const READERS = 3;
const LARGE_TEXT = JSON.stringify("x".repeat(40_000));

Deno.test("whatever is read at once is of one moment, while others write between any two calls", () =>
  withKv(async (kv) => {
    const prng = new Prng(3);
    const rival = await openKvStore(kv);
    let [n, done] = [0, 0];
    // One after another: the numbers grow in the order of the commits.
    let last = Promise.resolve();
    const bump = (by: KvStore = rival) =>
      last = last.then(async () => {
        const [next, isLarge] = [++n, prng.chance(0.3)];
        await by.settle(() => putAll(by, next, isLarge));
        done = next;
      });
    await bump();
    let bumped = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const faults = noFaults();
      let left = 4;
      faults.before = async () => {
        if (left <= 0 || !prng.chance(0.4)) return;
        left--;
        bumped++;
        await bump();
      };
      const store = await openKvStore(faulty(kv, faults));
      // Several at once, each of which may move on what the others know.
      await Promise.all(Array.from({ length: READERS }, async (_, reader) => {
        const before = done;
        const seen = await store.settle(() => valuesIn(store, reader));
        assertEquals(new Set(seen).size, 1, `round ${round}, reader ${reader}: ${seen}`);
        assert(Number(seen[0]) >= before, "not older than the question");
      }));
      left = 0;
      await bump(store);
      for (const one of [store, rival]) await one.settle(() => assertTree(one, "s"));
    }
    assert(bumped > ROUNDS, `${bumped} writes in between`);
  }));

Deno.test("an answer that comes late does not take the place of what is newer", () =>
  withKv(async (kv) => {
    const rival = await openKvStore(kv);
    await rival.settle(() => putAll(rival, 1, false));
    const faults = noFaults();
    const store = await openKvStore(faulty(kv, faults));
    await store.settle(() => store.head("s"));
    const [late, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let calls = 0;
    // The second call reads the first ten rows.
    faults.after = async () => {
      if (++calls !== 2) return;
      late.resolve();
      await go.promise;
    };
    const slow = store.settle(() =>
      Array.from({ length: 9 }, (_, i) => `r${i}`).map((id) => {
        try {
          return store.row("s", "todo", id)?.stamps;
        } catch {
          // Goes on to the next one: all of them are missed in one run.
          return undefined;
        }
      })
    );
    await late.promise;
    await rival.settle(() => putAll(rival, 2, false));
    await store.settle(() => valuesIn(store, 1));
    go.resolve();
    assertEquals(new Set(await slow).size, 1, "of one moment");
    assertEquals(new Set(await store.settle(() => valuesIn(store, 0))), new Set(["2"]));
    assertEquals(new Set(await store.settle(() => valuesIn(store, 1))), new Set(["2"]));
  }));

Deno.test("who brings a commit to its end too late changes nothing", () =>
  withKv(async (kv) => {
    const setup = await openKvStore(kv);
    await setup.settle(() => putAll(setup, 1, false));
    // Dies as soon as it is valid.
    const dying = noFaults();
    const dead = await openKvStore(faulty(kv, dying));
    dying.before = async (name) => {
      if (name === "getMany" && await isMarked(kv)) dying.left = 0;
    };
    await dead.settle(() => putAll(dead, 2, true));
    assert(await isMarked(kv));
    // The slow one is held up before each of its commits, until others have finished and gone on.
    const slow = noFaults();
    const [reached, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    slow.before = async (name) => {
      if (name !== "commit") return;
      reached.resolve();
      await go.promise;
    };
    const opening = openKvStore(faulty(kv, slow));
    await reached.promise;
    await setup.settle(() => putAll(setup, 3, false));
    go.resolve();
    const store = await opening;
    for (const one of [store, setup, await openKvStore(kv)]) {
      assertEquals(new Set(await one.settle(() => valuesIn(one, 1))), new Set(["3"]));
      await one.settle(() => assertTree(one, "s"));
    }
  }));

Deno.test("a commit in a large scope takes few runs, though nothing of it is in memory", () =>
  withKv(async (kv) => {
    const setup = await openKvStore(kv);
    const [rows, written] = [5_000, 100];
    await setup.settle(() =>
      setup.transaction(() => {
        for (let i = 0; i < rows; i++) setup.putRow("s", row(`r${i}`));
      })
    );
    const store = await openKvStore(kv);
    let runs = 0;
    await store.settle(() => {
      runs++;
      store.transaction(() => {
        for (let i = 0; i < written; i++) store.putRow("s", row(`r${i * 37}`, { json: "2" }));
      });
    });
    // The rows, then the tree level by level, then the run that counts.
    assert(runs <= 6, `${runs} runs`);
    await store.settle(() => assertTree(store, "s"));
  }));

/** All rows get the same number; long ones, when KV is to take several commits for them. */
function putAll(store: Store, n: number, isLarge: boolean): void {
  store.transaction(() => {
    let { cursor } = store.head("s");
    for (let i = 0; i < ROWS; i++) {
      cursor++;
      const json = isLarge ? LARGE_TEXT : `${n}`;
      store.append("s", change(cursor, { id: `r${i}`, json }));
      store.putRow("s", row(`r${i}`, { cursor, json, stamps: `${n}` }));
    }
  });
}

/** The numbers of all rows, by one way to read them or another. */
function valuesIn(store: KvStore, way: number): readonly string[] {
  const { cursor } = store.head("s");
  const rows = way === 0
    ? Array.from({ length: ROWS }, (_, i) => store.row("s", "todo", `r${i}`))
    : way === 1
    ? store.rows("s", "todo")
    : store.written("s", cursor - ROWS, ROWS);
  assertEquals(rows.length, ROWS);
  return rows.map((one) => one?.stamps ?? "none");
}

async function isMarked(kv: Deno.Kv): Promise<boolean> {
  const { value } = await kv.get(["driftless", "scope", "s"]);
  return new TextDecoder().decode(value as Uint8Array).includes('"redo"');
}

async function withKv(work: (kv: Deno.Kv) => Promise<void>): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  try {
    await work(kv);
  } finally {
    kv.close();
  }
}
