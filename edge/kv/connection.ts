/**
 * What the store needs of a Deno KV database, and the bounds that one has.
 *
 * `Deno.Kv` is one; so is what `openKv` of the npm package `@deno/kv` returns on Node and Bun.
 */
import { DriftlessError } from "../../core/errors.ts";

/** A part of a key. */
export type KvKeyPart = Uint8Array | string | number | bigint | boolean | symbol;
/** A key: parts that sort one after another. */
export type KvKey = readonly KvKeyPart[];

/** What is under a key; the versionstamp is `null` where there is nothing. */
export interface KvEntry {
  /** The key. */
  readonly key: KvKey;
  /** The value; `null` where there is none. */
  readonly value: unknown;
  /** Of the commit that wrote it; later ones are greater. */
  readonly versionstamp: string | null;
}

/** A condition of a commit: what is under the key is still of that version. */
export interface KvCheck {
  /** The key. */
  readonly key: KvKey;
  /** Its version; `null` when there must be nothing. */
  readonly versionstamp: string | null;
}

/** A commit that is being put together. */
export interface KvAtomic {
  /** Adds conditions. */
  check(...checks: KvCheck[]): unknown;
  /** Adds a write; with `expireIn` milliseconds after which the value may go by itself. */
  set(key: KvKey, value: unknown, options?: { expireIn?: number }): unknown;
  /** Adds a removal. */
  delete(key: KvKey): unknown;
  /** Commits all of it, or says that a condition does not hold. */
  commit(): Promise<
    { readonly ok: true; readonly versionstamp: string } | { readonly ok: false }
  >;
}

/** Keys to list: those under a prefix, or from `start` to before `end` under it or alone. */
export type KvSelector =
  | { prefix: KvKey }
  | { prefix: KvKey; start: KvKey }
  | { prefix: KvKey; end: KvKey }
  | { start: KvKey; end: KvKey };

/** A Deno KV database. */
export interface KvConnection {
  /** Reads up to 10 keys. */
  getMany(keys: readonly KvKey[]): Promise<readonly KvEntry[]>;
  /** Reads keys in their order. */
  list(
    selector: KvSelector,
    options?: { limit?: number; batchSize?: number },
  ): AsyncIterable<KvEntry>;
  /** Begins a commit. */
  atomic(): KvAtomic;
  /** Tells what is under up to 10 keys, now and whenever it changes. */
  watch(keys: readonly KvKey[]): ReadableStream<readonly KvEntry[]>;
}

/** Keys that one call reads, or watches. */
export const KV_KEYS_MAX = 10;
/** Entries that one call lists. */
export const KV_LIST_MAX = 1_000;
/** Bytes of a value. */
export const KV_VALUE_BYTES_MAX = 65_536;
/** Bytes of a key as it is encoded. */
export const KV_KEY_BYTES_MAX = 2_048;
/** Conditions of one commit. */
export const KV_CHECKS_MAX = 100;
/** Writes and removals of one commit. */
export const KV_MUTATIONS_MAX = 1_000;
/** Bytes of all keys of one commit together. */
export const KV_KEYS_BYTES_MAX = 81_920;
/**
 * Bytes of one commit, keys and values, where KV takes 819,200: it counts what is around them
 * too.
 */
export const KV_COMMIT_BYTES_MAX = 760_000;

const STRING_ENDS_BYTES = 2;
const NUMBER_BYTES = 9;

/** Bytes of a key as KV encodes it; the keys of the store have no other parts. */
export function keyBytes(key: KvKey): number {
  let bytes = 0;
  for (const part of key) bytes += typeof part === "string" ? textBytes(part) : NUMBER_BYTES;
  return bytes;
}

/** Tells whoever waits why KV could not be read or written. */
export function kvFailure(cause: unknown): DriftlessError {
  if (cause instanceof DriftlessError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DriftlessError("store_failed", `Cannot use the KV store: ${reason}`, { cause });
}

/** KV writes a zero byte as two. */
function textBytes(text: string): number {
  let bytes = STRING_ENDS_BYTES;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0) bytes += 2;
    else if (unit < 0x80) bytes += 1;
    else bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3;
  }
  return bytes;
}
