/** How the store's connection is set up: a write-ahead log, and commits that survive a power cut. */
import { DriftlessError } from "../core/errors.ts";
import type { SqlDatabase } from "./sql.ts";
import { checkDatabase, pragma } from "./sqlite_migrations.ts";

/** How often to ask for the write-ahead log. */
const WAL_ATTEMPTS_MAX = 10;
/** Pages of the log that start a checkpoint: 16 MB, so that a hot page is copied once. */
const WAL_CHECKPOINT_PAGES = 4_000;
/** Bytes that the log file keeps after a checkpoint; a long snapshot may make it grow beyond. */
const WAL_FILE_BYTES_MAX = 64 * 1024 * 1024;
/** KiB of pages that the writing connection keeps in memory. */
const PAGE_CACHE_KIB_MAX = 32 * 1024;
/** The only level of `PRAGMA synchronous` at which a commit in WAL survives a power cut: FULL. */
const SYNCHRONOUS_FULL = 2;

/**
 * Sets the connection up that writes. The order matters: nothing is written, not even the journal
 * mode, before the file is known.
 *
 * @throws {DriftlessError} `store_failed` when the file is not Driftless's own, comes from a later
 *   version, or cannot promise durability
 */
export function configure(db: SqlDatabase, inMemory: boolean): void {
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
