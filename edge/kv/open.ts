/** Opens a store on a Deno KV database, and creates it where there is none. */
import { DriftlessError } from "../../core/errors.ts";
import type { Kernel } from "../../core/ports.ts";
import type { SuspendingStore } from "../../core/suspend.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import type { AsyncIslandStates } from "../fetched_islands.ts";
import { type KvConnection, kvFailure } from "./connection.ts";
import { KvIslands } from "./islands.ts";
import { jsonBytes, jsonOf, KV_PREFIX, KvLayout, type KvMeta, LAYOUT_VERSION } from "./layout.ts";
import { KvFile } from "./kv_store.ts";
import { PatientKv } from "./patience.ts";

/** A store on Deno KV. */
export interface KvStore extends SuspendingStore {
  /** Takes away what commits have left behind that never came to be; it runs at the opening too. */
  sweep(): Promise<void>;
  /** The state of islands, which outlives the process. */
  readonly islands: AsyncIslandStates;
}

/** What may differ from the defaults. */
export interface KvStoreOptions {
  /**
   * What the keys of this store begin with; another one is another store. @default {"driftless"}
   */
  readonly prefix?: string;
  /** The arithmetic of the trees; with `null` there are none, and the next write builds them. */
  readonly kernel?: Kernel | null;
  /** Bytes of memory for what was read, roughly. @default {KV_CACHE_BYTES_MAX} */
  readonly cacheBytesMax?: number;
  /**
   * How often followed scopes are looked at beside being watched, in milliseconds; 0 for never.
   * Only processes that share a file need it: a file's watch tells them nothing of each other.
   *
   * @default {FOLLOW_POLL_MS}
   */
  readonly pollMs?: number;
  /** Milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
}

/** Bytes of memory for what was read; the scope that was used longest ago goes first. */
export const KV_CACHE_BYTES_MAX = 64 * 1024 * 1024;
/** How often followed scopes are looked at beside being watched, in milliseconds. */
export const FOLLOW_POLL_MS = 1_000;

const EPOCH_BYTES = 16;

/**
 * Opens, or creates, a store in a Deno KV database: `await Deno.openKv()`, or what `openKv` of
 * the npm package `@deno/kv` returns. Whoever opened the database closes it, after the store.
 *
 * Several processes may serve the same database, and each hears of the others' commits. What is
 * read is kept in memory; a snapshot and a page of all rows take a scope whole.
 *
 * On Deno, KV needs `"unstable": ["kv"]` in `deno.json`, or the flag `--unstable-kv`.
 *
 * @example
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import {
 *   createHandler,
 *   createLog,
 *   openKvStore,
 *   openToAll,
 * } from "@driftless/driftless/server";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const kv = await Deno.openKv(":memory:");
 * const store = await openKvStore(kv);
 * const handler = createHandler(defineApp({ name: "notes", collections: { note } }), {
 *   store,
 *   islandStates: store.islands,
 *   log: createLog("error"),
 *   version: "1.0.0",
 *   origins: [],
 *   hosts: [],
 *   open: true,
 *   authenticate: openToAll,
 * });
 * const mutation = { id: "m1", name: "note.create", args: { id: "n1", data: { text: "Hello" } } };
 * const response = await handler.fetch(
 *   new Request("http://localhost/_sync/push", {
 *     method: "POST",
 *     body: JSON.stringify({ mutations: [mutation] }),
 *   }),
 * );
 * const { results } = await response.json();
 * if (results[0].ok !== true) throw new Error(JSON.stringify(results));
 * handler.close();
 * store.close();
 * kv.close();
 * ```
 *
 * @param database stays open; it is not closed by the store
 * @throws {DriftlessError} `store_failed` when the database cannot be read or written, or holds
 *   a store of a later version
 */
export async function openKvStore(
  database: KvConnection,
  options: KvStoreOptions = {},
): Promise<KvStore> {
  const kv = new PatientKv(database);
  const layout = new KvLayout([options.prefix ?? KV_PREFIX]);
  try {
    const { epoch } = await metaOf(kv, layout);
    const now = options.now ?? Date.now;
    const store = new KvFile({
      kv,
      layout,
      epoch,
      kernel: options.kernel === undefined ? kernelSync() : options.kernel,
      cacheBytesMax: options.cacheBytesMax ?? KV_CACHE_BYTES_MAX,
      pollMs: options.pollMs ?? FOLLOW_POLL_MS,
      islands: new KvIslands(kv, layout, now),
      now,
    });
    await store.sweep();
    return store;
  } catch (error) {
    throw kvFailure(error);
  }
}

/** What is noted of the store; the first one who opens it writes it. */
async function metaOf(kv: KvConnection, layout: KvLayout): Promise<KvMeta> {
  const key = layout.key("meta");
  for (;;) {
    const [entry] = await kv.getMany([key]);
    if (entry !== undefined && entry.value !== null) {
      const meta = jsonOf<KvMeta>(entry.value);
      if (meta.layout <= LAYOUT_VERSION) return meta;
      throw new DriftlessError(
        "store_failed",
        `Cannot use the store: its layout is of version ${meta.layout}, and this program knows ` +
          `versions up to ${LAYOUT_VERSION}; use a newer Driftless`,
      );
    }
    const epoch = crypto.getRandomValues(new Uint8Array(EPOCH_BYTES)).toHex();
    const meta: KvMeta = { layout: LAYOUT_VERSION, epoch, appVersion: 1 };
    const atomic = kv.atomic();
    atomic.check({ key, versionstamp: null });
    atomic.set(key, jsonBytes(meta));
    await atomic.commit();
  }
}
