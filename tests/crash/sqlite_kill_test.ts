/**
 * A process that is killed while it commits loses nothing acknowledged and leaves no half: neither of
 * a transaction, nor of the trees over its rows.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MemoryStore } from "../../core/memory_store.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { verify } from "../../edge/verify.ts";
import { assertTreesRight } from "../edge/tree_oracle.ts";
import { historyOf, lengthOf, writeNth } from "./sqlite_history.ts";

const ROUNDS = 25;
/** The longest that a writer lives after its first acknowledgement, in milliseconds. */
const LIFE_MS_MAX = 200;
/** The longest that a writer lives that is killed while it starts, in milliseconds. */
const START_MS_MAX = 250;

Deno.test("SqliteStore loses no acknowledged transaction when its process is killed", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless-kill-" });
  try {
    const path = join(folder, "store.db");
    const model = new MemoryStore("model");
    let acknowledged = 0;
    for (let round = 0; round < ROUNDS; round++) {
      acknowledged = Math.max(acknowledged, await killWriter(path, round));
      await checkFile(path, model, acknowledged);
    }
    assert(acknowledged > ROUNDS, `only ${acknowledged} transactions were acknowledged`);
    console.log(`${ROUNDS} kills, ${acknowledged} acknowledged transactions, none lost`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Lets a process write and kills it at a random moment; its last acknowledgement, or 0. */
async function killWriter(path: string, round: number): Promise<number> {
  const program = new URL("sqlite_kill_child.ts", import.meta.url).pathname;
  const mode = round % 2 === 0 ? "checkpoint" : "plain";
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-read", "--allow-write", program, path, mode],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // Every fifth writer dies as it starts: while it creates, recovers or opens the file.
  const startsOnly = round % 5 === 0;
  if (startsOnly) await wait(Math.random() * START_MS_MAX);
  const problems = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = startsOnly ? "" : (await reader.read()).value ?? "";
  if (!startsOnly) await wait(Math.random() * LIFE_MS_MAX);
  child.kill("SIGKILL");
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    text += value;
  }
  const { signal } = await child.status;
  assertEquals(signal, "SIGKILL", await problems);
  assertEquals(await problems, "");
  // A line without its end was cut off, and was not read by anybody.
  return Number(text.split("\n").at(-2) ?? 0);
}

/** The file is sound, and is the model after the last acknowledged transaction or the one after. */
async function checkFile(path: string, model: MemoryStore, acknowledged: number): Promise<void> {
  const store = openSqliteStore(path);
  try {
    const n = lengthOf(store);
    assert(n >= acknowledged && n <= acknowledged + 1, `${n} of ${acknowledged} acknowledged`);
    for (let i = lengthOf(model) + 1; i <= n; i++) writeNth(model, i);
    assertEquals(historyOf(store, n), historyOf(model, n));
    assertTreesRight(store);
  } finally {
    store.close();
  }
  assertEquals((await verify(path, { open: openSqlite })).faults, []);
  const db = new DatabaseSync(path);
  assertEquals(db.prepare("PRAGMA integrity_check").all().map((row) => ({ ...row })), [
    { integrity_check: "ok" },
  ]);
  const broken = db.prepare(`
    SELECT name FROM scopes
    WHERE cursor <> (SELECT max(cursor) FROM changes WHERE changes.scope = scopes.scope)
      OR cursor - floor <> (SELECT count(*) FROM changes WHERE changes.scope = scopes.scope)`);
  assertEquals(broken.all(), [], "the head is the newest change, and there are no gaps below");
  db.close();
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
