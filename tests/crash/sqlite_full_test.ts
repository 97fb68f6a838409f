/** A full disk refuses a transaction whole, and the store works on when there is room again. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { MemoryStore } from "../../core/memory_store.ts";
import type { SqlDatabase } from "../../edge/sql.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { type FillReport, fillStore } from "./sqlite_fill.ts";
import { onSmallDisk } from "./small_disk.ts";

/** Pages that the file may have until there is room again; an empty store has 12. */
const PAGES_MAX = 60;

Deno.test("SqliteStore takes nothing from a full file and works on in a larger one", async () => {
  await inFolder((folder) => {
    let db: SqlDatabase | undefined;
    const store = openSqliteStore(join(folder, "store.db"), {
      open: (path) => db = openSqlite(path),
    });
    const writer = db;
    writer?.exec(`PRAGMA max_page_count = ${PAGES_MAX}`);
    const report = fillStore(store, new MemoryStore("model"), () => {
      writer?.exec("PRAGMA max_page_count = 100000");
    });
    store.close();
    checkReport(report);
    return Promise.resolve();
  });
});

Deno.test("SqliteStore takes nothing on a full disk and works on when there is room", async () => {
  await inFolder(async (folder) => {
    const program = new URL("sqlite_full_child.ts", import.meta.url).pathname;
    const deno = [Deno.execPath(), "run", "--no-check", "--allow-read", "--allow-write", program];
    const printed = await onSmallDisk(folder, [...deno, folder]);
    if (printed !== null) checkReport(JSON.parse(printed) as FillReport);
  });
});

function checkReport({ committed, ...rest }: FillReport): void {
  assert(committed > 0, "some transactions fit");
  assertEquals(rest, {
    code: "store_failed",
    message: "Cannot use the store: the disk is full",
    isWhole: true,
    isSteady: true,
    isRecovered: true,
  });
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "driftless-full-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
