/**
 * The client as a synchronous machine: events in, effects out through one port.
 *
 *     mutate ── run on the view ── persist ── (durable) ── push ── acknowledged ── visible ── gone
 *                                                           └──── refused ── rolled back, reported once
 *
 * A mutation is sent only when it is durable, in the order of the queue; its number is its place behind
 * the last decided one. An acknowledged mutation stays in the view until the snapshot has its effects,
 * so nothing flickers between the two.
 */
import type { Change, LogPage } from "./change.ts";
import { MovingIdentity } from "./client_identity.ts";
import type { RejectedMutation, SyncClientOptions } from "./client_output.ts";
import { DriftlessError } from "./errors.ts";
import { canonicalText, checkJson, frozenJson } from "./json.ts";
import { PENDING_MAX } from "./limits.ts";
import { checkMutation, type Mutation } from "./mutation.ts";
import { type Random, randomId } from "./ports.ts";
import { isVisible, type Pending, PendingQueue, pendingRecord } from "./queue.ts";
import { type LoadedSnapshot, Snapshot } from "./snapshot.ts";
import { type BatchParts, UnsavedBatches } from "./unsaved.ts";
import { View, type ViewChange } from "./view.ts";
import { type DownMessage, PROTOCOL_VERSION, type WireResult } from "./wire/messages.ts";

type Connection = "offline" | "greeting" | "resetting" | "live";

/** One client of one scope. */
export class SyncClient {
  readonly view: View;
  readonly #options: SyncClientOptions;
  readonly #snapshot = new Snapshot();
  readonly #identity: MovingIdentity;
  readonly #queue: PendingQueue;
  readonly #unsaved: UnsavedBatches;
  #connection: Connection = "offline";
  /** The rows are of a history that the server does not have, until a snapshot replaces them. */
  #isStranded = false;
  /** Up to this number the server has decided, and owes this connection the answers. */
  #owedSeq = 0;

  constructor(options: SyncClientOptions) {
    this.#options = options;
    const { app, persisted } = options;
    this.#identity = new MovingIdentity(persisted, options.clock, options.random);
    if (persisted !== undefined) {
      const { rows, cursor, epoch } = persisted.replica;
      this.#snapshot.replace(rows, cursor, epoch);
    }
    const { client } = this.#identity;
    this.#queue = new PendingQueue(persisted?.pending ?? [], client, options.scope);
    // A crash may have kept the rows and lost the removal of the mutations that made them.
    const stale = this.#queue.takeVisible(this.#snapshot.cursor).map(({ order }) => order);
    this.#unsaved = new UnsavedBatches(stale);
    this.view = new View(app, this.#snapshot, options.principal ?? null);
    this.view.reset(this.#queue.mutations);
  }

  get cursor(): number {
    return this.#snapshot.cursor;
  }

  get epoch(): string {
    return this.#snapshot.epoch;
  }

  /** This device's id for the scope, as the server knows it. */
  get client(): string {
    return this.#identity.client;
  }

  /** True while a live connection has been greeted and is caught up or catching up. */
  get isLive(): boolean {
    return this.#connection === "live";
  }

  /** The queue, oldest first. */
  get pending(): readonly Readonly<Pending>[] {
    return this.#queue.entries;
  }

  /**
   * Calls a mutator: its effects are in the view when this returns, and the mutation is on its way to
   * storage in the batch whose token is returned.
   *
   * @throws {DriftlessError} when the mutator refuses, the arguments are not JSON or too large, or the
   *   queue is full; then nothing has changed
   */
  mutate(name: string, args: unknown): { readonly mutation: Mutation; readonly token: number } {
    if (this.#queue.entries.length >= PENDING_MAX) {
      throw new DriftlessError("queue_full", `Cannot queue more than ${PENDING_MAX} mutations`);
    }
    const { random, scope } = this.#options;
    const json = checkJson(args ?? null, "invalid_mutation");
    const createdAt = this.#identity.nextTime();
    const mutation = checkMutation({
      id: mutationId(createdAt, random),
      name,
      scope,
      client: this.#identity.client,
      seq: this.#identity.decidedSeq + this.#queue.undecidedCount + 1,
      args: frozenJson(canonicalText(json)),
      createdAt,
    });
    const changes = this.view.append(mutation);
    const pending = this.#queue.add(mutation);
    this.#identity.saw(createdAt);
    const token = this.#persist({ added: [pending] });
    if (changes.length > 0) this.#options.output.changed(changes);
    return { mutation, token };
  }

  /** Storage holds these batches now. */
  persisted(...tokens: readonly number[]): void {
    for (const token of tokens) {
      for (const pending of this.#unsaved.saved(token)) {
        if (pending.state === "local") pending.state = "queued";
      }
    }
    this.#flush();
  }

  /** Storage refused the batch: mutations that it was to hold are taken back. */
  persistFailed(token: number, error: DriftlessError): void {
    const lost = this.#unsaved.refused(token);
    this.#queue.remove(new Set(lost));
    this.#changed(this.view.rebase([], idsOf(lost), () => {}));
    this.#options.output.failed(error, 0);
  }

  /** A live connection is open. */
  connected(): void {
    this.#connection = "greeting";
    this.#queue.requeue();
    this.#options.output.send({
      kind: "hello",
      protocol: PROTOCOL_VERSION,
      client: this.#identity.client,
      scope: this.#options.scope,
      cursor: this.#snapshot.cursor,
      epoch: this.#snapshot.epoch,
    });
  }

  /** The live connection is gone; what was sent and not answered will be sent again. */
  disconnected(): void {
    this.#connection = "offline";
    this.#owedSeq = 0;
    this.#queue.requeue();
  }

  /** The server said something on the live connection; from one that is gone, nothing counts. */
  received(message: DownMessage): void {
    if (this.#connection === "offline") return;
    switch (message.kind) {
      case "welcome":
        return this.#welcomed(message);
      case "ack":
        return this.decided(message.results);
      case "poke":
        return this.#nextAfter(this.#poked(message.from, message.changes, message.more));
      case "event":
        return this.#options.output.event(message.topic, message.data);
      case "pong":
        return this.#identity.learn(message.time);
      case "failure": {
        const { code, error, retryAfterMs } = message;
        if (code === "cursor_too_old") return this.#reset();
        this.#options.output.failed(new DriftlessError(code, error), retryAfterMs);
      }
    }
  }

  /** Takes the next mutations for a push over HTTP; empty when nothing may be sent. */
  takeBatch(): readonly Mutation[] {
    // Cursors in the answer would not be those of the rows.
    if (this.#isStranded) return [];
    return this.#queue.takeBatch(this.#identity.decidedSeq, this.#identity.client);
  }

  /** A push over HTTP was not answered. */
  pushFailed(): void {
    this.#queue.requeue();
    this.#flush();
  }

  /**
   * The server decided on mutations that were sent, in the order of sending. Over HTTP, `epoch` is the
   * history that the cursors in the results count in.
   */
  decided(results: readonly WireResult[], epoch: string = this.#snapshot.epoch): void {
    if (this.#isElsewhere(epoch)) return this.#otherHistory();
    if (this.#snapshot.epoch === "") this.#snapshot.adopt(epoch);
    const wasOwed = this.#isOwed();
    const acknowledged: Pending[] = [];
    const refused: Pending[] = [];
    const rejections: RejectedMutation[] = [];
    for (const { id, cursor, code, error, lastSeq } of results) {
      const pending = this.#queue.firstUndecided();
      // An answer to an earlier sending of a mutation that has been decided since.
      if (pending?.mutation.id !== id || pending.state !== "sent") continue;
      if (code === "sequence_gap") {
        this.#gap(lastSeq);
        break;
      }
      this.#identity.decide();
      if (code === null) {
        pending.state = "acknowledged";
        pending.visibleAt = cursor;
        acknowledged.push(pending);
      } else {
        this.#queue.remove(new Set([pending]));
        refused.push(pending);
        const reason = new DriftlessError(code, error ?? "The server refused the mutation");
        rejections.push({ mutation: pending.mutation, error: reason });
      }
    }
    this.#settle({ acknowledged, refused });
    for (const rejection of rejections) this.#options.output.rejected(rejection);
    this.#flush();
    // What was passed over while answers were missing is asked for now.
    this.#nextAfter(wasOwed && !this.#isOwed());
  }

  /** A page of the log arrived over HTTP. */
  pulled(page: LogPage): void {
    if (this.#isStranded) return this.#reset();
    if (this.#isElsewhere(page.epoch)) return this.#otherHistory();
    if (this.#snapshot.epoch === "") this.#snapshot.adopt(page.epoch);
    this.#poked(page.from, page.changes, page.more);
  }

  /** The server's log does not reach from this client's cursor to its end. */
  cursorLost(): void {
    this.#reset();
  }

  /** The snapshot that was asked for: all rows of the scope at a cursor. */
  snapshotLoaded({ epoch, cursor, time, rows }: LoadedSnapshot): void {
    const overtaken = epoch === this.#snapshot.epoch && cursor < this.#snapshot.cursor;
    if (overtaken && this.#connection === "live") return;
    if (this.#isElsewhere(epoch) && !this.#isStranded) this.#leaveHistory();
    this.#isStranded = false;
    this.#snapshot.replace(rows, cursor, epoch);
    this.#identity.saw(time);
    const visible = this.#queue.takeVisible(cursor);
    this.view.reset(this.#queue.mutations);
    this.#persist({
      replica: { kind: "snapshot", rows, cursor, epoch },
      drop: visible.map(({ order }) => order),
    });
    const { output } = this.#options;
    output.changed("everything");
    output.synced(cursor);
    if (this.#connection !== "offline") this.connected();
  }

  #welcomed(message: DownMessage & { readonly kind: "welcome" }): void {
    this.#identity.learn(message.time);
    if (this.#isElsewhere(message.epoch)) return this.#otherHistory();
    const { decidedSeq } = this.#identity;
    const undecided = this.#queue.undecidedCount;
    // A server that lost decisions, as one restored from a backup, may have other rows at this cursor.
    if (message.lastSeq < decidedSeq) return this.#otherHistory();
    if (message.lastSeq > decidedSeq + undecided) {
      // Somebody else has used this client id.
      this.#renumber();
      return this.connected();
    }
    if (message.reset) return this.#reset();
    this.#connection = "live";
    this.#owedSeq = message.lastSeq;
    if (this.#snapshot.epoch === "") this.#snapshot.adopt(message.epoch);
    if (message.cursor === this.#snapshot.cursor) this.#options.output.synced(message.cursor);
    this.#flush();
  }

  /** Takes a run of the log; returns whether the rest has to be asked for. */
  #poked(from: number, changes: readonly Change[], more: boolean): boolean {
    const { cursor } = this.#snapshot;
    // Effects of a mutation that still counts as undecided would show twice.
    if (this.#connection === "resetting" || this.#isOwed()) return false;
    if (from > cursor) return true;
    this.#settle({ changes: changes.filter((change) => change.cursor > cursor) });
    if (!more) this.#options.output.synced(this.#snapshot.cursor);
    return more;
  }

  #isOwed(): boolean {
    return this.#identity.decidedSeq < this.#owedSeq;
  }

  #nextAfter(more: boolean): void {
    if (more && this.#connection === "live") {
      this.#options.output.send({ kind: "next", cursor: this.#snapshot.cursor });
    }
  }

  /** Moves snapshot, queue and view together, and stores what moved as one batch. */
  #settle(parts: {
    readonly changes?: readonly Change[];
    /** Refused ones, out of the queue already. */
    readonly refused?: readonly Pending[];
    /** Acknowledged ones. */
    readonly acknowledged?: readonly Pending[];
  }): void {
    const { changes = [], refused = [], acknowledged = [] } = parts;
    const { cursor: from, epoch } = this.#snapshot;
    const end = changes.at(-1)?.cursor ?? from;
    const left = [...refused, ...this.#queue.takeVisible(end)];
    this.#identity.saw(changes.at(-1)?.time ?? 0);
    if (left.length + changes.length + acknowledged.length === 0) return;
    const differing = this.view.rebase(
      changes,
      idsOf(left),
      () => changes.forEach((change) => this.#snapshot.apply(change, epoch)),
    );
    this.#persist({
      ...(changes.length > 0 ? { replica: { kind: "changes", from, changes, epoch } } : {}),
      drop: left.map(({ order }) => order),
      put: acknowledged.filter((pending) => !isVisible(pending, end)).map(pendingRecord),
    });
    this.#changed(differing);
  }

  #flush(): void {
    if (this.#connection !== "live") return;
    for (const mutations of this.#queue.takePushes(this.#identity.decidedSeq)) {
      this.#options.output.send({ kind: "push", mutations });
    }
  }

  #persist(parts: BatchParts): number {
    const batch = this.#unsaved.next(parts, this.#identity.value, this.#queue.entries);
    this.#options.output.persist(batch);
    return batch.token;
  }

  /** The rows here are of a history that the server does not have: start over, lose nothing queued. */
  #otherHistory(): void {
    this.#isStranded = true;
    this.#leaveHistory();
    this.#reset();
  }

  #leaveHistory(): void {
    // What was acknowledged there may be missing here; its id tells the server if it is not.
    this.#queue.requeueAll();
    this.#renumber();
  }

  #isElsewhere(epoch: string): boolean {
    return epoch !== this.#snapshot.epoch && this.#snapshot.epoch !== "";
  }

  /** Takes a new client id and counts from 1; mutation ids stay, so nothing can be doubled. */
  #renumber(): void {
    this.#identity.renew();
    this.#owedSeq = 0;
    // One that storage has not accepted yet is in its own batch: it must not outlive a refusal of that.
    const stored = this.#queue.entries.filter(({ state }) => state !== "local");
    this.#persist({ put: stored.map(pendingRecord) });
  }

  #reset(): void {
    if (this.#connection !== "offline") this.#connection = "resetting";
    this.#options.output.needSnapshot();
  }

  /** The server's numbering differs from ours. */
  #gap(lastSeq: number): void {
    const { decidedSeq } = this.#identity;
    this.#queue.requeue();
    if (lastSeq === decidedSeq) return;
    if (lastSeq < decidedSeq) return this.#otherHistory();
    this.#renumber();
    if (this.#connection !== "offline") this.connected();
  }

  #changed(changes: readonly ViewChange[]): void {
    if (changes.length > 0) this.#options.output.changed(changes);
  }
}

/** Sorted by time, which a database writes half again as fast as random ids. */
function mutationId(time: number, random: Random): string {
  return `${time.toString(36).padStart(9, "0")}-${randomId(random)}`;
}

function idsOf(entries: readonly Pending[]): ReadonlySet<string> {
  return new Set(entries.map(({ mutation }) => mutation.id));
}
