/**
 * The SQL port: as much of an embedded SQLite as the store needs, and its errors.
 *
 * `node:sqlite` on Deno and on Bun satisfies it as it is (`sqlite_node.ts`). An adapter for another
 * driver must give its errors SQLite's own message and the code `ERR_SQLITE_ERROR`.
 */
import { DriftlessError } from "../core/errors.ts";

/** A value that the store binds. */
export type SqlInput = null | number | string | Uint8Array;
/** A value that a query returns. */
export type SqlOutput = null | number | bigint | string | Uint8Array;
/** One row of a result, by column name. */
export type SqlRow = Readonly<Record<string, SqlOutput>>;

/** A statement, prepared once and run many times. */
export interface SqlStatement {
  /** Runs it to its end; says how many rows it changed. */
  run(...values: SqlInput[]): { readonly changes: number | bigint };
  /** The first row of its result; `undefined` when there is none. */
  get(...values: SqlInput[]): SqlRow | undefined;
  /** Every row of its result. */
  all(...values: SqlInput[]): readonly SqlRow[];
}

/** One connection. */
export interface SqlDatabase {
  /** False as well when SQLite itself rolled a failed transaction back. */
  readonly isTransaction: boolean;
  /** Runs one or more statements that take and give nothing. */
  exec(sql: string): void;
  /** Compiles one statement, whose parameters are `?`. */
  prepare(sql: string): SqlStatement;
  /**
   * Runs the work as one transaction, which an error undoes: for a driver without BEGIN. Such a
   * connection is the only one to its database, and knows no pragma.
   */
  readonly transact?: <T>(work: () => T) => T;
  /** Closes the connection; its statements are of no use afterwards. */
  close(): void;
}

/** A connection whose errors are sentences, and which remembers the first of them. */
export interface CheckedDatabase extends SqlDatabase {
  /** The first error since this was last set to undefined. */
  failure: unknown;
}

/**
 * Opens a connection that throws what {@linkcode sqlFailure} makes of the driver's errors.
 *
 * @throws {DriftlessError} `store_failed`, as every call on the connection
 */
export function openChecked(open: (path: string) => SqlDatabase, path: string): CheckedDatabase {
  let failure: unknown;
  const fail = (error: unknown): never => {
    const reason = sqlFailure(error);
    failure ??= reason;
    throw reason;
  };
  const checked = <T>(call: () => T): T => {
    try {
      return call();
    } catch (error) {
      return fail(error);
    }
  };
  const db = checked(() => open(path));
  const { transact } = db;
  return {
    // What the work throws is not always SQLite's.
    ...(transact === undefined ? {} : { transact: (work) => translated(() => transact(work)) }),
    get failure() {
      return failure;
    },
    set failure(value) {
      failure = value;
    },
    get isTransaction() {
      return db.isTransaction;
    },
    exec: (sql) => checked(() => db.exec(sql)),
    prepare: (sql) => checkedStatement(checked(() => db.prepare(sql)), fail),
    close: () => checked(() => db.close()),
  };
}

/** Runs the first work on a connection, which is closed again when that fails. */
export function closingOnFailure<T>(db: SqlDatabase, work: () => T): T {
  try {
    return work();
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * What SQLite's error means to the caller: `store_failed`, with the reason in a sentence. Anything
 * that is not SQLite's (a refused permission, a bug) comes back as it is.
 */
export function sqlFailure(error: unknown): unknown {
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== "ERR_SQLITE_ERROR") {
    return error;
  }
  const known = REASONS.find(([pattern]) => pattern.test(error.message));
  const reason = known === undefined ? `SQLite says "${error.message}"` : known[1];
  return new DriftlessError("store_failed", `Cannot use the store: ${reason}`, { cause: error });
}

function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw sqlFailure(error);
  }
}

/** By message: Deno's errors carry no result code. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/database or disk is full/, "the disk is full"],
  [/readonly database/, "the file, or its folder, is read-only"],
  [/not a database/, "the file is not a SQLite database"],
  [/is locked|database is busy/, "another process keeps the file locked"],
  [/unable to open database file/, "the file cannot be opened or created"],
  [/malformed/, "the file is damaged"],
  [/disk I\/O error/, "the disk reports an error"],
  [/out of memory/, "there is not enough memory"],
];

/** Written out call by call: this is on the path of every row that is read or written. */
function checkedStatement(
  statement: SqlStatement,
  fail: (error: unknown) => never,
): SqlStatement {
  return {
    run(...values) {
      try {
        return statement.run(...values);
      } catch (error) {
        return fail(error);
      }
    },
    get(...values) {
      try {
        return statement.get(...values);
      } catch (error) {
        return fail(error);
      }
    },
    all(...values) {
      try {
        return statement.all(...values);
      } catch (error) {
        return fail(error);
      }
    },
  };
}
