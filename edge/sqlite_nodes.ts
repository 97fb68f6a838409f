/**
 * The nodes of all trees of a SQLite file: one table by number, and the newest in memory.
 *
 *     number in the file   scope × 2^26 + node       below 2^51, up to which SQLite takes a JavaScript
 *                                                    number for the integer that it is
 *
 * A rowid table, because a node is about as large as a quarter of a page or more: without rowid the
 * same nodes take a quarter more room and twice the time. What a transaction writes stays in memory
 * until its end, where each node is written once, in the order of the file. What is read is kept as
 * long as no other connection commits, which SQLite's `data_version` tells.
 */
import { invariant } from "../core/assert.ts";
import { DriftlessError } from "../core/errors.ts";
import { NODES_MAX } from "../core/reconcile/node_bytes.ts";
import type { TreeNodes } from "../core/reconcile/tree_nodes.ts";
import type { Reads, Writes } from "./sqlite_statements.ts";

/** The numbers that a scope has for its nodes. */
export const SCOPE_NODES = 2 ** 26;
/** The highest number of a scope that has room for its nodes. */
export const SCOPE_NUMBER_MAX = 2 ** 25 - 1;
/** Bytes of nodes that are kept in memory; the newest used ones. */
export const NODE_CACHE_BYTES_MAX = 16 * 1024 * 1024;

invariant(NODES_MAX <= SCOPE_NODES, "every node of a scope has a number in the file");

/** The number in the file of a scope's node 0. */
export function firstNodeOf(scope: number): number {
  return scope * SCOPE_NODES;
}

/**
 * Checks that a new scope can have a tree.
 *
 * @throws {DriftlessError} `store_failed`
 */
export function checkScopeNumber(scope: number): void {
  if (scope <= SCOPE_NUMBER_MAX) return;
  throw new DriftlessError(
    "store_failed",
    `Cannot add a scope: the file has number ${SCOPE_NUMBER_MAX}, and no room beyond`,
  );
}

/** The nodes of one file, as one connection reads and writes them. */
export class SqliteNodes {
  readonly #reads: Reads;
  readonly #writes: Writes;
  readonly #cache: NodeCache;
  /** What the transaction wrote; `null` for a node that was taken away. */
  readonly #written = new Map<number, Uint8Array | null>();
  #dataVersion = -1;
  #isView = false;

  constructor(reads: Reads, writes: Writes, bytesMax: number = NODE_CACHE_BYTES_MAX) {
    this.#reads = reads;
    this.#writes = writes;
    this.#cache = new NodeCache(bytesMax);
  }

  /** The nodes of one scope; good as long as this is. */
  of(scope: number): TreeNodes {
    const first = firstNodeOf(scope);
    return {
      get: (node) => this.#get(first + node),
      set: (node, bytes) => void this.#written.set(first + node, bytes),
      delete: (node) => void this.#written.set(first + node, null),
    };
  }

  /** A transaction begins, to read or to write: until its end nobody else changes what it sees. */
  begin(): void {
    this.#refresh();
    this.#isView = true;
  }

  /** Writes what the transaction has changed. */
  write(): void {
    for (const [node, bytes] of [...this.#written].sort(([a], [b]) => a - b)) {
      if (bytes === null) this.#writes.dropNode.run(node);
      else this.#writes.node.run(node, bytes);
    }
  }

  /** The transaction is committed. */
  committed(): void {
    for (const [node, bytes] of this.#written) this.#cache.set(node, bytes);
    this.#written.clear();
    this.#isView = false;
  }

  /** The transaction is undone, or nobody knows: only the file says what is there. */
  rolledBack(): void {
    this.#written.clear();
    this.#cache.clear();
    this.#isView = false;
  }

  /** Takes every node of a scope away, in the file as well. */
  drop(scope: number): void {
    const first = firstNodeOf(scope);
    const end = first + SCOPE_NODES;
    this.#writes.dropNodes.run(first, end);
    for (const node of this.#written.keys()) {
      if (node >= first && node < end) this.#written.delete(node);
    }
    this.#cache.clear();
  }

  #get(node: number): Uint8Array | undefined {
    const written = this.#written.get(node);
    if (written !== undefined) return written ?? undefined;
    if (!this.#isView) this.#refresh();
    const cached = this.#cache.get(node);
    if (cached !== undefined) return cached;
    const bytes = this.#reads.node.get(node)?.bytes as Uint8Array | undefined;
    if (bytes !== undefined) this.#cache.set(node, bytes);
    return bytes;
  }

  /** Forgets what another connection may have changed. */
  #refresh(): void {
    const version = this.#reads.dataVersion.get()?.data_version as number;
    if (version !== this.#dataVersion) this.#cache.clear();
    this.#dataVersion = version;
  }
}

/**
 * Nodes in two generations: what is used moves to the younger one; when that has half of the bytes,
 * the older one is forgotten. A map in the order of use would be slow here: its beginning is full of
 * holes, and every look for the oldest entry goes over them.
 */
export class NodeCache {
  readonly #bytesMax: number;
  #young = new Map<number, Uint8Array>();
  #old = new Map<number, Uint8Array>();
  #youngBytes = 0;

  /** @param bytesMax bytes of all nodes together */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(node: number): Uint8Array | undefined {
    const bytes = this.#young.get(node);
    if (bytes !== undefined) return bytes;
    const old = this.#old.get(node);
    if (old !== undefined) this.set(node, old);
    return old;
  }

  /** With `null` the node is forgotten. */
  set(node: number, bytes: Uint8Array | null): void {
    this.#youngBytes -= this.#young.get(node)?.length ?? 0;
    if (bytes === null) {
      this.#young.delete(node);
      this.#old.delete(node);
      return;
    }
    this.#youngBytes += bytes.length;
    if (this.#youngBytes > this.#bytesMax / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = bytes.length;
    }
    this.#young.set(node, bytes);
    this.#old.delete(node);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#youngBytes = 0;
  }
}
