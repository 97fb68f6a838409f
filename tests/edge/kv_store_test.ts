/**
 * The store on Deno KV keeps the promises of the port, whatever is in memory and whoever writes.
 */
import type { Store } from "../../core/store.ts";
import type { SuspendingStore } from "../../core/suspend.ts";
import { type KvStore, openKvStore } from "../../edge/kv/open.ts";
import { runSettled } from "../conformance/settled_store.ts";
import { storeCases } from "../conformance/store_suite.ts";
import { treeCases } from "../conformance/store_tree_suite.ts";

/** Who settles the next call: the same store, the other one of two, or a new one. */
type Turn = "one store" | "two stores in turn" | "a new store each time";

const TURNS: readonly Turn[] = ["one store", "two stores in turn", "a new store each time"];

for (const turn of TURNS) {
  for (const { name, run } of [...storeCases, ...treeCases]) {
    Deno.test(`KvStore, ${turn}: ${name}`, async () => {
      const databases: Deno.Kv[] = [];
      try {
        await runSettled(run, async () => {
          const kv = await Deno.openKv(":memory:");
          databases.push(kv);
          return await storeOf(kv, turn);
        });
      } finally {
        for (const kv of databases) kv.close();
      }
    });
  }
}

async function storeOf(kv: Deno.Kv, turn: Turn): Promise<SuspendingStore> {
  const first = await openKvStore(kv);
  if (turn === "one store") return first;
  const second = await openKvStore(kv);
  let current: KvStore = first;
  const settle = async <T>(work: () => T): Promise<T> => {
    const next = turn === "a new store each time"
      ? await openKvStore(kv)
      : current === first
      ? second
      : first;
    return await next.settle(() => {
      current = next;
      return work();
    });
  };
  return new Proxy(first, {
    get(_, name: keyof SuspendingStore) {
      if (name === "epoch") return first.epoch;
      if (name === "settle") return settle;
      // Who awaits it asks for `then`.
      if (!(name in first)) return undefined;
      const method = current[name as keyof Store] as (...args: readonly unknown[]) => unknown;
      return (...args: readonly unknown[]) => method.apply(current, [...args]);
    },
  });
}
