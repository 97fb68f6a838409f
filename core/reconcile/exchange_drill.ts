/**
 * The way down the nodes of two trees to the rows that differ, where sketches do not show them.
 *
 * Costs a round for each level, and at the end the client's rows of a leaf as tags: the server then
 * tells the ones that it lacks, and the client those that are gone.
 */
import type { Kernel } from "../ports.ts";
import type { NodeDigests } from "../wire/reconcile_gen.ts";
import { type DrilledNode, joinDigests, shortDigests, TAG_BYTES, textsOf } from "./drilling.ts";
import {
  firstChildOf,
  LEAF_ROWS_MAX,
  LEVEL_BITS,
  levelOf,
  NODES_MAX,
  prefixOf,
  RADIX,
} from "./node_bytes.ts";
import { areEqualBytes } from "./readable.ts";
import type { RowTree, TreeRow } from "./row_tree.ts";

/** One way down from the root. */
export class DrillDown {
  readonly salt: Uint8Array;
  readonly #kernel: Kernel;
  /** Nodes to ask for, and whether the server said that they are leaves. */
  readonly #open = new Map<number, boolean>([[0, false]]);
  /** Nodes that were asked for with tags. */
  readonly #tagged = new Set<number>();

  constructor(kernel: Kernel, salt: Uint8Array) {
    this.#kernel = kernel;
    this.salt = salt;
  }

  /** The numbers of the nodes that are known to differ and not gone through. */
  get open(): readonly number[] {
    return [...this.#open.keys()];
  }

  /** What to ask of a node. */
  drilled(tree: RowTree, node: number): DrilledNode {
    const own = tree.children(node);
    const isFew = "rows" in own && own.rows.length <= LEAF_ROWS_MAX;
    if (!isFew && this.#open.get(node) === false) return { node };
    this.#tagged.add(node);
    return { node, tags: this.#tagsOf(rowsBelow(tree, node)) };
  }

  /** Goes on below a node, or tells the client's rows that are gone from it. */
  received(tree: RowTree, { node, children, absent }: NodeDigests): readonly TreeRow[] {
    if (!this.#open.has(node)) return [];
    if (children.length === 0 && !this.#tagged.has(node)) {
      this.#open.set(node, true);
      return [];
    }
    this.#open.delete(node);
    if (children.length === 0) return this.#gone(tree, node, absent);
    const first = firstChildOf(node);
    if (children.length !== RADIX * TAG_BYTES || first >= NODES_MAX) {
      throw new TypeError(`Cannot read the nodes: the children of ${node}`);
    }
    const own = shortDigests(this.#kernel, this.salt, tree.childDigests(node));
    for (let digit = 0; digit < RADIX; digit++) {
      const [from, to] = [digit * TAG_BYTES, (digit + 1) * TAG_BYTES];
      const isEqual = areEqualBytes(own.subarray(from, to), children.subarray(from, to));
      if (!isEqual) this.#open.set(first + digit, false);
    }
    return [];
  }

  #gone(tree: RowTree, node: number, absent: Uint8Array): readonly TreeRow[] {
    if (absent.length === 0) return [];
    const own = rowsBelow(tree, node);
    const tags = textsOf(this.#tagsOf(own));
    const isAbsent = new Set(textsOf(absent));
    return own.filter((_, index) => isAbsent.has(tags[index] as string));
  }

  #tagsOf(rows: readonly TreeRow[]): Uint8Array {
    return shortDigests(this.#kernel, this.salt, joinDigests(rows));
  }
}

function rowsBelow(tree: RowTree, node: number): TreeRow[] {
  const level = levelOf(node);
  return [...tree.rows(level * LEVEL_BITS, prefixOf(node, level))];
}
