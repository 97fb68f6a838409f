/**
 * A KV store that dies at any call leaves all of a commit or nothing, and whoever comes next
 * works on.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import type { Store } from "../../core/store.ts";
import { type KvStore, openKvStore } from "../../edge/kv/open.ts";
import { MARKING_MS_MAX, SCOPES_AT_ONCE_MAX, STAGE_AGE_MS_MAX } from "../../edge/kv/redo.ts";
import { change, client, contentsOf, outcome, row } from "../conformance/store_suite.ts";
import { assertTree } from "../conformance/store_tree_suite.ts";
import { faulty, noFaults } from "./kv_faults.ts";

const SCOPES = ["s", "t"];
/** Of each scope, so long that a commit of them takes several of KV's. */
const LARGE_ROWS = 32;
const LARGE_TEXT = JSON.stringify("x".repeat(12_000));
const NAMES = {
  entities: ["todo"],
  ids: Array.from({ length: LARGE_ROWS }, (_, i) => `r${i}`),
  clients: ["c"],
  mutations: ["m1", "m2"],
};

/** A commit that fits one of KV's, and one that does not. */
const SIZES = { small: { rows: 3, json: "{}" }, large: { rows: LARGE_ROWS, json: LARGE_TEXT } };

for (const size of ["small", "large"] as const) {
  for (const isDone of [false, true]) {
    const how = isDone ? "after it was done" : "before it was done";
    Deno.test(`a ${size} commit is whole or not at all, whichever call dies ${how}`, async () => {
      const [before, after] = await contentsAround(size);
      let [committed, lost] = [0, 0];
      let isOver = false;
      for (let calls = 0; !isOver; calls++) {
        await withKv(async (kv) => {
          const setup = await openKvStore(kv);
          await setup.settle(() => writeAll(setup, 1, SIZES.small));
          const faults = noFaults();
          const store = await openKvStore(faulty(kv, faults));
          faults.left = calls;
          faults.isDone = isDone;
          faults.ofCommits = size === "large";
          const isAcknowledged = await acknowledged(store, size);
          isOver = faults.left >= 0;
          // Somebody who was there before, and somebody who comes after.
          for (const reader of [setup, await openKvStore(kv)]) {
            const contents = await reader.settle(() => allOf(reader));
            const isThere = JSON.stringify(contents) === JSON.stringify(after);
            if (!isThere) assertEquals(contents, before, `call ${calls}`);
            assert(isThere || !isAcknowledged, `call ${calls}: what was acknowledged is there`);
            for (const scope of SCOPES) await reader.settle(() => assertTree(reader, scope));
            if (isThere) committed++;
            else lost++;
          }
          await setup.settle(() => writeAll(setup, 3, SIZES.small));
          for (const scope of SCOPES) await setup.settle(() => assertTree(setup, scope));
          const later = await openKvStore(kv, { now: () => Date.now() + STAGE_AGE_MS_MAX });
          assertEquals(await stages(kv), [], "nothing is left of what was staged");
          later.close();
        });
      }
      assert(committed >= 2 && lost > 2, `${committed} times there, ${lost} times not`);
    });
  }
}

Deno.test("who dies while bringing a commit to its end leaves it to the next one, at any call", async () => {
  const [, after] = await contentsAround("large");
  let isOver = false;
  for (let calls = 0; !isOver; calls++) {
    await withKv(async (kv) => {
      const setup = await openKvStore(kv);
      await setup.settle(() => writeAll(setup, 1, SIZES.small));
      await dieWhenValid(kv);
      const faults = noFaults();
      faults.left = calls;
      faults.ofCommits = true;
      await openKvStore(faulty(kv, faults)).catch(() => undefined);
      isOver = faults.left >= 0;
      const contents = await setup.settle(() => allOf(setup));
      assertEquals(contents, after, `call ${calls}`);
      for (const scope of SCOPES) await setup.settle(() => assertTree(setup, scope));
    });
  }
});

for (const isDone of [false, true]) {
  const how = isDone ? "after it was done" : "before it was done";
  Deno.test(`a commit of many scopes is in all or in none, whichever call dies ${how}`, async () => {
    const scopes = Array.from({ length: SCOPES_AT_ONCE_MAX + 9 }, (_, i) => `scope ${i}`);
    const write = (store: Store, from: number, json: string) =>
      store.transaction(() => {
        for (const scope of scopes.slice(from)) store.putRow(scope, row("a", { json }));
        // Read, and neither there nor written.
        store.head("nobody's");
      });
    let [committed, lost] = [0, 0];
    let isOver = false;
    for (let calls = 0; !isOver; calls++) {
      await withKv(async (kv) => {
        const patience = { now: () => Date.now() + MARKING_MS_MAX };
        const setup = await openKvStore(kv, patience);
        await setup.settle(() => write(setup, SCOPES_AT_ONCE_MAX - 20, "1"));
        const faults = noFaults();
        const store = await openKvStore(faulty(kv, faults));
        faults.left = calls;
        faults.isDone = isDone;
        faults.ofCommits = true;
        const isAcknowledged = await store.settle(() => write(store, 0, "2")).then(
          () => true,
          () => false,
        );
        isOver = faults.left >= 0;
        for (const reader of [setup, await openKvStore(kv, patience)]) {
          const names = await reader.settle(() => reader.scopes());
          const rows = await reader.settle(() =>
            names.map((scope) => reader.row(scope, "todo", "a")?.json)
          );
          const isThere = names.length === scopes.length;
          assert(
            isThere || names.length === 29 && !isAcknowledged,
            `call ${calls}: ${names.length}`,
          );
          assertEquals(new Set(rows), new Set([isThere ? "2" : "1"]), `call ${calls}`);
          if (isThere) committed++;
          else lost++;
        }
        await setup.settle(() => write(setup, 0, "3"));
        await openKvStore(kv, { now: () => Date.now() + STAGE_AGE_MS_MAX });
        assertEquals(await stages(kv), [], `call ${calls}`);
        const { value } = await kv.get(["driftless", "scope", "nobody's"]);
        assertEquals(value, null, `call ${calls}`);
      });
    }
    assert(committed > 4 && lost > 4, `${committed} times there, ${lost} times not`);
  });
}

Deno.test("who meets a mark waits for its author, and undoes it when that one does not come back", () =>
  withKv(async (kv) => {
    const scopes = Array.from({ length: SCOPES_AT_ONCE_MAX + 9 }, (_, i) => `scope ${i}`);
    const faults = noFaults();
    const store = await openKvStore(faulty(kv, faults));
    const held = Promise.withResolvers<void>();
    const marked = Promise.withResolvers<void>();
    faults.before = async (name) => {
      const { value } = await kv.get(["driftless", "scope", "scope 0"]);
      if (value === null || name !== "commit") return;
      marked.resolve();
      await held.promise;
    };
    const writing = store.settle(() =>
      store.transaction(() => scopes.forEach((scope) => store.putRow(scope, row("a"))))
    );
    await marked.promise;
    let now = Date.now();
    const [patient, other] = [await openKvStore(kv, { now: () => now }), await openKvStore(kv)];
    let isRead = false;
    const reading = patient.settle(() => patient.row("scope 0", "todo", "a")).finally(() => {
      isRead = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assertEquals(isRead, false, "it may still become valid");
    now += MARKING_MS_MAX;
    assertEquals(await reading, undefined);
    assertEquals(await other.settle(() => other.scopes()), []);
    faults.before = undefined;
    held.resolve();
    await writing;
    assertEquals((await other.settle(() => other.scopes())).length, scopes.length, "tried again");
    assertEquals(await stages(kv), []);
  }));

Deno.test("what was staged and never became valid is swept when it is old, and not before", async () => {
  await withKv(async (kv) => {
    const setup = await openKvStore(kv);
    await setup.settle(() => writeAll(setup, 1, SIZES.small));
    const faults = noFaults();
    const store = await openKvStore(faulty(kv, faults));
    faults.before = async (name) => {
      // Stops when all is staged and nothing is valid.
      if (name === "commit" && (await stages(kv)).length > 12) faults.left = 0;
    };
    await assertRejects(() => store.settle(() => writeAll(store, 2, SIZES.large)), DriftlessError);
    const left = await stages(kv);
    assert(left.length > 12, `${left.length} entries`);
    const age = (ms: number) => openKvStore(kv, { now: () => Date.now() + ms });
    await age(STAGE_AGE_MS_MAX - 60_000);
    assertEquals(await stages(kv), left);
    await age(STAGE_AGE_MS_MAX);
    assertEquals(await stages(kv), []);
  });
});

Deno.test("who was too slow to make a stage valid stages it again", async () => {
  await withKv(async (kv) => {
    const setup = await openKvStore(kv);
    await setup.settle(() => writeAll(setup, 1, SIZES.small));
    const faults = noFaults();
    const store = await openKvStore(faulty(kv, faults));
    let swept = false;
    faults.before = async (name) => {
      if (swept || name !== "commit" || (await stages(kv)).length <= 12) return;
      swept = true;
      await openKvStore(kv, { now: () => Date.now() + STAGE_AGE_MS_MAX });
      assertEquals(await stages(kv), []);
    };
    await store.settle(() => writeAll(store, 2, SIZES.large));
    assert(swept, "the first stage was taken away");
    const [, after] = await contentsAround("large");
    assertEquals(await setup.settle(() => allOf(setup)), after);
    assertEquals(await stages(kv), []);
  });
});

/** Commits a large one, and dies as soon as it is valid. */
async function dieWhenValid(kv: Deno.Kv): Promise<void> {
  const faults = noFaults();
  const store = await openKvStore(faulty(kv, faults));
  faults.before = async (name) => {
    if (name === "getMany" && await isHalfDone(kv)) faults.left = 0;
  };
  await store.settle(() => writeAll(store, 2, SIZES.large));
  assert(await isHalfDone(kv), "it is valid and not in its place");
}

async function isHalfDone(kv: Deno.Kv): Promise<boolean> {
  const { value } = await kv.get(["driftless", "scope", "s"]);
  return new TextDecoder().decode(value as Uint8Array).includes('"redo"');
}

async function stages(kv: Deno.Kv): Promise<readonly Deno.KvKey[]> {
  const entries = await Array.fromAsync(kv.list({ prefix: ["driftless", "stage"] }));
  return entries.map(({ key }) => key);
}

async function acknowledged(store: KvStore, size: "small" | "large"): Promise<boolean> {
  try {
    await store.settle(() => writeAll(store, 2, SIZES[size]));
    return true;
  } catch (error) {
    assertEquals((error as DriftlessError).code, "store_failed");
    return false;
  }
}

/** What is to be there before and after the second commit. */
async function contentsAround(size: "small" | "large"): Promise<[Json, Json]> {
  return await withKv(async (kv) => {
    const store = await openKvStore(kv);
    await store.settle(() => writeAll(store, 1, SIZES.small));
    const before = await store.settle(() => allOf(store));
    await store.settle(() => writeAll(store, 2, SIZES[size]));
    return [before, await store.settle(() => allOf(store))];
  });
}

function writeAll(store: Store, n: number, { rows, json }: { rows: number; json: string }): void {
  store.transaction(() => {
    for (const scope of SCOPES) {
      let { cursor } = store.head(scope);
      for (let i = 0; i < rows; i++) {
        cursor++;
        const [id, live] = [`r${i}`, i % 5 !== 4];
        store.append(scope, change(cursor, { id, json, time: n }));
        store.putRow(scope, row(id, { cursor, json, live, stamps: `${n}` }));
      }
      store.putClient(scope, client("c", { lastSeq: n }));
      store.putOutcome(scope, outcome(`m${n}`, { seq: n, cursor, time: n }));
    }
  });
}

function allOf(store: Store): Json {
  return [store.scopes(), ...SCOPES.map((scope) => contentsOf(store, scope, NAMES))];
}

async function withKv<T>(work: (kv: Deno.Kv) => Promise<T>): Promise<T> {
  const kv = await Deno.openKv(":memory:");
  try {
    return await work(kv);
  } finally {
    kv.close();
  }
}
