/** The live door: sockets and their sessions, grouped by scope, each on its own. */
import type { ScopeCommit } from "../core/claims.ts";
import { DriftlessError } from "../core/errors.ts";
import { CommitPoke } from "../core/poke.ts";
import { PresenceRooms } from "../core/presence.ts";
import type { SyncServer } from "../core/server.ts";
import type { LiveSession } from "../core/session.ts";
import { type AnyStore, whenSettled } from "../core/suspend.ts";
import type { Acks } from "./acks.ts";
import { Alarm } from "./alarm.ts";
import type { Committer } from "./committer.ts";
import { Following } from "./following.ts";
import type { Identity } from "./identity.ts";
import { type ConnectionHost, LiveConnection } from "./live_connection.ts";
import type { LiveUi } from "./live_ui.ts";
import { errorText, type Log } from "./log.ts";
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
/** Close code of a connection whose credentials ended. */
const CLOSE_EXPIRED = 4401;

const NO_SCOPES: ReadonlySet<string> = new Set();

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
  readonly #connections = new Set<LiveConnection>();
  readonly #rooms = new Map<string, Set<LiveConnection>>();
  /** How many connections each caller has. */
  readonly #callers = new Map<string, number>();
  /** Answers of the commit that is being told. */
  readonly #unsent = new Set<Acks>();
  readonly #host: ConnectionHost;
  readonly #presence: PresenceRooms;
  readonly #alarm: Alarm;
  readonly #following: Following;

  constructor(options: LiveHubOptions) {
    this.#options = options;
    this.#following = new Following(options.store, (scope) => this.#catchUp(scope));
    this.#alarm = new Alarm(options.now, () => this.#presence.turn());
    const wake = (afterMs: number) => this.#alarm.set(afterMs);
    this.#presence = new PresenceRooms({ clock: options, wake });
    const { log } = options;
    this.#host = {
      ...options,
      presence: this.#presence,
      unsent: this.#unsent,
      publicError: (error) => publicError(error, log),
      cut: ({ remoteAddress }) => log.info("slow peer cut", { peer: remoteAddress }),
      publish: (scope, topic, data) => this.publish(scope, topic, data),
      joined: (connection, scope) => this.#join(connection, scope),
      left: (connection) => this.#leave(connection),
    };
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
    const connection = new LiveConnection(this.#host, socket, identity);
    this.#connections.add(connection);
    this.#countCaller(connection, 1);
    return connection;
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
      const { socket, identity, heardAt } = connection;
      if (heardAt < silentSince) socket.terminate();
      else if (identity.expires <= Date.now()) socket.close(CLOSE_EXPIRED, "unauthenticated");
      else connection.recheck(() => this.#leaveRooms(connection, connection.scopes));
    }
  }

  /** Stops timers. */
  close(): void {
    this.#alarm.close();
    this.#following.close();
  }

  #catchUp(scope: string): void {
    const { server, log } = this.#options;
    const head = whenSettled(server.settled(() => server.head(scope)), ({ cursor }) => {
      this.#tell(scope, (session) => session.advanced(scope, cursor));
    });
    // The next commit, or the next look, brings what is missing.
    if (head instanceof Promise) head.catch((error) => publicError(error, log));
  }

  /** Tells everyone in a scope. */
  #tell(scope: string, tell: (session: LiveSession) => void): void {
    for (const connection of this.#rooms.get(scope) ?? []) connection.tell(tell);
  }

  #join(connection: LiveConnection, scope: string): void {
    this.#leaveRooms(connection, connection.scopes);
    (connection.rooms ??= new Set()).add(scope);
    const room = this.#rooms.get(scope);
    if (room !== undefined) return void room.add(connection);
    this.#rooms.set(scope, new Set([connection]));
    this.#following.begin(scope);
  }

  #leave(connection: LiveConnection): void {
    if (this.#connections.delete(connection)) this.#countCaller(connection, -1);
    this.#leaveRooms(connection, NO_SCOPES);
  }

  #countCaller({ identity, socket }: LiveConnection, step: number): void {
    const caller = callerOf(identity, socket.remoteAddress);
    const count = (this.#callers.get(caller) ?? 0) + step;
    if (count > 0) this.#callers.set(caller, count);
    else this.#callers.delete(caller);
  }

  /** Leaves the rooms in which the connection has no channel any more. */
  #leaveRooms(connection: LiveConnection, kept: ReadonlySet<string>): void {
    for (const scope of connection.rooms ?? NO_SCOPES) {
      if (kept.has(scope)) continue;
      connection.rooms?.delete(scope);
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
