/**
 * The store on SQLite: one file, one writing connection, durable when a transaction returns.
 *
 * WAL with `synchronous = FULL`: a commit is one fsync of the log. Nothing is cached between
 * transactions, because another process may write the same file. Within one, which holds the write
 * lock, the ends of the logs are kept in memory and written once, at its end.
 */
import { invariant } from "../core/assert.ts";
import type { Change, LogHead } from "../core/change.ts";
import { DriftlessError } from "../core/errors.ts";
import { INTEGER_MAX } from "../core/limits.ts";
import { pagesOf } from "../core/memory_store.ts";
import type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  Store,
  StoredRow,
} from "../core/store.ts";
import {
  type CheckedDatabase,
  closingOnFailure,
  openChecked,
  openSqlite,
  type SqlDatabase,
} from "./sql.ts";
import { checkDatabase, migrate, pragma } from "./sqlite_migrations.ts";
import { SqliteSnapshots } from "./sqlite_snapshots.ts";
import {
  changeOf,
  clientOf,
  headOf,
  OPS,
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

/** A store on a SQLite file. */
export interface SqliteStore extends Store {
  /** Another number than before when somebody else has written the file meanwhile. */
  dataVersion(): number;
}

/** What may differ from the defaults. */
export interface SqliteStoreOptions {
  /** Opens a connection; the built-in driver unless given. */
  readonly open?: (path: string) => SqlDatabase;
  /** How long to wait for another process's transaction, in milliseconds. */
  readonly busyTimeoutMs?: number;
}

/** How long to wait for another process's transaction unless told otherwise, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;
/** How often to ask for the write-ahead log. */
const WAL_ATTEMPTS_MAX = 10;
/** Pages of the log that start a checkpoint: 16 MB, so that a hot page is copied once. */
const WAL_CHECKPOINT_PAGES = 4_000;
/** Bytes that the log file keeps after a checkpoint; a long snapshot may make it grow beyond. */
const WAL_FILE_BYTES_MAX = 64 * 1024 * 1024;
/** KiB of pages that the writing connection keeps in memory. */
const PAGE_CACHE_KIB_MAX = 32 * 1024;
/** Rows that an upgrade holds in memory at once. */
const UPGRADE_PAGE_ROWS = 1_000;
/** The only level of `PRAGMA synchronous` at which a commit in WAL survives a power cut: FULL. */
const SYNCHRONOUS_FULL = 2;

/**
 * Opens, or creates, a store.
 *
 * @example
 * ```ts
 * import { openSqliteStore } from "@driftless/driftless/server";
 *
 * const store = openSqliteStore(":memory:");
 * store.transaction(() => {
 *   const json = `{"text":"Hello"}`;
 *   store.append("home", { cursor: 1, entity: "note", id: "n1", op: "create", json, time: 1 });
 * });
 * if (store.changes("home", 0, 10)[0]?.id !== "n1") throw new Error();
 * store.close();
 * ```
 *
 * @param path a file in a folder that exists, or `":memory:"`
 * @throws {DriftlessError} `store_failed` when the file cannot be opened, is not Driftless's own,
 *   comes from a later version, or cannot promise durability
 */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): SqliteStore {
  if (path === "") throw new TypeError("Cannot open a store: the path is empty");
  const connect = () => {
    const db = openChecked(options.open ?? openSqlite, path);
    const wait = options.busyTimeoutMs ?? BUSY_TIMEOUT_MS;
    closingOnFailure(db, () => db.exec(`PRAGMA busy_timeout = ${wait}`));
    return db;
  };
  const inMemory = path === ":memory:";
  try {
    const db = connect();
    return closingOnFailure(db, () => {
      configure(db, inMemory);
      migrate(db);
      return new SqliteFile(db, inMemory ? undefined : new SqliteSnapshots(connect));
    });
  } catch (error) {
    if (!(error instanceof DriftlessError)) throw error;
    throw new DriftlessError(error.code, `${error.message} ("${path}")`, { cause: error });
  }
}

/** The order matters: nothing is written, not even the journal mode, before the file is known. */
function configure(db: SqlDatabase, inMemory: boolean): void {
  db.exec("BEGIN");
  checkDatabase(db);
  db.exec("COMMIT");
  const mode = enterWal(db);
  if (mode !== "wal" && !inMemory) {
    throw new DriftlessError(
      "store_failed",
      `Cannot use the store: the file system has no write-ahead log (journal mode "${mode}")`,
    );
  }
  db.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA wal_autocheckpoint = ${WAL_CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${WAL_FILE_BYTES_MAX};
    PRAGMA cache_size = -${PAGE_CACHE_KIB_MAX};
  `);
  const synchronous = pragma(db, "synchronous");
  if (synchronous !== SYNCHRONOUS_FULL) {
    throw new DriftlessError(
      "store_failed",
      `Cannot use the store: SQLite does not take synchronous = FULL (it reads ${synchronous})`,
    );
  }
}

/**
 * Turns the write-ahead log on; the journal mode that SQLite then reports. SQLite does not wait for
 * its lock here: processes that create a file together need a second attempt.
 */
function enterWal(db: SqlDatabase): unknown {
  for (let attempt = 1;; attempt++) {
    try {
      return db.prepare("PRAGMA journal_mode = WAL").get()?.journal_mode;
    } catch (error) {
      if (attempt === WAL_ATTEMPTS_MAX) throw error;
      // Here it does wait, until the other one is done.
      db.exec("BEGIN IMMEDIATE");
      db.exec("COMMIT");
    }
  }
}

/** The running transaction. */
interface OpenTransaction {
  /** The scopes that it touched; the changed ones are written at its end. */
  readonly heads: Map<string, ScopeHead>;
  readonly changed: Set<ScopeHead>;
}

const NO_HEAD: LogHead = Object.freeze({ cursor: 0, floor: 0, time: 0 });

class SqliteFile implements SqliteStore {
  readonly epoch: string;
  readonly #db: CheckedDatabase;
  readonly #reads: Reads;
  readonly #writes: Writes;
  /** None for a database in memory, which another connection cannot see. */
  readonly #snapshots: SqliteSnapshots | undefined;
  #transaction: OpenTransaction | undefined;

  constructor(db: CheckedDatabase, snapshots: SqliteSnapshots | undefined) {
    this.#db = db;
    this.#reads = prepareReads(db);
    this.#writes = prepareWrites(db);
    this.#snapshots = snapshots;
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
    // Left over only when an earlier ROLLBACK failed too.
    this.#rollback();
    this.#writes.begin.run();
    this.#db.failure = undefined;
    const transaction: OpenTransaction = { heads: new Map(), changed: new Set() };
    this.#transaction = transaction;
    try {
      const result = work();
      invariant(!(result instanceof Promise), "the work of a transaction is synchronous");
      if (this.#db.failure !== undefined) throw this.#db.failure;
      for (const { scope, cursor, floor, time } of transaction.changed) {
        this.#writes.head.run(cursor, floor, time, scope);
      }
      this.#writes.commit.run();
      return result;
    } catch (error) {
      const first = this.#db.failure ?? error;
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
    this.#writes.change.run(head.scope, cursor, entity, id, OPS.indexOf(op), time, json);
    head.cursor = cursor;
    head.time = time;
    transaction.changed.add(head);
  }

  putRow(scope: string, row: StoredRow): void {
    const { entity, id, live, cursor, stamps, json } = row;
    const { scope: number } = this.#written(scope);
    this.#writes.row.run(number, entity, id, live ? 1 : 0, cursor, stamps, json);
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
    if (this.#snapshots !== undefined && this.#transaction === undefined) {
      return this.#snapshots.open(scope);
    }
    // What is not committed yet is seen by this connection alone: it is read at once.
    const head = this.#head(scope);
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

  /** A scope's head and number; undefined when it does not exist. */
  #head(scope: string): ScopeHead | undefined {
    const open = this.#transaction?.heads.get(scope);
    if (open !== undefined) return open;
    const row = this.#reads.head.get(scope);
    if (row === undefined) return undefined;
    const head = headOf(row);
    this.#transaction?.heads.set(scope, head);
    return head;
  }

  /** As `#head`, for a write: a scope comes into being with its first. */
  #written(scope: string): ScopeHead {
    const { heads } = this.#writable();
    const known = this.#head(scope);
    if (known !== undefined) return known;
    const row = this.#writes.scope.get(scope);
    invariant(row !== undefined, "a new scope has a number");
    const head = headOf(row);
    heads.set(scope, head);
    return head;
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
