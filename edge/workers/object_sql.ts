/**
 * The SQL port on the storage of a Durable Object.
 *
 * An object is the only one to open its database, so there is no connection to make, nothing to lock
 * and no pragma. Transactions go through `transactionSync`. A commit returns before it is on disk, but
 * nothing leaves the object until it is: no response and no message (Cloudflare's output gate).
 */
import type { SqlDatabase, SqlOutput, SqlRow } from "../sql.ts";
import type { ObjectSqlValue, ObjectStorage } from "./object_types.ts";

/** How errors of SQLite end here: `no such table: x: SQLITE_ERROR`. */
const SQLITE_ERROR = /:\s*SQLITE_[A-Z_]+\s*(?:\(.*\))?$/;

/** An object's storage as the one connection to its database. */
export function objectDatabase(storage: ObjectStorage): SqlDatabase {
  const { sql } = storage;
  let isTransaction = false;
  return {
    get isTransaction() {
      return isTransaction;
    },
    transact(work) {
      isTransaction = true;
      try {
        return storage.transactionSync(work);
      } catch (error) {
        throw translated(error);
      } finally {
        isTransaction = false;
      }
    },
    exec: (text) => void rowsOf(() => sql.exec(text).toArray()),
    // The runtime keeps statements prepared by their text.
    prepare: (text) => ({
      run(...values) {
        rowsOf(() => sql.exec(text, ...values).toArray());
        return CHANGES_UNKNOWN;
      },
      get: (...values) => {
        const [row] = rowsOf(() => sql.exec(text, ...values).toArray());
        return row === undefined ? undefined : withBytes(row);
      },
      all: (...values) => rowsOf(() => sql.exec(text, ...values).toArray()).map(withBytes),
    }),
    close() {},
  };
}

/** The runtime counts rows of indices as well; nobody asks. */
const CHANGES_UNKNOWN = Object.freeze({ changes: 0 });

function rowsOf<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translated(error);
  }
}

/** Blobs come as buffers. */
function withBytes(row: Record<string, ObjectSqlValue>): SqlRow {
  for (const [name, value] of Object.entries(row)) {
    if (value instanceof ArrayBuffer) row[name] = new Uint8Array(value);
  }
  return row as Record<string, SqlOutput>;
}

/** SQLite's errors under the code that the port promises; everything else is passed on. */
function translated(error: unknown): unknown {
  if (!(error instanceof Error) || !SQLITE_ERROR.test(error.message)) return error;
  const failure = new Error(error.message, { cause: error });
  return Object.assign(failure, { code: "ERR_SQLITE_ERROR" });
}
