/**
 * The one table of the comparison: every row a ratio, measured side by side in this run.
 *
 *     deno task bench             every row, and the files in tests/bench that the README shows
 *     deno task bench writes      the rows of one group, on the screen alone
 *     deno task bench --quick     less of everything, on the screen alone
 *
 * The systems take turns in every round, so that a busy machine slows all of them; figures are medians.
 */
import { join } from "node:path";
import { chartOf } from "./chart.ts";
import { type Group, groups, keyOf, type Row, type RowFigures } from "./comparison.ts";
import { installPeer } from "./peer_stage.ts";
import { peers } from "./peers/all.ts";
import type { Peer } from "./peers/peer.ts";

/** What one system came to in one row. */
export interface Result {
  readonly system: string;
  /** `null` when it could not take part. */
  readonly value: number | null;
  /** How many times better Driftless is; below 1 the other one is. */
  readonly ratio: number | null;
  /** Why there is no value, or why the other one is better. */
  readonly why?: string;
}

/** One row as it is written down. */
export interface ResultRow extends Row {
  readonly group: string;
  readonly driftless: number | null;
  /** Whether the target is met; without a target nothing is said. */
  readonly isMet?: boolean;
  readonly others: readonly Result[];
}

/** What is written to the file. */
export interface Results {
  readonly date: string;
  readonly machine: string;
  readonly quick: boolean;
  readonly systems: readonly {
    readonly name: string;
    readonly packages: Readonly<Record<string, string>>;
    readonly durability: string;
  }[];
  readonly rows: readonly ResultRow[];
}

const FOLDER = import.meta.dirname ?? ".";
const FLOOR = "node:sqlite loop";
/** How much less a quick run does. */
const QUICK_SCALE = 0.1;
/** A system that lags by less than this is not said to be better: rounds differ by as much. */
const LEVEL = 0.95;

const SYNC_WHY = "it opens one WebSocket and nothing else; Driftless asks for a ticket over HTTP " +
  "first, so that nothing secret stands in an address, and for large gaps for a snapshot";

/** Why another system is better, where one is: by row or group, then by system, or for all. */
const WHY: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  writes: {
    [FLOOR]:
      "it stores bare rows; Driftless also orders, validates, dedupes, logs and tells others",
    "*": "it answers before anything is on the disk; Driftless waits for fsync and then tells",
  },
  "first sync of 10,000 records, bytes": {
    "*":
      "Driftless sends the log to who is 10,000 changes behind or less, and does not compress it",
  },
  sync: { "*": SYNC_WHY },
  large: { "*": SYNC_WHY },
  idle: { "*": "it keeps no session, limits or outbox for each connection" },
  fan: { "*": "it tells before anything is on the disk; Driftless commits and fsyncs first" },
  crowd: { "*": "it tells before anything is on the disk; Driftless commits and fsyncs first" },
  local: { "*": "it keeps rows without rules, queue and history" },
};

if (import.meta.main) {
  const words = Deno.args.filter((arg) => !arg.startsWith("--"));
  const isQuick = Deno.args.includes("--quick");
  const chosen = groups.filter(({ word }) => words.length === 0 || words.includes(word));
  const results = await compare(chosen, isQuick);
  print(results);
  if (words.length === 0 && !isQuick) {
    await Deno.writeTextFile(
      join(FOLDER, "results.json"),
      `${JSON.stringify(results, null, 2)}\n`,
    );
    await Deno.writeTextFile(join(FOLDER, "results.svg"), chartOf(results));
    console.error("wrote tests/bench/results.json and tests/bench/results.svg");
  }
}

/** Installs every system, measures the groups, and puts the figures together. */
async function compare(chosen: readonly Group[], isQuick: boolean): Promise<Results> {
  const absent = new Map<Peer, string>();
  for (const peer of peers) {
    await installPeer(peer).catch((error) => absent.set(peer, reasonOf(error)));
  }
  const rows: ResultRow[] = [];
  for (const group of chosen) {
    const values = await measureGroup(group, absent, isQuick);
    for (const row of group.rows) rows.push(rowOf(group, row, values));
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${navigator.hardwareConcurrency} cores of an ${Deno.build.arch} ${Deno.build.os} ` +
      `machine; Deno ${Deno.version.deno}`,
    quick: isQuick,
    systems: peers.map(({ name, packages, durability }) => ({ name, packages, durability })),
    rows,
  };
}

/** Figures of one group by system: a list for each row, or why there are none. */
type GroupFigures = ReadonlyMap<string, Map<string, number[]> | string>;

async function measureGroup(
  group: Group,
  absent: ReadonlyMap<Peer, string>,
  isQuick: boolean,
): Promise<GroupFigures> {
  const scale = isQuick ? QUICK_SCALE : 1;
  const rounds = isQuick ? 1 : group.rounds;
  const figures = new Map<string, Map<string, number[]> | string>();
  const note = async (system: string, measure: () => Promise<RowFigures> | RowFigures) => {
    const known = figures.get(system) ?? new Map<string, number[]>();
    if (typeof known === "string") return;
    figures.set(system, known);
    const start = performance.now();
    try {
      for (const [key, value] of Object.entries(await measure())) {
        known.set(key, [...known.get(key) ?? [], value]);
      }
    } catch (error) {
      figures.set(system, reasonOf(error));
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const outcome = figures.get(system);
    console.error(
      `${group.word}: ${system}, ${seconds} s${typeof outcome === "string" ? `: ${outcome}` : ""}`,
    );
  };
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      if (group.takes?.(peer) === false) continue;
      const reason = absent.get(peer);
      if (reason !== undefined) figures.set(peer.name, reason);
      else await note(peer.name, () => group.measure(peer, scale));
    }
    const { floor } = group;
    if (floor !== undefined) await note(FLOOR, () => floor.call(group, scale));
  }
  return figures;
}

function rowOf(group: Group, row: Row, figures: GroupFigures): ResultRow {
  const valueOf = (system: string): number | null => {
    const known = figures.get(system);
    const list = typeof known === "object" ? known.get(keyOf(row)) : undefined;
    const value = list === undefined ? NaN : median(list);
    return Number.isFinite(value) ? value : null;
  };
  const [first, ...rest] = [...figures.keys()];
  const driftless = valueOf(first ?? "");
  const others = rest.map((system): Result => {
    const value = valueOf(system);
    const ratio = ratioOf(row, driftless, value);
    const known = figures.get(system);
    const reasons = WHY[keyOf(row)] ?? WHY[group.word];
    const why = typeof known === "string"
      ? known
      : ratio !== null && ratio < LEVEL
      ? reasons?.[system] ?? reasons?.["*"]
      : undefined;
    return { system, value, ratio, ...(why === undefined ? {} : { why }) };
  }).filter(({ value, why }) => value !== null || why !== undefined);
  const { target } = row;
  const isMet = target === undefined || driftless === null
    ? {}
    : { isMet: row.better === "less" ? driftless <= target : driftless >= target };
  return { ...row, group: group.word, driftless, ...isMet, others };
}

/** How many times better the first is. */
function ratioOf({ better }: Row, ours: number | null, theirs: number | null): number | null {
  if (ours === null || theirs === null) return null;
  const ratio = better === "more" ? ours / theirs : theirs / ours;
  return Number.isFinite(ratio) ? ratio : null;
}

function print({ rows, systems }: Results): void {
  const names = [...systems.slice(1).map(({ name }) => name), FLOOR];
  console.log(`| | Driftless | ${names.map((name) => `${name} (×)`).join(" | ")} |`);
  console.log(`|---|${"---:|".repeat(names.length + 1)}`);
  for (const row of rows) {
    const cells = names.map((name) => {
      const result = row.others.find(({ system }) => system === name);
      if (result === undefined) return "";
      if (result.value === null) return "none";
      const ratio = result.ratio === null ? "" : ` (${result.ratio.toFixed(2)})`;
      return `${figure(result.value)}${ratio}`;
    });
    const target = row.target === undefined ? "" : ` (target ${row.target.toLocaleString("en")})`;
    const name = `${keyOf(row)}${target}`;
    console.log(`| ${name} | ${figure(row.driftless)} | ${cells.join(" | ")} |`);
  }
  for (const { name, durability } of systems) console.log(`${name}: ${durability}`);
  const reasons = new Set(
    rows.flatMap((row) =>
      row.others.flatMap(({ system, why }) =>
        why === undefined ? [] : [`${row.group}, ${system}: ${why}`]
      )
    ),
  );
  if (reasons.size > 0) console.log("Where another one is better, or absent:");
  for (const reason of reasons) console.log(`  ${reason}`);
}

/** A figure with three digits that count. */
export function figure(value: number | null): string {
  if (value === null) return "none";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
