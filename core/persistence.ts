/** What a client keeps in storage, and the port of that storage. */
import type { Change } from "./change.ts";
import type { ErrorCode } from "./errors.ts";
import type { RowName, SnapshotRow } from "./snapshot.ts";

/** Who a client is to the server, and how far they have come together. */
export interface ClientIdentity {
  /** Its id, under which the server counts its mutations. */
  readonly client: string;
  /** The highest sequence number that the server has decided. */
  readonly decidedSeq: number;
  /** The newest time that this client has given to a mutation, in milliseconds. */
  readonly time: number;
  /** What to add to the device's clock to get the server's, in milliseconds. */
  readonly clockOffset: number;
}

/** A queued mutation as stored. */
export interface PendingRecord {
  /** Its place in the queue; only ever grows. */
  readonly order: number;
  /** The mutation's id. */
  readonly id: string;
  /** The mutator's name in the version `appVersion`. */
  readonly name: string;
  /** JSON text. */
  readonly args: string;
  /** When it was made, in milliseconds, by the client's hybrid clock. */
  readonly createdAt: number;
  /** The cursor at which its effects are visible; `null` until it is acknowledged. */
  readonly visibleAt: number | null;
  /** The version of the app that its name and arguments are written for; 1 when absent. */
  readonly appVersion?: number;
  /** Why it has left the line; absent while it is in it, and in what older versions stored. */
  readonly quarantine?: Quarantine;
}

/** Why a mutation waits for its user: the server refused it, or it cannot run without one refused. */
export type Quarantine =
  | { readonly state: "refused"; readonly code: ErrorCode; readonly error: string }
  | {
    readonly state: "held";
    /** The id of the refused one. */
    readonly cause: string;
  };

/** Where stored rows stand in the scope's log. */
export interface Standing {
  /** The place in the log; 0 before the first sync. */
  readonly cursor: number;
  /** The history that the cursor counts in; `""` before the first sync. */
  readonly epoch: string;
}

/** How the stored rows move. */
export type ReplicaMove =
  /** Changes in log order; the first is at `from` + 1. Storage that stands elsewhere skips them. */
  | {
    readonly kind: "changes";
    readonly from: number;
    readonly changes: readonly Change[];
    readonly epoch: string;
  }
  /** All rows at a cursor, in place of what is there; beside `gone` only those that differ. */
  | {
    readonly kind: "snapshot";
    readonly rows: readonly SnapshotRow[];
    readonly cursor: number;
    readonly epoch: string;
    /** When it is there: `rows` are put, these are removed, all others stay. */
    readonly gone?: readonly RowName[];
    /** With `gone`: where the rows stood for which that was found. Storage elsewhere skips the move. */
    readonly onto?: Standing;
  };

/** One step of a client's storage. */
export interface PersistBatch {
  /** Numbers the batches of one client, from 1. */
  readonly token: number;
  /** Replaces the identity that is stored. */
  readonly identity: ClientIdentity;
  /** Queue entries to add, or to replace by `order`. */
  readonly put: readonly PendingRecord[];
  /** Orders of queue entries to remove. */
  readonly drop: readonly number[];
  /** How the rows move; absent when they stay as they are. */
  readonly replica?: ReplicaMove;
}

/** Everything that a client starts from. */
export interface PersistedClient {
  /** `null` for a new client that finds rows which another one stored. */
  readonly identity: ClientIdentity | null;
  /** By `order`. */
  readonly pending: readonly PendingRecord[];
  /** The confirmed rows and where they stand: cursor 0 and epoch `""` before the first sync. */
  readonly replica: Replica;
}

/** Confirmed rows and where they stand. */
export interface Replica extends Standing {
  /** Every row, in no order. */
  readonly rows: readonly SnapshotRow[];
}

/**
 * Storage of one client: its queue and its rows, each moving in steps that are whole or not at all.
 * A crash may keep a step of one without the step of the other; the client copes.
 */
export interface Persistence {
  /** What is stored, or `null` when this client is new. */
  load(): Promise<PersistedClient | null>;
  /**
   * Applies the identity, `put` and `drop` of some batches, in order, as one step. When this resolves,
   * a crash of the program cannot undo it.
   *
   * @throws {DriftlessError} `store_failed` when the storage is full, blocked or gone
   */
  saveQueue(batches: readonly PersistBatch[]): Promise<void>;
  /**
   * Applies some moves of the rows, in order, as one step.
   *
   * @throws {DriftlessError} `store_failed` when the storage is full, blocked or gone
   */
  saveRows(moves: readonly ReplicaMove[]): Promise<void>;
  /**
   * Reads the rows again as they are stored now, for an audit; `null` when there are none, `undefined`
   * where storage cannot do that.
   *
   * @throws {DriftlessError} `store_failed` when they cannot be read
   */
  readRows?(): Promise<Replica | null | undefined>;
  /** Lets go of the storage. */
  close(): Promise<void>;
}
