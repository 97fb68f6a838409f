/** What a person needs to see of a world. */
import type { SimResult } from "./simulation.ts";

/** What broke, in which world, how it came about, and how to see it again. */
export function reportOf(
  { options, failure, hash, tail }: SimResult,
  name = `seed ${options.seed}`,
): string {
  const verdict = failure === null ? "kept every promise" : `broke "${failure.promise}"`;
  return [
    `${name} ${verdict} (trace ${hash})`,
    JSON.stringify(options),
    ...tail,
    ...(failure === null ? [] : [failure.message]),
    `deno task sim --seed ${options.seed}`,
  ].join("\n");
}
