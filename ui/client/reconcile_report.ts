/** What a client tells of how its rows compare with the server's. */
import type { ExchangeProgress } from "../../core/reconcile/exchange.ts";
import type { RowName } from "../../core/snapshot.ts";

/**
 * How the rows of this device compare with the server's, as far as it is known: `unknown` before the
 * first comparison, `verified` when both had the same digest at the last one, `repairing` while what
 * differs is being found and fetched, `different` when it is known that they are not the same.
 */
export type Integrity = "unknown" | "verified" | "repairing" | "different";

/** One moment of comparing rows with the server, and of making them equal. */
export interface ReconcileProgress {
  /**
   * `verified`: both sides have the same digest · `different`: they do not, or the log does not reach
   * from here to there · `exchanging`: requests are under way · `repaired`: what differed has been
   * fetched · `snapshot`: all rows are fetched instead · `stuck`: they differ after all that.
   */
  readonly state: "verified" | "different" | "exchanging" | "repaired" | "snapshot" | "stuck";
  /** Where the rows of this device stand in the log. */
  readonly cursor: number;
  /** Confirmed rows on this device. */
  readonly rows: number;
  /** How the exchange goes: rounds, bytes each way, what is known to differ. Absent when there is none. */
  readonly exchange?: ExchangeProgress;
}

/** A row that is not what a client stores, and why. */
export interface DamagedRow extends RowName {
  /** `unreadable`: no JSON object · `uncanonical`: JSON that is written in another way. */
  readonly reason: "unreadable" | "uncanonical";
}

/** What an audit found. */
export interface AuditReport {
  /** Where the rows stood in the log when it ended. */
  readonly cursor: number;
  /** Rows that were read and hashed anew. */
  readonly rows: number;
  /** The digest of all of them: 64 hexadecimal digits. */
  readonly root: string;
  /** The first rows that are not what a client stores, at most 100. */
  readonly damaged: readonly DamagedRow[];
  /** Whether the digests that were kept along the way were those of the rows. */
  readonly digests: "equal" | "different";
  /**
   * Whether storage holds the rows that the client has: `none` when it has nothing of its own to read,
   * `elsewhere` when it stands at another place in the log, as beside another tab. One that is
   * `different` is written anew.
   */
  readonly storage: "none" | "equal" | "different" | "elsewhere";
  /**
   * How the rows compared with the server's: `repaired` when what differed was fetched, `replaced` when
   * all rows were, `unreachable` when there is no server to ask.
   */
  readonly server: "equal" | "repaired" | "replaced" | "unreachable";
  /** Rows that the server sent, when `repaired`. */
  readonly fetched: number;
  /** Rows that the server does not have, when `repaired`. */
  readonly removed: number;
}
