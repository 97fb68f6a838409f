/**
 * Writes what outbound requests brought into a module's memory: results of 64 bytes, one after the
 * other, then what they point to, in one block.
 *
 *     slot   tag  what
 *     0      2    status
 *     1      4    content type
 *     2      4    body, as bytes, whatever they are
 *     3      4    headers: "name: value\n", the names in small letters
 *
 * A module that knows only the first three slots of a result finds them where it looks. A slot is a
 * tag byte, three of padding, a word, eight bytes of zero; text and bytes are a length word, then the
 * bytes, at an address that 4 divides.
 */
import type { ModuleMemory } from "./memory.ts";
import { blockBytes, LENGTH_BYTES, SLOT_BYTES, TAG_I32, TAG_STRING } from "./request_slots.ts";

/** What an outbound request brought. */
export interface FetchResult {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** Lines of `name: value\n`, one character a byte. */
  readonly headers: string;
}

/** Where results are written. */
export interface ResultTarget {
  readonly memory: ModuleMemory;
  /** A block of its memory, checked. It runs the module. */
  malloc(bytes: number): number;
}

/** Slots of one result. */
const RESULT_SLOTS = 4;
/** Bytes from one result to the next. */
export const RESULT_BYTES = RESULT_SLOTS * SLOT_BYTES;

const encoder = new TextEncoder();

/**
 * Writes results; returns the address of the first.
 *
 * @throws {WasmFault} when the module has no memory for them
 */
export function writeResults(target: ResultTarget, results: readonly FetchResult[]): number {
  const blocks = results.map(({ contentType, body, headers }) =>
    [encoder.encode(contentType), body, byteString(headers)] as const
  );
  const slots = results.length * RESULT_BYTES;
  const room = blocks.flat().reduce((sum, { length }) => sum + blockBytes(length), slots);
  const address = target.malloc(room);
  const { bytes, view } = target.memory;
  bytes.fill(0, address, address + slots);
  let free = address + slots;
  for (const [index, block] of blocks.entries()) {
    const at = address + index * RESULT_BYTES;
    bytes[at] = TAG_I32;
    view.setInt32(at + LENGTH_BYTES, results[index]?.status ?? 0, true);
    for (const [slot, value] of block.entries()) {
      const slotAt = at + (slot + 1) * SLOT_BYTES;
      bytes[slotAt] = TAG_STRING;
      view.setUint32(slotAt + LENGTH_BYTES, free, true);
      view.setUint32(free, value.length, true);
      bytes.set(value, free + LENGTH_BYTES);
      free += blockBytes(value.length);
    }
  }
  return address;
}

/** The headers of a response as lines; `left out` says which do not describe what the module gets. */
export function headerLines(headers: Headers, isLeftOut: (name: string) => boolean): string {
  let lines = "";
  headers.forEach((value, name) => {
    if (!isLeftOut(name)) lines += `${name}: ${value}\n`;
  });
  return lines;
}

/** Header values are bytes, which `Headers` shows as one character each. */
function byteString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
