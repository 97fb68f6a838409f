/** The root of a store's rows, computed anew from the rows alone. */
import type { Kernel } from "../../core/ports.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import type { Store } from "../../core/store.ts";

export function rebuiltRoot(kernel: Kernel, store: Store, scope = "home"): Uint8Array {
  const tree = new RowTree(kernel, scope, new MemoryNodes());
  tree.update([...store.everyRow(scope)].filter(({ live }) => live));
  return tree.root;
}
