/**
 * A client's rows while an exchange changes them: on top of its own, which stay as they are.
 *
 * Replies may come in any order, so what a reply says of a row counts as of that reply's cursor, and
 * never undoes what a later one said.
 */
import type { SnapshotRow } from "../snapshot.ts";
import type { RowChange } from "./row_hash.ts";
import type { RowTree, TreeRow } from "./row_tree.ts";
import { MemoryNodes, OverlayNodes, type TreeNodes } from "./tree_nodes.ts";

/** What a row is, as of a cursor. */
interface Fact extends RowChange {
  readonly cursor: number;
}

/** The name of a row. */
export interface RowKey {
  readonly entity: string;
  readonly id: string;
}

/** The rows of one exchange. */
export class ExchangeRows {
  #tree: RowTree;
  readonly #facts = new Map<string, Fact>();
  /** What the tree does not have yet. */
  #pending: RowChange[] = [];
  /** Whether several rows had an element that one of them should lose. */
  isUnclear = false;

  /** `tree` is the client's, kept in `nodes`; neither is changed. */
  constructor(tree: RowTree, nodes: TreeNodes) {
    this.#tree = tree.over(new OverlayNodes(nodes));
  }

  /** The tree over the rows as they are now. Its nodes last until the next change. */
  get tree(): RowTree {
    if (this.#pending.length > 0) this.#tree.update(this.#pending);
    this.#pending = [];
    return this.#tree;
  }

  /** What a row is as of a cursor, unless more recent news of it came already. */
  put({ entity, id, json }: RowChange, cursor: number): void {
    const key = `${entity.length} ${entity}${id}`;
    const known = this.#facts.get(key);
    if (known !== undefined && known.cursor > cursor) return;
    this.#facts.set(key, { entity, id, json, cursor });
    this.#pending.push({ entity, id, json });
  }

  /** That rows with these elements are gone, and which they are. */
  remove(elements: readonly Uint8Array[], cursor: number): TreeRow[] {
    const { tree } = this;
    const found = elements.map((element) => tree.find(element));
    this.isUnclear ||= found.some(({ length }) => length > 1);
    const rows = found.filter(({ length }) => length === 1).flat();
    for (const row of rows) this.drop(row, cursor);
    return rows;
  }

  /** That a row is gone. */
  drop({ entity, id }: RowKey, cursor: number): void {
    this.put({ entity, id, json: null }, cursor);
  }

  /** What makes the client's own rows equal to these. */
  changes(
    own: (entity: string, id: string) => string | undefined,
  ): { readonly rows: SnapshotRow[]; readonly gone: RowKey[] } {
    const rows: SnapshotRow[] = [];
    const gone: RowKey[] = [];
    for (const { entity, id, json } of this.#facts.values()) {
      const before = own(entity, id);
      if (json === null) {
        if (before !== undefined) gone.push({ entity, id });
      } else if (json !== before) rows.push({ entity, id, json });
    }
    return { rows, gone };
  }

  /** Makes the tree anew from the client's own rows and what was said since. */
  rebuild(own: Iterable<RowChange>): void {
    this.#tree = this.#tree.over(new MemoryNodes());
    this.#tree.update(own);
    this.#pending = [...this.#facts.values()];
  }
}
