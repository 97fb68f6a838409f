/** The live door: sockets and their sessions, grouped by scope, each on its own. */
import { DriftlessError } from "../core/errors.ts";
import { CommitPoke } from "../core/poke.ts";
import type { ScopeCommit, SyncServer } from "../core/server.ts";
import { LiveSession } from "../core/session.ts";
import type { Committer } from "./committer.ts";
import type { Identity } from "./identity.ts";
import { errorText, type Log } from "./log.ts";
import { Outbox } from "./outbox.ts";
import { type Rate, RateLimiter } from "./rate.ts";
import type { Socket, SocketHandlers } from "./socket.ts";

/** Live connections in all. */
export const CONNECTIONS_MAX = 10_000;
/** A connection that says nothing for this long is dead, in milliseconds; clients ping more often. */
export const SILENCE_MS_MAX = 45_000;
/** How often connections are looked over: silence, expiry, access, in milliseconds. */
export const SWEEP_MS = 5_000;
/** Messages of one connection. */
export const LIVE_RATE: Rate = { perSecond: 500, burst: 2_000 };
/** Close code of a connection whose client speaks nonsense or too much. */
const CLOSE_POLICY = 1008;
/** Close code of a connection whose credentials ended. */
const CLOSE_EXPIRED = 4401;

interface Connection {
  readonly socket: Socket;
  readonly session: LiveSession;
  readonly outbox: Outbox;
  readonly identity: Identity;
  readonly scopes: Set<string>;
  heardAt: number;
}

/** What a {@linkcode LiveHub} is made of. */
export interface LiveHubOptions {
  readonly server: SyncServer;
  readonly committer: Committer;
  readonly log: Log;
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
  /** Spends what one principal may push; returns how long to wait, in milliseconds, or 0. */
  readonly spend: (identity: Identity, mutations: number) => number;
}

/** Every live connection of one process. */
export class LiveHub {
  readonly #options: LiveHubOptions;
  readonly #connections = new Set<Connection>();
  readonly #rooms = new Map<string, Set<Connection>>();

  constructor(options: LiveHubOptions) {
    this.#options = options;
  }

  /** How many connections there are. */
  get size(): number {
    return this.#connections.size;
  }

  /** True when no further connection may come. */
  get isFull(): boolean {
    return this.#connections.size >= CONNECTIONS_MAX;
  }

  /** Takes a socket in. */
  accept(socket: Socket, identity: Identity): SocketHandlers {
    const { log, now } = this.#options;
    const outbox = new Outbox(
      socket,
      () => log.info("slow peer cut", { peer: socket.remoteAddress }),
    );
    const limiter = new RateLimiter(LIVE_RATE, now);
    const session = this.#openSession(identity, outbox, () => connection);
    const connection: Connection = {
      socket,
      session,
      outbox,
      identity,
      scopes: new Set(),
      heardAt: now(),
    };
    this.#connections.add(connection);
    return {
      message: (bytes) => {
        connection.heardAt = now();
        const wait = limiter.take("");
        if (wait > 0) {
          const busy = new DriftlessError("rate_limited", "Cannot take so many messages a second");
          session.fail(0, busy, wait);
          return socket.close(CLOSE_POLICY, "rate_limited");
        }
        this.#receive(connection, bytes);
      },
      drained: () => outbox.drained(),
      closed: () => this.#leave(connection),
    };
  }

  /** Tells every session of the scopes about commits that are durable. */
  committed(commits: readonly ScopeCommit[]): void {
    for (const { scope, changes } of commits) {
      const poke = new CommitPoke(changes);
      for (const { session } of this.#rooms.get(scope) ?? []) session.committed(scope, poke);
    }
  }

  /** Gives a message to everyone in a scope who follows the topic. */
  publish(scope: string, topic: string, data: string): void {
    for (const { session } of this.#rooms.get(scope) ?? []) session.published(scope, topic, data);
  }

  /** Gives every session what the log has and it does not, whichever process wrote it. */
  catchUp(): void {
    for (const [scope, room] of this.#rooms) {
      const { cursor } = this.#options.server.head(scope);
      for (const { session } of room) session.advanced(scope, cursor);
    }
  }

  /** Cuts the dead, lets go the expired, asks again who may read. Call every {@linkcode SWEEP_MS}. */
  sweep(): void {
    const silentSince = this.#options.now() - SILENCE_MS_MAX;
    for (const { socket, session, identity, heardAt } of this.#connections) {
      if (heardAt < silentSince) socket.terminate();
      else if (identity.expires <= Date.now()) socket.close(CLOSE_EXPIRED, "unauthenticated");
      else session.recheck();
    }
  }

  #openSession(identity: Identity, outbox: Outbox, own: () => Connection): LiveSession {
    const { server, committer, log, spend } = this.#options;
    const session: LiveSession = new LiveSession({
      server,
      principal: identity.principal,
      clock: { now: () => Date.now() },
      output: {
        send: (bytes) => outbox.send(bytes),
        push: (channel, mutations) => {
          const wait = spend(identity, mutations.length);
          if (wait > 0) {
            const busy = new DriftlessError("rate_limited", "Cannot take so many mutations");
            return session.fail(channel, busy, wait);
          }
          committer.push({ principal: identity.principal, mutations }).then(
            (results) => session.decided(channel, results),
            (error) => session.fail(channel, publicError(error, log)),
          );
        },
        publish: (scope, topic, data) => this.publish(scope, topic, data),
        joined: (scope) => this.#join(own(), scope),
      },
    });
    return session;
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
    connection.scopes.add(scope);
    const room = this.#rooms.get(scope);
    if (room === undefined) this.#rooms.set(scope, new Set([connection]));
    else room.add(connection);
  }

  #leave(connection: Connection): void {
    connection.outbox.close();
    this.#connections.delete(connection);
    for (const scope of connection.scopes) {
      const room = this.#rooms.get(scope);
      room?.delete(connection);
      if (room?.size === 0) this.#rooms.delete(scope);
    }
  }
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
