/**
 * `deno task sim`: runs worlds until one breaks a promise.
 *
 *     deno task sim --seed 7               one world, with its trace
 *     deno task sim --seed 7 --seeds 5000  that many, from there on
 */
import { parseArgs } from "node:util";
import { hunt, MUTANTS, SEEDS_DEFAULT } from "./mutants.ts";
import { reportOf } from "./report.ts";
import { simulate } from "./simulation.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string", default: "1" },
      seeds: { type: "string", default: "1" },
      keep: { type: "boolean", default: false },
      mutants: { type: "boolean", default: false },
      name: { type: "string", default: "" },
    },
  });
  if (values.mutants) return await huntAll(values.name);
  const first = Number(values.seed);
  const count = Number(values.seeds);
  const start = performance.now();
  const failures = new Map<string, number[]>();
  for (let seed = first; seed < first + count; seed++) {
    const result = simulate(seed);
    if (result.failure === null) {
      if (count === 1) console.log(result.tail.join("\n"), result.hash);
      continue;
    }
    const seeds = failures.get(result.failure.promise) ?? [];
    failures.set(result.failure.promise, [...seeds, seed]);
    if (values.keep) continue;
    console.log(reportOf(result));
    return 1;
  }
  const seconds = (performance.now() - start) / 1000;
  for (const [promise, seeds] of failures) console.log(`${promise}: ${seeds.join(" ")}`);
  console.log(`${count} seeds in ${seconds.toFixed(1)} s: ${(count / seconds).toFixed(0)}/s`);
  return failures.size === 0 ? 0 : 1;
}

/** Hunts the mutants with this in their names; every one that gets away needs its reason. */
async function huntAll(name: string): Promise<number> {
  let escaped = 0;
  for (const mutant of MUTANTS.filter((other) => other.name.includes(name))) {
    const { seed, promise } = await hunt(Deno.cwd(), mutant);
    const seeds = mutant.seeds ?? SEEDS_DEFAULT;
    if (seed !== null) console.log(`caught   ${mutant.name}: seed ${seed}, ${promise}`);
    else if (mutant.survives) console.log(`survives ${mutant.name}: ${mutant.survives}`);
    else console.log(`ESCAPED  ${mutant.name}: ${seeds} seeds`);
    if (seed === null && mutant.survives === undefined) escaped++;
  }
  return escaped === 0 ? 0 : 1;
}
