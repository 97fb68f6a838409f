/**
 * The envelopes of short messages of the live UI, without the tables of `messages_gen.ts`: nearly all
 * that is said of islands is a few bytes, and the codec takes longer over the envelope than over those.
 */
import { encodeDown } from "./messages.ts";
import { smallArray } from "./small_arrays.ts";

/** The tags of `Up.ui`, `Down.ui` and `Exchange.body` in messages.proto. */
const UP_UI = 0x52;
const DOWN_UI = 0x4a;
const BODY = 0x0a;
/** Two tags, and two lengths of one byte each. */
const HEAD_BYTES = 4;
/** The longest body for which that is so. */
export const SHORT_BODY_BYTES_MAX = 125;

/** What a server says of islands in its envelope: the bytes of {@linkcode encodeDown}. */
export function uiEnvelope(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = body;
  if (length === 0 || length > SHORT_BODY_BYTES_MAX) return encodeDown(0, { kind: "ui", body });
  const bytes = smallArray(HEAD_BYTES + length);
  bytes[0] = DOWN_UI;
  bytes[1] = length + 2;
  bytes[2] = BODY;
  bytes[3] = length;
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

/**
 * The body of a frame that is a short message to islands and nothing else, as a view of the frame;
 * `undefined` for any other, which `decodeUp` reads.
 */
export function shortUiBody(frame: Uint8Array): Uint8Array | undefined {
  const length = frame.length - HEAD_BYTES;
  const isShort = length > 0 && length <= SHORT_BODY_BYTES_MAX && frame[0] === UP_UI &&
    frame[1] === length + 2 && frame[2] === BODY && frame[3] === length;
  return isShort ? frame.subarray(HEAD_BYTES) : undefined;
}
