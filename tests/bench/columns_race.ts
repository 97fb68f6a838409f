/** Contenders in turn, some of which take their own time: medians, and medians of ratios. */
import type { Contender } from "./rounds.ts";

/** A contender that says how many nanoseconds it took for so many times. */
export interface Timed {
  readonly name: string;
  time(times: number): number;
}

/** What a race gives, by contender. */
export interface Figures {
  /** Median nanoseconds. */
  readonly ns: Readonly<Record<string, number>>;
  /** How many times as long as the first one it takes: the median of the rounds. */
  readonly ratios: Readonly<Record<string, number>>;
}

const ROUNDS = 41;
/** How long a round of one contender takes, in nanoseconds: too short to be interrupted often. */
const ROUND_NS = 4e6;
/** How long each loop runs beforehand, in milliseconds: engines compile it again and again. */
const WARM_UP_MS = 60;

/** A contender, and a clock. */
export function timedOf({ name, run }: Contender): Timed {
  return {
    name,
    time(times) {
      const start = performance.now();
      run(times);
      return (performance.now() - start) * 1e6;
    },
  };
}

/** Has all of them run in turn. A ratio is one of the same round, which is busy for both. */
export function race(contenders: readonly Timed[]): Figures {
  const times = contenders.map((it) => {
    for (const start = performance.now(); performance.now() - start < WARM_UP_MS;) it.time(1);
    let count = 1;
    while (it.time(count) < ROUND_NS) count *= 2;
    return count;
  });
  const rounds = Array.from({ length: ROUNDS }, () =>
    contenders.map((it, at) => {
      const count = times[at] as number;
      return it.time(count) / count;
    }));
  const [ns, ratios]: [Record<string, number>, Record<string, number>] = [{}, {}];
  for (const [at, { name }] of contenders.entries()) {
    ns[name] = median(rounds.map((figures) => figures[at] as number));
    ratios[name] = median(rounds.map((figures) => figures[at] as number / (figures[0] as number)));
  }
  return { ns, ratios };
}

function median(figures: number[]): number {
  return figures.sort((one, other) => one - other)[figures.length >> 1] as number;
}
