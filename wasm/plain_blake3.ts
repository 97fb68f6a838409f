/**
 * BLAKE3 with digests of 32 bytes in plain TypeScript: the module's twin, as the paper has it.
 *
 * A message is cut into chunks of 1024 bytes, a chunk into blocks of 64. The blocks of a chunk are
 * compressed one after the other; what comes out are the leaves of a binary tree, whose left halves
 * are as large a power of two as there is room for. The last compression of all is the root.
 */
import { checkMessages, contextBytes, DIGEST_BYTES } from "./kernel_port.ts";

/** Eight words that a compression starts from and gives. */
type Chain = Uint32Array;

/** What goes into a compression. */
interface Compression {
  readonly chain: Chain;
  readonly words: Uint32Array;
  /** Index of the chunk; 0 in a parent. */
  readonly chunk: number;
  /** Of the block, before it was filled up with zeros. */
  readonly bytes: number;
  readonly flags: number;
}

/** Where a message starts: the words of the key, or constants. */
interface Mode {
  readonly chain: Chain;
  readonly flags: number;
}

const BLOCK_BYTES = 64;
const CHUNK_BYTES = 1024;
const ROUNDS = 7;

const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;
const KEYED = 16;
const CONTEXT = 32;
const MATERIAL = 64;

/** The fractions of the square roots of the first eight primes, as in SHA-256. */
const START: Chain = Uint32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a],
  ...[0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);

/** Where the words of a block go before the next round. */
const PERMUTATION: readonly number[] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];

/** The order in which each round takes the words. */
const SCHEDULE: Uint8Array = scheduleOf(ROUNDS);

/** `Kernel.hashAll`. */
export function hashAll(messages: Uint8Array, ends: Uint32Array, key?: Uint8Array): Uint8Array {
  checkMessages(messages, ends, key);
  const mode = key ? { chain: wordsOf(key), flags: KEYED } : { chain: START, flags: 0 };
  const digests = new Uint8Array(ends.length * DIGEST_BYTES);
  let from = 0;
  for (let index = 0; index < ends.length; index++) {
    const to = ends[index] ?? from;
    digests.set(digestOf(messages.subarray(from, to), mode), index * DIGEST_BYTES);
    from = to;
  }
  return digests;
}

/** `Kernel.deriveKey`. */
export function deriveKey(context: string, material: Uint8Array): Uint8Array {
  const key = digestOf(contextBytes(context, material), { chain: START, flags: CONTEXT });
  return digestOf(material, { chain: wordsOf(key), flags: MATERIAL });
}

function digestOf(message: Uint8Array, mode: Mode): Uint8Array {
  const last = treeOf(message, 0, mode);
  return bytesOf(compress({ ...last, flags: last.flags | ROOT }));
}

/** The last compression of the tree over a message, or over a part of one from a chunk on. */
function treeOf(message: Uint8Array, chunk: number, mode: Mode): Compression {
  if (message.length <= CHUNK_BYTES) return chunkOf(message, chunk, mode);
  let left = 1;
  while (left * 2 * CHUNK_BYTES < message.length) left *= 2;
  const words = new Uint32Array(BLOCK_BYTES / 4);
  words.set(compress(treeOf(message.subarray(0, left * CHUNK_BYTES), chunk, mode)));
  words.set(compress(treeOf(message.subarray(left * CHUNK_BYTES), chunk + left, mode)), 8);
  return { chain: mode.chain, words, chunk: 0, bytes: BLOCK_BYTES, flags: mode.flags | PARENT };
}

function chunkOf(message: Uint8Array, chunk: number, mode: Mode): Compression {
  let { chain } = mode;
  let flags = mode.flags | CHUNK_START;
  let at = 0;
  for (; message.length - at > BLOCK_BYTES; at += BLOCK_BYTES) {
    const words = wordsOf(message.subarray(at, at + BLOCK_BYTES));
    chain = compress({ chain, words, chunk, bytes: BLOCK_BYTES, flags });
    flags = mode.flags;
  }
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(message.subarray(at));
  const bytes = message.length - at;
  return { chain, words: wordsOf(block), chunk, bytes, flags: flags | CHUNK_END };
}

function compress({ chain, words, chunk, bytes, flags }: Compression): Chain {
  const state = new Uint32Array(16);
  state.set(chain);
  state.set(START.subarray(0, 4), 8);
  state[12] = chunk;
  state[13] = chunk / 2 ** 32;
  state[14] = bytes;
  state[15] = flags;
  for (let at = 0; at < SCHEDULE.length; at += 16) {
    mix(state, 0, 4, 8, 12, words, at);
    mix(state, 1, 5, 9, 13, words, at + 2);
    mix(state, 2, 6, 10, 14, words, at + 4);
    mix(state, 3, 7, 11, 15, words, at + 6);
    mix(state, 0, 5, 10, 15, words, at + 8);
    mix(state, 1, 6, 11, 12, words, at + 10);
    mix(state, 2, 7, 8, 13, words, at + 12);
    mix(state, 3, 4, 9, 14, words, at + 14);
  }
  const out = new Uint32Array(8);
  for (let index = 0; index < 8; index++) {
    out[index] = state[index]! ^ state[index + 8]!;
  }
  return out;
}

/** Mixes the next two words of the schedule into four words of the state: a column or a diagonal. */
function mix(
  state: Uint32Array,
  first: number,
  second: number,
  third: number,
  fourth: number,
  words: Uint32Array,
  at: number,
): void {
  let a = state[first]!;
  let b = state[second]!;
  let c = state[third]!;
  let d = state[fourth]!;
  a = (a + b + words[SCHEDULE[at]!]!) | 0;
  d = rotated(d ^ a, 16);
  c = (c + d) | 0;
  b = rotated(b ^ c, 12);
  a = (a + b + words[SCHEDULE[at + 1]!]!) | 0;
  d = rotated(d ^ a, 8);
  c = (c + d) | 0;
  b = rotated(b ^ c, 7);
  state[first] = a;
  state[second] = b;
  state[third] = c;
  state[fourth] = d;
}

function rotated(value: number, right: number): number {
  return value >>> right | value << 32 - right;
}

function scheduleOf(rounds: number): Uint8Array {
  const schedule = Uint8Array.from({ length: rounds * 16 }, (_, at) => at);
  for (let at = 16; at < schedule.length; at++) {
    schedule[at] = schedule[at - at % 16 - 16 + PERMUTATION[at % 16]!]!;
  }
  return schedule;
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = new Uint32Array(bytes.length / 4);
  for (let index = 0; index < words.length; index++) words[index] = view.getUint32(index * 4, true);
  return words;
}

function bytesOf(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of words.entries()) view.setUint32(index * 4, value, true);
  return bytes;
}
