/**
 * What one change costs a query that is kept up to date, against filtering and sorting all rows again.
 * Both sides take turns on the same changes; a ratio says how many times less the query costs.
 *
 *     deno task bench query
 */
import { compareText } from "../../core/json.ts";
import { type Item, Stage } from "../client/query_stage.ts";

/** One way to have the rows after a change. */
interface Contender {
  readonly name: string;
  /** Takes in that something changed, and gives the rows. */
  readonly rows: () => readonly unknown[];
}

const SIZES: readonly number[] = [1_000, 10_000, 100_000];
const LIMIT = 20;
const ROUNDS = 5;
/** Changes in one round; the naive side pays for each of them, so there are fewer of more rows. */
const changesOf = (size: number): number => Math.max(5, 200_000 / size);

const isOpen = ({ done }: Item): boolean => !done;
const byRank = (a: Item, b: Item): number => a.rank - b.rank;

function item(at: number, size: number): Item {
  // Spread, so that neighbours in the list are not neighbours by id.
  return { title: `Item ${at}`, rank: at * 7_919 % size, done: at % 4 === 0 };
}

function idOf(at: number): string {
  return `r${at.toString().padStart(6, "0")}`;
}

function naive(stage: Stage, limit: number): readonly unknown[] {
  return stage.all()
    .filter(([, item]) => isOpen(item))
    .sort(([idA, a], [idB, b]) => byRank(a, b) || compareText(idA, idB))
    .slice(0, limit);
}

/** Medians of microseconds for one change, by contender. */
function measure(size: number): readonly (readonly [name: string, us: number])[] {
  const stage = new Stage();
  stage.replace(Array.from({ length: size }, (_, at) => [idOf(at), item(at, size)] as const));
  const limited = stage.query({ where: isOpen, orderBy: byRank, limit: LIMIT });
  const whole = stage.query({ where: isOpen, orderBy: byRank });
  limited.subscribe(() => {});
  whole.subscribe(() => {});
  const contenders: readonly Contender[] = [
    { name: "both queries, unread", rows: () => [] },
    { name: `query, first ${LIMIT} read`, rows: () => limited.peek() },
    { name: "query, all read", rows: () => whole.peek() },
    { name: `naive, first ${LIMIT}`, rows: () => naive(stage, LIMIT) },
  ];
  const times = contenders.map((): number[] => []);
  let changes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const [place, { rows }] of contenders.entries()) {
      const start = performance.now();
      const count = changesOf(size);
      for (let n = 0; n < count; n++) {
        const at = ++changes * 104_729 % size;
        stage.confirm([{ id: idOf(at), after: item((at + changes) % size, size) }]);
        rows();
      }
      times[place]?.push((performance.now() - start) * 1_000 / count);
    }
  }
  return contenders.map(({ name }, place) => [name, median(times[place] ?? [])]);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function main(): void {
  // The first round would measure the compiler.
  measure(SIZES[0] ?? 0);
  console.log(`µs for one change of one record, medians of ${ROUNDS} rounds; "×" less than naive`);
  for (const size of SIZES) {
    const figures = measure(size);
    const slowest = figures.at(-1)?.[1] ?? 0;
    for (const [name, us] of figures) {
      const ratio = us === slowest ? "" : `${(slowest / us).toFixed(1).padStart(9)}×`;
      const rows = `${size}`.padStart(7);
      console.log(`${rows} rows  ${name.padEnd(22)} ${us.toFixed(1).padStart(10)}${ratio}`);
    }
  }
}

if (import.meta.main) main();
