/** Counts what came about in a world, so that a path that no seed takes is noticed. */

/** What the seeds of the tests have to come by together. */
export const PROBES = [
  "claim true",
  "claim false",
  "claim of the past",
  "exchange live",
  "exchange over HTTP",
  "found equal",
  "repaired",
  "repaired by since",
  "repaired by rows",
  "repaired by orphans",
  "repaired by groups",
  "repaired by groups asked for again",
  "repaired by wants",
  "repaired by a drill",
  "repaired to another history",
  "repaired from below the floor",
  "repaired in several replies to one request",
  "repaired while others wrote",
  "repaired after a cut",
  "snapshot instead",
  "exchange cut off",
  "exchange told to wait",
  "restored during an exchange",
  "trimmed during an exchange",
] as const;

/** The name of something that may come about; what is not in the list is too rare to wait for. */
export type Probe = typeof PROBES[number] | "rows moved";

/** The counters of one world. */
export class Probes {
  readonly counts = new Map<Probe, number>();

  hit(probe: Probe): void {
    this.counts.set(probe, (this.counts.get(probe) ?? 0) + 1);
  }
}
