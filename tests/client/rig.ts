/** Servers in this process, clients that store in memory, and what both report: for client tests. */
import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { type AnyApp, collection, defineApp } from "../../core/app.ts";
import { type DriftlessError, Rejection } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type {
  PersistBatch,
  PersistedClient,
  Persistence,
  ReplicaMove,
} from "../../core/persistence.ts";
import type { Store } from "../../core/store.ts";
import { openToAll } from "../../edge/admission.ts";
import { createHandler, type Handler, type HandlerOptions } from "../../edge/handler.ts";
import { listenNode } from "../../edge/listen_node.ts";
import { createLog } from "../../edge/log.ts";
import type { Socket } from "../../edge/socket.ts";
import { type Changes, type ClientOptions, createClient } from "../../ui/client/create_client.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";

const counter = collection("counter", v.object({ value: v.number() }));
const note = collection(
  "note",
  v.object({ text: v.pipe(v.string(), v.minLength(1, "A note needs text")), by: v.string() }),
);

/** The most notes that one author may have; only the server sees those of all devices. */
export const NOTES_PER_AUTHOR_MAX = 2;

/** An app whose rules show every loss and every doubling. */
export const app = defineApp({
  name: "rig",
  collections: { counter, note },
  mutators: {
    "counter.add"(tx, { id, by = 1 }: { id: string; by?: number }) {
      tx.counter.put(id, { value: (tx.counter.get(id)?.value ?? 0) + by });
    },
    "counter.refuse"() {
      throw new Rejection("Not today");
    },
    "note.claim"(tx, { id, by }: { id: string; by: string }) {
      const own = tx.note.all().filter(([, other]) => other.by === by);
      if (own.length >= NOTES_PER_AUTHOR_MAX) throw new Rejection(`${by} has enough notes`);
      tx.note.put(id, { text: id, by });
    },
  },
  authorize: ({ mutator }) => mutator !== "note.delete",
});

/** A client of {@linkcode app}. */
export type RigClient = ReturnType<typeof createClient<typeof app.collections, AppArgs>>;
type AppArgs = NonNullable<typeof app.argumentTypes>;

/** Answers a request in place of the server, or lets it through with nothing. */
export type Gate = (path: string, request: Request) => Promise<Response | void> | Response | void;

/** What the server of a test is. */
export interface RigServerOptions extends Partial<HandlerOptions> {
  readonly app?: AnyApp;
  readonly port?: number;
}

/** How long a state may take to come, in milliseconds: a hang fails, a slow machine does not. */
const EVENTUALLY_MS_MAX = 10_000;
const POLL_MS = 4;
/** Longer than any test, in milliseconds. */
const NEVER_MS = 600_000;
/** How long a server waits for its peers to say goodbye, in milliseconds. */
const SHUTDOWN_MS = 200;

/** A server at a port, in the hands of a test. */
export class RigServer implements AsyncDisposable {
  /** What the next start serves. */
  store: Store;
  /** Paths of the requests that came, in order; upgrades are `/_live`. */
  readonly requests: string[] = [];
  gate: Gate = () => {};
  /** Whether no WebSocket can be had. */
  refusesSockets = false;
  port = 0;
  readonly #options: RigServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #failures: unknown[] = [];
  #handler: Handler | null = null;
  #stop: (() => Promise<void>) | null = null;

  private constructor(options: RigServerOptions) {
    this.#options = options;
    this.store = options.store ?? new MemoryStore(crypto.randomUUID());
    this.port = options.port ?? 0;
  }

  /** Starts a server on a free port. */
  static async start(options: RigServerOptions = {}): Promise<RigServer> {
    const server = new RigServer(options);
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** How many live connections there are. */
  get socketCount(): number {
    return this.#sockets.size;
  }

  /** How many requests of a path have come. */
  count(path: string): number {
    return this.requests.filter((other) => other === path).length;
  }

  /** Listens, on the port of the last time if there was one. */
  async start(): Promise<void> {
    const { app: served = app } = this.#options;
    const handler = createHandler(served, {
      origins: [],
      hosts: [],
      open: true,
      authenticate: openToAll,
      version: "0.0.0-test",
      log: createLog("error", () => {}),
      ...this.#options,
      store: this.store,
    });
    const listener = await listenNode({
      hostname: "127.0.0.1",
      port: this.port,
      fetch: async (request, peer) => {
        const path = this.#noted(request);
        return await this.gate(path, request) ?? await handler.fetch(request, peer);
      },
      upgrade: async (request, peer) => {
        this.#noted(request);
        if (this.refusesSockets) return new Response(null, { status: 403 });
        const decision = await handler.upgrade(request, peer);
        if (decision instanceof Response) return decision;
        return {
          accept: (socket) => {
            const handlers = decision.accept(socket);
            this.#sockets.add(socket);
            const closed = (code: number) => {
              this.#sockets.delete(socket);
              handlers.closed(code);
            };
            return {
              message: (bytes) => handlers.message(bytes),
              drained: () => handlers.drained?.(),
              closed,
            };
          },
        };
      },
      failed: (error) => void this.#failures.push(error),
    });
    this.port = listener.port;
    this.#handler = handler;
    this.#stop = async () => {
      await listener.shutdown(SHUTDOWN_MS);
      handler.close();
    };
  }

  /** Stops listening; the store stays. */
  async stop(): Promise<void> {
    await this.#stop?.();
    this.#stop = null;
  }

  /** What the server itself answers. */
  answer(request: Request): Promise<Response> {
    if (this.#handler === null) throw new Error("The server does not run");
    return this.#handler.fetch(request);
  }

  /** Cuts every live connection, as a network does. */
  cut(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    assertEquals(this.#failures, []);
  }

  #noted(request: Request): string {
    const { pathname } = new URL(request.url);
    this.requests.push(pathname);
    return pathname;
  }
}

/** Storage in memory that waits, or fails, when the test says so. */
export class FaultyPersistence implements Persistence {
  readonly memory: MemoryPersistence;
  /** What the next writes to the queue fail with, in order; `null` is a write that works. */
  readonly queueFaults: (DriftlessError | null)[] = [];
  readonly rowFaults: (DriftlessError | null)[] = [];
  loadFault: DriftlessError | null = null;
  /** How many writes to the queue have begun. */
  queueWrites = 0;
  #gate: Promise<void> = Promise.resolve();
  #open = () => {};

  /** What is stored already may be given. */
  constructor(memory: MemoryPersistence = new MemoryPersistence()) {
    this.memory = memory;
  }

  /** Writes wait from now on. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  /** Writes go on. */
  release(): void {
    this.#open();
  }

  load(): Promise<PersistedClient | null> {
    return this.loadFault === null ? this.memory.load() : Promise.reject(this.loadFault);
  }

  async saveQueue(batches: readonly PersistBatch[]): Promise<void> {
    this.queueWrites++;
    const fault = this.queueFaults.shift() ?? null;
    await this.#gate;
    if (fault !== null) throw fault;
    await this.memory.saveQueue(batches);
  }

  async saveRows(moves: readonly ReplicaMove[]): Promise<void> {
    const fault = this.rowFaults.shift() ?? null;
    await this.#gate;
    if (fault !== null) throw fault;
    await this.memory.saveRows(moves);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A client of a test, and everything that it reported. */
export class Device implements AsyncDisposable {
  readonly client: RigClient;
  readonly errors: string[] = [];
  readonly cursors: number[] = [];
  readonly rejected: string[] = [];
  /** `online` and `offline`, in order. */
  readonly network: string[] = [];
  /** What subscribers were told that differs; notices of the status alone are left out. */
  readonly changes: Changes[] = [];
  /** Every value of a counter that a subscriber could see, without repeats in a row. */
  readonly values: number[] = [];

  private constructor(options: ClientOptions) {
    this.client = createClient(app, {
      persistence: "memory",
      // HTTP comes in only where a test is about it.
      pushIntervalMs: NEVER_MS,
      onError: (error) => void this.errors.push(`${error.code}: ${error.message}`),
      onSync: (cursor) => void this.cursors.push(cursor),
      onOnline: () => void this.network.push("online"),
      onOffline: () => void this.network.push("offline"),
      onRejected: ({ mutation, error }) =>
        void this.rejected.push(`${mutation.name}: ${error.code}: ${error.message}`),
      ...options,
    });
    this.client.subscribe((changes) => {
      if (changes.length > 0) this.changes.push(changes);
      const value = this.value();
      if (this.values.at(-1) !== value) this.values.push(value);
    });
  }

  /** A client that runs. */
  static async start(options: ClientOptions): Promise<Device> {
    const device = Device.create(options);
    await device.client.start();
    return device;
  }

  /** A client that does not run yet. */
  static create(options: ClientOptions): Device {
    return new Device(options);
  }

  /** The value of a counter. */
  value(id = "k"): number {
    return this.client.collection("counter").get(id)?.value ?? 0;
  }

  /** Adds to a counter. */
  async add(by = 1, id = "k"): Promise<void> {
    await this.client.mutate("counter.add", { id, by });
  }

  /** Waits until nothing is pending. */
  async settled(): Promise<void> {
    await eventually(() => this.client.pending.length, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.stop().catch(() => {});
  }
}

/** Waits until `read` gives the expected value; fails with the last value that it gave. */
export async function eventually<T>(read: () => T | Promise<T>, expected: T): Promise<void> {
  const end = performance.now() + EVENTUALLY_MS_MAX;
  let actual = await read();
  while (JSON.stringify(actual) !== JSON.stringify(expected) && performance.now() < end) {
    await pause(POLL_MS);
    actual = await read();
  }
  assertEquals(actual, expected);
}

/** Waits until `read` is true. */
export async function until(read: () => boolean): Promise<void> {
  await eventually(read, true);
}

/** Lets time pass, for what must not happen in it. */
export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
