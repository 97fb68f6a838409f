/**
 * Driftless on Cloudflare Workers: a worker that lets in and routes, and one Durable Object for each
 * scope, with the scope's rows in its SQLite storage and its sockets, which outlive its memory.
 *
 * @example The whole of a worker's file, but for the compiled kernel
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import { createWorker } from "@driftless/driftless/workers";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const worker = createWorker(defineApp({ name: "notes", collections: { note } }));
 *
 * export default { fetch: worker.fetch };
 * export const ScopeObject = worker.ScopeObject;
 * ```
 *
 * @module
 */
export { createWorker, type DriftlessWorker } from "./workers/worker.ts";
export type { WorkerEnv, WorkerOptions } from "./workers/worker_options.ts";
export type { ScopeObject, ScopeObjectClass } from "./workers/scope_object.ts";
export type {
  ObjectSocket,
  ObjectSqlCursor,
  ObjectSqlValue,
  ObjectState,
  ObjectStorage,
} from "./workers/object_types.ts";
export type { Admission, Admitted } from "./admission.ts";
export type { Asset } from "./handler.ts";
export type { Identity } from "./identity.ts";
export type { Templates } from "./island_templates.ts";
export type { PartialSource } from "../ui/partials.ts";
export { createLog, type Log, type LogFields, type LogLevel } from "./log.ts";
export type { Principal } from "../core/app.ts";
export { DriftlessError, type ErrorCode } from "../core/errors.ts";
