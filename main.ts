/**
 * The program `driftless`: the whole backend of an app, and what an operator needs besides. `--help`
 * tells of its commands.
 *
 * @module
 */
import process from "node:process";
import { run } from "./edge/command_line.ts";
import { assets } from "./edge/assets_gen.ts";
import demo from "./ui/demo/live_app.ts";
import config from "./deno.json" with { type: "json" };

if (import.meta.main) {
  process.exitCode = await run(process.argv.slice(2), {
    version: config.version,
    demo: { app: demo, assets },
    loadModules: async () => ({
      "@driftless/driftless": await import("./mod.ts"),
      "@driftless/driftless/sync": await import("./ui/client/sync_client.ts"),
      "@driftless/driftless/ui": await import("./ui/live_ui.ts"),
      valibot: await import("valibot"),
    }),
    url: import.meta.url,
  });
}
