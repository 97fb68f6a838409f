/**
 * The digests of both sides' trees, three levels deep: of this browser from the rows that it shows, of
 * the server from its answers to a drill, the question of the exchange that goes down into nodes.
 */
import { canonicalText, type JsonObject } from "../../core/json.ts";
import type { Kernel } from "../../core/ports.ts";
import { shortDigests, TAG_BYTES, writeDrill } from "../../core/reconcile/drilling.ts";
import { SALT_BYTES } from "../../core/reconcile/reconcile_limits.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import { NO_BYTES } from "../../core/wire/protobuf.ts";
import { ReconcileReply, ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import { BLOCKS } from "./tree_side.ts";

/** One side at one moment; digests of parts are shortened, under a salt that both sides share. */
export interface TreeDigests {
  readonly records: number;
  /** Hexadecimal. */
  readonly root: string;
  /** Of the children of the root. */
  readonly blocks: readonly string[];
  /** Of the children of each of those. */
  readonly leaves: readonly (readonly string[])[];
}

/** The same parts on both sides. */
export interface BothDigests {
  readonly here: TreeDigests;
  readonly server: TreeDigests;
}

/** Both sides as they are now. */
export async function readDigests(
  kernel: Kernel,
  scope: string,
  entity: string,
  records: Iterable<readonly [id: string, record: JsonObject]>,
): Promise<BothDigests> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const [top, below] = await Promise.all([
    ask(scope, salt, [0]),
    ask(scope, salt, Array.from({ length: BLOCKS }, (_, block) => block + 1)),
  ]);
  const tree = new RowTree(kernel, scope, new MemoryNodes());
  tree.update(Array.from(records, ([id, record]) => {
    return { entity, id, json: canonicalText(record) };
  }));
  const childrenOf = (node: number) => split(shortDigests(kernel, salt, tree.childDigests(node)));
  return {
    here: {
      records: tree.count,
      root: tree.root.toHex(),
      blocks: childrenOf(0),
      leaves: Array.from({ length: BLOCKS }, (_, block) => childrenOf(block + 1)),
    },
    server: {
      records: top.count,
      root: top.root.toHex(),
      blocks: split(top.nodes[0]?.children ?? NO_BYTES),
      leaves: below.nodes.map(({ children }) => split(children)),
    },
  };
}

async function ask(scope: string, salt: Uint8Array, nodes: number[]): Promise<ReconcileReply> {
  const body = ReconcileRequest.encode({
    version: 0,
    scope,
    epoch: "",
    cursor: 0,
    count: 0,
    root: NO_BYTES,
    sketch: NO_BYTES,
    since: false,
    groups: [],
    wants: NO_BYTES,
    drill: writeDrill(salt, nodes.map((node) => ({ node }))),
  });
  const headers = { "content-type": "application/x-protobuf" };
  const response = await fetch("/_sync/reconcile", { method: "POST", headers, body });
  if (!response.ok) throw new Error(`Cannot ask the server for its tree: ${response.status}`);
  return ReconcileReply.decode(await response.bytes());
}

function split(digests: Uint8Array): string[] {
  return Array.from(
    { length: digests.length / TAG_BYTES },
    (_, index) => digests.subarray(index * TAG_BYTES, (index + 1) * TAG_BYTES).toHex(),
  );
}
