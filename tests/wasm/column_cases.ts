/**
 * What the kernel of columns must do, as cases that run in every runtime: nothing here is Deno's.
 *
 * Each case compares the kernel with its twin, bit for bit, or with an oracle in exact arithmetic, and
 * returns what differs.
 */
import { columnKernel } from "../../wasm/column_kernel.ts";
import type { ColumnKernel, ColumnMemory } from "../../wasm/column_port.ts";
import { plainColumns } from "../../wasm/plain_columns.ts";
import { Prng } from "../sim/prng.ts";

/** What ran, and what went wrong: at most a few sentences. */
export interface ColumnReport {
  readonly kind: "simd" | "plain";
  readonly cases: number;
  readonly problems: readonly string[];
}

type Say = (problem: string) => void;

/** Longest column whose every length is tried, in numbers. */
const LENGTH_MAX = 260;
const ALIGNMENTS = 16;
const PROBLEMS_MAX = 8;
const PAGE_BYTES = 64 * 1024;

/** Where arguments and results are, in bytes; each has room for 1,000 numbers. */
const OUT = 64;
const X = 8_192;
const Y = 16_640;
const TO = 25_088;
/** All that a case may change, and some more. */
const SEEN_BYTES = 40_960;

/** A kernel over a memory of its own. */
export interface Rig {
  readonly calls: ColumnKernel;
  readonly memory: ColumnMemory;
}

/** What makes numbers, one after the other. */
type Source = (prng: Prng) => number;

const WHOLE: Source = (prng) => prng.between(-1_000_000, 1_000_000);
const REAL: Source = (prng) => (prng.float() - 0.5) * 10 ** prng.between(-3, 6);
/** Far from 0, and close to each other. */
const FAR: Source = (prng) => 1e9 + prng.float() * 20;
const SPECIAL: Source = (prng) =>
  prng.pick([NaN, Infinity, -Infinity, 0, -0, 1, -1, 5e-324, 1.7e308, -1.7e308, 0.1]);
/** NaN is rare. */
const MIXED: Source = (prng) => prng.chance(0.05) ? SPECIAL(prng) : REAL(prng);

/** Every function, called at these addresses; what gives numbers returns them. */
const CALLS: Readonly<
  Record<string, (calls: ColumnKernel, at: Places, count: number) => number | bigint | void>
> = {
  sum_f64: (calls, { x }, count) => calls.sum_f64(x, count),
  dot_f64: (calls, { x, y }, count) => calls.dot_f64(x, y, count),
  minmax_f64: (calls, { x, out }, count) => calls.minmax_f64(x, count, out),
  stats_f64: (calls, { x, out }, count) => calls.stats_f64(x, count, out),
  correlation_f64: (calls, { x, y }, count) => calls.correlation_f64(x, y, count),
  scale_f64: (calls, { to, x }, count) => calls.scale_f64(to, x, count, 1.1),
  clamp_f64: (calls, { to, x }, count) => calls.clamp_f64(to, x, count, -0.5, 700),
  map_linear_f64: (calls, { to, x }, count) => calls.map_linear_f64(to, x, count, 1.1, -3),
  normalize_f64: (calls, { to, x }, count) => calls.normalize_f64(to, x, count, 0.5, -7, 3),
  add_f64: (calls, { to, x, y }, count) => calls.add_f64(to, x, y, count),
  sub_f64: (calls, { to, x, y }, count) => calls.sub_f64(to, x, y, count),
  mul_f64: (calls, { to, x, y }, count) => calls.mul_f64(to, x, y, count),
  sum_i32: (calls, { x }, count) => calls.sum_i32(x, count),
  total_i32: (calls, { x }, count) => calls.total_i32(x, count),
};

interface Places {
  readonly x: number;
  readonly y: number;
  readonly to: number;
  readonly out: number;
}

/** All cases; `module` is the compiled one, where a program may not compile. */
export function runColumnCases(
  { seed, count, module }: { seed: number; count: number; module?: WebAssembly.Module },
): ColumnReport {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { kind, calls } = columnKernel(memory as ColumnMemory, module);
  return { kind, ...compare({ calls, memory: memory as ColumnMemory }, { seed, count }) };
}

/** The cases for a kernel, beside the twin: every length to `lengthMax`, and so many random ones. */
export function compare(
  kernel: Rig,
  { seed, count, lengthMax = LENGTH_MAX }: { seed: number; count: number; lengthMax?: number },
): Omit<ColumnReport, "kind"> {
  const problems: string[] = [];
  const say = (problem: string) => problems.length < PROBLEMS_MAX && problems.push(problem);
  const memory = { buffer: new ArrayBuffer(PAGE_BYTES), grow: () => {} };
  const twin = { calls: plainColumns(memory), memory };
  const prng = new Prng(seed);
  const cases = alignedCases(kernel, twin, prng, lengthMax, say) +
    randomCases(kernel, twin, prng, count, say) +
    exactCases(kernel, prng, count / 10, say) + boundCases(kernel, prng, count / 10, say);
  return { cases, problems };
}

/** Every length at every alignment, each way to read and write. */
function alignedCases(kernel: Rig, twin: Rig, prng: Prng, lengthMax: number, say: Say): number {
  let cases = 0;
  for (let length = 0; length <= lengthMax; length++) {
    for (let alignment = 0; alignment < ALIGNMENTS; alignment++) {
      fill([kernel, twin], prng, length % 4 === 3 ? FAR : REAL, alignment, length);
      // The other column and the result are aligned in ways of their own.
      const at: Places = {
        x: X + alignment,
        y: Y + (alignment + length) % ALIGNMENTS,
        to: TO + (3 * alignment) % ALIGNMENTS,
        out: OUT + alignment,
      };
      for (const [name, call] of Object.entries(CALLS)) {
        const [one, other] = [call(kernel.calls, at, length), call(twin.calls, at, length)];
        if (!isSame(one, other)) say(`${name} of ${length} at ${alignment}: ${one}, not ${other}`);
        cases++;
      }
      if (!isMemorySame(kernel, twin)) say(`Memory differs after ${length} at ${alignment}`);
    }
  }
  return cases;
}

/** Any numbers, in place as well. */
function randomCases(kernel: Rig, twin: Rig, prng: Prng, count: number, say: Say): number {
  const names = Object.keys(CALLS) as [string, ...string[]];
  for (let round = 0; round < count; round++) {
    const source = prng.pick([WHOLE, REAL, FAR, SPECIAL, MIXED]);
    const length = prng.chance(0.1) ? prng.between(0, 1_000) : prng.between(0, 70);
    fill([kernel, twin], prng, source, 0, length);
    const isInPlace = prng.chance(0.5);
    const at: Places = { x: X, y: prng.chance(0.1) ? X : Y, to: isInPlace ? X : TO, out: OUT };
    const name = prng.pick(names);
    const call = CALLS[name] as (typeof CALLS)[string];
    const [one, other] = [call(kernel.calls, at, length), call(twin.calls, at, length)];
    if (!isSame(one, other)) say(`Round ${round}, ${name} of ${length}: ${one}, not ${other}`);
    if (!isMemorySame(kernel, twin)) say(`Round ${round}, ${name} of ${length}: memory differs`);
  }
  return count;
}

/** Sums, variances and correlations beside those in exact arithmetic. */
function exactCases(kernel: Rig, prng: Prng, count: number, say: Say): number {
  const { calls } = kernel;
  const errors = { ours: 0, single: 0 };
  for (let round = 0; round < count; round++) {
    const length = prng.between(1, 1_000);
    const [offset, spread] = [prng.pick([0, 0, 1e6, 1e9]), prng.pick([3, 1_000])];
    const x = numbers(kernel, X, length, () => offset + prng.between(-spread, spread));
    const y = numbers(kernel, Y, length, () => prng.between(-spread, spread));
    const exact = { x: total(x), xx: total(x, x), xy: total(x, y) };
    if (BigInt(calls.sum_f64(X, length)) !== exact.x) say(`The sum of ${length} is not exact`);
    if (spread === 3 && BigInt(calls.dot_f64(X, Y, length)) !== exact.xy) {
      say(`The product of ${length} is not exact`);
    }
    const n = BigInt(length);
    const variance = Number(n * exact.xx - exact.x ** 2n) / length ** 2;
    calls.stats_f64(X, length, OUT);
    const [sum = NaN, , , , found = NaN] = new Float64Array(kernel.memory.buffer, OUT, 5);
    if (BigInt(sum) !== exact.x) say(`The sum of ${length} beside others is not exact`);
    if (!(Math.abs(found - variance) <= 1e-9 * variance)) {
      say(`The variance of ${length} around ${offset} is ${found}, not ${variance}`);
    }
    const together = Number(n * exact.xy - exact.x * total(y));
    const yVariation = Number(n * total(y, y) - total(y) ** 2n);
    const correlation = variance === 0 || yVariation === 0
      ? 0
      : together / Math.sqrt(variance * length ** 2) / Math.sqrt(yVariation);
    if (!(Math.abs(calls.correlation_f64(X, Y, length) - correlation) <= 1e-9)) {
      say(`The correlation of ${length} around ${offset} is not ${correlation}`);
    }
    // Fractions of 2^-32, so that the exact sum is one of integers.
    const fractions = numbers(kernel, X, length, () => prng.next() * prng.next() / 2 ** 32);
    const sumOfAll = Number(total(fractions.map((it) => it * 2 ** 32))) / 2 ** 32;
    errors.ours += Math.abs(calls.sum_f64(X, length) - sumOfAll) / sumOfAll;
    errors.single += Math.abs(fractions.reduce((all, it) => all + it, 0) - sumOfAll) / sumOfAll;
  }
  if (errors.ours > errors.single) say(`Sums err by ${errors.ours}, one by one ${errors.single}`);
  return count * 6;
}

/** What comparisons do with NaN, zeros and infinities, by an oracle of a line each. */
function boundCases(kernel: Rig, prng: Prng, count: number, say: Say): number {
  const { calls, memory } = kernel;
  for (let round = 0; round < count; round++) {
    const length = prng.between(0, 40);
    const x = numbers(kernel, X, length, () => prng.chance(0.3) ? REAL(prng) : SPECIAL(prng));
    calls.minmax_f64(X, length, OUT);
    const [min, max] = new Float64Array(memory.buffer, OUT, 2);
    const comparable = x.filter((it) => !Number.isNaN(it));
    if (!isSame(min, Math.min(...comparable) + 0) || !isSame(max, Math.max(...comparable) + 0)) {
      say(`Bounds of ${x}: ${min} and ${max}`);
    }
    calls.stats_f64(X, length, OUT);
    const [, least, greatest] = new Float64Array(memory.buffer, OUT, 3);
    if (!isSame(least, min) || !isSame(greatest, max)) say(`Bounds of ${x} differ in stats`);
    const [low, high] = [prng.between(-3, 0), prng.between(0, 3)];
    calls.clamp_f64(TO, X, length, low, high);
    const clamped = [...new Float64Array(memory.buffer, TO, length)];
    const wanted = x.map((it) => it < low ? low : it > high ? high : it);
    if (!clamped.every((it, at) => isSame(it, wanted[at]))) say(`Clamped ${x}: ${clamped}`);
  }
  return count * 3;
}

/** The same random bytes in all memories, and numbers where the columns will be. */
function fill(rigs: readonly Rig[], prng: Prng, source: Source, by: number, length: number): void {
  const [first] = rigs as readonly [Rig];
  const all = new Int32Array(first.memory.buffer, 0, SEEN_BYTES / 4);
  for (let at = 0; at < all.length; at += 64) all[at] = prng.next();
  const view = new DataView(first.memory.buffer);
  for (const at of [X + by, Y + (by + length) % ALIGNMENTS]) {
    for (let index = 0; index < length; index++) {
      view.setFloat64(at + index * 8, source(prng), true);
    }
  }
  for (const { memory } of rigs) new Int32Array(memory.buffer, 0, all.length).set(all);
}

/** Writes numbers for the kernel; returns them. */
function numbers({ memory }: Rig, at: number, length: number, next: () => number): number[] {
  const made = Array.from({ length }, next);
  new Float64Array(memory.buffer, at, length).set(made);
  return made;
}

/** The exact sum of integers, or of their products. */
function total(x: readonly number[], y?: readonly number[]): bigint {
  return x.reduce((sum, it, at) => sum + BigInt(it) * (y ? BigInt(y[at] as number) : 1n), 0n);
}

/** Bit for bit, but for a NaN: it has many ways to be one. */
function isMemorySame(one: Rig, other: Rig): boolean {
  const [a, b] = [one, other].map(({ memory }) =>
    new Int32Array(memory.buffer, 0, SEEN_BYTES / 4)
  ) as [Int32Array, Int32Array];
  for (let at = 0; at < a.length; at++) {
    if (a[at] === b[at]) continue;
    if (!isNaNAround(one, at * 4) || !isNaNAround(other, at * 4)) return false;
  }
  return true;
}

/** Whether a NaN is among the numbers that these bytes belong to. */
function isNaNAround({ memory }: Rig, at: number): boolean {
  const view = new DataView(memory.buffer);
  for (let from = Math.max(0, at - 7); from <= at + 3; from++) {
    if (Number.isNaN(view.getFloat64(from, true))) return true;
  }
  return false;
}

function isSame(one: unknown, other: unknown): boolean {
  return Object.is(one, other);
}
