/**
 * The headers of responses, from bytes: what was read once, and comes again, is not read anew.
 *
 * A module mostly answers with the same few headers. Those bytes are kept with what they mean, and
 * compared whole, so that no response gets the headers of another; what may be a secret is not kept.
 */

import { COOKIE_NAME } from "../identity.ts";
import { WasmFault } from "./fault.ts";
import type { ModuleMemory } from "./memory.ts";

/** Names in small letters, and values. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** Where the headers of a response are. */
interface HeaderBytes {
  readonly typeAt: number;
  readonly typeBytes: number;
  readonly headersAt: number;
  readonly headerBytes: number;
}

interface Entry {
  readonly key: number;
  /** The content type, then the headers. */
  readonly kept: DataView;
  readonly typeBytes: number;
  readonly pairs: HeaderPairs;
}

/** Headers of one response. Runtimes look at each of them for each other one, which takes seconds soon. */
export const RESPONSE_HEADERS_MAX = 256;
/** Different headers of one module that are kept at once. */
export const HEADER_ENTRIES_MAX = 256;
/** Bytes of headers that are kept; longer ones are read each time. */
export const HEADER_ENTRY_BYTES_MAX = 2 * 1024;

const NOTHING: Entry = {
  key: -1,
  kept: new DataView(new ArrayBuffer(0)),
  typeBytes: -1,
  pairs: [],
};
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

/** Of what is kept: a runtime takes a third of the time to copy these that it takes for a list. */
const ready = new WeakMap<HeaderPairs, Headers>();

/** The headers of a response of the web, with the word that a browser must not guess what the body is. */
export function webHeaders(pairs: HeaderPairs): Headers | [string, string][] {
  return ready.get(pairs) ?? listed(pairs);
}

function listed(pairs: HeaderPairs): [string, string][] {
  return [["x-content-type-options", "nosniff"], ...pairs] as [string, string][];
}

/** The headers of one module's responses. */
export class HeaderCache {
  readonly #entries = new Map<number, Entry>();
  /** The one that was found last: mostly the next one as well. */
  #latest: Entry = NOTHING;

  /** How many are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The headers that are at these places of a memory. The numbers come one by one: an object of them
   * for each response would cost as much as the comparison.
   *
   * @throws {WasmFault} `wasm_bad_response` when there are too many
   */
  pairs(
    { bytes: memory, view }: ModuleMemory,
    typeAt: number,
    typeBytes: number,
    headersAt: number,
    headerBytes: number,
  ): HeaderPairs {
    const key = keyOf(memory, typeAt, typeBytes, headersAt, headerBytes);
    const entry = this.#latest.key === key ? this.#latest : this.#entries.get(key);
    if (
      entry !== undefined && entry.typeBytes === typeBytes &&
      entry.kept.byteLength === typeBytes + headerBytes &&
      isSame(entry.kept, 0, view, typeAt, typeBytes) &&
      isSame(entry.kept, typeBytes, view, headersAt, headerBytes)
    ) {
      this.#latest = entry;
      return entry.pairs;
    }
    return this.#read(key, memory, { typeAt, typeBytes, headersAt, headerBytes });
  }

  #read(key: number, memory: Uint8Array, at: HeaderBytes): HeaderPairs {
    const bytes = joined(memory, at);
    const pairs = parsed(bytes, at.typeBytes);
    if (bytes.length > HEADER_ENTRY_BYTES_MAX) return pairs;
    if (pairs.some((pair) => SECRET.test(pair.join()))) return pairs;
    if (this.#entries.size >= HEADER_ENTRIES_MAX) this.#entries.clear();
    const kept = new DataView(bytes.buffer);
    this.#entries.set(key, { key, kept, typeBytes: at.typeBytes, pairs });
    ready.set(pairs, new Headers(listed(pairs)));
    return pairs;
  }
}

/** Finds an entry, no more than that: the bytes decide. */
function keyOf(
  memory: Uint8Array,
  typeAt: number,
  typeBytes: number,
  headersAt: number,
  headerBytes: number,
): number {
  const first = typeBytes > 0 ? memory[typeAt + typeBytes - 1] ?? 0 : 0;
  const last = headerBytes > 1 ? memory[headersAt + headerBytes - 2] ?? 0 : 0;
  return (typeBytes << 21) ^ (headerBytes << 10) ^ (first << 5) ^ last;
}

/** Compares bytes, by four words at a time as far as there are any: this is most of what reading takes. */
function isSame(
  kept: DataView,
  start: number,
  memory: DataView,
  at: number,
  length: number,
): boolean {
  let index = 0;
  for (; index + 16 <= length; index += 16) {
    const one = start + index;
    const other = at + index;
    const difference = (kept.getInt32(one, true) ^ memory.getInt32(other, true)) |
      (kept.getInt32(one + 4, true) ^ memory.getInt32(other + 4, true)) |
      (kept.getInt32(one + 8, true) ^ memory.getInt32(other + 8, true)) |
      (kept.getInt32(one + 12, true) ^ memory.getInt32(other + 12, true));
    if (difference !== 0) return false;
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
    const value = trimmed(line, colon + 1);
    // Nobody is signed in as somebody else by a module.
    if (name === "set-cookie" && value.includes(COOKIE_NAME)) continue;
    if (NAME.test(name) && VALUE.test(value) && !OWN_NAMES.has(name)) pairs.push([name, value]);
  }
  if (pairs.length > RESPONSE_HEADERS_MAX) {
    throw new WasmFault("wasm_bad_response", `Cannot take ${pairs.length} headers`);
  }
  return pairs;
}

/** A line from there on without the blanks around it: a pattern would try each blank with all others. */
function trimmed(line: string, start: number): string {
  const isBlank = (index: number) => line[index] === " " || line[index] === "\t";
  let from = start;
  let to = line.length;
  while (from < to && isBlank(from)) from++;
  while (to > from && isBlank(to - 1)) to--;
  return line.slice(from, to);
}

/** One character a byte, as `Headers` has them: bytes go out as the module wrote them. */
function byteString(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
