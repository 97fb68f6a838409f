/** Trees in a SQLite file: right after every commit, rollback, upgrade and other process's write. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DriftlessError } from "../../core/errors.ts";
import type { Store } from "../../core/store.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { migrate, MIGRATIONS } from "../../edge/sqlite_migrations.ts";
import { NodeCache, SCOPE_NUMBER_MAX, SqliteNodes } from "../../edge/sqlite_nodes.ts";
import { prepareReads, prepareWrites } from "../../edge/sqlite_statements.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { PENDING_CHANGES_MAX } from "../../edge/sqlite_trees.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { change, row } from "../conformance/store_suite.ts";
import { assertTreesRight } from "./tree_oracle.ts";

Deno.test("trees in a file follow every commit and no rollback [S10]", () =>
  inFolder((path) => {
    let store = openSqliteStore(path);
    for (let n = 0; n < 120; n++) {
      const roots = store.scopes().map((scope) => store.tree(scope)?.root);
      const isUndone = n % 5 === 3;
      try {
        store.transaction(() => {
          writeSome(store, n % 3 === 0 ? "s" : "t", n);
          if (n % 4 === 0) assertTreesRight(store);
          writeSome(store, "s", n + 1_000);
          if (isUndone) throw new RangeError("undone");
        });
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        assertEquals(store.scopes().map((scope) => store.tree(scope)?.root), roots);
      }
      if (n % 10 === 0) assertTreesRight(store);
      if (n % 30 === 29) {
        store.close();
        store = openSqliteStore(path);
        assertTreesRight(store);
      }
    }
    assert((store.tree("s")?.count ?? 0) > 64, "a tree of some levels");
    store.close();
  }));

Deno.test("a scope that does not exist has the root of no rows, and so has one without rows", () => {
  const store = openSqliteStore(":memory:");
  const none = store.tree("s")?.root;
  store.transaction(() => store.append("s", change(1)));
  assertEquals(store.tree("s")?.root, none);
  assertEquals(store.tree("s")?.count, 0);
  store.close();
});

Deno.test("equal rows have equal roots in another file, whatever their history [S10]", () => {
  const [a, b] = [openSqliteStore(":memory:"), openSqliteStore(":memory:")];
  const ids = Array.from({ length: 300 }, (_, i) => `row ${i}`);
  a.transaction(() => ids.forEach((id, i) => a.putRow("s", row(id, { cursor: i }))));
  for (const id of ids.toReversed()) {
    b.transaction(() => {
      b.putRow("s", row(id, { json: `{"old":1}` }));
      b.putRow("s", row(`${id} gone`));
    });
    b.transaction(() => {
      b.putRow("s", row(id));
      b.putRow("s", row(`${id} gone`, { live: false }));
    });
  }
  assertEquals(a.tree("s")?.root, b.tree("s")?.root);
  a.close();
  b.close();
});

Deno.test("a tree sees what another connection commits, between any two reads", () =>
  inFolder((path) => {
    const [a, b] = [openSqliteStore(path), openSqliteStore(path)];
    for (let n = 0; n < 40; n++) {
      const [writer, reader] = n % 2 === 0 ? [a, b] : [b, a];
      writer.transaction(() => writeSome(writer, "s", n));
      assertEquals(reader.tree("s")?.root, writer.tree("s")?.root);
      assertTreesRight(reader);
    }
    const tree = a.tree("s");
    a.read(() => {
      const before = tree?.root;
      b.transaction(() => writeSome(b, "s", 99));
      assertEquals(tree?.root, before, "reads of one moment");
      assertEquals(a.read(() => a.tree("s")?.root), before, "reading within reading");
      const reader = a.snapshot("s");
      assertEquals(reader.cursor, a.head("s").cursor, "a snapshot is of that moment too");
      reader.close();
      assertThrows(() => a.transaction(() => {}), Error, "inside a read");
    });
    assertTreesRight(a);
    assertEquals(tree?.root, b.tree("s")?.root);
    a.close();
    b.close();
  }));

Deno.test("a read that throws ends, and the store works on", () => {
  const store = openSqliteStore(":memory:");
  assertThrows(() =>
    store.read(() => {
      throw new RangeError("mine");
    }), RangeError);
  store.transaction(() => writeSome(store, "s", 1));
  assertTreesRight(store);
  store.close();
});

Deno.test("a file from before the trees gets the right ones when it is opened [S10]", () =>
  inFolder((path) => {
    olderFile(path, 300);
    const built: string[] = [];
    const store = openSqliteStore(path, {
      building: (scope, rows) => built.push(`${scope} ${rows}`),
    });
    assertEquals(built, ["s 300", "t 1"]);
    assertEquals(store.tree("s")?.count, 300);
    assertTreesRight(store);
    assertEquals(store.written("s", 297, 9).map(({ cursor }) => cursor), [298, 299, 300]);
    store.transaction(() => writeSome(store, "s", 7));
    assertTreesRight(store);
    store.close();
    const again = openSqliteStore(path, {
      building: () => assert(false, "there is nothing to do"),
    });
    assertTreesRight(again);
    again.close();
  }));

Deno.test("the tree of a scope that somebody without trees has written is built by the next write", () =>
  inFolder((path) => {
    const store = openSqliteStore(path);
    const without = openSqliteStore(path, { kernel: null });
    store.transaction(() => {
      writeSome(store, "s", 1);
      writeSome(store, "t", 1);
    });
    assertEquals(without.tree("s"), undefined);
    without.transaction(() => writeSome(without, "s", 2));
    assertEquals(store.tree("s"), undefined, "a tree that is not right is not shown");
    assertEquals(store.read(() => store.tree("s")), undefined);
    assertTreesRight(store, ["t"]);
    store.transaction(() => writeSome(store, "s", 3));
    assertTreesRight(store);
    // A row alone, as an upgrade of the app may write it; in a scope of its own as well.
    without.transaction(() => without.putRow("s", row("alone")));
    without.transaction(() => without.putRow("new", row("alone")));
    assertEquals([store.tree("s"), store.tree("new")], [undefined, undefined]);
    store.transaction(() => {
      assertTreesRight(store, ["s"]);
      store.putRow("new", row("second"));
    });
    assertTreesRight(store);
    without.transaction(() => writeSome(without, "s", 4));
    store.transaction(() => store.putRow("s", row("x")));
    assertTreesRight(store);
    without.transaction(() => writeSome(without, "s", 5));
    store.close();
    const opened = openSqliteStore(path);
    assertTreesRight(opened);
    opened.close();
    without.close();
  }));

Deno.test("a write goes through where nodes below the root are missing, and builds the tree anew", () => {
  const damages = [
    "DELETE FROM nodes WHERE node % 67108864 BETWEEN 1 AND 9",
    "DELETE FROM nodes WHERE node % 67108864 > 0",
  ];
  for (const sql of damages) {
    inFolder((path) => {
      const store = openSqliteStore(path);
      store.transaction(() => {
        for (let i = 0; i < 500; i++) store.putRow("s", row(`row ${i}`));
        store.putRow("t", row("other"));
      });
      const db = new DatabaseSync(path);
      db.exec(sql);
      db.close();
      store.transaction(() => {
        for (let i = 0; i < 100; i++) store.putRow("s", row(`row ${i}`, { json: `{"n":1}` }));
        store.putRow("t", row("other", { json: `{"n":2}` }));
      });
      assertTreesRight(store);
      store.close();
    });
  }
});

Deno.test("the plain kernel makes the same trees in a file", () =>
  inFolder((path) => {
    const plain = openSqliteStore(path, { kernel: plainKernel });
    for (let n = 0; n < 20; n++) plain.transaction(() => writeSome(plain, "s", n));
    assertTreesRight(plain);
    plain.close();
  }));

Deno.test("a file has room for the trees of so many scopes, and refuses one more", () =>
  inFolder((path) => {
    openSqliteStore(path).close();
    const db = new DatabaseSync(path);
    db.exec(`INSERT INTO scopes VALUES (${SCOPE_NUMBER_MAX - 2}, 'before', 0, 0, 0, 0)`);
    db.close();
    const store = openSqliteStore(path);
    // The last number but one, and the last.
    for (const scope of ["n-1", "n"]) {
      store.transaction(() => {
        for (let i = 0; i < 200; i++) store.putRow(scope, row(`row ${i}`));
      });
      assertTreesRight(store, [scope]);
    }
    const write = () => store.transaction(() => store.putRow("n+1", row("a")));
    const error = assertThrows(write, DriftlessError, `number ${SCOPE_NUMBER_MAX}`);
    assertEquals(error.code, "store_failed");
    assertEquals(store.scopes(), ["before", "n", "n-1"]);
    store.transaction(() => store.putRow("n", row("works on")));
    assertTreesRight(store);
    store.close();
  }));

Deno.test("a transaction of any size is in the tree whole", () => {
  const store = openSqliteStore(":memory:");
  // The tree takes all of them but the last one before the end.
  const rows = PENDING_CHANGES_MAX + 1;
  store.transaction(() => {
    for (let i = 0; i < rows; i++) store.putRow("s", row(`row ${i}`));
    store.putRow("s", row("row 0", { live: false }));
  });
  assertEquals(store.tree("s")?.count, rows - 1);
  assertTreesRight(store);
  store.close();
});

Deno.test("nodes in memory are bounded by bytes in two halves, and what is used stays", () => {
  const cache = new NodeCache(600);
  const put = (node: number, length = 100) => cache.set(node, new Uint8Array(length).fill(node));
  const kept = () => [1, 2, 3, 4, 5, 6, 7].filter((node) => cache.get(node) !== undefined);
  [1, 2].forEach((node) => put(node));
  // One byte less than half, half, and more: a new half begins with the newest.
  put(3, 99);
  put(3, 100);
  assertEquals(cache.get(3)?.length, 100);
  put(4);
  assertEquals(cache.get(1)?.[0], 1, "used: it moves to the new half");
  put(5);
  put(6);
  assertEquals(kept(), [1, 4, 5, 6], "the old half is gone");
  cache.set(5, null);
  assertEquals(kept(), [1, 4, 6]);
  put(6, 200);
  assertEquals(cache.get(6)?.length, 200, "never an older one of the same node");
  cache.set(6, null);
  assertEquals(cache.get(6), undefined);
  cache.clear();
  assertEquals(kept(), []);
});

Deno.test("nodes are read from the file once, and again after another connection's commit", () =>
  inFolder((path) => {
    openSqliteStore(path).close();
    const [db, other] = [openSqlite(path), openSqlite(path)];
    let read = 0;
    const reads = prepareReads(db);
    const node = { ...reads.node, get: (number: number) => (read++, reads.node.get(number)) };
    const nodes = new SqliteNodes({ ...reads, node } as typeof reads, prepareWrites(db));
    const [one, two] = [nodes.of(1), nodes.of(2)];
    nodes.begin();
    [one, two].forEach((scope, i) => scope.set(7, Uint8Array.of(i)));
    nodes.write();
    nodes.committed();
    assertEquals([one.get(7)?.[0], two.get(7)?.[0], read], [0, 1, 0]);
    other.exec("UPDATE nodes SET bytes = x'05'");
    assertEquals([one.get(7)?.[0], one.get(7)?.[0], read], [5, 5, 1]);
    nodes.begin();
    one.set(7, Uint8Array.of(8));
    two.set(9, Uint8Array.of(9));
    nodes.drop(1);
    assertEquals([one.get(7), two.get(9)?.[0]], [undefined, 9], "of one scope alone");
    nodes.rolledBack();
    assertEquals(two.get(9), undefined);
    db.close();
    other.close();
  }));

/** A few rows, alive or not, with their changes; from about 200 ids. */
function writeSome(store: Store, scope: string, n: number): void {
  let { cursor } = store.head(scope);
  for (let i = 0; i < 1 + n % 7; i++) {
    cursor++;
    const id = `row ${(n * 31 + i * 17) % 211}`;
    const live = (n + i) % 6 !== 0;
    const json = `{"n":${n + i}}`;
    store.append(scope, change(cursor, { id, op: live ? "update" : "delete", json, time: cursor }));
    store.putRow(scope, row(id, { live, json, cursor }));
  }
}

/** A file of the schema before the trees: a scope of so many rows, and one of one. */
function olderFile(path: string, rows: number): void {
  const db = openSqlite(path);
  migrate(db, MIGRATIONS.slice(0, 2));
  db.exec(`
    PRAGMA journal_mode = WAL;
    INSERT INTO scopes VALUES (1, 's', ${rows}, ${rows}, 1), (2, 't', 1, 1, 1);
    INSERT INTO rows VALUES (2, 'todo', 'only', 1, 1, 's', '{}'), (2, 'todo', 'gone', 0, 1, 's', '{}');
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${rows})
    INSERT INTO rows SELECT 1, 'todo', 'row ' || i, 1, i, 's', '{"n":' || i || '}' FROM n;
  `);
  db.close();
}

function inFolder(work: (path: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "driftless-trees-" });
  try {
    work(join(folder, "store.db"));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
