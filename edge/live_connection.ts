/**
 * One live connection of the hub: nearly all of them are idle, and most speak of one thing alone, so
 * whatever one may come to need is made when it does.
 */
import { DriftlessError, type ErrorCode } from "../core/errors.ts";
import { IN_FLIGHT_MAX } from "../core/limits.ts";
import type { PushedMutation } from "../core/mutation.ts";
import type { Principal } from "../core/app.ts";
import type { PresenceRooms } from "../core/presence.ts";
import type { MutationResult, SyncServer } from "../core/server.ts";
import { CHANNELS_MAX, LiveSession } from "../core/session.ts";
import type { SessionOutput, Settle } from "../core/session_ports.ts";
import { decodeUp, encodeDown } from "../core/wire/messages.ts";
import { shortUiBody } from "../core/wire/ui_envelope.ts";
import { Acks } from "./acks.ts";
import type { Committer, Decided } from "./committer.ts";
import type { Identity } from "./identity.ts";
import { Inputs, type InputsOptions } from "./inputs.ts";
import type { LiveUi } from "./live_ui.ts";
import { Outbox } from "./outbox.ts";
import { Bucket, type Rate, RateLimitedError } from "./rate.ts";
import type { SpendWork } from "./reconcile_rate.ts";
import type { Socket, SocketHandlers } from "./socket.ts";
import type { UiPeer, UiSocket } from "./ui_tab.ts";

/** Messages of one connection. */
export const LIVE_RATE: Rate = { perSecond: 500, burst: 2_000 };
/** The channel of failures that are none of a client's, but of what the islands of the page say. */
export const UI_CHANNEL = 127;
/** Mutations of one connection that wait for their decision: no honest client sends more. */
export const UNDECIDED_MAX = IN_FLIGHT_MAX * CHANNELS_MAX;
/** When to come back with what was one too many, in milliseconds. */
const UNDECIDED_RETRY_MS = 1_000;
/** Close code of a connection whose client speaks nonsense or too much. */
const CLOSE_POLICY = 1008;
/** Close code of a connection that could not be told of something: it resumes from its cursor. */
const CLOSE_FAILED = 1011;

const NO_SCOPES: ReadonlySet<string> = new Set();
const WALL_CLOCK = { now: () => Date.now() };

/** What all connections have in common. */
export interface ConnectionHost {
  readonly server: SyncServer;
  readonly committer: Committer;
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
  /** Spends what one principal may push; returns how long to wait, in milliseconds, or 0. */
  readonly spend: (identity: Identity, mutations: number) => number;
  /** Counts the work of a caller's exchanges; returns how long to wait for more, in milliseconds. */
  readonly spendWork: SpendWork;
  /** The islands; undefined for an app that has none. */
  readonly ui: LiveUi | undefined;
  readonly presence: PresenceRooms;
  /** Answers of the commit that is being told. */
  readonly unsent: Set<Acks>;
  /** What a caller may know about a failure; the rest is logged. */
  readonly publicError: (error: unknown) => DriftlessError;
  /** A peer that does not read was cut. */
  readonly cut: (socket: Socket) => void;
  readonly publish: (scope: string, topic: string, data: string) => void;
  readonly joined: (connection: LiveConnection, scope: string) => void;
  readonly left: (connection: LiveConnection) => void;
}

/** The server's end of one socket. */
export class LiveConnection implements SocketHandlers, SessionOutput, UiSocket, InputsOptions {
  readonly socket: Socket;
  readonly identity: Identity;
  /** The rooms that it is in. */
  rooms: Set<string> | undefined;
  /** When it said something last. */
  heardAt: number;
  readonly #host: ConnectionHost;
  readonly #outbox: Outbox;
  readonly #bucket: Bucket;
  #session: LiveSession | undefined;
  /** What happens to the session, in order, once something had to wait. */
  #inputs: Inputs | undefined;
  #ui: UiPeer | undefined;
  #acks: Acks | undefined;
  #undecided = 0;
  #isClosed = false;

  constructor(host: ConnectionHost, socket: Socket, identity: Identity) {
    this.#host = host;
    this.socket = socket;
    this.identity = identity;
    this.heardAt = host.now();
    this.#outbox = new Outbox(socket, host.now, host.cut);
    this.#bucket = new Bucket(LIVE_RATE, this.heardAt);
  }

  get principal(): Principal | null {
    return this.identity.principal;
  }

  /** The scopes that it has a channel in. */
  get scopes(): ReadonlySet<string> {
    return this.#session?.scopes() ?? NO_SCOPES;
  }

  message(bytes: Uint8Array): void {
    this.heardAt = this.#host.now();
    const wait = this.#bucket.take(LIVE_RATE, this.heardAt);
    if (wait > 0) {
      const busy = new DriftlessError("rate_limited", "Cannot take so many messages a second");
      this.#fail(0, busy, wait);
      return this.socket.close(CLOSE_POLICY, "rate_limited");
    }
    this.take(() => this.#receive(bytes), bytes.length);
  }

  drained(): void {
    this.#outbox.drained();
    this.#host.presence.nudge();
    this.#ui?.drained();
  }

  closed(): void {
    this.#isClosed = true;
    this.#inputs?.close();
    this.#outbox.close();
    this.#session?.closed();
    this.#ui?.closed();
    this.#host.left(this);
  }

  /** Tells its session something; whoever cannot be told leaves, and keeps nobody from hearing it. */
  tell(tell: (session: LiveSession) => void): void {
    const session = this.#session;
    if (session === undefined) return;
    try {
      if (this.#inputs === undefined) tell(session);
      else this.#inputs.take(() => tell(session));
    } catch (error) {
      this.failed(error);
    }
  }

  /** Asks again what it may. */
  recheck(rechecked: () => void): void {
    this.#ui?.recheck();
    this.take(() => {
      this.#session?.recheck();
      rechecked();
    });
  }

  /** Runs an input, at once if none is before it. `bytes` is what it keeps in memory until then. */
  take(input: () => void, bytes = 0): void {
    if (this.#inputs !== undefined) this.#inputs.take(input, bytes);
    else if (!this.#isClosed) input();
  }

  overflowed(): void {
    this.socket.close(CLOSE_FAILED, "unavailable");
  }

  failed(error: unknown): void {
    this.socket.close(CLOSE_FAILED, this.#host.publicError(error).code);
  }

  send(bytes: Uint8Array): void {
    this.#outbox.send(bytes);
  }

  isReady(): boolean {
    return this.#outbox.isEmpty;
  }

  close(code: ErrorCode): void {
    this.socket.close(CLOSE_POLICY, code);
  }

  push(channel: number, mutations: readonly PushedMutation[]): void {
    this.#push(mutations, (results, error) => {
      if (results !== null) return this.#answer(channel, results);
      const wait = error instanceof RateLimitedError ? error.retryAfterMs : 0;
      const reason = this.#host.publicError(error);
      this.take(() => this.#fail(channel, reason, wait));
    });
  }

  publish(scope: string, topic: string, data: string): void {
    this.#host.publish(scope, topic, data);
  }

  joined(scope: string): void {
    this.#host.joined(this, scope);
  }

  spend(work: number): number {
    return this.#host.spendWork(this.identity, this.socket.remoteAddress, work);
  }

  /** Hands a message on to the islands. */
  ui(body: Uint8Array): void {
    const { ui, publicError } = this.#host;
    if (ui === undefined) {
      const none = new DriftlessError("not_found", "This app has no islands");
      return this.#fail(UI_CHANNEL, none);
    }
    this.#ui ??= ui.open(this);
    try {
      this.#ui.received(body);
    } catch (error) {
      const reason = publicError(error);
      this.#fail(UI_CHANNEL, reason);
      this.close(reason.code);
    }
  }

  #receive(bytes: Uint8Array): void {
    try {
      const body = shortUiBody(bytes);
      if (body !== undefined) return this.ui(body);
      const { channel, message } = decodeUp(bytes);
      if (message.kind === "ui") return this.ui(message.body);
      if (message.kind === "ping") {
        return this.send(encodeDown(channel, { kind: "pong", time: Date.now() }));
      }
      this.#session ??= this.#openSession();
      this.#session.received(channel, message);
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      this.#fail(0, error);
      this.close(error.code);
    }
  }

  #openSession(): LiveSession {
    const { server, presence } = this.#host;
    const settle: Settle = (work, then, failed) => {
      let read: ReturnType<typeof work> | Promise<ReturnType<typeof work>>;
      try {
        read = server.settled(work);
      } catch (error) {
        return failed(error);
      }
      if (!(read instanceof Promise)) return then(read);
      this.#inputs ??= new Inputs(this);
      this.#inputs.wait(read, then, failed);
    };
    const { principal } = this;
    return new LiveSession({
      server,
      principal,
      clock: WALL_CLOCK,
      presence,
      output: this,
      settle,
    });
  }

  /** Answers of one commit are joined. */
  #answer(channel: number, results: readonly MutationResult[]): void {
    this.#acks ??= new Acks(
      (to, all) => this.take(() => this.#session?.decided(to, all)),
      this.#host.unsent,
    );
    this.#acks.add(channel, results);
  }

  #push(
    mutations: readonly PushedMutation[],
    decided: Decided,
  ): void {
    const { committer, spend } = this.#host;
    const { length } = mutations;
    const wait = this.#undecided + length > UNDECIDED_MAX
      ? UNDECIDED_RETRY_MS
      : spend(this.identity, length);
    if (wait > 0) {
      return decided(null, new RateLimitedError("Cannot take so many mutations", wait));
    }
    this.#undecided += length;
    committer.submit({ principal: this.principal, mutations }, (results, error) => {
      this.#undecided -= length;
      decided(results, error);
    });
  }

  #fail(channel: number, error: DriftlessError, retryAfterMs = 0): void {
    if (this.#session !== undefined) return this.#session.fail(channel, error, retryAfterMs);
    const { code, message } = error;
    this.send(encodeDown(channel, { kind: "failure", code, error: message, retryAfterMs }));
  }
}
