/** What an exchange asks first: whatever is likely to tell the difference in one round for few bytes. */
import type { ReconcileRequest } from "../wire/reconcile_gen.ts";
import { SKETCH_WORDS_FEW, SKETCH_WORDS_MAX } from "./reconcile_limits.ts";
import type { RowTree } from "./row_tree.ts";

/** What a request says besides the groups, rows and nodes that it asks for. */
export type ProbeFields = Partial<Pick<ReconcileRequest, "count" | "root" | "sketch" | "since">>;

/** What is known of both sides. */
export interface ProbeFacts {
  readonly tree: RowTree;
  readonly cursor: number;
  readonly serverCount?: number;
  readonly serverCursor?: number;
}

/** Updates up to which a short sketch is expected to tell them. */
const FEW_UPDATES_MAX = 3;
/** Updates up to which a sketch is expected to tell them. */
const SKETCHED_UPDATES_MAX = 15;

/** The first probe; `isSameEpoch` when the client's cursor counts in the server's history. */
export function firstProbe(facts: ProbeFacts, isSameEpoch: boolean): ProbeFields {
  const { cursor, serverCount, serverCursor, tree } = facts;
  const { count } = tree;
  if (isSameEpoch && serverCursor !== undefined && cursor < serverCursor) {
    return { since: true, count };
  }
  const behind = Math.abs((serverCursor ?? NaN) - cursor);
  const updates = Math.max(behind, Math.abs((serverCount ?? count) - count));
  // Where the cursors agree and the roots do not, nothing says how much differs.
  if (Number.isNaN(updates) || isSameEpoch && updates === 0) {
    const since = isSameEpoch && serverCursor === undefined;
    return { since, count, sketch: wholeSketch(tree, SKETCH_WORDS_MAX) };
  }
  if (updates === 0 || updates > SKETCHED_UPDATES_MAX) return { count, root: tree.root };
  const words = updates <= FEW_UPDATES_MAX ? SKETCH_WORDS_FEW : SKETCH_WORDS_MAX;
  return { count, sketch: wholeSketch(tree, words) };
}

/** The sketch of all rows of a tree. */
export function wholeSketch(tree: RowTree, words: number): Uint8Array {
  return tree.groups(0, 0, 1, words).sketches[0] as Uint8Array;
}
