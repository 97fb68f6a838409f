/** A change: one effect on one row, at its place in a scope's log. */

/** What happened to a row, as a reader of the log sees it. */
export type ChangeOp = "create" | "update" | "delete";

/** By their numbers, on the wire and in databases. */
export const CHANGE_OPS: readonly ChangeOp[] = ["create", "update", "delete"];

/** One entry of a scope's change log. */
export interface Change {
  /** Its place: 1, 2, 3, … without gaps within a scope. */
  readonly cursor: number;
  /** The collection's name. */
  readonly entity: string;
  /** The record's id, unique within the collection. */
  readonly id: string;
  /** `create` also where a deleted record comes back. */
  readonly op: ChangeOp;
  /** The record after the change as canonical JSON; `null` for a delete. */
  readonly json: string | null;
  /** When the server committed it, in milliseconds; never falls within a scope. */
  readonly time: number;
}

/** Where a scope's log ends and how far back it reaches. */
export interface LogHead {
  /** The newest change, 0 when there is none. */
  readonly cursor: number;
  /** Changes at or below are gone: only a cursor from here on can catch up. */
  readonly floor: number;
  /** The time of the newest change, in milliseconds. */
  readonly time: number;
}

/** A page of a scope's log. */
export interface LogPage {
  /** The history that cursors count in. */
  readonly epoch: string;
  /** The cursor before the first change. */
  readonly from: number;
  readonly changes: readonly Change[];
  /** Whether the log goes on behind it. */
  readonly more: boolean;
  /** The digest of all rows after the last change, on the last page of a server that keeps one. */
  readonly root?: Uint8Array | undefined;
}
