/**
 * The store port: what the server needs from a database, and what it promises.
 *
 * Consistency: one writer; `transaction` is atomic, and durable when it returns (fsynced, where there
 * is a disk). Reads inside a transaction see its writes. One conformance suite checks every store.
 */
import type { Change, LogHead } from "./change.ts";
import type { ErrorCode } from "./errors.ts";
import type { RowTree } from "./reconcile/row_tree.ts";

/** One row as stored, alive or a tombstone. */
export interface StoredRow {
  /** The collection's name. */
  readonly entity: string;
  /** The record's id, unique within the collection. */
  readonly id: string;
  /** The record as canonical JSON; behind a tombstone its last fields. */
  readonly json: string;
  /** The encoded stamps of `core/lww.ts`. */
  readonly stamps: string;
  /** False for a tombstone: the record was deleted. */
  readonly live: boolean;
  /** The cursor of the row's newest change. */
  readonly cursor: number;
}

/** How far the server has come with one client. */
export interface ClientRecord {
  /** The client's id. */
  readonly client: string;
  /** The id of the principal that it belongs to; `""` for nobody. */
  readonly principal: string;
  /** The highest sequence number that was decided, accepted or refused. */
  readonly lastSeq: number;
  /** When that was, in milliseconds. */
  readonly time: number;
}

/** What was decided about one mutation; kept so that its second arrival gets the same answer. */
export interface Outcome {
  /** The mutation's id. */
  readonly mutation: string;
  /** Who numbered it; `""` for a caller without a queue. */
  readonly client: string;
  /** Its place in that client's order, from 1; 0 where there is no client. */
  readonly seq: number;
  /** The scope's cursor after it. */
  readonly cursor: number;
  /** `null` when it was accepted. */
  readonly code: ErrorCode | null;
  /** What its author was told; `null` when it was accepted. */
  readonly error: string | null;
  /** When it was decided, in milliseconds. */
  readonly time: number;
}

/** All live rows of a scope at one cursor, read page by page while writes go on. */
export interface SnapshotReader {
  /** The place in the log that the rows are the state at. */
  readonly cursor: number;
  /** Up to `limit` further live rows, by entity and id; empty at the end. */
  next(limit: number): readonly StoredRow[];
  /** Gives the view of the past back. Safe to call twice. */
  close(): void;
}

/** What to keep when a scope's log is trimmed. */
export interface Retention {
  /** Changes at the most. */
  readonly changes: number;
  /** Changes committed before this time, in milliseconds, may go. */
  readonly before: number;
  /** Outcomes of each client that stay whatever their age. */
  readonly outcomes: number;
}

/** A durable place for scopes: rows, change log, clients and outcomes. */
export interface Store {
  /** Identifies this history; a store that was created anew has another. */
  readonly epoch: string;
  /** The version of the app that the rows are of; 1 for a new store. */
  appVersion(): number;
  /** Notes that the rows are of this version now; inside a transaction. */
  setAppVersion(version: number): void;
  /** Runs `work` atomically; what it wrote is durable when this returns, or gone when it throws. */
  transaction<T>(work: () => T): T;
  /**
   * Runs `work`, whose reads are all of one moment: nobody writes between them. Inside a transaction
   * they see its writes; no transaction begins inside of it.
   */
  read<T>(work: () => T): T;
  /** The names of all scopes, in UTF-8 order. */
  scopes(): readonly string[];
  /** The end and the floor of a scope's log; zeros for a scope that does not exist. */
  head(scope: string): LogHead;
  /** One row, alive or a tombstone; `undefined` when there never was one, or it was trimmed. */
  row(scope: string, entity: string, id: string): StoredRow | undefined;
  /** The live rows of one collection, by id in UTF-8 order. */
  rows(scope: string, entity: string): readonly StoredRow[];
  /** Every row of a scope, tombstones too, by entity and id; rows may be put while it is read. */
  everyRow(scope: string): Iterable<StoredRow>;
  /**
   * Up to `limit` rows with a cursor after that one, alive or tombstones, by cursor (where equal, by
   * entity and id).
   */
  written(scope: string, after: number, limit: number): readonly StoredRow[];
  /**
   * The tree over the live rows of a scope, to read; `putRow` changes it. Whole when this returns, and
   * again at the end of a transaction, with which it is undone. `undefined` when the store keeps none.
   */
  tree(scope: string): RowTree | undefined;
  /** Adds changes in the order of their cursors, from `head().cursor + 1` on. */
  append(scope: string, change: Change): void;
  /** Writes a row in place of the one with its id; inside a transaction. */
  putRow(scope: string, row: StoredRow): void;
  /** Up to `limit` changes after the cursor. */
  changes(scope: string, after: number, limit: number): readonly Change[];
  /** How far the server has come with a client; `undefined` for a new one. */
  client(scope: string, client: string): ClientRecord | undefined;
  /** Writes that in place of what was known; inside a transaction. */
  putClient(scope: string, record: ClientRecord): void;
  /** What was decided about a mutation, by its id; `undefined` when it is new, or was trimmed. */
  outcome(scope: string, mutation: string): Outcome | undefined;
  /** Writes an outcome under its mutation's id; inside a transaction. */
  putOutcome(scope: string, outcome: Outcome): void;
  /**
   * Opens the live rows as they are now. Close what this returns: it may hold the past in place.
   */
  snapshot(scope: string): SnapshotReader;
  /** Raises the floor of a scope's log, with tombstones and outcomes below; says how many changes went. */
  trim(scope: string, retention: Retention): number;
  /** Gives the database back; the store is of no use afterwards. */
  close(): void;
}
