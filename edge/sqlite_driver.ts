/**
 * The SQLite drivers that a user can choose from, behind the one SQL port.
 *
 * `node`: `node:sqlite`, which Deno and Bun have inside. `db`: `jsr:@db/sqlite`, which talks to a
 * SQLite library of one's own over FFI; it is loaded only when it is chosen, because it is found on
 * JSR alone.
 */
import type { SqlDatabase, SqlInput, SqlRow, SqlStatement } from "./sql.ts";
import { openSqlite } from "./sqlite_node.ts";

/** The names of the drivers. */
export const SQLITE_DRIVERS = ["node", "db"] as const;
/** One of them. */
export type SqliteDriver = typeof SQLITE_DRIVERS[number];

/** Opens, or creates, a database file. */
export type OpenSqlite = (path: string) => SqlDatabase;

/** As much of the module `@db/sqlite` as is used. */
export interface DbSqliteModule {
  readonly Database: new (path: string, options: { readonly int64: boolean }) => DbDatabase;
}

/** A connection of `@db/sqlite`. */
export interface DbDatabase {
  readonly inTransaction: boolean;
  exec(sql: string): unknown;
  prepare(sql: string): DbStatement;
  close(): void;
}

/** A statement of `@db/sqlite`. */
export interface DbStatement {
  run(...values: SqlInput[]): number;
  get(...values: SqlInput[]): SqlRow | undefined;
  all(...values: SqlInput[]): SqlRow[];
}

/** In two parts: a bundler would try to follow one that it can read. */
const DB_MODULE: string = ["jsr", "@db/sqlite@^0.13.0"].join(":");

/**
 * Loads a driver.
 *
 * @throws {Error} when it cannot be loaded, with what to do about it
 */
export async function loadSqliteDriver(
  driver: SqliteDriver,
  load: () => Promise<DbSqliteModule> = () => import(DB_MODULE),
): Promise<OpenSqlite> {
  if (driver === "node") return openSqlite;
  try {
    return dbSqliteOpener(await load());
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
    throw new Error(
      `Cannot load the SQLite driver "db": ${reason}. It is ${DB_MODULE}, which needs Deno, ` +
        `--allow-ffi and a network that reaches JSR (once: deno cache ${DB_MODULE}); ` +
        `without --sqlite-driver the built-in driver does the same`,
      { cause },
    );
  }
}

/** Makes `@db/sqlite` speak as the SQL port does. */
export function dbSqliteOpener({ Database }: DbSqliteModule): OpenSqlite {
  return (path) => {
    // Times in milliseconds do not fit into the 32 bits that it reads otherwise.
    const db = translated(() => new Database(path, { int64: true }));
    return {
      get isTransaction() {
        return db.inTransaction;
      },
      exec: (sql) => void translated(() => db.exec(sql)),
      prepare: (sql) => dbStatement(translated(() => db.prepare(sql))),
      close: () => translated(() => db.close()),
    };
  };
}

function dbStatement(statement: DbStatement): SqlStatement {
  return {
    run: (...values) => ({ changes: translated(() => statement.run(...values)) }),
    get(...values) {
      const row = translated(() => statement.get(...values));
      return row === undefined ? undefined : withNumbers(row);
    },
    all: (...values) => translated(() => statement.all(...values)).map(withNumbers),
  };
}

/** Integers as numbers where those are exact, as the built-in driver gives them. */
function withNumbers(row: SqlRow): SqlRow {
  const numbers: Record<string, SqlRow[string]> = {};
  for (const [name, value] of Object.entries(row)) {
    const isExact = typeof value === "bigint" && Number.isSafeInteger(Number(value));
    numbers[name] = isExact ? Number(value) : value;
  }
  return numbers;
}

/** Its errors under the code that the port promises; everything else is passed on. */
function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "SqliteError") throw error;
    throw Object.assign(new Error(error.message, { cause: error }), { code: "ERR_SQLITE_ERROR" });
  }
}
