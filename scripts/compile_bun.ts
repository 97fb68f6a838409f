/**
 * What `deno task compile:bun` runs: the same bundle as an executable on Bun, for each target whose
 * base can be had from npm, with checksums, in `build/bin/`.
 *
 *     deno task compile:bun             all targets
 *     deno task compile:bun host        this machine alone
 *     deno task compile:bun linux-x64   some of them
 *
 * Exit codes: 0 all is made · 1 something is wrong · 3 the one for this machine is made and proven,
 * but the base of another target could not be had.
 */
import { join } from "node:path";
import { BASE_MISSING_CODE, type Outcome } from "./compile.ts";
import {
  BUNDLE_NAME,
  bundleProgram,
  describe,
  type Ended,
  FOLDER,
  prove,
  ROOT,
  runToEnd,
  writeChecksums,
} from "./compile_bundle.ts";

/** The package that is asked for when Bun is not installed, or in another version. */
export const BUN_VERSION = "1.4.5";

/** As Bun calls them. */
export const BUN_TARGETS: readonly string[] = [
  "linux-x64",
  "linux-arm64",
  "darwin-x64",
  "darwin-arm64",
  "windows-x64",
];

/** The name of the executable for a target. */
export function bunBinaryName(target: string): string {
  return `driftless-bun-${target}${target.includes("windows") ? ".exe" : ""}`;
}

/** What this machine is called, as a target. */
export function hostTarget(): string {
  const { os, arch } = Deno.build;
  return `${os}-${arch === "aarch64" ? "arm64" : "x64"}`;
}

/** The arguments of `bun` that make an executable. */
export function bunArgs(target: string, bundle: string, out: string): readonly string[] {
  return [
    ...["build", "--compile", `--target=bun-${target}`, `--outfile=${out}`],
    // Where it runs, a file of somebody else must not set its secret or run code before it.
    ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
    ...["--no-compile-autoload-tsconfig", "--no-compile-autoload-package-json"],
    // Parsed ahead of time: it starts in a third of the time, and stack traces stay readable.
    ...["--bytecode", "--format=esm", bundle],
  ];
}

/** The command that is Bun in the pinned version: the one that is installed, or npm's. */
export async function bunCommand(): Promise<readonly string[]> {
  try {
    const { isSuccess, output } = await runToEnd("bun", ["--version"]);
    if (isSuccess && output.trim() === BUN_VERSION) return ["bun"];
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return ["npx", "--yes", `bun@${BUN_VERSION}`];
}

/** Makes the executable for a target. The file appears when it is whole. */
export async function compileOnBun(
  bun: readonly string[],
  target: string,
  paths: { readonly bundle: string; readonly out: string },
): Promise<Ended> {
  const [program = "", ...args] = bun;
  return await runToEnd(program, [...args, ...bunArgs(target, paths.bundle, paths.out)]);
}

/** The targets that the arguments name; all of them without arguments. */
export function chosenBunTargets(args: readonly string[]): readonly string[] {
  const named = args.map((arg) => arg === "host" ? hostTarget() : arg);
  const unknown = named.find((name) => !BUN_TARGETS.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `Cannot compile for ${unknown}: the targets are ${BUN_TARGETS.join(", ")}, and host`,
    );
  }
  return named.length > 0 ? named : BUN_TARGETS;
}

async function compileFor(
  bun: readonly string[],
  target: string,
  bundle: string,
): Promise<Outcome> {
  const out = join(FOLDER, bunBinaryName(target));
  await Deno.remove(out).catch(() => {});
  const { isSuccess, output } = await compileOnBun(bun, target, { bundle, out });
  const isHost = target === hostTarget();
  // For this machine Bun takes itself; for another one it fetches that Bun.
  if (!isSuccess) return isHost ? { problem: output.trim() } : "base missing";
  const note = isHost
    ? `serves after ${(await prove([out])).toFixed(0)} ms`
    : "not run: it is for another machine";
  console.log(await describe(out, note));
  return "made";
}

async function main(args: readonly string[]): Promise<number> {
  const targets = chosenBunTargets(args);
  const bundle = join(FOLDER, BUNDLE_NAME);
  await bundleProgram(bundle);
  const bun = await bunCommand();
  let code = 0;
  for (const target of targets) {
    const outcome = await compileFor(bun, target, bundle);
    if (outcome === "made") continue;
    if (outcome === "base missing") {
      console.error(
        `Cannot compile for ${target}: Bun ${BUN_VERSION} for it could not be fetched from npm. ` +
          "On such a machine, run: deno task compile:bun host",
      );
      code = code || BASE_MISSING_CODE;
    } else {
      console.error(`Cannot compile for ${target}: ${outcome.problem}`);
      code = 1;
    }
  }
  await writeChecksums(FOLDER);
  console.log(`${FOLDER.slice(ROOT.length + 1)} has them, with their checksums`);
  return code;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
