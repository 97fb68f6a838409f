/**
 * Generates `core/wire/messages_gen.js` and its types from `core/wire/messages.proto`.
 *
 *     deno run -A scripts/build_proto.ts [--check]
 *
 * With `--check` nothing is written: the run fails if the committed files are not what the schema
 * gives. The generator is no dependency of Driftless: it runs in a folder of its own, with versions
 * pinned by `scripts/proto.lock`, so that nobody else downloads its 53 packages.
 */
import { dirname, join } from "node:path";

/** The two generated texts. */
export interface GeneratedCodec {
  readonly code: string;
  readonly types: string;
}

const GENERATOR = "npm:protobufjs-cli@2.7.1/pbjs";

const FLAGS: readonly string[] = [
  ...["--target", "static-module", "--wrap", "esm", "--root", "driftless"],
  ...["--no-verify", "--no-convert", "--no-delimited", "--no-typeurl", "--force-number"],
];

const LONG_ZERO = /\$util\.Long \? \$util\.Long\.fromBits\(0, ?0, ?(?:true|false)\) : 0\b/g;

const LONG_READ = /\breader\.(u?int64|sint64|s?fixed64)\(\)/g;

const LONG_GUARD = `const $number = (value) => typeof value === "object" ? value.toNumber() : value;
`;

export async function generateCodec(schema: string): Promise<GeneratedCodec> {
  const folder = await Deno.makeTempDir({ prefix: "driftless_proto_" });
  try {
    await Deno.copyFile(schema, join(folder, "messages.proto"));
    // The writer of the types finds its own files through a `node_modules` folder only.
    await Deno.writeTextFile(join(folder, "deno.json"), '{ "nodeModulesDir": "auto" }');
    // The types are made from the comments, which the shipped code does without.
    await runGenerator(folder, ["--dts", "--out", "typed.js"]);
    await runGenerator(folder, ["--no-comments", "--out", "bare.js"]);
    return {
      code: finishedCode(await Deno.readTextFile(join(folder, "bare.js"))),
      types: finishedTypes(await Deno.readTextFile(join(folder, "typed.d.ts"))),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Points at the types, and makes 64-bit fields plain numbers: the flag of the generator does so for
 * their types alone. Beyond 2^53 the number is not exact; the codec above refuses it there.
 */
export function finishedCode(generated: string): string {
  const wrapped = generated.replace(LONG_ZERO, "0").replace(LONG_READ, "$number(reader.$1())");
  const imports = /^import .*\n/m;
  if (!imports.test(wrapped)) throw new Error("Cannot finish the codec: it has no import");
  const guarded = wrapped.includes("$number(")
    ? wrapped.replace(imports, (line) => `${line}\n${LONG_GUARD}`)
    : wrapped;
  if (/\$util\.[Ll]ong/.test(guarded)) {
    throw new Error("Cannot finish the codec: a 64-bit field is left that is no plain number");
  }
  return `// @ts-self-types="./messages_gen.d.ts"\n${guarded}`;
}

/** Drops the import of a package that no 64-bit field needs once it is a number. */
export function finishedTypes(generated: string): string {
  const line = /^import Long = require\("long"\);\n/m;
  const bare = generated.replace(line, "");
  return /\bLong\b/.test(bare) ? generated : bare;
}

async function runGenerator(folder: string, flags: readonly string[]): Promise<void> {
  const lock = join(import.meta.dirname ?? ".", "proto.lock");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--config=deno.json"],
      ...[`--lock=${lock}`, "--frozen", GENERATOR],
      ...[...FLAGS, ...flags, "messages.proto"],
    ],
    cwd: folder,
    stdin: "null",
  }).output();
  if (success) return;
  throw new Error(`Cannot generate the codec: ${new TextDecoder().decode(stderr).trim()}`);
}

async function textOrEmpty(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const folder = join(dirname(import.meta.dirname ?? "."), "core", "wire");
  const { code, types } = await generateCodec(join(folder, "messages.proto"));
  let stale = 0;
  for (const [name, text] of [["messages_gen.js", code], ["messages_gen.d.ts", types]] as const) {
    if (await textOrEmpty(join(folder, name)) === text) continue;
    stale += 1;
    if (!args.includes("--check")) await Deno.writeTextFile(join(folder, name), text);
    console.log(args.includes("--check") ? `core/wire/${name} is stale` : `core/wire/${name}`);
  }
  if (stale === 0) console.log("The codec is what the schema gives");
  if (stale === 0 || !args.includes("--check")) return 0;
  console.log("Run `deno task proto` and commit the files");
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
