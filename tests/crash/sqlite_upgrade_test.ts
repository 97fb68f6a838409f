/** A process that is killed while it builds trees leaves whole ones, and the next one goes on. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { migrate, MIGRATIONS } from "../../edge/sqlite_migrations.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { assertTreesRight } from "../edge/tree_oracle.ts";

/** Scopes of the file, and rows of each: five pages of what an upgrade reads at once. */
const SCOPES = 3;
const ROWS = 4_500;
const PAGES = 5;

Deno.test("SqliteStore builds the trees of an older file, however often it is killed meanwhile", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless-upgrade-" });
  try {
    const path = join(folder, "store.db");
    olderFile(path);
    // In the first scope, at the beginning of the second, in the middle of it, in the third.
    const kills = [[3, 3], [PAGES + 1, 2], [PAGES - 2, 2], [PAGES + 1, 1]] as const;
    for (const [times, behind] of kills) {
      await killBuilder(path, times);
      assertEquals(scopesBehind(path), behind, `after ${times} pages`);
    }
    const store = openSqliteStore(path);
    assertEquals(store.scopes().map((scope) => store.tree(scope)?.count), Array(SCOPES).fill(ROWS));
    assertTreesRight(store);
    store.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function killBuilder(path: string, times: number): Promise<void> {
  const program = new URL("sqlite_upgrade_child.ts", import.meta.url).pathname;
  const flags = ["--no-check", "--allow-read", "--allow-write"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, program, path, `${times}`],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const problems = new Response(child.stderr).text();
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  assertEquals(done, false, done ? await problems : "");
  child.kill("SIGKILL");
  while (!(await reader.read()).done);
  assertEquals((await child.status).signal, "SIGKILL");
  await problems;
}

function scopesBehind(path: string): unknown {
  const db = new DatabaseSync(path);
  const row = db.prepare("SELECT count(*) AS n FROM scopes WHERE tree <> cursor").get();
  db.close();
  return row?.n;
}

function olderFile(path: string): void {
  const db = openSqlite(path);
  migrate(db, MIGRATIONS.slice(0, 2));
  for (let scope = 1; scope <= SCOPES; scope++) {
    db.exec(`
      INSERT INTO scopes VALUES (${scope}, 'scope ${scope}', ${ROWS}, ${ROWS}, 1);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${ROWS})
      INSERT INTO rows SELECT ${scope}, 'todo', 'row ' || i, 1, i, 's', '{"n":' || i || '}' FROM n;
    `);
  }
  db.close();
}
