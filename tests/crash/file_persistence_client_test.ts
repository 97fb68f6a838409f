/** What a killed client was told is durable reaches the server, once, in order, by the next client. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { startServer } from "../browser/harness.ts";
import { Prng } from "../sim/prng.ts";

const KILLS = 12;
const SEED = 31;
/** Entries that a client is let write before it is killed, at the most. */
const ENTRIES_MAX = 120;
const CHILD = join(import.meta.dirname ?? ".", "file_persistence_client_child.ts");
const APP = "tests/browser/job_app.ts";

Deno.test("A client that is killed loses and doubles nothing on its way from the file to the server", async () => {
  await using cleanup = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "driftless-kill-" });
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const server = await startServer({ data: join(folder, "server.db"), app: APP });
  cleanup.defer(() => server.stop());
  const path = join(folder, "client.log");
  const random = new Prng(SEED);
  const durable: Record<string, readonly string[]> = {};
  for (let run = 0; run < KILLS; run++) {
    const entries = 1 + Math.floor(random.float() * ENTRIES_MAX);
    durable[`j${run}`] = await killClient([path, server.url, `j${run}`], entries);
  }
  const drain = await child([path, server.url, "-"]).output();
  assertEquals(drain.code, 0, new TextDecoder().decode(drain.stderr));
  const journals = JSON.parse(new TextDecoder().decode(drain.stdout)) as Record<string, string[]>;

  // Another client, that has nothing but what the server has.
  const fresh = await child([join(folder, "fresh.log"), server.url, "-"]).output();
  assertEquals(JSON.parse(new TextDecoder().decode(fresh.stdout)), journals);
  for (const [journal, entries] of Object.entries(durable)) {
    const found = journals[journal] ?? [];
    // Those that were under way may be there as well.
    assert(found.length >= entries.length, `${journal} lost some of ${entries.length}`);
    assertEquals(found, found.map((_, index) => `${index + 1}`), `${journal} in order, each once`);
  }
});

/** Lets a client write so many entries and kills it; what it was told is durable. */
async function killClient(args: readonly string[], entries: number): Promise<readonly string[]> {
  const running = child(args).spawn();
  const problems = new Response(running.stderr).text();
  let text = "";
  let isKilled = false;
  for await (const part of running.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (isKilled || text.split("\n").length - 2 < entries) continue;
    running.kill("SIGKILL");
    isKilled = true;
  }
  assertEquals((await running.status).signal, "SIGKILL", await problems);
  assertEquals(await problems, "");
  return text.split("\n").slice(1, -1);
}

function child(args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CHILD, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}
