/** The batches on their way to storage, and what the next one has to repeat when one was refused. */
import type { ClientIdentity, PendingRecord, PersistBatch, ReplicaMove } from "./persistence.ts";
import type { Quarantined } from "./quarantine.ts";
import { type Pending, pendingRecord } from "./queue.ts";

/** What one batch is about. */
export interface BatchParts {
  /** Entries that are new in this batch: not durable before it is. */
  readonly added?: readonly Pending[];
  /** What the new ones come in place of: gone when the batch is durable, and not before. */
  readonly replaced?: readonly Quarantined[];
  /** What leaves the line and was never sent: nothing behind it is sent before the batch is durable. */
  readonly left?: readonly Pending[];
  readonly put?: readonly PendingRecord[];
  readonly drop?: readonly number[];
  readonly replica?: ReplicaMove;
}

/** What a batch that was refused does to the queue. */
export interface Refused {
  /** Takes these away. */
  readonly added: readonly Pending[];
  /** And brings these back. */
  readonly replaced: readonly Quarantined[];
  readonly left: readonly Pending[];
}

/**
 * Numbers batches and remembers them until storage has answered. A batch says how far the server has
 * decided, so what an earlier one failed to tell of the queue must not be missing beside it.
 */
export class UnsavedBatches {
  readonly #batches = new Map<number, Refused & { readonly drop: readonly number[] }>();
  #token = 0;
  /** Entries to remove, which no accepted batch has removed yet. */
  #stale: readonly number[];
  #isBehind = false;

  /** `stale` are entries that storage holds without need. */
  constructor(stale: readonly number[]) {
    this.#stale = stale;
  }

  /** The next batch. `stored` is all that storage should hold of the queue without it. */
  next(
    parts: BatchParts,
    identity: ClientIdentity,
    stored: () => readonly PendingRecord[],
  ): PersistBatch {
    const { added = [], replaced = [], left = [], put = [], replica } = parts;
    const drop = [...this.#stale, ...(parts.drop ?? [])];
    const again = this.#isBehind ? stored() : [];
    this.#stale = [];
    this.#isBehind = false;
    const token = ++this.#token;
    this.#batches.set(token, { added, replaced, left, drop });
    // One that comes back under its old key, changed, is put and not dropped.
    const kept = new Set(put.map(({ order }) => order));
    const moved = [...replaced, ...left].map(({ order }) => order);
    return {
      token,
      identity,
      put: [...again, ...added.map(pendingRecord), ...put],
      drop: [...drop, ...moved.filter((order) => !kept.has(order))],
      ...(replica === undefined ? {} : { replica }),
    };
  }

  /** What is behind this place in the line must not be sent: a crash could bring back what left. */
  get barrier(): number {
    const orders = [...this.#batches.values()]
      .flatMap(({ left, replaced }) => [...left, ...replaced].map(({ order }) => order));
    return orders.reduce((min, order) => Math.min(min, order), Infinity);
  }

  /** Storage holds the batch; returns what was new in it. */
  saved(token: number): readonly Pending[] {
    return this.#take(token).added;
  }

  /** Storage refused the batch. */
  refused(token: number): Refused {
    const { drop, ...refused } = this.#take(token);
    this.#stale = [...this.#stale, ...drop];
    this.#isBehind = true;
    return refused;
  }

  #take(token: number): Refused & { readonly drop: readonly number[] } {
    const parts = this.#batches.get(token) ?? { added: [], replaced: [], left: [], drop: [] };
    this.#batches.delete(token);
    return parts;
  }
}
