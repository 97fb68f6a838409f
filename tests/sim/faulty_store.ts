/**
 * The server's disk: a memory store whose transactions can be cut short at any write, and whose past
 * can be brought back.
 *
 * What a transaction wrote is put in a journal when it has committed, so a backup is a length, and
 * restoring one is playing the journal up to there into a store that is empty.
 */
import type { Change, LogHead } from "../../core/change.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { Kernel } from "../../core/ports.ts";
import type { RowTree } from "../../core/reconcile/row_tree.ts";
import type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  Store,
  StoredRow,
} from "../../core/store.ts";

/** One write. */
export type StoreWrite =
  | { readonly kind: "append"; readonly scope: string; readonly change: Change }
  | { readonly kind: "row"; readonly scope: string; readonly row: StoredRow }
  | { readonly kind: "client"; readonly scope: string; readonly record: ClientRecord }
  | { readonly kind: "outcome"; readonly scope: string; readonly outcome: Outcome }
  | { readonly kind: "trim"; readonly scope: string; readonly retention: Retention };

/** The writes of one transaction. */
export type Commit = readonly StoreWrite[];

/** A store that survives the crashes of its server. */
export class FaultyStore implements Store {
  readonly epoch: string;
  readonly #inner: MemoryStore;
  readonly #journal: Commit[] = [];
  readonly #committed: (commit: Commit) => void;
  #open: StoreWrite[] = [];
  #fault: { writesLeft: number; readonly error: Error } | null = null;

  constructor({ epoch, kernel, backup, committed }: {
    readonly epoch: string;
    readonly kernel: Kernel | undefined;
    readonly backup: readonly Commit[];
    /** Hears of every transaction that is durable, those of the backup first. */
    readonly committed: (commit: Commit) => void;
  }) {
    this.epoch = epoch;
    this.#inner = new MemoryStore(epoch, kernel);
    this.#committed = committed;
    for (const commit of backup) this.transaction(() => commit.forEach((write) => this.#do(write)));
  }

  /** Everything committed so far. */
  get journal(): readonly Commit[] {
    return this.#journal;
  }

  /** The next transaction throws after so many writes, or at its commit if it has fewer. */
  failNext(writes: number, error: Error): void {
    this.#fault = { writesLeft: writes, error };
  }

  appVersion(): number {
    return this.#inner.appVersion();
  }

  setAppVersion(version: number): void {
    this.#inner.setAppVersion(version);
  }

  everyRow(scope: string): Iterable<StoredRow> {
    return this.#inner.everyRow(scope);
  }

  transaction<T>(work: () => T): T {
    this.#open = [];
    const result = this.#inner.transaction(() => {
      const value = work();
      if (this.#fault !== null) throw this.#takeFault(this.#fault.error);
      return value;
    });
    const commit = this.#open;
    this.#open = [];
    this.#journal.push(commit);
    this.#committed(commit);
    return result;
  }

  read<T>(work: () => T): T {
    return this.#inner.read(work);
  }

  tree(scope: string): RowTree | undefined {
    return this.#inner.tree(scope);
  }

  written(scope: string, after: number, limit: number): readonly StoredRow[] {
    return this.#inner.written(scope, after, limit);
  }

  scopes(): readonly string[] {
    return this.#inner.scopes();
  }

  head(scope: string): LogHead {
    return this.#inner.head(scope);
  }

  row(scope: string, entity: string, id: string): StoredRow | undefined {
    return this.#inner.row(scope, entity, id);
  }

  rows(scope: string, entity: string): readonly StoredRow[] {
    return this.#inner.rows(scope, entity);
  }

  append(scope: string, change: Change): void {
    this.#do({ kind: "append", scope, change });
  }

  putRow(scope: string, row: StoredRow): void {
    this.#do({ kind: "row", scope, row });
  }

  changes(scope: string, after: number, limit: number): readonly Change[] {
    return this.#inner.changes(scope, after, limit);
  }

  client(scope: string, client: string): ClientRecord | undefined {
    return this.#inner.client(scope, client);
  }

  putClient(scope: string, record: ClientRecord): void {
    this.#do({ kind: "client", scope, record });
  }

  outcome(scope: string, mutation: string): Outcome | undefined {
    return this.#inner.outcome(scope, mutation);
  }

  putOutcome(scope: string, outcome: Outcome): void {
    this.#do({ kind: "outcome", scope, outcome });
  }

  snapshot(scope: string): SnapshotReader {
    return this.#inner.snapshot(scope);
  }

  trim(scope: string, retention: Retention): number {
    return this.#do({ kind: "trim", scope, retention });
  }

  close(): void {}

  #do(write: StoreWrite): number {
    if (this.#fault !== null && this.#fault.writesLeft-- <= 0) {
      throw this.#takeFault(this.#fault.error);
    }
    this.#open.push(write);
    switch (write.kind) {
      case "append":
        this.#inner.append(write.scope, write.change);
        return 0;
      case "row":
        this.#inner.putRow(write.scope, write.row);
        return 0;
      case "client":
        this.#inner.putClient(write.scope, write.record);
        return 0;
      case "outcome":
        this.#inner.putOutcome(write.scope, write.outcome);
        return 0;
      case "trim":
        return this.#inner.trim(write.scope, write.retention);
    }
  }

  #takeFault(error: Error): Error {
    this.#fault = null;
    return error;
  }
}
