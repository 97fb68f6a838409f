/** The batches on their way to storage, and what the next one has to repeat when one was refused. */
import type { ClientIdentity, PendingRecord, PersistBatch, ReplicaMove } from "./persistence.ts";
import { type Pending, pendingRecord } from "./queue.ts";

/** What one batch is about. */
export interface BatchParts {
  /** Entries that are new in this batch: not durable before it is. */
  readonly added?: readonly Pending[];
  readonly put?: readonly PendingRecord[];
  readonly drop?: readonly number[];
  readonly replica?: ReplicaMove;
}

/**
 * Numbers batches and remembers them until storage has answered. A batch says how far the server has
 * decided, so what an earlier one failed to tell of the queue must not be missing beside it.
 */
export class UnsavedBatches {
  readonly #batches = new Map<number, BatchParts>();
  #token = 0;
  /** Entries to remove, which no accepted batch has removed yet. */
  #stale: readonly number[];
  #isBehind = false;

  /** `stale` are entries that storage holds without need. */
  constructor(stale: readonly number[]) {
    this.#stale = stale;
  }

  /** The next batch. `entries` is the queue as it stands. */
  next(parts: BatchParts, identity: ClientIdentity, entries: readonly Pending[]): PersistBatch {
    const { added = [], put = [], replica } = parts;
    const drop = [...this.#stale, ...(parts.drop ?? [])];
    const again = this.#isBehind ? entries.filter(({ state }) => state !== "local") : [];
    this.#stale = [];
    this.#isBehind = false;
    const token = ++this.#token;
    this.#batches.set(token, { added, drop });
    return {
      token,
      identity,
      put: [...again.map(pendingRecord), ...added.map(pendingRecord), ...put],
      drop,
      ...(replica === undefined ? {} : { replica }),
    };
  }

  /** Storage holds the batch; returns what was new in it. */
  saved(token: number): readonly Pending[] {
    return this.#take(token).added ?? [];
  }

  /** Storage refused the batch; returns what was new in it. */
  refused(token: number): readonly Pending[] {
    const { added = [], drop = [] } = this.#take(token);
    this.#stale = [...this.#stale, ...drop];
    this.#isBehind = true;
    return added;
  }

  #take(token: number): BatchParts {
    const parts = this.#batches.get(token) ?? {};
    this.#batches.delete(token);
    return parts;
  }
}
