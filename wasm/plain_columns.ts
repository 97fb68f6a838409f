/**
 * The twin of columns.wat in TypeScript: the fallback where there is no SIMD, and its oracle.
 *
 * Sums are taken in the module's order, lane by lane, so that both give the same bits: what a page
 * computes without SIMD is what the server computes with it.
 */
import type { ColumnKernel, ColumnMemory } from "./column_port.ts";

/** The smallest share of the squares that a variance may be and still be taken from them: 2^-6. */
const SOUND_SHARE = 0.015625;
/** What of the squares is no variance, but a mean that is rounded: 2^-20. */
const ROUNDING_SHARE = 2 ** -20;
/** Squares of numbers that vary by less lose digits. */
const VARIATION_MIN = 2 ** -900;
/** Numbers that are added up in lanes of 512. */
const SUM_BLOCK = 8_192;
const DOT_BLOCK = 4_096;
/** Integers of 32 bits whose sum is exact as a number. */
const EXACT_COUNT = 2 ** 20;

/** The sums that a correlation is made of. */
interface Moments {
  readonly x: number;
  readonly y: number;
  readonly xx: number;
  readonly yy: number;
  readonly xy: number;
}

/** The kernel over a memory. */
export function plainColumns(memory: ColumnMemory): ColumnKernel {
  const read = (at: number, count: number) => numbersAt(memory.buffer, at, count);
  const write = (to: number, count: number, value: (index: number) => number) => {
    const result = numbersAt(memory.buffer, to, count);
    for (let index = 0; index < count; index++) result[index] = value(index);
    keep(memory.buffer, to, result);
  };
  const map = (to: number, at: number, count: number, value: (x: number) => number) => {
    const x = read(at, count);
    write(to, count, (index) => value(x[index] as number));
  };
  const zip = (...[to, x, y, count, value]: [...Zipped, (x: number, y: number) => number]) => {
    const [xs, ys] = [read(x, count), read(y, count)];
    write(to, count, (index) => value(xs[index] as number, ys[index] as number));
  };
  return {
    sum_f64: (at, count) => sum(read(at, count)),
    dot_f64: (x, y, count) => dot(read(x, count), read(y, count)),
    minmax_f64(at, count, out) {
      const { min, max } = bounds(read(at, count));
      write(out, 2, (index) => index === 0 ? min : max);
    },
    stats_f64(at, count, out) {
      const results = stats(read(at, count));
      write(out, results.length, (index) => results[index] as number);
    },
    correlation_f64: (x, y, count) => correlation(read(x, count), read(y, count)),
    scale_f64: (to, at, count, factor) => map(to, at, count, (x) => x * factor),
    clamp_f64: (to, at, count, low, high) =>
      map(to, at, count, (x) => {
        const above = x < low ? low : x;
        return high < above ? high : above;
      }),
    map_linear_f64: (to, at, count, factor, term) => map(to, at, count, (x) => x * factor + term),
    normalize_f64: (to, at, count, factor, low, range) =>
      map(to, at, count, (x) => (x * factor - low) / range),
    add_f64: (to, x, y, count) => zip(to, x, y, count, (x, y) => x + y),
    sub_f64: (to, x, y, count) => zip(to, x, y, count, (x, y) => x - y),
    mul_f64: (to, x, y, count) => zip(to, x, y, count, (x, y) => x * y),
    sum_i32: (at, count) => sumOfIntegers(memory.buffer, at, count),
    total_i32: (at, count) => Number(sumOfIntegers(memory.buffer, at, count)),
  };
}

type Zipped = [to: number, x: number, y: number, count: number];

/** A view where the address allows one, else a copy. An address is an i32, or is meant to be a u32. */
function numbersAt(buffer: ArrayBuffer, at: number, count: number): Float64Array {
  const from = at >>> 0;
  return from % 8 === 0
    ? new Float64Array(buffer, from, count)
    : new Float64Array(buffer.slice(from, from + count * 8));
}

/** Writes what `numbersAt` gave a copy of. */
function keep(buffer: ArrayBuffer, at: number, numbers: Float64Array): void {
  if (numbers.buffer !== buffer) new Uint8Array(buffer).set(bytesOf(numbers), at >>> 0);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The sum of blocks, and of what each addition of them loses. */
function inBlocks(length: number, size: number, sumOf: (from: number, to: number) => number) {
  if (length <= size) return sumOf(0, length);
  let [sum, lost] = [0, 0];
  for (let from = 0; from < length; from += size) {
    const block = sumOf(from, Math.min(length, from + size));
    const next = sum + block;
    const added = next - sum;
    lost += (sum - (next - added)) + (block - added);
    sum = next;
  }
  // An infinity has lost what is no number.
  return Number.isNaN(lost) ? sum : sum + lost;
}

function sum(x: Float64Array): number {
  return inBlocks(x.length, SUM_BLOCK, (from, to) => sumOfBlock(x.subarray(from, to)));
}

/** 16 lanes: 8 on the first half, 8 on the second. */
function sumOfBlock(x: Float64Array): number {
  const half = (x.length >>> 6) * 32;
  const eights = x.length - x.length % 8;
  const lanes = new Float64Array(16);
  const add = (lane: number, at: number) => {
    lanes[lane] = lanes[lane] as number + (x[at] as number);
  };
  for (let at = 0; at < half; at++) {
    add(at & 7, at);
    add(8 + (at & 7), half + at);
  }
  for (let at = 2 * half; at < eights; at++) add(at & 7, at);
  for (let at = eights; at < x.length; at++) add(0, at);
  const across = (lane: number) => inPairs(lanes, lane, 2) + inPairs(lanes, lane + 8, 2);
  return across(0) + across(1);
}

function dot(x: Float64Array, y: Float64Array): number {
  return inBlocks(
    x.length,
    DOT_BLOCK,
    (from, to) => dotOfBlock(x.subarray(from, to), y.subarray(from, to)),
  );
}

function dotOfBlock(x: Float64Array, y: Float64Array): number {
  const whole = x.length - x.length % 8;
  const lanes = new Float64Array(8);
  for (let at = 0; at < x.length; at++) {
    const lane = at < whole ? at & 7 : 0;
    lanes[lane] = lanes[lane] as number + (x[at] as number) * (y[at] as number);
  }
  return inPairs(lanes, 0, 2) + inPairs(lanes, 1, 2);
}

/** Four lanes, one `step` from the other: the first two, the last two, then both. */
function inPairs(lanes: Float64Array, first: number, step: number): number {
  const at = (index: number) => lanes[first + index * step] as number;
  return (at(0) + at(1)) + (at(2) + at(3));
}

function bounds(x: Float64Array): { min: number; max: number } {
  let min = Infinity;
  let max = -Infinity;
  for (let at = 0; at < x.length; at++) {
    const value = x[at] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  // Makes -0 a 0.
  return { min: min + 0, max: max + 0 };
}

/** Sum, minimum, maximum, mean, variance. */
function stats(x: Float64Array): readonly number[] {
  const count = x.length;
  const { min, max } = bounds(x);
  const [sum, squares] = spreadAround(x, 0);
  const mean = sum / count;
  let variance = apart(squares, sum, sum, count) / count;
  if (!(variance > squares / count * SOUND_SHARE)) {
    const [off, distances] = spreadAround(x, mean);
    variance = Math.max(0, apart(distances, off, off, count)) / count;
    if (min === max) variance = sum - sum;
  }
  return [sum, min, max, mean, variance];
}

/** The sum of the distances from a point, and that of their squares. */
function spreadAround(x: Float64Array, point: number): readonly [number, number] {
  const whole = x.length - x.length % 8;
  const [sums, squares] = [new Float64Array(4), new Float64Array(4)];
  for (let at = 0; at < x.length; at++) {
    const lane = at < whole ? at & 3 : 0;
    const distance = x[at] as number - point;
    sums[lane] = sums[lane] as number + distance;
    squares[lane] = squares[lane] as number + distance * distance;
  }
  return [fourLanes(sums), fourLanes(squares)];
}

/** Two vectors are added, then the lanes of the sum. */
function fourLanes([a = 0, b = 0, c = 0, d = 0]: Float64Array): number {
  return (a + c) + (b + d);
}

/** What is left of a sum of products when the means are taken off. */
function apart(products: number, x: number, y: number, count: number): number {
  return products - x * (y / count);
}

function correlation(x: Float64Array, y: Float64Array): number {
  const count = x.length;
  let moments = momentsAround(x, y, 0, 0);
  let [xs, ys] = variations(moments, count);
  const isNone = isNothing(xs, moments.xx, SOUND_SHARE) || isNothing(ys, moments.yy, SOUND_SHARE);
  if (isNone || Number.isNaN(xs + ys)) {
    moments = momentsAround(x, y, moments.x / count, moments.y / count);
    [xs, ys] = variations(moments, count);
    if (isNothing(xs, moments.xx, ROUNDING_SHARE) || isNothing(ys, moments.yy, ROUNDING_SHARE)) {
      return 0;
    }
  }
  const together = apart(moments.xy, moments.x, moments.y, count);
  return Math.max(-1, Math.min(1, together / (Math.sqrt(xs) * Math.sqrt(ys))));
}

function variations({ x, y, xx, yy }: Moments, count: number): [number, number] {
  return [apart(xx, x, x, count), apart(yy, y, y, count)];
}

/** Whether squares vary by no more than a share of them, or by so little that they lose digits. */
function isNothing(variation: number, squares: number, share: number): boolean {
  return variation <= squares * share + VARIATION_MIN;
}

function momentsAround(x: Float64Array, y: Float64Array, px: number, py: number): Moments {
  const whole = x.length - x.length % 4;
  const sums = Array.from({ length: 5 }, () => new Float64Array(4));
  const [xs, ys, xxs, yys, xys] = sums as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let at = 0; at < x.length; at++) {
    const lane = at < whole ? at & 3 : 0;
    const u = x[at] as number - px;
    const v = y[at] as number - py;
    xs[lane] = xs[lane] as number + u;
    ys[lane] = ys[lane] as number + v;
    xxs[lane] = xxs[lane] as number + u * u;
    yys[lane] = yys[lane] as number + v * v;
    xys[lane] = xys[lane] as number + u * v;
  }
  return {
    x: fourLanes(xs),
    y: fourLanes(ys),
    xx: fourLanes(xxs),
    yy: fourLanes(yys),
    xy: fourLanes(xys),
  };
}

function sumOfIntegers(buffer: ArrayBuffer, at: number, count: number): bigint {
  const from = at >>> 0;
  const numbers = from % 4 === 0
    ? new Int32Array(buffer, from, count)
    : new Int32Array(buffer.slice(from, from + count * 4));
  let all = 0n;
  for (let first = 0; first < count; first += EXACT_COUNT) {
    let sum = 0;
    const end = Math.min(count, first + EXACT_COUNT);
    for (let index = first; index < end; index++) sum += numbers[index] as number;
    all += BigInt(sum);
  }
  return all;
}
