/**
 * What a kernel must do, as cases that run in every runtime: nothing here is Deno's.
 *
 * Each case compares a kernel with the official vectors or with its twin, and returns what differs.
 */
import type { Kernel } from "../../core/ports.ts";
import { Prng } from "../sim/prng.ts";
import { VECTOR_CONTEXT, VECTOR_KEY, VECTORS } from "./blake3_vectors.ts";

/** What ran, and what went wrong: at most a few sentences. */
export interface CasesReport {
  readonly cases: number;
  readonly problems: readonly string[];
}

/** Longest message whose every length is tried, in bytes. */
const LENGTH_MAX = 260;
const ALIGNMENTS = 16;
const PROBLEMS_MAX = 5;

/** A prime near 2^61; numbers of the field are below it. */
const PRIME = (1n << 61n) - 1n;

/** Where messages change from one way of hashing to the next, in bytes. */
const EDGES: readonly [number, ...number[]] = [0, 16, 32, 48, 64, 128, 192, 256, 960, 1024];

/** Beyond a chunk, and beyond what fits into the module's memory at a time, in bytes. */
const LONG_EDGES: readonly [number, ...number[]] = [2048, 3072, 4096, 8192, 131_072, 133_120];

/** All cases, with so many random ones. */
export function runKernelCases(
  kernel: Kernel,
  twin: Kernel,
  { seed, count }: { seed: number; count: number },
): CasesReport {
  const problems: string[] = [];
  const say = (problem: string) => problems.length < PROBLEMS_MAX && problems.push(problem);
  const cases = vectorCases(kernel, say) + alignedCases(kernel, twin, say) +
    batchCases(kernel, twin, say) + randomCases(kernel, twin, new Prng(seed), count, say);
  return { cases, problems };
}

/** Bytes that count from `from`, modulo 251. */
export function patternOf(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (from + index) % 251);
}

function vectorCases(kernel: Kernel, say: (problem: string) => void): number {
  const key = new TextEncoder().encode(VECTOR_KEY);
  for (const { length, hash, keyed, derived } of VECTORS) {
    const message = patternOf(length);
    const ends = Uint32Array.of(length);
    if (hexOf(kernel.hashAll(message, ends)) !== hash) say(`Vector ${length} differs`);
    if (hexOf(kernel.hashAll(message, ends, key)) !== keyed) say(`Vector ${length} keyed differs`);
    const actual = kernel.deriveKey(VECTOR_CONTEXT, message);
    if (hexOf(actual) !== derived) say(`Vector ${length} derived differs`);
  }
  return VECTORS.length * 3;
}

/** Every length at every alignment, in the caller's memory as in the module's. */
function alignedCases(kernel: Kernel, twin: Kernel, say: (problem: string) => void): number {
  for (let length = 0; length <= LENGTH_MAX; length++) {
    for (let alignment = 0; alignment < ALIGNMENTS; alignment++) {
      const messages = patternOf(length + 2 * ALIGNMENTS, length).subarray(alignment);
      // One message in front, so that the one behind it begins where it should, and the rest.
      const ends = Uint32Array.of(alignment, alignment + length, messages.length);
      if (!isSame(kernel.hashAll(messages, ends), twin.hashAll(messages, ends))) {
        say(`Length ${length} at ${alignment} differs`);
      }
    }
  }
  return (LENGTH_MAX + 1) * ALIGNMENTS;
}

/** As many messages as fit at a time, and one less and more: short ones, then large ones. */
function batchCases(kernel: Kernel, twin: Kernel, say: (problem: string) => void): number {
  let cases = 0;
  for (const [full, length] of [[4096, 3], [128, 1024], [1, 131_072]] as const) {
    for (const count of [full - 1, full, full + 1]) {
      const messages = patternOf(count * length);
      const ends = Uint32Array.from({ length: count }, (_, index) => (index + 1) * length);
      if (!isSame(kernel.hashAll(messages, ends), twin.hashAll(messages, ends))) {
        say(`A batch of ${count} messages of ${length} bytes differs`);
      }
      cases += count;
    }
  }
  return cases;
}

/** A case is a message that is hashed, or a call that works on sketches. */
function randomCases(
  kernel: Kernel,
  twin: Kernel,
  prng: Prng,
  count: number,
  say: (problem: string) => void,
): number {
  let cases = 0;
  for (let round = 0; cases < count; round++) {
    const run = prng.pick([hashing, hashing, hashing, deriving, adding, adding, merging, decoding]);
    const name = `Random round ${round}`;
    try {
      cases += run(kernel, twin, prng, () => say(`${name}: ${run.name} differs`));
    } catch (error) {
      say(`${name}: ${run.name} throws ${error}`);
      return cases;
    }
  }
  return cases;
}

function hashing(kernel: Kernel, twin: Kernel, prng: Prng, differs: () => void): number {
  const lengths = Array.from({ length: prng.between(0, 64) }, () => messageLength(prng));
  let length = 0;
  const ends = Uint32Array.from(lengths, (it) => length += it);
  const messages = unaligned(prng, length);
  const key = prng.chance(0.5) ? prng.bytes(32) : undefined;
  if (!isSame(kernel.hashAll(messages, ends, key), twin.hashAll(messages, ends, key))) differs();
  return Math.max(1, lengths.length);
}

function deriving(kernel: Kernel, twin: Kernel, prng: Prng, differs: () => void): number {
  const context = "ä".repeat(prng.between(0, prng.chance(0.02) ? 800 : 40));
  const material = unaligned(prng, messageLength(prng));
  if (!isSame(kernel.deriveKey(context, material), twin.deriveKey(context, material))) differs();
  return 1;
}

function adding(kernel: Kernel, twin: Kernel, prng: Prng, differs: () => void): number {
  const sketch = numbers(prng, prng.between(1, 64));
  const other = sketch.slice();
  const elements = numbers(prng, prng.between(0, 4));
  const sign = prng.chance(0.5) ? 1 : -1;
  kernel.addElements(sketch, elements, sign);
  twin.addElements(other, elements, sign);
  if (!isSame(sketch, other)) differs();
  return 1;
}

function merging(kernel: Kernel, twin: Kernel, prng: Prng, differs: () => void): number {
  const words = prng.between(1, 64);
  const sketch = numbers(prng, words);
  const other = sketch.slice();
  const added = numbers(prng, words);
  const sign = prng.chance(0.5) ? 1 : -1;
  kernel.addSketch(sketch, added, sign);
  twin.addSketch(other, added, sign);
  if (!isSame(sketch, other)) differs();
  return 1;
}

/** A sketch of a small difference, sometimes of one that is too large for it, sometimes of none. */
function decoding(kernel: Kernel, twin: Kernel, prng: Prng, differs: () => void): number {
  const words = prng.chance(0.03) ? prng.between(13, 64) : prng.between(1, 12);
  const plus = prng.between(0, prng.between(0, words));
  const minus = prng.between(0, prng.between(0, words));
  let sketch = new Uint8Array(words * 8);
  twin.addElements(sketch, numbers(prng, plus), 1);
  twin.addElements(sketch, numbers(prng, minus), -1);
  if (prng.chance(0.05)) sketch = numbers(prng, words);
  const surplus = prng.chance(0.05) ? prng.between(-words - 1, words + 1) : plus - minus;
  const actual = kernel.decode(sketch, surplus);
  const expected = twin.decode(sketch, surplus);
  if (actual === null || expected === null) {
    if (actual !== expected) differs();
  } else if (!isSame(actual.plus, expected.plus) || !isSame(actual.minus, expected.minus)) {
    differs();
  }
  return 1;
}

function messageLength(prng: Prng): number {
  if (prng.chance(0.002)) return prng.pick(LONG_EDGES) + prng.between(-1, 1);
  if (prng.chance(0.01)) return prng.between(0, 5000);
  if (prng.chance(0.2)) return Math.max(0, prng.pick(EDGES) + prng.between(-1, 1));
  return prng.between(0, 130);
}

/** Random bytes that begin anywhere in their buffer. */
function unaligned(prng: Prng, length: number): Uint8Array {
  const at = prng.between(0, ALIGNMENTS - 1);
  return prng.bytes(at + length).subarray(at);
}

/** Numbers of the field, the ends of its range among them; sometimes one that is not reduced. */
function numbers(prng: Prng, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count * 8);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 8) {
    let value = BigInt(prng.next()) << 29n ^ BigInt(prng.next());
    if (prng.chance(0.02)) {
      value = prng.pick([0n, 1n, PRIME - 1n, PRIME, PRIME + 1n, (1n << 64n) - 1n]);
    }
    view.setBigUint64(at, value, true);
  }
  return bytes;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
