/**
 * What a tree knows of its rows: hashes of their keys, digests of their contents, and elements.
 *
 * Names and contents are hashed as UTF-8. Half a surrogate pair, which no stored text has, counts as
 * U+FFFD.
 */
import type { Kernel } from "../ports.ts";
import {
  copyBytes,
  DIGEST_BYTES,
  type FreshRows,
  HASH_BYTES,
  KEY_HEAD_BYTES,
  type RowTable,
  WORD_BYTES,
  writeKeyHead,
  writeU32,
} from "./node_bytes.ts";

/** What happened to a row. */
export interface RowChange {
  /** The collection's name. */
  readonly entity: string;
  /** The record's id, unique within the collection. */
  readonly id: string;
  /** The record as canonical JSON; `null` when it is gone. */
  readonly json: string | null;
}

/** The keys of a scope's tree: domain separation and a salt at once. */
export interface TreeKeys {
  /** For the keys of rows. */
  readonly key: Uint8Array;
  /** For rows. */
  readonly record: Uint8Array;
  /** For leaves. */
  readonly leaf: Uint8Array;
  /** For internal nodes. */
  readonly node: Uint8Array;
}

/** Bits of an element that come from the hash of the key; the other 40 are of the digest. */
export const ELEMENT_PREFIX_BITS = 21;

/** Messages are hashed when so many bytes have gathered. */
const HASHED_AT_BYTES = 256 * 1024;
/** What the lists begin with; they double. */
const FIRST_BYTES = 256;
const FIRST_ROWS = 4;
const UTF8_BYTES_PER_UNIT = 3;
const ASCII_MAX = 127;
/** For longer texts a call of the platform is faster than a loop over the units. */
const LOOP_UNITS_MAX = 64;

const encoder = /* @__PURE__ */ new TextEncoder();

/** The keys of the tree of a scope. */
export function treeKeysOf(kernel: Kernel, scope: string): TreeKeys {
  const material = encoder.encode(scope);
  const derived = (purpose: string) =>
    kernel.deriveKey(`driftless reconcile 1 ${purpose}`, material);
  return {
    key: derived("key"),
    record: derived("record"),
    leaf: derived("leaf"),
    node: derived("node"),
  };
}

/** The digest of one message under a key. */
export function digestOf(kernel: Kernel, key: Uint8Array, message: Uint8Array): Uint8Array {
  return kernel.hashAll(message, Uint32Array.of(message.length), key);
}

/** Writes the element of a row: 8 bytes, little-endian, from 1 to 2^61 - 2. */
export function writeElement(
  target: Uint8Array,
  at: number,
  { hashes, digests }: Pick<RowTable, "hashes" | "digests">,
  row: number,
): void {
  const [hash, digest] = [row * HASH_BYTES, row * DIGEST_BYTES];
  const prefix = (hashes[hash] as number) << 13 | (hashes[hash + 1] as number) << 5 |
    (hashes[hash + 2] as number) >>> 3;
  target[at + 7] = prefix >>> 16;
  target[at + 6] = prefix >>> 8;
  target[at + 5] = prefix;
  let [any, all] = [prefix, prefix === 0x1f_ffff ? 0xff : 0];
  for (let i = 0; i < 5; i++) {
    const byte = digests[digest + i] as number;
    target[at + 4 - i] = byte;
    any |= byte;
    all &= byte;
  }
  // 2^61 - 1 is 0 in this field, and 0 leaves no trace in a sketch.
  if (any === 0 || all === 0xff) {
    target.fill(0, at, at + WORD_BYTES);
    target[at] = 1;
  }
}

/** Messages one after another, which are hashed many at a time. */
export class Messages {
  bytes = new Uint8Array(FIRST_BYTES);
  length = 0;
  #ends = new Uint32Array(FIRST_ROWS);
  #count = 0;

  /** Whether it is time to hash. */
  get isFull(): boolean {
    return this.length >= HASHED_AT_BYTES;
  }

  /** Adds bytes to the message that is being written. */
  add(source: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from);
    copyBytes(this.bytes, this.length, source, from, to);
    this.length += to - from;
  }

  /** Adds an integer of 4 bytes. */
  addU32(value: number): void {
    this.#reserve(4);
    writeU32(this.bytes, this.length, value);
    this.length += 4;
  }

  /** Adds a text. */
  addText(text: string): void {
    this.#reserve(text.length * UTF8_BYTES_PER_UNIT);
    this.length = writeText(this.bytes, this.length, text);
  }

  /** Ends the message that is being written. */
  end(): void {
    if (this.#count === this.#ends.length) this.#ends = grown(this.#ends, 1);
    this.#ends[this.#count++] = this.length;
  }

  /** The digests of all messages since the last call. */
  hash(kernel: Kernel, key: Uint8Array): Uint8Array {
    const messages = this.bytes.subarray(0, this.length);
    const digests = kernel.hashAll(messages, this.#ends.subarray(0, this.#count), key);
    this.length = 0;
    this.#count = 0;
    return digests;
  }

  #reserve(bytes: number): void {
    if (this.length + bytes > this.bytes.length) this.bytes = grown(this.bytes, bytes);
  }
}

/** Changes of rows as a tree takes them: hashed, in the order in which they came. */
export class HashedChanges implements FreshRows {
  count = 0;
  hashWords = new Uint32Array(FIRST_ROWS * 2);
  digestWords = new Uint32Array(FIRST_ROWS * 8);
  hashes = bytesOf(this.hashWords);
  digests = bytesOf(this.digestWords);
  keys = new Uint8Array(FIRST_BYTES);
  keyStarts = new Uint32Array(FIRST_ROWS + 1);
  /** 1 for a row that is gone; its digest means nothing. */
  gone = new Uint8Array(FIRST_ROWS);
  /** How many of them are hashed. */
  #hashed = 0;
  readonly #keyMessages = new Messages();
  readonly #rowMessages = new Messages();

  /** Forgets all changes. */
  clear(): void {
    this.count = 0;
    this.#hashed = 0;
  }

  /** Adds a change; call `finish` after the last one. */
  add({ entity, id, json }: RowChange, kernel: Kernel, treeKeys: TreeKeys): void {
    const row = this.count++;
    if (row === this.gone.length) this.reserve(row * 2);
    this.gone[row] = json === null ? 1 : 0;
    const at = this.keyStarts[row] as number;
    const entityAt = at + KEY_HEAD_BYTES;
    const bytesMax = KEY_HEAD_BYTES + (entity.length + id.length) * UTF8_BYTES_PER_UNIT;
    if (at + bytesMax > this.keys.length) this.keys = grown(this.keys, bytesMax);
    const { keys } = this;
    const idAt = writeText(keys, entityAt, entity);
    const end = this.keyStarts[row + 1] = writeText(keys, idAt, id);
    writeKeyHead(keys, at, idAt - entityAt, end - idAt);
    this.#keyMessages.addU32(idAt - entityAt);
    this.#keyMessages.add(keys, entityAt, end);
    this.#keyMessages.end();
    if (json !== null) {
      this.#rowMessages.addU32(idAt - entityAt);
      this.#rowMessages.add(keys, entityAt, idAt);
      this.#rowMessages.addU32(end - idAt);
      this.#rowMessages.add(keys, idAt, end);
      this.#rowMessages.addText(json);
    }
    this.#rowMessages.end();
    if (this.#rowMessages.isFull || this.#keyMessages.isFull) this.finish(kernel, treeKeys);
  }

  /** Hashes what was added. */
  finish(kernel: Kernel, { key, record }: TreeKeys): void {
    const keyDigests = this.#keyMessages.hash(kernel, key);
    for (let row = this.#hashed; row < this.count; row++) {
      const from = (row - this.#hashed) * DIGEST_BYTES;
      copyBytes(this.hashes, row * HASH_BYTES, keyDigests, from, from + HASH_BYTES);
    }
    this.digests.set(this.#rowMessages.hash(kernel, record), this.#hashed * DIGEST_BYTES);
    this.#hashed = this.count;
  }

  /** Makes room for so many changes in all. */
  reserve(rows: number): void {
    const more = rows - this.gone.length;
    if (more <= 0) return;
    this.hashWords = grown(this.hashWords, more * 2);
    this.digestWords = grown(this.digestWords, more * 8);
    this.hashes = bytesOf(this.hashWords);
    this.digests = bytesOf(this.digestWords);
    this.gone = grown(this.gone, more);
    this.keyStarts = grown(this.keyStarts, more);
  }
}

/** A list with its contents and room for at least so many more. */
export function grown<T extends Uint8Array | Uint32Array | Int32Array>(list: T, more: number): T {
  const length = Math.max(list.length * 2, list.length + more);
  const larger = new (list.constructor as new (length: number) => T)(length);
  larger.set(list);
  return larger;
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer);
}

/** Writes a text as UTF-8, and says where it ends; there is room for it. */
function writeText(bytes: Uint8Array, at: number, text: string): number {
  if (text.length <= LOOP_UNITS_MAX) {
    let index = 0;
    for (; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > ASCII_MAX) break;
      bytes[at + index] = unit;
    }
    if (index === text.length) return at + index;
  }
  return at + encoder.encodeInto(text, bytes.subarray(at)).written;
}
