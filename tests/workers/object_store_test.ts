/** The store of a Durable Object keeps the promises of the port, in workerd. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { bundleWorker, startWorkerd } from "./workerd_stage.ts";

const ENTRY = `
import kernel from "./kernel.wasm";
import { answer, caseObject } from "./worker.js";
export const ScopeObject = caseObject(kernel);
export default { fetch: (request, env) => answer(request, env.SCOPES) };`;

/** It opens two stores at once, and an object has room for one. */
const ELSEWHERE = ["two stores have different epochs and one keeps its own"];

Deno.test("the store of an object keeps every promise in workerd", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "driftless-workers-" });
  try {
    const source = join(import.meta.dirname ?? ".", "store_worker.ts");
    await bundleWorker(source, folder, "worker.js");
    await Deno.writeTextFile(join(folder, "entry.js"), ENTRY);
    await using workerd = await startWorkerd({ folder });
    const names = await (await fetch(workerd.url)).json() as readonly string[];
    assertEquals(ELSEWHERE.every((name) => names.includes(name)), true);
    for (const [index, name] of names.entries()) {
      if (ELSEWHERE.includes(name)) continue;
      await t.step(name, async () => {
        const response = await fetch(`${workerd.url}/?case=${index}`);
        const { error } = await response.json() as { error: string | null };
        assertEquals(error, null, error ?? "");
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
