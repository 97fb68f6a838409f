/**
 * The pending queue: mutations in the order of their calls, each with its place on the way.
 *
 *     acknowledged … acknowledged │ sent … sent │ queued … queued │ local … local
 *     decided                     │ undecided: numbered decidedSeq + 1, + 2, …
 *
 * Numbers are places, not stored facts: one that storage lost leaves no gap for the server to refuse.
 */
import type { Effect } from "./effects.ts";
import { canonicalText, frozenJson, utf8Length } from "./json.ts";
import { IN_FLIGHT_MAX, PUSH_BATCH_MAX } from "./limits.ts";
import type { Mutation } from "./mutation.ts";
import type { PendingRecord } from "./persistence.ts";
import type { WireMutation } from "./wire/messages.ts";

/** Where a mutation is on its way: in memory, durable, sent, or durable on the server. */
export type PendingState = "local" | "queued" | "sent" | "acknowledged";

/** One entry of the queue. */
export interface Pending {
  /** Its key in storage; only ever grows. */
  readonly order: number;
  /** The call that waits. */
  readonly mutation: Mutation;
  /** How far it has come. */
  state: PendingState;
  /** The cursor at which its effects are visible; 0 while undecided. */
  visibleAt: number;
  /** It may have left the device, by this program or by one before it. */
  mayBeSent: boolean;
  /** The rows hold what it did, though its answer is still to come: it is not run on them again. */
  isInRows: boolean;
  /** What it did before the rows held it, as it ran here. */
  effects?: readonly Effect[];
  /** How many changes it made up to `visibleAt`; absent when unknown, or when they have been passed. */
  changeCount?: number;
}

/** Bytes of mutations in one push message: within the limit of a live message. */
const PUSH_BYTES_MAX = 60 * 1024;
/** What a mutation costs on the wire besides its texts, in bytes, at the most. */
const MUTATION_OVERHEAD_BYTES = 48;

/** The mutations of one client that are not yet part of its snapshot. */
export class PendingQueue {
  #entries: Pending[];
  #order: number;

  constructor(records: readonly PendingRecord[], client: string, scope: string) {
    const inLine = records.filter(({ quarantine }) => quarantine === undefined);
    this.#entries = inLine.map((record) => restored(record, client, scope));
    this.#order = records.reduce((max, { order }) => Math.max(max, order), 0);
  }

  /** Oldest first. */
  get entries(): readonly Pending[] {
    return this.#entries;
  }

  /** What runs on top of the rows, oldest first. */
  get mutations(): readonly Mutation[] {
    return this.#entries.filter(({ isInRows }) => !isInRows).map(({ mutation }) => mutation);
  }

  /** What the server has accepted, in the order of the log. */
  get acknowledged(): readonly Pending[] {
    return this.#entries.slice(0, this.#decidedCount());
  }

  /** What this device alone knows of: nobody else can have decided it. */
  get unsent(): readonly Pending[] {
    return this.#entries.filter(({ mayBeSent }) => !mayBeSent);
  }

  get undecidedCount(): number {
    return this.#entries.length - this.#decidedCount();
  }

  /** Puts a mutation at the end. */
  add(mutation: Mutation, mayBeSent = false): Pending {
    const pending: Pending = {
      order: this.takeOrder(),
      mutation,
      state: "local",
      visibleAt: 0,
      mayBeSent,
      isInRows: false,
    };
    this.#entries.push(pending);
    return pending;
  }

  /** A key of storage that is behind all others, and is not given again. */
  takeOrder(): number {
    return ++this.#order;
  }

  /** Takes entries out. */
  remove(gone: ReadonlySet<Pending>): void {
    this.#entries = this.#entries.filter((pending) => !gone.has(pending));
  }

  /** Puts entries back at their places. */
  restore(entries: readonly Pending[]): void {
    this.#entries = [...this.#entries, ...entries].sort((a, b) => a.order - b.order);
  }

  /** Takes out, and returns, what a snapshot at this cursor contains. */
  takeVisible(cursor: number): readonly Pending[] {
    const visible = this.#entries.filter((pending) => isVisible(pending, cursor));
    if (visible.length > 0) this.remove(new Set(visible));
    return visible;
  }

  /** The entry that the next decision must be about. */
  firstUndecided(): Pending | undefined {
    return this.#entries[this.#decidedCount()];
  }

  /** What was sent and not answered waits again. */
  requeue(): void {
    for (const pending of this.#entries) if (pending.state === "sent") pending.state = "queued";
  }

  /** Everything waits again, also what another history of the server had acknowledged. */
  requeueAll(): void {
    for (const pending of this.#entries) {
      if (pending.state !== "local") pending.state = "queued";
      pending.visibleAt = 0;
      delete pending.changeCount;
    }
  }

  /** Rows of another history have come: nothing in line has had its effect on them. */
  leaveRows(): void {
    for (const pending of this.#entries) pending.isInRows = false;
  }

  /** The next `count` undecided ones. */
  undecided(count: number): readonly Pending[] {
    const start = this.#decidedCount();
    return this.#entries.slice(start, start + count);
  }

  /**
   * Marks the next durable entries up to a place as sent; returns them in pushes that each fit a message.
   */
  takePushes(decidedSeq: number, barrier = Infinity): readonly (readonly WireMutation[])[] {
    const pushes: WireMutation[][] = [];
    let bytes = Infinity;
    for (const { pending, seq } of this.#sendable(decidedSeq, IN_FLIGHT_MAX, barrier)) {
      if (pending.state === "sent") continue;
      const { id, name, args: value, createdAt } = pending.mutation;
      const args = canonicalText(value);
      const texts = utf8Length(id) + utf8Length(name) + utf8Length(args);
      const size = texts + MUTATION_OVERHEAD_BYTES;
      const last = pushes.at(-1);
      bytes += size;
      if (last !== undefined && bytes <= PUSH_BYTES_MAX) {
        last.push({ id, name, seq, args, createdAt });
      } else {
        pushes.push([{ id, name, seq, args, createdAt }]);
        bytes = size;
      }
      setSent(pending);
    }
    return pushes;
  }

  /** Marks the next durable entries up to a place as sent; returns them as one batch for HTTP. */
  takeBatch(decidedSeq: number, client: string, barrier = Infinity): readonly Mutation[] {
    return Array.from(this.#sendable(decidedSeq, PUSH_BATCH_MAX, barrier), ({ pending, seq }) => {
      setSent(pending);
      return { ...pending.mutation, client, seq };
    });
  }

  *#sendable(
    decidedSeq: number,
    limit: number,
    barrier: number,
  ): Iterable<{ pending: Pending; seq: number }> {
    const start = this.#decidedCount();
    const end = Math.min(this.#entries.length, start + limit);
    for (let i = start; i < end; i++) {
      const pending = this.#entries[i] as Pending;
      // A number that was sent before its mutation was durable could be given out twice.
      if (pending.state === "local") return;
      if (pending.order > barrier) return;
      yield { pending, seq: decidedSeq + 1 + i - start };
    }
  }

  #decidedCount(): number {
    let count = 0;
    while (this.#entries[count]?.state === "acknowledged") count++;
    return count;
  }
}

/** True when a snapshot at this cursor contains the entry's effects. */
export function isVisible(pending: Pending, cursor: number): boolean {
  return pending.state === "acknowledged" && pending.visibleAt <= cursor;
}

/** The entry as stored. */
export function pendingRecord({ order, mutation, state, visibleAt }: Pending): PendingRecord {
  return storedMutation(order, mutation, state === "acknowledged" ? visibleAt : null);
}

/** A mutation as stored, at its place in the queue. */
export function storedMutation(
  order: number,
  { id, name, args, createdAt }: Mutation,
  visibleAt: number | null,
): PendingRecord {
  return { order, id, name, args: canonicalText(args), createdAt, visibleAt };
}

/** The mutation of a stored entry. */
export function restoredMutation(record: PendingRecord, client: string, scope: string): Mutation {
  const { order, id, name, args, createdAt } = record;
  // The number only orders this device's own writes in the view, as `order` does.
  return { id, name, scope, client, seq: order, args: frozenJson(args), createdAt };
}

function restored(record: PendingRecord, client: string, scope: string): Pending {
  const { order, visibleAt } = record;
  return {
    order,
    mutation: restoredMutation(record, client, scope),
    state: visibleAt === null ? "queued" : "acknowledged",
    visibleAt: visibleAt ?? 0,
    mayBeSent: true,
    isInRows: false,
  };
}

function setSent(pending: Pending): void {
  pending.state = "sent";
  pending.mayBeSent = true;
}
