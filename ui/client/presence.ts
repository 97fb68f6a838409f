/** Presence as an app sees it: what this client shows, and what the others in its scope show. */
import { DriftlessError } from "../../core/errors.ts";
import { canonicalText, checkJson, type Json, utf8Length } from "../../core/json.ts";
import { PRESENCE_BYTES_MAX, PRESENCE_GRACE_MS } from "../../core/presence.ts";
import type { UpMessage } from "../../core/wire/messages.ts";
import { callBack } from "./callbacks.ts";
import type { PeersMessage } from "./client_events.ts";

/** The shortest time between two sendings, in milliseconds; the last state is always sent. */
export const PRESENCE_INTERVAL_MS = 50;

/**
 * Ephemeral state of the clients in a scope: cursors, selections, who is typing. Nothing of it is
 * stored; a client that is gone is shown for five more seconds, so that a reconnect makes no flicker.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } });
 * const client = createClient(app, { url: "http://127.0.0.1:8000", persistence: "memory" });
 *
 * const stop = client.presence.subscribe(() => {
 *   for (const [clientId, state] of client.presence.peers) console.log(clientId, state);
 * });
 * client.presence.set({ name: "Ada", at: { x: 3, y: 4 } });
 * if (client.presence.peers.size !== 0) throw new Error("Nobody else is here");
 * client.presence.set(null);
 * stop();
 * ```
 */
export interface Presence {
  /** What the others show, by their client ids: of those with something to show, while subscribed. */
  readonly peers: ReadonlyMap<string, Json>;
  /**
   * Shows a state to the others in the scope, in place of the last one; `null` shows nothing.
   *
   * @throws {DriftlessError} `invalid_mutation` when it is not JSON, `too_large` beyond 4 KiB of it
   */
  set(state: unknown): void;
  /** Hears of every change of the peers; returns how to stop. The others are known while one hears. */
  subscribe(listener: () => void): () => void;
}

/** What {@linkcode ClientPresence} needs. */
export interface PresenceOptions {
  /** Sends on the live connection that `resume` told of. */
  readonly send: (message: UpMessage) => void;
  readonly clientId: () => string;
  readonly failed: (error: DriftlessError) => void;
}

/** The {@linkcode Presence} of one client. */
export class ClientPresence implements Presence {
  readonly #options: PresenceOptions;
  readonly #listeners = new Set<() => void>();
  #peers: ReadonlyMap<string, Json> = new Map();
  /** JSON text; empty to show nothing. */
  #data = "";
  /** Whether the server knows of this client's presence, or would have to. */
  #isUsed = false;
  /** Whether the server has greeted this client. */
  #isOpen = false;
  /** Whether the app knows that this connection does not show it. */
  #isRefused = false;
  #sentAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  get peers(): ReadonlyMap<string, Json> {
    return this.#peers;
  }

  set(state: unknown): void {
    const data = state === null ? "" : canonicalText(checkJson(state, "invalid_mutation"));
    if (utf8Length(data) > PRESENCE_BYTES_MAX) {
      throw new DriftlessError("too_large", `Cannot show more than ${PRESENCE_BYTES_MAX} bytes`);
    }
    if (data === this.#data) return;
    this.#data = data;
    this.#schedule();
  }

  subscribe(listener: () => void): () => void {
    const own = () => listener();
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#schedule();
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size > 0) return;
      this.#peers = new Map();
      this.#schedule();
    };
  }

  /** A new connection has been greeted: it knows of nothing yet. */
  resume(): void {
    clearTimeout(this.#grace);
    this.#isOpen = true;
    this.#isRefused = false;
    this.#sentAt = -Infinity;
    if (this.#isUsed) this.#schedule();
  }

  /** The connection is gone; the others are there a moment longer. */
  pause(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#grace);
    this.#timer = undefined;
    if (this.#peers.size > 0) {
      this.#grace = setTimeout(() => this.#show(new Map()), PRESENCE_GRACE_MS);
    }
  }

  /** Forgets the others: the client has stopped. */
  stop(): void {
    this.pause();
    clearTimeout(this.#grace);
    this.#peers = new Map();
  }

  /** The server tells of others. */
  received({ all, peers }: PeersMessage): void {
    const next = new Map(all ? [] : this.#peers);
    for (const { client, data } of peers) {
      if (client === this.#options.clientId()) this.#refused();
      else if (data === "") next.delete(client);
      else next.set(client, JSON.parse(data) as Json);
    }
    if (this.#listeners.size > 0) this.#show(next);
  }

  #refused(): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    const message =
      "The server does not show this client: it may not write here, or the scope is full";
    this.#options.failed(new DriftlessError("rejected", message));
  }

  #show(peers: ReadonlyMap<string, Json>): void {
    this.#peers = peers;
    for (const listener of [...this.#listeners]) callBack(listener);
  }

  #schedule(): void {
    this.#isUsed = true;
    if (!this.#isOpen || this.#timer !== undefined) return;
    const wait = this.#sentAt + PRESENCE_INTERVAL_MS - performance.now();
    if (wait <= 0) return this.#send();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#send();
    }, wait);
  }

  #send(): void {
    this.#sentAt = performance.now();
    const watch = this.#listeners.size > 0;
    this.#isUsed = watch || this.#data !== "";
    this.#options.send({ kind: "presence", watch, data: this.#data });
  }
}
