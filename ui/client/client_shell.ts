/** The shell around the sync machine: storage lanes, the live connection, HTTP in its absence, timers. */
import type { AnyApp } from "../../core/app.ts";
import { SyncClient } from "../../core/client.ts";
import { DriftlessError } from "../../core/errors.ts";
import { DEFAULT_SCOPE, type Mutation } from "../../core/mutation.ts";
import type { PersistBatch, Persistence, ReplicaMove } from "../../core/persistence.ts";
import type { Pending } from "../../core/queue.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import type { Changes, ClientOptions, CollectionView } from "./create_client.ts";
import { HttpSync } from "./http_sync.ts";
import { IdbPersistence } from "./idb_persistence.ts";
import { LiveConnection } from "./live_connection.ts";
import { MemoryPersistence } from "./memory_persistence.ts";
import { StorageLane } from "./storage_lanes.ts";

/** The client has not been started, or was stopped. */
export class NotStartedError extends Error {
  override readonly name = "NotStartedError";
}

/** The client is running already. */
export class AlreadyStartedError extends Error {
  override readonly name = "AlreadyStartedError";
}

const PUSH_INTERVAL_MS = 1_000;
const PULL_INTERVAL_MS = 30_000;
const HEARTBEAT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 30_000;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: DriftlessError) => void;
}

/** What `createClient` returns. */
export class ClientShell {
  readonly #app: AnyApp;
  readonly #options: ClientOptions;
  readonly #scope: string;
  readonly #http: HttpSync;
  readonly #live: LiveConnection;
  readonly #persistence: Persistence;
  readonly #queueLane: StorageLane<PersistBatch>;
  readonly #rowsLane: StorageLane<ReplicaMove>;
  readonly #listeners = new Set<(changes: Changes) => void>();
  readonly #topics = new Map<string, Set<(data: unknown) => void>>();
  readonly #waiters = new Map<number, Waiter>();
  #machine: SyncClient | null = null;
  #starting = false;
  #offline = false;
  #online = false;
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pulledAt = -Infinity;
  #round: Promise<void> | null = null;
  #loading: Promise<void> | null = null;

  constructor(app: AnyApp, options: ClientOptions) {
    this.#app = app;
    this.#options = options;
    this.#scope = options.scope ?? DEFAULT_SCOPE;
    const { token } = options;
    this.#http = new HttpSync({
      url: options.url ?? globalThis.location?.origin,
      fetch: options.fetch ?? ((...args) => fetch(...args)),
      token: async () => typeof token === "function" ? await token() : token,
      timeoutMs: options.timeoutMs ?? REQUEST_TIMEOUT_MS,
    });
    this.#live = new LiveConnection({
      liveUrl: (signal) => this.#http.liveUrl(signal),
      heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS,
      opened: () => this.#opened(),
      received: (message) => this.#received(message),
      closed: () => this.#closed(),
      failed: (error) => this.#failed(error),
      refused: (error) => this.#options.onError?.(error),
    });
    this.#persistence = choosePersistence(app.name, this.#scope, options);
    this.#queueLane = new StorageLane(
      (batches) => this.#persistence.saveQueue(batches),
      (batches, error) => this.#stored(batches, error),
    );
    this.#rowsLane = new StorageLane(
      (moves) => this.#persistence.saveRows(moves),
      (_moves, error) => error && this.#failed(error),
    );
  }

  async start(): Promise<void> {
    if (this.#starting) throw new AlreadyStartedError("Cannot start a client that is running");
    this.#starting = true;
    this.#abort = new AbortController();
    try {
      const persisted = await this.#persistence.load();
      this.#machine = this.#createMachine(persisted);
    } catch (error) {
      this.#starting = false;
      throw error;
    }
    this.#notify("everything");
    globalThis.addEventListener?.("online", this.#onNetwork);
    globalThis.addEventListener?.("offline", this.#onNetwork);
    if (!this.#offline) this.#goOnline();
  }

  async stop(): Promise<void> {
    if (this.#machine === null) {
      throw new NotStartedError("Cannot stop a client that is not running");
    }
    globalThis.removeEventListener?.("online", this.#onNetwork);
    globalThis.removeEventListener?.("offline", this.#onNetwork);
    this.#goOffline();
    await Promise.allSettled([this.#round, this.#loading]);
    await Promise.all([this.#queueLane.idle(), this.#rowsLane.idle()]);
    await this.#persistence.close();
    this.#machine = null;
    this.#starting = false;
  }

  async sync(): Promise<void> {
    this.#running();
    if (this.#offline) throw new DriftlessError("unavailable", "The client is switched offline");
    await this.#round?.catch(() => {});
    await this.#queueLane.idle();
    await this.#startRound();
  }

  async mutate(name: string, args: unknown): Promise<Mutation> {
    const { mutation, token } = this.#running().mutate(name, args);
    this.#notify([]);
    await new Promise<void>((resolve, reject) => this.#waiters.set(token, { resolve, reject }));
    return mutation;
  }

  collection(name: string): CollectionView<unknown> {
    if (!Object.hasOwn(this.#app.collections, name)) {
      throw new TypeError(`Cannot read the collection "${name}": the app has none of that name`);
    }
    const view = () => this.#running().view;
    return {
      get: (id) => view().get(name, id),
      has: (id) => view().get(name, id) !== undefined,
      all: () => view().all(name),
      find: (accept) => view().all(name).filter(([id, record]) => accept(record, id)),
      count: () => view().count(name),
    };
  }

  subscribe(listener: (changes: Changes) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get isOnline(): boolean {
    return this.#online;
  }

  get cursor(): number {
    return this.#machine?.cursor ?? 0;
  }

  get clientId(): string {
    return this.#running().client;
  }

  get pending(): readonly Readonly<Pending>[] {
    return this.#machine?.pending ?? [];
  }

  setOffline(offline: boolean): void {
    if (offline === this.#offline) return;
    this.#offline = offline;
    if (this.#machine === null) return;
    if (offline) this.#goOffline();
    else this.#goOnline();
  }

  subscribeTopic(topic: string, listener: (data: unknown) => void): () => void {
    let listeners = this.#topics.get(topic);
    if (listeners === undefined) {
      this.#topics.set(topic, listeners = new Set());
      this.#live.send({ kind: "subscribe", topic });
    }
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#topics.get(topic) !== listeners) return;
      this.#topics.delete(topic);
      this.#live.send({ kind: "unsubscribe", topic });
    };
  }

  publish(topic: string, data: unknown): void {
    this.#live.send({ kind: "publish", topic, data: JSON.stringify(data) ?? "null" });
  }

  #createMachine(persisted: Awaited<ReturnType<Persistence["load"]>>): SyncClient {
    return new SyncClient({
      app: this.#app,
      scope: this.#scope,
      clock: { now: () => Date.now() },
      random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
      principal: this.#options.principal ?? null,
      ...(persisted === null ? {} : { persisted }),
      output: {
        persist: (batch) => {
          this.#queueLane.add(batch);
          if (batch.replica !== undefined) this.#rowsLane.add(batch.replica);
        },
        send: (message) => this.#live.send(message),
        needSnapshot: () => this.#loadSnapshot(),
        changed: (changes) => this.#notify(changes),
        rejected: (rejected) => this.#options.onRejected?.(rejected),
        synced: (cursor) => this.#synced(cursor),
        failed: (error, retryAfterMs) => {
          this.#failed(error);
          if (error.code !== "store_failed") this.#live.restart(Math.max(retryAfterMs, 1_000));
        },
        event: (topic, data) => {
          for (const listener of this.#topics.get(topic) ?? []) listener(JSON.parse(data));
        },
      },
    });
  }

  #stored(batches: readonly PersistBatch[], error: DriftlessError | null): void {
    const tokens = batches.map(({ token }) => token);
    if (error === null) this.#machine?.persisted(...tokens);
    for (const token of tokens) {
      const waiter = this.#waiters.get(token);
      this.#waiters.delete(token);
      if (error === null) {
        waiter?.resolve();
      } else {
        this.#machine?.persistFailed(token, error);
        waiter?.reject(error);
      }
    }
    this.#notify([]);
  }

  #goOnline(): void {
    this.#abort = new AbortController();
    this.#live.open();
    this.#tick();
  }

  #goOffline(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#live.close();
    this.#setOnline(false);
  }

  readonly #onNetwork = () => {
    if (!this.#offline) this.#live.hurry();
  };

  #opened(): void {
    this.#machine?.connected();
  }

  #received(message: DownMessage): void {
    this.#machine?.received(message);
    if (message.kind === "welcome") {
      this.#setOnline(true);
      for (const topic of this.#topics.keys()) this.#live.send({ kind: "subscribe", topic });
    }
    if (message.kind !== "pong") this.#notify([]);
  }

  #closed(): void {
    this.#machine?.disconnected();
    this.#setOnline(false);
  }

  #synced(cursor: number): void {
    this.#setOnline(true);
    this.#options.onSync?.(cursor);
  }

  /** While there is no live connection, the queue and the log move over HTTP. */
  #tick(): void {
    clearTimeout(this.#timer);
    const { pushIntervalMs = PUSH_INTERVAL_MS, pullIntervalMs = PULL_INTERVAL_MS } = this.#options;
    this.#timer = setTimeout(async () => {
      const machine = this.#machine;
      if (machine === null || this.#offline) return;
      const waiting = machine.pending.some(({ state }) => state === "queued");
      const due = performance.now() - this.#pulledAt >= pullIntervalMs;
      if (!machine.isLive && this.#loading === null && (waiting || due)) {
        await this.#startRound().catch((error) => this.#failed(error));
      }
      if (!this.#offline && this.#machine !== null) this.#tick();
    }, pushIntervalMs);
  }

  #startRound(): Promise<void> {
    this.#round ??= this.#syncOverHttp().finally(() => this.#round = null);
    return this.#round;
  }

  async #syncOverHttp(): Promise<void> {
    const machine = this.#running();
    const { signal } = this.#abort;
    this.#pulledAt = performance.now();
    for (let batch = machine.takeBatch(); batch.length > 0; batch = machine.takeBatch()) {
      try {
        const { results, epoch } = await this.#http.push(batch, signal);
        machine.decided(results, epoch);
      } catch (error) {
        machine.pushFailed();
        throw error;
      }
      this.#notify([]);
    }
    if (machine.cursor === 0) return await this.#loadSnapshot();
    try {
      for (let more = true; more;) {
        const page = await this.#http.pull(this.#scope, machine.cursor, signal);
        machine.pulled(page);
        ({ more } = page);
      }
    } catch (error) {
      if (!(error instanceof DriftlessError) || error.code !== "cursor_too_old") throw error;
      await this.#loadSnapshot();
    }
    if (this.#loading !== null) await this.#loading;
  }

  /** Fetches a snapshot; one at a time. A failure is reported, and the connection tries again. */
  #loadSnapshot(): Promise<void> {
    const { signal } = this.#abort;
    this.#loading ??= (async () => {
      try {
        const snapshot = await this.#http.snapshot(this.#scope, signal);
        this.#machine?.snapshotLoaded(snapshot);
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error as DriftlessError);
        this.#live.restart(0);
      } finally {
        this.#loading = null;
      }
    })();
    return this.#loading;
  }

  #running(): SyncClient {
    if (this.#machine === null) throw new NotStartedError("Cannot use a client before start");
    return this.#machine;
  }

  #setOnline(online: boolean): void {
    if (online === this.#online) return;
    this.#online = online;
    if (online) this.#options.onOnline?.();
    else this.#options.onOffline?.();
    this.#notify([]);
  }

  #failed(error: DriftlessError): void {
    if (error.code === "unavailable") this.#setOnline(this.#machine?.isLive ?? false);
    this.#options.onError?.(error);
  }

  #notify(changes: Changes): void {
    for (const listener of this.#listeners) listener(changes);
  }
}

function choosePersistence(app: string, scope: string, options: ClientOptions): Persistence {
  const { persistence, user = "", storageName = "" } = options;
  if (typeof persistence === "object") return persistence;
  const indexeddb = persistence === "indexeddb" ||
    (persistence === undefined && typeof indexedDB !== "undefined");
  if (!indexeddb) return new MemoryPersistence();
  const parts = [app, user, scope, storageName].map(encodeURIComponent);
  return new IdbPersistence(`driftless/${parts.join("/")}`);
}
