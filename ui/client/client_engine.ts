/** The engine around the sync machine: storage, the live connection, HTTP in its absence. */
import type { AnyApp } from "../../core/app.ts";
import { SyncClient } from "../../core/client.ts";
import { DriftlessError } from "../../core/errors.ts";
import { checkScope } from "../../core/mutation.ts";
import type { PersistedClient } from "../../core/persistence.ts";
import type { Pending } from "../../core/queue.ts";
import type { View } from "../../core/view.ts";
import type { DownMessage, UpMessage } from "../../core/wire/messages.ts";
import { callBack } from "./callbacks.ts";
import { choosePersistence, type ChosenPersistence } from "./choose_persistence.ts";
import { StatusBoard, type StatusParts } from "./client_status.ts";
import { ClientStorage } from "./client_storage.ts";
import { AlreadyStartedError, NotStartedError } from "./client_errors.ts";
import type { EngineEvents } from "./client_events.ts";
import type { Changes, ClientOptions } from "./create_client.ts";
import { Conditions } from "./conditions.ts";
import type { EngineParts } from "./engine_parts.ts";
import { HttpRounds } from "./http_rounds.ts";
import { httpOptions } from "./http_options.ts";
import { HttpSync, RefusedError } from "./http_sync.ts";
import type { Reconciler } from "./lazy_reconciler.ts";
import { type Connection, HEARTBEAT_MS } from "./live_connection.ts";
import { clearedStorage, markStorage } from "./storage_report.ts";

/** How long to stay away at least after the server failed, in milliseconds. */
const FAILURE_MS_MIN = 1_000;

/** What the machine reported while it handled an event. */
type Failure = readonly [error: DriftlessError, retryAfterMs: number];

/** One client at work. */
export class ClientEngine {
  readonly #app: AnyApp;
  readonly #options: ClientOptions;
  readonly #parts: EngineParts;
  readonly #events: EngineEvents;
  readonly #scope: string;
  readonly #http: HttpSync;
  readonly #rounds: HttpRounds;
  readonly #live: Connection;
  readonly #kept: ChosenPersistence;
  readonly #storage: ClientStorage;
  readonly #status: StatusBoard;
  readonly #conditions = new Conditions();
  readonly #reconciler: Reconciler | undefined;
  #machine: SyncClient | null = null;
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;
  #offline = false;
  /** Whether the network is used: the client runs, and is not switched offline. */
  #isNetworking = false;
  #online = false;
  /** Counts live connections; 0 while there is none. */
  #connection = 0;
  #connections = 0;
  /** Whether the machine knows of the live connection. */
  #isGreeted = false;
  /** Whether the live connection has announced more than it has brought. */
  #isBehind = false;
  #failure: Failure | null = null;

  constructor(app: AnyApp, options: ClientOptions, parts: EngineParts, events: EngineEvents) {
    this.#app = app;
    this.#options = options;
    this.#parts = parts;
    this.#events = events;
    this.#scope = checkScope(options.scope);
    const { url = globalThis.location?.origin, onStuck, onError } = options;
    const http = this.#http = new HttpSync(httpOptions({ ...options, url }, app.version));
    this.#rounds = new HttpRounds({
      ...options,
      http,
      scope: this.#scope,
      isConnected: () => this.#connection !== 0,
      repair: (signal) => this.#reconciler?.repair(signal) ?? Promise.resolve(null),
      decided: () => this.#notify([]),
      failed: (error) => this.#failed(error),
    });
    this.#kept = choosePersistence(app.name, this.#scope, options);
    const { connection, persistence } = parts.share(this.#kept.persistence, {
      url,
      appVersion: app.version,
      machine: () => this.#machine,
      store: (move) => this.#storage.move(move),
      liveUrl: (signal) => http.liveUrl(signal, this.#scope),
      heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS,
      opened: () => this.#opened(),
      received: (message, channel) => channel || this.#received(message),
      closed: () => this.#closed(),
      failed: (error) => this.#failed(error),
      refused: (error) => callBack(onError, error),
    });
    this.#live = connection;
    this.#status = new StatusBoard(
      options.stuckAfterMs,
      () => callBack(onStuck, this.pending),
      parts.shown,
    );
    this.#storage = new ClientStorage(
      parts.versioned(app, persistence, {
        serverVersion: () => http.serverVersion,
        replica: () => this.running().replica,
      }),
      (tokens, error) => this.#stored(tokens, error),
      (error) => this.#failed(error),
    );
    this.#reconciler = parts.reconciler?.({
      scope: this.#scope,
      http,
      rounds: this.#rounds,
      live: connection,
      storage: this.#storage,
      machine: () => this.running(),
      isNetworking: () => this.#isNetworking,
      isGreeted: () => this.#isGreeted,
      replace: () => this.#loadSnapshot(),
      show: (integrity) => this.#show({ integrity }),
    });
  }

  async start(): Promise<void> {
    if (this.#starting !== null) {
      throw new AlreadyStartedError("Cannot start a client that is running");
    }
    this.#starting = this.#load();
    await this.#starting.catch((error) => {
      this.#starting = null;
      throw error;
    });
    this.#notify("everything");
    globalThis.addEventListener?.("online", this.#onNetwork);
    globalThis.addEventListener?.("offline", this.#onNetwork);
    if (this.#offline) this.#show({ connection: "offline" });
    else this.#goOnline();
  }

  async stop(): Promise<void> {
    await this.#starting?.catch(() => {});
    if (this.#machine === null) {
      throw new NotStartedError("Cannot stop a client that is not running");
    }
    await (this.#stopping ??= this.#halt());
  }

  async sync(): Promise<void> {
    const machine = this.running();
    if (this.#offline) throw new DriftlessError("unavailable", "The client is switched offline");
    await this.#storage.queued();
    await this.#conditions.met(() => this.#connection === 0 || machine.isLive);
    if (await this.#syncLive(machine)) return;
    // One that is under way may have passed by what was added since.
    await this.#rounds.idle();
    await this.#rounds.sync();
  }

  /** Takes a step of the machine that has to be stored; `durable` settles with its storage. */
  take<Made extends { readonly token: number }>(
    step: (machine: SyncClient) => Made,
  ): Made & { readonly durable: Promise<void> } {
    const made = step(this.running());
    const durable = this.#storage.durable(made.token);
    this.#notify([]);
    return { ...made, durable };
  }

  notifyLive(cursor: number): void {
    // A live connection brings the changes themselves.
    if (cursor <= this.running().cursor || this.#connection !== 0 || !this.#isNetworking) return;
    this.#rounds.sync().catch((error: DriftlessError) => this.#failed(error));
  }

  get isOnline(): boolean {
    return this.#online;
  }

  get cursor(): number {
    return this.#machine?.cursor ?? 0;
  }

  get pending(): readonly Readonly<Pending>[] {
    return this.#machine?.pending ?? [];
  }

  setOffline(offline: boolean): void {
    if (offline === this.#offline) return;
    this.#offline = offline;
    if (this.#machine === null || this.#stopping !== null) return;
    if (offline) this.#goOffline();
    else this.#goOnline();
  }

  /** What the app sees; `null` while the client does not run. */
  get view(): View | null {
    return this.#machine?.view ?? null;
  }

  /** The machine. */
  running(): SyncClient {
    if (this.#machine === null) throw new NotStartedError("Cannot use a client before start");
    return this.#machine;
  }

  /** Sends on the live connection, if there is one that has been greeted. */
  send(message: UpMessage): void {
    if (this.#machine?.isLive) this.#live.send(message);
  }

  async #load(): Promise<void> {
    const persisted = await this.#storage.load();
    const { kind, name } = this.#kept;
    this.#machine = this.#createMachine(persisted);
    const isCleared = kind === "indexeddb" && persisted === null;
    const cleared = isCleared ? clearedStorage(name) : null;
    if (cleared !== null) this.#failed(cleared);
    this.#parts.report?.(kind).then((storage) => this.#show({ storage }));
  }

  async #halt(): Promise<void> {
    globalThis.removeEventListener?.("online", this.#onNetwork);
    globalThis.removeEventListener?.("offline", this.#onNetwork);
    this.#goOffline();
    try {
      await this.#rounds.idle();
      await this.#reconciler?.stop();
      await this.#storage.close();
    } finally {
      this.#machine = null;
      this.#starting = null;
      this.#stopping = null;
      this.#status.stop();
    }
  }

  #createMachine(persisted: PersistedClient | null): SyncClient {
    return new SyncClient({
      app: this.#app,
      scope: this.#scope,
      clock: { now: () => Date.now() },
      random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
      principal: this.#options.principal ?? null,
      ...(persisted === null ? {} : { persisted }),
      output: {
        persist: (batch) => {
          if (batch.replica) this.#reconciler?.moved(batch.replica);
          this.#storage.add(batch);
        },
        send: (message) => this.#live.send(message),
        needSnapshot: () => this.#rounds.needSnapshot(),
        changed: (changes) => this.#notify(changes),
        rejected: (rejected) => this.#events.rejected(rejected),
        settled: (settled) => this.#events.settled(settled),
        diverged: (divergence) => {
          // A server of another version may well come to something else.
          if (this.#http.serverVersion !== this.#app.version) return;
          callBack(this.#options.onDiverged, divergence);
        },
        synced: (cursor) => this.#synced(cursor),
        rooted: (cursor, root) => this.#reconciler?.rooted(cursor, root),
        failed: (error, retryAfterMs) => this.#failure = [error, retryAfterMs],
        event: (topic, data) => this.#events.event(topic, data),
      },
    });
  }

  #stored(tokens: readonly number[], error: DriftlessError | null): void {
    const { kind, name } = this.#kept;
    // The first batch of a start is enough.
    if (error === null && kind === "indexeddb" && tokens.includes(1)) markStorage(name);
    if (error === null) this.#machine?.persisted(...tokens);
    else for (const token of tokens) this.#machine?.persistFailed(token, error);
    const failure = this.#takeFailure();
    if (failure !== null) this.#failed(failure[0]);
    this.#notify([]);
  }

  #goOnline(): void {
    this.#isNetworking = true;
    this.#show({ connection: "connecting" });
    this.#rounds.open(this.running());
    this.#live.open();
  }

  #goOffline(): void {
    this.#isNetworking = false;
    this.#rounds.close();
    this.#live.close();
    this.#setOnline(false);
    this.#show({ connection: "offline" });
  }

  readonly #onNetwork = () => {
    if (!this.#isNetworking) return;
    this.#rounds.hurry();
    this.#live.hurry();
  };

  async #opened(): Promise<void> {
    const connection = this.#connection = ++this.#connections;
    await this.#rounds.finish();
    if (connection !== this.#connection) return;
    this.#isGreeted = true;
    this.#machine?.connected();
  }

  #received(message: DownMessage): void {
    const { kind } = message;
    if (kind === "peers") return this.#events.peers(message);
    if (this.#reconciler?.received(message)) return;
    if (kind === "welcome" || kind === "poke") this.#isBehind = true;
    this.#machine?.received(message);
    if (kind === "welcome" && this.#machine?.isLive) {
      this.#setOnline(true);
      this.#events.greeted();
    }
    if (this.#rounds.needsSnapshot && this.#isGreeted) this.#loadSnapshot();
    const failure = this.#takeFailure();
    if (failure !== null) {
      this.#failed(failure[0]);
      this.#live.restart(Math.max(failure[1], FAILURE_MS_MIN));
    }
    if (kind !== "pong" && kind !== "event") this.#notify([]);
    this.#conditions.review();
  }

  #closed(): void {
    this.#connection = 0;
    if (this.#isGreeted) this.#machine?.disconnected();
    this.#isGreeted = false;
    this.#reconciler?.closed();
    this.#events.lost();
    this.#setOnline(false);
    this.#conditions.review();
  }

  #synced(cursor: number): void {
    this.#isBehind = false;
    this.#setOnline(true);
    callBack(this.#options.onSync, cursor);
  }

  /** Loads what the live connection cannot bring. Without it the connection is of no use. */
  #loadSnapshot(): Promise<void> {
    const connection = this.#connection;
    const loading = this.#rounds.loadSnapshot();
    loading.catch((error: DriftlessError) => {
      if (connection !== this.#connection) return;
      this.#failed(error);
      this.#live.restart(error instanceof RefusedError ? error.retryAfterMs : 0);
    });
    return loading;
  }

  /** Syncs over the live connection; false when there is none, or none any more. */
  async #syncLive(machine: SyncClient): Promise<boolean> {
    const connection = this.#connection;
    const isLost = () => connection === 0 || connection !== this.#connection;
    const last = machine.pending.at(-1);
    const isUndecided = () =>
      machine.pending.some((one) => one === last && one.state !== "acknowledged");
    await this.#conditions.met(() => isLost() || !isUndecided());
    await this.#live.roundTrip();
    await this.#conditions.met(() => isLost() || !this.#isBehind);
    return !isLost();
  }

  #takeFailure(): Failure | null {
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  #setOnline(online: boolean): void {
    const now = online && this.#isNetworking;
    if (now === this.#online) return;
    this.#online = now;
    this.#show(now ? { connection: "online", lastError: null } : { connection: "offline" });
    callBack(now ? this.#options.onOnline : this.#options.onOffline);
    this.#notify([]);
  }

  #failed(error: DriftlessError): void {
    if (error.code === "unavailable") this.#setOnline(this.#machine?.isLive ?? false);
    this.#show(this.#online ? { lastError: error } : { lastError: error, connection: "offline" });
    callBack(this.#options.onError, error);
  }

  /** Shows these parts of the status, and how the queue stands. */
  #show(parts: Partial<StatusParts>): void {
    const machine = this.#machine;
    if (machine !== null) {
      this.#status.update(parts, machine.pending, machine.quarantined.length);
    }
  }

  #notify(changes: Changes): void {
    this.#show({});
    this.#events.changed(changes);
  }
}
