/**
 * The way into a module and back, on Deno and on Bun: an exchange in slots against the same one as JSON
 * and as protobuf (of which only the side of JavaScript counts), whole requests against a handler in
 * JavaScript, requests of a module to others, starts, traps; and values in slots, row by row, against the
 * same values as JSON and protobuf.
 *
 *     deno task bench wasm_boundary
 *
 * Each figure is the best of some passes, each of which takes the median of alternating rounds. What is
 * compared with a limit is a ratio within one run, or a time that has room to spare.
 */
import { join } from "node:path";
import { bunCommand } from "../../scripts/compile_bun.ts";
import type { RowFigures } from "./boundary_values.ts";

/** What was measured on one runtime, in nanoseconds. */
type Figures = Readonly<Record<string, number>>;

/** All of it. */
interface Report {
  readonly boundary: Figures;
  readonly values: Readonly<Record<string, RowFigures>>;
}

/** One line of the table. */
interface Line {
  readonly name: string;
  /** What is measured, as text. */
  readonly shown: (figures: Figures) => string;
  /** What has a limit, a ratio or nanoseconds. */
  readonly value?: (figures: Figures) => number;
  readonly limit?: Readonly<Record<string, number>>;
  /** What stands in the way where it is missed. */
  readonly why?: string;
}

const SCRIPT = join(import.meta.dirname ?? ".", "boundary_rounds.ts");
/** What part of the time of others a row may take. */
const PART_MAX = 0.4;
/** The same where all of a value is stored or copied out: nothing is won by leaving it where it is. */
const WHOLE_MAX = 1;
const WHOLE: ReadonlySet<string> = new Set(["B1", "B6", "B8", "B10"]);
/** What stands in the way of rows that miss their limits. */
const WHY: Readonly<Record<string, string>> = {
  B6: "an object is made key by key; code generated for each type, and engines, make it at once",
  B8: "one pass in JavaScript over keys and values; JSON.stringify is one in the engine",
};
const US = 1_000;
const MS = 1_000_000;

const at = (figures: Figures, name: string) => figures[name] ?? NaN;
const ratio = (one: string, other: string) => (figures: Figures) =>
  at(figures, one) / at(figures, other);
const ns = (name: string) => (figures: Figures) => `${at(figures, name).toFixed(0)} ns`;
const us = (name: string) => (figures: Figures) => `${(at(figures, name) / US).toFixed(1)} µs`;
const both = (limit: number) => ({ Deno: limit, Bun: limit });
const overhead = (figures: Figures) => at(figures, "module") / at(figures, "plain") - 1;

/** What the least that a record could take does without. */
const CHECKS =
  "each access asks whether the memory has grown and whether the record was given back";

/** The limits of accessors and whole requests come from what others take, against the same floor. */
const LINES: readonly Line[] = [
  { name: "exchange in slots, body as a view", shown: ns("view") },
  { name: "  against JSON", shown: ns("json"), value: ratio("view", "json"), limit: both(0.4) },
  {
    name: "  against protobuf",
    shown: ns("protobuf"),
    value: ratio("view", "protobuf"),
    limit: both(0.4),
  },
  { name: "exchange in slots, body copied", shown: ns("copy"), value: ratio("copy", "json") },
  { name: "request to response, JavaScript", shown: us("plain") },
  {
    name: "request to response, module: on top",
    shown: us("module"),
    value: overhead,
    limit: { Deno: 0.55, Bun: 0.42 },
    why: "the module's limits, its lease and its pool, on top of a very fast Request",
  },
  {
    name: "field of a record, read: against the least",
    shown: (figures) => `${at(figures, "read").toFixed(1)} ns`,
    value: ratio("read", "floorRead"),
    limit: { Deno: 1.33, Bun: 1.1 },
    why: CHECKS,
  },
  {
    name: "field of a record, written: against the least",
    shown: (figures) => `${at(figures, "write").toFixed(1)} ns`,
    value: ratio("write", "floorWrite"),
    limit: { Deno: 2, Bun: 1.27 },
    why: CHECKS,
  },
  {
    name: "8 fetches, suspended: against replay",
    shown: us("suspended"),
    value: ratio("suspended", "replayed"),
    limit: both(0.25),
  },
  {
    name: "a module to an instance",
    shown: us("warm"),
    value: (figures) => at(figures, "warm"),
    limit: both(50 * US),
    why: "nearly all of it is the engine's own WebAssembly.Instance",
  },
  {
    name: "bytes to an instance",
    shown: us("cold"),
    value: (figures) => at(figures, "cold"),
    limit: both(MS / 2),
  },
  {
    name: "a trap, and the next good response",
    shown: us("trap"),
    value: (figures) => at(figures, "trap"),
    limit: both(MS),
  },
];

console.log("the boundary of modules; a busy machine slows everything\n");
for (const [runtime, report] of [["Deno", await onDeno()], ["Bun", await onBun()]] as const) {
  console.log(`${runtime}`);
  for (const line of LINES) console.log(`  ${shownLine(line, runtime, report.boundary)}`);
  console.log(
    `\n  ${"values in slots".padEnd(44)}${"against JSON".padStart(32)}${
      "against protobuf".padStart(20)
    }`,
  );
  for (const row of Object.entries(report.values)) console.log(`  ${shownRow(...row)}`);
  for (const reason of reasons(runtime, report)) console.log(`  ${reason}`);
  console.log("");
}

/** Why what is missed is missed, as far as it is known. */
function reasons(runtime: string, { boundary, values }: Report): readonly string[] {
  const lines = LINES.flatMap(({ name, value, limit, why }) =>
    why !== undefined && (value?.(boundary) ?? 0) > (limit?.[runtime] ?? Infinity)
      ? `MISSED ${name.trim()}: ${why}`
      : []
  );
  const rows = Object.entries(values).flatMap(([name, { json, protobuf }]) => {
    const why = WHY[name.split(" ", 1)[0] ?? ""];
    return why !== undefined && Math.max(json, protobuf) > WHOLE_MAX
      ? `MISSED ${name}: ${why}`
      : [];
  });
  return ["", ...lines, ...rows];
}

function shownRow(name: string, { ns, json, protobuf }: RowFigures): string {
  const most = WHOLE.has(name.split(" ", 1)[0] ?? "") ? WHOLE_MAX : PART_MAX;
  const word = (it: number) => `${it.toFixed(2)}× ${it <= most ? "holds" : "MISSED"}`;
  return `${name.padEnd(44)}${`${ns.toFixed(0)} ns`.padStart(12)}${word(json).padStart(20)}` +
    `${word(protobuf).padStart(20)}   at most ${most}×`;
}

function shownLine({ name, shown, value, limit }: Line, runtime: string, figures: Figures): string {
  const start = `${name.padEnd(44)}${shown(figures).padStart(12)}`;
  if (value === undefined) return start;
  const seen = value(figures);
  const bound = limit?.[runtime];
  const text = (it: number) => it >= US ? `${(it / US).toFixed(1)} µs` : `${it.toFixed(2)}×`;
  if (bound === undefined) return `${start}${text(seen).padStart(12)}`;
  const word = seen <= bound ? "holds" : "MISSED";
  return `${start}${text(seen).padStart(12)}   at most ${text(bound).padStart(9)}   ${word}`;
}

function onDeno(): Promise<Report> {
  return figuresOf([Deno.execPath(), "run", "-A", "--no-check", SCRIPT]);
}

async function onBun(): Promise<Report> {
  return await figuresOf([...await bunCommand(), SCRIPT]);
}

async function figuresOf([program = "", ...args]: readonly string[]): Promise<Report> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout));
}
