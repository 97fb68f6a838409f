/** The store of a Durable Object: the same tables and statements as those of a SQLite file. */
import { DriftlessError } from "../../core/errors.ts";
import type { Kernel } from "../../core/ports.ts";
import type { Store } from "../../core/store.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { openChecked, type SqlDatabase } from "../sql.ts";
import { SqliteFile } from "../sqlite_file.ts";
import type { IslandStates } from "../sqlite_islands.ts";
import { MIGRATIONS } from "../sqlite_migrations.ts";
import { ObjectSnapshots } from "./object_snapshots.ts";
import { objectDatabase } from "./object_sql.ts";
import type { ObjectStorage } from "./object_types.ts";

/** A store in an object's storage. */
export interface ObjectStore extends Store {
  /** The state of islands, which outlives the object's memory. */
  readonly islands: IslandStates;
  /**
   * The scope that the object is for: the first one that it was named for, kept from then on.
   *
   * @throws {TypeError} when it was never named for any
   */
  owner(named: string | undefined): string;
}

/** What may differ from the defaults. */
export interface ObjectStoreOptions {
  /** The arithmetic of the trees. @default {the kernel's twin in TypeScript} */
  readonly kernel?: Kernel | null;
  /** What a snapshot that is being read keeps of rows that change. @default {KEPT_BYTES_MAX} */
  readonly keptBytesMax?: number;
}

/**
 * Opens the store in the storage of a Durable Object that is backed by SQLite.
 *
 * What it says is written is durable as far as anybody outside can tell: until the write is on disk,
 * the platform holds back every response and every message of the object, and drops them when it fails.
 *
 * @throws {DriftlessError} `store_failed` when the storage cannot be used, or comes from a later version
 */
export function openObjectStore(
  storage: ObjectStorage,
  options: ObjectStoreOptions = {},
): ObjectStore {
  const db = openChecked(() => objectDatabase(storage), "");
  migrateObject(db);
  const kernel = options.kernel === undefined ? kernelSync() : options.kernel;
  const store = new SqliteFile(db, new ObjectSnapshots(db, options.keptBytesMax), kernel, () => {});
  if (store.hasTreesBehind()) store.buildTrees();
  const known = db.prepare("SELECT value FROM meta WHERE name = 'scope'");
  return Object.assign(store, {
    owner(named: string | undefined): string {
      const scope = known.get()?.value ?? named;
      if (typeof scope !== "string") throw new TypeError("Cannot tell the scope of the object");
      db.prepare("INSERT OR IGNORE INTO meta VALUES ('scope', ?)").run(scope);
      return scope;
    },
  });
}

/** Takes the tables to the newest version; a table counts the steps, where a file has a pragma. */
function migrateObject(db: SqlDatabase): void {
  db.exec("CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER PRIMARY KEY) STRICT");
  const taken = Number(db.prepare("SELECT count(*) AS n FROM schema_steps").get()?.n);
  if (taken > MIGRATIONS.length) {
    throw new DriftlessError(
      "store_failed",
      `Cannot use the store: the object has schema version ${taken}, and this program knows ` +
        `versions up to ${MIGRATIONS.length}; use a newer Driftless`,
    );
  }
  for (const [index, step] of MIGRATIONS.slice(taken).entries()) {
    db.transact?.(() => {
      db.exec(step);
      db.prepare("INSERT INTO schema_steps VALUES (?)").run(taken + index + 1);
    });
  }
}
