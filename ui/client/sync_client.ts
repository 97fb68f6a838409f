/**
 * The sync client alone, for pages that count bytes: offline queue, view, live connection, HTTP.
 *
 * What it has, it has in common with `createClient`, and both can follow each other on one device. It
 * has no queries, signals, undo or presence, and each tab has a connection of its own. What another
 * version of the app has stored it does not lead up to this one: `start` leaves that as it is, and
 * rejects with `upgrade_required`.
 *
 * @example
 * ```ts
 * import { collection, createSyncClient, defineApp } from "@driftless/driftless/sync";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } });
 *
 * const client = createSyncClient(app, { url: "http://127.0.0.1:8000", persistence: "memory" });
 * client.setOffline(true);
 * await client.start();
 * await client.mutate("note.create", { id: "n1", data: { text: "Works without a server" } });
 * if (client.collection("note").get("n1")?.text !== "Works without a server") throw new Error();
 * await client.stop();
 * ```
 *
 * @module
 */
import type { AnyApp, App, Collections, RecordOf } from "../../core/app.ts";
import type { CollectionReads } from "./collection_reads.ts";
import type { Client, ClientOptions } from "./create_client.ts";
import type { EngineParts } from "./engine_parts.ts";
import { LiveConnection } from "./live_connection.ts";
import { pinnedPersistence } from "./pinned_persistence.ts";
import { SyncShell } from "./sync_shell.ts";

export { collection, defineApp } from "../../core/app.ts";
export { DriftlessError, Rejection } from "../../core/errors.ts";
export { AlreadyStartedError, NotStartedError } from "./client_errors.ts";
export { IdbPersistence } from "./idb_persistence.ts";
export { MemoryPersistence } from "./memory_persistence.ts";
export type { ClientOptions, CollectionReads };

/** A client that syncs: every member is as the {@linkcode Client} has it, and reads are not followed. */
export interface SyncedClient<A extends AnyApp>
  extends Omit<Client<A>, "audit" | "collection" | "history" | "presence" | "query" | "status"> {
  /** The records of a collection; they are written by `mutate`. */
  collection<Name extends keyof A["collections"] & string>(
    name: Name,
  ): CollectionReads<RecordOf<A["collections"][Name]>>;
}

const PARTS: EngineParts = {
  share: (persistence, options) => ({ connection: new LiveConnection(options), persistence }),
  versioned: pinnedPersistence,
};

/**
 * Makes a client of an app that syncs, and has nothing besides.
 *
 * @example
 * ```ts
 * import { collection, createSyncClient, defineApp } from "@driftless/driftless/sync";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string() }));
 * const client = createSyncClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * client.setOffline(true);
 * await client.start();
 * let changes = 0;
 * const stop = client.subscribe(() => changes++);
 * await client.mutate("todo.create", { id: "t1", data: { title: "Feed the cat" } });
 * if (changes === 0 || client.pending.length !== 1) throw new Error();
 * stop();
 * await client.stop();
 * ```
 *
 * @throws {TypeError} when the address is none
 * @throws {DriftlessError} when the scope is none that a server takes
 */
export function createSyncClient<C extends Collections, A>(
  app: App<C, A>,
  options: ClientOptions = {},
): SyncedClient<App<C, A>> {
  return new SyncShell(app, options, PARTS) as unknown as SyncedClient<App<C, A>>;
}
