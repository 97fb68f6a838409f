/**
 * Stores whose data is elsewhere: a read of what is not here yet suspends whoever reads, and the work
 * runs again from its start when it is.
 *
 *     work ── read ── missing ── Suspended … fetched ── work from the start ── … ── checked ── done
 *
 * The engine stays synchronous: rules never wait, and are run again instead.
 */
import type { Store } from "./store.ts";

/**
 * Thrown by a read of a store whose data is elsewhere, for what is not in memory yet. Whoever catches
 * it passes it on; the store has noted what is missing, so that nothing depends on that.
 *
 * @example What a read of such a store does
 * ```ts
 * import { Suspended } from "@driftless/driftless/server";
 *
 * const known = new Map([["a", 1]]);
 * const missing = new Set<string>();
 * function read(key: string): number {
 *   const value = known.get(key);
 *   if (value !== undefined) return value;
 *   missing.add(key);
 *   throw new Suspended(`Cannot read "${key}" yet`);
 * }
 *
 * if (read("a") !== 1) throw new Error();
 * try {
 *   read("b");
 * } catch (error) {
 *   if (!(error instanceof Suspended) || !missing.has("b")) throw error;
 * }
 * ```
 */
export class Suspended extends Error {
  /** What kind of error it is. */
  override name = "Suspended";
}

/** A store whose data is elsewhere. Its reads and `transaction` work only inside `settle`. */
export interface SuspendingStore extends Store {
  /**
   * Runs `work`, again from the start whenever it missed something, which is fetched in between, or
   * when what it read is not current at its end. What its transaction wrote is durable when this
   * resolves. At most one transaction within `work`; no effect besides the store's, because any run
   * may not be the last one. Of what a {@linkcode SnapshotReader} reads, one page in each `work`, alone.
   *
   * @throws {DriftlessError} `store_failed` when what it needs cannot be fetched or written, and
   *   whatever the last run of `work` throws: then nothing was written
   */
  settle<T>(work: () => T): Promise<T>;
  /**
   * Tells, until the signal aborts, when the log of one of these scopes has grown elsewhere; once for
   * each scope when it begins to look, and rather too often than not at all.
   */
  follow(scopes: ReadonlySet<string>, grown: (scope: string) => void, signal: AbortSignal): void;
}

/** A store that has all its data at hand, or one that fetches it. */
export type AnyStore = Store | SuspendingStore;

/** Whether the data of a store is elsewhere. */
export function isSuspending(store: AnyStore): store is SuspendingStore {
  return "settle" in store;
}

/**
 * Runs work on a store: at once on one that has all its data at hand, which costs no promise; else as
 * {@linkcode SuspendingStore.settle} does.
 *
 * @example
 * ```ts
 * import { type AnyStore, MemoryStore, settled } from "@driftless/driftless/server";
 *
 * const store: AnyStore = new MemoryStore("epoch-1");
 * const head = await settled(store, () => store.head("home"));
 * if (head.cursor !== 0) throw new Error();
 * ```
 */
export function settled<T>(store: AnyStore, work: () => T): T | Promise<T> {
  return isSuspending(store) ? store.settle(work) : work();
}

/** Goes on with what work came to: at once where it is there already, which costs no promise. */
export function whenSettled<T, U>(
  result: T | Promise<T>,
  next: (value: T) => U | Promise<U>,
): U | Promise<U> {
  return result instanceof Promise ? result.then(next) : next(result);
}
