/** Runs the cases of this folder in workerd: the path that names them, and that of
 * the broken module, are its arguments; it prints the report as JSON. */
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { withLimits } from "../../wasm/fuel.ts";
import { RULE_FUEL_MAX, RULE_MEMORY_BYTES_MAX } from "../../wasm/rules.ts";
import { bundledPage } from "../browser/page_bundle.ts";

const FOLDER = import.meta.dirname ?? ".";
const PAGE_BYTES = 65_536;
const HANDLERS = join(FOLDER, "..", "..", "wasm", "handlers");

/** What a bundler for Workers makes of imports of `.wasm` files. */
const ENTRY = `
import duties from "./duties.wasm";
import broken from "./broken.wasm";
import negotiate from "./negotiate.wasm";
import stats from "./stats.wasm";
import text from "./text.wasm";
import system from "./system.wasm";
import rules from "./rules.wasm";
import { answer } from "./worker.js";
const modules = { duties, broken, negotiate, stats, text, system, rules };
export default { fetch: (request) => answer(request, modules) };`;

const [path = "", brokenPath = ""] = Deno.args;
const wasm = async (name: string, from: string) => ({
  type: "CompiledWasm" as const,
  path: name,
  contents: await Deno.readFile(from),
});
/** As `driftless wasm-limit` makes them: a Worker takes no rules that may run for ever. */
async function limitedRules(): Promise<Uint8Array<ArrayBuffer>> {
  const memoryPages = RULE_MEMORY_BYTES_MAX / PAGE_BYTES;
  const bytes = await Deno.readFile(join(HANDLERS, "rules.wasm"));
  return withLimits(bytes, { memoryPages, fuel: BigInt(RULE_FUEL_MAX) });
}

const worker = new Miniflare({
  compatibilityDate: "2026-01-01",
  compatibilityFlags: ["nodejs_compat"],
  // Otherwise it asks the network where it is.
  cf: false,
  modules: [
    { type: "ESModule", path: "entry.js", contents: ENTRY },
    {
      type: "ESModule",
      path: "worker.js",
      contents: await bundledPage(join(FOLDER, "host_worker.ts")),
    },
    await wasm("duties.wasm", join(FOLDER, "duties.wasm")),
    await wasm("broken.wasm", brokenPath),
    await wasm("system.wasm", join(FOLDER, "system.wasm")),
    { type: "CompiledWasm", path: "rules.wasm", contents: await limitedRules() },
    await wasm("negotiate.wasm", join(HANDLERS, "negotiate.wasm")),
    await wasm("stats.wasm", join(HANDLERS, "stats.wasm")),
    await wasm("text.wasm", join(HANDLERS, "text.wasm")),
  ],
});
try {
  const response = await worker.dispatchFetch(`http://localhost${path}`);
  console.log(await response.text());
} finally {
  await worker.dispose();
}
