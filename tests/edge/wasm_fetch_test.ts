import { assemble, FETCH_MODULES } from "./wasm_fetch_modules.ts";
import { FETCH_CASES } from "./wasm_fetch_cases.ts";

const modules = Object.fromEntries(
  Object.entries(FETCH_MODULES).map(([name, wat]) => [name, new WebAssembly.Module(assemble(wat))]),
);

for (const { name, run } of FETCH_CASES) Deno.test(`wasm fetch: ${name}`, () => run(modules));
