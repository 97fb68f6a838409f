/**
 * Puts a batch of changes into a tree, so that what is there afterwards depends on the rows alone.
 *
 * Down the tree the sorted changes part; on the way back each node says what it has become: nothing,
 * a leaf, or an internal node. Only its parent, which stays, writes it down. Sketches change by the
 * elements that changed, added once at the lowest internal node and handed upwards as a sum. Digests
 * come last, many at a time: all leaves, then the internal nodes of each level from the lowest up.
 */
import { invariant } from "../assert.ts";
import type { Kernel } from "../ports.ts";
import { type MergedRows, mergedRows, type SortedChanges } from "./merged_rows.ts";
import {
  childDigestsOf,
  copyBytes,
  countOf,
  DIGEST_BYTES,
  digestAt,
  digitOf,
  firstChildOf,
  hasChild,
  isInternal,
  joinedLeaf,
  LEAF_ROWS_MAX,
  leafOf,
  LEVELS_MAX,
  newInternal,
  RADIX,
  rowDigestsOf,
  rowsOf,
  type RowTable,
  setCount,
  SKETCH_WORDS,
  sketchOf,
  WORD_BYTES,
} from "./node_bytes.ts";
import { Messages, type TreeKeys, writeElement } from "./row_hash.ts";
import type { TreeNodes } from "./tree_nodes.ts";

/** Where a tree is, and what it counts with. */
export interface TreePlace {
  readonly kernel: Kernel;
  readonly keys: TreeKeys;
  readonly nodes: TreeNodes;
}

/** An internal node whose digest is owed to its parent, which the root does not have. */
interface DirtyNode {
  readonly node: number;
  readonly bytes: Uint8Array;
  readonly parent: Uint8Array | undefined;
  readonly digit: number;
}

/** Elements are added to a sketch when so many bytes of them have gathered. */
const ELEMENTS_BYTES_MAX = 32 * 1024;
const FIRST_ELEMENTS_BYTES = 8 * WORD_BYTES;

const NO_ROWS: RowTable = rowsOf(new Uint8Array(8));

/** Puts the changes into the tree. */
export function updateTree(place: TreePlace, changes: SortedChanges): void {
  new TreeUpdate(place, changes).run();
}

class TreeUpdate {
  readonly #kernel: Kernel;
  readonly #nodes: TreeNodes;
  readonly #changes: SortedChanges;
  readonly #leaves: OwedDigests;
  readonly #internals: OwedDigests;
  /** By level. */
  readonly #dirty: DirtyNode[][] = Array.from({ length: LEVELS_MAX }, () => []);

  constructor({ kernel, keys, nodes }: TreePlace, changes: SortedChanges) {
    this.#kernel = kernel;
    this.#nodes = nodes;
    this.#changes = changes;
    this.#leaves = new OwedDigests(kernel, keys.leaf);
    this.#internals = new OwedDigests(kernel, keys.node);
  }

  run(): void {
    const before = this.#nodes.get(0);
    const after = this.#changed(0, 0, before, 0, this.#changes.order.length);
    if (after === before) return;
    this.#place(0, 0, after, undefined, 0);
    this.#leaves.settle();
    for (const level of this.#dirty.reverse()) {
      for (const { node, bytes, parent, digit } of level) {
        this.#nodes.set(node, bytes);
        if (parent !== undefined) this.#internals.owe(childDigestsOf(bytes), parent, digit);
      }
      this.#internals.settle();
    }
  }

  /** What a node becomes by the changes in a range; `delta` takes what that does to a sketch. */
  #changed(
    level: number,
    node: number,
    before: Uint8Array | undefined,
    from: number,
    to: number,
    delta?: Delta,
  ): Uint8Array | undefined {
    if (before !== undefined && isInternal(before)) {
      return this.#changedInternal(level, node, before, from, to, delta);
    }
    const kept = before === undefined ? NO_ROWS : rowsOf(before);
    const merged = mergedRows(this.#changes, from, to, kept);
    if (merged === undefined) return before;
    const { picks } = merged;
    if (picks.length > LEAF_ROWS_MAX && level < LEVELS_MAX) {
      const split = this.#split(level, node, merged, kept, 0, picks.length);
      delta?.addSketch(sketchOf(split));
      delta?.addRows(kept, -1);
      return split;
    }
    delta?.addMerged(merged, this.#changes.rows, kept);
    return picks.length === 0 ? undefined : leafOf(picks, this.#changes.rows, kept);
  }

  #changedInternal(
    level: number,
    node: number,
    before: Uint8Array,
    from: number,
    to: number,
    delta?: Delta,
  ): Uint8Array | undefined {
    const { highs } = this.#changes;
    const own = new Delta(this.#kernel);
    const children = new Map<number, Uint8Array | undefined>();
    let count = countOf(before);
    while (from < to) {
      const digit = digitOf(highs[from] as number, level);
      const end = endOfDigit(highs, from, to, level);
      const child = this.#child(before, node, digit);
      const changed = this.#changed(level + 1, firstChildOf(node) + digit, child, from, end, own);
      if (changed !== child) children.set(digit, changed);
      count += countOf(changed) - countOf(child);
      from = end;
    }
    if (children.size === 0) return before;
    const sketch = own.settle();
    delta?.addSketch(sketch);
    if (count <= LEAF_ROWS_MAX) return this.#merged(node, before, children);
    const after = before.slice();
    setCount(after, count);
    this.#kernel.addSketch(sketchOf(after), sketch, 1);
    for (const [digit, child] of children) {
      this.#place(level + 1, firstChildOf(node) + digit, child, after, digit);
    }
    return after;
  }

  /** The leaf that an internal node with few rows becomes; its children, leaves all, are gone. */
  #merged(
    node: number,
    before: Uint8Array,
    children: ReadonlyMap<number, Uint8Array | undefined>,
  ): Uint8Array | undefined {
    const leaves: Uint8Array[] = [];
    for (let digit = 0; digit < RADIX; digit++) {
      const leaf = children.has(digit) ? children.get(digit) : this.#child(before, node, digit);
      if (leaf !== undefined) leaves.push(leaf);
      if (hasChild(before, digit)) this.#nodes.delete(firstChildOf(node) + digit);
    }
    return leaves.length === 0 ? undefined : joinedLeaf(leaves);
  }

  /** The internal node of more rows than a leaf may have. */
  #split(
    level: number,
    node: number,
    merged: MergedRows,
    kept: RowTable,
    from: number,
    to: number,
  ): Uint8Array {
    const { picks, highs } = merged;
    const bytes = newInternal(to - from);
    const own = new Delta(this.#kernel);
    while (from < to) {
      const digit = digitOf(highs[from] as number, level);
      const end = endOfDigit(highs, from, to, level);
      const child = firstChildOf(node) + digit;
      if (end - from > LEAF_ROWS_MAX && level + 1 < LEVELS_MAX) {
        const internal = this.#split(level + 1, child, merged, kept, from, end);
        own.addSketch(sketchOf(internal));
        this.#place(level + 1, child, internal, bytes, digit);
      } else {
        const leaf = leafOf(picks.subarray(from, end), this.#changes.rows, kept);
        own.addRows(rowsOf(leaf), 1);
        this.#place(level + 1, child, leaf, bytes, digit);
      }
      from = end;
    }
    sketchOf(bytes).set(own.settle());
    return bytes;
  }

  /** Writes a node down, and its digest into its parent: at once, or when it is known. */
  #place(
    level: number,
    node: number,
    bytes: Uint8Array | undefined,
    parent: Uint8Array | undefined,
    digit: number,
  ): void {
    if (bytes === undefined) {
      this.#nodes.delete(node);
      parent?.fill(0, digestAt(digit), digestAt(digit + 1));
    } else if (isInternal(bytes)) {
      this.#dirty[level]?.push({ node, bytes, parent, digit });
    } else {
      this.#nodes.set(node, bytes);
      if (parent !== undefined) this.#leaves.owe(rowDigestsOf(bytes), parent, digit);
    }
  }

  #child(bytes: Uint8Array, node: number, digit: number): Uint8Array | undefined {
    if (!hasChild(bytes, digit)) return undefined;
    const child = this.#nodes.get(firstChildOf(node) + digit);
    invariant(child !== undefined, "a node that has a digest exists");
    return child;
  }
}

/** How a sketch changes: elements that come and go, and sums of such changes from below. */
class Delta {
  readonly #kernel: Kernel;
  readonly #sketch = new Uint8Array(SKETCH_WORDS * WORD_BYTES);
  readonly #plus: ElementList = { bytes: new Uint8Array(FIRST_ELEMENTS_BYTES), length: 0 };
  readonly #minus: ElementList = { bytes: new Uint8Array(FIRST_ELEMENTS_BYTES), length: 0 };

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  addSketch(sketch: Uint8Array): void {
    this.#kernel.addSketch(this.#sketch, sketch, 1);
  }

  /** Adds all rows of a table, or takes them away. */
  addRows(rows: RowTable, sign: 1 | -1): void {
    for (let row = 0; row < rows.keyStarts.length - 1; row++) this.#add(rows, row, sign);
  }

  /** Adds the rows that are new in a merge, and takes away those that are not in it any more. */
  addMerged({ picks, dropped }: MergedRows, fresh: RowTable, kept: RowTable): void {
    for (const pick of picks) if (pick >= 0) this.#add(fresh, pick, 1);
    for (const row of dropped) this.#add(kept, row, -1);
  }

  /** The sum of everything so far. */
  settle(): Uint8Array {
    this.#flush(1);
    this.#flush(-1);
    return this.#sketch;
  }

  #add(rows: RowTable, row: number, sign: 1 | -1): void {
    const list = sign === 1 ? this.#plus : this.#minus;
    if (list.length === list.bytes.length) {
      if (list.length >= ELEMENTS_BYTES_MAX) this.#flush(sign);
      else {
        const { bytes } = list;
        list.bytes = new Uint8Array(bytes.length * 2);
        list.bytes.set(bytes);
      }
    }
    writeElement(list.bytes, list.length, rows, row);
    list.length += WORD_BYTES;
  }

  #flush(sign: 1 | -1): void {
    const list = sign === 1 ? this.#plus : this.#minus;
    if (list.length === 0) return;
    this.#kernel.addElements(this.#sketch, list.bytes.subarray(0, list.length), sign);
    list.length = 0;
  }
}

interface ElementList {
  bytes: Uint8Array;
  length: number;
}

/** Digests that are owed to the parents of nodes. */
class OwedDigests {
  readonly #messages: Messages;
  #parents: { readonly bytes: Uint8Array; readonly digit: number }[] = [];

  constructor(kernel: Kernel, key: Uint8Array) {
    this.#messages = new Messages(kernel, key);
  }

  /** Notes what is to be hashed, and for which child of which node. */
  owe(message: Uint8Array, bytes: Uint8Array, digit: number): void {
    this.#messages.add(message, 0, message.length);
    this.#messages.end();
    this.#parents.push({ bytes, digit });
    if (this.#messages.isFull) this.settle();
  }

  /** Writes all digests that are owed. */
  settle(): void {
    if (this.#parents.length === 0) return;
    const digests = this.#messages.hash();
    for (const [index, { bytes, digit }] of this.#parents.entries()) {
      const from = index * DIGEST_BYTES;
      copyBytes(bytes, digestAt(digit), digests, from, from + DIGEST_BYTES);
    }
    this.#parents = [];
  }
}

/** Where the hashes of the first one's child end. */
function endOfDigit(highs: Uint32Array, from: number, to: number, level: number): number {
  const digit = digitOf(highs[from] as number, level);
  let step = 1;
  // Steps that double find the end of a short range at once, and that of a long one in few steps.
  while (from + step < to && digitOf(highs[from + step] as number, level) === digit) step *= 2;
  let low = from + (step >> 1);
  let high = Math.min(from + step, to);
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (digitOf(highs[middle] as number, level) === digit) low = middle;
    else high = middle;
  }
  return high;
}
