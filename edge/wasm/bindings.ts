/**
 * Answers a module's calls to what its mount binds: outbound requests whose method begins with `__`.
 *
 *     method        address   body    answer
 *     __KV_GET      key               200 with the value, 404 when there is none
 *     __KV_PUT      key       value   200 "ok"
 *     __KV_DELETE   key               200 "ok", also when there was none
 *     __KV_LIST     prefix            200 with a JSON array of names
 *
 * Nothing is bound unless the mount says so: then every call is 500. Another method is 400. Keys are
 * of 1 to {@linkcode BINDING_KEY_BYTES_MAX} bytes of UTF-8, and taken as they are: no two keys are one.
 */
import type { WasmKv } from "../../core/wasm_mount.ts";
import type { KvConnection, KvKey } from "../kv/connection.ts";
import type { FetchResult } from "./fetch_result.ts";

/** Bytes of a key, in UTF-8: as many as Workers KV takes. */
export const BINDING_KEY_BYTES_MAX = 512;
/** Names that a list gives at most: as many as Workers KV gives at a time. */
export const BINDING_LIST_MAX = 1_000;
/** What the methods of bindings begin with; a client's request must not have such a method. */
export const BINDING_PREFIX = "__";

/** The part of a namespace of Workers KV that is used here. */
export interface WorkersKvNamespace {
  /** The value; `null` when there is none. */
  get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
  /** Keeps a value. */
  put(key: string, value: ArrayBuffer): Promise<void>;
  /** Forgets a value. */
  delete(key: string): Promise<void>;
  /** The first keys that begin so. */
  list(options: WorkersKvRange): Promise<WorkersKvList>;
}

/** Which keys of Workers KV are asked for. */
export interface WorkersKvRange {
  /** What they begin with. */
  prefix: string;
  /** How many at most. */
  limit: number;
}

/** Keys of Workers KV. */
export interface WorkersKvList {
  /** In their order. */
  readonly keys: readonly { readonly name: string }[];
}

const encoder = new TextEncoder();

/** Whether a call is to a binding. */
export function isBindingCall(method: string): boolean {
  return method.startsWith(BINDING_PREFIX);
}

/** Answers one call; rejects with what the store rejects with. */
export async function answerBinding(
  kv: WasmKv | undefined,
  method: string,
  key: string,
  value: Uint8Array,
): Promise<FetchResult> {
  if (kv === undefined) return textResult(500, "KV binding not configured");
  const length = encoder.encode(key).length;
  // What is no UTF-8 reads like this, whatever it was.
  if (key.includes("\ufffd")) return textResult(400, "A key is UTF-8");
  if (length > BINDING_KEY_BYTES_MAX || (length === 0 && method !== "__KV_LIST")) {
    return textResult(400, `A key has 1 to ${BINDING_KEY_BYTES_MAX} bytes`);
  }
  switch (method) {
    case "__KV_GET": {
      const found = await kv.get(key);
      return found === null
        ? textResult(404, "")
        : { status: 200, contentType: "application/octet-stream", body: found, headers: "" };
    }
    case "__KV_PUT":
      await kv.put(key, value);
      return textResult(200, "ok");
    case "__KV_DELETE":
      await kv.delete(key);
      return textResult(200, "ok");
    case "__KV_LIST": {
      const names = await kv.list(key);
      const body = encoder.encode(JSON.stringify(names.slice(0, BINDING_LIST_MAX)));
      return { status: 200, contentType: "application/json", body, headers: "" };
    }
    default:
      return textResult(400, "Unknown call of a binding");
  }
}

/** A result that the host makes up: plain text. */
export function textResult(status: number, text: string, headers = ""): FetchResult {
  return { status, contentType: "text/plain; charset=utf-8", body: encoder.encode(text), headers };
}

/**
 * A store in memory: for tests, and for what may be lost when the program ends.
 *
 * @example
 * ```ts
 * import { memoryKv } from "@driftless/driftless/server";
 *
 * const kv = memoryKv();
 * await kv.put("greeting", new TextEncoder().encode("Hello"));
 * const names = await kv.list("greet");
 * if (names[0] !== "greeting") throw new Error();
 * ```
 */
export function memoryKv(): WasmKv {
  const values = new Map<string, Uint8Array>();
  return {
    get: (key) => Promise.resolve(values.get(key)?.slice() ?? null),
    put: (key, value) => Promise.resolve(void values.set(key, value.slice())),
    delete: (key) => Promise.resolve(void values.delete(key)),
    list: (prefix) => {
      const names = [...values.keys()].filter((key) => key.startsWith(prefix)).sort();
      return Promise.resolve(names.slice(0, BINDING_LIST_MAX));
    },
  };
}

/**
 * A namespace of Workers KV as a module's store.
 *
 * @example
 * ```ts
 * import { defineApp } from "@driftless/driftless";
 * import { workersKv, type WorkersKvNamespace } from "@driftless/driftless/server";
 *
 * // In a Worker the namespace is a binding, and the module an import of the compiled file.
 * function appOf(module: WebAssembly.Module, namespace: WorkersKvNamespace) {
 *   return defineApp({ name: "stats", collections: {} })
 *     .wasm("/stats", module, { bindings: { kv: workersKv(namespace) } });
 * }
 * const empty = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
 * const app = appOf(new WebAssembly.Module(empty), {
 *   get: () => Promise.resolve(null),
 *   put: () => Promise.resolve(),
 *   delete: () => Promise.resolve(),
 *   list: () => Promise.resolve({ keys: [] }),
 * });
 * if (!app.mounts.has("/stats")) throw new Error();
 * ```
 */
export function workersKv(namespace: WorkersKvNamespace): WasmKv {
  return {
    async get(key) {
      const value = await namespace.get(key, "arrayBuffer");
      return value === null ? null : new Uint8Array(value);
    },
    put: (key, value) => namespace.put(key, value.slice().buffer),
    delete: (key) => namespace.delete(key),
    async list(prefix) {
      const { keys } = await namespace.list({ prefix, limit: BINDING_LIST_MAX });
      return keys.map(({ name }) => name);
    },
  };
}

/**
 * A Deno KV as a module's store, with the keys below `root`. A value has at most 65,536 bytes there; to
 * put a larger one fails.
 *
 * @example
 * ```ts
 * import { denoKv } from "@driftless/driftless/server";
 *
 * using database = await Deno.openKv(":memory:");
 * const kv = denoKv(database, ["stats"]);
 * await kv.put("greeting", new TextEncoder().encode("Hello"));
 * const names = await kv.list("greet");
 * if (names[0] !== "greeting") throw new Error();
 * ```
 */
export function denoKv(kv: KvConnection, root: KvKey): WasmKv {
  return {
    async get(key) {
      const [entry] = await kv.getMany([[...root, key]]);
      return entry?.value instanceof Uint8Array ? entry.value : null;
    },
    async put(key, value) {
      const atomic = kv.atomic();
      atomic.set([...root, key], value);
      await atomic.commit();
    },
    async delete(key) {
      const atomic = kv.atomic();
      atomic.delete([...root, key]);
      await atomic.commit();
    },
    async list(prefix) {
      const names: string[] = [];
      // Keys are ordered by their UTF-8, in which nothing comes after this.
      const range = { start: [...root, prefix], end: [...root, `${prefix}\u{10ffff}`] };
      for await (const { key } of kv.list(range, { limit: BINDING_LIST_MAX })) {
        names.push(String(key.at(-1)));
      }
      return names;
    },
  };
}
