/** Makes a failing world smaller: every fault, client and delay that the failure does not need goes. */
import { type SimOptions, TREELESS } from "./options.ts";
import { type SimResult, simulate } from "./simulation.ts";

/** A failure as it is kept in `cases/`: all options, so that a change of what seeds draw spares it. */
export interface Case {
  /** What went wrong. */
  readonly why: string;
  readonly options: SimOptions;
}

/** The options that each step tries to do without. */
const WITHOUT: readonly Partial<SimOptions>[] = [
  { scopes: 1 },
  { burstChance: 0 },
  { notes: false },
  { blobRows: 0 },
  { flood: false },
  { latencyMs: 0 },
  { clogChance: 0 },
  { cutMeanMs: 0 },
  { halfOpenChance: 0 },
  { httpLossChance: 0 },
  { httpTwiceChance: 0 },
  { lateAnswers: false },
  { pullLimit: 1000 },
  { offlineMeanMs: 0 },
  { clientCrashMeanMs: 0 },
  { adoptChance: 0 },
  { evictMeanMs: 0 },
  { storageDelayMs: 1 },
  { storageFailChance: 0 },
  { groupDelayMs: 0 },
  { pokesFirst: false },
  { unheardChance: 0 },
  { serverCrashMeanMs: 0 },
  { commitCrashChance: 0 },
  { storeFailChance: 0 },
  { trimMeanMs: 0 },
  { restoreMeanMs: 0 },
  { skewMs: 0 },
  { clockJumpMeanMs: 0 },
  { accessFlipMeanMs: 0 },
  { curateChance: 0 },
  { damageMeanMs: 0 },
  { garbleChance: 0 },
  { busyChance: 0 },
  { stock: 0 },
];

/** The cases that are kept. */
export async function readCases(): Promise<readonly (Case & { readonly name: string })[]> {
  const folder = new URL("cases/", import.meta.url);
  const cases: (Case & { readonly name: string })[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const { why, options }: Case = JSON.parse(await Deno.readTextFile(new URL(name, folder)));
    // The older ones know of no trees.
    cases.push({ why, options: { ...TREELESS, ...options }, name });
  }
  return cases;
}

/** The smallest failure of the same promise that is found by leaving out one thing after another. */
export function shrink(failed: SimResult): SimResult {
  let best = failed;
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const smaller of smallerThan(best.options)) {
      const result = simulate(smaller.seed, smaller);
      if (result.failure?.promise !== best.failure?.promise) continue;
      best = result;
      isSmaller = true;
      break;
    }
  }
  return best;
}

function* smallerThan(options: SimOptions): Iterable<SimOptions> {
  const { transports, durationMs } = options;
  for (let i = 0; i < transports.length && transports.length > 1; i++) {
    yield { ...options, transports: transports.toSpliced(i, 1) };
  }
  for (const without of WITHOUT) {
    const smaller = { ...options, ...without };
    if (JSON.stringify(smaller) !== JSON.stringify(options)) yield smaller;
  }
  if (options.kernel === "steep") yield { ...options, kernel: "weak" };
  if (options.kernel === "weak") yield { ...options, kernel: "true" };
  if (options.kernel !== "none") yield { ...options, ...TREELESS };
  for (const part of [0.5, 0.8]) {
    const shorter = Math.floor(durationMs * part);
    if (shorter > 500) yield { ...options, durationMs: shorter };
  }
}
