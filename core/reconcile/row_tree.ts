/**
 * The tree over the rows of a scope: one digest for all of them, sums that tell differences, and the
 * way to each row.
 *
 * Its root is BLAKE3 over children down to the rows, so equal roots mean equal rows, whatever history
 * made them. Its sketches only help to find differences; nothing is trusted because of them.
 */
import { invariant } from "../assert.ts";
import type { Kernel } from "../ports.ts";
import {
  bitsOf,
  childDigestsOf,
  CHILDREN_BYTES,
  countOf,
  DIGEST_BYTES,
  digitOf,
  firstChildOf,
  hasChild,
  HASH_BYTES,
  highAt,
  isInternal,
  LEVEL_BITS,
  levelOf,
  LEVELS_MAX,
  namesOf,
  NODES_MAX,
  prefixOf,
  RADIX,
  rowDigestsOf,
  rowsOf,
  type RowTable,
  SKETCH_WORDS,
  WORD_BYTES,
} from "./node_bytes.ts";
import {
  digestOf,
  ELEMENT_PREFIX_BITS,
  Messages,
  type RowChange,
  type TreeKeys,
  treeKeysOf,
  writeElement,
} from "./row_hash.ts";
import { GroupSums } from "./group_sums.ts";
import type { TreeNodes } from "./tree_nodes.ts";
import { updateTree } from "./tree_update.ts";

/** A row as a tree knows it. The bytes are views of a node: not to be changed. */
export interface TreeRow {
  /** The number of the leaf that it is in. */
  readonly node: number;
  /** The hash of its key, 8 bytes. */
  readonly hash: Uint8Array;
  /** Its digest, 32 bytes. */
  readonly digest: Uint8Array;
  /** What sketches sum up: 8 bytes, little-endian. */
  readonly element: Uint8Array;
  /** The collection's name. */
  readonly entity: string;
  /** The record's id. */
  readonly id: string;
}

/** Bits of a prefix that rows can be asked for by. */
export const PREFIX_BITS_MAX = 32;
/** Bits of a prefix that sums can be asked for by. */
export const GROUP_BITS_MAX = 20;

const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A tree over rows, kept in nodes that it is given. A store hands its own out for reading.
 *
 * @example
 * ```ts
 * import { openSqliteStore } from "@driftless/driftless/server";
 *
 * const store = openSqliteStore(":memory:");
 * store.transaction(() => {
 *   const row = { entity: "note", id: "n1", json: "{}", stamps: "[]", live: true, cursor: 1 };
 *   store.putRow("home", row);
 * });
 * const tree = store.tree("home");
 * if (tree?.count !== 1 || tree.root.length !== 32) throw new Error();
 * store.close();
 * ```
 */
export class RowTree {
  /** What it hashes and sums up with. */
  readonly kernel: Kernel;
  readonly #scope: string;
  readonly #keys: TreeKeys;
  readonly #nodes: TreeNodes;
  /** The digest of node 0 as it last was; its bytes are never changed, only replaced. */
  #rooted: { readonly bytes: Uint8Array | undefined; readonly digest: Uint8Array } | undefined;

  /** The tree of the scope that these nodes hold. */
  constructor(kernel: Kernel, scope: string, nodes: TreeNodes) {
    this.kernel = kernel;
    this.#scope = scope;
    this.#keys = treeKeysOf(kernel, scope);
    this.#nodes = nodes;
  }

  /** How many rows there are. */
  get count(): number {
    return countOf(this.#nodes.get(0));
  }

  /** The digest of all rows, 32 bytes. */
  get root(): Uint8Array {
    const bytes = this.#nodes.get(0);
    if (this.#rooted === undefined || this.#rooted.bytes !== bytes) {
      this.#rooted = { bytes, digest: this.#digest(bytes) };
    }
    return this.#rooted.digest.slice();
  }

  /** The tree of the same scope that other nodes hold. */
  over(nodes: TreeNodes): RowTree {
    return new RowTree(this.kernel, this.#scope, nodes);
  }

  /**
   * Puts changes in; the last one of a key counts, and what is gone need not have been there. Nothing
   * is written when the changes throw. When the nodes or the kernel throw, some nodes are, which
   * `OverlayNodes` can drop.
   */
  update(changes: Iterable<RowChange>): void {
    updateTree({ kernel: this.kernel, keys: this.#keys, nodes: this.#nodes }, changes);
  }

  /**
   * Rows, and the sketch of so many words, of each of `count` groups from number `from` on. Group g
   * holds the rows whose hashes begin with the `bits` bits of g, at most GROUP_BITS_MAX.
   */
  groups(
    bits: number,
    from: number,
    count: number,
    words: number = SKETCH_WORDS,
  ): { counts: number[]; sketches: Uint8Array[] } {
    invariant(bits >= 0 && bits <= GROUP_BITS_MAX, "a group has a short prefix");
    invariant(words >= 1 && words <= SKETCH_WORDS, "a sketch has 1 to 32 words");
    return new GroupSums(this.kernel, this.#nodes, bits, from, count, words).all();
  }

  /** The rows whose hashes begin with so many bits of `index`, in the order of the tree. */
  *rows(bits: number, index: number): IterableIterator<TreeRow> {
    invariant(bits >= 0 && bits <= PREFIX_BITS_MAX, "a prefix has at most 32 bits");
    for (const [node, bytes] of this.#leaves(0, 0, bits, index)) {
      yield* rowsWithin(node, bytes, bits, index);
    }
  }

  /** The rows that have this element: nearly always one, or none. */
  find(element: Uint8Array): readonly TreeRow[] {
    const isOne = element[0] === 1 && element.subarray(1).every((byte) => byte === 0);
    // Of the numbers from 0 to 2^61 - 1 three are element 1.
    const prefixes = isOne ? [0, 0x1f_ffff] : [prefixOfElement(element)];
    return prefixes.flatMap((prefix) =>
      [...this.rows(ELEMENT_PREFIX_BITS, prefix)].filter((row) => areEqual(row.element, element))
    );
  }

  /**
   * The digests of a node's 32 children, or its rows if it is a leaf. Where the tree is not that deep
   * this is the node that the rows of that prefix would be: a leaf.
   */
  children(
    node: number,
  ): { readonly digests: Uint8Array } | { readonly rows: readonly TreeRow[] } {
    const [level, prefix] = placeOf(node);
    const lowest = this.#lowest(level, prefix);
    const { bytes } = lowest;
    if (bytes === undefined) return { rows: [] };
    if (isInternal(bytes)) return { digests: childDigestsOf(bytes) };
    return { rows: [...rowsWithin(lowest.node, bytes, level * LEVEL_BITS, prefix)] };
  }

  /** The digests that the node's children have, or would have if it were internal: 32 times 32 bytes. */
  childDigests(node: number): Uint8Array {
    const children = this.children(node);
    if ("digests" in children) return children.digests;
    const level = levelOf(node);
    invariant(level < LEVELS_MAX, "a node at the lowest level has no children");
    const digests = new Uint8Array(CHILDREN_BYTES);
    const messages = new Messages();
    const digits: number[] = [];
    for (const { hash, digest } of children.rows) {
      const digit = digitOf(highAt(hash, 0), level);
      if (digits.length > 0 && digits.at(-1) !== digit) messages.end();
      if (digits.at(-1) !== digit) digits.push(digit);
      messages.add(digest, 0, DIGEST_BYTES);
    }
    if (digits.length === 0) return digests;
    messages.end();
    const hashed = messages.hash(this.kernel, this.#keys.leaf);
    digits.forEach((digit, index) => {
      const from = index * DIGEST_BYTES;
      digests.set(hashed.subarray(from, from + DIGEST_BYTES), digit * DIGEST_BYTES);
    });
    return digests;
  }

  /** Every node with its number, parents before their children. The bytes are not to be changed. */
  *nodes(from = 0): IterableIterator<readonly [node: number, bytes: Uint8Array]> {
    const bytes = this.#nodes.get(from);
    if (bytes === undefined) return;
    yield [from, bytes];
    if (!isInternal(bytes)) return;
    for (let digit = 0; digit < RADIX; digit++) {
      if (hasChild(bytes, digit)) yield* this.nodes(firstChildOf(from) + digit);
    }
  }

  #digest(bytes: Uint8Array | undefined): Uint8Array {
    const { leaf, node } = this.#keys;
    if (bytes === undefined) return digestOf(this.kernel, leaf, new Uint8Array());
    return isInternal(bytes)
      ? digestOf(this.kernel, node, childDigestsOf(bytes))
      : digestOf(this.kernel, leaf, rowDigestsOf(bytes));
  }

  /** The node of a prefix, or the leaf above it that has its rows. */
  #lowest(
    level: number,
    prefix: number,
  ): { readonly node: number; readonly bytes: Uint8Array | undefined } {
    let node = 0;
    let bytes = this.#nodes.get(0);
    for (let above = level; above > 0; above--) {
      if (bytes === undefined || !isInternal(bytes)) break;
      node = firstChildOf(node) + (prefix >>> LEVEL_BITS * (above - 1) & RADIX - 1);
      bytes = this.#nodes.get(node);
    }
    return { node, bytes };
  }

  /** The leaves that may have rows of a prefix. */
  *#leaves(
    node: number,
    level: number,
    bits: number,
    index: number,
  ): IterableIterator<readonly [node: number, bytes: Uint8Array]> {
    const bytes = this.#nodes.get(node);
    if (bytes === undefined) return;
    if (!isInternal(bytes)) {
      yield [node, bytes];
      return;
    }
    // Of the five bits below the node, so many are decided by the prefix.
    const decided = Math.min(LEVEL_BITS, Math.max(0, bits - level * LEVEL_BITS));
    const open = LEVEL_BITS - decided;
    const digits = index >>> Math.max(0, bits - (level + 1) * LEVEL_BITS);
    const first = decided === 0 ? 0 : digits << open & RADIX - 1;
    for (let digit = first; digit < first + 2 ** open; digit++) {
      if (hasChild(bytes, digit)) {
        yield* this.#leaves(firstChildOf(node) + digit, level + 1, bits, index);
      }
    }
  }
}

/** The first 21 bits of the hash of the rows that have the element, unless it is 1. */
export function prefixOfElement(element: Uint8Array): number {
  return (element[7] as number) << 16 | (element[6] as number) << 8 | (element[5] as number);
}

function* rowsWithin(
  node: number,
  bytes: Uint8Array,
  bits: number,
  index: number,
): IterableIterator<TreeRow> {
  const rows = rowsOf(bytes);
  const count = countOf(bytes);
  for (let row = 0; row < count; row++) {
    if (bitsOf(highAt(rows.hashes, row * HASH_BYTES), bits) === index) yield rowAt(node, rows, row);
  }
}

function rowAt(node: number, rows: RowTable, row: number): TreeRow {
  const element = new Uint8Array(WORD_BYTES);
  writeElement(element, 0, rows, row);
  const { entity, id } = namesOf(rows, row);
  return {
    node,
    hash: rows.hashes.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES),
    digest: rows.digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES),
    element,
    entity: decoder.decode(entity),
    id: decoder.decode(id),
  };
}

function placeOf(node: number): readonly [level: number, prefix: number] {
  invariant(Number.isInteger(node) && node >= 0 && node < NODES_MAX, "a node has a number");
  const level = levelOf(node);
  return [level, prefixOf(node, level)];
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
