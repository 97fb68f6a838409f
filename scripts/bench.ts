/**
 * What `deno task bench` runs: the comparison with other systems, and benchmarks of single parts.
 *
 *     deno task bench            the comparison: one table, tests/bench/results.json and results.svg
 *     deno task bench --quick    the same with less of everything; writes no file
 *     deno task bench writes     the rows of one group of the comparison
 *     deno task bench cities     the benchmarks of parts with "cities" in their path
 *
 * Peers are installed from npm when they are first needed, into `build/bench`. A part's benchmark
 * (`*_bench.ts` in tests/) runs in a process of its own.
 */
import { join } from "node:path";
import { groups } from "../tests/bench/comparison.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
const TABLE = "tests/bench/table.ts";

if (import.meta.main) {
  const words = Deno.args.filter((arg) => !arg.startsWith("--"));
  const parts = (await Array.fromAsync(partsIn("tests"))).sort();
  const isGroup = (word: string) => groups.some((group) => group.word === word);
  const chosen = parts.filter((path) => words.some((word) => path.includes(word)));
  const unknown = words.filter((word) =>
    !isGroup(word) && !parts.some((path) => path.includes(word))
  );
  if (unknown.length > 0) {
    const known = [...new Set(groups.map(({ word }) => word)), ...parts];
    console.error(`Cannot find a benchmark "${unknown[0]}": there are ${known.join(", ")}`);
    Deno.exit(1);
  }
  let failed = 0;
  const wanted = Deno.args.filter((arg) => arg.startsWith("--") || isGroup(arg));
  if (words.length === 0 || words.some(isGroup)) failed += await run(TABLE, wanted);
  for (const path of chosen) {
    console.log(`\n── ${path}`);
    failed += await run(path, []);
  }
  Deno.exit(failed === 0 ? 0 : 1);
}

/** Benchmarks of single parts. */
async function* partsIn(folder: string): AsyncIterable<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
    if (isDirectory) yield* partsIn(join(folder, name));
    else if (name.endsWith("_bench.ts")) yield join(folder, name);
  }
}

/** 1 when it fails, else 0. */
async function run(path: string, args: readonly string[]): Promise<number> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", path, ...args],
    cwd: ROOT,
  }).spawn().status;
  return code === 0 ? 0 : 1;
}
