/** What a person needs to see when a world has broken a promise. */
import type { SimResult } from "./simulation.ts";

/** The report of a failure: what broke, in which world, how it came about, how to see it again. */
export function reportOf({ options, failure, hash, tail }: SimResult): string {
  return [
    `seed ${options.seed} broke "${failure?.promise}" (trace ${hash})`,
    JSON.stringify(options),
    ...tail,
    failure?.message ?? "",
    `deno task sim --seed ${options.seed}`,
  ].join("\n");
}
