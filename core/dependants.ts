/** Which pending mutations could come out differently when rows move, through others as well. */

/** What a run of a mutation touched. */
export interface Footprint {
  /** Keys of rows that it read. */
  readonly reads: ReadonlySet<string>;
  /** Rows that it wrote, by key. */
  readonly writes: ReadonlyMap<string, { readonly entity: string }>;
  /** Collections that it read as a whole. */
  readonly scans: ReadonlySet<string>;
}

/**
 * The runs to repeat when these rows have moved: those that touched one of them, those that touched
 * what such a run touched, and so on. What is left shares no row with them, so that it can stay.
 */
export function dependants<Run extends Footprint>(
  runs: readonly Run[],
  moved: ReadonlyMap<string, { readonly entity: string }>,
): ReadonlySet<Run> {
  const found = new Set<Run>();
  const rows = new Set(moved.keys());
  const entities = new Set(Array.from(moved.values(), ({ entity }) => entity));
  const scanned = new Set<string>();
  const isAffected = ({ reads, writes, scans }: Run) =>
    someOf(reads, rows) || someOf(scans, entities) ||
    writes.entries().some(([key, { entity }]) => rows.has(key) || scanned.has(entity));
  // A run that is found may tie in an earlier one: again, until nothing is added.
  for (let before = -1; before < found.size;) {
    before = found.size;
    for (const run of runs) {
      if (found.has(run) || !isAffected(run)) continue;
      found.add(run);
      for (const key of run.reads) rows.add(key);
      for (const [key, { entity }] of run.writes) {
        rows.add(key);
        entities.add(entity);
      }
      for (const entity of run.scans) scanned.add(entity);
    }
  }
  return found;
}

/** Counts what a set of runs touches, to tell in a moment that something is outside of it. */
export class FootprintIndex {
  readonly #rows = new Map<string, number>();
  readonly #scanned = new Map<string, number>();
  readonly #written = new Map<string, number>();

  add(run: Footprint): void {
    this.#count(run, 1);
  }

  remove(run: Footprint): void {
    this.#count(run, -1);
  }

  /** True when a run in the set touched one of the rows, or read one of their collections as a whole. */
  isTouchedBy(moved: ReadonlyMap<string, { readonly entity: string }>): boolean {
    return moved.entries().some(([key, { entity }]) =>
      this.#rows.has(key) || this.#scanned.has(entity)
    );
  }

  /** True when a run outside of the set shares anything with it. */
  meets({ reads, writes, scans }: Footprint): boolean {
    return someOf(reads, this.#rows) || this.isTouchedBy(writes) || someOf(scans, this.#written);
  }

  #count({ reads, writes, scans }: Footprint, step: 1 | -1): void {
    for (const key of new Set([...reads, ...writes.keys()])) add(this.#rows, key, step);
    for (const entity of scans) add(this.#scanned, entity, step);
    for (const { entity } of writes.values()) add(this.#written, entity, step);
  }
}

function someOf(keys: ReadonlySet<string>, among: { has(key: string): boolean }): boolean {
  return keys.values().some((key) => among.has(key));
}

function add(counts: Map<string, number>, key: string, step: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + step;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
