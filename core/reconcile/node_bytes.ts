/**
 * The nodes of a tree: their numbers, and their bytes, which are the same wherever they are kept.
 *
 * A node is a prefix of the 64-bit hash of a row's key, five bits a level. It is a leaf if it has at
 * most LEAF_ROWS_MAX rows or stands at LEVELS_MAX, else internal. Level L begins at number
 * (32^L - 1) / 31, and within it nodes count by their prefix; the root is node 0. A node without rows
 * does not exist. Integers are little-endian, rows stand in the order of hash and then digest:
 *
 *     leaf      0            1 byte    0, then 3 bytes 0
 *               4            4 bytes   rows, n
 *               8            n × 8     hashes of the keys, as hashed
 *               8 + 8 n      n × 32    digests of the rows
 *               8 + 40 n     n ×       2 bytes length of the entity, 2 bytes length of the id,
 *                                      the entity, the id (UTF-8; lengths in bytes)
 *     internal  0            1 byte    1, then 3 bytes 0
 *               4            4 bytes   rows below
 *               8            32 × 32   digests of the children, zeros for an absent one
 *               1,032        32 × 8    sketch of the rows below
 *
 * So a row costs 44 bytes and its key, and an internal node 1,288 bytes.
 */
import { invariant } from "../assert.ts";

/** Rows side by side, in a leaf or in what is being written. Lists may be longer than the rows. */
export interface RowTable {
  /** How many rows there are. */
  readonly count: number;
  /** 8 bytes a row. */
  readonly hashes: Uint8Array;
  /** 32 bytes a row. */
  readonly digests: Uint8Array;
  /** Both names with their lengths, as in a leaf. */
  readonly keys: Uint8Array;
  /** Where each row's key begins; one more at the end. */
  readonly keyStarts: Uint32Array;
}

/** Rows that are copied one by one: hashes and digests also as words of the machine. */
export interface FreshRows extends RowTable {
  readonly hashWords: Uint32Array;
  readonly digestWords: Uint32Array;
}

/** Rows that a leaf may have, unless it cannot be split. */
export const LEAF_ROWS_MAX = 64;
/** The level at which nothing is split any more; the root is at level 0. */
export const LEVELS_MAX = 5;
/** Bits of the hash that one level decides. */
export const LEVEL_BITS = 5;
/** Children of an internal node. */
export const RADIX = 32;
/** Power sums in the sketch of an internal node. */
export const SKETCH_WORDS = 32;
/** Bytes of one power sum, and of an element. */
export const WORD_BYTES = 8;
/** Bytes of the hash of a key. */
export const HASH_BYTES = 8;
/** Bytes of a digest. */
export const DIGEST_BYTES = 32;
/** Bytes of the lengths before the names of a row. */
export const KEY_HEAD_BYTES = 4;
/** UTF-8 bytes of one name. */
export const KEY_NAME_BYTES_MAX = 0xffff;
/** Bytes of all digests of an internal node's children. */
export const CHILDREN_BYTES = RADIX * DIGEST_BYTES;

const HEAD_BYTES = 8;
const ROW_BYTES = HASH_BYTES + DIGEST_BYTES;
const SKETCH_AT = HEAD_BYTES + CHILDREN_BYTES;
const INTERNAL_BYTES = SKETCH_AT + SKETCH_WORDS * WORD_BYTES;
/** For fewer bytes a loop is faster than a call of the platform. */
const LOOP_BYTES_MAX = 64;

/** The first number of each level. */
const LEVEL_STARTS: readonly number[] = Array.from(
  { length: LEVELS_MAX + 1 },
  (_, level) => (RADIX ** level - 1) / (RADIX - 1),
);
/** One more than the highest number of a node. */
export const NODES_MAX = (RADIX ** (LEVELS_MAX + 1) - 1) / (RADIX - 1);

/** The level of a node, from 0 for the root. */
export function levelOf(node: number): number {
  let level = LEVELS_MAX;
  while (node < (LEVEL_STARTS[level] as number)) level--;
  return level;
}

/** The prefix of a node: as many bits as its level has times 5. */
export function prefixOf(node: number, level: number): number {
  return node - (LEVEL_STARTS[level] as number);
}

/** The number of a node's first child; the other 31 follow. */
export function firstChildOf(node: number): number {
  return node * RADIX + 1;
}

/** The first 32 bits of the hash at a place. */
export function highAt(hashes: Uint8Array, at: number): number {
  return ((hashes[at] as number) << 24 | (hashes[at + 1] as number) << 16 |
    (hashes[at + 2] as number) << 8 | (hashes[at + 3] as number)) >>> 0;
}

/** The first bits of a hash, from the first 32 of them. */
export function bitsOf(high: number, bits: number): number {
  return bits === 0 ? 0 : high >>> 32 - bits;
}

/** Which child of a node at the level has the hash. */
export function digitOf(high: number, level: number): number {
  return high >>> 32 - LEVEL_BITS * (level + 1) & RADIX - 1;
}

/** Whether a node has children; otherwise it has rows. */
export function isInternal(bytes: Uint8Array): boolean {
  return bytes[0] === 1;
}

/** How many rows are in or below a node. */
export function countOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : readU32(bytes, 4);
}

/** Sets how many rows are below an internal node. */
export function setCount(bytes: Uint8Array, count: number): void {
  writeU32(bytes, 4, count);
}

/** An internal node with a count and nothing else. */
export function newInternal(count: number): Uint8Array {
  const bytes = new Uint8Array(INTERNAL_BYTES);
  bytes[0] = 1;
  setCount(bytes, count);
  return bytes;
}

/** Where the digest of a child stands in an internal node. */
export function digestAt(digit: number): number {
  return HEAD_BYTES + digit * DIGEST_BYTES;
}

/** Whether an internal node has a child. */
export function hasChild(bytes: Uint8Array, digit: number): boolean {
  const at = digestAt(digit);
  for (let i = at; i < at + DIGEST_BYTES; i++) if (bytes[i] !== 0) return true;
  return false;
}

/** The digests of an internal node's children, in place. */
export function childDigestsOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(HEAD_BYTES, SKETCH_AT);
}

/** The first words of an internal node's sketch, in place. */
export function sketchOf(bytes: Uint8Array, words = SKETCH_WORDS): Uint8Array {
  return bytes.subarray(SKETCH_AT, SKETCH_AT + words * WORD_BYTES);
}

/** The hashes of a leaf's rows, in place. */
export function rowHashesOf(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(HEAD_BYTES, HEAD_BYTES + countOf(bytes) * HASH_BYTES);
}

/** The digests of a leaf's rows, in place. */
export function rowDigestsOf(bytes: Uint8Array): Uint8Array {
  const count = countOf(bytes);
  return bytes.subarray(HEAD_BYTES + count * HASH_BYTES, HEAD_BYTES + count * ROW_BYTES);
}

/** The rows of a leaf, in place; with a list for the starts of their keys, if there is one to spare. */
export function rowsOf(bytes: Uint8Array, spare?: Uint32Array): RowTable {
  const count = countOf(bytes);
  const keys = bytes.subarray(HEAD_BYTES + count * ROW_BYTES);
  const keyStarts = spare !== undefined && spare.length > count
    ? spare
    : new Uint32Array(count + 1);
  keyStarts[0] = 0;
  let end = 0;
  for (let row = 0; row < count; row++) {
    end += KEY_HEAD_BYTES + readU16(keys, end) + readU16(keys, end + 2);
    keyStarts[row + 1] = end;
  }
  return { count, hashes: rowHashesOf(bytes), digests: rowDigestsOf(bytes), keys, keyStarts };
}

/** The bytes of both names of a row. */
export function namesOf(
  { keys, keyStarts }: RowTable,
  row: number,
): { readonly entity: Uint8Array; readonly id: Uint8Array } {
  const at = keyStarts[row] as number;
  const idAt = at + KEY_HEAD_BYTES + readU16(keys, at);
  return {
    entity: keys.subarray(at + KEY_HEAD_BYTES, idAt),
    id: keys.subarray(idAt, keyStarts[row + 1]),
  };
}

/** Writes the lengths before the names of a row, in bytes. */
export function writeKeyHead(keys: Uint8Array, at: number, entity: number, id: number): void {
  invariant(Math.max(entity, id) <= KEY_NAME_BYTES_MAX, "the names of a row are short");
  keys[at] = entity;
  keys[at + 1] = entity >>> 8;
  keys[at + 2] = id;
  keys[at + 3] = id >>> 8;
}

/**
 * A leaf of the rows picked at places `from` to `to`, in their order: row p of `fresh` where a pick is
 * p, and row p of `kept` where it is ~p.
 */
export function leafOf(
  picks: Int32Array,
  from: number,
  to: number,
  fresh: FreshRows,
  kept: RowTable,
): Uint8Array {
  let keyBytes = 0;
  for (let place = from; place < to; place++) {
    const pick = picks[place] as number;
    const { keyStarts } = pick < 0 ? kept : fresh;
    const row = pick < 0 ? ~pick : pick;
    keyBytes += (keyStarts[row + 1] as number) - (keyStarts[row] as number);
  }
  const count = to - from;
  const bytes = new Uint8Array(HEAD_BYTES + count * ROW_BYTES + keyBytes);
  setCount(bytes, count);
  const words = new Uint32Array(bytes.buffer, 0, (HEAD_BYTES + count * ROW_BYTES) / 4);
  let keyAt = HEAD_BYTES + count * ROW_BYTES;
  for (let place = from; place < to;) {
    const at = place - from;
    const pick = picks[place++] as number;
    if (pick >= 0) {
      copyRowWords(words, at, count, fresh, pick);
      keyAt = copyKeys(bytes, keyAt, fresh, pick, pick + 1);
    } else {
      const row = ~pick;
      // Neighbours that stay neighbours are copied at once.
      while (place < to && picks[place] === pick - (place - from - at)) place++;
      const end = row + place - from - at;
      const digestsAt = HEAD_BYTES + count * HASH_BYTES + at * DIGEST_BYTES;
      copyBytes(
        bytes,
        HEAD_BYTES + at * HASH_BYTES,
        kept.hashes,
        row * HASH_BYTES,
        end * HASH_BYTES,
      );
      copyBytes(bytes, digestsAt, kept.digests, row * DIGEST_BYTES, end * DIGEST_BYTES);
      keyAt = copyKeys(bytes, keyAt, kept, row, end);
    }
  }
  return bytes;
}

/** One leaf of the rows of several, which follow one another. */
export function joinedLeaf(leaves: readonly Uint8Array[]): Uint8Array {
  const count = leaves.reduce((sum, leaf) => sum + countOf(leaf), 0);
  const length = leaves.reduce((sum, leaf) => sum + leaf.length - HEAD_BYTES, HEAD_BYTES);
  const bytes = new Uint8Array(length);
  setCount(bytes, count);
  let hashAt = HEAD_BYTES;
  let digestAt = hashAt + count * HASH_BYTES;
  let keyAt = digestAt + count * DIGEST_BYTES;
  for (const leaf of leaves) {
    const { hashes, digests, keys } = rowsOf(leaf);
    bytes.set(hashes, hashAt);
    bytes.set(digests, digestAt);
    bytes.set(keys, keyAt);
    hashAt += hashes.length;
    digestAt += digests.length;
    keyAt += keys.length;
  }
  return bytes;
}

function copyRowWords(
  words: Uint32Array,
  at: number,
  count: number,
  { hashWords, digestWords }: FreshRows,
  row: number,
): void {
  const hashAt = HEAD_BYTES / 4 + at * 2;
  words[hashAt] = hashWords[row * 2] as number;
  words[hashAt + 1] = hashWords[row * 2 + 1] as number;
  const digestAt = HEAD_BYTES / 4 + count * 2 + at * 8;
  for (let i = 0; i < 8; i++) words[digestAt + i] = digestWords[row * 8 + i] as number;
}

/** Copies the keys of neighbouring rows, and says where they end. */
function copyKeys(
  bytes: Uint8Array,
  at: number,
  { keys, keyStarts }: RowTable,
  row: number,
  rowEnd: number,
): number {
  const [from, to] = [keyStarts[row] as number, keyStarts[rowEnd] as number];
  copyBytes(bytes, at, keys, from, to);
  return at + to - from;
}

/** Copies a few bytes, or many. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  from: number,
  to: number,
): void {
  if (to - from > LOOP_BYTES_MAX) target.set(source.subarray(from, to), at);
  else while (from < to) target[at++] = source[from++] as number;
}

/** Writes an integer of 4 bytes. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (readU16(bytes, at) | readU16(bytes, at + 2) << 16) >>> 0;
}

function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | (bytes[at + 1] as number) << 8;
}
