/** The trees of a whole store, against those that its rows make. */
import type { Store } from "../../core/store.ts";
import { assertTree } from "../conformance/store_tree_suite.ts";

/** Expects that the tree of every scope is, node by node, the tree of its rows. */
export function assertTreesRight(store: Store, scopes: readonly string[] = store.scopes()): void {
  for (const scope of scopes) assertTree(store, scope);
}
