/** A history of a client's storage: the k-th step is the same in every process. */
import { canonicalText, type Json } from "../../core/json.ts";
import type { PersistedClient, Persistence } from "../../core/persistence.ts";
import {
  changes,
  identity,
  queued,
  row,
  snapshot,
  step,
} from "../conformance/persistence_suite.ts";

/** Every so many steps one moves the rows, and of those every so many is a snapshot. */
const ROWS_EVERY = 3;
const SNAPSHOT_EVERY = 5;
/** Mutations that wait at a time. */
const QUEUE_LENGTH = 10;
const IDS = ["a", "b", "c", "d", "e", "f", "g"];

/** Saves the k-th step, counted from 1; resolves when it is stored. */
export async function saveNth(storage: Persistence, k: number): Promise<void> {
  const text = JSON.stringify({ k, text: "x".repeat(k * 37 % 400) });
  if (k % ROWS_EVERY !== 0) {
    const put = [queued(k, { args: text })];
    const drop = [k - QUEUE_LENGTH];
    await storage.saveQueue([step({ identity: identity({ time: k }), put, drop })]);
  } else if (k % (ROWS_EVERY * SNAPSHOT_EVERY) === 0) {
    const rows = IDS.slice(0, k % IDS.length).map((id) => row(id, text));
    await storage.saveRows([snapshot(k, rows)]);
  } else {
    const from = k - ROWS_EVERY;
    const effects = Array.from({ length: ROWS_EVERY }, (_, i) => {
      const at = from + i;
      return [IDS[at % IDS.length] ?? "", at % 4 === 0 ? null : text] as const;
    });
    await storage.saveRows([changes(from, effects)]);
  }
}

/** How many steps of the history a state is the outcome of. */
export function stepsOf(stored: PersistedClient | null): number {
  return Math.max(stored?.identity?.time ?? 0, stored?.replica.cursor ?? 0);
}

/** A state as text, whatever the order of its rows. */
export function textOf(stored: PersistedClient | null): string {
  if (stored === null) return "null";
  const { cursor, epoch, rows } = stored.replica;
  const sorted = [...rows].sort((x, y) => x.id < y.id ? -1 : 1);
  const state = { ...stored, replica: { cursor, epoch, rows: sorted } };
  return canonicalText(state as unknown as Json);
}
