/**
 * How the confirmed rows lie in IndexedDB: an entry for each row would take a database seconds.
 *
 *     blocks  some hundreds of rows in one entry, as they stood once
 *     log     what changed since, one entry for each write
 *     meta    the cursor that both together stand at
 *
 * A write adds to the log; when that has grown by a part of the blocks, both become new blocks.
 */
import type { Replica, ReplicaMove, Standing } from "../../core/persistence.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import { answered } from "./idb_requests.ts";
import { isAt } from "./standing.ts";

/** The object stores that hold rows. */
export const ROW_STORES = ["blocks", "log", "meta"] as const;
/** Rows in one block. */
export const BLOCK_ROWS_MAX = 512;
/** Changes that the log may hold, however few rows there are. */
export const LOG_CHANGES_MIN = 1_024;
/** Beyond that it may hold one change for so many rows in blocks. */
const ROWS_PER_CHANGE = 8;

interface Meta extends Standing {
  /** Rows in the blocks. */
  readonly rows: number;
  /** Changes in the log. */
  readonly logged: number;
}

/** A row, or where there is none any more. */
interface Effect {
  readonly entity: string;
  readonly id: string;
  readonly json: string | null;
}

/** Makes room for rows; takes over those of layout 1, which were an entry each. */
export async function createRowStores(tx: IDBTransaction, oldVersion: number): Promise<void> {
  const { db } = tx;
  db.createObjectStore("blocks");
  db.createObjectStore("log", { autoIncrement: true });
  if (oldVersion !== 1) return;
  const [rows, standing]: [readonly SnapshotRow[], Standing | undefined] = await Promise.all([
    answered(tx.objectStore("rows").getAll()),
    answered(tx.objectStore("meta").get("replica")),
  ]);
  db.deleteObjectStore("rows");
  if (standing === undefined) return;
  putBlocks(tx, rows);
  tx.objectStore("meta").put({ ...standing, rows: rows.length, logged: 0 }, "replica");
}

/** All rows, and where they stand; `null` when none were ever stored. */
export async function readRows(tx: IDBTransaction): Promise<Replica | null> {
  const [meta, rows] = await Promise.all([readMeta(tx), allRows(tx)]);
  return meta === undefined ? null : { rows, cursor: meta.cursor, epoch: meta.epoch };
}

/** Applies moves. Other tabs may have stored further ones: those stay. Returns where the rows stand. */
export async function moveRows(
  tx: IDBTransaction,
  moves: readonly ReplicaMove[],
): Promise<Standing> {
  let { cursor, epoch, rows, logged } = await readMeta(tx) ??
    { cursor: 0, epoch: "", rows: 0, logged: 0 };
  let effects: Effect[] = [];
  for (const move of moves) {
    if (move.kind === "snapshot") {
      if (move.gone) {
        if (!isAt({ cursor, epoch }, move.onto)) continue;
        for (const row of move.rows) effects.push(row);
        for (const { entity, id } of move.gone) effects.push({ entity, id, json: null });
      } else {
        tx.objectStore("log").clear();
        putBlocks(tx, move.rows);
        [effects, rows, logged] = [[], move.rows.length, 0];
      }
      ({ cursor, epoch } = move);
      continue;
    }
    if (move.from > cursor || (epoch !== "" && epoch !== move.epoch)) continue;
    for (const { cursor: place, entity, id, json } of move.changes) {
      if (place <= cursor) continue;
      effects.push({ entity, id, json });
      cursor = place;
    }
    ({ epoch } = move);
  }
  if (effects.length > 0) tx.objectStore("log").add(effects);
  logged += effects.length;
  if (logged > Math.max(LOG_CHANGES_MIN, rows / ROWS_PER_CHANGE)) {
    const all = await allRows(tx);
    tx.objectStore("log").clear();
    putBlocks(tx, all);
    [rows, logged] = [all.length, 0];
  }
  tx.objectStore("meta").put({ cursor, epoch, rows, logged } satisfies Meta, "replica");
  return { cursor, epoch };
}

function readMeta(tx: IDBTransaction): Promise<Meta | undefined> {
  return answered(tx.objectStore("meta").get("replica"));
}

async function allRows(tx: IDBTransaction): Promise<readonly SnapshotRow[]> {
  const [blocks, log]: [readonly SnapshotRow[][], readonly Effect[][]] = await Promise.all([
    answered(tx.objectStore("blocks").getAll()),
    answered(tx.objectStore("log").getAll()),
  ]);
  const newest = new Map<string, Map<string, Effect>>();
  for (const effect of log.flat()) {
    const table = newest.get(effect.entity);
    if (table === undefined) newest.set(effect.entity, new Map([[effect.id, effect]]));
    else table.set(effect.id, effect);
  }
  const rows: Effect[] = [];
  for (const row of blocks.flat()) {
    if (newest.get(row.entity)?.has(row.id) !== true) rows.push(row);
  }
  for (const table of newest.values()) for (const effect of table.values()) rows.push(effect);
  return rows.filter((row): row is SnapshotRow => row.json !== null);
}

function putBlocks(tx: IDBTransaction, rows: readonly SnapshotRow[]): void {
  const blocks = tx.objectStore("blocks");
  blocks.clear();
  for (let start = 0; start < rows.length; start += BLOCK_ROWS_MAX) {
    blocks.put(rows.slice(start, start + BLOCK_ROWS_MAX), start);
  }
}
