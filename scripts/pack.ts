/**
 * Packs the client for npm: `build/npm/` with one module and one `.d.ts` for each source file, and a
 * tarball of it beside.
 *
 *     deno run -A scripts/pack.ts
 *
 * The entries are those of `deno.json` that run in a browser or are the client's; the server is the
 * program, which has forms of its own.
 */
import { dirname, join, relative } from "node:path";
import ts from "typescript";

/** What of `deno.json` the package is made of. */
export interface PackageSource {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
}

/** What came of it. */
export interface Packed {
  /** The folder of the package. */
  readonly folder: string;
  readonly tarball: string;
}

const ENTRY = /^\.\/(?:mod\.ts$|ui\/client\/)/;

/** Frameworks that an application brings itself, if it uses them at all. */
const PEERS: readonly string[] = ["preact", "react", "solid-js", "svelte", "vue"];

const COPIED: readonly string[] = ["CHANGELOG.md", "LICENSE", "README.md"];

/** Writes the package into `build/npm/` under the root, and its tarball into `build/`. */
export async function pack(root: string): Promise<Packed> {
  const source: PackageSource = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  const folder = join(root, "build", "npm");
  await Deno.remove(folder, { recursive: true }).catch(ignoreMissing);
  await Deno.mkdir(folder, { recursive: true });
  const packages = await emit(root, folder, entriesOf(source));
  for (const name of COPIED) await Deno.copyFile(join(root, name), join(folder, name));
  const manifest = JSON.stringify(manifestOf(source, packages), null, 2);
  await Deno.writeTextFile(join(folder, "package.json"), `${manifest}\n`);
  const tarball = join(root, "build", tarballName(source));
  await run("tar", ["-czf", tarball, "-C", folder, "--transform", "s,^[.],package,", "."]);
  return { folder, tarball };
}

/** The `package.json` of a package whose modules import these packages. */
export function manifestOf(source: PackageSource, packages: readonly string[]): object {
  const { name, version, license, imports } = source;
  const exported = entriesOf(source).map(([key, path]) => {
    const module = path.replace(/\.ts$/, "");
    return [key, { types: `${module}.d.ts`, default: `${module}.js` }] as const;
  });
  const ranges = (isChosen: (name: string) => boolean) =>
    Object.fromEntries(
      packages.filter(isChosen).map((used) => [used, rangeOf(used, imports)]),
    );
  const peers = ranges((used) => PEERS.includes(used));
  return {
    name,
    version,
    license,
    type: "module",
    sideEffects: false,
    exports: Object.fromEntries(exported),
    dependencies: ranges((used) => !PEERS.includes(used)),
    peerDependencies: peers,
    peerDependenciesMeta: Object.fromEntries(
      Object.keys(peers).map((peer) => [peer, { optional: true }]),
    ),
  };
}

function entriesOf({ exports }: PackageSource): readonly (readonly [key: string, path: string])[] {
  return Object.entries(exports).filter(([, path]) => ENTRY.test(path));
}

function rangeOf(used: string, imports: PackageSource["imports"]): string {
  const range = /^npm:@?[^@]+@([^/]+)/.exec(imports[used] ?? "")?.[1];
  if (range === undefined) throw new Error(`Cannot pack: deno.json has no version of ${used}`);
  return range;
}

/** Writes modules and types; gives the packages that they import, sorted. */
async function emit(
  root: string,
  folder: string,
  entries: readonly (readonly [key: string, path: string])[],
): Promise<readonly string[]> {
  const program = ts.createProgram(entries.map(([, path]) => join(root, path)), {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // `deno check` has done that, with the same options.
    noCheck: true,
    declaration: true,
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: true,
    rootDir: root,
    outDir: folder,
  });
  const packages = new Set<string>();
  const written: Promise<void>[] = [];
  program.emit(undefined, (path, text) => {
    if (relative(folder, path).startsWith("..")) return;
    const finished = path.endsWith(".d.ts") ? withModuleNames(text) : text;
    for (const { fileName } of ts.preProcessFile(finished).importedFiles) {
      const bare = packageOf(fileName);
      if (bare !== null) packages.add(bare);
    }
    written.push(write(path, finished));
  });
  await Promise.all(written);
  return [...packages].sort();
}

/** The compiler names modules in types as the sources do. */
function withModuleNames(types: string): string {
  return types.replace(/((?:from|import\()\s*"\.[^"]*)\.ts"/g, '$1.js"');
}

function packageOf(specifier: string): string | null {
  if (/^(?:\.|node:)/.test(specifier)) return null;
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? null;
}

async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

function tarballName({ name, version }: PackageSource): string {
  return `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`;
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args], stdin: "null" })
    .output();
  if (success) return;
  throw new Error(`Cannot pack: ${new TextDecoder().decode(stderr).trim()}`);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

if (import.meta.main) {
  const root = dirname(import.meta.dirname ?? ".");
  const { folder, tarball } = await pack(root);
  console.log(`${relative(root, folder)}/ and ${relative(root, tarball)}`);
}
