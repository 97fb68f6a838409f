/**
 * Starts workerd with a worker of this folder and a compiled module, and prints what it answers.
 *
 *     module_workerd.ts kernel_worker.ts kernel.wasm SEED COUNT
 */
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { bundledPage } from "../browser/page_bundle.ts";

const FOLDER = import.meta.dirname ?? ".";

/** What a bundler for Workers makes of an import of a `.wasm` file. */
const ENTRY = `
import module from "./module.wasm";
import { answer } from "./worker.js";
export default { fetch: (request) => answer(request, module) };`;

const [worker = "", module = "", seed, count] = Deno.args;
const workerd = new Miniflare({
  compatibilityDate: "2026-01-01",
  // Otherwise it asks the network where it is.
  cf: false,
  modules: [
    { type: "ESModule", path: "entry.js", contents: ENTRY },
    {
      type: "ESModule",
      path: "worker.js",
      contents: await bundledPage(join(FOLDER, worker)),
    },
    {
      type: "CompiledWasm",
      path: "module.wasm",
      contents: await Deno.readFile(join(FOLDER, "../../wasm", module)),
    },
  ],
});
try {
  const response = await workerd.dispatchFetch(`http://localhost/?seed=${seed}&count=${count}`);
  console.log(await response.text());
} finally {
  await workerd.dispose();
}
