/** Values of any size: those that are too large for one key are cut into pieces. */
import {
  KV_KEYS_MAX,
  KV_LIST_MAX,
  KV_VALUE_BYTES_MAX,
  type KvConnection,
  type KvEntry,
  type KvKey,
  type KvSelector,
} from "./connection.ts";
import type { KvLayout } from "./layout.ts";

/** One write of a commit. */
export interface KvWrite {
  readonly key: KvKey;
  /** Bytes; the number of pieces that they are in; or `null`, which removes what is there. */
  readonly value: Uint8Array | number | null;
}

/** An entry with its whole value. */
export interface WholeEntry extends KvEntry {
  readonly value: Uint8Array | null;
  /** The pieces that it was in; 0 when it was whole. */
  readonly chunks: number;
}

/** The writes that put a value in place of one that was in so many pieces. */
export function writesOf(
  layout: KvLayout,
  key: KvKey,
  bytes: Uint8Array | null,
  earlierChunks = 0,
): { readonly writes: readonly KvWrite[]; readonly chunks: number } {
  const isCut = bytes !== null && bytes.length > KV_VALUE_BYTES_MAX;
  const chunks = isCut ? Math.ceil(bytes.length / KV_VALUE_BYTES_MAX) : 0;
  const writes: KvWrite[] = [{ key, value: isCut ? chunks : bytes }];
  for (let piece = 0; piece < Math.max(chunks, earlierChunks); piece++) {
    const from = piece * KV_VALUE_BYTES_MAX;
    const value = isCut && piece < chunks ? bytes.slice(from, from + KV_VALUE_BYTES_MAX) : null;
    writes.push({ key: layout.chunk(key, piece), value });
  }
  return { writes, chunks };
}

/** Reads values of KV, whole. */
export class KvReader {
  readonly #kv: KvConnection;
  readonly #layout: KvLayout;

  constructor(kv: KvConnection, layout: KvLayout) {
    this.#kv = kv;
    this.#layout = layout;
  }

  /** What is under each key, in their order. */
  async many(keys: readonly KvKey[]): Promise<readonly WholeEntry[]> {
    return await Promise.all((await this.raw(keys)).map((entry) => this.#whole(entry)));
  }

  /** The same, in pieces where it is. */
  async raw(keys: readonly KvKey[]): Promise<readonly KvEntry[]> {
    const groups: KvKey[][] = [];
    for (let at = 0; at < keys.length; at += KV_KEYS_MAX) {
      groups.push(keys.slice(at, at + KV_KEYS_MAX));
    }
    return (await Promise.all(groups.map((group) => this.#kv.getMany(group)))).flat();
  }

  /** Up to `limit` entries of a list. */
  async list(selector: KvSelector, limit = Infinity): Promise<readonly WholeEntry[]> {
    const entries: (WholeEntry | Promise<WholeEntry>)[] = [];
    const options = limit === Infinity
      ? { batchSize: KV_LIST_MAX }
      : { limit, batchSize: Math.max(1, Math.min(limit, KV_LIST_MAX)) };
    for await (const entry of this.#kv.list(selector, options)) entries.push(this.#whole(entry));
    return await Promise.all(entries);
  }

  #whole(entry: KvEntry): WholeEntry | Promise<WholeEntry> {
    const { value } = entry;
    if (typeof value === "number") return this.#joined(entry, value);
    return { ...entry, value: value as Uint8Array | null, chunks: 0 };
  }

  async #joined(entry: KvEntry, chunks: number): Promise<WholeEntry> {
    const keys = Array.from({ length: chunks }, (_, i) => this.#layout.chunk(entry.key, i));
    const pieces = (await this.raw(keys)).map(({ value }) => value as Uint8Array | null);
    let length = 0;
    for (const piece of pieces) length += piece?.length ?? 0;
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      if (piece === null) continue;
      bytes.set(piece, at);
      at += piece.length;
    }
    return { ...entry, value: bytes, chunks };
  }
}
