/**
 * Small arrays of bytes, many in one block of memory.
 *
 * On Deno an array of a few bytes takes most of a microsecond to make, several times as long as to write
 * a message into it; a view of a block that is there takes a twentieth of that. A block lives as long as
 * anything that is in it.
 */

/** What one block holds, in bytes; what is longer has a block of its own. */
const BLOCK_BYTES = 1024;

/** What is left of the newest block. */
let free: Uint8Array<ArrayBuffer> = /* @__PURE__ */ new Uint8Array();

/** An array of zeros of this length, in bytes. It may begin anywhere in its buffer. */
export function smallArray(length: number): Uint8Array<ArrayBuffer> {
  if (length > free.length) free = new Uint8Array(Math.max(length, BLOCK_BYTES));
  const array = free.subarray(0, length);
  free = free.subarray(length);
  return array;
}

/** A copy of some bytes; as {@linkcode smallArray}. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = smallArray(bytes.length);
  copy.set(bytes);
  return copy;
}
