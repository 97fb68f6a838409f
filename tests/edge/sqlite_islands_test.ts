/** The state of islands in the SQLite file. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { openChecked } from "../../edge/sql.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { SqliteIslands } from "../../edge/sqlite_islands.ts";
import { migrate, pragma } from "../../edge/sqlite_migrations.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";

function open(bytesMax: number, now: () => number) {
  const db = openChecked(openSqlite, ":memory:");
  migrate(db);
  return { db, islands: new SqliteIslands(db, { bytesMax, now }) };
}

Deno.test("saved state comes back until its time is over", () => {
  let now = 1_000;
  const { islands } = open(1_000, () => now);
  islands.save("tab:1", "{}", 10);
  islands.save("tab:1", `{"a":1}`, 10);
  now = 1_009;
  assertEquals(islands.load("tab:1"), `{"a":1}`);
  now = 1_010;
  assertEquals(islands.load("tab:1"), undefined);
  assertEquals(islands.load("tab:2"), undefined);
});

Deno.test("removed and expired state leaves the file", () => {
  let now = 1_000;
  const { db, islands } = open(1_000, () => now);
  islands.save("a", "1", 10);
  islands.save("b", "2", 20);
  islands.save("c", "3", 20);
  islands.remove("b");
  now = 1_010;
  islands.trim();
  assertEquals(db.prepare("SELECT key FROM island_states").all().map(({ key }) => key), ["c"]);
});

Deno.test("state that was saved longest ago goes when there are too many bytes", () => {
  let now = 1_000;
  const { islands } = open(10, () => now++);
  const keys = () => ["a", "b", "c"].filter((key) => islands.load(key) !== undefined);
  islands.save("a", "xxxx", 1_000);
  islands.save("b", "xxxx", 1_000);
  islands.save("a", "xxxx", 1_000);
  for (const size of [1, 2]) islands.save("c", "x".repeat(size), 1_000);
  assertEquals(keys(), ["a", "b", "c"]);
  islands.save("c", "xé", 1_000);
  assertEquals(keys(), ["a", "c"]);
  islands.save("c", "x".repeat(11), 1_000);
  assertEquals(keys(), []);
  islands.save("a", "x".repeat(10), 1_000);
  assertEquals(keys(), ["a"]);
});

Deno.test("rows are as durable after a save as before", () => {
  const { db, islands } = open(1_000, Date.now);
  db.exec("PRAGMA synchronous = FULL");
  islands.save("a", "1", 1_000);
  islands.remove("a");
  islands.trim();
  assertEquals(pragma(db, "synchronous"), 2);
});

Deno.test("state is there when the file is opened again, and counts against the limit", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless_islands_" });
  try {
    const path = join(folder, "data.db");
    const first = openSqliteStore(path);
    first.islands.save("user:ada", `{"a":1}`, 60_000);
    const version = first.dataVersion();
    first.islands.save("user:ada", `{"a":2}`, 60_000);
    assertEquals(first.dataVersion(), version, "other processes write rows, this is none");
    first.close();
    const again = openSqliteStore(path);
    assertEquals(again.islands.load("user:ada"), `{"a":2}`);
    again.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
