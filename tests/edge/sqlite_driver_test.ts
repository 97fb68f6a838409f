/**
 * The choice of a SQLite driver. `jsr:@db/sqlite` itself cannot be loaded where JSR is not reached: a
 * stand-in with the interface and the habits of its documentation takes its place, on real SQLite. It
 * proves the adapter, not the driver.
 */
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { DriftlessError } from "../../core/errors.ts";
import type { SqlInput, SqlRow } from "../../edge/sql.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import {
  type DbSqliteModule,
  dbSqliteOpener,
  type DbStatement,
  loadSqliteDriver,
} from "../../edge/sqlite_driver.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { storeCases } from "../conformance/store_suite.ts";
import { treeCases } from "../conformance/store_tree_suite.ts";
import { inFolder } from "./program.ts";

/** Its errors have a name and a number, not the code of Node. */
class SqliteError extends Error {
  override readonly name = "SqliteError";
  readonly code = 1;
}

/** A row comes with bigints, as its option `int64` has them; a run gives a number. */
class StandInStatement implements DbStatement {
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    statement.setReadBigInts(true);
  }

  run(...values: SqlInput[]): number {
    return failing(() => Number(this.#statement.run(...this.#bound(values)).changes));
  }

  get(...values: SqlInput[]): SqlRow | undefined {
    return failing(() => this.#statement.get(...this.#bound(values)) as SqlRow | undefined);
  }

  all(...values: SqlInput[]): SqlRow[] {
    return failing(() => this.#statement.all(...this.#bound(values)) as SqlRow[]);
  }

  #bound(values: SqlInput[]): SQLInputValue[] {
    return values;
  }
}

const standIn: DbSqliteModule = {
  Database: class {
    readonly #db: DatabaseSync;

    constructor(path: string, options: { readonly int64: boolean }) {
      assertEquals(options, { int64: true });
      this.#db = failing(() => new DatabaseSync(path));
    }

    get inTransaction(): boolean {
      return this.#db.isTransaction;
    }

    exec(sql: string): number {
      failing(() => this.#db.exec(sql));
      return 0;
    }

    prepare(sql: string): DbStatement {
      return failing(() => new StandInStatement(this.#db.prepare(sql)));
    }

    close(): void {
      this.#db.close();
    }
  },
};

function failing<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new SqliteError(error instanceof Error ? error.message : String(error));
  }
}

const open = dbSqliteOpener(standIn);

for (const { name, run } of [...storeCases, ...treeCases]) {
  Deno.test(`SqliteStore through the adapter, on a stand-in: ${name}`, () =>
    run(() => openSqliteStore(":memory:", { open })));
}

Deno.test("the driver node is the built-in one, and db is the module that was loaded", () =>
  inFolder({}, async (folder) => {
    assertEquals(await loadSqliteDriver("node"), openSqlite);
    const opened = await loadSqliteDriver("db", () => Promise.resolve(standIn));
    const store = openSqliteStore(join(folder, "a.db"), { open: opened });
    store.close();
    openSqliteStore(join(folder, "a.db")).close();
  }));

Deno.test("a driver that cannot be loaded says so, and what to do", async () => {
  const load = () =>
    Promise.reject(new TypeError("JSR package manifest for '@db/sqlite' failed to load\n  at x"));
  const error = await assertRejects(() => loadSqliteDriver("db", load), Error);
  assertEquals(
    error.message,
    `Cannot load the SQLite driver "db": JSR package manifest for '@db/sqlite' failed to load. It ` +
      "is jsr:@db/sqlite@^0.13.0, which needs Deno, --allow-ffi and a network that reaches JSR " +
      "(once: deno cache jsr:@db/sqlite@^0.13.0); without --sqlite-driver the built-in driver " +
      "does the same",
  );
});

Deno.test("numbers are numbers where they are exact, and its errors carry the code of the port", () =>
  inFolder({ "text.db": "no database ".repeat(100) }, (folder) => {
    const db = open(":memory:");
    const row = db.prepare("SELECT 1795000000000 AS time, 9007199254740993 AS big, 'x' AS text")
      .get();
    assertEquals(row, { time: 1_795_000_000_000, big: 9_007_199_254_740_993n, text: "x" });
    assertEquals(db.prepare("SELECT 1 WHERE 0").get(), undefined);
    const error = assertThrows(() => db.exec("SELECT nonsense"), Error);
    assertEquals((error as { code?: unknown }).code, "ERR_SQLITE_ERROR");
    assertInstanceOf(error.cause, SqliteError);
    db.close();
    const refused = assertThrows(
      () => openSqliteStore(join(folder, "text.db"), { open }),
      DriftlessError,
      "not a SQLite database",
    );
    assertEquals(refused.code, "store_failed");
    return Promise.resolve();
  }));
