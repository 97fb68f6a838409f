/** An audit of what a client holds: every row is read and hashed anew, and storage is compared. */
import { canonicalText, isJsonObject } from "../../core/json.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import type { ReconcilerOptions } from "./lazy_reconciler.ts";
import type { AuditReport, DamagedRow } from "./reconcile_report.ts";
import type { ReplicaTree } from "./replica_tree.ts";
import { inSlices, soon } from "./slices.ts";

/** What an audit is of. */
export interface AuditOptions extends Pick<ReconcilerOptions, "machine" | "storage"> {
  /** The tree that was kept along the way. */
  readonly first: ReplicaTree;
  /** A new one. */
  readonly second: ReplicaTree;
  /** Takes all rows into a tree. */
  readonly build: (tree: ReplicaTree) => Promise<void>;
}

/** Damaged rows that a report names. */
export const DAMAGED_MAX = 100;
/** How often storage is read again that stood elsewhere, because it was being written. */
const READS_MAX = 3;

/** Audits what the client itself has. */
export async function auditRows(
  options: AuditOptions,
): Promise<Pick<AuditReport, "rows" | "root" | "damaged" | "digests" | "storage">> {
  const { first, second, build } = options;
  const damaged = await damagedRows(options.machine().snapshot.rows());
  await build(first);
  await build(second);
  // What has moved meanwhile, for both at once.
  for (const tree of [first, second]) tree.step(Infinity);
  const [kept, root] = [hexOf(first.root), hexOf(second.root)];
  return {
    rows: second.count,
    root,
    damaged,
    digests: kept === root ? "equal" : "different",
    storage: await auditStorage(options),
  };
}

/** Goes through rows; names the first of those that are not what a client stores. */
async function damagedRows(rows: Iterable<SnapshotRow>): Promise<readonly DamagedRow[]> {
  const damaged: DamagedRow[] = [];
  const unread = rows[Symbol.iterator]();
  await inSlices(soon, (rowsMax) => {
    for (let read = 0; read < rowsMax; read++) {
      const { done, value } = unread.next();
      if (done || damaged.length === DAMAGED_MAX) return true;
      const reason = damageOf(value.json);
      if (reason !== null) damaged.push({ entity: value.entity, id: value.id, reason });
    }
    return false;
  });
  return damaged;
}

function damageOf(json: string): DamagedRow["reason"] | null {
  try {
    const record: unknown = JSON.parse(json);
    if (!isJsonObject(record)) return "unreadable";
    return canonicalText(record) === json ? null : "uncanonical";
  } catch {
    return "unreadable";
  }
}

async function auditStorage(
  { machine, storage, second }: AuditOptions,
): Promise<AuditReport["storage"]> {
  for (let reads = 0; reads < READS_MAX; reads++) {
    const stored = await storage.rows();
    if (stored === undefined) return "none";
    const { cursor, epoch } = machine();
    const { rows, ...place } = stored ?? { rows: [], cursor: 0, epoch: "" };
    if (place.cursor !== cursor || place.epoch !== epoch) continue;
    second.step(Infinity);
    const isHere = ({ entity, id, json }: SnapshotRow) =>
      machine().snapshot.json(entity, id) === json;
    if (rows.length === second.count && rows.every(isHere)) return "equal";
    storage.move({ kind: "snapshot", ...machine().replica });
    return "different";
  }
  return "elsewhere";
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
