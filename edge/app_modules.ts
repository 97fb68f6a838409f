/**
 * Gives app files, wherever they are, the modules that this program has inside: with no network, no
 * `node_modules` and no configuration `import … from "@driftless/driftless"` is the program's own.
 *
 * A module that is loaded stays loaded, in every runtime. So that an edited file is read again, each
 * reload names the app's files anew (Deno: `?edition=2`), or forgets them (Bun).
 */
import nodeModule from "node:module";
import { dirname, sep } from "node:path";
import { pathToFileURL } from "node:url";

/** What a module exports, by name. */
export type ModuleExports = Readonly<Record<string, unknown>>;

/** As much as is used of `Bun.plugin`. */
interface BunPlugins {
  plugin(plugin: {
    readonly name: string;
    setup(build: {
      module(name: string, load: () => { exports: ModuleExports; loader: "object" }): void;
    }): void;
  }): void;
}

const SCHEME = "driftless:";
/** Where the source of a provided module finds what it exports. */
const PROVIDED = Symbol.for("driftless.provided");
const EDITION = /[?&]edition=(\d+)$/;

type Provided = Readonly<Record<string, ModuleExports>>;

let edition = 1;
let provide: () => Promise<void> = () => Promise.resolve();

/** Provides modules, by specifier, to everything that is imported once {@linkcode modulesReady}. */
export function provideModules(load: () => Promise<Provided>): void {
  let done: Promise<void> | undefined;
  provide = () => done ??= load().then(install);
}

/** Resolves when app files find what the program provides, if it provides anything. */
export function modulesReady(): Promise<void> {
  return provide();
}

/** The URL under which a file is loaded; `isAgain` has it read anew, with what it imports. */
export function moduleUrl(path: string, isAgain: boolean): string {
  const { href } = pathToFileURL(path);
  if (!isAgain) return href;
  if ("Bun" in globalThis) {
    forgetOnBun(dirname(path));
    return href;
  }
  edition++;
  return `${href}?edition=${edition}`;
}

function install(modules: Provided): void {
  const bun = (globalThis as { Bun?: BunPlugins }).Bun;
  if (bun !== undefined) return provideOnBun(bun, modules);
  (globalThis as { [PROVIDED]?: Provided })[PROVIDED] = modules;
  registerHooks(modules);
}

function registerHooks(known: Provided): void {
  nodeModule.registerHooks({
    resolve(specifier, context, next) {
      if (Object.hasOwn(known, specifier)) {
        const url = SCHEME + encodeURIComponent(specifier);
        return { url, format: "module", shortCircuit: true };
      }
      const found = next(specifier, context);
      const parent = EDITION.exec(context.parentURL ?? "")?.[1];
      const isOwn = found.url.startsWith("file:") && !found.url.includes("/node_modules/");
      if (parent === undefined || !isOwn || found.url.includes("?")) return found;
      return { ...found, url: `${found.url}?edition=${parent}` };
    },
    load(url, context, next) {
      if (!url.startsWith(SCHEME)) return next(url, context);
      const name = decodeURIComponent(url.slice(SCHEME.length));
      const source = sourceOf(name, Object.keys(known[name] ?? {}));
      return { format: "module", shortCircuit: true, source };
    },
  });
}

/** A module that exports what the program holds; `as` lets a name be a reserved word. */
function sourceOf(name: string, names: readonly string[]): string {
  const lines = names.map((it, i) =>
    `const e${i} = m[${JSON.stringify(it)}]; export { e${i} as ${it} };`
  );
  const held = `globalThis[Symbol.for("driftless.provided")][${JSON.stringify(name)}]`;
  return [`const m = ${held};`, ...lines].join("\n");
}

function provideOnBun(bun: BunPlugins, modules: Provided): void {
  bun.plugin({
    name: "driftless",
    setup(build) {
      for (const [name, exports] of Object.entries(modules)) {
        build.module(name, () => ({ exports, loader: "object" }));
      }
    },
  });
}

/** Only what lies with the app: the program's own modules stay. */
function forgetOnBun(folder: string): void {
  const { cache } = nodeModule.createRequire(import.meta.url);
  for (const path of Object.keys(cache)) {
    if (path.startsWith(folder + sep) && !path.includes("node_modules")) delete cache[path];
  }
}
