/**
 * The headers of responses, from bytes: what was read once, and comes again, is not read anew.
 *
 * A module mostly answers with the same few headers. Those bytes are kept with what they mean, and
 * compared whole, so that no response gets the headers of another; what may be a secret is not kept.
 */

import type { ModuleMemory } from "./memory.ts";

/** Names in small letters, and values. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** Where the headers of a response are. */
export interface HeaderBytes {
  readonly typeAt: number;
  readonly typeBytes: number;
  readonly headersAt: number;
  readonly headerBytes: number;
}

interface Entry {
  /** The content type, then the headers. */
  readonly kept: DataView;
  readonly typeBytes: number;
  readonly pairs: HeaderPairs;
}

/** Different headers of one module that are kept at once. */
export const HEADER_ENTRIES_MAX = 256;
/** Bytes of headers that are kept; longer ones are read each time. */
export const HEADER_ENTRY_BYTES_MAX = 2 * 1024;

const SECRET = /cookie|auth|token|session|secret|key|csrf|nonce/i;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What a value may hold, byte by byte: no control character but the tab. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/**
 * The server's own to say: a module that says otherwise could cut the connection's messages apart, or
 * have a browser guess what a body is.
 */
const OWN_NAMES: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "content-type",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-content-type-options",
]);

/** The headers of one module's responses. */
export class HeaderCache {
  readonly #entries = new Map<number, Entry>();

  /** How many are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** The headers that are at these places of a memory. */
  pairs({ bytes: memory, view }: ModuleMemory, at: HeaderBytes): HeaderPairs {
    const { typeAt, typeBytes, headersAt, headerBytes } = at;
    const total = typeBytes + headerBytes;
    if (total > HEADER_ENTRY_BYTES_MAX) return parsed(joined(memory, at), typeBytes);
    const key = keyOf(memory, at);
    const entry = this.#entries.get(key);
    if (
      entry !== undefined && entry.typeBytes === typeBytes && entry.kept.byteLength === total &&
      isSame(entry.kept, 0, view, typeAt, typeBytes) &&
      isSame(entry.kept, typeBytes, view, headersAt, headerBytes)
    ) {
      return entry.pairs;
    }
    const bytes = joined(memory, at);
    const pairs = parsed(bytes, typeBytes);
    if (pairs.some((pair) => SECRET.test(pair.join()))) return pairs;
    if (this.#entries.size >= HEADER_ENTRIES_MAX) this.#entries.clear();
    this.#entries.set(key, { kept: new DataView(bytes.buffer), typeBytes, pairs });
    return pairs;
  }
}

/** Finds an entry, no more than that: the bytes decide. */
function keyOf(memory: Uint8Array, at: HeaderBytes): number {
  const { typeAt, typeBytes, headersAt, headerBytes } = at;
  const first = typeBytes > 0 ? memory[typeAt + typeBytes - 1] ?? 0 : 0;
  const last = headerBytes > 1 ? memory[headersAt + headerBytes - 2] ?? 0 : 0;
  return (typeBytes << 21) ^ (headerBytes << 10) ^ (first << 5) ^ last;
}

/** Compares bytes, by words as far as there are any. */
function isSame(
  kept: DataView,
  start: number,
  memory: DataView,
  at: number,
  length: number,
): boolean {
  let index = 0;
  for (; index + 4 <= length; index += 4) {
    if (kept.getInt32(start + index, true) !== memory.getInt32(at + index, true)) return false;
  }
  for (; index < length; index++) {
    if (kept.getUint8(start + index) !== memory.getUint8(at + index)) return false;
  }
  return true;
}

function joined(memory: Uint8Array, at: HeaderBytes): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(at.typeBytes + at.headerBytes);
  bytes.set(memory.subarray(at.typeAt, at.typeAt + at.typeBytes));
  bytes.set(memory.subarray(at.headersAt, at.headersAt + at.headerBytes), at.typeBytes);
  return bytes;
}

function parsed(bytes: Uint8Array, typeBytes: number): HeaderPairs {
  const text = byteString(bytes);
  const pairs: (readonly [string, string])[] = [];
  const type = text.slice(0, typeBytes).trim();
  if (type !== "" && VALUE.test(type)) pairs.push(["content-type", type]);
  for (const line of text.slice(typeBytes).split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "");
    if (NAME.test(name) && VALUE.test(value) && !OWN_NAMES.has(name)) pairs.push([name, value]);
  }
  return pairs;
}

/** One character a byte, as `Headers` has them: bytes go out as the module wrote them. */
function byteString(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
