/**
 * The server side of Driftless, for programs that embed it: the handler, a running server, and stores.
 *
 * @module
 */
export { type Admission, bySecret, openToAll } from "./admission.ts";
export { type Asset, createHandler, type Handler, type HandlerOptions } from "./handler.ts";
export { createLog, type Log, type LogFields, type LogLevel } from "./log.ts";
export { type RunningServer, serve, type ServeOptions } from "./serve.ts";
export { openSqliteStore, type SqliteStore } from "./sqlite_store.ts";
export { MemoryStore } from "../core/memory_store.ts";
