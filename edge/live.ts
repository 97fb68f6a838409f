/** The live door: sockets and their sessions, grouped by scope, each on its own. */
import type { ScopeCommit } from "../core/claims.ts";
import { DriftlessError } from "../core/errors.ts";
import { IN_FLIGHT_MAX } from "../core/limits.ts";
import type { PushedMutation } from "../core/mutation.ts";
import { CommitPoke } from "../core/poke.ts";
import { PresenceRooms } from "../core/presence.ts";
import type { MutationResult, SyncServer } from "../core/server.ts";
import { CHANNELS_MAX, LiveSession } from "../core/session.ts";
import { type AnyStore, whenSettled } from "../core/suspend.ts";
import { Acks } from "./acks.ts";
import { Alarm } from "./alarm.ts";
import type { Committer, Decided } from "./committer.ts";
import { Following } from "./following.ts";
import type { Identity } from "./identity.ts";
import { Inputs } from "./inputs.ts";
import type { LiveUi, UiPeer } from "./live_ui.ts";
import { errorText, type Log } from "./log.ts";
import { Outbox } from "./outbox.ts";
import { type Rate, RateLimitedError, RateLimiter } from "./rate.ts";
import type { SpendWork } from "./reconcile_rate.ts";
import type { Socket, SocketHandlers } from "./socket.ts";

/** Live connections in all. */
export const CONNECTIONS_MAX = 10_000;
/** Live connections of one caller, by name or else by address: nobody takes all places. */
export const CALLER_CONNECTIONS_MAX = CONNECTIONS_MAX / 2;
/** A connection that says nothing for this long is dead, in milliseconds; clients ping more often. */
export const SILENCE_MS_MAX = 45_000;
/** How often connections are looked over: silence, expiry, access, in milliseconds. */
export const SWEEP_MS = 5_000;
/** Messages of one connection. */
export const LIVE_RATE: Rate = { perSecond: 500, burst: 2_000 };
/** Mutations of one connection that wait for their decision: no honest client sends more. */
export const UNDECIDED_MAX = IN_FLIGHT_MAX * CHANNELS_MAX;
/** When to come back with what was one too many, in milliseconds. */
const UNDECIDED_RETRY_MS = 1_000;
/** Close code of a connection whose client speaks nonsense or too much. */
const CLOSE_POLICY = 1008;
/** Close code of a connection that could not be told of a commit: it resumes from its cursor. */
const CLOSE_FAILED = 1011;
/** Close code of a connection whose credentials ended. */
const CLOSE_EXPIRED = 4401;

const NO_SCOPES: ReadonlySet<string> = new Set();

interface Connection {
  readonly socket: Socket;
  readonly session: LiveSession;
  readonly outbox: Outbox;
  /** What happens to the session, in order. */
  readonly inputs: Inputs;
  readonly identity: Identity;
  readonly scopes: Set<string>;
  /** Its half of the live UI, once it speaks of that. */
  ui: UiPeer | undefined;
  heardAt: number;
  undecided: number;
}

/** What a {@linkcode LiveHub} is made of. */
export interface LiveHubOptions {
  readonly server: SyncServer;
  /** The server's store. */
  readonly store: AnyStore;
  readonly committer: Committer;
  readonly log: Log;
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
  /** Spends what one principal may push; returns how long to wait, in milliseconds, or 0. */
  readonly spend: (identity: Identity, mutations: number) => number;
  /** Counts the work of a caller's exchanges; returns how long to wait for more, in milliseconds. */
  readonly spendWork: SpendWork;
  /** The islands; undefined for an app that has none. */
  readonly ui: LiveUi | undefined;
}

/** Every live connection of one process. */
export class LiveHub {
  readonly #options: LiveHubOptions;
  readonly #connections = new Set<Connection>();
  readonly #rooms = new Map<string, Set<Connection>>();
  /** How many connections each caller has. */
  readonly #callers = new Map<string, number>();
  /** Answers of the commit that is being told. */
  readonly #unsent = new Set<Acks>();
  readonly #presence: PresenceRooms;
  readonly #alarm: Alarm;
  readonly #following: Following;

  constructor(options: LiveHubOptions) {
    this.#options = options;
    this.#following = new Following(options.store, (scope) => this.#catchUp(scope));
    this.#alarm = new Alarm(options.now, () => this.#presence.turn());
    const wake = (afterMs: number) => this.#alarm.set(afterMs);
    this.#presence = new PresenceRooms({ clock: options, wake });
  }

  /** How many connections there are. */
  get size(): number {
    return this.#connections.size;
  }

  /** True when no further connection may come. */
  get isFull(): boolean {
    return this.#connections.size >= CONNECTIONS_MAX;
  }

  /** Whether this caller may have a further connection. */
  hasRoomFor(identity: Identity, address: string): boolean {
    const count = this.#callers.get(callerOf(identity, address)) ?? 0;
    return !this.isFull && count < CALLER_CONNECTIONS_MAX;
  }

  /** Takes a socket in. */
  accept(socket: Socket, identity: Identity): SocketHandlers {
    const { log, now } = this.#options;
    const outbox = new Outbox(
      socket,
      now,
      () => log.info("slow peer cut", { peer: socket.remoteAddress }),
    );
    const limiter = new RateLimiter(LIVE_RATE, now);
    const inputs = new Inputs({
      overflowed: () => socket.close(CLOSE_FAILED, "unavailable"),
      failed: (error) => socket.close(CLOSE_FAILED, publicError(error, log).code),
    });
    const session = this.#openSession(identity, socket.remoteAddress, outbox, () => connection);
    const connection: Connection = {
      socket,
      session,
      outbox,
      inputs,
      identity,
      scopes: new Set(),
      ui: undefined,
      heardAt: now(),
      undecided: 0,
    };
    this.#connections.add(connection);
    this.#countCaller(connection, 1);
    return {
      message: (bytes) => {
        connection.heardAt = now();
        const wait = limiter.take("");
        if (wait > 0) {
          const busy = new DriftlessError("rate_limited", "Cannot take so many messages a second");
          session.fail(0, busy, wait);
          return socket.close(CLOSE_POLICY, "rate_limited");
        }
        inputs.take(() => this.#receive(connection, bytes), bytes.length);
      },
      drained: () => {
        outbox.drained();
        this.#presence.nudge();
        connection.ui?.drained();
      },
      closed: () => this.#leave(connection),
    };
  }

  /** Tells every session of the scopes about commits that are durable. */
  committed(commits: readonly ScopeCommit[]): void {
    // Answers first: who sees the effects of its own mutation before the answer would show them twice.
    for (const acks of this.#unsent) acks.flush();
    this.#unsent.clear();
    this.#options.ui?.committed(commits);
    for (const { scope, changes, root } of commits) {
      const poke = new CommitPoke(changes, root);
      this.#tell(scope, (session) => session.committed(scope, poke));
    }
  }

  /** Gives a message to everyone in a scope who follows the topic. */
  publish(scope: string, topic: string, data: string): void {
    this.#tell(scope, (session) => session.published(scope, topic, data));
  }

  /** Gives every session what the log has and it does not, whichever process wrote it. */
  catchUp(): void {
    for (const scope of this.#rooms.keys()) this.#catchUp(scope);
  }

  /** Cuts the dead, lets go the expired, asks again who may read. Call every {@linkcode SWEEP_MS}. */
  sweep(): void {
    const silentSince = this.#options.now() - SILENCE_MS_MAX;
    for (const connection of this.#connections) {
      const { socket, inputs, identity, heardAt } = connection;
      if (heardAt < silentSince) socket.terminate();
      else if (identity.expires <= Date.now()) socket.close(CLOSE_EXPIRED, "unauthenticated");
      else inputs.take(() => this.#recheck(connection));
      connection.ui?.recheck();
    }
  }

  /** Stops timers. */
  close(): void {
    this.#alarm.close();
    this.#following.close();
  }

  #recheck(connection: Connection): void {
    connection.session.recheck();
    this.#leaveRooms(connection, connection.session.scopes());
  }

  #catchUp(scope: string): void {
    const { server, log } = this.#options;
    const head = whenSettled(server.settled(() => server.head(scope)), ({ cursor }) => {
      this.#tell(scope, (session) => session.advanced(scope, cursor));
    });
    // The next commit, or the next look, brings what is missing.
    if (head instanceof Promise) head.catch((error) => publicError(error, log));
  }

  #openSession(
    identity: Identity,
    address: string,
    outbox: Outbox,
    own: () => Connection,
  ): LiveSession {
    const { server, log, spendWork } = this.#options;
    const decided = (channel: number, results: readonly MutationResult[]) =>
      own().inputs.take(() => session.decided(channel, results));
    const acks = new Acks(decided, this.#unsent);
    const session: LiveSession = new LiveSession({
      server,
      principal: identity.principal,
      clock: { now: () => Date.now() },
      presence: this.#presence,
      output: {
        send: (bytes) => outbox.send(bytes),
        push: (channel, mutations) =>
          this.#push(own(), mutations, (results, error) => {
            if (results !== null) return acks.add(channel, results);
            const wait = error instanceof RateLimitedError ? error.retryAfterMs : 0;
            const reason = publicError(error, log);
            own().inputs.take(() => session.fail(channel, reason, wait));
          }),
        publish: (scope, topic, data) => this.publish(scope, topic, data),
        joined: (scope) => this.#join(own(), scope),
        ui: (body) => this.#showed(own(), body),
        isReady: () => outbox.isEmpty,
        spend: (work) => spendWork(identity, address, work),
      },
      settle: (work, then, failed) => {
        let read: ReturnType<typeof work> | Promise<ReturnType<typeof work>>;
        try {
          read = server.settled(work);
        } catch (error) {
          return failed(error);
        }
        if (read instanceof Promise) own().inputs.wait(read, then, failed);
        else then(read);
      },
    });
    return session;
  }

  /** Hands a message on to the islands. */
  #showed(connection: Connection, body: Uint8Array): void {
    const { ui } = this.#options;
    if (ui === undefined) throw new DriftlessError("not_found", "This app has no islands");
    const { socket, outbox, identity, session } = connection;
    connection.ui ??= ui.open({
      principal: identity.principal,
      send: (bytes) => outbox.send(bytes),
      isReady: () => outbox.isEmpty,
      close: (code) => socket.close(CLOSE_POLICY, code),
    });
    try {
      connection.ui.received(body);
    } catch (error) {
      const reason = publicError(error, this.#options.log);
      session.fail(0, reason);
      socket.close(CLOSE_POLICY, reason.code);
    }
  }

  #push(
    connection: Connection,
    mutations: readonly PushedMutation[],
    decided: Decided,
  ): void {
    const { committer, spend } = this.#options;
    const { identity } = connection;
    const { length } = mutations;
    const wait = connection.undecided + length > UNDECIDED_MAX
      ? UNDECIDED_RETRY_MS
      : spend(identity, length);
    if (wait > 0) {
      return decided(null, new RateLimitedError("Cannot take so many mutations", wait));
    }
    connection.undecided += length;
    committer.submit({ principal: identity.principal, mutations }, (results, error) => {
      connection.undecided -= length;
      decided(results, error);
    });
  }

  /** Tells everyone in a scope; whoever cannot be told leaves, and keeps nobody from hearing it. */
  #tell(scope: string, tell: (session: LiveSession) => void): void {
    for (const { session, socket, inputs } of this.#rooms.get(scope) ?? []) {
      try {
        if (inputs.isIdle) tell(session);
        else inputs.take(() => tell(session));
      } catch (error) {
        socket.close(CLOSE_FAILED, publicError(error, this.#options.log).code);
      }
    }
  }

  #receive({ session, socket }: Connection, bytes: Uint8Array): void {
    try {
      session.received(bytes);
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      session.fail(0, error);
      socket.close(CLOSE_POLICY, error.code);
    }
  }

  #join(connection: Connection, scope: string): void {
    this.#leaveRooms(connection, connection.session.scopes());
    connection.scopes.add(scope);
    const room = this.#rooms.get(scope);
    if (room !== undefined) return void room.add(connection);
    this.#rooms.set(scope, new Set([connection]));
    this.#following.begin(scope);
  }

  #leave(connection: Connection): void {
    connection.inputs.close();
    connection.outbox.close();
    connection.session.closed();
    connection.ui?.closed();
    if (this.#connections.delete(connection)) this.#countCaller(connection, -1);
    this.#leaveRooms(connection, NO_SCOPES);
  }

  #countCaller({ identity, socket }: Connection, step: number): void {
    const caller = callerOf(identity, socket.remoteAddress);
    const count = (this.#callers.get(caller) ?? 0) + step;
    if (count > 0) this.#callers.set(caller, count);
    else this.#callers.delete(caller);
  }

  /** Leaves the rooms in which the connection has no channel any more. */
  #leaveRooms(connection: Connection, kept: ReadonlySet<string>): void {
    for (const scope of connection.scopes) {
      if (kept.has(scope)) continue;
      connection.scopes.delete(scope);
      const room = this.#rooms.get(scope);
      room?.delete(connection);
      if (room?.size !== 0) continue;
      this.#rooms.delete(scope);
      this.#following.end(scope);
    }
  }
}

/** Whom limits count: behind a proxy all have one address, so whoever has a name is counted by it. */
export function callerOf({ principal }: Identity, address: string): string {
  return principal === null ? address : `principal ${principal.id}`;
}

/** What a caller may know about a failure; the rest goes to the log. */
export function publicError(error: unknown, log: Log): DriftlessError {
  if (error instanceof DriftlessError && error.code !== "internal_error") {
    if (error.code === "store_failed") log.error("store failed", { error: errorText(error) });
    return error;
  }
  log.error("request failed", { error: errorText(error) });
  return new DriftlessError("internal_error", "The server failed");
}
