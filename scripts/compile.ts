/**
 * What `deno task compile` runs: bundles the program once, proves the bundle, and makes an
 * executable of it for each target, with checksums, in `build/bin/`.
 *
 *     deno task compile                            all targets
 *     deno task compile x86_64-unknown-linux-gnu   some of them
 *
 * Exit codes: 0 all is made · 1 something is wrong · 3 the bundle is made and proven, but the base
 * binary of a target, Deno's `denort`, is neither here nor to be had; what is needed is printed.
 */
import { join } from "node:path";
import {
  BUNDLE_NAME,
  bundleCommand,
  bundleProgram,
  describe,
  FOLDER,
  PERMISSIONS,
  prove,
  ROOT,
  runToEnd,
  writeChecksums,
} from "./compile_bundle.ts";

/** As Deno calls them. */
export const TARGETS: readonly string[] = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];

/** The exit code when a base binary is missing and all else is well. */
export const BASE_MISSING_CODE = 3;

/** How making one executable went. */
export type Outcome = "made" | "base missing" | { readonly problem: string };

/** The name of the executable for a target. */
export function binaryName(target: string): string {
  return `driftless-${target}${target.includes("windows") ? ".exe" : ""}`;
}

/** Makes an executable of a bundle. */
export async function compile(
  target: string,
  paths: { readonly bundle: string; readonly out: string },
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const args = [
    ...["compile", "--no-config", "--no-lock", "--no-check", "--app-name", "driftless"],
    ...[...PERMISSIONS, "--target", target, "--output", paths.out, paths.bundle],
  ];
  const { isSuccess, output } = await runToEnd(Deno.execPath(), args, env);
  if (isSuccess) return "made";
  return /base binary|denort/.test(output) ? "base missing" : { problem: output.trim() };
}

/** Where Deno looks for the base binary of a target before it downloads it. */
export function basePath(target: string, version: string, denoDir: string): string {
  return join(denoDir, "dl", "release", `v${version}`, `denort-${target}.zip`);
}

/** How to bring the base binaries that could not be downloaded. */
export function howToPlace(targets: readonly string[], version: string, denoDir: string): string {
  const lines = targets.map((target) => `  ${basePath(target, version, denoDir)}`);
  return `Cannot compile for ${targets.join(", ")}: the base binary is not here and could not be ` +
    `downloaded. Take the archive of the same name from Deno's release v${version} and put it, ` +
    `as it is, at\n${lines.join("\n")}\n` +
    "or unpack it and name what is in it, for one target at a time:\n" +
    `  DENORT_BIN=/path/to/denort deno task compile ${targets[0]}`;
}

/** The targets that the arguments name; all of them without arguments. */
export function chosenTargets(args: readonly string[], hasOwnBase: boolean): readonly string[] {
  const unknown = args.find((arg) => !TARGETS.includes(arg));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot compile for ${unknown}: the targets are ${TARGETS.join(", ")}`);
  }
  // Deno takes that file for every target, and asks nothing.
  if (hasOwnBase && args.length !== 1) {
    throw new TypeError("Cannot use DENORT_BIN for several targets: name the one that it is for");
  }
  return args.length > 0 ? args : TARGETS;
}

async function compileFor(target: string, bundle: string): Promise<Outcome> {
  const out = join(FOLDER, binaryName(target));
  const outcome = await compile(target, { bundle, out });
  if (outcome !== "made") return outcome;
  if (target !== Deno.build.target) {
    console.log(await describe(out, "not run: it is for another machine"));
    return outcome;
  }
  const ms = await prove([out]);
  console.log(await describe(out, `serves after ${ms.toFixed(0)} ms`));
  return outcome;
}

async function denoDir(): Promise<string> {
  const { isSuccess, output } = await runToEnd(Deno.execPath(), ["info", "--json"]);
  const text = output.slice(output.indexOf("{"));
  return isSuccess ? JSON.parse(text).denoDir : "DENO_DIR";
}

async function main(args: readonly string[]): Promise<number> {
  const targets = chosenTargets(args, Deno.env.has("DENORT_BIN"));
  const bundle = join(FOLDER, BUNDLE_NAME);
  await bundleProgram(bundle);
  const ms = await prove(bundleCommand(bundle));
  console.log(await describe(bundle, `with no configuration, serves after ${ms.toFixed(0)} ms`));
  const missing: string[] = [];
  let isWrong = false;
  for (const target of targets) {
    await Deno.remove(join(FOLDER, binaryName(target))).catch(() => {});
    const outcome = await compileFor(target, bundle);
    if (outcome === "base missing") missing.push(target);
    else if (outcome !== "made") {
      isWrong = true;
      console.error(`Cannot compile for ${target}: ${outcome.problem}`);
    }
  }
  await writeChecksums(FOLDER);
  console.log(`${FOLDER.slice(ROOT.length + 1)} has them, with their checksums`);
  if (missing.length > 0) {
    console.error(howToPlace(missing, Deno.version.deno, await denoDir()));
  }
  return isWrong ? 1 : missing.length > 0 ? BASE_MISSING_CODE : 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
