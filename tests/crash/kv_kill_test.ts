/**
 * Processes that write a KV file: one that is killed loses nothing acknowledged and leaves no
 * half of a commit or of a tree, and several at once lose nothing to each other.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { MemoryStore } from "../../core/memory_store.ts";
import { type KvStore, openKvStore } from "../../edge/kv/open.ts";
import { assertTree } from "../conformance/store_tree_suite.ts";
import { historyOf, lengthOf, writeNth } from "./sqlite_history.ts";

const ROUNDS = 8;
/** The longest that a writer lives after its first acknowledgement, in milliseconds. */
const LIFE_MS_MAX = 250;
/** So many times as much in each transaction, which KV takes in several commits. */
const LARGE = 40;
const RIVALS = ["a", "b", "c"];
const RIVAL_TRANSACTIONS = 60;

for (const mode of ["small", "large"] as const) {
  Deno.test(`KvStore loses no acknowledged ${mode} transaction when its process is killed`, async () => {
    await inFolder(async (path) => {
      const model = new MemoryStore("model");
      const times = mode === "large" ? LARGE : 1;
      let acknowledged = 0;
      for (let round = 0; round < ROUNDS; round++) {
        acknowledged = Math.max(acknowledged, await killWriter(path, mode));
        await withStore(path, async (store) => {
          const n = await store.settle(() => lengthOf(store));
          assert(n >= acknowledged && n <= acknowledged + 1, `${n} of ${acknowledged}`);
          for (let i = lengthOf(model) + 1; i <= n; i++) writeNth(model, i, times);
          assertEquals(await store.settle(() => historyOf(store, n)), historyOf(model, n));
          for (const scope of ["s", "t"]) await store.settle(() => assertTree(store, scope));
        });
      }
      assert(acknowledged >= ROUNDS, `only ${acknowledged} transactions were acknowledged`);
    });
  });
}

Deno.test("processes that write the same scope at once lose nothing to each other, and are heard of", async () => {
  await inFolder(async (path) => {
    await withStore(path, async (store) => {
      const ending = new AbortController();
      let heard = 0;
      const hearing = Promise.withResolvers<void>();
      const grown = () => {
        // The first time only says that it looks.
        if (++heard === 2) hearing.resolve();
      };
      store.follow(new Set(["s"]), grown, ending.signal);
      const children = RIVALS.map((name) => {
        const args = [path, "rival", name, `${RIVAL_TRANSACTIONS}`];
        return childOf(args).output();
      });
      for (const { code, stderr } of await Promise.all(children)) {
        assertEquals(code, 0, new TextDecoder().decode(stderr));
      }
      const total = RIVALS.length * RIVAL_TRANSACTIONS;
      await store.settle(() => {
        assertEquals(store.row("s", "todo", "count")?.json, `${total}`);
        assertEquals(store.head("s").cursor, 2 * total);
        for (const name of RIVALS) {
          assertEquals(store.client("s", name)?.lastSeq, RIVAL_TRANSACTIONS);
        }
        const log = store.changes("s", 0, Infinity);
        assertEquals(log.map(({ cursor }) => cursor), log.map((_, i) => i + 1));
        assertTree(store, "s");
      });
      await hearing.promise;
      ending.abort();
    });
  });
});

function childOf(args: readonly string[]): Deno.Command {
  const program = new URL("kv_writer_child.ts", import.meta.url).pathname;
  const permissions = ["--allow-read", "--allow-write", "--allow-env", "--unstable-kv"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", ...permissions, program, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Lets a process write and kills it at a random moment; its last acknowledgement. */
async function killWriter(path: string, mode: string): Promise<number> {
  const child = childOf([path, mode]).spawn();
  const problems = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? "";
  await new Promise((resolve) => setTimeout(resolve, Math.random() * LIFE_MS_MAX));
  child.kill("SIGKILL");
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    text += value;
  }
  const { signal } = await child.status;
  assertEquals([signal, await problems], ["SIGKILL", ""]);
  // A line without its end was cut off, and was not read by anybody.
  return Number(text.split("\n").at(-2) ?? 0);
}

async function withStore(path: string, work: (store: KvStore) => Promise<void>): Promise<void> {
  const kv = await Deno.openKv(path);
  try {
    const store = await openKvStore(kv);
    await work(store);
    store.close();
  } finally {
    kv.close();
  }
}

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "driftless-kv-" });
  try {
    await work(join(folder, "store.kv"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
