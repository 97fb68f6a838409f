/**
 * The synchronous cases, run on a store that suspends: each call of the store is settled by itself.
 *
 * A case is run again and again from its start. What it has called before is answered from the
 * record, and the work of its transactions is run once more on what they were told; its next new
 * call is settled and recorded, and the case begins anew. Cases are deterministic, so the last
 * run is as on any other store. Snapshots and trees are recorded whole: they are read outside of
 * what is settled.
 */
import assert from "node:assert/strict";
import { pagesOf } from "../../core/memory_store.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import type { Store, StoredRow } from "../../core/store.ts";
import type { SuspendingStore } from "../../core/suspend.ts";
import type { StoreCase } from "./store_suite.ts";

/** What a call came to. */
interface Ending {
  /** Makes what it returned, or throws what it threw. */
  readonly again: () => unknown;
  /** The calls within its work, when it has some. */
  readonly inner: readonly Ending[];
}

/** The store that calls go to while the work of one of them runs. */
interface Inside {
  store: Store | undefined;
}

/** Ends a run of the case at the first call that is new. */
class NewCall extends Error {}

/** Runs a case on stores that suspend; `open` gives a new, empty one. */
export async function runSettled(
  run: StoreCase["run"],
  open: () => Promise<SuspendingStore>,
): Promise<void> {
  const stores: SuspendingStore[] = [];
  const record: Ending[] = [];
  for (;;) {
    const replay = new Replay(record, stores, open);
    let failure: { readonly error: unknown } | undefined;
    try {
      run(() => replay.open());
    } catch (error) {
      failure = { error };
    }
    if (replay.next === undefined) {
      for (const store of stores) store.close();
      if (failure !== undefined) throw failure.error;
      return;
    }
    record.push(await replay.next());
  }
}

/** One run of a case. */
class Replay {
  /** The first call that the record does not have. */
  next: (() => Promise<Ending>) | undefined;
  readonly #record: readonly Ending[];
  readonly #stores: SuspendingStore[];
  readonly #open: () => Promise<SuspendingStore>;
  #at = 0;
  #opened = 0;

  constructor(
    record: readonly Ending[],
    stores: SuspendingStore[],
    open: () => Promise<SuspendingStore>,
  ) {
    this.#record = record;
    this.#stores = stores;
    this.#open = open;
  }

  open(): Store {
    this.#call(async () => {
      this.#stores.push(await this.#open());
      return { again: () => undefined, inner: [] };
    });
    const store = this.#stores[this.#opened++];
    assert.ok(store !== undefined);
    const inside: Inside = { store: undefined };
    return new Proxy<Store>(store, {
      get: (_, name: keyof Store) => {
        if (inside.store !== undefined) return inside.store[name];
        if (name === "epoch") return store.epoch;
        if (name === "close") return () => {};
        return (...args: unknown[]) =>
          this.#call(
            () => settledCall(store, name, args, inside),
            (ending) => workAgain(ending, args, inside),
          );
      },
    });
  }

  #call(make: () => Promise<Ending>, work: (ending: Ending) => void = () => {}): unknown {
    if (this.next !== undefined) throw new NewCall();
    const ending = this.#record[this.#at++];
    if (ending === undefined) {
      this.next = make;
      throw new NewCall();
    }
    work(ending);
    return ending.again();
  }
}

async function settledCall(
  store: SuspendingStore,
  name: keyof Store,
  args: readonly unknown[],
  inside: Inside,
): Promise<Ending> {
  let inner: Ending[] = [];
  const recording = new Proxy<Store>(store, {
    get: (_, method: keyof Store) => (...innerArgs: unknown[]) => {
      const at = inner.length;
      inner.push({ again: () => undefined, inner: [] });
      const ending = endingOf(store, method, innerArgs);
      inner[at] = ending;
      return ending.again();
    },
  });
  try {
    const ending = await store.settle(() => {
      inner = [];
      inside.store = recording;
      try {
        return endingOf(store, name, args);
      } finally {
        inside.store = undefined;
      }
    });
    return { ...ending, inner };
  } catch (error) {
    return { again: () => thrown(error), inner };
  }
}

/** Runs the work of a call once more, for what it does beside the store. */
function workAgain({ inner }: Ending, args: readonly unknown[], inside: Inside): void {
  let at = 0;
  inside.store = new Proxy({} as Store, {
    get: () => (...innerArgs: unknown[]) => {
      const ending = inner[at++];
      runQuietly(innerArgs);
      return ending?.again();
    },
  });
  try {
    runQuietly(args);
  } finally {
    inside.store = undefined;
  }
}

function runQuietly([work]: readonly unknown[]): void {
  if (typeof work !== "function") return;
  try {
    work();
  } catch {
    // The record has what it came to.
  }
}

/** Calls the store; what is returned can be returned again, outside of what is settled. */
function endingOf(store: Store, name: keyof Store, args: readonly unknown[]): Ending {
  try {
    const method = store[name] as (...args: readonly unknown[]) => unknown;
    return { again: recorded(name, method.apply(store, [...args])), inner: [] };
  } catch (error) {
    return { again: () => thrown(error), inner: [] };
  }
}

function recorded(name: keyof Store, value: unknown): () => unknown {
  if (name === "everyRow") {
    const rows = [...value as Iterable<StoredRow>];
    return () => rows;
  }
  if (name === "snapshot") {
    const reader = value as ReturnType<Store["snapshot"]>;
    const rows = reader.next(Infinity);
    return () => pagesOf(reader.cursor, rows);
  }
  if (value instanceof RowTree) {
    const nodes = new MemoryNodes();
    for (const [node, bytes] of value.nodes()) nodes.set(node, bytes);
    const tree = value.over(nodes);
    return () => tree;
  }
  return () => value;
}

function thrown(error: unknown): never {
  throw error;
}
