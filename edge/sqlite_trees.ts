/**
 * The trees of a SQLite file: each follows the rows of its scope, in the transaction that writes them.
 *
 * Changes of rows are collected, and put into the tree all at once: at the end of the transaction, or
 * when somebody asks for the tree within it. A tree that is not at its scope's cursor (a file from
 * before the trees, a program from before them that still writes it) is built from the rows instead,
 * and so is one in which a write misses nodes.
 */
import { DriftlessError } from "../core/errors.ts";
import type { Kernel } from "../core/ports.ts";
import type { RowChange } from "../core/reconcile/row_hash.ts";
import { RowTree } from "../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../core/reconcile/tree_nodes.ts";
import { SqliteNodes } from "./sqlite_nodes.ts";
import { readPage, type Reads, type ScopeHead, type Writes } from "./sqlite_statements.ts";

/** Told while a tree is built: how many rows of its scope are in it. */
export type TreeProgress = (scope: string, rows: number) => void;

/** The `tree` of a scope that has none. */
const NO_TREE = -1;
/** Trees that are kept ready; any other one is made from its nodes again. */
const READY_TREES_MAX = 1_024;
/** Changes of a scope that wait in memory; with so many, as an upgrade may make, the tree takes them. */
export const PENDING_CHANGES_MAX = 100_000;
/** Rows that are read at once to build a tree. */
const BUILD_PAGE_ROWS = 1_000;

/** The trees of one file, as one connection reads and writes them. */
export class SqliteTrees {
  readonly #kernel: Kernel | null;
  readonly #reads: Reads;
  readonly #nodes: SqliteNodes;
  readonly #building: TreeProgress;
  /** By the scope's number, which is given anew only when the transaction that gave it is undone. */
  readonly #ready = new Map<number, RowTree>();
  /** What the transaction has changed. */
  readonly #pending = new Map<ScopeHead, RowChange[]>();
  /** Scopes that it has met, and whose tree has to be built. */
  readonly #behind = new Set<ScopeHead>();

  constructor(kernel: Kernel | null, reads: Reads, writes: Writes, building: TreeProgress) {
    this.#kernel = kernel;
    this.#reads = reads;
    this.#nodes = new SqliteNodes(reads, writes);
    this.#building = building;
  }

  /** Whether there are trees. */
  get isKept(): boolean {
    return this.#kernel !== null;
  }

  /** A transaction begins, to read or to write. */
  begin(): void {
    this.#nodes.begin();
  }

  /** A transaction to write meets a scope. */
  loaded(head: ScopeHead): void {
    if (head.tree !== head.cursor) this.#behind.add(head);
  }

  /** Whether a scope that the transaction has met needs its tree built. */
  isBehind(head: ScopeHead): boolean {
    return this.#behind.has(head);
  }

  /** Notes what becomes of a row; whether its scope's tree is behind. */
  change(head: ScopeHead, change: RowChange): boolean {
    if (this.#kernel === null) {
      head.tree = NO_TREE;
      return true;
    }
    if (this.#behind.has(head)) return true;
    const pending = this.#pending.get(head);
    if (pending === undefined) this.#pending.set(head, [change]);
    else if (pending.push(change) === PENDING_CHANGES_MAX) this.tree(head);
    return false;
  }

  /** The tree of a scope, with all that the transaction has done so far. */
  tree(head: ScopeHead): RowTree | undefined {
    if (this.#kernel === null) return undefined;
    const tree = this.#treeOf(this.#kernel, head);
    const pending = this.#pending.get(head);
    this.#pending.delete(head);
    if (this.#behind.delete(head)) this.#build(tree, head);
    else if (pending !== undefined) this.#update(tree, head, pending);
    return tree;
  }

  /** The tree of a scope that does not exist. */
  empty(scope: string): RowTree | undefined {
    return this.#kernel === null ? undefined : new RowTree(this.#kernel, scope, new MemoryNodes());
  }

  /** Writes what has changed, and notes in the heads that are written where their trees are. */
  write(changed: Iterable<ScopeHead>): void {
    if (this.#kernel === null) return;
    for (const head of changed) {
      if (this.#behind.has(head)) this.tree(head);
      head.tree = head.cursor;
    }
    for (const head of this.#pending.keys()) this.tree(head);
    this.#nodes.write();
  }

  /** The transaction is committed. */
  committed(): void {
    this.#behind.clear();
    this.#nodes.committed();
  }

  /** The transaction is undone. */
  rolledBack(): void {
    this.#pending.clear();
    this.#behind.clear();
    this.#ready.clear();
    this.#nodes.rolledBack();
  }

  #update(tree: RowTree, head: ScopeHead, changes: readonly RowChange[]): void {
    try {
      tree.update(changes);
    } catch (error) {
      if (error instanceof DriftlessError) throw error;
      // Nodes that are missing must not keep anybody from writing: the rows decide.
      this.#build(tree, head);
    }
  }

  #build(tree: RowTree, head: ScopeHead): void {
    this.#nodes.drop(head.scope);
    tree.update(this.#liveRows(head));
  }

  #treeOf(kernel: Kernel, { scope, name }: ScopeHead): RowTree {
    const ready = this.#ready.get(scope);
    if (ready !== undefined) return ready;
    if (this.#ready.size === READY_TREES_MAX) this.#ready.clear();
    const tree = new RowTree(kernel, name, this.#nodes.of(scope));
    this.#ready.set(scope, tree);
    return tree;
  }

  *#liveRows({ name, scope }: ScopeHead): Iterable<RowChange> {
    let after = { entity: "", id: "" };
    let rows = 0;
    for (let size = BUILD_PAGE_ROWS; size === BUILD_PAGE_ROWS;) {
      const page = readPage(this.#reads, scope, after, BUILD_PAGE_ROWS);
      yield* page;
      size = page.length;
      after = page.at(-1) ?? after;
      this.#building(name, rows += size);
    }
  }
}
