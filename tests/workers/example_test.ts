/** The example's files, as they are, run in workerd; and what a bundle for Workers asks the platform for. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { issueToken } from "../../edge/identity.ts";
import { bundleWorker, startWorkerd } from "./workerd_stage.ts";

const EXAMPLE = join(import.meta.dirname ?? ".", "example");
const SECRET = "0123456789abcdef0123456789abcdef";
/** What `nodejs_compat` has; files are there for tables and templates of a server, and stay unused. */
const BUILT_IN = ["crypto", "fs", "fs/promises", "os", "path", "stream", "util", "zlib"];

Deno.test("the example for Workers is a worker, and its bundle asks for little", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless-workers-" });
  try {
    const text = await Deno.readTextFile(join(EXAMPLE, "wrangler.jsonc"));
    const config = JSON.parse(text) as {
      readonly main: string;
      readonly compatibility_date: string;
      readonly compatibility_flags: readonly string[];
      readonly durable_objects: {
        readonly bindings: readonly [{ readonly name: string; readonly class_name: string }];
      };
      readonly migrations: readonly [{ readonly new_sqlite_classes: readonly string[] }];
    };
    const bundle = await bundleWorker(join(EXAMPLE, config.main), folder, "entry.js");
    const imports = Array.from(bundle.matchAll(/^import [^"]*"([^"]+)";$/gm), ([, from]) => from);
    const asked = new Set(imports.filter((from) => from !== "./kernel.wasm"));
    assertEquals([...asked].sort(), BUILT_IN.map((name) => `node:${name}`));
    assert(!/\bimport\((?!url)/.test(bundle), "nothing is loaded later");
    const [binding] = config.durable_objects.bindings;
    assertEquals(config.migrations[0].new_sqlite_classes, [binding.class_name]);
    await using workerd = await startWorkerd({
      folder,
      bindings: { DRIFTLESS_SECRET: SECRET },
      compatibilityDate: config.compatibility_date,
      compatibilityFlags: config.compatibility_flags,
      objects: { [binding.name]: binding.class_name },
    });
    const headers = { authorization: `Bearer ${await issueToken("anna", 60, SECRET)}` };
    const post = async (path: string, body: unknown) => {
      const options = { method: "POST", headers, body: JSON.stringify(body) };
      return await (await fetch(workerd.url + path, options)).json();
    };
    const { results } = await post("/_sync/push", {
      mutations: [
        { id: "m1", name: "note.create", args: { id: "n", data: { text: "Hey" } } },
        { id: "m2", name: "note.shout", args: { id: "n" } },
        { id: "m3", name: "note.create", args: { id: "o", data: { text: "" } } },
      ],
    });
    assertEquals(results.map(({ ok }: { readonly ok: boolean }) => ok), [true, true, false]);
    assertEquals((await post("/_sync/snapshot", {})).data, { note: { n: { text: "Hey!" } } });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
