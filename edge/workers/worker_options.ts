/** What a worker and its objects are made of, and who may come in. */
import type { Admission } from "../admission.ts";
import { ArrivingAdmission, SECRET } from "../arriving_admission.ts";
import type { Asset } from "../handler.ts";
import type { Templates } from "../island_templates.ts";
import { createLog, type Log } from "../log.ts";
import type { ObjectNamespace } from "./object_types.ts";

/** The bindings of a worker. */
export type WorkerEnv = Readonly<Record<string, unknown>>;

/** What a worker may be told. */
export interface WorkerOptions {
  /** The kernel, as the platform compiles it: `import kernel from "….wasm"`. @default {its twin} */
  readonly kernel?: WebAssembly.Module;
  /** The name of the binding of the objects. @default {"SCOPES"} */
  readonly binding?: string;
  /** Files by path. */
  readonly assets?: Readonly<Record<string, Asset>>;
  /** Templates of islands that are in files. */
  readonly templates?: Templates;
  /** Origins besides the worker's own whose pages may use it. */
  readonly origins?: readonly string[];
  /** Who it is, in place of tokens that `DRIFTLESS_SECRET` signs. */
  readonly authenticate?: Admission["authenticate"];
  /** Hears of failures, and of what an operator wants to know. @default {lines on the console} */
  readonly log?: Log;
  /** What `/healthz` tells of the program's version. */
  readonly version?: string;
}

/** The name of the binding of the objects unless told otherwise. */
const BINDING = "SCOPES";

/** The log of a worker. */
export function logOf({ log }: WorkerOptions): Log {
  return log ?? createLog("info", (line) => console.log(line));
}

/**
 * The objects behind a worker.
 *
 * @throws {TypeError} when there is no such binding
 */
export function objectsOf({ binding = BINDING }: WorkerOptions, env: WorkerEnv): ObjectNamespace {
  const objects = env[binding] as ObjectNamespace | undefined;
  if (typeof objects?.idFromName === "function") return objects;
  throw new TypeError(
    `Cannot find the objects: bind a Durable Object class with SQLite storage as "${binding}"`,
  );
}

/** Admission to a worker, by its environment. */
export class WorkerAdmission extends ArrivingAdmission {
  /** @throws {TypeError} when the secret is too short */
  constructor({ origins, authenticate }: WorkerOptions, env: WorkerEnv) {
    super({ origins, authenticate, secret: env[SECRET] });
  }
}
