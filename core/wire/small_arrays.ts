/**
 * Small arrays of bytes, many in one block of memory.
 *
 * On Deno an array of a few bytes takes most of a microsecond to make, several times as long as to write
 * a message into it; a view of a block that is there takes a twentieth of that. A block lives as long as
 * anything that is in it.
 */

/** What one block holds, in bytes; what is longer has a block of its own. */
const BLOCK_BYTES = 1024;

/** The newest block, and how much of it is given away. */
let block: Uint8Array<ArrayBuffer> = /* @__PURE__ */ new Uint8Array();
let used = 0;

/** An array of zeros of this length, in bytes. It may begin anywhere in its buffer. */
export function smallArray(length: number): Uint8Array<ArrayBuffer> {
  if (used + length > block.length) {
    block = new Uint8Array(Math.max(length, BLOCK_BYTES));
    used = 0;
  }
  return block.subarray(used, used += length);
}

/** A copy of some bytes; as {@linkcode smallArray}. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = smallArray(bytes.length);
  copy.set(bytes);
  return copy;
}
