/**
 * Frames of an append-only log: where each one ends, and whether it still is what was written.
 *
 *     length of the text, 4 bytes │ CRC-32 of length and text, 4 bytes │ JSON text in UTF-8
 *
 * Numbers are little-endian.
 */

/** One frame as it was found. */
export interface Frame {
  readonly text: string;
  /** Where the next one begins. */
  readonly end: number;
}

/**
 * Bytes of the text of one frame. No four bytes of JSON text make so small a number, because none of
 * them is below 0x20: so nothing inside a frame can pass for the head of another.
 */
export const FRAME_BYTES_MAX: number = 64 * 1024 * 1024;
const HEAD_BYTES = 8;
const LENGTH_BYTES = 4;
/** Polynomial of CRC-32 as zip and PNG have it, bits reversed. */
const POLYNOMIAL = 0xedb88320;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** Makes a frame of a text; `null` when that is empty, or longer than {@linkcode FRAME_BYTES_MAX}. */
export function encodeFrame(text: string): Uint8Array<ArrayBuffer> | null {
  const payload = new TextEncoder().encode(text);
  if (!isLength(payload.length)) return null;
  const frame = new Uint8Array(HEAD_BYTES + payload.length);
  const head = new DataView(frame.buffer);
  head.setUint32(0, payload.length, true);
  frame.set(payload, HEAD_BYTES);
  head.setUint32(LENGTH_BYTES, checksum(frame), true);
  return frame;
}

/** The frame at a place; `null` where there is none, or not the whole of it, or another one. */
export function readFrame(bytes: Uint8Array, at: number): Frame | null {
  if (bytes.length - at < HEAD_BYTES) return null;
  const head = new DataView(bytes.buffer, bytes.byteOffset + at, HEAD_BYTES);
  const length = head.getUint32(0, true);
  const end = at + HEAD_BYTES + length;
  if (!isLength(length) || end > bytes.length) return null;
  const frame = bytes.subarray(at, end);
  if (checksum(frame) !== head.getUint32(LENGTH_BYTES, true)) return null;
  return { text: new TextDecoder().decode(frame.subarray(HEAD_BYTES)), end };
}

/** Whether a whole frame stands anywhere from a place on. */
export function hasFrameFrom(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at <= bytes.length - HEAD_BYTES; at++) {
    if (readFrame(bytes, at) !== null) return true;
  }
  return false;
}

/** Zeros, which a power cut may leave, have no text: they are no frame. */
function isLength(length: number): boolean {
  return length > 0 && length <= FRAME_BYTES_MAX;
}

/** Of all of a frame but the checksum itself. */
function checksum(frame: Uint8Array): number {
  const crc = advance(0xffffffff, frame.subarray(0, LENGTH_BYTES));
  return ~advance(crc, frame.subarray(HEAD_BYTES)) >>> 0;
}

function advance(crc: number, bytes: Uint8Array): number {
  for (const byte of bytes) crc = crc >>> 8 ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return crc;
}
