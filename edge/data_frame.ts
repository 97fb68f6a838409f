/** Whole binary messages of a server as WebSocket frames (RFC 6455, section 5.2): unmasked, in one piece. */
import { smallArray } from "../core/wire/small_arrays.ts";

/** Messages above this many bytes are not copied behind their header. */
export const FRAMED_BYTES_MAX = 4 * 1024;

/** FIN, and the opcode of a binary message. */
const WHOLE_BINARY = 0x82;
/** The longest message whose length stands in the second byte itself. */
const SHORT_BYTES_MAX = 125;
/** Stands in the second byte for a length in the two that follow. */
const LENGTH_FOLLOWS = 126;

/** The frame of a message of up to {@linkcode FRAMED_BYTES_MAX} bytes. */
export function dataFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = message;
  const isShort = length <= SHORT_BYTES_MAX;
  const start = isShort ? 2 : 4;
  const frame = smallArray(start + length);
  frame[0] = WHOLE_BINARY;
  frame[1] = isShort ? length : LENGTH_FOLLOWS;
  if (!isShort) {
    frame[2] = length >> 8;
    frame[3] = length;
  }
  frame.set(message, start);
  return frame;
}
