/** Things measured in turn within one process, so that a busy machine slows all of them alike. */

/** One thing that is measured; `run` does it so often. */
export interface Contender {
  readonly name: string;
  run(times: number): void;
}

const ROUNDS = 41;
/** How long a round of one thing takes, in milliseconds: too short to be interrupted often. */
const ROUND_MS = 4;

/** The median nanoseconds of each, in the order given. */
export function medians(contenders: readonly Contender[]): readonly number[] {
  // The first rounds also have everything compiled for good.
  const times = contenders.map(({ run }) => {
    for (let count = 1;; count *= 2) {
      const start = performance.now();
      run(count);
      if (performance.now() - start > ROUND_MS) return count;
    }
  });
  const rounds = contenders.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { run }] of contenders.entries()) {
      const count = times[index] as number;
      const start = performance.now();
      run(count);
      rounds[index]?.push((performance.now() - start) * 1e6 / count);
    }
  }
  return rounds.map((figures) => figures.sort((a, b) => a - b)[figures.length >> 1] as number);
}

/** Something that is done again and again. */
export function contender(name: string, once: () => unknown): Contender {
  return {
    name,
    run(times) {
      for (let left = times; left > 0; left--) once();
    },
  };
}
