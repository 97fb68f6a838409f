/** The program `driftless`. */
import process from "node:process";
import * as valibot from "valibot";
import { run } from "./edge/command_line.ts";
import { assets } from "./edge/assets_gen.ts";
import * as driftless from "./mod.ts";
import demo from "./ui/demo/app.ts";
import config from "./deno.json" with { type: "json" };

if (import.meta.main) {
  process.exitCode = await run(process.argv.slice(2), {
    version: config.version,
    demo: { app: demo, assets },
    modules: { "@driftless/driftless": driftless, valibot },
    url: import.meta.url,
  });
}
