/**
 * What a client holds: rows, queue, quarantine and view, moved together and stored as one batch.
 *
 *     mutate ── run on the view ── persist ──> in line ──(confirmed)──> settled
 *                                               │    └──(refused)──> quarantine ──(retry)──> in line
 *                                               └──(cannot run without a refused one)──> quarantine
 */
import type { Change } from "./change.ts";
import { MovingIdentity } from "./client_identity.ts";
import type { SyncClientOptions } from "./client_output.ts";
import { Confirmations, type Confirmed } from "./confirmation.ts";
import { type Effect, mergedEffects } from "./effects.ts";
import { DriftlessError, type ErrorCode } from "./errors.ts";
import { canonicalText, checkJson, frozenJson } from "./json.ts";
import { PENDING_MAX, QUARANTINE_MAX } from "./limits.ts";
import { checkMutation, type Mutation } from "./mutation.ts";
import type { PendingRecord } from "./persistence.ts";
import { type Random, randomId } from "./ports.ts";
import {
  causesOf,
  type Quarantined,
  quarantinedRecord,
  QuarantineList,
  shedError,
} from "./quarantine.ts";
import { isVisible, type Pending, PendingQueue, pendingRecord, restoredMutation } from "./queue.ts";
import { type LoadedSnapshot, Snapshot } from "./snapshot.ts";
import { type BatchParts, UnsavedBatches } from "./unsaved.ts";
import { type Run, View, type ViewChange } from "./view.ts";

/** A mutation that the server refused, and why. */
export interface Refusal {
  readonly pending: Pending;
  readonly code: ErrorCode;
  readonly error: string;
}

/** Mutations that were made in one step, and the batch that stores them. */
export interface MadeMutations {
  readonly mutations: readonly Mutation[];
  readonly token: number;
}

/** The state of one client, wherever its server is. */
export class ClientState {
  readonly view: View;
  readonly snapshot = new Snapshot();
  readonly identity: MovingIdentity;
  readonly queue: PendingQueue;
  readonly quarantine: QuarantineList;
  readonly #options: SyncClientOptions;
  readonly #unsaved: UnsavedBatches;
  readonly #confirmations: Confirmations;
  readonly #held = new WeakSet<Pending>();

  constructor(options: SyncClientOptions) {
    this.#options = options;
    const { app, persisted, scope, principal = null } = options;
    this.identity = new MovingIdentity(persisted, options.clock, options.random);
    if (persisted !== undefined) {
      this.snapshot.replace(persisted.replica);
    }
    const { client } = this.identity;
    this.queue = new PendingQueue(persisted?.pending ?? [], client, scope);
    this.quarantine = new QuarantineList(persisted?.pending ?? [], client, scope);
    // A crash may have kept the rows and lost the removal of the mutations that made them.
    const stale = this.queue.takeVisible(this.snapshot.cursor).map(({ order }) => order);
    this.#unsaved = new UnsavedBatches(stale);
    this.#confirmations = new Confirmations(app, this.snapshot, principal);
    this.view = new View(app, this.snapshot, principal);
    this.view.reset(this.queue.mutations);
  }

  /** Runs a new mutation and puts it in line. */
  mutate(name: string, args: unknown): MadeMutations {
    this.#requireRoom(1);
    const { pending, changes } = this.#make(name, args);
    const token = this.persist({ added: [pending] });
    this.#changed(changes);
    return { mutations: [pending.mutation], token };
  }

  /** Puts mutations of the quarantine in line again, as new ones; the first with these arguments. */
  retry([first, ...rest]: readonly [Quarantined, ...Quarantined[]], args: unknown): MadeMutations {
    this.#requireRoom(1 + rest.length);
    const made = [this.#make(first.mutation.name, args)];
    const refused: Quarantined[] = [];
    for (const entry of rest) {
      const { name, args } = entry.mutation;
      try {
        made.push(this.#make(name, args));
      } catch (thrown) {
        // It cannot run after this one either: now the reason is known.
        const { code, message: error } = thrown as DriftlessError;
        refused.push({ ...entry, reason: { state: "refused", code, error } });
      }
    }
    const replaced = [first, ...rest];
    const added = made.map(({ pending }) => pending);
    this.quarantine.remove(replaced);
    this.quarantine.put(refused);
    const token = this.persist({ added, replaced, put: refused.map(quarantinedRecord) });
    this.#changed(mergedEffects(made.map(({ changes }) => changes)));
    return { mutations: added.map(({ mutation }) => mutation), token };
  }

  /** Takes a mutation out of the line that has not left the device. */
  withdraw(pending: Pending): number {
    this.queue.remove(new Set([pending]));
    const changes = this.view.rebase([], idsOf([pending]), () => {});
    const token = this.persist({ left: [pending] });
    this.#changed(changes);
    return token;
  }

  /** Lets go of mutations in quarantine. */
  forget(entries: readonly Quarantined[]): number {
    return this.persist({ drop: this.quarantine.remove(entries) });
  }

  /**
   * Takes in what another client of this device had in line, behind all that is here. Ids stay, and tell
   * the server what it has decided already.
   */
  adopt(records: readonly PendingRecord[]): void {
    const { client } = this.identity;
    const added: Pending[] = [];
    const aside: Quarantined[] = [];
    for (const record of records) {
      const mutation = restoredMutation(record, client, this.#options.scope);
      this.identity.saw(mutation.createdAt);
      const { quarantine: reason } = record;
      if (reason === undefined) added.push(this.queue.add(mutation, true));
      else aside.push({ order: this.queue.takeOrder(), mutation, reason });
    }
    this.quarantine.put(aside);
    this.view.reset(this.queue.mutations);
    this.persist({ added, put: aside.map(quarantinedRecord) });
    this.#options.output.changed("everything");
  }

  /** Storage holds this batch now. */
  persisted(token: number): void {
    for (const pending of this.#unsaved.saved(token)) {
      if (pending.state === "local") pending.state = "queued";
    }
  }

  /** Storage refused the batch: what it was to hold is taken back. */
  persistFailed(token: number, error: DriftlessError): void {
    const { added, replaced, left } = this.#unsaved.refused(token);
    this.queue.remove(new Set(added));
    // One that was held meanwhile must not come back with the batch that told so.
    const drop = this.quarantine.remove(added);
    this.quarantine.put(replaced);
    this.#changed(this.view.rebase([], idsOf(added), () => {}));
    this.#restore(left);
    if (drop.length > 0) this.persist({ drop });
    this.#options.output.failed(error, 0);
  }

  /** Moves rows, queue, quarantine and view together. */
  settle(parts: {
    readonly changes?: readonly Change[];
    /** Out of the queue already. */
    readonly refused?: readonly Refusal[];
    readonly acknowledged?: readonly Pending[];
  }): void {
    const { changes = [], refused = [], acknowledged = [] } = parts;
    const { cursor: from, epoch } = this.snapshot;
    const end = changes.at(-1)?.cursor ?? from;
    const own = this.queue.acknowledged;
    const visible = this.queue.takeVisible(end);
    this.identity.saw(changes.at(-1)?.time ?? 0);
    if (refused.length + visible.length + changes.length + acknowledged.length === 0) return;
    const local = this.#localEffects(visible);
    const before = this.view.runs;
    const left = [...refused.map(({ pending }) => pending), ...visible];
    let confirmed!: Confirmed;
    const differing = this.view.rebase(changes, idsOf(left), () => {
      confirmed = this.#confirmations.move(changes, epoch, own);
    });
    const held = this.#hold(refused, before);
    const aside = [
      ...refused.map(quarantined),
      ...held.map(([{ order, mutation }, cause]): Quarantined => (
        { order, mutation, reason: { state: "held", cause } }
      )),
    ];
    this.quarantine.put(aside);
    const shed = this.quarantine.shed();
    const waiting = acknowledged.filter((pending) => !isVisible(pending, end));
    this.persist({
      ...(changes.length > 0 ? { replica: { kind: "changes", from, changes, epoch } } : {}),
      drop: [...visible, ...shed].map(({ order }) => order),
      left: held.map(([pending]) => pending),
      put: [...waiting.map(pendingRecord), ...aside.map(quarantinedRecord)],
    });
    this.#changed(differing);
    if (shed.length > 0) this.#options.output.failed(shedError(shed.length), 0);
    for (const divergence of confirmed.divergences) {
      this.#options.output.diverged(divergence);
    }
    this.#confirm(visible, new Map([...local, ...confirmed.effects]));
  }

  /**
   * Starts over from all rows, or from what differs; the first `inRows` undecided mutations have had
   * their effect on them.
   */
  replace({ time, ...loaded }: LoadedSnapshot, inRows: number): void {
    const { cursor, gone } = loaded;
    const onto = { cursor: this.snapshot.cursor, epoch: this.snapshot.epoch };
    this.snapshot.replace(loaded);
    this.#confirmations.reset();
    this.identity.saw(time);
    const visible = this.queue.takeVisible(cursor);
    const local = this.#localEffects(visible);
    for (const pending of this.queue.undecided(inRows)) {
      pending.effects ??= this.#effectsOf(pending);
      pending.isInRows = true;
    }
    this.view.reset(this.queue.mutations);
    this.persist({
      replica: { ...loaded, ...(gone && { onto }), kind: "snapshot" },
      drop: visible.map(({ order }) => order),
    });
    this.#options.output.changed("everything");
    this.#confirm(visible, local);
  }

  /** Nothing behind this place in the line may be sent yet. */
  get barrier(): number {
    return this.#unsaved.barrier;
  }

  /** Stores the identity, and what else there is. */
  persist(parts: BatchParts): number {
    const batch = this.#unsaved.next(parts, this.identity.value, () => this.storedRecords());
    this.#options.output.persist(batch);
    return batch.token;
  }

  /**
   * What storage holds of the queue, or will with the batches under way. One that storage has not
   * accepted yet is in its own batch: it must not outlive a refusal of that.
   */
  storedRecords(): ReturnType<typeof pendingRecord>[] {
    const stored = this.queue.entries.filter(({ state }) => state !== "local");
    return [...stored.map(pendingRecord), ...this.quarantine.entries.map(quarantinedRecord)];
  }

  #requireRoom(count: number): void {
    if (this.queue.entries.length + count > PENDING_MAX) {
      throw new DriftlessError("queue_full", `Cannot queue more than ${PENDING_MAX} mutations`);
    }
  }

  /** Runs a new mutation on top; one that is refused changes nothing. */
  #make(name: string, args: unknown): {
    readonly pending: Pending;
    readonly changes: readonly ViewChange[];
  } {
    const { random, scope } = this.#options;
    const json = checkJson(args ?? null, "invalid_mutation");
    const createdAt = this.identity.nextTime();
    const mutation = checkMutation({
      id: mutationId(createdAt, random),
      name,
      scope,
      client: this.identity.client,
      seq: this.identity.decidedSeq + this.queue.undecidedCount + 1,
      args: frozenJson(canonicalText(json)),
      createdAt,
    });
    const changes = this.view.append(mutation);
    this.identity.saw(createdAt);
    return { pending: this.queue.add(mutation), changes };
  }

  /** Takes out of the line what was never sent and cannot run without the refused ones. */
  #hold(
    refused: readonly Refusal[],
    before: readonly Run[],
  ): readonly (readonly [pending: Pending, cause: string])[] {
    if (refused.length === 0) return [];
    const unsent = new Map(this.queue.unsent.map((pending) => [pending.mutation.id, pending]));
    const failing = this.view.runs.filter(({ refusal }) => refusal !== undefined)
      .map(({ mutation }) => mutation.id).filter((id) => unsent.has(id));
    const causes = causesOf(before, idsOf(refused.map(({ pending }) => pending)), new Set(failing));
    const held = Array.from(causes, ([id, cause]): readonly [Pending, string] => [
      unsent.get(id) as Pending,
      cause,
      // More than the quarantine takes stay in line: the server will say no to each.
    ]).slice(0, Math.max(0, QUARANTINE_MAX - refused.length));
    const gone = held.map(([pending]) => pending);
    this.queue.remove(new Set(gone));
    // They show nothing, so that nobody sees them go.
    this.view.rebase([], idsOf(gone), () => {});
    for (const pending of gone) this.#held.add(pending);
    return held;
  }

  /** Storage was not told that these left the line: they are in it still. */
  #restore(left: readonly Pending[]): void {
    const aside = new Set(this.quarantine.remove(left));
    const back = left.filter((pending) => {
      // Storage refused it before; or its user has called it again, or let it go, since it was held.
      if (pending.state === "local") return false;
      return aside.has(pending.order) || !this.#held.has(pending);
    });
    if (back.length === 0) return;
    this.queue.restore(back);
    this.view.reset(this.queue.mutations);
    this.#options.output.changed("everything");
  }

  #localEffects(entries: readonly Pending[]): Map<string, readonly Effect[]> {
    return new Map(entries.map((pending) => [pending.mutation.id, this.#effectsOf(pending)]));
  }

  #effectsOf({ mutation, effects = [] }: Pending): readonly Effect[] {
    return this.view.effectsOf(mutation.id) ?? effects;
  }

  #confirm(entries: readonly Pending[], effects: ReadonlyMap<string, readonly Effect[]>): void {
    for (const { mutation } of entries) {
      const did = effects.get(mutation.id) as readonly Effect[];
      this.#options.output.settled({ mutation, effects: did });
    }
  }

  #changed(changes: readonly ViewChange[]): void {
    if (changes.length > 0) this.#options.output.changed(changes);
  }
}

/** Sorted by time, which a database writes half again as fast as random ids. */
function mutationId(time: number, random: Random): string {
  return `${time.toString(36).padStart(9, "0")}-${randomId(random)}`;
}

function quarantined({ pending: { order, mutation }, code, error }: Refusal): Quarantined {
  return { order, mutation, reason: { state: "refused", code, error } };
}

function idsOf(entries: readonly Pending[]): ReadonlySet<string> {
  return new Set(entries.map(({ mutation }) => mutation.id));
}
