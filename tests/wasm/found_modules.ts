/** WebAssembly modules that other people's compilers made: those of the packages in node_modules. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** A module that was found. */
export interface FoundModule {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const PACKAGES = new URL("../../node_modules/.deno", import.meta.url).pathname;
/** Packages that keep modules in their scripts, in base 64. */
const SCRIPTED = /^(?:hash-wasm|es-module-lexer|undici)@/;
const ENCODED = /AGFzbQ[A-Za-z0-9+/]{20,}={0,2}/g;
/** Larger scripts hold the same again. */
const SCRIPT_BYTES_MAX = 1024 * 1024;

/** The kernel's, and what is in packages, each once. */
export async function* foundModules(): AsyncIterable<FoundModule> {
  const kernel = new URL("../../wasm/kernel.wasm", import.meta.url);
  yield { name: "kernel.wasm", bytes: await bytesOf(kernel) };
  const seen = new Set<string>();
  for (const entry of await readdir(PACKAGES, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const folder = entry.name;
    for await (const path of filesIn(join(PACKAGES, folder), SCRIPTED.test(folder) ? 6 : 5)) {
      if (path.endsWith(".wasm")) yield { name: path, bytes: await bytesOf(path) };
      else if (SCRIPTED.test(folder) && /(?<!umd\.min)\.m?js$/.test(path)) {
        const { size } = await stat(path);
        if (size > SCRIPT_BYTES_MAX) continue;
        for (const [text] of (await readFile(path, "utf8")).matchAll(ENCODED)) {
          if (seen.has(text)) continue;
          seen.add(text);
          yield { name: path, bytes: Uint8Array.from(atob(text), (it) => it.charCodeAt(0)) };
        }
      }
    }
  }
}

async function* filesIn(folder: string, depth: number): AsyncIterable<string> {
  if (depth === 0) return;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path, depth - 1);
    else if (entry.isFile()) yield path;
  }
}

async function bytesOf(path: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(path));
}
