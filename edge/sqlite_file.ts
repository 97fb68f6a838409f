/**
 * A SQLite file as a store: every promise of the port in terms of statements.
 *
 * The end of a transaction writes what was kept in memory until then, each thing once: nodes of the
 * trees, then the heads of the scopes.
 */
import { invariant } from "../core/assert.ts";
import { type Change, CHANGE_OPS, type LogHead } from "../core/change.ts";
import { INTEGER_MAX } from "../core/limits.ts";
import { pagesOf } from "../core/memory_store.ts";
import type { Kernel } from "../core/ports.ts";
import type { RowTree } from "../core/reconcile/row_tree.ts";
import type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  Store,
  StoredRow,
} from "../core/store.ts";
import type { CheckedDatabase } from "./sql.ts";
import { type IslandStates, SqliteIslands } from "./sqlite_islands.ts";
import { checkScopeNumber } from "./sqlite_nodes.ts";
import {
  changeOf,
  clientOf,
  headOf,
  outcomeOf,
  pageSize,
  prepareReads,
  prepareWrites,
  readPage,
  type Reads,
  type ScopeHead,
  storedRow,
  type Writes,
} from "./sqlite_statements.ts";
import { SqliteTrees, type TreeProgress } from "./sqlite_trees.ts";

/** Rows that an upgrade holds in memory at once. */
const UPGRADE_PAGE_ROWS = 1_000;

/** Where the snapshots of a file come from, outside of its transactions. */
export interface Snapshots {
  /** A reader of a scope as it is committed now. */
  open(scope: string): SnapshotReader;
  /** A row is about to be written, in the scope with this number. */
  keep?(scope: number, entity: string, id: string): void;
  /** Closes every reader. */
  close(): void;
}

/** The running transaction. */
interface OpenTransaction {
  /** The scopes that it touched; the changed ones are written at its end. */
  readonly heads: Map<string, ScopeHead>;
  readonly changed: Set<ScopeHead>;
}

const NO_HEAD: LogHead = Object.freeze({ cursor: 0, floor: 0, time: 0 });

/** The store on a connection that is set up, to a file that has the newest schema. */
export class SqliteFile implements Store {
  readonly epoch: string;
  readonly islands: IslandStates;
  readonly #db: CheckedDatabase;
  readonly #reads: Reads;
  readonly #writes: Writes;
  /** None for a database in memory, which another connection cannot see. */
  readonly #snapshots: Snapshots | undefined;
  readonly #trees: SqliteTrees;
  #transaction: OpenTransaction | undefined;
  #isReading = false;

  constructor(
    db: CheckedDatabase,
    snapshots: Snapshots | undefined,
    kernel: Kernel | null,
    building: TreeProgress,
  ) {
    this.#db = db;
    this.#reads = prepareReads(db);
    this.#writes = prepareWrites(db);
    this.#snapshots = snapshots;
    this.#trees = new SqliteTrees(kernel, this.#reads, this.#writes, building);
    this.islands = new SqliteIslands(db);
    this.epoch = String(db.prepare("SELECT value FROM meta WHERE name = 'epoch'").get()?.value);
  }

  appVersion(): number {
    return Number(this.#reads.appVersion.get()?.value);
  }

  setAppVersion(version: number): void {
    this.#writable();
    this.#writes.appVersion.run(String(version));
  }

  transaction<T>(work: () => T): T {
    invariant(this.#transaction === undefined, "a transaction is not nested");
    invariant(!this.#isReading, "a transaction does not begin inside a read");
    // Left over only when an earlier ROLLBACK failed too.
    this.#rollback();
    this.#db.failure = undefined;
    const transaction: OpenTransaction = { heads: new Map(), changed: new Set() };
    this.#transaction = transaction;
    try {
      const result = this.#transact(() => {
        this.#trees.begin();
        const result = work();
        invariant(!(result instanceof Promise), "the work of a transaction is synchronous");
        if (this.#db.failure !== undefined) throw this.#db.failure;
        this.#writeEnds(transaction);
        return result;
      });
      this.#trees.committed();
      return result;
    } catch (error) {
      const first = this.#db.failure ?? error;
      this.#trees.rolledBack();
      try {
        this.#rollback();
      } catch {
        // The caller is told what went wrong first; the next transaction rolls back again.
      }
      throw first;
    } finally {
      this.#transaction = undefined;
    }
  }

  read<T>(work: () => T): T {
    if (this.#transaction !== undefined || this.#isReading) return work();
    this.#rollback();
    this.#reads.begin.run();
    this.#isReading = true;
    try {
      this.#trees.begin();
      const result = work();
      invariant(!(result instanceof Promise), "the work of a read is synchronous");
      return result;
    } finally {
      this.#isReading = false;
      this.#trees.committed();
      this.#rollback();
    }
  }

  scopes(): readonly string[] {
    return this.#reads.scopes.all().map((row) => row.name as string);
  }

  head(scope: string): LogHead {
    const { cursor, floor, time } = this.#head(scope) ?? NO_HEAD;
    return { cursor, floor, time };
  }

  row(scope: string, entity: string, id: string): StoredRow | undefined {
    const head = this.#head(scope);
    const row = head && this.#reads.row.get(head.scope, entity, id);
    return row && storedRow(row, entity, id);
  }

  rows(scope: string, entity: string): readonly StoredRow[] {
    const head = this.#head(scope);
    if (head === undefined) return [];
    return this.#reads.rows.all(head.scope, entity).map((row) =>
      storedRow(row, entity, row.id as string)
    );
  }

  *everyRow(scope: string): Iterable<StoredRow> {
    const number = this.#head(scope)?.scope;
    if (number === undefined) return;
    let after = { entity: "", id: "" };
    for (let size = UPGRADE_PAGE_ROWS; size === UPGRADE_PAGE_ROWS;) {
      const page = readPage(this.#reads, number, after, UPGRADE_PAGE_ROWS, "every");
      yield* page;
      size = page.length;
      after = page.at(-1) ?? after;
    }
  }

  append(scope: string, change: Change): void {
    const { cursor, entity, id, op, json, time } = change;
    const transaction = this.#writable();
    const head = this.#written(scope);
    invariant(cursor === head.cursor + 1, "a change goes to the end of its log");
    invariant(time >= head.time, "time does not fall within a log");
    this.#writes.change.run(head.scope, cursor, entity, id, CHANGE_OPS.indexOf(op), time, json);
    head.cursor = cursor;
    head.time = time;
    transaction.changed.add(head);
  }

  putRow(scope: string, row: StoredRow): void {
    const { entity, id, live, cursor, stamps, json } = row;
    const head = this.#written(scope);
    this.#snapshots?.keep?.(head.scope, entity, id);
    this.#writes.row.run(head.scope, entity, id, live ? 1 : 0, cursor, stamps, json);
    const isBehind = this.#trees.change(head, { entity, id, json: live ? json : null });
    if (isBehind) this.#writable().changed.add(head);
  }

  tree(scope: string): RowTree | undefined {
    const head = this.#head(scope);
    if (head === undefined) return this.#trees.empty(scope);
    if (this.#transaction !== undefined) {
      if (this.#trees.isBehind(head)) this.#transaction.changed.add(head);
    } else if (head.tree !== head.cursor) {
      // Written by somebody who keeps no trees. The next transaction on the scope builds this one.
      return undefined;
    }
    return this.#trees.tree(head);
  }

  written(scope: string, after: number, limit: number): readonly StoredRow[] {
    const head = this.#head(scope);
    if (head === undefined) return [];
    const rows = this.#reads.written.all(head.scope, after, head.scope, after, pageSize(limit));
    return rows.map((row) => storedRow(row, row.entity as string, row.id as string));
  }

  changes(scope: string, after: number, limit: number): readonly Change[] {
    const head = this.#head(scope);
    if (head === undefined) return [];
    return this.#reads.changes.all(head.scope, after, pageSize(limit)).map(changeOf);
  }

  client(scope: string, client: string): ClientRecord | undefined {
    const head = this.#head(scope);
    const row = head && this.#reads.client.get(head.scope, client);
    return row && clientOf(row, client);
  }

  putClient(scope: string, record: ClientRecord): void {
    const { client, principal, lastSeq, time } = record;
    this.#writes.client.run(this.#written(scope).scope, client, principal, lastSeq, time);
  }

  outcome(scope: string, mutation: string): Outcome | undefined {
    const head = this.#head(scope);
    const row = head && this.#reads.outcome.get(head.scope, mutation);
    return row && outcomeOf(row, mutation);
  }

  putOutcome(scope: string, outcome: Outcome): void {
    const { mutation, client, seq, cursor, time, code, error } = outcome;
    const { scope: number } = this.#written(scope);
    this.#writes.outcome.run(number, time, mutation, client, seq, cursor, code, error);
  }

  snapshot(scope: string): SnapshotReader {
    const head = this.#head(scope);
    if (this.#snapshots !== undefined && this.#transaction === undefined) {
      const reader = this.#snapshots.open(scope);
      if (!this.#isReading || reader.cursor === (head?.cursor ?? 0)) return reader;
      // Somebody has written since the reading began.
      reader.close();
    }
    // What only this connection sees is read at once.
    const rows = head && readPage(this.#reads, head.scope, { entity: "", id: "" }, INTEGER_MAX);
    return pagesOf(head?.cursor ?? 0, rows ?? []);
  }

  trim(scope: string, retention: Retention): number {
    if (this.#transaction === undefined) {
      return this.transaction(() => this.trim(scope, retention));
    }
    const transaction = this.#writable();
    const head = this.#head(scope);
    if (head === undefined) return 0;
    const { changes, before, outcomes } = retention;
    // Time never falls within a log, so what is too old is its beginning.
    const young = this.#reads.young.get(head.scope, before)?.cursor as number | undefined;
    const aged = young === undefined ? head.cursor : young - 1;
    const floor = Math.min(head.cursor, Math.max(head.floor, head.cursor - changes, aged));
    const removed = floor - head.floor;
    if (removed > 0) {
      this.#writes.trimChanges.run(head.scope, floor);
      head.floor = floor;
      transaction.changed.add(head);
    }
    this.#writes.trimRows.run(head.scope, floor);
    this.#writes.trimOutcomes.run(head.scope, before, outcomes);
    return removed;
  }

  dataVersion(): number {
    return this.#reads.dataVersion.get()?.data_version as number;
  }

  close(): void {
    invariant(this.#transaction === undefined, "a store is not closed inside a transaction");
    this.#snapshots?.close();
    this.#db.close();
  }

  /** Whether there are scopes whose tree is not at their cursor. */
  hasTreesBehind(): boolean {
    return this.#trees.isKept && this.#reads.behind.get() !== undefined;
  }

  /** Builds the trees of those, each in a transaction of its own. */
  buildTrees(): void {
    for (const row of this.#reads.behind.all()) {
      this.transaction(() => this.tree(row.name as string));
    }
  }

  /** A scope's head and number; undefined when it does not exist. */
  #head(scope: string): ScopeHead | undefined {
    const open = this.#transaction?.heads.get(scope);
    if (open !== undefined) return open;
    const row = this.#reads.head.get(scope);
    if (row === undefined) return undefined;
    const head = headOf(row, scope);
    if (this.#transaction !== undefined) {
      this.#transaction.heads.set(scope, head);
      this.#trees.loaded(head);
    }
    return head;
  }

  /** As `#head`, for a write: a scope comes into being with its first. */
  #written(scope: string): ScopeHead {
    const { heads } = this.#writable();
    const known = this.#head(scope);
    if (known !== undefined) return known;
    const row = this.#writes.scope.get(scope);
    invariant(row !== undefined, "a new scope has a number");
    const head = headOf(row, scope);
    checkScopeNumber(head.scope);
    heads.set(scope, head);
    return head;
  }

  /** From BEGIN to COMMIT; an error leaves it to the caller to roll back. */
  #transact<T>(work: () => T): T {
    if (this.#db.transact !== undefined) return this.#db.transact(work);
    this.#writes.begin.run();
    const result = work();
    this.#writes.commit.run();
    return result;
  }

  #writeEnds({ changed }: OpenTransaction): void {
    this.#trees.write(changed);
    for (const { scope, cursor, floor, time, tree } of changed) {
      this.#writes.head.run(cursor, floor, time, tree, scope);
    }
  }

  #writable(): OpenTransaction {
    const transaction = this.#transaction;
    invariant(transaction !== undefined, "a store is written inside a transaction");
    // SQLite may have rolled back by itself: a further write would be a commit of its own.
    if (this.#db.failure !== undefined) throw this.#db.failure;
    return transaction;
  }

  #rollback(): void {
    if (this.#db.isTransaction) this.#writes.rollback.run();
  }
}
