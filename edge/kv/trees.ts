/**
 * The trees of a KV store: each follows the rows of its scope, in the commit that writes them.
 *
 * Nodes that an update needs are found on the way to each changed row, a level of all of them at a
 * time; who reads a tree gets the brothers of a node with it, and after a few misses all of them. A
 * tree that is not at its scope's cursor is built from the rows, and so is one that misses nodes.
 */
import { DriftlessError } from "../../core/errors.ts";
import type { Kernel } from "../../core/ports.ts";
import {
  digitOf,
  firstChildOf,
  hasChild,
  highAt,
  isInternal,
  LEVELS_MAX,
  RADIX,
} from "../../core/reconcile/node_bytes.ts";
import { HashedChanges, type RowChange, treeKeysOf } from "../../core/reconcile/row_hash.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes, type TreeNodes } from "../../core/reconcile/tree_nodes.ts";
import type { Run } from "./run.ts";
import type { ScopeView } from "./scope_view.ts";

/** The `tree` of a scope that has none. */
const NO_TREE = -1;
/** Runs of one settle that miss nodes by their brothers; the next one gets them all. */
const BROTHER_RUNS_MAX = 3;
const HASH_BYTES = 8;

/** The trees of one store. */
export class KvTrees {
  readonly #kernel: Kernel | null;
  readonly #running: () => Run;

  /** @param running the run that reads now */
  constructor(kernel: Kernel | null, running: () => Run) {
    this.#kernel = kernel;
    this.#running = running;
  }

  /** Notes what becomes of a row. */
  change(view: ScopeView, change: RowChange): void {
    if (this.#kernel === null) view.write({ tree: NO_TREE });
    else view.pending.push(change);
  }

  /** The tree of a scope as it is now; `undefined` when there is none that is right. */
  tree(view: ScopeView): RowTree | undefined {
    if (this.#kernel === null) return undefined;
    if (!view.exists) return new RowTree(this.#kernel, view.cache.scope, new MemoryNodes());
    const tree = view.cache.tree ??= this.#treeOf(this.#kernel, view.cache.scope);
    if (isBehind(view)) {
      if (!this.#running().isWriting) return undefined;
      this.#build(tree, view);
    } else {
      this.#update(this.#kernel, tree, view);
    }
    return tree;
  }

  /** The transaction is at its end: the trees of all that it wrote are to be right. */
  finish(views: Iterable<ScopeView>): void {
    if (this.#kernel === null) return;
    let suspended: unknown;
    for (const view of views) {
      if (!view.isWritten) continue;
      try {
        this.tree(view);
      } catch (error) {
        // The others may miss something too.
        if (!this.#running().hasMissed) throw error;
        suspended = error;
      }
      view.write({ tree: view.head.cursor });
    }
    if (suspended !== undefined) throw suspended;
  }

  #update(kernel: Kernel, tree: RowTree, view: ScopeView): void {
    const { pending } = view;
    if (pending.length === 0) return;
    view.pending = [];
    try {
      tree.update(pending);
    } catch (error) {
      if (this.#running().hasMissed) this.#noteWays(kernel, view, pending);
      if (this.#running().hasMissed || error instanceof DriftlessError) throw error;
      // Nodes that are missing must not keep anybody from writing: the rows decide.
      this.#build(tree, view);
    }
  }

  #build(tree: RowTree, view: ScopeView): void {
    const rows = view.everyRow().filter(({ live }) => live);
    for (const node of view.nodeNumbers()) view.put("node", node, null);
    for (const node of view.written.get("node")?.keys() ?? []) view.put("node", node, null);
    view.pending = [];
    view.isRebuilt = true;
    tree.update(rows);
    view.write({ tree: view.head.cursor });
  }

  /** Notes the first node that is not known on the way to each row. */
  #noteWays(kernel: Kernel, view: ScopeView, changes: readonly RowChange[]): void {
    const hashed = new HashedChanges();
    const keys = treeKeysOf(kernel, view.cache.scope);
    for (const change of changes) hashed.add(change, kernel, keys);
    hashed.finish(kernel, keys);
    for (let row = 0; row < hashed.count; row++) {
      const high = highAt(hashed.hashes, row * HASH_BYTES);
      let node = 0;
      for (let level = 0; level <= LEVELS_MAX; level++) {
        const point = view.peek("node", node);
        if (point === undefined) {
          this.#running().note(view.cache, { kind: "point", collection: "node", id: node });
        }
        const bytes = point?.value as Uint8Array | null | undefined;
        if (!(bytes instanceof Uint8Array) || !isInternal(bytes)) break;
        const digit = digitOf(high, level);
        if (!hasChild(bytes, digit)) break;
        node = firstChildOf(node) + digit;
      }
    }
  }

  #treeOf(kernel: Kernel, scope: string): RowTree {
    const running = this.#running;
    const nodes: TreeNodes = {
      get(node) {
        const run = running();
        const view = run.view(scope);
        const written = view.written.get("node")?.get(node);
        if (written !== undefined) return (written ?? undefined) as Uint8Array | undefined;
        const point = view.peek("node", node);
        if (point !== undefined) return (point.value ?? undefined) as Uint8Array | undefined;
        return missNode(run, view, node);
      },
      set: (node, bytes) => running().view(scope).put("node", node, bytes),
      delete: (node) => running().view(scope).put("node", node, null),
    };
    return new RowTree(kernel, scope, nodes);
  }
}

function isBehind({ cache, isRebuilt }: ScopeView): boolean {
  return !isRebuilt && cache.head.tree !== cache.head.cursor;
}

function missNode(run: Run, view: ScopeView, node: number): never {
  if (!run.hasMissed) run.settle.nodeMisses++;
  if (run.settle.nodeMisses > BROTHER_RUNS_MAX) {
    run.miss(view.cache, { kind: "collection", collection: "node" });
  }
  if (node === 0) run.miss(view.cache, { kind: "nodes", from: 0, count: 1 });
  const from = firstChildOf(Math.floor((node - 1) / RADIX));
  run.miss(view.cache, { kind: "nodes", from, count: RADIX });
}
