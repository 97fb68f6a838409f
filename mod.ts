/**
 * Driftless: write your rules once; they run in the browser, in one binary, and at the edge.
 *
 * This module is for app files and for browsers, Deno and Bun as clients. The server is the program
 * `driftless`, or the export `./server`.
 *
 * ```
 * event → mutator → mutation → pending queue → push ─┐
 *                                    (client)        │ network
 * view ← rebase ← snapshot ← poke ← change log ← server: authorise, order, run, commit, acknowledge
 * ```
 *
 * | to …                                   | there is                                               |
 * | -------------------------------------- | ------------------------------------------------------ |
 * | say what the app is                    | {@linkcode collection}, {@linkcode defineApp}          |
 * | refuse a mutation by a rule            | {@linkcode Rejection}                                  |
 * | bring old records to a new version     | {@linkcode Migration}                                  |
 * | open the app on a device               | {@linkcode createClient}, {@linkcode ClientOptions}    |
 * | read and write records                 | {@linkcode CollectionView}, {@linkcode Entity}         |
 * | keep a list up to date                 | {@linkcode Query}, {@linkcode QueryOptions}            |
 * | show what waits, and act on refusals   | {@linkcode MutationQueue}, {@linkcode QueueEntry}      |
 * | undo and redo                          | {@linkcode History}, {@linkcode UndoFunction}          |
 * | show who else is there                 | {@linkcode Presence}                                   |
 * | show how the connection is             | {@linkcode ClientStatus}, {@linkcode StorageReport}    |
 * | follow any of it                       | {@linkcode effect}, {@linkcode computed}               |
 * | choose where a device keeps its data   | {@linkcode IdbPersistence}, {@linkcode MemoryPersistence} |
 * | tell errors apart                      | {@linkcode DriftlessError}, {@linkcode ERROR_STATUS}   |
 *
 * `./react`, `./preact`, `./vue`, `./solid` and `./svelte` bind a client to a framework; `./file` keeps
 * the data of a client on Deno or Bun; `./sync` is a client of fewer bytes, without what only a user
 * interface asks for.
 *
 * @example An app file
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 *
 * export default defineApp({
 *   name: "todos",
 *   collections: { todo },
 *   mutators: {
 *     "todo.toggle"(tx, { id }: { id: string }) {
 *       const item = tx.todo.get(id);
 *       if (item) tx.todo.put(id, { ...item, done: !item.done });
 *     },
 *   },
 * });
 * ```
 *
 * @example A client that works while there is no server
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
 * const open = client.query("todo", { where: { done: false }, orderBy: "title" });
 * const titles = () => open.value.map(([, { title }]) => title).join();
 * await client.collection("todo").create({ title: "Feed the cat", done: false }).stored;
 * if (titles() !== "Feed the cat") throw new Error(titles());
 * if (client.queue.list()[0]?.state !== "queued") throw new Error();
 * await client.history.undo();
 * if (titles() !== "") throw new Error(titles());
 * await client.stop();
 * ```
 *
 * @module
 */
export {
  type AccessRequest,
  type AnyApp,
  type App,
  type AppDefinition,
  type BuiltinArgs,
  type Collection,
  collection,
  type Collections,
  defineApp,
  type Islands,
  type MutationArgs,
  type MutatorCall,
  type MutatorContext,
  type MutatorFunction,
  type Principal,
  type RecordOf,
  type RegisteredMutator,
  type Table,
  type Transaction,
  type UndoFunction,
} from "./core/app.ts";
export type { Migration, MutationMigration, RecordMigration } from "./core/app_versions.ts";
export { DriftlessError, ERROR_STATUS, type ErrorCode, Rejection } from "./core/errors.ts";
export type { Json, JsonObject } from "./core/json.ts";
export type { Change, ChangeOp } from "./core/change.ts";
export type { RejectedMutation, SettledMutation } from "./core/client_output.ts";
export type { Divergence } from "./core/confirmation.ts";
export type { Effect } from "./core/effects.ts";
export type { Mutation } from "./core/mutation.ts";
export type {
  ClientIdentity,
  PendingRecord,
  PersistBatch,
  PersistedClient,
  Persistence,
  Quarantine,
  Replica,
  ReplicaMove,
  Standing,
} from "./core/persistence.ts";
export type { QueueEntry } from "./core/quarantine.ts";
export type { Pending, PendingState } from "./core/queue.ts";
export type {
  StandardSchema,
  StandardSchemaIssue,
  StandardSchemaProps,
  StandardSchemaResult,
} from "./core/schema.ts";
export type { RowName, SnapshotRow } from "./core/snapshot.ts";
export type { ViewChange } from "./core/view.ts";
export type { History } from "./ui/client/history.ts";
export type { MutationQueue } from "./ui/client/mutation_queue.ts";
export type { ClientStatus } from "./ui/client/client_status.ts";
export type { ExchangeProgress } from "./core/reconcile/exchange.ts";
export type { GroupName } from "./core/reconcile/exchange_groups.ts";
export type {
  AuditReport,
  DamagedRow,
  Integrity,
  ReconcileProgress,
} from "./ui/client/reconcile_report.ts";
export type { StorageReport } from "./ui/client/storage_report.ts";
export {
  type Changes,
  type Client,
  type ClientOptions,
  createClient,
} from "./ui/client/create_client.ts";
export type { CollectionName, RecordIn } from "./ui/client/client_signals.ts";
export type { CollectionReads } from "./ui/client/collection_reads.ts";
export type { CollectionView, CreatedEntity, Entity } from "./ui/client/collection_view.ts";
export type { Query, QueryChange } from "./ui/client/query.ts";
export type { OrderTerm, QueryOptions } from "./ui/client/query_options.ts";
export {
  batch,
  computed,
  effect,
  type ReadonlySignal,
  type Signal,
  signal,
  untracked,
} from "./ui/client/signals.ts";
export type { Order, Row } from "./ui/client/sorted_rows.ts";
export { AlreadyStartedError, NotStartedError } from "./ui/client/client_errors.ts";
export { IdbPersistence } from "./ui/client/idb_persistence.ts";
export type { Presence } from "./ui/client/presence.ts";
export { MemoryPersistence } from "./ui/client/memory_persistence.ts";
export type {
  WasmBindings,
  WasmFetchBinding,
  WasmFiles,
  WasmKv,
  WasmLimits,
  WasmMode,
  WasmMount,
  WasmMountOptions,
  WasmStoredFile,
} from "./core/wasm_mount.ts";
