/** The tree that a store should have: built from its rows alone. */
import { assertEquals } from "@std/assert";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import type { Store } from "../../core/store.ts";
import { kernelSync } from "../../wasm/kernel.ts";

/** The tree of the live rows of a scope. */
export function rebuiltTree(store: Store, scope: string): RowTree {
  const tree = new RowTree(kernelSync(), scope, new MemoryNodes());
  tree.update([...store.everyRow(scope)].filter(({ live }) => live));
  return tree;
}

/** Expects that the tree of every scope is, node by node, the tree of its rows. */
export function assertTreesRight(store: Store, scopes: readonly string[] = store.scopes()): void {
  for (const scope of scopes) {
    const tree = store.tree(scope);
    const wanted = rebuiltTree(store, scope);
    assertEquals(tree?.root, wanted.root, `root of ${scope}`);
    assertEquals(tree?.count, wanted.count);
    assertEquals([...tree?.nodes() ?? []], [...wanted.nodes()], `nodes of ${scope}`);
  }
}
