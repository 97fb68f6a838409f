/** Verification: one planted damage for each thing that it derives again, by name, and its repair. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { backup, restore } from "../../edge/backup.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { migrate, MIGRATIONS } from "../../edge/sqlite_migrations.ts";
import { firstNodeOf } from "../../edge/sqlite_nodes.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { importJson } from "../../edge/transfer.ts";
import { repairTrees, verify, type VerifyReport } from "../../edge/verify.ts";
import { FAULTS_TOLD_MAX } from "../../edge/verify_faults.ts";
import { change, row } from "../conformance/store_suite.ts";
import { inFolder, runProgram } from "./program.ts";
import { todoApp } from "./served_app.ts";
import { assertTreesRight } from "./tree_oracle.ts";

/** A damage in SQL, and the sentences that must tell of it; with a tree that is wrong or right. */
interface Damage {
  readonly sql: string;
  readonly faults: readonly RegExp[];
  readonly isTreeWrong: boolean;
}

const ROWS = 3_000;
/** The numbers of the scopes in the file: "big", "small", "empty". */
const BIG = firstNodeOf(1);
const SMALL = firstNodeOf(2);

const DAMAGES: readonly Damage[] = [
  {
    // A byte of a digest of the root's children.
    sql: flipped(BIG, 100),
    faults: [/^node big node 0 \(level 0, place 0\) is not what its rows make$/],
    isTreeWrong: true,
  },
  {
    // The count of the root.
    sql: flipped(BIG, 5),
    faults: [/^node big node 0 .+: it counts \d+ rows, and there are 3000$/],
    isTreeWrong: true,
  },
  {
    // A byte of a leaf's row digests: one row of the only leaf.
    sql: flipped(SMALL, 8 + 5 * 8 + 3),
    faults: [
      /^node small node 0 \(level 0, place 0\) is not what its rows make$/,
      /^tree small todo "row \d" is not as the tree has it$/,
    ],
    isTreeWrong: true,
  },
  {
    sql: `DELETE FROM nodes WHERE node = ${BIG + 33}`,
    faults: [/^node big node 33 \(level 2, place 0\) is missing$/],
    isTreeWrong: true,
  },
  {
    sql: `INSERT INTO nodes VALUES (${BIG + 40_000}, x'00')`,
    faults: [/^node big node 40000 \(level 4, place 6175\) should not be there$/],
    isTreeWrong: true,
  },
  {
    sql: `DELETE FROM nodes WHERE node >= ${BIG} AND node < ${SMALL}`,
    faults: [/^tree big all \d+ nodes of the tree are missing$/],
    isTreeWrong: true,
  },
  {
    sql: `INSERT INTO nodes VALUES (${firstNodeOf(77)}, x'00')`,
    faults: [/^file {2}there are nodes of a scope number 77, which does not exist$/],
    isTreeWrong: false,
  },
  {
    sql: `UPDATE scopes SET tree = 2 WHERE name = 'big'`,
    faults: [/^tree big the tree is at cursor 2, and the scope at 3000$/],
    isTreeWrong: true,
  },
  {
    sql: `UPDATE scopes SET tree = -1 WHERE name = 'small'`,
    faults: [/^tree small the tree was never built$/],
    isTreeWrong: true,
  },
  {
    sql: `UPDATE rows SET json = '{"n":99}' WHERE id = 'row 7' AND scope = 1`,
    faults: [
      /^row big todo "row 7" is not what change 7 made of it$/,
      /^tree big todo "row 7" is not as the tree has it$/,
      /^node big node 0 /,
    ],
    isTreeWrong: true,
  },
  {
    sql: `UPDATE rows SET json = '{"n": 8}' WHERE id = 'row 8' AND scope = 1`,
    faults: [/^row big todo "row 8" is JSON, and not canonical$/],
    isTreeWrong: true,
  },
  {
    sql: `UPDATE rows SET json = '{"n":' WHERE id = 'row 8' AND scope = 1`,
    faults: [/^row big todo "row 8" is not JSON$/],
    isTreeWrong: true,
  },
  {
    sql: `INSERT INTO rows VALUES (2, 'todo', 'added', 1, 5, 's', '{}')`,
    faults: [
      /^row small todo "added" is of cursor 5, where the log has no such change$/,
      /^tree small todo "added" is not in the tree$/,
      /^node small node 0 .+: it counts 5 rows, and there are 6$/,
    ],
    isTreeWrong: true,
  },
  {
    sql: `DELETE FROM rows WHERE id = 'row 3' AND scope = 2`,
    faults: [
      /^row small todo "row 3" is missing, and the log has change 3 of it$/,
      /^tree small todo "row 3" is in the tree, and there is no such row$/,
    ],
    isTreeWrong: true,
  },
  {
    sql: `UPDATE rows SET live = 0 WHERE id = 'row 3' AND scope = 2`,
    faults: [
      /^row small todo "row 3" is of cursor 3, where the log has no such change$/,
      /^tree small todo "row 3" is in the tree, and there is no such row$/,
    ],
    isTreeWrong: true,
  },
  {
    sql: `UPDATE rows SET cursor = 9 WHERE id = 'row 3' AND scope = 2`,
    faults: [/^row small todo "row 3" is of cursor 9, and the scope's cursor is 5$/],
    isTreeWrong: false,
  },
  {
    sql: `UPDATE rows SET cursor = 2 WHERE id = 'row 3' AND scope = 2`,
    faults: [/^row small todo "row 3" is of cursor 2, and the log has its change 3$/],
    isTreeWrong: false,
  },
  {
    sql: `DELETE FROM changes WHERE scope = 1 AND cursor = 4`,
    faults: [/^log big change 4 is missing from the log$/],
    isTreeWrong: false,
  },
  {
    sql: `DELETE FROM changes WHERE scope = 1 AND cursor BETWEEN 4 AND 6`,
    faults: [/^log big changes 4 to 6 are missing from the log$/],
    isTreeWrong: false,
  },
  {
    sql: `UPDATE scopes SET cursor = 8, tree = 8 WHERE name = 'small'`,
    faults: [/^log small the scope's cursor is 8, and its log ends at 5$/],
    isTreeWrong: false,
  },
  {
    sql: `UPDATE scopes SET floor = 9 WHERE name = 'small'`,
    faults: [
      /^log small the log's floor is 9, and its cursor 5$/,
      /^log small change 1 lies below the log's floor$/,
    ],
    isTreeWrong: false,
  },
  {
    sql: `INSERT INTO clients VALUES (42, 'c', '', 1, 0)`,
    faults: [/^file {2}1 clients belong to no scope$/],
    isTreeWrong: false,
  },
];

Deno.test("verify finds nothing wrong in a file that is whole, nor in an empty one", () =>
  inFolder({}, async (folder) => {
    const report = await verify(dataFile(folder), { open: openSqlite });
    assertEquals([report.faultCount, report.faults, report.wrongTrees], [0, [], []]);
    assertEquals([report.scopes, report.rows], [3, ROWS + 5]);
    assert(report.nodes > 33, `${report.nodes} nodes`);
    const empty = join(folder, "empty.db");
    openSqliteStore(empty).close();
    assertEquals((await verify(empty, { open: openSqlite })).faultCount, 0);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "empty.db",
      "whole.db",
    ]);
  }));

Deno.test("verify names each planted damage, and repair builds trees anew and nothing else", (t) =>
  inFolder({}, async (folder) => {
    const whole = dataFile(folder);
    const file = join(folder, "damaged.db");
    for (const { sql, faults, isTreeWrong } of DAMAGES) {
      await t.step(sql, async () => {
        await Deno.copyFile(whole, file);
        damage(file, sql);
        const report = await verify(file, { open: openSqlite });
        const told = linesOf(report);
        for (const fault of faults) {
          assert(told.some((line) => fault.test(line)), `${fault} in\n${told.join("\n")}`);
        }
        assertEquals(report.wrongTrees.length, isTreeWrong ? 1 : 0);
        repairTrees(file, openSqlite, report);
        const after = await verify(file, { open: openSqlite });
        assertEquals([after.wrongTrees, after.strayTrees], [[], []]);
        const [before, rest] = [report, after].map((it) =>
          linesOf(it).filter((line) => /^(row|log)/.test(line))
        );
        assertEquals(rest, before, "rows and logs are as they were");
      });
    }
  }));

Deno.test("verify says that a file is damaged, cut short, foreign, older or not there", () =>
  inFolder({}, async (folder) => {
    const whole = dataFile(folder);
    const file = join(folder, "damaged.db");
    const bytes = await Deno.readFile(whole);
    const damages: Record<string, Uint8Array> = {
      "a page of noise": bytes.slice().fill(0x5a, 3 * 4096, 6 * 4096),
      "half of it": bytes.slice(0, (bytes.length >> 13) * 4096),
    };
    for (const [name, damaged] of Object.entries(damages)) {
      await Deno.writeFile(file, damaged);
      // A file whose beginning is damaged cannot be verified at all.
      const said = await verify(file, { open: openSqlite }).then(
        (report) => linesOf(report).join("\n"),
        (error: Error) => error.message,
      );
      assertMatch(said, /the file is damaged|^file {2}SQLite says/m, name);
    }
    const fails = (path: string, reason: RegExp) =>
      assertRejects(() => verify(path, { open: openSqlite })).then((error) =>
        assertMatch((error as Error).message, reason)
      );
    await fails(join(folder, "none.db"), /there is no data file/);
    await Deno.writeTextFile(file, "hello ".repeat(1_000));
    await fails(file, /not a SQLite database/);
    await Deno.remove(file);
    damage(file, "CREATE TABLE t (x)");
    await fails(file, /another program/);
    const old = join(folder, "old.db");
    olderFile(old);
    await fails(old, new RegExp(`schema version 2 of ${MIGRATIONS.length}; .+--repair`));
  }));

Deno.test("verify tells so many faults in full, and counts the rest", () =>
  inFolder({}, async (folder) => {
    const file = dataFile(folder);
    for (const count of [FAULTS_TOLD_MAX - 1, FAULTS_TOLD_MAX, FAULTS_TOLD_MAX + 1]) {
      const extra = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${count})
        INSERT OR IGNORE INTO nodes SELECT ${BIG + 50_000} + i, x'00' FROM n`;
      damage(file, extra);
      const report = await verify(file, { open: openSqlite });
      assertEquals(report.faultCount, count);
      assertEquals(report.faults.length, Math.min(count, FAULTS_TOLD_MAX));
    }
  }));

Deno.test("verify reads one moment while a store writes the file, and stops at a signal", () =>
  inFolder({}, async (folder) => {
    const file = dataFile(folder);
    const store = openSqliteStore(file);
    let written = 0;
    const progress = () => {
      const cursor = store.head("big").cursor + 1;
      store.transaction(() => {
        store.append("big", change(cursor, { id: "late" }));
        store.putRow("big", row("late", { cursor }));
      });
      written++;
    };
    const report = await verify(file, { open: openSqlite, progress });
    assert(written > 2, `${written} writes`);
    assertEquals(linesOf(report), []);
    assertEquals(linesOf(await verify(file, { open: openSqlite })), []);
    damage(file, flipped(BIG, 100));
    repairTrees(file, openSqlite, await verify(file, { open: openSqlite }));
    progress();
    assertEquals(
      linesOf(await verify(file, { open: openSqlite })),
      [],
      "it goes on with the new one",
    );
    const stop = new AbortController();
    const stopped = verify(file, {
      open: openSqlite,
      progress: () => stop.abort(),
      signal: stop.signal,
    });
    await assertRejects(() => stopped, DOMException);
    store.close();
  }));

Deno.test("a restored file has another epoch and the same roots, and an import keeps trees right", () =>
  inFolder({}, async (folder) => {
    const [data, copy] = [dataFile(folder), join(folder, "copy.db")];
    await backup(data, copy, { open: openSqlite });
    const store = openSqliteStore(data);
    const [epoch, roots] = [store.epoch, store.scopes().map((scope) => store.tree(scope)?.root)];
    const app = todoApp();
    const records = Array.from(
      { length: 150 },
      (_, i) => ({ id: `new ${i}`, title: "x", done: false }),
    );
    const options = { app, store, scope: "big", collection: "todo" };
    const report = await importJson(JSON.stringify(records), options);
    assertEquals([report.imported, report.refusedCount], [150, 0]);
    assertTreesRight(store);
    assertNotEquals(store.tree("big")?.root, roots[0]);
    store.close();
    await restore(copy, data, { open: openSqlite, now: Date.now() });
    const restored = openSqliteStore(data);
    assertNotEquals(restored.epoch, epoch);
    assertEquals(restored.scopes().map((scope) => restored.tree(scope)?.root), roots);
    assertTreesRight(restored);
    restored.close();
    assertEquals(linesOf(await verify(data, { open: openSqlite })), []);
  }));

Deno.test("the command prints what is wrong, repairs it, and its status is 0, 1 or 2", () =>
  inFolder({}, async (folder) => {
    const data = dataFile(folder);
    const verifying = (...args: string[]) =>
      runProgram(["verify", "--data", data, ...args], { folder });
    const well = await verifying();
    assertEquals(well.code, 0, well.stderr);
    assertMatch(
      well.stdout,
      /^verified ".+whole\.db": all is well; 3 scopes, 3005 rows, \d+ nodes\n$/,
    );
    damage(data, `DELETE FROM nodes WHERE node = ${BIG + 33}`);
    const wrong = await verifying("--json");
    assertEquals(wrong.code, 1);
    const report = JSON.parse(wrong.stdout) as VerifyReport;
    assertEquals(report.wrongTrees, ["big"]);
    assert(report.faults.some(({ node, text }) => node === 33 && /is missing/.test(text)));
    const told = await verifying();
    assertMatch(told.stdout, /\n {2}node {2}scope "big": node 33 .+ is missing\n/);
    assertMatch(told.stdout, /\n→ driftless verify --repair builds trees anew/);
    const repaired = await verifying("--repair");
    assertEquals(repaired.code, 0, repaired.stdout);
    assertMatch(repaired.stdout, /\nbuilt 1 trees anew\nverified .+ all is well/);
    assertEquals((await verifying()).code, 0);
    assertEquals((await verifying("--fix")).code, 2);
    assertEquals((await runProgram(["verify", "--data", "none.db"], { folder })).code, 1);

    damage(data, "DELETE FROM changes WHERE scope = 1 AND cursor = 4");
    const beyond = await verifying("--repair");
    assertEquals(beyond.code, 1, "nothing but trees is repaired");
    assertMatch(beyond.stdout, /change 4 is missing from the log\n.*\n→ .*restore FILE/);

    const old = join(folder, "old.db");
    olderFile(old);
    const refused = await runProgram(["verify", "--data", old], { folder });
    assertEquals([refused.code, refused.stdout], [1, ""]);
    const led = await runProgram(["verify", "--data", old, "--repair", "--json"], { folder });
    assertEquals([led.code, JSON.parse(led.stdout).rows], [0, 1]);
  }));

/** Three scopes: many rows, few rows, none. */
function dataFile(folder: string): string {
  const path = join(folder, "whole.db");
  const store = openSqliteStore(path);
  for (const [scope, rows] of [["big", ROWS], ["small", 5], ["empty", 0]] as const) {
    store.transaction(() => {
      store.putClient(scope, { client: "c", principal: "", lastSeq: 0, time: 0 });
      for (let cursor = 1; cursor <= rows; cursor++) {
        const [id, json] = [`row ${cursor}`, `{"n":${cursor}}`];
        store.append(scope, change(cursor, { id, json }));
        store.putRow(scope, row(id, { cursor, json }));
      }
    });
  }
  store.close();
  return path;
}

/** A file with one row, from before the trees. */
function olderFile(path: string): void {
  const db = openSqlite(path);
  migrate(db, MIGRATIONS.slice(0, 2));
  db.exec(`
    INSERT INTO scopes VALUES (1, 'old', 1, 0, 1);
    INSERT INTO rows VALUES (1, 'todo', 'a', 1, 1, 's', '{}');
    INSERT INTO changes VALUES (1, 1, 'todo', 'a', 1, 1, '{}');
  `);
  db.close();
}

/** SQL that changes one byte of a node. */
function flipped(node: number, at: number): string {
  return `UPDATE nodes SET bytes = CAST(substr(bytes, 1, ${at}) ||
    CASE substr(bytes, ${at + 1}, 1) WHEN x'33' THEN x'34' ELSE x'33' END ||
    substr(bytes, ${at + 2}) AS BLOB) WHERE node = ${node}`;
}

function damage(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

/** One line for each fault: kind, scope, row and sentence. */
function linesOf({ faults }: VerifyReport): readonly string[] {
  return faults.map(({ kind, scope, text, entity, id }) =>
    `${kind} ${scope ?? ""} ${id === undefined ? "" : `${entity} "${id}" `}${text}`
  );
}
