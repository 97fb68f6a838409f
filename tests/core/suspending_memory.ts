/**
 * A store in memory that behaves as if its data were elsewhere: reads miss what nobody has fetched,
 * and work may be run again though it missed nothing, as where what it read has changed.
 *
 * All of a run is one transaction of the store beneath, which is given up when the run does not count.
 */
import { invariant } from "../../core/assert.ts";
import type { Change, LogHead } from "../../core/change.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { Kernel } from "../../core/ports.ts";
import type { RowTree } from "../../core/reconcile/row_tree.ts";
import type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  StoredRow,
} from "../../core/store.ts";
import { Suspended, type SuspendingStore } from "../../core/suspend.ts";

/** How often a store misses, and what it waits for. */
export interface Absence {
  /** Whether something that was fetched before is gone again when a `settle` begins. */
  readonly forgets: () => boolean;
  /** Whether a run that missed nothing is run again. */
  readonly outdated: () => boolean;
  /** Fetches. */
  readonly wait: () => Promise<void>;
}

/** Thrown to give up what a run wrote. */
class GivenUp extends Error {}

/** Misses everything the first time in each `settle`, and runs nothing again without need. */
export const ALWAYS: Absence = {
  forgets: () => true,
  outdated: () => false,
  wait: () => Promise.resolve(),
};

/** Misses and runs again as `random` says, which gives numbers from 0 to below 1. */
export function sometimes(random: () => number): Absence {
  return {
    forgets: () => random() < 0.5,
    outdated: () => random() < 0.2,
    wait: async () => {
      for (let turns = Math.floor(random() * 4); turns > 0; turns--) await Promise.resolve();
    },
  };
}

/** A memory store whose reads suspend. */
export class SuspendingMemory implements SuspendingStore {
  readonly inner: MemoryStore;
  /** Runs so far, and how many of them did not count. */
  runs = 0;
  rerun = 0;
  /** Makes the next fetch fail. */
  failure: Error | undefined;
  readonly #absence: Absence;
  readonly #known = new Set<string>();
  readonly #following = new Set<(scope: string) => void>();
  /** What the run that is going on missed; `null` between runs. */
  #missing: Set<string> | null = null;
  #fetched: ReadonlySet<string> = new Set();
  #transactions = 0;
  /** Whether its transaction was rolled back. */
  #isUndone = false;
  /** Whether it read a page of a snapshot, and therefore cannot be run again. */
  #hasPaged = false;

  constructor(epoch: string, absence: Absence, kernel?: Kernel) {
    this.inner = new MemoryStore(epoch, kernel);
    this.#absence = absence;
  }

  get epoch(): string {
    return this.inner.epoch;
  }

  async settle<T>(work: () => T): Promise<T> {
    const fetched = new Set<string>();
    for (const key of this.#known) if (this.#absence.forgets()) this.#known.delete(key);
    await Promise.resolve();
    while (true) {
      const missing = new Set<string>();
      const result = this.#run(work, missing, fetched);
      if (result !== undefined) {
        if (result.error !== undefined) throw result.error.thrown;
        return result.value as T;
      }
      this.rerun++;
      await this.#absence.wait();
      const { failure } = this;
      this.failure = undefined;
      if (failure !== undefined) throw failure;
      for (const key of missing) {
        fetched.add(key);
        this.#known.add(key);
      }
    }
  }

  follow(
    scopes: ReadonlySet<string>,
    grown: (scope: string) => void,
    signal: AbortSignal,
  ): void {
    const told = (scope: string) => {
      if (scopes.has(scope)) grown(scope);
    };
    this.#following.add(told);
    signal.addEventListener("abort", () => this.#following.delete(told));
    queueMicrotask(() => scopes.forEach(told));
  }

  /** How many scopes are looked at. */
  get followed(): number {
    return this.#following.size;
  }

  /** What another process does: writes, of which readers are told. */
  elsewhere(scope: string, work: (store: MemoryStore) => void): void {
    work(this.inner);
    for (const told of this.#following) told(scope);
  }

  appVersion(): number {
    this.#need("version");
    return this.inner.appVersion();
  }

  setAppVersion(version: number): void {
    this.inner.setAppVersion(version);
  }

  transaction<T>(work: () => T): T {
    invariant(this.#missing !== null, "a transaction is inside settle");
    invariant(this.#transactions++ === 0, "there is one transaction within settle");
    try {
      return work();
    } catch (error) {
      this.#isUndone = true;
      throw error;
    }
  }

  read<T>(work: () => T): T {
    invariant(this.#missing !== null, "a read is inside settle");
    return this.inner.read(work);
  }

  scopes(): readonly string[] {
    this.#need("scopes");
    return this.inner.scopes();
  }

  head(scope: string): LogHead {
    this.#need("head", scope);
    return this.inner.head(scope);
  }

  row(scope: string, entity: string, id: string): StoredRow | undefined {
    this.#need("row", scope, entity, id);
    return this.inner.row(scope, entity, id);
  }

  rows(scope: string, entity: string): readonly StoredRow[] {
    this.#need("rows", scope, entity);
    return this.inner.rows(scope, entity);
  }

  *everyRow(scope: string): Iterable<StoredRow> {
    let index = 0;
    for (const row of this.inner.everyRow(scope)) {
      if (index++ % 10 === 0) this.#need("every", scope, `${index}`);
      yield row;
    }
  }

  written(scope: string, after: number, limit: number): readonly StoredRow[] {
    this.#need("written", scope, `${after}`, `${limit}`);
    return this.inner.written(scope, after, limit);
  }

  tree(scope: string): RowTree | undefined {
    this.#need("tree", scope);
    return this.inner.tree(scope);
  }

  append(scope: string, change: Change): void {
    this.inner.append(scope, change);
  }

  putRow(scope: string, row: StoredRow): void {
    this.inner.putRow(scope, row);
  }

  changes(scope: string, after: number, limit: number): readonly Change[] {
    this.#need("changes", scope, `${after}`, `${limit}`);
    return this.inner.changes(scope, after, limit);
  }

  client(scope: string, client: string): ClientRecord | undefined {
    this.#need("client", scope, client);
    return this.inner.client(scope, client);
  }

  putClient(scope: string, record: ClientRecord): void {
    this.inner.putClient(scope, record);
  }

  outcome(scope: string, mutation: string): Outcome | undefined {
    this.#need("outcome", scope, mutation);
    return this.inner.outcome(scope, mutation);
  }

  putOutcome(scope: string, outcome: Outcome): void {
    this.inner.putOutcome(scope, outcome);
  }

  snapshot(scope: string): SnapshotReader {
    this.#need("snapshot", scope);
    const reader = this.inner.snapshot(scope);
    let page = 0;
    return {
      cursor: reader.cursor,
      next: (limit) => {
        this.#need("page", scope, `${reader.cursor}`, `${page}`);
        this.#hasPaged = true;
        page++;
        return reader.next(limit);
      },
      close: () => reader.close(),
    };
  }

  trim(scope: string, retention: Retention): number {
    this.#need("log", scope);
    return this.inner.trim(scope, retention);
  }

  close(): void {
    this.inner.close();
  }

  /** One run: what came of it if it counts. */
  #run<T>(
    work: () => T,
    missing: Set<string>,
    fetched: ReadonlySet<string>,
  ): { readonly value?: T; readonly error?: { readonly thrown: unknown } } | undefined {
    this.runs++;
    this.#fetched = fetched;
    this.#missing = missing;
    this.#transactions = 0;
    this.#isUndone = false;
    this.#hasPaged = false;
    let result: { readonly value?: T; readonly error?: { readonly thrown: unknown } } | undefined;
    try {
      this.inner.transaction(() => {
        try {
          result = { value: work() };
        } catch (thrown) {
          result = { error: { thrown } };
        }
        const isOutdated = missing.size > 0 || (!this.#hasPaged && this.#absence.outdated());
        if (isOutdated) result = undefined;
        if (isOutdated || this.#isUndone || result?.error !== undefined) throw new GivenUp();
      });
    } catch (error) {
      if (!(error instanceof GivenUp)) throw error;
    } finally {
      this.#missing = null;
    }
    return result;
  }

  #need(...key: readonly string[]): void {
    invariant(this.#missing !== null, "a read is inside settle");
    const text = JSON.stringify(key);
    if (this.#fetched.has(text) || this.#known.has(text)) return;
    this.#missing.add(text);
    throw new Suspended(`Cannot read ${text} yet`);
  }
}
