/**
 * The client as a synchronous machine: events in, effects out through one port.
 *
 *     mutate ── run on the view ── persist ── (durable) ── push ── acknowledged ── visible ── gone
 *                                                           └──── refused ── rolled back, reported once,
 *                                                                            kept for its user
 *
 * A mutation is sent only when it is durable, in the order of the queue; its number is its place behind
 * the last decided one. An acknowledged mutation stays in the view until the snapshot has its effects,
 * so nothing flickers between the two.
 */
import type { LogPage } from "./change.ts";
import { ClientState, type MadeMutations, type Refusal } from "./client_state.ts";
import type { RejectedMutation, SyncClientOptions } from "./client_output.ts";
import type { Effect } from "./effects.ts";
import { DriftlessError } from "./errors.ts";
import type { Mutation } from "./mutation.ts";
import { type Quarantined, queueEntries, type QueueEntry } from "./quarantine.ts";
import type { PendingRecord, Replica } from "./persistence.ts";
import type { Pending } from "./queue.ts";
import type { LoadedSnapshot, Snapshot } from "./snapshot.ts";
import type { View } from "./view.ts";
import { type DownMessage, PROTOCOL_VERSION, type WireResult } from "./wire/messages.ts";

type Connection = "offline" | "greeting" | "resetting" | "live";

/** One client of one scope. */
export class SyncClient {
  readonly #options: SyncClientOptions;
  readonly #state: ClientState;
  #connection: Connection = "offline";
  /** The rows are of a history that the server does not have, until a snapshot replaces them. */
  #isStranded = false;
  /** The client id of the last hello. */
  #greetedAs = "";
  /** Up to this number the server has decided, and owes this connection the answers. */
  #owedSeq = 0;
  /** Where the log stood then: rows from there on hold the effects of all that. */
  #owedCursor = 0;

  constructor(options: SyncClientOptions) {
    this.#options = options;
    this.#state = new ClientState(options);
  }

  get view(): View {
    return this.#state.view;
  }

  get cursor(): number {
    return this.#state.snapshot.cursor;
  }

  get epoch(): string {
    return this.#state.snapshot.epoch;
  }

  /** The confirmed rows as they are now. */
  get replica(): Replica {
    const { snapshot, cursor, epoch } = this;
    return { rows: [...snapshot.rows()], cursor, epoch };
  }

  /** The same, to look into. */
  get snapshot(): Pick<Snapshot, "rows" | "json"> {
    return this.#state.snapshot;
  }

  /** This device's id for the scope, as the server knows it. */
  get client(): string {
    return this.#state.identity.client;
  }

  /** True while a live connection has been greeted and is caught up or catching up. */
  get isLive(): boolean {
    return this.#connection === "live";
  }

  /** The line: what waits, is on its way, or waits for its effects; oldest first. */
  get pending(): readonly Readonly<Pending>[] {
    return this.#state.queue.entries;
  }

  /** What left the line and waits for its user, oldest first. */
  get quarantined(): readonly Quarantined[] {
    return this.#state.quarantine.entries;
  }

  /** All that is not confirmed, also what was refused and what is held, in the order of the calls. */
  get entries(): readonly QueueEntry[] {
    return queueEntries(this.#state.queue.entries, this.#state.quarantine.entries);
  }

  /** What a mutation in line does to the records as they are; `undefined` when it is not in the view. */
  effectsOf(id: string): readonly Effect[] | undefined {
    return this.#state.view.effectsOf(id);
  }

  /**
   * Calls a mutator: its effects are in the view when this returns, and the mutation is on its way to
   * storage in the batch whose token is returned.
   *
   * @throws {DriftlessError} when the mutator refuses, the arguments are not JSON or too large, or the
   *   queue is full; then nothing has changed
   */
  mutate(name: string, args: unknown): { readonly mutation: Mutation; readonly token: number } {
    const { mutations: [mutation], token } = this.#state.mutate(name, args);
    return { mutation: mutation as Mutation, token };
  }

  /**
   * Calls a mutation of the quarantine once more, under a new id, and behind it what it held. Of those
   * one that cannot run stays, refused, with the reason.
   *
   * @throws {DriftlessError} `not_found` when it is not in quarantine; when its rule refuses it still, or
   *   the queue is full. Then nothing has changed
   */
  retry(id: string): MadeMutations {
    return this.edit(id, this.#quarantined(id)[0].mutation.args);
  }

  /**
   * As `retry`, with other arguments.
   *
   * @throws {DriftlessError} as `retry`
   */
  edit(id: string, args: unknown): MadeMutations {
    return this.#state.retry(this.#quarantined(id), args);
  }

  /**
   * Lets go of a mutation: of one in quarantine with what it holds, or of one in line that was never
   * sent. Returns the ids of all that is gone.
   *
   * @throws {DriftlessError} `conflict` when it may have been sent: the server decides it; `not_found`
   */
  discard(id: string): { readonly ids: readonly string[]; readonly token: number } {
    const { queue, quarantine } = this.#state;
    const pending = queue.entries.find(({ mutation }) => mutation.id === id);
    if (pending === undefined) {
      const group = quarantine.group(id);
      if (group.length === 0) throw notFound(id);
      return { ids: group.map(({ mutation }) => mutation.id), token: this.#state.forget(group) };
    }
    if (pending.mayBeSent) {
      throw new DriftlessError("conflict", `Cannot discard "${id}": it may have been sent`);
    }
    return { ids: [id], token: this.#state.withdraw(pending) };
  }

  /** Takes in what another client of this device had in line, behind all that is here. */
  adopt(records: readonly PendingRecord[]): void {
    this.#state.adopt(records);
  }

  /** Storage holds these batches now. */
  persisted(...tokens: readonly number[]): void {
    for (const token of tokens) this.#state.persisted(token);
    this.#flush();
  }

  /** Storage refused the batch: mutations that it was to hold are taken back. */
  persistFailed(token: number, error: DriftlessError): void {
    this.#state.persistFailed(token, error);
    // What waited behind that, and what is back in line.
    this.#flush();
  }

  /** A live connection is open. */
  connected(): void {
    this.#connection = "greeting";
    this.#greetedAs = this.client;
    this.#state.queue.requeue();
    this.#options.output.send({
      kind: "hello",
      protocol: PROTOCOL_VERSION,
      client: this.client,
      scope: this.#options.scope,
      cursor: this.cursor,
      epoch: this.epoch,
      appVersion: this.#options.app.version,
    });
  }

  /** The live connection is gone; what was sent and not answered will be sent again. */
  disconnected(): void {
    this.#connection = "offline";
    this.#owedSeq = 0;
    this.#state.queue.requeue();
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
        return this.#nextAfter(this.#poked(message));
      case "event":
        return this.#options.output.event(message.topic, message.data);
      case "pong":
        return this.#state.identity.learn(message.time);
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
    const { queue, identity, barrier } = this.#state;
    return queue.takeBatch(identity.decidedSeq, identity.client, barrier);
  }

  /** A push over HTTP was not answered. */
  pushFailed(): void {
    this.#state.queue.requeue();
    this.#flush();
  }

  /**
   * The server decided on mutations that were sent, in the order of sending. Over HTTP, `epoch` is the
   * history that the cursors in the results count in.
   */
  decided(results: readonly WireResult[], epoch: string = this.epoch): void {
    if (this.#isElsewhere(epoch)) return this.#otherHistory();
    if (this.epoch === "") this.#state.snapshot.adopt(epoch);
    const wasOwed = this.#isOwed();
    const acknowledged: Pending[] = [];
    const refused: Refusal[] = [];
    const rejections: RejectedMutation[] = [];
    for (const { id, cursor, code, error, lastSeq, changeCount } of results) {
      const pending = this.#state.queue.firstUndecided();
      // An answer to an earlier sending of a mutation that has been decided since.
      if (pending?.mutation.id !== id || pending.state !== "sent") continue;
      if (code === "sequence_gap") {
        this.#gap(lastSeq);
        break;
      }
      this.#state.identity.decide();
      if (code === null) {
        pending.state = "acknowledged";
        pending.visibleAt = cursor;
        if (changeCount !== undefined) pending.changeCount = changeCount;
        acknowledged.push(pending);
      } else {
        this.#state.queue.remove(new Set([pending]));
        const reason = new DriftlessError(code, error ?? "The server refused the mutation");
        refused.push({ pending, code, error: reason.message });
        rejections.push({ mutation: pending.mutation, error: reason });
      }
    }
    this.#state.settle({ acknowledged, refused });
    for (const rejection of rejections) this.#options.output.rejected(rejection);
    this.#flush();
    // What was passed over while answers were missing is asked for now.
    this.#nextAfter(wasOwed && !this.#isOwed());
  }

  /** A page of the log arrived over HTTP. */
  pulled(page: LogPage): void {
    if (this.#isStranded) return this.#reset();
    if (this.#isElsewhere(page.epoch)) return this.#otherHistory();
    if (this.epoch === "") this.#state.snapshot.adopt(page.epoch);
    this.#poked(page);
  }

  /** The server's log does not reach from this client's cursor to its end, or the rows are not right. */
  cursorLost(): void {
    this.#reset();
  }

  /** The snapshot that was asked for: all rows of the scope at a cursor, or what differs there. */
  snapshotLoaded(loaded: LoadedSnapshot): void {
    const { epoch, cursor } = loaded;
    if (epoch === this.epoch && cursor < this.cursor && this.#connection === "live") return;
    if (this.#isElsewhere(epoch) && !this.#isStranded) this.#leaveHistory();
    if (this.#isStranded) this.#state.queue.leaveRows();
    this.#isStranded = false;
    const { decidedSeq } = this.#state.identity;
    const owed = cursor < this.#owedCursor ? 0 : Math.max(0, this.#owedSeq - decidedSeq);
    this.#state.replace(loaded, owed);
    this.#options.output.synced(cursor);
    if (this.#connection !== "offline") this.connected();
  }

  #welcomed(message: DownMessage & { readonly kind: "welcome" }): void {
    this.#state.identity.learn(message.time);
    // The server knows this connection by another name: hello is said again with the rows to come.
    if (this.#greetedAs !== this.client) return;
    if (this.#isElsewhere(message.epoch)) return this.#otherHistory();
    const { identity: { decidedSeq }, queue: { undecidedCount: undecided } } = this.#state;
    // A server that lost decisions, as one restored from a backup, may have other rows at this cursor.
    if (message.lastSeq < decidedSeq) return this.#otherHistory();
    if (message.lastSeq > decidedSeq + undecided) {
      // Somebody else has used this client id.
      this.#renumber();
      return this.connected();
    }
    this.#owedSeq = message.lastSeq;
    this.#owedCursor = message.cursor;
    if (message.reset) return this.#reset();
    this.#connection = "live";
    if (this.epoch === "") this.#state.snapshot.adopt(message.epoch);
    if (message.cursor === this.cursor) this.#reached(message.cursor, message.root);
    this.#flush();
  }

  /** Takes a run of the log; returns whether the rest has to be asked for. */
  #poked({ from, changes, more, root }: Omit<LogPage, "epoch">): boolean {
    const { cursor } = this;
    // Effects of a mutation that still counts as undecided would show twice.
    if (this.#connection === "resetting" || this.#isOwed()) return false;
    if (from > cursor) return true;
    this.#state.settle({ changes: changes.filter((change) => change.cursor > cursor) });
    if (!more) this.#reached(changes.at(-1)?.cursor ?? from, root);
    return more;
  }

  /** The log ends at a cursor, or did when the server said this: the rows may be further on. */
  #reached(end: number, root: Uint8Array | undefined): void {
    this.#options.output.synced(this.cursor);
    // What is owed may be on its way into rows that are counted in the digest.
    if (root && end === this.cursor && !this.#isOwed()) this.#options.output.rooted(end, root);
  }

  #isOwed(): boolean {
    return this.#state.identity.decidedSeq < this.#owedSeq;
  }

  #nextAfter(more: boolean): void {
    if (more && this.#connection === "live") {
      this.#options.output.send({ kind: "next", cursor: this.cursor });
    }
  }

  #flush(): void {
    if (this.#connection !== "live") return;
    const { queue, identity, barrier } = this.#state;
    for (const mutations of queue.takePushes(identity.decidedSeq, barrier)) {
      this.#options.output.send({ kind: "push", mutations });
    }
  }

  /** The rows here are of a history that the server does not have: start over, lose nothing queued. */
  #otherHistory(): void {
    this.#leaveHistory();
    this.#reset();
  }

  #leaveHistory(): void {
    this.#isStranded = true;
    // What was acknowledged there may be missing here; its id tells the server if it is not.
    this.#state.queue.requeueAll();
    this.#renumber();
  }

  #isElsewhere(epoch: string): boolean {
    return epoch !== this.epoch && this.epoch !== "";
  }

  /** Takes a new client id and counts from 1; mutation ids stay, so nothing can be doubled. */
  #renumber(): void {
    this.#state.identity.renew();
    this.#owedSeq = 0;
    this.#state.persist({ put: this.#state.storedRecords() });
  }

  #reset(): void {
    if (this.#connection !== "offline") this.#connection = "resetting";
    this.#options.output.needSnapshot();
  }

  /** The server's numbering differs from ours. */
  #gap(lastSeq: number): void {
    const { decidedSeq } = this.#state.identity;
    this.#state.queue.requeue();
    if (lastSeq === decidedSeq) return;
    if (lastSeq < decidedSeq) return this.#otherHistory();
    this.#renumber();
    if (this.#connection !== "offline") this.connected();
  }

  #quarantined(id: string): readonly [Quarantined, ...Quarantined[]] {
    const [first, ...rest] = this.#state.quarantine.group(id);
    if (first === undefined) throw notFound(id);
    return [first, ...rest];
  }
}

function notFound(id: string): DriftlessError {
  return new DriftlessError("not_found", `Cannot find the mutation "${id}" in the queue`);
}
