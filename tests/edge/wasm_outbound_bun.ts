/** The cases of wasm_outbound_cases.ts on Bun, with the modules of a folder and a server's origin: prints the report. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runOutboundCases } from "./wasm_outbound_cases.ts";

const [folder = "", origin = ""] = process.argv.slice(2);
const modules = Object.fromEntries(
  readdirSync(folder).map((file) => [
    file.replace(/\.wasm$/, ""),
    new WebAssembly.Module(readFileSync(join(folder, file))),
  ]),
);
process.stdout.write(JSON.stringify(await runOutboundCases(modules, origin)));
