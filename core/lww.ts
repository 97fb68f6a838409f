/**
 * A row and its merge: last write wins per field, by stamp, whatever the order of arrival.
 *
 * A stamp is `time.seq.client`, fixed width where it must sort, so that stamps compare as text:
 *
 *     00mfx3k2p.0000001c.9f2a…   (time in ms and seq, both base 36)
 *
 * The time part is a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): a client
 * never stamps below what it has seen. A row exists while any write to it is newer than its deletion;
 * its fields stay behind a tombstone so that a late, newer update brings the whole record back.
 */
import { equalJson, type Json, type JsonObject, own } from "./json.ts";

/** A position in the order of writes; compares as text. `""` is before every write. */
export type Stamp = string;

/** The state of one row, alive or deleted. */
export interface RowState {
  /** The record, or its last fields when it is deleted. Frozen. */
  readonly data: JsonObject;
  /** The stamp of every field that `fields` does not name. */
  readonly base: Stamp;
  /** Stamps of fields written later than `base`. */
  readonly fields: Readonly<Record<string, Stamp>>;
  /** The newest deletion, or `""`. */
  readonly deleted: Stamp;
}

const TIME_DIGITS = 9;
const SEQ_DIGITS = 8;
const NO_FIELDS: Readonly<Record<string, Stamp>> = Object.freeze({});

/** The stamp of the `seq`-th mutation of `client`, at `time` in milliseconds. */
export function makeStamp(time: number, seq: number, client: string): Stamp {
  const t = Math.max(0, time).toString(36).padStart(TIME_DIGITS, "0");
  return `${t}.${seq.toString(36).padStart(SEQ_DIGITS, "0")}.${client}`;
}

/** True when the row is not deleted. */
export function isLive(row: RowState): boolean {
  if (row.deleted === "" || row.base > row.deleted) return true;
  return Object.values(row.fields).some((stamp) => stamp > row.deleted);
}

/** A row as a client keeps it: confirmed, so every local write is newer. */
export function confirmedRow(data: JsonObject): RowState {
  return { data, base: "", fields: NO_FIELDS, deleted: "" };
}

/** A whole new record. On a tombstone it lives only when it is newer than the deletion. */
export function createdRow(row: RowState | undefined, data: JsonObject, stamp: Stamp): RowState {
  return { data, base: stamp, fields: NO_FIELDS, deleted: row?.deleted ?? "" };
}

/** The record with those fields of `changes` that are newer than what it has. */
export function mergedRow(row: RowState, changes: JsonObject, stamp: Stamp): RowState {
  const data: Record<string, Json> = { ...row.data };
  const fields: Record<string, Stamp> = { ...row.fields };
  for (const [field, value] of Object.entries(changes)) {
    if (stampOf(row, field) >= stamp) continue;
    data[field] = value;
    fields[field] = stamp;
  }
  return { data, base: row.base, fields, deleted: row.deleted };
}

/**
 * The record exactly as a mutator wrote it. A mutator runs in the server's order, so it wins over
 * stamps; what it changed is stamped so that no older field write undoes it later.
 */
export function writtenRow(row: RowState | undefined, data: JsonObject, stamp: Stamp): RowState {
  if (row === undefined || !isLive(row)) {
    return { data, base: maxStamp(stamp, row?.deleted ?? ""), fields: NO_FIELDS, deleted: "" };
  }
  const fields: Record<string, Stamp> = { ...row.fields };
  for (const field of new Set([...Object.keys(row.data), ...Object.keys(data)])) {
    if (equalJson(own(row.data, field), own(data, field))) continue;
    fields[field] = maxStamp(stampOf(row, field), stamp);
  }
  return { data, base: row.base, fields, deleted: row.deleted };
}

/** The tombstone of a field-wise deletion: it hides only what is older. */
export function deletedRow(row: RowState, stamp: Stamp): RowState {
  return { ...row, deleted: maxStamp(row.deleted, stamp) };
}

/** The tombstone of a mutator's deletion: it hides everything written so far. */
export function removedRow(row: RowState, stamp: Stamp): RowState {
  const newest = Object.values(row.fields).reduce(maxStamp, row.base);
  return { ...row, deleted: maxStamp(maxStamp(row.deleted, stamp), newest) };
}

/** The stamps as stored beside the record: `[base, deleted, fields]`, shortened. */
export function encodeStamps(row: RowState): string {
  return Object.keys(row.fields).length === 0 && row.deleted === ""
    ? row.base
    : JSON.stringify([row.base, row.deleted, row.fields]);
}

/** The inverse of {@linkcode encodeStamps}. */
export function decodeRow(data: JsonObject, stamps: string): RowState {
  if (!stamps.startsWith("[")) return { data, base: stamps, fields: NO_FIELDS, deleted: "" };
  const [base, deleted, fields] = JSON.parse(stamps) as [Stamp, Stamp, Record<string, Stamp>];
  return { data, base, deleted, fields };
}

function stampOf(row: RowState, field: string): Stamp {
  return own(row.fields, field) ?? row.base;
}

function maxStamp(a: Stamp, b: Stamp): Stamp {
  return a > b ? a : b;
}
