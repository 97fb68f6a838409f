/**
 * Whether a scope's tree is the tree of its rows: built anew from them, and compared node by node.
 *
 * Where leaves differ, the rows are named that make the difference.
 */
import {
  countOf,
  DIGEST_BYTES,
  isInternal,
  levelOf,
  namesOf,
  prefixOf,
  rowsOf,
} from "../core/reconcile/node_bytes.ts";
import type { MemoryNodes } from "../core/reconcile/tree_nodes.ts";
import { firstNodeOf, SCOPE_NODES } from "./sqlite_nodes.ts";
import type { Reads, ScopeHead } from "./sqlite_statements.ts";
import type { Fault, Faults } from "./verify_faults.ts";

/** Nodes that are read at once. */
const NODES_PAGE = 500;

/** The digests of rows by entity and id, as one text. */
type RowDigests = Map<string, string>;

const decoder = new TextDecoder();

/** Compares the stored nodes of a scope with those that its rows make. Returns how many it read. */
export function verifyTree(
  reads: Reads,
  head: ScopeHead,
  right: MemoryNodes,
  faults: Faults,
): number {
  const { name, cursor, tree } = head;
  if (tree !== cursor) {
    const text = tree < 0
      ? "the tree was never built"
      : `the tree is at cursor ${tree}, and the scope at ${cursor}`;
    faults.add({ kind: "tree", scope: name, text });
  }
  const comparison = new Comparison(name, right, faults);
  for (const [node, bytes] of storedNodes(reads, head)) comparison.stored(node, bytes);
  comparison.end();
  return comparison.nodes;
}

/** The numbers of scopes that have nodes and do not exist. */
export function strayTrees(reads: Reads, scopes: ReadonlySet<number>): readonly number[] {
  const strays: number[] = [];
  const next = (from: number) => {
    const [row] = reads.nodes.all(from - 1, Number.MAX_SAFE_INTEGER, 1);
    return row === undefined ? undefined : Math.floor((row.node as number) / SCOPE_NODES);
  };
  let scope = next(Number.MIN_SAFE_INTEGER);
  while (scope !== undefined) {
    if (!scopes.has(scope)) strays.push(scope);
    scope = next(firstNodeOf(scope + 1));
  }
  return strays;
}

class Comparison {
  /** How many are stored. */
  nodes = 0;
  readonly #scope: string;
  readonly #right: MemoryNodes;
  readonly #faults: Faults;
  readonly #seen = new Set<number>();
  /** The rows of the leaves that differ: as stored, and as they should be. */
  readonly #stored: RowDigests = new Map();
  readonly #wanted: RowDigests = new Map();

  constructor(scope: string, right: MemoryNodes, faults: Faults) {
    this.#scope = scope;
    this.#right = right;
    this.#faults = faults;
  }

  /** Takes the next stored node. */
  stored(node: number, bytes: Uint8Array): void {
    this.nodes++;
    const wanted = this.#right.get(node);
    if (wanted !== undefined) this.#seen.add(node);
    if (wanted !== undefined && areEqual(bytes, wanted)) return;
    this.#collect(this.#stored, bytes);
    if (wanted === undefined) {
      this.#add(node, "should not be there");
      return;
    }
    this.#collect(this.#wanted, wanted);
    const [was, is] = [countOf(bytes), countOf(wanted)];
    const counts = was === is ? "" : `: it counts ${was} rows, and there are ${is}`;
    this.#add(node, `is not what its rows make${counts}`);
  }

  /** There are no more. */
  end(): void {
    const missing = [...this.#right.entries()].filter(([node]) => !this.#seen.has(node));
    if (missing.length > 0 && this.nodes === 0) {
      const text = `all ${missing.length} nodes of the tree are missing`;
      this.#faults.add({ kind: "tree", scope: this.#scope, text });
      return;
    }
    for (const [node, bytes] of missing.sort(([a], [b]) => a - b)) {
      this.#collect(this.#wanted, bytes);
      this.#add(node, "is missing");
    }
    for (const [key, digest] of this.#wanted) {
      const stored = this.#stored.get(key);
      if (stored === digest) continue;
      const text = stored === undefined ? "is not in the tree" : "is not as the tree has it";
      this.#addRow(key, text);
    }
    for (const key of this.#stored.keys()) {
      if (!this.#wanted.has(key)) this.#addRow(key, "is in the tree, and there is no such row");
    }
  }

  #add(node: number, what: string): void {
    const level = levelOf(node);
    const text = `node ${node} (level ${level}, place ${prefixOf(node, level)}) ${what}`;
    this.#faults.add({ kind: "node", scope: this.#scope, text, node });
  }

  #addRow(key: string, text: string): void {
    const [entity = "", id = ""] = JSON.parse(key) as string[];
    const fault: Fault = { kind: "tree", scope: this.#scope, text, entity, id };
    this.#faults.add(fault);
  }

  /** A damaged leaf may have rows that are none; the sentence about its node says enough then. */
  #collect(rows: RowDigests, leaf: Uint8Array): void {
    if (leaf.length === 0 || isInternal(leaf)) return;
    try {
      const table = rowsOf(leaf);
      if (table.keyStarts.at(-1) !== table.keys.length) return;
      for (let row = 0; row < table.keyStarts.length - 1; row++) {
        const { entity, id } = namesOf(table, row);
        const digest = table.digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES);
        const key = JSON.stringify([decoder.decode(entity), decoder.decode(id)]);
        rows.set(key, digest.join());
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
}

function* storedNodes(
  reads: Reads,
  { scope }: ScopeHead,
): Iterable<readonly [node: number, bytes: Uint8Array]> {
  const first = firstNodeOf(scope);
  let last = first - 1;
  for (let size = NODES_PAGE; size === NODES_PAGE;) {
    const page = reads.nodes.all(last, first + SCOPE_NODES, NODES_PAGE);
    for (const row of page) {
      last = row.node as number;
      yield [last - first, row.bytes as Uint8Array];
    }
    size = page.length;
  }
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
