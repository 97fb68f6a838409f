/**
 * Counts and sketches of groups of rows, by the first bits of their hashes.
 *
 * Where the tree is deep enough they are folded from the sketches of its nodes, else summed up from
 * the rows.
 */
import { invariant } from "../assert.ts";
import type { Kernel } from "../ports.ts";
import {
  bitsOf,
  countOf,
  firstChildOf,
  hasChild,
  HASH_BYTES,
  highAt,
  isInternal,
  LEVEL_BITS,
  RADIX,
  rowDigestsOf,
  rowHashesOf,
  sketchOf,
  WORD_BYTES,
} from "./node_bytes.ts";
import { writeElement } from "./row_hash.ts";
import type { TreeNodes } from "./tree_nodes.ts";

/** Elements of one group are added when so many bytes of them have gathered. */
const ELEMENTS_BYTES_MAX = 8 * 1024;

/** Sums up `count` groups from number `from` on. */
export class GroupSums {
  readonly #kernel: Kernel;
  readonly #nodes: TreeNodes;
  readonly #bits: number;
  readonly #from: number;
  readonly #words: number;
  readonly #counts: number[];
  readonly #sketches: Uint8Array[];
  /** Elements of one group that are not in its sketch yet. */
  readonly #elements = new Uint8Array(ELEMENTS_BYTES_MAX);
  #length = 0;
  #group = 0;

  constructor(
    kernel: Kernel,
    nodes: TreeNodes,
    bits: number,
    from: number,
    count: number,
    words: number,
  ) {
    invariant(from >= 0 && count >= 0 && from + count <= 2 ** bits, "there are so many groups");
    this.#kernel = kernel;
    this.#nodes = nodes;
    this.#bits = bits;
    this.#from = from;
    this.#words = words;
    this.#counts = new Array<number>(count).fill(0);
    this.#sketches = this.#counts.map(() => new Uint8Array(words * WORD_BYTES));
  }

  /** The groups, in order. */
  all(): { counts: number[]; sketches: Uint8Array[] } {
    this.#addNode(0, 0, 0);
    this.#flush();
    return { counts: this.#counts, sketches: this.#sketches };
  }

  #addNode(node: number, level: number, prefix: number): void {
    const deeper = this.#bits - level * LEVEL_BITS;
    // The groups that the node has rows of: some, or a part of one.
    const first = deeper > 0 ? prefix * 2 ** deeper : prefix >>> -deeper;
    const last = deeper > 0 ? first + 2 ** deeper - 1 : first;
    if (last < this.#from || first >= this.#from + this.#counts.length) return;
    const bytes = this.#nodes.get(node);
    if (bytes === undefined) return;
    if (!isInternal(bytes)) this.#addRows(bytes);
    else if (deeper <= 0) this.#addSum(first - this.#from, bytes);
    else {
      for (let digit = 0; digit < RADIX; digit++) {
        if (!hasChild(bytes, digit)) continue;
        this.#addNode(firstChildOf(node) + digit, level + 1, prefix * RADIX + digit);
      }
    }
  }

  #addSum(group: number, bytes: Uint8Array): void {
    this.#counts[group] = (this.#counts[group] as number) + countOf(bytes);
    this.#kernel.addSketch(this.#sketches[group] as Uint8Array, sketchOf(bytes, this.#words), 1);
  }

  #addRows(bytes: Uint8Array): void {
    const rows = { hashes: rowHashesOf(bytes), digests: rowDigestsOf(bytes) };
    const count = countOf(bytes);
    for (let row = 0; row < count; row++) {
      const high = highAt(rows.hashes, row * HASH_BYTES);
      const group = bitsOf(high, this.#bits) - this.#from;
      const counted = this.#counts[group];
      if (counted === undefined) continue;
      this.#counts[group] = counted + 1;
      if (group !== this.#group || this.#length === ELEMENTS_BYTES_MAX) this.#flush();
      this.#group = group;
      writeElement(this.#elements, this.#length, rows, row);
      this.#length += WORD_BYTES;
    }
  }

  #flush(): void {
    if (this.#length === 0) return;
    const elements = this.#elements.subarray(0, this.#length);
    this.#kernel.addElements(this.#sketches[this.#group] as Uint8Array, elements, 1);
    this.#length = 0;
  }
}
