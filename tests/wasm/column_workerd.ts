/** Starts workerd with column_worker.ts and the compiled module, and prints what it answers. */
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { bundledPage } from "../browser/page_bundle.ts";

const FOLDER = import.meta.dirname ?? ".";

/** What a bundler for Workers makes of an import of a `.wasm` file. */
const ENTRY = `
import columns from "./columns.wasm";
import { answer } from "./worker.js";
export default { fetch: (request) => answer(request, columns) };`;

const [seed, count] = Deno.args;
const worker = new Miniflare({
  compatibilityDate: "2026-01-01",
  // Otherwise it asks the network where it is.
  cf: false,
  modules: [
    { type: "ESModule", path: "entry.js", contents: ENTRY },
    {
      type: "ESModule",
      path: "worker.js",
      contents: await bundledPage(join(FOLDER, "column_worker.ts")),
    },
    {
      type: "CompiledWasm",
      path: "columns.wasm",
      contents: await Deno.readFile(join(FOLDER, "../../wasm/columns.wasm")),
    },
  ],
});
try {
  const response = await worker.dispatchFetch(`http://localhost/?seed=${seed}&count=${count}`);
  console.log(await response.text());
} finally {
  await worker.dispose();
}
