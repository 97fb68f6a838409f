/**
 * What a staged commit consists of: writes in batches that fit one commit each, and their bytes.
 */
import {
  keyBytes,
  KV_COMMIT_BYTES_MAX,
  KV_KEYS_BYTES_MAX,
  KV_MUTATIONS_MAX,
  type KvAtomic,
  type KvCheck,
  type KvKey,
} from "./connection.ts";
import { jsonBytes, jsonOf } from "./layout.ts";
import type { KvWrite } from "./values.ts";

/** Of a write, beside its key and its value. */
const WRITE_BYTES = 32;
const LENGTH_BYTES = 4;
const REMOVED = -1;
const IN_PIECES = -2;

/** Whether writes, with their conditions, fit one commit. */
export function fitsOneCommit(writes: readonly KvWrite[], checks: readonly KvCheck[]): boolean {
  return batchesOf(writes, checks).length <= 1;
}

/** Writes in groups that fit one commit each, with the same conditions. */
export function batchesOf(
  writes: readonly KvWrite[],
  checks: readonly KvCheck[],
): readonly (readonly KvWrite[])[] {
  const batches: KvWrite[][] = [];
  let size = new CommitSize(checks);
  for (const write of writes) {
    size.add(write);
    if (batches.length === 0 || !size.fits) {
      batches.push([]);
      size = new CommitSize(checks);
      size.add(write);
    }
    batches.at(-1)?.push(write);
  }
  return batches;
}

/** Adds writes to a commit. */
export function addWrites(atomic: KvAtomic, writes: readonly KvWrite[]): void {
  for (const { key, value } of writes) {
    if (value === null) atomic.delete(key);
    else atomic.set(key, value);
  }
}

/** The bytes of a batch: a list of keys and of how long their values are, and then the values. */
export function encodeBatch(writes: readonly KvWrite[]): Uint8Array {
  const list = writes.map(({ key, value }) => {
    if (value === null) return [key, REMOVED];
    return value instanceof Uint8Array ? [key, value.length] : [key, IN_PIECES, value];
  });
  const head = jsonBytes(list);
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, head.length);
  const values = writes.map(({ value }) => value).filter((value) => value instanceof Uint8Array);
  return joinedBytes([length, head, ...values]);
}

/** The batch of such bytes. */
export function decodeBatch(bytes: Uint8Array): readonly KvWrite[] {
  let at = LENGTH_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const list = jsonOf<[KvKey, number, number?][]>(bytes.subarray(LENGTH_BYTES, at));
  return list.map(([key, size, pieces]) => {
    if (size === REMOVED) return { key, value: null };
    if (size === IN_PIECES) return { key, value: pieces as number };
    const value = bytes.slice(at, at + size);
    at += size;
    return { key, value };
  });
}

/** Bytes one behind the other. */
export function joinedBytes(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What a commit amounts to. */
class CommitSize {
  #mutations = 0;
  #keys = 0;
  #bytes = 0;

  constructor(checks: readonly KvCheck[]) {
    for (const { key } of checks) this.#addKey(key);
  }

  get fits(): boolean {
    return this.#mutations <= KV_MUTATIONS_MAX && this.#keys <= KV_KEYS_BYTES_MAX &&
      this.#bytes <= KV_COMMIT_BYTES_MAX;
  }

  add({ key, value }: KvWrite): void {
    this.#mutations++;
    this.#addKey(key);
    if (value instanceof Uint8Array) this.#bytes += value.length;
  }

  #addKey(key: KvKey): void {
    const bytes = keyBytes(key);
    this.#keys += bytes;
    this.#bytes += bytes + WRITE_BYTES;
  }
}
