/** Processes that write one file keep one right tree. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { assertTreesRight } from "../edge/tree_oracle.ts";

const WRITERS = ["a", "b", "c"];
const TRANSACTIONS = 150;

Deno.test("SqliteStore has one right tree when several processes write its file [S10]", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless-writers-" });
  try {
    const path = join(folder, "store.db");
    const store = openSqliteStore(path, { busyTimeoutMs: 60_000 });
    const program = new URL("sqlite_writers_child.ts", import.meta.url).pathname;
    const flags = ["--no-check", "--allow-read", "--allow-write"];
    let running = WRITERS.length;
    const writers = WRITERS.map(async (name) => {
      const output = await new Deno.Command(Deno.execPath(), {
        args: ["run", ...flags, program, path, name, `${TRANSACTIONS}`],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).output();
      running--;
      assertEquals(output.code, 0, new TextDecoder().decode(output.stderr));
    });
    // Reads at any moment are of one moment, and the tree is right in each.
    while (running > 0) {
      store.read(() => assertTreesRight(store));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(writers);
    assertTreesRight(store);
    const { cursor } = store.head("s");
    assert(cursor >= WRITERS.length * TRANSACTIONS, `${cursor} changes`);
    store.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
