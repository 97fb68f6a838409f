/**
 * Columns, loops over arrays, simpler kernels, and native programs in turn: prints medians as JSON, in
 * nanoseconds. Runs on Deno and on Bun.
 *
 *     columns_contest.ts '{"peer": "peer.wasm", "counts": [1024], "limits": [{"name": …}]}'
 *
 * Each call stands here in full, for engines compile what is called from one place better than what is
 * called from many. A native program is talked to through two named pipes, and takes its own time.
 */
import { openSync, readFileSync, readSync, writeSync } from "node:fs";
import process from "node:process";
import { type Column, openColumns } from "../../wasm/columns.ts";
import {
  jsAdd,
  jsAdd4,
  jsBounds,
  jsCorrelation,
  jsDot,
  jsDot4,
  jsScale,
  jsScale4,
  jsSum,
  jsSum4,
  jsSumInts,
  jsSumInts4,
  jsVariance,
} from "./columns_loops.ts";
import { type Figures, race, type Timed, timedOf } from "./columns_race.ts";
import { type Contender, medians } from "./rounds.ts";

/** The functions of columns_peer.wat, or with `zig_simd_` before their names those of GoMode's module. */
interface Peer {
  sum_f64(x: number, count: number): number;
  dot_f64(x: number, y: number, count: number): number;
  minmax_f64(x: number, count: number, out: number): void;
  scale_f64(x: number, count: number, factor: number): void;
  add_f64(to: number, x: number, y: number, count: number): void;
  sum_i32(x: number, count: number): number | bigint;
}

/** What is compared; the first contender is ours. */
export interface ColumnRow extends Figures {
  readonly op: string;
  readonly count: number;
}

/** A native program that waits for lines. */
export interface Limit {
  readonly name: string;
  /** Its standard input and output. */
  readonly input: string;
  readonly output: string;
}

/** What to compare. */
export interface ContestOptions {
  /** The file of its module. */
  readonly peer: string;
  readonly counts: readonly number[];
  readonly limits: readonly Limit[];
}

/** Where the peer's columns begin, behind what it has itself. */
const PEER_AT = 2 * 1024 * 1024;
/** What a peer writes in passing goes right before them. */
const PEER_RESULT_AT = PEER_AT - 64;
/** How far columns are apart within a page, as ours are. */
const STAGGER_BYTES = 1344;
const PAGE_BYTES = 64 * 1024;
/** Counts for which the cost of a call and of copying is shown. */
const SMALL_COUNTS: readonly number[] = [8, 16, 32, 64, 256, 1024];

/** Room for a line of a native program. */
const LINE_BYTES = 64;

/** Nobody can tell that what is added up here is not needed. */
let sink = 0;
/** And nobody that a factor is never another one: an engine would leave out the product. */
const factors = Float64Array.of(-1);

if (import.meta.main) {
  const { peer, counts, limits }: ContestOptions = JSON.parse(process.argv[2] ?? "{}");
  const module = new WebAssembly.Module(readFileSync(peer));
  const programs = limits.map(program);
  const rows = counts.flatMap((count) => rowsOf(count, module, programs));
  const small = SMALL_COUNTS.flatMap((count) => smallRows(count));
  console.log(JSON.stringify({ rows, small, sink: Number.isNaN(sink) }));
}

/** A program, once it is listening: what it does with so many numbers. */
function program({ name, input, output }: Limit): (op: string, count: number) => Timed {
  // Each waits for the other end.
  const [to, from] = [openSync(input, "w"), openSync(output, "r")];
  const line = new Uint8Array(LINE_BYTES);
  return (op, count) => ({
    name,
    time(times) {
      writeSync(to, `${op} ${count} ${times}\n`);
      return Number(new TextDecoder().decode(line.subarray(0, readSync(from, line))));
    },
  });
}

/** All operations over so many numbers. */
function rowsOf(
  count: number,
  module: WebAssembly.Module,
  programs: readonly ReturnType<typeof program>[],
): ColumnRow[] {
  const ours = openColumns({ bytesMax: count * 32 + 64 * PAGE_BYTES });
  const numbers = new Float64Array(count).map((_, at) => at % 1000 + 0.5);
  const columns = [1, 2, 3].map(() => ours.f64(numbers)) as [Column, Column, Column];
  const [x, y, to] = columns;
  const integers = ours.i32(count);
  integers.values.set(numbers);

  const bytes = count * 8 + STAGGER_BYTES;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * bytes + PEER_AT) / PAGE_BYTES) });
  const peer = peerOf(module, memory);
  const [px, py, pto, pi] = [0, 1, 2, 3].map((index) => PEER_AT + index * bytes) as [
    number,
    number,
    number,
    number,
  ];
  const [jx, jy, jto] = [px, py, pto].map((at) => new Float64Array(memory.buffer, at, count)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const ji = new Int32Array(memory.buffer, pi, count);
  for (const array of [jx, jy, jto, ji]) array.set(numbers);

  const raced: readonly (readonly [string, readonly Contender[]])[] = [
    ["sum", sums(x, peer, px, jx)],
    ["dot", dots([x, y], peer, [px, py], [jx, jy])],
    ["minmax", bounds(x, peer, px, jx)],
    ["scale", scalings(x, peer, px, jx)],
    ["add", additions([x, y, to], peer, [px, py, pto], [jx, jy, jto])],
    ["stats", statistics(x, peer, px, jx)],
    ["correlation", correlations([x, y], peer, [px, py], [jx, jy])],
    ["sum_i32", [
      repeated("ours", (times) => {
        for (; times > 0; times--) sink += integers.sum();
      }),
      repeated("peer", (times) => {
        for (; times > 0; times--) sink += Number(peer.sum_i32(pi, count));
      }),
      repeated("js", (times) => {
        for (; times > 0; times--) sink += jsSumInts(ji);
      }),
      repeated("js4", (times) => {
        for (; times > 0; times--) sink += jsSumInts4(ji);
      }),
    ]],
  ];
  return raced.map(([op, contenders]) => {
    const timed = [...contenders.map(timedOf), ...programs.map((it) => it(op, count))];
    return { op, count, ...race(timed) };
  });
}

function peerOf(module: WebAssembly.Module, memory: WebAssembly.Memory): Peer {
  const { exports } = new WebAssembly.Instance(module, { peer: { memory }, env: { memory } });
  const functions = Object.entries(exports).map(([name, value]) => {
    return [name.replace("zig_simd_", ""), value];
  });
  return Object.fromEntries(functions) as unknown as Peer;
}

function sums(x: Column, peer: Peer, px: number, jx: Float64Array): readonly Contender[] {
  return [
    repeated("ours", (times) => {
      for (; times > 0; times--) sink += x.sum();
    }),
    repeated("peer", (times) => {
      for (; times > 0; times--) sink += peer.sum_f64(px, jx.length);
    }),
    repeated("js", (times) => {
      for (; times > 0; times--) sink += jsSum(jx);
    }),
    repeated("js4", (times) => {
      for (; times > 0; times--) sink += jsSum4(jx);
    }),
  ];
}

type Two<T> = readonly [T, T];
type Three<T> = readonly [T, T, T];

function dots(
  [x, y]: Two<Column>,
  peer: Peer,
  [px, py]: Two<number>,
  [jx, jy]: Two<Float64Array>,
): readonly Contender[] {
  return [
    repeated("ours", (times) => {
      for (; times > 0; times--) sink += x.dot(y);
    }),
    repeated("peer", (times) => {
      for (; times > 0; times--) sink += peer.dot_f64(px, py, jx.length);
    }),
    repeated("js", (times) => {
      for (; times > 0; times--) sink += jsDot(jx, jy);
    }),
    repeated("js4", (times) => {
      for (; times > 0; times--) sink += jsDot4(jx, jy);
    }),
  ];
}

function bounds(x: Column, peer: Peer, px: number, jx: Float64Array): readonly Contender[] {
  return [
    repeated("ours", (times) => {
      for (; times > 0; times--) sink += x.minmax().max;
    }),
    repeated("peer", (times) => {
      for (; times > 0; times--) peer.minmax_f64(px, jx.length, PEER_RESULT_AT);
    }),
    repeated("js", (times) => {
      for (; times > 0; times--) sink += jsBounds(jx);
    }),
  ];
}

function scalings(x: Column, peer: Peer, px: number, jx: Float64Array): readonly Contender[] {
  return [
    repeated("ours", (times) => {
      for (; times > 0; times--) x.scale(factors[0] as number);
    }),
    repeated("peer", (times) => {
      for (; times > 0; times--) peer.scale_f64(px, jx.length, factors[0] as number);
    }),
    repeated("js", (times) => {
      for (; times > 0; times--) jsScale(jx, factors[0] as number);
    }),
    repeated("js4", (times) => {
      for (; times > 0; times--) jsScale4(jx, factors[0] as number);
    }),
  ];
}

function additions(
  [x, y, to]: Three<Column>,
  peer: Peer,
  [px, py, pto]: Three<number>,
  [jx, jy, jto]: Three<Float64Array>,
): readonly Contender[] {
  return [
    repeated("ours", (times) => {
      for (; times > 0; times--) x.add(y, to);
    }),
    repeated("peer", (times) => {
      for (; times > 0; times--) peer.add_f64(pto, px, py, jx.length);
    }),
    repeated("js", (times) => {
      for (; times > 0; times--) jsAdd(jto, jx, jy);
    }),
    repeated("js4", (times) => {
      for (; times > 0; times--) jsAdd4(jto, jx, jy);
    }),
  ];
}

/** The peer needs three passes, and more than a few bits of luck. */
function statistics(x: Column, peer: Peer, px: number, jx: Float64Array): readonly Contender[] {
  const far = openColumns({ bytesMax: jx.length * 8 + 64 * PAGE_BYTES }).f64(jx).mapLinear(1, 1e9);
  return [
    repeated("ours", (times) => {
      for (; times > 0; times--) sink += x.stats().variance;
    }),
    repeated("ours far from 0", (times) => {
      for (; times > 0; times--) sink += far.stats().variance;
    }),
    repeated("peer", (times) => {
      for (; times > 0; times--) {
        sink += peer.sum_f64(px, jx.length) + peer.dot_f64(px, px, jx.length);
        peer.minmax_f64(px, jx.length, PEER_RESULT_AT);
      }
    }),
    repeated("js", (times) => {
      for (; times > 0; times--) sink += jsVariance(jx);
    }),
  ];
}

/** The peer needs five passes. */
function correlations(
  [x, y]: Two<Column>,
  peer: Peer,
  [px, py]: Two<number>,
  [jx, jy]: Two<Float64Array>,
): readonly Contender[] {
  return [
    repeated("ours", (times) => {
      for (; times > 0; times--) sink += x.correlation(y);
    }),
    repeated("peer", (times) => {
      for (; times > 0; times--) {
        sink += peer.sum_f64(px, jx.length) + peer.sum_f64(py, jx.length) +
          peer.dot_f64(px, px, jx.length) + peer.dot_f64(py, py, jx.length) +
          peer.dot_f64(px, py, jx.length);
      }
    }),
    repeated("js", (times) => {
      for (; times > 0; times--) sink += jsCorrelation(jx, jy);
    }),
  ];
}

/** What a call costs, and what copying costs, where there is little to gain. */
function smallRows(count: number): ColumnRow[] {
  const columns = openColumns();
  const numbers = new Float64Array(count).map((_, at) => at % 10 + 0.5);
  const [other, result] = [numbers.slice(), numbers.slice()];
  const [x, y, to] = [1, 2, 3].map(() => columns.f64(numbers)) as [Column, Column, Column];
  return [
    row("sum", count, [
      repeated("resident", (times) => {
        for (; times > 0; times--) sink += x.sum();
      }),
      repeated("copied in", (times) => {
        for (; times > 0; times--) {
          x.write(numbers);
          sink += x.sum();
        }
      }),
      repeated("js", (times) => {
        for (; times > 0; times--) sink += jsSum(numbers);
      }),
      repeated("js4", (times) => {
        for (; times > 0; times--) sink += jsSum4(numbers);
      }),
    ]),
    row("add", count, [
      repeated("resident", (times) => {
        for (; times > 0; times--) x.add(y, to);
      }),
      repeated("copied in", (times) => {
        for (; times > 0; times--) {
          x.write(numbers);
          y.write(other);
          result.set(x.add(y, to).values);
        }
      }),
      repeated("js", (times) => {
        for (; times > 0; times--) jsAdd(result, numbers, other);
      }),
      repeated("js4", (times) => {
        for (; times > 0; times--) jsAdd4(result, numbers, other);
      }),
    ]),
  ];
}

function row(op: string, count: number, contenders: readonly Contender[]): ColumnRow {
  const figures = medians(contenders);
  const ns = Object.fromEntries(contenders.map(({ name }, at) => [name, figures[at] ?? NaN]));
  return { op, count, ns, ratios: {} };
}

function repeated(name: string, run: (times: number) => void): Contender {
  return { name, run };
}
