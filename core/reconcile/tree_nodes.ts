/**
 * Where the nodes of a tree are kept: bytes by node number, in memory or on top of another place.
 *
 * Bytes belong to the place from `set` on, and to nobody who got them: neither side changes them.
 */

/** Bytes by node number. */
export interface TreeNodes {
  /** The bytes of a node; `undefined` where the tree has none of that number. */
  get(node: number): Uint8Array | undefined;
  /** Sets the bytes of a node in place of those it had. */
  set(node: number, bytes: Uint8Array): void;
  /** Takes a node away; it may be absent. */
  delete(node: number): void;
}

/** Nodes in memory. */
export class MemoryNodes implements TreeNodes {
  readonly #nodes = new Map<number, Uint8Array>();

  /** How many nodes there are. */
  get size(): number {
    return this.#nodes.size;
  }

  get(node: number): Uint8Array | undefined {
    return this.#nodes.get(node);
  }

  set(node: number, bytes: Uint8Array): void {
    this.#nodes.set(node, bytes);
  }

  delete(node: number): void {
    this.#nodes.delete(node);
  }

  /** Every node with its number, in no order. */
  entries(): IterableIterator<[number, Uint8Array]> {
    return this.#nodes.entries();
  }
}

/** Nodes that read through to others, and keep what is written until it is handed on or dropped. */
export class OverlayNodes implements TreeNodes {
  readonly #base: TreeNodes;
  /** `null` for a node that was taken away. */
  readonly #written = new Map<number, Uint8Array | null>();

  constructor(base: TreeNodes) {
    this.#base = base;
  }

  get(node: number): Uint8Array | undefined {
    const written = this.#written.get(node);
    return written === undefined ? this.#base.get(node) : written ?? undefined;
  }

  set(node: number, bytes: Uint8Array): void {
    this.#written.set(node, bytes);
  }

  delete(node: number): void {
    this.#written.set(node, null);
  }

  /** Hands everything written on to the nodes below. */
  commit(): void {
    for (const [node, bytes] of this.#written) {
      if (bytes === null) this.#base.delete(node);
      else this.#base.set(node, bytes);
    }
    this.#written.clear();
  }

  /** Forgets everything written. */
  discard(): void {
    this.#written.clear();
  }
}
