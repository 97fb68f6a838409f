/**
 * The server side of Driftless, for programs that embed it: the handler, a running server, and stores.
 *
 * @module
 */
export { type Admission, type Admitted, bySecret, openToAll } from "./admission.ts";
export { type Asset, createHandler, type Handler, type HandlerOptions } from "./handler.ts";
export type { Identity } from "./identity.ts";
export { createLog, type Log, type LogFields, type LogLevel } from "./log.ts";
export { type RunningServer, serve, type ServeOptions } from "./serve.ts";
export type { Peer, Socket, SocketHandlers, Upgrade } from "./socket.ts";
export type { SqlDatabase, SqlInput, SqlOutput, SqlRow, SqlStatement } from "./sql.ts";
export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from "./sqlite_store.ts";
export { MemoryStore } from "../core/memory_store.ts";
export type { Change, ChangeOp, LogHead } from "../core/change.ts";
export type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  Store,
  StoredRow,
} from "../core/store.ts";
