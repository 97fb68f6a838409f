/**
 * Elements: the 61 bits that stand for a row in a sketch, and the short form in which rows are wanted.
 *
 * An element of 8 little-endian bytes is the first 21 bits of its key's hash (its prefix), then 40 bits
 * of its record's digest, of which the first 24 are its tag.
 */
import { WORD_BYTES } from "./node_bytes.ts";
import { WANTS_MAX } from "./reconcile_limits.ts";
import { ELEMENT_PREFIX_BITS } from "./row_hash.ts";
import { prefixOfElement } from "./row_tree.ts";
import { pushVarint, VarintReader } from "./varints.ts";

/** A row as it is wanted. */
export interface Want {
  readonly prefix: number;
  /** The first 3 bytes of the record's digest, big-endian. */
  readonly tag: number;
}

const TAG_BYTES = 3;
const PREFIXES = 2 ** ELEMENT_PREFIX_BITS;

/** The elements that lie back to back. */
export function elementsIn(bytes: Uint8Array): Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += WORD_BYTES) {
    elements.push(bytes.subarray(at, at + WORD_BYTES));
  }
  return elements;
}

/** Elements back to back. */
export function joinElements(elements: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(elements.length * WORD_BYTES);
  elements.forEach((element, index) => bytes.set(element, index * WORD_BYTES));
  return bytes;
}

/** What an element is wanted by. */
export function wantOf(element: Uint8Array): Want {
  const [, , low = 0, middle = 0, high = 0] = element;
  return { prefix: prefixOfElement(element), tag: high << 16 | middle << 8 | low };
}

/** The tag of a record's digest. */
export function tagOf(digest: Uint8Array): number {
  const [high = 0, middle = 0, low = 0] = digest;
  return high << 16 | middle << 8 | low;
}

/** As a request has them; ordered by prefix here. */
export function writeWants(wants: readonly Want[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let before = 0;
  for (const { prefix, tag } of wants.toSorted((a, b) => a.prefix - b.prefix)) {
    pushVarint(bytes, prefix - before);
    before = prefix;
    bytes.push(tag >> 16, tag >> 8 & 255, tag & 255);
  }
  return Uint8Array.from(bytes);
}

/**
 * The tags that are wanted, by prefix in ascending order.
 *
 * @throws {TypeError} if the bytes are not wants
 * @throws {RangeError} if they are more than `WANTS_MAX`
 */
export function readWants(bytes: Uint8Array): Map<number, Set<number>> {
  const reader = new VarintReader(bytes);
  const wants = new Map<number, Set<number>>();
  let prefix = 0;
  for (let count = 0; !reader.isAtEnd; count++) {
    if (count === WANTS_MAX) throw new RangeError(`more than ${WANTS_MAX} rows are wanted`);
    prefix += reader.next();
    if (prefix >= PREFIXES) throw new TypeError("Cannot read the wants: a prefix is too large");
    const tags = wants.get(prefix) ?? new Set();
    wants.set(prefix, tags.add(reader.fixed(TAG_BYTES)));
  }
  return wants;
}
