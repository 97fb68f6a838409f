/**
 * The schema of the SQLite store, as numbered steps that only go forward.
 *
 * `user_version` counts the steps that a file has taken; each is one transaction. `application_id`
 * marks the file as Driftless's own, so that somebody else's database is never written into.
 */
import { DriftlessError } from "../core/errors.ts";
import type { SqlDatabase } from "./sql.ts";

/** "Drft" in ASCII. */
export const APPLICATION_ID = 0x44726674;

/**
 * Step n turns version n into version n + 1. A released step never changes.
 *
 * Rows are stored in the order of their keys, so that reading a page of the log, a collection or a
 * snapshot is one sequential read. Trimming never scans what it keeps: tombstones lie together in an
 * index, and outcomes in the order of time, found by a small index on their ids.
 *
 * A scope's tree is right at the cursor `scopes.tree`, or was never built (-1). A program from before
 * the trees, which still writes the file, leaves that behind its cursor: so it shows.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('epoch', lower(hex(randomblob(16))));

  CREATE TABLE scopes (
    scope INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    time INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE rows (
    scope INTEGER NOT NULL,
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    live INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    stamps TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (scope, entity, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tombstones ON rows (scope, cursor) WHERE live = 0;

  CREATE TABLE changes (
    scope INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    op INTEGER NOT NULL,
    time INTEGER NOT NULL,
    json TEXT,
    PRIMARY KEY (scope, cursor)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE clients (
    scope INTEGER NOT NULL,
    client TEXT NOT NULL,
    principal TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (scope, client)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE outcomes (
    scope INTEGER NOT NULL,
    time INTEGER NOT NULL,
    mutation TEXT NOT NULL,
    client TEXT NOT NULL,
    seq INTEGER NOT NULL,
    cursor INTEGER NOT NULL,
    code TEXT,
    error TEXT,
    PRIMARY KEY (scope, time, mutation)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX outcome_ids ON outcomes (scope, mutation);
  `,
  `INSERT INTO meta VALUES ('app_version', '1');`,
  `
  ALTER TABLE scopes ADD COLUMN tree INTEGER NOT NULL DEFAULT -1;
  CREATE TABLE nodes (
    node INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
  ) STRICT;
  DROP INDEX tombstones;
  CREATE INDEX written ON rows (scope, live, cursor);
  `,
  `
  CREATE TABLE island_states (
    key TEXT NOT NULL PRIMARY KEY,
    saved INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    text TEXT NOT NULL
  ) STRICT;
  CREATE INDEX island_states_saved ON island_states (saved, key);
  CREATE INDEX island_states_expires ON island_states (expires);
  `,
];

/**
 * Makes sure that a file is Driftless's own, or empty, and not from a later version. Belongs into a
 * transaction: another process may be creating the file.
 *
 * @returns how many steps the file has taken
 * @throws {DriftlessError} `store_failed`; nothing was written
 */
export function checkDatabase(db: SqlDatabase, migrations: readonly string[] = MIGRATIONS): number {
  const owner = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  if (owner !== APPLICATION_ID) {
    const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n;
    if (owner === 0 && version === 0 && tables === 0) return 0;
    throw new DriftlessError(
      "store_failed",
      "Cannot use the store: the file is a database of another program",
    );
  }
  if (version > migrations.length) {
    throw new DriftlessError(
      "store_failed",
      `Cannot use the store: the file has schema version ${version}, and this program knows ` +
        `versions up to ${migrations.length}; use a newer Driftless`,
    );
  }
  return version;
}

/**
 * Takes a file, empty or older, to the newest version. Safe when two processes do it at once.
 *
 * @throws {DriftlessError} `store_failed` as {@linkcode checkDatabase}; each step is done or undone
 */
export function migrate(db: SqlDatabase, migrations: readonly string[] = MIGRATIONS): void {
  for (let done = false; !done;) {
    db.exec("BEGIN IMMEDIATE");
    try {
      // Inside the transaction: another process may have taken the step meanwhile.
      const version = checkDatabase(db, migrations);
      const step = migrations[version];
      if (step !== undefined) {
        db.exec(step);
        db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
        db.exec(`PRAGMA user_version = ${version + 1}`);
      }
      db.exec("COMMIT");
      done = step === undefined;
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }
}

/** The value of a numeric pragma. */
export function pragma(db: SqlDatabase, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}
