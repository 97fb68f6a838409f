/** Starts workerd with wasm_outbound_worker.ts and the modules of a folder, for a server's origin, and prints the report. */
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { bundledPage } from "../browser/page_bundle.ts";

const [folder = "", origin = ""] = Deno.args;
const files = [...Deno.readDirSync(folder)].map(({ name }) => name);
const names = files.map((file) => file.replace(/\.wasm$/, ""));
const entry = [
  ...names.map((name) => `import ${name} from "./${name}.wasm";`),
  `import { answer } from "./worker.js";`,
  `export default { fetch: (_, { KV }) => answer({ ${names.join(", ")} }, "${origin}", KV) };`,
];
const worker = new Miniflare({
  compatibilityDate: "2026-01-01",
  // For the assertions of the cases.
  compatibilityFlags: ["nodejs_compat"],
  kvNamespaces: ["KV"],
  // Otherwise it asks the network where it is.
  cf: false,
  modules: [
    { type: "ESModule", path: "entry.js", contents: entry.join("\n") },
    {
      type: "ESModule",
      path: "worker.js",
      contents: await bundledPage(join(import.meta.dirname ?? ".", "wasm_outbound_worker.ts")),
    },
    ...files.map((file) => ({
      type: "CompiledWasm" as const,
      path: file,
      contents: Deno.readFileSync(join(folder, file)),
    })),
  ],
});
try {
  const response = await worker.dispatchFetch("http://localhost/");
  console.log(await response.text());
} finally {
  await worker.dispose();
}
