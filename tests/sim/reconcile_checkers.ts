/** The promises of the exchange that finds what differs, one function each. */
import type { Standing } from "../../core/persistence.ts";
import type { Kernel } from "../../core/ports.ts";
import { ROUNDS_MAX } from "../../core/reconcile/reconcile_limits.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import type { RowSet } from "./row_set.ts";
import { BrokenPromise } from "./world.ts";

/** What an exchange took. */
export interface ExchangeCost {
  readonly rounds: number;
  /** Bytes both ways but for the ids and records in them. */
  readonly bytes: number;
  /** Rows that differed, or were written since the client's cursor or meanwhile. */
  readonly rows: number;
  /** Rows that may have differed, by all that could be known before. */
  readonly guessed: number;
  /** Rows that sketches do not tell apart, for their digests have been made to collide. */
  readonly colliding: number;
}

/** Bits of the groups whose sums are compared. */
const SUM_BITS = 3;
/** Bytes of the first request and the replies that find nothing. */
const COST_BYTES_BASE = 4_096;
/** Bytes that a row which differs may cost beside its own, and one that is only thought to. */
const COST_BYTES_ROW = 200;
const COST_BYTES_GUESS = 70;
/** Bytes that a row may cost which sketches do not show, and one that is in the way. */
const COST_BYTES_HIDDEN = 2_500;
const COST_BYTES_COLLIDING = 100;

/** S10: a claim is found true if, and only if, the rows that stand where it does are those it is of. */
export function checkClaim(
  isTrue: boolean | undefined,
  at: Standing,
  { cursor, epoch }: Standing,
  rows: RowSet,
  right: readonly (number | undefined)[],
): void {
  const isThere = cursor === at.cursor && epoch === at.epoch;
  if (isTrue === (isThere ? right.includes(rows.hash) : undefined)) return;
  broken(`rows at ${cursor} of ${epoch} are found ${isTrue} by a claim at ${at.cursor}`);
}

/** S10: an exchange ends with the rows of the server at the place that it names. */
export function checkRepaired(
  at: Standing,
  rows: RowSet,
  right: RowSet | undefined,
): void {
  if (right === undefined) return broken(`it ends at ${at.cursor} of ${at.epoch}: no such place`);
  if (rows.hash === right.hash && rows.rows.size === right.rows.size) return;
  broken(`it ends at ${at.cursor} of ${at.epoch}, and ${rows.difference(right)}`);
}

/** S10: until it has ended, and if it ends otherwise, nothing has changed. */
export function checkUntouched(before: RowSet, rows: readonly SnapshotRow[]): void {
  const wrong = rows.length === before.rows.size
    ? rows.find(({ entity, id, json }) => before.rows.get(`${entity}\0${id}`) !== json)
    : rows[0];
  if (wrong !== undefined || rows.length !== before.rows.size) {
    broken(`${rows.length} of ${before.rows.size} rows are there, ${JSON.stringify(wrong)}`);
  }
}

/** S10, S11: it ends, and costs no more than what differs. */
export function checkCost({ rounds, bytes, rows, guessed, colliding }: ExchangeCost): void {
  const bytesMax = COST_BYTES_BASE + guessed * COST_BYTES_GUESS +
    rows * (colliding > 0 ? COST_BYTES_HIDDEN : COST_BYTES_ROW) + colliding * COST_BYTES_COLLIDING;
  if (rounds > ROUNDS_MAX || bytes > bytesMax) {
    broken(`${rounds} rounds and ${bytes} bytes for ${rows} rows`);
  }
}

/** S10: a tree that followed every change is the tree of the rows. */
export function checkTree(
  kernel: Kernel,
  scope: string,
  tree: Pick<RowTree, "root" | "count">,
  rows: Iterable<SnapshotRow>,
): void {
  const nodes = new MemoryNodes();
  const fresh = new RowTree(kernel, scope, nodes);
  fresh.update(rows);
  const shown = (bytes: Uint8Array) => bytes.toHex().slice(0, 16);
  const isSame = shown(fresh.root) === shown(tree.root) && fresh.count === tree.count;
  if (isSame && (!(tree instanceof RowTree) || sumsOf(tree) === sumsOf(fresh))) return;
  broken(
    `a tree of ${tree.count} rows has the root ${shown(tree.root)}, ` +
      `rebuilt of ${fresh.count} ${shown(fresh.root)}`,
  );
}

/** Sketches are in no root: they are looked at as well. */
function sumsOf(tree: RowTree): string {
  return [0, SUM_BITS].flatMap((bits) =>
    tree.groups(bits, 0, 2 ** bits).sketches.map((sketch) => sketch.toHex())
  ).join();
}

function broken(message: string): never {
  throw new BrokenPromise("reconcile", message);
}
