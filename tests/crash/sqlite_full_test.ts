/** A full disk refuses a transaction whole, and the store works on when there is room again. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { MemoryStore } from "../../core/memory_store.ts";
import { openSqlite, type SqlDatabase } from "../../edge/sql.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { type FillReport, fillStore } from "./sqlite_fill.ts";

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
    // In a namespace of its own: nobody else sees the mount, and it ends with the child.
    const script = `mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"`;
    const command = (...args: string[]) =>
      new Deno.Command("unshare", { args: ["-m", "sh", "-c", script, folder, ...args] }).output();
    const probe = await command("true").catch(() => null);
    if (probe?.code !== 0) {
      const reason = probe === null ? "no unshare" : new TextDecoder().decode(probe.stderr).trim();
      console.log(`skipped: a small file system cannot be mounted here (${reason})`);
      return;
    }
    const { code, stdout, stderr } = await command(...deno, folder);
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    checkReport(JSON.parse(new TextDecoder().decode(stdout)) as FillReport);
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
