/** Random histories on Deno KV, with rollbacks and turns between stores: they equal the model. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryStore } from "../../core/memory_store.ts";
import type { Store } from "../../core/store.ts";
import { type KvStore, openKvStore } from "../../edge/kv/open.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import {
  MODEL_NAMES,
  MODEL_SCOPES,
  type Operation,
  operations,
} from "../conformance/store_model.ts";
import { contentsOf } from "../conformance/store_suite.ts";
import { assertTree, nodesOf } from "../conformance/store_tree_suite.ts";

/** The last one is too long for one value of KV. */
const TEXTS = ["{}", '{"a":1}', "\u{1f600}", "x".repeat(70_000)];

/** How many histories; `KV_MODEL_RUNS` says another number. */
const RUNS = Number(Deno.env.get("KV_MODEL_RUNS") ?? 60);

interface Step {
  readonly operations: readonly Operation[];
  readonly isUndone: boolean;
  /** Which of the stores. */
  readonly turn: number;
  /** Whether everything is read in between; what was read is in memory then. */
  readonly isRead: boolean;
}

Deno.test("random histories of several KV stores equal the model, rows, trees and all", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps(), { maxLength: 14 }), async (history) => {
      const kv = await Deno.openKv(":memory:");
      try {
        // The last one forgets all that it has read, as soon as it may.
        const stores = [
          await openKvStore(kv),
          await openKvStore(kv),
          await openKvStore(kv, { cacheBytesMax: 0 }),
        ];
        const memory = new MemoryStore("model", plainKernel);
        for (const step of history) await take(stores, memory, step);
        for (const store of stores) await assertEqual(store, memory);
        for (const scope of memory.scopes()) {
          await (stores[2] as KvStore).settle(() => assertTree(stores[2] as KvStore, scope));
        }
      } finally {
        kv.close();
      }
    }),
    { numRuns: RUNS },
  );
});

async function take(stores: readonly KvStore[], memory: MemoryStore, step: Step): Promise<void> {
  const { operations, isUndone, isRead, turn } = step;
  const store = stores[turn] as KvStore;
  const work = (of: Store) => () => {
    of.transaction(() => {
      for (const operation of operations) operation(of);
      if (isUndone) throw new RangeError("undone");
    });
  };
  if (isUndone) {
    await assert.rejects(store.settle(work(store)), RangeError);
    assert.throws(work(memory), RangeError);
  } else {
    await store.settle(work(store));
    work(memory)();
  }
  if (isRead) await assertEqual(store, memory);
}

async function assertEqual(store: KvStore, memory: MemoryStore): Promise<void> {
  const scopes = await store.settle(() => store.scopes());
  assert.deepEqual(scopes, memory.scopes());
  for (const scope of MODEL_SCOPES) {
    const contents = await store.settle(() => contentsOf(store, scope, MODEL_NAMES));
    assert.deepEqual(contents, contentsOf(memory, scope, MODEL_NAMES));
    assert.deepEqual(await store.settle(() => nodesOf(store, scope)), nodesOf(memory, scope));
  }
}

function steps(): fc.Arbitrary<Step> {
  return fc.record({
    operations: fc.array(operations(TEXTS), { maxLength: 10 }),
    isUndone: fc.nat(5).map((n) => n === 0),
    turn: fc.nat(2),
    isRead: fc.boolean(),
  });
}
