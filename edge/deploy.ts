/**
 * Driftless on Deno Deploy: an app's routes as the default export of a file, on Deno KV.
 *
 * @example The whole of `deploy.ts`, but for `export default` in front of `server`
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import { createDeploy } from "@driftless/driftless/deploy";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } }); // or: import app from "./app.ts"
 * const kv = await Deno.openKv(":memory:"); // on Deno Deploy without this line and the next but one
 * const server = await createDeploy(app, {
 *   kv,
 *   appFile: import.meta.resolve("./app.ts"),
 * });
 * const response = await server.fetch(new Request("http://localhost/_driftless/client.js"));
 * if (!(await response.text()).includes("export")) throw new Error();
 * await server.close();
 * kv.close();
 * ```
 *
 * @module
 */
export { createDeploy, type DriftlessDeploy } from "./deploy/deploy.ts";
export type { DeployInfo, DeployOptions } from "./deploy/deploy_options.ts";
export type { Admission, Admitted } from "./admission.ts";
export type { Asset } from "./handler.ts";
export type { Identity } from "./identity.ts";
export type { Templates } from "./island_templates.ts";
export type { PartialSource } from "../ui/partials.ts";
export type {
  KvAtomic,
  KvCheck,
  KvConnection,
  KvEntry,
  KvKey,
  KvKeyPart,
  KvSelector,
} from "./kv/connection.ts";
export { createLog, type Log, type LogFields, type LogLevel } from "./log.ts";
export type { Principal } from "../core/app.ts";
export { DriftlessError, type ErrorCode } from "../core/errors.ts";
