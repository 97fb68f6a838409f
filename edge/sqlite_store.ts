/**
 * The store on SQLite: one file, one writing connection, durable when a transaction returns.
 *
 * WAL with `synchronous = FULL`: a commit is one fsync of the log. Of the rows nothing is cached
 * between transactions, because another process may write the same file. Within one, which holds the
 * write lock, the ends of the logs are kept in memory and written once, at its end, and so is what
 * the changed rows make of their scopes' trees.
 */
import { DriftlessError } from "../core/errors.ts";
import type { Kernel } from "../core/ports.ts";
import type { Store } from "../core/store.ts";
import { kernelSync } from "../wasm/kernel.ts";
import { closingOnFailure, openChecked, type SqlDatabase } from "./sql.ts";
import { openSqlite } from "./sqlite_node.ts";
import { SqliteFile } from "./sqlite_file.ts";
import type { IslandStates } from "./sqlite_islands.ts";
import { migrate } from "./sqlite_migrations.ts";
import { configure } from "./sqlite_settings.ts";
import { SqliteSnapshots } from "./sqlite_snapshots.ts";

/** A store on a SQLite file. */
export interface SqliteStore extends Store {
  /** Another number than before when somebody else has written the file meanwhile. */
  dataVersion(): number;
  /** The state of islands, which outlives the process. */
  readonly islands: IslandStates;
}

/** What may differ from the defaults. */
export interface SqliteStoreOptions {
  /** Opens a connection; the built-in driver unless given. */
  readonly open?: (path: string) => SqlDatabase;
  /** How long to wait for another process's transaction, in milliseconds. */
  readonly busyTimeoutMs?: number;
  /** The arithmetic of the trees; with `null` there are none, and the next opening builds them. */
  readonly kernel?: Kernel | null;
  /**
   * Told while the tree of a scope is built, as of a file from before the trees: how many of its rows
   * are read.
   */
  readonly building?: (scope: string, rows: number) => void;
}

/** How long to wait for another process's transaction unless told otherwise, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;
/** How long to wait for a process that may be building trees, in milliseconds. */
const BUILDING_TIMEOUT_MS = 10 * 60 * 1_000;

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
  const wait = options.busyTimeoutMs ?? BUSY_TIMEOUT_MS;
  const connect = () => {
    const db = openChecked(options.open ?? openSqlite, path);
    closingOnFailure(db, () => db.exec(`PRAGMA busy_timeout = ${wait}`));
    return db;
  };
  const inMemory = path === ":memory:";
  try {
    const db = connect();
    return closingOnFailure(db, () => {
      configure(db, inMemory);
      migrate(db);
      const store = new SqliteFile(
        db,
        inMemory ? undefined : new SqliteSnapshots(connect),
        options.kernel === undefined ? kernelSync() : options.kernel,
        options.building ?? (() => {}),
      );
      if (store.hasTreesBehind()) {
        // Another process may be building them now.
        db.exec(`PRAGMA busy_timeout = ${BUILDING_TIMEOUT_MS}`);
        store.buildTrees();
        db.exec(`PRAGMA busy_timeout = ${wait}`);
      }
      return store;
    });
  } catch (error) {
    if (!(error instanceof DriftlessError)) throw error;
    throw new DriftlessError(error.code, `${error.message} ("${path}")`, { cause: error });
  }
}
