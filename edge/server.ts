/**
 * The server side of Driftless, for programs that embed it: the handler, a running server, and stores.
 *
 * {@linkcode serve} is a whole server on a port and a SQLite file, as `driftless serve` runs it.
 * {@linkcode createHandler} is its routes alone, for a server of one's own, on a {@linkcode Store}:
 * {@linkcode openSqliteStore}, {@linkcode MemoryStore}, or another, which may be one whose data is
 * elsewhere: a {@linkcode SuspendingStore}. Who may come in is an
 * {@linkcode Admission}.
 *
 * @example
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import { createLog, serve } from "@driftless/driftless/server";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const server = await serve({
 *   app: defineApp({ name: "notes", collections: { note } }),
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   data: ":memory:",
 *   log: createLog("error"),
 *   version: "1.0.0",
 *   secret: "0123456789abcdef0123456789abcdef", // from a safe place, and random
 * });
 * const answer = await fetch(`${server.url}/_sync/pull`, { method: "POST", body: "{}" });
 * if (answer.status < 400) throw new Error("Anybody may read");
 * await answer.body?.cancel();
 * await server.stop();
 * ```
 *
 * @module
 */
export { type Admission, type Admitted, bySecret, openToAll } from "./admission.ts";
export { type Asset, createHandler, type Handler, type HandlerOptions } from "./handler.ts";
export type { AsyncIslandStates } from "./fetched_islands.ts";
export type { Identity } from "./identity.ts";
export { readTemplates, type Templates } from "./island_templates.ts";
export type { PartialSource } from "../ui/partials.ts";
export type { IslandStorage } from "../ui/live_holder.ts";
export type {
  KvAtomic,
  KvCheck,
  KvConnection,
  KvEntry,
  KvKey,
  KvKeyPart,
  KvSelector,
} from "./kv/connection.ts";
export { type KvStore, type KvStoreOptions, openKvStore } from "./kv/open.ts";
export { createLog, type Log, type LogFields, type LogLevel } from "./log.ts";
export { type RunningServer, serve, type ServeOptions } from "./serve.ts";
export type { Peer, Socket, SocketHandlers, Upgrade } from "./socket.ts";
export type { SqlDatabase, SqlInput, SqlOutput, SqlRow, SqlStatement } from "./sql.ts";
export type { TicketBook } from "./tickets.ts";
export type { IslandStates } from "./sqlite_islands.ts";
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from "./sqlite_store.ts";
export {
  denoKv,
  memoryKv,
  workersKv,
  type WorkersKvList,
  type WorkersKvNamespace,
  type WorkersKvRange,
} from "./wasm/bindings.ts";
export type { FanoutItem, WasmRequest } from "./wasm/request_slots.ts";
export type { HeaderPairs } from "./wasm/header_cache.ts";
export { WasmMounts, type WasmMountsOptions } from "./wasm/mount.ts";
export type { ReadResponse } from "./wasm/response_slots.ts";
export type { Principal } from "../core/app.ts";
export { DriftlessError, type ErrorCode } from "../core/errors.ts";
export type {
  WasmBindings,
  WasmFetchBinding,
  WasmFiles,
  WasmLimits,
  WasmMode,
  WasmMount,
  WasmMountOptions,
  WasmStoredFile,
} from "../core/wasm_mount.ts";
export { MemoryStore } from "../core/memory_store.ts";
export type { Change, ChangeOp, LogHead } from "../core/change.ts";
export type { Difference, Kernel } from "../core/ports.ts";
export type { RowChange } from "../core/reconcile/row_hash.ts";
export type { RowTree, TreeRow } from "../core/reconcile/row_tree.ts";
export type { TreeNodes } from "../core/reconcile/tree_nodes.ts";
export type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  Store,
  StoredRow,
} from "../core/store.ts";
export { type AnyStore, settled, Suspended, type SuspendingStore } from "../core/suspend.ts";
export type { WasmKv } from "../core/wasm_mount.ts";
