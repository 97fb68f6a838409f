/**
 * The quarantine: mutations that left the line and wait for their user.
 *
 *     refused   the server said no; nothing of it is in the view, and it is never sent again
 *     held      was never sent, and cannot run without a refused one
 */
import { DriftlessError } from "./errors.ts";
import type { Json } from "./json.ts";
import { QUARANTINE_MAX } from "./limits.ts";
import type { Mutation } from "./mutation.ts";
import type { PendingRecord, Quarantine } from "./persistence.ts";
import { type Pending, type PendingState, restoredMutation, storedMutation } from "./queue.ts";
import type { Run } from "./view.ts";

/** One mutation in quarantine. */
export interface Quarantined {
  /** Its key in storage, and its place among the calls of this device. */
  readonly order: number;
  readonly mutation: Mutation;
  readonly reason: Quarantine;
}

/** A mutation of this device that is not confirmed, with why it waits. */
export interface QueueEntry {
  /** The mutation's id, by which the queue takes orders about it. */
  readonly id: string;
  /** The mutator's name. */
  readonly name: string;
  /** What the mutator was called with. */
  readonly args: Json;
  /** Milliseconds. */
  readonly createdAt: number;
  /** How far it has come, or why it does not move. */
  readonly state: PendingState | "refused" | "held";
  /** Of a refused one: what the server said. */
  readonly code?: string;
  /** Of a refused one: the server's sentence to its user. */
  readonly error?: string;
  /** Of a held one: the id of the refused one that it cannot run without. */
  readonly cause?: string;
}

/** The mutations of one client that wait for their user. */
export class QuarantineList {
  #entries: readonly Quarantined[];

  constructor(records: readonly PendingRecord[], client: string, scope: string) {
    this.#entries = records.flatMap((record) =>
      record.quarantine === undefined ? [] : [{
        order: record.order,
        mutation: restoredMutation(record, client, scope),
        reason: record.quarantine,
      }]
    );
  }

  /** Oldest first. */
  get entries(): readonly Quarantined[] {
    return this.#entries;
  }

  /** The entry of an id, and what it alone holds back; empty when the id is not here. */
  group(id: string): readonly Quarantined[] {
    const entry = this.#entries.find(({ mutation }) => mutation.id === id);
    const held = this.#entries.filter(({ reason }) =>
      reason.state === "held" && reason.cause === id
    );
    return entry === undefined ? [] : [entry, ...held];
  }

  /** Takes entries in, in place of those with the same order. */
  put(entries: readonly Quarantined[]): void {
    const orders = new Set(entries.map(({ order }) => order));
    const others = this.#entries.filter(({ order }) => !orders.has(order));
    this.#entries = [...others, ...entries].sort((a, b) => a.order - b.order);
  }

  /** Takes entries out; returns the orders of those that were here. */
  remove(entries: readonly { readonly order: number }[]): readonly number[] {
    const gone = new Set(entries.map(({ order }) => order));
    const removed = this.#entries.filter(({ order }) => gone.has(order));
    this.#entries = this.#entries.filter(({ order }) => !gone.has(order));
    return removed.map(({ order }) => order);
  }

  /** Lets go of the oldest refused ones, each with what it holds, until the limit is kept. */
  shed(): readonly Quarantined[] {
    const shed: Quarantined[] = [];
    while (this.#entries.length > QUARANTINE_MAX) {
      // What is held was called after what holds it.
      const [oldest] = this.#entries as [Quarantined];
      const group = this.group(oldest.mutation.id);
      this.remove(group);
      shed.push(...group);
    }
    return shed;
  }
}

/** What happened when the quarantine was full. */
export function shedError(count: number): DriftlessError {
  return new DriftlessError(
    "queue_full",
    `Cannot keep more than ${QUARANTINE_MAX} refused and held mutations: the oldest ${count} are gone`,
  );
}

/** An entry as stored. */
export function quarantinedRecord({ order, mutation, reason }: Quarantined): PendingRecord {
  return { ...storedMutation(order, mutation, null), quarantine: reason };
}

/** All that is not confirmed, in the order of the calls. */
export function queueEntries(
  pending: readonly Pending[],
  quarantined: readonly Quarantined[],
): readonly QueueEntry[] {
  return [
    ...pending.map(({ order, mutation, state }) => ({ order, mutation, reason: { state } })),
    ...quarantined,
  ].sort((a, b) => a.order - b.order).map(({ mutation, reason }) => {
    const { id, name, args, createdAt } = mutation;
    return { id, name, args, createdAt, ...reason };
  });
}

/**
 * Of mutations that ran before some were refused and do not run now, the refused one that each cannot
 * run without: the newest one that touched a row of it, be it through another such mutation.
 */
export function causesOf(
  before: readonly Run[],
  refused: ReadonlySet<string>,
  failing: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const causes = new Map<string, string>();
  const touched = new Map<string, string>();
  let last: string | undefined;
  for (const { mutation: { id }, reads, writes, refusal } of before) {
    let cause: string | undefined;
    if (refused.has(id)) {
      cause = last = id;
    } else if (failing.has(id) && refusal === undefined) {
      // One that read a whole collection names no row.
      cause = [...reads].map((key) => touched.get(key)).findLast((one) => one !== undefined) ??
        last;
      if (cause !== undefined) causes.set(id, cause);
    }
    if (cause !== undefined) { for (const key of writes.keys()) touched.set(key, cause); }
  }
  return causes;
}
