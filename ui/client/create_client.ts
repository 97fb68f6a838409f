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
import type { DriftlessError } from "../../core/errors.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { Persistence } from "../../core/persistence.ts";
import type { Pending } from "../../core/queue.ts";
import type { ViewChange } from "../../core/view.ts";
import type { ReadonlySignal } from "@preact/signals-core";
import { ClientShell } from "./client_shell.ts";
import type { ClientStatus } from "./client_status.ts";

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
  readonly onOnline?: () => void;
  readonly onOffline?: () => void;
  /** The client is online, and the oldest unsent mutation does not get through. */
  readonly onStuck?: (pending: readonly Readonly<Pending>[]) => void;
  /** The server refused a mutation; its effects are gone from the view. Once for each. */
  readonly onRejected?: (rejected: RejectedMutation) => void;
}

/** What a subscriber hears: the records that differ, or that any may. Empty: only the status differs. */
export type Changes = readonly ViewChange[] | "everything";

/** The records of one collection, pending mutations included. */
export interface CollectionView<Rec> {
  /** The record, frozen, or `undefined`. */
  get(id: string): Rec | undefined;
  has(id: string): boolean;
  /** Every record with its id, by id. */
  all(): readonly (readonly [id: string, record: Rec])[];
  /** The records that a predicate accepts, by id. */
  find(
    accept: (record: Rec, id: string) => boolean,
  ): readonly (readonly [id: string, record: Rec])[];
  count(): number;
}

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
  /** Calls back on every change of the view, the queue or the status; returns how to stop. */
  subscribe(listener: (changes: Changes) => void): () => void;
  /** How the client is doing: connection, queue, storage, last error. */
  readonly status: ReadonlySignal<ClientStatus>;
  /** Whether the server answered last time. */
  readonly isOnline: boolean;
  /** The place in the scope's log that the confirmed rows stand at. */
  readonly cursor: number;
  /** This device's id for the scope. */
  readonly clientId: string;
  /** The mutations that are not yet confirmed, oldest first. */
  readonly pending: readonly Readonly<Pending>[];
  /**
   * Says that the scope's log has come to `cursor`, as told by a channel of the app's own, such as a
   * push notification: where there is no live connection, the client pulls if that is news to it.
   */
  notifyLive(cursor: number): void;
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
