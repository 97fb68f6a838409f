/** Scripts of test pages, each bundled once in a run. */
import { join, resolve } from "node:path";

const FOLDER = import.meta.dirname ?? ".";
const ROOT = join(FOLDER, "..", "..");
const bundles = new Map<string, Promise<string>>();

/** The script of a page as one module that a browser can load. A name is one of this folder. */
export function bundledPage(name: string): Promise<string> {
  const path = resolve(FOLDER, name);
  let bundle = bundles.get(path);
  if (bundle === undefined) bundles.set(path, bundle = bundled(path));
  return bundle;
}

async function bundled(path: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", path],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
