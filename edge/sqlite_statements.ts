/** The statements of the SQLite store, prepared once a connection, and what their rows mean. */
import { type Change, CHANGE_OPS, type ChangeOp } from "../core/change.ts";
import type { ErrorCode } from "../core/errors.ts";
import { INTEGER_MAX } from "../core/limits.ts";
import type { ClientRecord, Outcome, StoredRow } from "../core/store.ts";
import type { SqlDatabase, SqlRow, SqlStatement } from "./sql.ts";

/** The end of a scope's log, and the scope's number in the file. */
export interface ScopeHead {
  readonly name: string;
  readonly scope: number;
  cursor: number;
  floor: number;
  time: number;
  /** The cursor at which the scope's tree is right; -1 when it was never built. */
  tree: number;
}

const READS = {
  begin: "BEGIN",
  scopes: "SELECT name FROM scopes ORDER BY name",
  head: "SELECT scope, cursor, floor, time, tree FROM scopes WHERE name = ?",
  behind: "SELECT name FROM scopes WHERE tree <> cursor ORDER BY name",
  row: "SELECT live, cursor, stamps, json FROM rows WHERE scope = ? AND entity = ? AND id = ?",
  rows: `SELECT id, live, cursor, stamps, json FROM rows
    WHERE scope = ? AND entity = ? AND live = 1 ORDER BY id`,
  page: `SELECT entity, id, live, cursor, stamps, json FROM rows
    WHERE scope = ? AND (entity, id) > (?, ?) AND live = 1 ORDER BY entity, id LIMIT ?`,
  every: `SELECT entity, id, live, cursor, stamps, json FROM rows
    WHERE scope = ? AND (entity, id) > (?, ?) ORDER BY entity, id LIMIT ?`,
  written: `SELECT entity, id, live, cursor, stamps, json FROM rows
      WHERE scope = ? AND live = 1 AND cursor > ?
    UNION ALL SELECT entity, id, live, cursor, stamps, json FROM rows
      WHERE scope = ? AND live = 0 AND cursor > ? ORDER BY cursor, entity, id LIMIT ?`,
  node: "SELECT bytes FROM nodes WHERE node = ?",
  nodes: "SELECT node, bytes FROM nodes WHERE node > ? AND node < ? ORDER BY node LIMIT ?",
  appVersion: "SELECT value FROM meta WHERE name = 'app_version'",
  changes: `SELECT cursor, entity, id, op, time, json FROM changes
    WHERE scope = ? AND cursor > ? ORDER BY cursor LIMIT ?`,
  young: "SELECT cursor FROM changes WHERE scope = ? AND time >= ? ORDER BY cursor LIMIT 1",
  client: "SELECT principal, last_seq, time FROM clients WHERE scope = ? AND client = ?",
  outcome: `SELECT client, seq, cursor, time, code, error FROM outcomes
    WHERE scope = ? AND mutation = ?`,
  dataVersion: "PRAGMA data_version",
} as const;

const WRITES = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  scope: `INSERT INTO scopes (name, cursor, floor, time, tree) VALUES (?, 0, 0, 0, 0)
    RETURNING scope, cursor, floor, time, tree`,
  appVersion: "UPDATE meta SET value = ? WHERE name = 'app_version'",
  head: "UPDATE scopes SET cursor = ?, floor = ?, time = ?, tree = ? WHERE scope = ?",
  change: `INSERT INTO changes (scope, cursor, entity, id, op, time, json)
    VALUES (?, ?, ?, ?, ?, ?, ?)`,
  row: `INSERT INTO rows (scope, entity, id, live, cursor, stamps, json)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET live = excluded.live,
    cursor = excluded.cursor, stamps = excluded.stamps, json = excluded.json`,
  client: `INSERT OR REPLACE INTO clients (scope, client, principal, last_seq, time)
    VALUES (?, ?, ?, ?, ?)`,
  outcome:
    `INSERT OR REPLACE INTO outcomes (scope, time, mutation, client, seq, cursor, code, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  node: `INSERT INTO nodes (node, bytes) VALUES (?, ?)
    ON CONFLICT DO UPDATE SET bytes = excluded.bytes`,
  dropNode: "DELETE FROM nodes WHERE node = ?",
  dropNodes: "DELETE FROM nodes WHERE node >= ? AND node < ?",
  trimChanges: "DELETE FROM changes WHERE scope = ? AND cursor <= ?",
  trimRows: "DELETE FROM rows WHERE scope = ? AND live = 0 AND cursor <= ?",
  trimOutcomes: `DELETE FROM outcomes WHERE scope = ? AND time < ? AND (client = '' OR seq <=
    coalesce((SELECT last_seq FROM clients WHERE clients.scope = outcomes.scope
      AND clients.client = outcomes.client), 0) - ?)`,
} as const;

/** For a connection that has its database for itself: what it reads only changes when it writes. */
const READS_ALONE = { ...READS, begin: "SELECT 0", dataVersion: "SELECT 0 AS data_version" };

/** The reading statements of one connection. */
export type Reads = Readonly<Record<keyof typeof READS, SqlStatement>>;
/** The writing statements of one connection. */
export type Writes = Readonly<Record<keyof typeof WRITES, SqlStatement>>;

/** Prepares the reading statements. */
export function prepareReads(db: SqlDatabase): Reads {
  return prepareAll(db, db.transact === undefined ? READS : READS_ALONE);
}

/** Prepares the writing statements. */
export function prepareWrites(db: SqlDatabase): Writes {
  return prepareAll(db, WRITES);
}

/** Up to `limit` live rows of a scope, or rows of any kind, behind a key, by entity and id. */
export function readPage(
  reads: Reads,
  scope: number,
  after: { readonly entity: string; readonly id: string },
  limit: number,
  kind: "page" | "every" = "page",
): readonly StoredRow[] {
  return reads[kind].all(scope, after.entity, after.id, pageSize(limit)).map((row) =>
    storedRow(row, row.entity as string, row.id as string)
  );
}

/** To SQLite a negative limit means all rows, and an infinite one is an error. */
export function pageSize(limit: number): number {
  return Math.min(Math.max(0, limit), INTEGER_MAX);
}

/** A row of `scopes`. */
export function headOf(row: SqlRow, name: string): ScopeHead {
  return {
    name,
    scope: row.scope as number,
    cursor: row.cursor as number,
    floor: row.floor as number,
    time: row.time as number,
    tree: row.tree as number,
  };
}

/** A row of `rows`. */
export function storedRow(row: SqlRow, entity: string, id: string): StoredRow {
  return {
    entity,
    id,
    json: row.json as string,
    stamps: row.stamps as string,
    live: row.live === 1,
    cursor: row.cursor as number,
  };
}

/** A row of `changes`. */
export function changeOf(row: SqlRow): Change {
  return {
    cursor: row.cursor as number,
    entity: row.entity as string,
    id: row.id as string,
    op: CHANGE_OPS[row.op as number] as ChangeOp,
    json: row.json as string | null,
    time: row.time as number,
  };
}

/** A row of `clients`. */
export function clientOf(row: SqlRow, client: string): ClientRecord {
  return {
    client,
    principal: row.principal as string,
    lastSeq: row.last_seq as number,
    time: row.time as number,
  };
}

/** A row of `outcomes`. */
export function outcomeOf(row: SqlRow, mutation: string): Outcome {
  return {
    mutation,
    client: row.client as string,
    seq: row.seq as number,
    cursor: row.cursor as number,
    code: row.code as ErrorCode | null,
    error: row.error as string | null,
    time: row.time as number,
  };
}

function prepareAll<Name extends string>(
  db: SqlDatabase,
  texts: Readonly<Record<Name, string>>,
): Readonly<Record<Name, SqlStatement>> {
  const prepared = Object.entries<string>(texts).map(([name, sql]) => [name, db.prepare(sql)]);
  return Object.fromEntries(prepared) as Record<Name, SqlStatement>;
}
