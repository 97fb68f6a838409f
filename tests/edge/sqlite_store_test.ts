/** The SQLite store keeps the promises of the port, on Deno and Bun, whatever its file does. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DriftlessError } from "../../core/errors.ts";
import type { SqlDatabase, SqlInput, SqlStatement } from "../../edge/sql.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { APPLICATION_ID, migrate, MIGRATIONS } from "../../edge/sqlite_migrations.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { modelCase, treeModelCase } from "../conformance/store_model.ts";
import {
  change,
  client,
  contentsOf,
  outcome,
  row,
  type StoreCase,
  storeCases,
} from "../conformance/store_suite.ts";
import { treeCases } from "../conformance/store_tree_suite.ts";
import { assertTreesRight } from "./tree_oracle.ts";

const CASES = [...storeCases, modelCase, ...treeCases, treeModelCase];
const NAMES = { entities: ["todo"], ids: ["a", "b"], clients: ["c"], mutations: ["m"] };

for (const { name, run } of CASES) {
  Deno.test(`SqliteStore in memory: ${name}`, () => run(() => openSqliteStore(":memory:")));
  Deno.test(`SqliteStore in a file: ${name}`, () => inFiles(run));
}

Deno.test("SqliteStore keeps every promise on Bun", async (t) => {
  const program = new URL("sqlite_store_bun.ts", import.meta.url).pathname;
  const bun = new Deno.Command("npx", {
    args: ["-y", "bun@1.4.5", program],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await bun.output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  const problems = new TextDecoder().decode(stderr);
  assertEquals(code, 0, problems);
  const results = lines.map((line) => JSON.parse(line) as { name: string; error: string | null });
  for (const { name, error } of results) {
    await t.step(name, () => assertEquals(error, null, error ?? ""));
  }
  const names = results.map(({ name }) => name);
  for (const { name } of CASES) {
    assert(names.includes(`in memory: ${name}`) && names.includes(`in a file: ${name}`), name);
  }
});

Deno.test("SqliteStore keeps its epoch and its contents when it is opened again", () =>
  inFolder((path) => {
    const first = openSqliteStore(path);
    assertMatch(first.epoch, /^[0-9a-f]{32}$/);
    first.transaction(() => {
      first.append("s", change(1));
      first.putRow("s", row("a"));
      first.putClient("s", client("c"));
      first.putOutcome("s", outcome("m"));
    });
    const contents = contentsOf(first, "s", NAMES);
    first.close();
    const second = openSqliteStore(path);
    assertEquals(second.epoch, first.epoch);
    assertEquals(contentsOf(second, "s", NAMES), contents);
    second.close();
  }));

Deno.test("SqliteStore leaves one file behind when it is closed", () =>
  inFolder((path, folder) => {
    const store = openSqliteStore(path);
    store.transaction(() => store.append("s", change(1)));
    store.snapshot("s");
    store.snapshot("s").close();
    assert(filesIn(folder).length > 1, "the log and its index exist while it is open");
    store.close();
    assertEquals(filesIn(folder), ["store.db"]);
  }));

Deno.test("SqliteStore cannot be opened when SQLite does not take synchronous = FULL", () =>
  inFolder((path) => {
    const open = driver((sql) => sql.replace("synchronous = FULL", "synchronous = NORMAL"));
    assertFails(() => openSqliteStore(path, { open }), /synchronous = FULL \(it reads 1\)/);
  }));

Deno.test("SqliteStore cannot be opened when there is no write-ahead log", () =>
  inFolder((path) => {
    const open = driver((sql) => sql.replace("= WAL", "= DELETE"));
    assertFails(() => openSqliteStore(path, { open }), /no write-ahead log/);
  }));

Deno.test("SqliteStore refuses a path that is no place for a database", () =>
  inFolder((path, folder) => {
    assertThrows(() => openSqliteStore(""), TypeError, "the path is empty");
    assertFails(() => openSqliteStore(folder), /cannot be opened or created/);
    assertFails(() => openSqliteStore(join(folder, "none", "x.db")), /cannot be opened.*none/);
    for (const text of ["hello", "hello ".repeat(1_000)]) {
      Deno.writeTextFileSync(path, text);
      assertFails(() => openSqliteStore(path), /not a SQLite database/);
      assertEquals(Deno.readTextFileSync(path), text);
    }
  }));

Deno.test("SqliteStore refuses another program's database and writes nothing into it", () =>
  inFolder((path) => {
    const foreign = [
      "CREATE TABLE t (x)",
      "PRAGMA application_id = 7",
      "PRAGMA user_version = 1",
      "CREATE TABLE t (x); PRAGMA journal_mode = WAL; INSERT INTO t VALUES (1)",
    ];
    for (const sql of foreign) {
      const db = new DatabaseSync(path);
      db.exec(sql);
      db.close();
      const bytes = Deno.readFileSync(path);
      assertFails(() => openSqliteStore(path), /another program/);
      assertEquals(Deno.readFileSync(path), bytes, sql);
      Deno.removeSync(path);
    }
  }));

Deno.test("SqliteStore refuses a database from a later version", () =>
  inFolder((path) => {
    openSqliteStore(path).close();
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    const wanted = `schema version ${MIGRATIONS.length + 1}, .* up to ${MIGRATIONS.length}`;
    assertFails(() => openSqliteStore(path), new RegExp(wanted));
  }));

Deno.test("SqliteStore reports a file that may only be read", () =>
  inFolder((path) => {
    const open = (file: string) => new DatabaseSync(file, { readOnly: true });
    openSqliteStore(path).close();
    const store = openSqliteStore(path, { open });
    assertFails(() => store.transaction(() => store.append("s", change(1))), /read-only/);
    assertEquals(store.head("s").cursor, 0);
    store.close();
  }));

Deno.test("SqliteStore reports a damaged file", () =>
  inFolder((path) => {
    const store = openSqliteStore(path);
    store.transaction(() => {
      for (let i = 1; i <= 500; i++) store.append("s", change(i, { json: "x".repeat(100) }));
    });
    store.close();
    const bytes = Deno.readFileSync(path);
    // All pages but the first, which says that this is a database.
    Deno.writeFileSync(path, bytes.fill(0x55, 4096));
    assertFails(() => {
      const damaged = openSqliteStore(path);
      try {
        damaged.changes("s", 0, 500);
      } finally {
        damaged.close();
      }
    }, /damaged/);
  }));

Deno.test("SqliteStore reports a lock that another connection keeps, and works after it", () =>
  inFolder((path) => {
    const [a, b] = [openSqliteStore(path), openSqliteStore(path, { busyTimeoutMs: 20 })];
    a.transaction(() => {
      a.append("s", change(1));
      const write = () => b.transaction(() => b.append("s", change(1)));
      assertFails(write, /another process keeps the file locked/);
      assertEquals(b.head("s").cursor, 0, "reading goes on");
    });
    b.transaction(() => b.append("s", change(2)));
    assertEquals(a.head("s").cursor, 2);
    a.close();
    b.close();
  }));

Deno.test("SqliteStore sees what another connection commits, and dataVersion() tells", () =>
  inFolder((path) => {
    const [a, b] = [openSqliteStore(path), openSqliteStore(path)];
    const before = a.dataVersion();
    a.transaction(() => a.append("s", change(1)));
    a.snapshot("s").close();
    assertEquals(a.dataVersion(), before, "its own commits do not count");
    b.transaction(() => {
      b.append("s", change(2));
      b.append("new", change(1));
      b.putRow("s", row("a"));
      b.putClient("s", client("c"));
    });
    assertNotEquals(a.dataVersion(), before);
    assertEquals(a.scopes(), ["new", "s"]);
    assertEquals(contentsOf(a, "s", NAMES), contentsOf(b, "s", NAMES));
    a.transaction(() => a.append("new", change(2)));
    assertEquals(b.head("new").cursor, 2);
    a.close();
    b.close();
  }));

Deno.test("SqliteStore is created once when processes open its file together", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless-sqlite-" });
  try {
    const [processes, files] = [4, 12];
    const program = new URL("sqlite_open_child.ts", import.meta.url).pathname;
    // Late enough for all of them to have started.
    const start = `${Date.now() + 600}`;
    const args = ["run", "--no-check", "--allow-read", "--allow-write", program, folder, start];
    const outputs = await Promise.all(Array.from({ length: processes }, () => {
      return new Deno.Command(Deno.execPath(), { args: [...args, `${files}`] }).output();
    }));
    const lists = outputs.map(({ code, stdout, stderr }) => {
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      return JSON.parse(new TextDecoder().decode(stdout)) as string[];
    });
    for (const list of lists) assertEquals(list, lists[0]);
    for (let i = 0; i < files; i++) {
      const store = openSqliteStore(join(folder, `${i}.db`));
      assertEquals([store.epoch, store.head("s").cursor], [lists[0]?.[i], processes]);
      store.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const kind of ["once", "from then on", "with SQLite's own rollback"] as const) {
  Deno.test(`SqliteStore keeps nothing of a transaction when a call fails ${kind}`, () =>
    inFolder((path) => {
      const faults: Faults = { kind, countdown: Infinity, failed: 0 };
      const store = openSqliteStore(path, { open: failing(faults) });
      store.transaction(() => writeTwo(store, 0));
      const before = contentsOf(store, "s", NAMES);
      // Fails the first call, then the second, … until the transaction gets through.
      let committed = false;
      for (let nth = 1; !committed; nth++) {
        faults.countdown = nth;
        try {
          store.transaction(() => writeTwo(store, 2));
          committed = true;
        } catch (error) {
          assertEquals((error as DriftlessError).code, "store_failed");
        }
        faults.countdown = Infinity;
        if (!committed) assertEquals(contentsOf(store, "s", NAMES), before, `call ${nth}`);
        assertTreesRight(store);
      }
      assert(faults.failed > 10, `only ${faults.failed} calls failed`);
      assertEquals(store.head("s"), { cursor: 4, floor: 1, time: 4 });
      store.close();
    }));
}

Deno.test("SqliteStore does not commit when the work hides a failure", () => {
  for (const kind of ["once", "with SQLite's own rollback"] as const) {
    inFolder((path) => {
      const faults: Faults = { kind, countdown: Infinity, failed: 0 };
      const store = openSqliteStore(path, { open: failing(faults) });
      store.transaction(() => writeTwo(store, 0));
      const before = contentsOf(store, "s", NAMES);
      assertFails(() =>
        store.transaction(() => {
          store.append("s", change(3));
          faults.countdown = 1;
          assertFails(
            () => store.putRow("s", row("a", { json: "3" })),
            /the disk reports an error/,
          );
          assertFails(
            () => store.putRow("s", row("b", { json: "3" })),
            /the disk reports an error/,
          );
        }), /the disk reports an error/);
      assertEquals(contentsOf(store, "s", NAMES), before);
      store.close();
    });
  }
});

Deno.test("SqliteStore rolls back later when the rollback fails as well", () =>
  inFolder((path) => {
    let broken = false;
    const open = (file: string): SqlDatabase => {
      const db = openSqlite(file);
      const prepare = (sql: string) => {
        const statement = db.prepare(sql);
        return failingStatement(statement, sql, (_, call) => {
          if (!broken || !["COMMIT", "ROLLBACK"].includes(sql)) return call();
          throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR" });
        });
      };
      return {
        get isTransaction() {
          return db.isTransaction;
        },
        exec: (sql) => db.exec(sql),
        prepare,
        close: () => db.close(),
      };
    };
    const store = openSqliteStore(path, { open });
    broken = true;
    const work = () => store.transaction(() => store.append("s", change(1)));
    assertFails(work, /the disk reports an error/);
    assertFails(work, /the disk reports an error/);
    broken = false;
    store.transaction(() => store.append("t", change(1)));
    assertEquals(store.scopes(), ["t"]);
    store.close();
  }));

Deno.test("SqliteStore works on after a failure of any call of a snapshot", () =>
  inFolder((path, folder) => {
    const faults: Faults = { kind: "once", countdown: Infinity, failed: 0 };
    const readOnce = (store: ReturnType<typeof openSqliteStore>) => {
      const reader = store.snapshot("s");
      try {
        assertEquals(reader.next(9), [row("a")]);
      } finally {
        reader.close();
      }
    };
    let succeeded = false;
    for (let nth = 1; !succeeded; nth++) {
      // Its first snapshot opens a connection; the next ones find that one, unless it failed.
      const store = openSqliteStore(path, { open: failing(faults) });
      store.transaction(() => store.putRow("s", row("a")));
      faults.countdown = nth;
      try {
        readOnce(store);
        succeeded = true;
      } catch (error) {
        assertEquals((error as DriftlessError).code, "store_failed");
      }
      faults.countdown = Infinity;
      readOnce(store);
      store.close();
      assertEquals(filesIn(folder), ["store.db"], "no connection is left open");
    }
    assert(faults.failed > 10, `only ${faults.failed} calls failed`);
  }));

Deno.test("migrate() takes each step once, in one transaction", () => {
  const db = openSqlite(":memory:");
  const steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "CREATE TABLE c (x); nonsense"];
  const tables = () =>
    db.prepare("SELECT name FROM sqlite_schema ORDER BY name").all().map(({ name }) => name);
  const version = () => db.prepare("PRAGMA user_version").get()?.user_version;
  migrate(db, steps.slice(0, 1));
  assertEquals([tables(), version()], [["a"], 1]);
  migrate(db, steps.slice(0, 2));
  migrate(db, steps.slice(0, 2));
  assertEquals([tables(), version()], [["a", "b"], 2]);
  assertThrows(() => migrate(db, steps), Error, "nonsense");
  assertEquals([tables(), version(), db.isTransaction], [["a", "b"], 2, false]);
  migrate(db, [...steps.slice(0, 2), "CREATE TABLE c (x)"]);
  assertEquals([tables(), version()], [["a", "b", "c"], 3]);
  assertEquals(db.prepare("PRAGMA application_id").get()?.application_id, APPLICATION_ID);
  db.close();
});

/** What the driver does wrong. */
interface Faults {
  readonly kind: "once" | "from then on" | "with SQLite's own rollback";
  /** The call that fails first, counted from 1. */
  countdown: number;
  failed: number;
}

/** Two of everything, so that half of it would show. */
function writeTwo(store: ReturnType<typeof openSqliteStore>, after: number): void {
  store.row("s", "todo", "a");
  for (const cursor of [after + 1, after + 2]) {
    store.append("s", change(cursor));
    store.putRow("s", row(cursor % 2 === 0 ? "a" : "b", { cursor }));
    store.putClient("s", client("c", { lastSeq: cursor }));
    store.putOutcome("s", outcome("m", { cursor }));
  }
  store.trim("s", { changes: 3, before: 0, outcomes: 0 });
}

/** The built-in driver with another text for some of its statements. */
function driver(text: (sql: string) => string): (path: string) => SqlDatabase {
  return (path) => {
    const db = openSqlite(path);
    return {
      get isTransaction() {
        return db.isTransaction;
      },
      exec: (sql) => db.exec(text(sql)),
      prepare: (sql) => db.prepare(text(sql)),
      close: () => db.close(),
    };
  };
}

/** A driver whose calls fail when `faults` says so, as SQLite does on a broken disk. */
function failing(faults: Faults): (path: string) => SqlDatabase {
  return (path) => {
    const strike = <T>(sql: string, call: () => T): T => {
      const left = --faults.countdown;
      const fails = left === 0 || left < 0 && faults.kind === "from then on";
      // A rollback may report an error, but it always ends the transaction.
      if (!fails || sql === "ROLLBACK") {
        const result = call();
        if (!fails) return result;
      }
      faults.failed++;
      if (faults.kind === "with SQLite's own rollback" && db.isTransaction) db.exec("ROLLBACK");
      throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR" });
    };
    const db: SqlDatabase = strike("open", () => openSqlite(path));
    return {
      get isTransaction() {
        return db.isTransaction;
      },
      exec: (sql) => strike(sql, () => db.exec(sql)),
      prepare: (sql) => strike(sql, () => failingStatement(db.prepare(sql), sql, strike)),
      close: () => db.close(),
    };
  };
}

function failingStatement(
  statement: SqlStatement,
  sql: string,
  strike: <T>(sql: string, call: () => T) => T,
): SqlStatement {
  return {
    run: (...values: SqlInput[]) => strike(sql, () => statement.run(...values)),
    get: (...values: SqlInput[]) => strike(sql, () => statement.get(...values)),
    all: (...values: SqlInput[]) => strike(sql, () => statement.all(...values)),
  };
}

function assertFails(work: () => unknown, sentence: RegExp): void {
  const error = assertThrows(work, DriftlessError);
  assertEquals(error.code, "store_failed");
  assertMatch(error.message, sentence);
}

/** Runs a case on files of its own; then no connection may be left open. */
function inFiles(run: StoreCase["run"]): void {
  inFolder((_, folder) => {
    let opened = 0;
    run(() => openSqliteStore(join(folder, `${++opened}.db`)));
    assertEquals(filesIn(folder).filter((name) => !name.endsWith(".db")), []);
  });
}

function inFolder(work: (path: string, folder: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "driftless-sqlite-" });
  try {
    work(join(folder, "store.db"), folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function filesIn(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}
