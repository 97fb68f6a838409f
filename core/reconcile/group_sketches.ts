/** Groups of rows and their sketches: how many it takes, how they are sent, and what a sketch may hold. */
import type { Groups, GroupSketches } from "../wire/reconcile_gen.ts";
import { WORD_BYTES } from "./node_bytes.ts";
import {
  GROUP_ELEMENTS,
  GROUPS_MAX,
  HALVINGS_MAX,
  SKETCH_WORDS_MAX,
  SMALL_ROWS_MAX,
  SNAPSHOT_SHARE,
} from "./reconcile_limits.ts";
import { GROUP_BITS_MAX } from "./row_tree.ts";
import { readVarints, writeVarints } from "./varints.ts";

/** What one side says of the groups from an index on. */
export interface SketchedGroups {
  readonly counts: readonly number[];
  readonly sketches: readonly Uint8Array[];
}

export const SKETCH_BYTES = SKETCH_WORDS_MAX * WORD_BYTES;
/** Numbers and lengths of a message of groups. */
const GROUPS_HEAD_BYTES = 32;
/** Of the modulus 2^61 - 1, as the last byte of a word has it. */
const TOP_BYTE = 0x1f;

/** Bits of groups, so many that each has few enough of the elements that are expected to differ. */
export function bitsFor(elements: number): number {
  const groups = elements / GROUP_ELEMENTS;
  return Math.min(GROUP_BITS_MAX, Math.max(0, Math.ceil(Math.log2(groups))));
}

/** Whether a snapshot is less than to exchange so many elements of `rows` rows. */
export function isTooMuch(elements: number, rows: number): boolean {
  return rows > SMALL_ROWS_MAX && elements > rows / SNAPSHOT_SHARE;
}

/**
 * Groups that halve again and again, when nothing says how much differs: some of them decode, and show
 * how dense the differences are. In the order of their keys, without a gap.
 */
export function halvings(rows: number): Groups[] {
  const depth = Math.ceil(Math.log2(Math.max(rows, 1) / WORD_BYTES));
  const deepest = Math.min(HALVINGS_MAX, Math.max(1, depth));
  const groups: Groups[] = [{ bits: deepest, from: 0, count: 2 }];
  for (let bits = deepest - 1; bits > 0; bits--) groups.push({ bits, from: 1, count: 1 });
  return groups;
}

/** @throws {TypeError} if there are no such groups; {RangeError} if they are too many */
export function checkGroups(groups: readonly Groups[]): void {
  let sum = 0;
  for (const { bits, from, count } of groups) {
    if (bits > GROUP_BITS_MAX || count === 0 || from + count > 2 ** bits) {
      throw new TypeError(`Cannot read the groups: ${count} from ${from} of ${bits} bits`);
    }
    sum += count;
    if (sum > GROUPS_MAX) throw new RangeError(`more than ${GROUPS_MAX} groups are asked for`);
  }
}

/** @throws {TypeError} if the bytes are not words below the modulus */
export function checkSketch(sketch: Uint8Array): void {
  if (sketch.length % WORD_BYTES !== 0) {
    throw new TypeError("Cannot read the sketch: its words are not whole");
  }
  for (let last = WORD_BYTES - 1; last < sketch.length; last += WORD_BYTES) {
    const top = sketch[last] as number;
    if (top < TOP_BYTE) continue;
    const isModulus = sketch.subarray(last - WORD_BYTES + 1, last).every((byte) => byte === 255);
    if (top > TOP_BYTE || isModulus) {
      throw new TypeError("Cannot read the sketch: a word is not below 2^61 - 1");
    }
  }
}

/** Bytes of so many groups in a message, at the most; none has more than `rows` rows. */
export function bytesOfGroups(count: number, rows: number): number {
  return count * (SKETCH_BYTES + writeVarints([rows]).length) + GROUPS_HEAD_BYTES;
}

/** How many groups of at most `rows` rows fit into so many bytes. */
export function groupsThatFit(room: number, rows: number): number {
  const bytes = bytesOfGroups(1, rows) - GROUPS_HEAD_BYTES;
  return Math.max(0, Math.floor((room - GROUPS_HEAD_BYTES) / bytes));
}

/** As a reply has them. */
export function packGroups(bits: number, from: number, groups: SketchedGroups): GroupSketches {
  const sketches = new Uint8Array(groups.sketches.length * SKETCH_BYTES);
  groups.sketches.forEach((sketch, index) => sketches.set(sketch, index * SKETCH_BYTES));
  return { bits, from, counts: writeVarints(groups.counts), sketches };
}

/**
 * The groups of a reply.
 *
 * @throws {TypeError} if there are no such groups, or not one sketch for each
 */
export function unpackGroups({ bits, from, counts, sketches }: GroupSketches): SketchedGroups {
  const sizes = readVarints(counts);
  checkGroups([{ bits, from, count: sizes.length }]);
  if (sketches.length !== sizes.length * SKETCH_BYTES) {
    throw new TypeError("Cannot read the groups: there is not one sketch for each");
  }
  checkSketch(sketches);
  return {
    counts: sizes,
    sketches: sizes.map((_, i) => sketches.slice(i * SKETCH_BYTES, (i + 1) * SKETCH_BYTES)),
  };
}
