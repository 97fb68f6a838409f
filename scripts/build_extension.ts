/**
 * Builds the extension for browsers into `build/extension`: a folder to load as it is, or to pack.
 *
 *     deno task extension
 */
import { dirname, join } from "node:path";
import { bundle } from "./build.ts";

const FOLDER = "ui/extension";

/** What it is made of, by name; the bridge comes along, as nothing is loaded from elsewhere. */
const MODULES: Readonly<Record<string, string>> = {
  "content.js": `${FOLDER}/content.ts`,
  "live.js": "ui/client/live.ts",
  "live_more.js": "ui/client/live_more.ts",
  "options.js": `${FOLDER}/options.ts`,
  "worker.js": `${FOLDER}/worker.ts`,
};

/** Writes the extension into a folder. */
export async function buildExtension(root: string, target: string): Promise<void> {
  await Deno.mkdir(target, { recursive: true });
  const modules = Object.entries(MODULES).map(async ([name, path]) => {
    const code = await bundle(join(root, path), `/${name}`);
    // A script of pages is no module; in a function it may also run again.
    const made = name === "content.js" ? `void (async () => {${code}})();\n` : code;
    await Deno.writeTextFile(join(target, name), made);
  });
  const files = ["manifest.json", "options.html"].map((name) =>
    Deno.copyFile(join(root, FOLDER, name), join(target, name))
  );
  await Promise.all([...modules, ...files]);
}

if (import.meta.main) {
  const root = dirname(import.meta.dirname ?? ".");
  const target = join(root, "build", "extension");
  await buildExtension(root, target);
  console.log(target);
}
