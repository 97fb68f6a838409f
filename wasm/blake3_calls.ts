/**
 * Calls blake3.wat: cuts messages into batches, copies them in, and copies digests out.
 *
 * A batch fits the regions that kernel.wat sets aside for it. A message longer than a chunk is a tree:
 * its chunks go in as messages of their own, then their digests in pairs, level by level.
 */
import { checkMessages, contextBytes, DIGEST_BYTES, type Kernel } from "./kernel_port.ts";

/** The function `hash` of the module; blake3.wat says what it takes. */
type Hash = (
  ...it: [
    base: number,
    ends: number,
    count: number,
    out: number,
    chunk: number,
    step: number,
    flags: number,
    first: number,
    last: number,
  ]
) => void;

const CONSTANTS_AT = 0x3c0;
const KEY_AT = 0x3e0;
const ENDS_AT = 0x11000;
const DIGESTS_AT = 0x15000;
const MESSAGES_AT = 0x35000;

/** What fits into the regions at a time. */
const BATCH_MESSAGES_MAX = 4_096;
const BATCH_BYTES_MAX = 128 * 1024;

const CHUNK_BYTES = 1024;
const PAIR_BYTES = 2 * DIGEST_BYTES;

const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;
const KEYED = 16;
const CONTEXT = 32;
const MATERIAL = 64;

/** The half of a kernel that hashes. `memory` is all of the module's. */
export function blake3Calls(
  exports: WebAssembly.Exports,
  memory: Uint8Array,
): Pick<Kernel, "hashAll" | "deriveKey"> {
  const lanes = new Lanes(exports["hash"] as Hash, memory);
  return {
    hashAll(messages, ends, key) {
      const longest = checkMessages(messages, ends, key);
      lanes.start(key);
      const flags = key ? KEYED : 0;
      // The usual case: all of them fit at a time.
      return longest <= CHUNK_BYTES && messages.length <= BATCH_BYTES_MAX &&
          ends.length <= BATCH_MESSAGES_MAX
        ? lanes.hashFew(messages, ends, flags)
        : lanes.hashMany(messages, ends, flags);
    },
    deriveKey(context, material) {
      const words = contextBytes(context, material);
      lanes.start();
      lanes.start(lanes.hash(words, CONTEXT));
      return lanes.hash(material, MATERIAL);
    },
  };
}

class Lanes {
  readonly #hash: Hash;
  readonly #memory: Uint8Array;
  readonly #ends: Uint32Array;
  /** What stands in the place of a key where there is none. */
  readonly #constants: Uint8Array;

  constructor(hash: Hash, memory: Uint8Array) {
    this.#hash = hash;
    this.#memory = memory;
    this.#ends = new Uint32Array(memory.buffer, ENDS_AT, BATCH_MESSAGES_MAX);
    this.#constants = memory.slice(CONSTANTS_AT, CONSTANTS_AT + DIGEST_BYTES);
  }

  /** Says where the messages of the following calls start. */
  start(key: Uint8Array = this.#constants): void {
    this.#memory.set(key, KEY_AT);
  }

  /** The digest of one message, of any length. */
  hash(message: Uint8Array, flags: number): Uint8Array {
    return message.length > CHUNK_BYTES
      ? this.#tree(message, flags)
      : this.hashFew(message, Uint32Array.of(message.length), flags);
  }

  /** For messages that fit at a time. */
  hashFew(messages: Uint8Array, ends: Uint32Array, flags: number): Uint8Array {
    this.#ends.set(ends);
    this.#batch(messages, ends.length, flags);
    return this.#memory.slice(DIGESTS_AT, DIGESTS_AT + ends.length * DIGEST_BYTES);
  }

  hashMany(messages: Uint8Array, ends: Uint32Array, flags: number): Uint8Array {
    const digests = new Uint8Array(ends.length * DIGEST_BYTES);
    let from = 0;
    for (let first = 0; first < ends.length;) {
      const staged = this.#stage(from, first, ends);
      const count = Math.max(staged, 1);
      const to = ends[first + count - 1] ?? from;
      const part = messages.subarray(from, to);
      if (staged > 0) this.#batch(part, staged, flags);
      const made = staged > 0 ? this.#digests(staged) : this.#tree(part, flags);
      digests.set(made, first * DIGEST_BYTES);
      first += count;
      from = to;
    }
    return digests;
  }

  /** Hashes messages whose ends are staged. */
  #batch(messages: Uint8Array, count: number, flags: number): void {
    this.#memory.set(messages, MESSAGES_AT);
    this.#call(count, 0, 0, flags, CHUNK_START, CHUNK_END | ROOT);
  }

  /** Writes the ends of a batch, and says how many there are: none before a message of many chunks. */
  #stage(from: number, first: number, ends: Uint32Array): number {
    const countMax = Math.min(BATCH_MESSAGES_MAX, ends.length - first);
    const staged = this.#ends;
    let last = 0;
    for (let count = 0; count < countMax; count++) {
      const end = (ends[first + count] ?? 0) - from;
      if (end > BATCH_BYTES_MAX || end - last > CHUNK_BYTES) return count;
      staged[count] = last = end;
    }
    return countMax;
  }

  /** The digest of a message that has more than one chunk. */
  #tree(message: Uint8Array, flags: number): Uint8Array {
    let nodes = new Uint8Array(Math.ceil(message.length / CHUNK_BYTES) * DIGEST_BYTES);
    for (let at = 0; at < message.length; at += BATCH_BYTES_MAX) {
      const part = message.subarray(at, at + BATCH_BYTES_MAX);
      const [count, chunk] = [this.#copyIn(part, CHUNK_BYTES), at / CHUNK_BYTES];
      this.#call(count, chunk, 1, flags, CHUNK_START, CHUNK_END);
      nodes.set(this.#digests(count), chunk * DIGEST_BYTES);
    }
    while (nodes.length > DIGEST_BYTES) nodes = this.#parents(nodes, flags);
    return nodes;
  }

  /** The level above; a digest without a second one moves up as it is. */
  #parents(nodes: Uint8Array, flags: number): Uint8Array<ArrayBuffer> {
    const paired = nodes.length - nodes.length % PAIR_BYTES;
    const parents = new Uint8Array(Math.ceil(nodes.length / PAIR_BYTES) * DIGEST_BYTES);
    parents.set(nodes.subarray(paired), paired / 2);
    for (let at = 0; at < paired; at += BATCH_BYTES_MAX) {
      const part = nodes.subarray(at, Math.min(at + BATCH_BYTES_MAX, paired));
      const count = this.#copyIn(part, PAIR_BYTES);
      this.#call(count, 0, 0, flags | PARENT, 0, nodes.length === PAIR_BYTES ? ROOT : 0);
      parents.set(this.#digests(count), at / 2);
    }
    return parents;
  }

  /** Copies a part in as messages of one length, but for the last; returns how many there are. */
  #copyIn(part: Uint8Array, length: number): number {
    this.#memory.set(part, MESSAGES_AT);
    const count = Math.ceil(part.length / length);
    for (let index = 1; index < count; index++) this.#ends[index - 1] = index * length;
    this.#ends[count - 1] = part.length;
    return count;
  }

  #call(
    count: number,
    chunk: number,
    step: number,
    flags: number,
    first: number,
    last: number,
  ): void {
    this.#hash(MESSAGES_AT, ENDS_AT, count, DIGESTS_AT, chunk, step, flags, first, last);
  }

  /** Of the call before, in the module's memory. */
  #digests(count: number): Uint8Array {
    return this.#memory.subarray(DIGESTS_AT, DIGESTS_AT + count * DIGEST_BYTES);
  }
}
