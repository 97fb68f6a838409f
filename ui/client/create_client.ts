/** The client of an app, for browsers, Deno and Bun: the sync machine in its shell. */
import type {
  AnyApp,
  App,
  Collections,
  MutationArgs,
  Principal,
  RecordOf,
} from "../../core/app.ts";
import type { RejectedMutation } from "../../core/client_output.ts";
import type { Divergence } from "../../core/confirmation.ts";
import type { DriftlessError } from "../../core/errors.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { Persistence } from "../../core/persistence.ts";
import type { Pending } from "../../core/queue.ts";
import type { ViewChange } from "../../core/view.ts";
import { ClientShell } from "./client_shell.ts";
import type { CollectionView } from "./collection_view.ts";
import type { History } from "./history.ts";
import type { MutationQueue } from "./mutation_queue.ts";
import type { Presence } from "./presence.ts";
import type { ClientStatus } from "./client_status.ts";
import type { Query } from "./query.ts";
import type { QueryOptions } from "./query_options.ts";
import type { AuditReport, ReconcileProgress } from "./reconcile_report.ts";
import type { ReadonlySignal } from "./signals.ts";

/** How a client reaches its server, keeps its data, and reports. */
export interface ClientOptions {
  /** The server; by default where the page came from. */
  readonly url?: string;
  /** What to sync. @default {"_default"} */
  readonly scope?: string;
  /** The bearer token; without it a signed cookie counts. */
  readonly token?: string | (() => string | Promise<string>);
  /** Whose queue and rows these are: another user of this device has their own. @default {""} */
  readonly user?: string;
  /** Where the data is kept. @default {"indexeddb" where that exists, else "memory"} */
  readonly persistence?: Persistence | "indexeddb" | "memory";
  /** Tells two clients of the same scope on one page apart. @default {""} */
  readonly storageName?: string;
  /** Who the user is, for mutators that ask. */
  readonly principal?: Principal;
  /** How often a queue is pushed over HTTP while there is no live connection. @default {1000} */
  readonly pushIntervalMs?: number;
  /** How often the log is pulled over HTTP while there is no live connection. @default {30000} */
  readonly pullIntervalMs?: number;
  /** After how much silence the live connection is probed. @default {15000} */
  readonly heartbeatMs?: number;
  /** How long the server may be silent during a request. @default {30000} */
  readonly timeoutMs?: number;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Sent with every request besides Driftless's own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long a mutation may stay unsent while online before `onStuck`. @default {10000} */
  readonly stuckAfterMs?: number;
  /** Something failed; the client goes on. */
  readonly onError?: (error: DriftlessError) => void;
  /** The snapshot came to the end of the log, at this cursor. */
  readonly onSync?: (cursor: number) => void;
  /** The server answers, for the first time or again. */
  readonly onOnline?: () => void;
  /** The server does not answer any more; the client goes on trying. */
  readonly onOffline?: () => void;
  /** The client is online, and the oldest unsent mutation does not get through. */
  readonly onStuck?: (pending: readonly Readonly<Pending>[]) => void;
  /** A mutator came out differently on the server than here, on the same rows: it is not pure. */
  readonly onDiverged?: (divergence: Divergence) => void;
  /**
   * The rows were compared with the server's, or are being made equal to them. The server sends a digest
   * of all rows with the end of every burst; the client compares it with its own rows when it has time.
   */
  readonly onReconcile?: (progress: ReconcileProgress) => void;
  /** The server refused a mutation; its effects are gone from the view. Once for each. */
  readonly onRejected?: (rejected: RejectedMutation) => void;
}

/** What a subscriber hears: the records that differ, or that any may. Empty: only the status differs. */
export type Changes = readonly ViewChange[] | "everything";

/** A client of the app `A`. */
export interface Client<A extends AnyApp> {
  /** Loads what is stored, then syncs in the background; the view is there when this resolves. */
  start(): Promise<void>;
  /** Stops syncing and finishes writing to storage. The queue stays for the next start. */
  stop(): Promise<void>;
  /** Pushes and pulls everything now; rejects when the server cannot be reached or refuses. */
  sync(): Promise<void>;
  /**
   * Calls a mutator. The view has changed when this returns; the promise resolves when the mutation is
   * durable on this device, and rejects, with nothing changed, when a rule or the storage refuses it.
   */
  mutate<Name extends keyof MutationArgs<A> & string>(
    name: Name,
    args: MutationArgs<A>[Name],
  ): Promise<Mutation>;
  /** The records of a collection. */
  collection<Name extends keyof A["collections"] & string>(
    name: Name,
  ): CollectionView<RecordOf<A["collections"][Name]>>;
  /**
   * Records of a collection that match, in order, kept up to date: a change costs work in proportion to
   * what changed, not to the collection.
   *
   * @example
   * ```ts
   * import { collection, createClient, defineApp } from "@driftless/driftless";
   * import * as v from "valibot";
   *
   * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
   * const app = defineApp({ name: "todos", collections: { todo } });
   * const client = createClient(app, { url: "http://127.0.0.1:8000", persistence: "memory" });
   * client.setOffline(true);
   * await client.start();
   *
   * const open = client.query("todo", { where: { done: false }, orderBy: "title", limit: 10 });
   * const stop = open.subscribe(({ rows, added }) => console.log(rows.length, added));
   * const todos = client.collection("todo");
   * todos.create({ title: "Water the plants", done: false });
   * todos.create({ title: "Feed the cat", done: false });
   * todos.create({ title: "Sleep", done: true });
   * const titles = open.value.map(([, { title }]) => title);
   * if (titles.join() !== "Feed the cat,Water the plants") throw new Error(titles.join());
   * stop();
   * await client.stop();
   * ```
   *
   * @throws {TypeError} when the app has no such collection, the limit is no whole number, or the order
   *   is none
   */
  query<Name extends keyof A["collections"] & string>(
    name: Name,
    options?: QueryOptions<RecordOf<A["collections"][Name]>>,
  ): Query<RecordOf<A["collections"][Name]>>;
  /** Calls back on every change of the view, the queue or the status; returns how to stop. */
  subscribe(listener: (changes: Changes) => void): () => void;
  /** How the client is doing: connection, queue, storage, last error. */
  readonly status: ReadonlySignal<ClientStatus>;
  /**
   * Reads and hashes every confirmed row anew, compares the rows with what storage holds, and with the
   * server's when that can be asked. Storage that differs is written anew, and of rows that differ from
   * the server's only those are fetched.
   *
   * @example
   * ```ts
   * import { collection, createClient, defineApp } from "@driftless/driftless";
   * import * as v from "valibot";
   *
   * const note = collection("note", v.object({ text: v.string() }));
   * const client = createClient(defineApp({ name: "notes", collections: { note } }), {
   *   url: "http://127.0.0.1:8000",
   *   persistence: "memory",
   * });
   * client.setOffline(true);
   * await client.start();
   * const { rows, damaged, storage, server } = await client.audit();
   * if (rows !== 0 || damaged.length > 0 || storage !== "equal") throw new Error("Not what was stored");
   * if (server !== "unreachable") throw new Error("It is switched offline");
   * await client.stop();
   * ```
   *
   * @throws {DriftlessError} `store_failed` when storage cannot be read, `unavailable` when the code for
   *   it cannot be loaded
   */
  audit(): Promise<AuditReport>;
  /** Whether the server answered last time. */
  readonly isOnline: boolean;
  /** The place in the scope's log that the confirmed rows stand at. */
  readonly cursor: number;
  /** This device's id for the scope. */
  readonly clientId: string;
  /** The mutations that are not confirmed, the refused ones too: why they wait, and what to do. */
  readonly queue: MutationQueue;
  /** Undo and redo of this client's mutations. */
  readonly history: History;
  /** The mutations that are not yet confirmed, oldest first. */
  readonly pending: readonly Readonly<Pending>[];
  /**
   * Says that the scope's log has come to `cursor`, as told by a channel of the app's own, such as a
   * push notification: where there is no live connection, the client pulls if that is news to it.
   */
  notifyLive(cursor: number): void;
  /** What this client shows to the others in its scope, and what they show. */
  readonly presence: Presence;
  /** Uses no network while true. */
  setOffline(offline: boolean): void;
  /** Hears messages of a topic while connected; returns how to stop. */
  subscribeTopic(topic: string, listener: (data: unknown) => void): () => void;
  /** Sends a message to everyone who hears the topic now; lost where there is no connection. */
  publish(topic: string, data: unknown): void;
}

/**
 * Makes a client of an app.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } });
 *
 * const client = createClient(app, { url: "http://127.0.0.1:8000", persistence: "memory" });
 * client.setOffline(true);
 * await client.start();
 * await client.mutate("note.create", { id: "n1", data: { text: "Works without a server" } });
 * if (client.collection("note").get("n1")?.text !== "Works without a server") throw new Error();
 * await client.stop();
 * ```
 */
export function createClient<C extends Collections, A>(
  app: App<C, A>,
  options: ClientOptions = {},
): Client<App<C, A>> {
  return new ClientShell(app, options) as unknown as Client<App<C, A>>;
}
