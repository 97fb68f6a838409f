/**
 * The pages of an app: the files of its folder `public`, and the modules that the app file is made
 * of, for browsers.
 *
 *     app.ts              /app.ts, without types     ← the app file and what it imports, no other
 *     public/index.html   /
 *     public/page.ts      /page.ts, without types, where "../app.ts" is /app.ts
 *
 * A file is served when its type is one of the web's and no part of its path begins with a dot: a
 * data file, a configuration and a key never are.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { assetOf } from "./asset.ts";
import { browserModule, refusal } from "./browser_module.ts";
import type { Asset } from "./handler.ts";
import type { Log } from "./log.ts";

/** Where the pages of an app are. */
export interface PageFolders {
  /** The app file. */
  readonly app: string;
  /** The folder of the pages; undefined when there is none. */
  readonly folder: string | undefined;
}

/** Finds what is at a path, or undefined. */
export type PageFinder = (path: string) => Promise<Asset | undefined>;

/** Bytes of one file; a video belongs elsewhere. */
export const PAGE_BYTES_MAX = 16 * 1024 * 1024;
const SCRIPT = "text/javascript; charset=utf-8";

const TYPES: Readonly<Record<string, string>> = {
  ".avif": "image/avif",
  ".css": "text/css; charset=utf-8",
  ".gif": "image/gif",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": SCRIPT,
  ".json": "application/json",
  ".mjs": SCRIPT,
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".ts": SCRIPT,
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

/** The folder of an app's pages unless one is named. */
export function pageFolderOf(app: string): string | undefined {
  const folder = join(dirname(resolve(app)), "public");
  return existsSync(folder) ? folder : undefined;
}

/** Serves the pages of an app; files are read anew when they have changed. */
export function createPages({ app, folder }: PageFolders, log: Log): PageFinder {
  const files = new PageFiles(log);
  const home = dirname(resolve(app));
  return async (path) => {
    const name = nameOf(path);
    if (name === undefined) return undefined;
    if (folder !== undefined) {
      const asset = await files.read(folder, name);
      if (asset !== undefined) return asset;
    }
    if (TYPES[extname(name)] !== SCRIPT) return undefined;
    const modules = await modulesOf(files, home, basename(app));
    return modules.has(name) ? (await files.read(home, name, true)) : undefined;
  };
}

/** Every page of an app by its path, with the modules that it is made of: all that a finder finds. */
export async function allPages(
  { app, folder }: PageFolders,
  log: Log,
): Promise<Readonly<Record<string, Asset>>> {
  const files = new PageFiles(log);
  const home = dirname(resolve(app));
  const found: Record<string, Asset> = {};
  for (const name of await modulesOf(files, home, basename(app))) {
    const asset = await files.read(home, name, true);
    if (asset !== undefined) found[pathOf(name)] = asset;
  }
  if (folder === undefined) return found;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const name = relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, "/");
    const path = pathOf(name);
    const asset = nameOf(path) === name ? await files.read(folder, name) : undefined;
    if (asset === undefined) continue;
    found[path] = asset;
    if (entry.name === "index.html") found[path.slice(0, -"index.html".length)] = asset;
  }
  return found;
}

/** The URL path that a file has, as browsers ask for it. */
function pathOf(name: string): string {
  return new URL(`http://a/${name.replace(/[%?#]/g, encodeURIComponent)}`).pathname;
}

/** The file name that a URL path stands for; undefined when it stands for none. */
function nameOf(path: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return undefined;
  }
  const name = (decoded.endsWith("/") ? `${decoded}index.html` : decoded).slice(1);
  const isBad = (part: string) =>
    part === "" || part.startsWith(".") || part === "node_modules" || /[\0\\:]/.test(part);
  return name.split("/").some(isBad) || !Object.hasOwn(TYPES, extname(name)) ? undefined : name;
}

/** The names of the modules that the app file is made of, all in its own folder. */
async function modulesOf(files: PageFiles, home: string, first: string): Promise<Set<string>> {
  const names = new Set([first]);
  for (const name of names) {
    for (const specifier of await files.imports(home, name)) {
      const path = join(dirname(name), specifier);
      if (nameOf(`/${path.replaceAll(sep, "/")}`) !== undefined) {
        names.add(path.replaceAll(sep, "/"));
      }
    }
  }
  return names;
}

interface PageFile {
  /** Which version of the file this is. */
  readonly version: string;
  readonly asset: Asset;
  readonly imports: readonly string[];
}

/** Files that were read, until they change. */
class PageFiles {
  readonly #log: Log;
  readonly #known = new Map<string, PageFile>();

  constructor(log: Log) {
    this.#log = log;
  }

  async read(folder: string, name: string, isApp = false): Promise<Asset | undefined> {
    return (await this.#file(folder, name, isApp))?.asset;
  }

  async imports(folder: string, name: string): Promise<readonly string[]> {
    return (await this.#file(folder, name, true))?.imports ?? [];
  }

  async #file(folder: string, name: string, isApp: boolean): Promise<PageFile | undefined> {
    const path = join(folder, name);
    let version: string;
    try {
      // A link out of the folder is no part of it.
      const [root, real] = await Promise.all([realpath(folder), realpath(path)]);
      const { size, mtimeMs, isFile } = await factsOf(real);
      if (!real.startsWith(root + sep) || !isFile || size > PAGE_BYTES_MAX) return undefined;
      version = `${real} ${mtimeMs} ${size}`;
    } catch {
      this.#known.delete(path);
      return undefined;
    }
    const known = this.#known.get(path);
    if (known?.version === version) return known;
    const file = await this.#load(path, name, version, isApp);
    this.#known.set(path, file);
    return file;
  }

  async #load(path: string, name: string, version: string, isApp: boolean): Promise<PageFile> {
    const type = TYPES[extname(name)] ?? SCRIPT;
    const bytes = new Uint8Array(await readFile(path));
    if (type !== SCRIPT) return { version, asset: assetOf(type, bytes), imports: [] };
    const made = await browserModule(new TextDecoder().decode(bytes), name);
    const outside = isApp
      ? made.files.find((file) => join(dirname(name), file).startsWith(".."))
      : undefined;
    const module = outside === undefined
      ? made
      : refusal(name, `it imports "${outside}", which is not in the folder of the app file`);
    if (module.problem !== undefined) this.#log.error("page failed", { error: module.problem });
    return { version, asset: assetOf(type, module.body), imports: module.files };
  }
}

async function factsOf(path: string) {
  const facts = await stat(path);
  return { size: facts.size, mtimeMs: facts.mtimeMs, isFile: facts.isFile() };
}
