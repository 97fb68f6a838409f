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
import { MergedRows, SORTED_ROWS_MAX, SortedChanges } from "./merged_rows.ts";
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
  setCount,
  sketchOf,
} from "./node_bytes.ts";
import { Messages, type RowChange, type TreeKeys } from "./row_hash.ts";
import { SketchDelta } from "./sketch_delta.ts";
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

/** Lists that an update fills: making them anew costs more than a small update does. */
interface Space {
  readonly changes: SortedChanges;
  readonly merged: MergedRows;
  /** By level: one internal node of each is under way at a time. */
  readonly deltas: readonly SketchDelta[];
  readonly leaves: OwedDigests;
  readonly internals: OwedDigests;
}

/** After more changes than this the lists are given back. */
const SPARE_ROWS_MAX = 1_024;

/** What the last update left, if no other one runs and it was small. */
let spare: Space | undefined;

/** Puts the changes into the tree, so many at once; the last one of a key counts. */
export function updateTree(
  place: TreePlace,
  changes: Iterable<RowChange>,
  rowsMax: number = SORTED_ROWS_MAX,
): void {
  const { kernel, keys } = place;
  const space = spare ?? newSpace();
  spare = undefined;
  const { rows } = space.changes;
  rows.clear();
  if (Array.isArray(changes)) rows.reserve(Math.min(changes.length, rowsMax));
  let most = 0;
  const put = () => {
    rows.finish(kernel, keys);
    space.changes.sort();
    new TreeUpdate(place, space).run();
    most = Math.max(most, rows.count);
    rows.clear();
  };
  for (const change of changes) {
    rows.add(change, kernel, keys);
    if (rows.count === rowsMax) put();
  }
  if (rows.count > 0) put();
  if (most <= SPARE_ROWS_MAX) spare = space;
}

class TreeUpdate {
  readonly #kernel: Kernel;
  readonly #keys: TreeKeys;
  readonly #nodes: TreeNodes;
  readonly #space: Space;
  /** By level. */
  readonly #dirty: DirtyNode[][] = Array.from({ length: LEVELS_MAX }, () => []);

  constructor({ kernel, keys, nodes }: TreePlace, space: Space) {
    this.#kernel = kernel;
    this.#keys = keys;
    this.#nodes = nodes;
    this.#space = space;
  }

  run(): void {
    const { changes, leaves, internals } = this.#space;
    const before = this.#nodes.get(0);
    const after = this.#changed(0, 0, before, 0, changes.rows.count);
    if (after === before) return;
    this.#place(0, 0, after, undefined, 0);
    leaves.settle(this.#kernel, this.#keys.leaf);
    for (const level of this.#dirty.reverse()) {
      for (const { node, bytes, parent, digit } of level) {
        this.#nodes.set(node, bytes);
        if (parent === undefined) continue;
        internals.owe(childDigestsOf(bytes), parent, digit);
        if (internals.isFull) internals.settle(this.#kernel, this.#keys.node);
      }
      internals.settle(this.#kernel, this.#keys.node);
    }
  }

  /** What a node becomes by the changes in a range; `delta` takes what that does to a sketch. */
  #changed(
    level: number,
    node: number,
    before: Uint8Array | undefined,
    from: number,
    to: number,
    delta?: SketchDelta,
  ): Uint8Array | undefined {
    if (before !== undefined && isInternal(before)) {
      return this.#changedInternal(level, node, before, from, to, delta);
    }
    const { changes, merged } = this.#space;
    if (!merged.merge(changes, from, to, before)) return before;
    const { count, kept } = merged;
    if (count > LEAF_ROWS_MAX && level < LEVELS_MAX) {
      const split = this.#split(level, node, 0, count);
      delta?.addSketch(this.#kernel, sketchOf(split));
      for (let row = 0; row < kept.count; row++) delta?.addRow(this.#kernel, kept, row, -1);
      return split;
    }
    delta?.addMerge(this.#kernel, merged, changes.rows);
    return count === 0 ? undefined : leafOf(merged.picks, 0, count, changes.rows, kept);
  }

  #changedInternal(
    level: number,
    node: number,
    before: Uint8Array,
    from: number,
    to: number,
    delta?: SketchDelta,
  ): Uint8Array | undefined {
    const { highs } = this.#space.changes;
    const own = this.#newDelta(level);
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
    const sketch = own.settle(this.#kernel);
    delta?.addSketch(this.#kernel, sketch);
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

  /** The internal node of merged rows, which are more than a leaf may have. */
  #split(level: number, node: number, from: number, to: number): Uint8Array {
    const { changes, merged } = this.#space;
    const { picks, highs, kept } = merged;
    const bytes = newInternal(to - from);
    const own = this.#newDelta(level);
    while (from < to) {
      const digit = digitOf(highs[from] as number, level);
      const end = endOfDigit(highs, from, to, level);
      const number = firstChildOf(node) + digit;
      let child: Uint8Array;
      if (end - from > LEAF_ROWS_MAX && level + 1 < LEVELS_MAX) {
        child = this.#split(level + 1, number, from, end);
        own.addSketch(this.#kernel, sketchOf(child));
      } else {
        child = leafOf(picks, from, end, changes.rows, kept);
        own.addPicks(this.#kernel, merged, changes.rows, from, end);
      }
      this.#place(level + 1, number, child, bytes, digit);
      from = end;
    }
    sketchOf(bytes).set(own.settle(this.#kernel));
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
      const { leaves } = this.#space;
      if (parent !== undefined) leaves.owe(rowDigestsOf(bytes), parent, digit);
      if (leaves.isFull) leaves.settle(this.#kernel, this.#keys.leaf);
    }
  }

  #child(bytes: Uint8Array, node: number, digit: number): Uint8Array | undefined {
    if (!hasChild(bytes, digit)) return undefined;
    const child = this.#nodes.get(firstChildOf(node) + digit);
    invariant(child !== undefined, "a node that has a digest exists");
    return child;
  }

  #newDelta(level: number): SketchDelta {
    const delta = this.#space.deltas[level] as SketchDelta;
    delta.clear();
    return delta;
  }
}

/** Digests that are owed to the parents of nodes. */
class OwedDigests {
  readonly #messages = new Messages();
  readonly #parents: Uint8Array[] = [];
  readonly #digits: number[] = [];

  /** Whether it is time to settle. */
  get isFull(): boolean {
    return this.#messages.isFull;
  }

  /** Notes what is to be hashed, and for which child of which node. */
  owe(message: Uint8Array, parent: Uint8Array, digit: number): void {
    this.#messages.add(message, 0, message.length);
    this.#messages.end();
    this.#parents.push(parent);
    this.#digits.push(digit);
  }

  /** Writes all digests that are owed. */
  settle(kernel: Kernel, key: Uint8Array): void {
    const { length } = this.#parents;
    if (length === 0) return;
    const digests = this.#messages.hash(kernel, key);
    for (let index = 0; index < length; index++) {
      const [from, at] = [index * DIGEST_BYTES, digestAt(this.#digits[index] as number)];
      copyBytes(this.#parents[index] as Uint8Array, at, digests, from, from + DIGEST_BYTES);
    }
    this.#parents.length = 0;
    this.#digits.length = 0;
  }
}

function newSpace(): Space {
  return {
    changes: new SortedChanges(),
    merged: new MergedRows(),
    deltas: Array.from({ length: LEVELS_MAX }, () => new SketchDelta()),
    leaves: new OwedDigests(),
    internals: new OwedDigests(),
  };
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
