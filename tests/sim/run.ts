/**
 * `deno task sim`: runs worlds until one breaks a promise.
 *
 *     deno task sim --seed 7               one world, with the end of its trace
 *     deno task sim --seed 7 --seeds 5000  that many, from there on, and how often each path was taken
 *     deno task sim --seeds 5000 --keep    does not stop at the first failure
 *     deno task sim --seed 7 --shrink      makes a failure smaller, for cases/
 *     deno task sim --seeds 100 --cases    and replays the failures of the past
 *     deno task sim --mutants              hunts the planted bugs of mutants.ts
 */
import { parseArgs } from "node:util";
import { hunt, MUTANTS } from "./mutants.ts";
import { type Probe, PROBES } from "./probes.ts";
import { reportOf } from "./report.ts";
import { readCases, shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string", default: "1" },
      seeds: { type: "string", default: "1" },
      keep: { type: "boolean", default: false },
      cases: { type: "boolean", default: false },
      shrink: { type: "boolean", default: false },
      mutants: { type: "boolean", default: false },
      name: { type: "string", default: "" },
    },
  });
  if (values.mutants) return await huntAll(values.name);
  const seed = Number(values.seed);
  if (values.shrink) return shrinkOne(seed);
  if (values.seeds === "1") return runOne(seed);
  return runMany(seed, Number(values.seeds), values.keep) ||
    (values.cases ? await replayCases() : 0);
}

async function replayCases(): Promise<number> {
  for (const { name, options } of await readCases()) {
    const result = simulate(options.seed, options);
    if (result.failure === null) continue;
    console.log(reportOf(result, name));
    return 1;
  }
  return 0;
}

function runOne(seed: number): number {
  const result = simulate(seed);
  console.log(reportOf(result));
  return result.failure === null ? 0 : 1;
}

function runMany(first: number, count: number, keepsGoing: boolean): number {
  const start = performance.now();
  const failures = new Map<string, number[]>();
  const probes = new Map<Probe, number>();
  for (let seed = first; seed < first + count; seed++) {
    const result = simulate(seed);
    for (const [probe, count] of result.probes) probes.set(probe, (probes.get(probe) ?? 0) + count);
    if (result.failure === null) continue;
    const { promise } = result.failure;
    failures.set(promise, [...failures.get(promise) ?? [], seed]);
    if (keepsGoing) continue;
    console.log(reportOf(result));
    return 1;
  }
  const seconds = (performance.now() - start) / 1000;
  for (const probe of PROBES) console.log(`${probes.get(probe) ?? 0} times ${probe}`);
  for (const [promise, seeds] of failures) console.log(`${promise}: ${seeds.join(" ")}`);
  console.log(`${count} seeds in ${seconds.toFixed(1)} s: ${(count / seconds).toFixed(0)}/s`);
  return failures.size === 0 ? 0 : 1;
}

function shrinkOne(seed: number): number {
  const result = simulate(seed);
  if (result.failure === null) {
    console.log(`seed ${seed} breaks nothing`);
    return 1;
  }
  const smallest = shrink(result);
  console.log(reportOf(smallest));
  const { options, failure } = smallest;
  console.log(JSON.stringify({ why: failure?.message, options }, null, 2));
  return 0;
}

/** Hunts the mutants with this in their names; every one that gets away needs its reason. */
async function huntAll(name: string): Promise<number> {
  let escaped = 0;
  for (const mutant of MUTANTS.filter((other) => other.name.includes(name))) {
    const { by, promise } = await hunt(Deno.cwd(), mutant);
    if (by !== null) console.log(`caught   ${mutant.name}: ${promise}, by ${by}`);
    else if (mutant.survives) console.log(`survives ${mutant.name}: ${mutant.survives}`);
    else console.log(`ESCAPED  ${mutant.name}`);
    if (by === null && mutant.survives === undefined) escaped++;
  }
  return escaped === 0 ? 0 : 1;
}
