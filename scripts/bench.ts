/**
 * What `deno task bench` runs: every benchmark in tests/, one after another, each in a process of its own.
 *
 *     deno task bench           all of them
 *     deno task bench cities    those with "cities" in their path
 */
import { join } from "node:path";

const ROOT = join(import.meta.dirname ?? ".", "..");

async function* benchmarks(folder: string): AsyncIterable<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
    if (isDirectory) yield* benchmarks(join(folder, name));
    else if (name.endsWith("_bench.ts")) yield join(folder, name);
  }
}

if (import.meta.main) {
  const [wanted = ""] = Deno.args;
  const found = await Array.fromAsync(benchmarks("tests"));
  const chosen = found.filter((path) => path.includes(wanted)).sort();
  if (chosen.length === 0) {
    console.error(`Cannot find a benchmark "${wanted}": there are ${found.sort().join(", ")}`);
    Deno.exit(1);
  }
  let failed = 0;
  for (const path of chosen) {
    console.log(`\n── ${path}`);
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", path],
      cwd: ROOT,
    }).spawn().status;
    if (code !== 0) failed++;
  }
  Deno.exit(failed === 0 ? 0 : 1);
}
