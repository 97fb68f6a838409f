/**
 * Snapshots of a SQLite file: each on a read connection of its own, in one long read transaction.
 *
 * WAL gives such a reader its view of the past while writes go on. The log cannot be reset beyond
 * the oldest open view, so who opens a snapshot bounds how long it stays open.
 */
import { invariant } from "../core/assert.ts";
import type { SnapshotReader } from "../core/store.ts";
import { closingOnFailure, type SqlDatabase } from "./sql.ts";
import type { Snapshots } from "./sqlite_file.ts";
import { headOf, prepareReads, readPage, type Reads } from "./sqlite_statements.ts";

/** Read connections that are kept for the next snapshots. */
const IDLE_CONNECTIONS_MAX = 4;

interface Connection {
  readonly db: SqlDatabase;
  readonly reads: Reads;
}

/** The open snapshots of one file, and the connections for the next ones. */
export class SqliteSnapshots implements Snapshots {
  readonly #connect: () => SqlDatabase;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<SnapshotReader>();

  /** @param connect opens one more connection to the file */
  constructor(connect: () => SqlDatabase) {
    this.#connect = connect;
  }

  open(scope: string): SnapshotReader {
    const connection = this.#idle.pop() ?? connectionOn(this.#connect());
    const { db, reads } = connection;
    const head = closingOnFailure(db, () => {
      db.exec("BEGIN");
      // The first read, not BEGIN, is what fixes the view.
      const row = reads.head.get(scope);
      return row && headOf(row, scope);
    });
    let last = { entity: "", id: "" };
    let closed = false;
    const reader: SnapshotReader = {
      cursor: head?.cursor ?? 0,
      next(limit) {
        invariant(!closed, "a snapshot is not read after its close");
        const page = head === undefined ? [] : readPage(reads, head.scope, last, limit);
        last = page.at(-1) ?? last;
        return page;
      },
      close: () => {
        if (closed) return;
        closed = true;
        this.#open.delete(reader);
        this.#release(connection);
      },
    };
    this.#open.add(reader);
    return reader;
  }

  close(): void {
    for (const reader of this.#open) reader.close();
    for (const { db } of this.#idle.splice(0)) db.close();
  }

  #release(connection: Connection): void {
    const { db } = connection;
    closingOnFailure(db, () => {
      if (db.isTransaction) db.exec("ROLLBACK");
    });
    if (this.#idle.length < IDLE_CONNECTIONS_MAX) this.#idle.push(connection);
    else db.close();
  }
}

function connectionOn(db: SqlDatabase): Connection {
  return closingOnFailure(db, () => {
    db.exec("PRAGMA query_only = ON");
    return { db, reads: prepareReads(db) };
  });
}
