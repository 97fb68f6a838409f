/**
 * Writes a request into a module's memory: 16-byte slots, then what they point to.
 *
 *     slot   tag  what
 *     0      4    method
 *     1      4    path and query
 *     2      4    body, as bytes, whatever the method
 *     3      4    headers: "name: value\n", the names in small letters
 *     4, 5   0    for outbound requests: the result, and its number
 *     6 + i       what a caller in the program adds: 4 text, 8 bytes, 2 an integer
 *
 * A slot is a tag byte, three of padding, a word (an address or an integer), eight bytes of zero.
 * Text and bytes are a length word, then the bytes, at an address that 4 divides. At least
 * {@linkcode SLOTS_MIN} slots are there, so that a module which reads one that was not given finds
 * zeros. The host never writes at address 0, where an empty slot points.
 */
import type { ModuleMemory } from "./memory.ts";

/** What a caller in the program may hand over besides a request. */
export type FanoutItem = string | number | Uint8Array;

/** A request as a module gets it. */
export interface WasmRequest {
  /** As it is sent: `GET`. */
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Lines of `name: value\n`, the names in small letters. Characters up to U+00FF are one byte. */
  readonly headers: string;
  /** Empty for none. */
  readonly body: Uint8Array;
  /** From slot 6 on: text, bytes, or integers of 32 bits. */
  readonly fanout?: readonly FanoutItem[];
}

/** An item as it is in memory. */
interface EncodedItem {
  readonly tag: number;
  readonly value: Uint8Array | number;
}

/** Bytes of a slot. */
export const SLOT_BYTES = 16;
/** Slots that a request has at least: six, and four that are empty. */
export const SLOTS_MIN = 10;
/** The slot of an outbound request's result; the next one has its number. */
export const RESULT_SLOT = 4;
/** The first slot of fan-out. */
export const FANOUT_SLOT = 6;
export const TAG_NULL = 0;
export const TAG_I32 = 2;
export const TAG_STRING = 4;
export const TAG_BYTES = 8;
/** Bytes of a length before what it measures. */
export const LENGTH_BYTES = 4;
/** Room that is asked for at first; a larger request asks for twice what there was, or for more. */
const BLOCK_BYTES_MIN = 8 * 1024;

const NO_ITEMS: readonly FanoutItem[] = [];
const NO_ENCODED: readonly EncodedItem[] = [];
const encoder = new TextEncoder();

/** Writes the requests of one instance, into a block that it asks the module for. */
export class RequestWriter {
  readonly #memory: ModuleMemory;
  readonly #malloc: (bytes: number) => number;
  readonly #free: (address: number) => void;
  #address = 0;
  #capacity = 0;
  /** What `#region` is a part of; another when the memory has grown. */
  #seen: Uint8Array | undefined;
  /**
   * Where the headers of a request with few items go: before the other texts, so that it stays one
   * place. A new view each time would cost as much as what is written.
   */
  #region: Uint8Array<ArrayBuffer> = new Uint8Array();

  /** `malloc` gives a block of the module's memory, checked; `free` takes it back. */
  constructor(
    memory: ModuleMemory,
    malloc: (bytes: number) => number,
    free: (address: number) => void,
  ) {
    this.#memory = memory;
    this.#malloc = malloc;
    this.#free = free;
  }

  /**
   * Writes a request; returns its address, which holds until the next one is written.
   *
   * @throws {WasmFault} when the module has no memory for it
   */
  write(request: WasmRequest): number {
    const { method, target, headers, body, fanout = NO_ITEMS } = request;
    const slots = Math.max(SLOTS_MIN, FANOUT_SLOT + fanout.length);
    const items = fanout.length === 0 ? NO_ENCODED : fanout.map(encodedItem);
    let rest = blockBytes(body.length);
    for (const { value } of items) rest += typeof value === "number" ? 0 : blockBytes(value.length);
    this.#reserve(
      slots * SLOT_BYTES + blockBytes(method.length) + blockBytes(target.length) +
        blockBytes(headers.length) + rest,
    );
    const { read, written } = encoder.encodeInto(headers, this.#textRegion(slots));
    let at = this.#address + slots * SLOT_BYTES + blockBytes(headers.length) + LENGTH_BYTES;
    // As many bytes as characters: all of them are ASCII, so every text is where it was planned.
    if (
      read === headers.length && written === headers.length &&
      this.#putAscii(method, at) && this.#putAscii(target, at + blockBytes(method.length))
    ) {
      at = this.#pointTo(slots, method.length, target.length, headers.length);
    } else {
      const pieces = [
        headerBytes(headers),
        encoder.encode(method),
        encoder.encode(target),
      ] as const;
      const room = pieces.reduce((sum, { length }) => sum + blockBytes(length), 0);
      this.#reserve(slots * SLOT_BYTES + room + rest);
      at = this.#address + slots * SLOT_BYTES + LENGTH_BYTES;
      for (const piece of pieces) {
        this.#memory.bytes.set(piece, at);
        at += blockBytes(piece.length);
      }
      at = this.#pointTo(slots, pieces[1].length, pieces[2].length, pieces[0].length);
    }
    at = this.#put(2, TAG_STRING, body, at);
    if (items.length > 0) this.#putItems(items, at);
    return this.#address;
  }

  /** Hands the result of an outbound request to the request that was written last. */
  setResult(address: number, index: number): void {
    this.#fill(RESULT_SLOT, TAG_STRING, address);
    this.#fill(RESULT_SLOT + 1, TAG_I32, index);
  }

  /** Empties the slots, and points the first ones to texts of these bytes; returns what is free then. */
  #pointTo(slots: number, method: number, target: number, headers: number): number {
    const { bytes, view } = this.#memory;
    const start = this.#address + slots * SLOT_BYTES;
    bytes.fill(0, this.#address, start);
    const methodAt = start + blockBytes(headers);
    const targetAt = methodAt + blockBytes(method);
    view.setUint32(start, headers, true);
    view.setUint32(methodAt, method, true);
    view.setUint32(targetAt, target, true);
    this.#fill(0, TAG_STRING, methodAt);
    this.#fill(1, TAG_STRING, targetAt);
    this.#fill(3, TAG_STRING, start);
    return targetAt + blockBytes(target);
  }

  /** Short texts that are mostly ASCII: a loop is faster than the encoder. `false` if it is none. */
  #putAscii(text: string, at: number): boolean {
    const { bytes } = this.#memory;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return false;
      bytes[at + index] = unit;
    }
    return true;
  }

  #putItems(items: readonly EncodedItem[], start: number): void {
    let at = start;
    for (const [index, { tag, value }] of items.entries()) {
      if (typeof value === "number") this.#fill(FANOUT_SLOT + index, tag, value);
      else at = this.#put(FANOUT_SLOT + index, tag, value, at);
    }
  }

  #put(slot: number, tag: number, value: Uint8Array, at: number): number {
    const { bytes, view } = this.#memory;
    view.setUint32(at, value.length, true);
    bytes.set(value, at + LENGTH_BYTES);
    this.#fill(slot, tag, at);
    return at + blockBytes(value.length);
  }

  #fill(slot: number, tag: number, value: number): void {
    const at = this.#address + slot * SLOT_BYTES;
    this.#memory.bytes[at] = tag;
    this.#memory.view.setInt32(at + 4, value, true);
  }

  #textRegion(slots: number): Uint8Array<ArrayBuffer> {
    const { bytes } = this.#memory;
    const end = this.#address + this.#capacity;
    if (slots > SLOTS_MIN) {
      return bytes.subarray(this.#address + slots * SLOT_BYTES + LENGTH_BYTES, end);
    }
    if (this.#seen !== bytes) {
      this.#seen = bytes;
      this.#region = bytes.subarray(this.#address + slots * SLOT_BYTES + LENGTH_BYTES, end);
    }
    return this.#region;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#capacity) return;
    const capacity = aligned(Math.max(BLOCK_BYTES_MIN, this.#capacity * 2, bytes));
    if (this.#address !== 0) this.#free(this.#address);
    // Whatever happens in the module now, the block that it took back is not written to again.
    this.#capacity = 0;
    this.#seen = undefined;
    this.#address = this.#malloc(capacity);
    this.#capacity = capacity;
  }
}

/** Bytes of a length and of what it measures, up to the next address that 4 divides. */
export function blockBytes(length: number): number {
  return LENGTH_BYTES + aligned(length);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** The bytes of a header are characters up to U+00FF in a `Headers`; they come out as they came in. */
function headerBytes(headers: string): Uint8Array {
  const bytes = new Uint8Array(headers.length);
  for (let at = 0; at < headers.length; at++) {
    const unit = headers.charCodeAt(at);
    if (unit > 0xff) return encoder.encode(headers);
    bytes[at] = unit;
  }
  return bytes;
}

function encodedItem(item: FanoutItem): EncodedItem {
  if (typeof item === "string") return { tag: TAG_STRING, value: encoder.encode(item) };
  return { tag: typeof item === "number" ? TAG_I32 : TAG_BYTES, value: item };
}
