/** Frames are read back as written, or not at all. */
import { assert, assertEquals } from "@std/assert";
import {
  encodeFrame,
  FRAME_BYTES_MAX,
  hasFrameFrom,
  readFrame,
} from "../../ui/client/log_frames.ts";

Deno.test("A frame has the checksum that other programs would make", () => {
  const frame = encodeFrame("123456789");
  assert(frame !== null);
  // CRC-32 of 09 00 00 00 and the nine digits, as zlib has it.
  assertEquals(frame.slice(4, 8), new Uint8Array([0xe2, 0x61, 0x1c, 0xa5]));
  assertEquals(readFrame(frame, 0), { text: "123456789", end: frame.length });
});

Deno.test("A frame is found behind anything, and nowhere in its own text", () => {
  const frame = encodeFrame(JSON.stringify({ text: "\u0001\u0000\u{1f600}".repeat(50) }));
  assert(frame !== null);
  const bytes = new Uint8Array(frame.length + 7);
  bytes.set(frame, 7);
  assert(hasFrameFrom(bytes, 0));
  assert(hasFrameFrom(bytes, 7));
  assert(!hasFrameFrom(bytes, 8));
});

Deno.test("Zeros are no frame", () => {
  assertEquals(readFrame(new Uint8Array(64), 0), null);
  assert(!hasFrameFrom(new Uint8Array(64), 0));
});

Deno.test("A frame holds FRAME_BYTES_MAX bytes and no more, and not nothing", () => {
  assertEquals(encodeFrame(""), null);
  for (const [length, fits] of [[-1, true], [0, true], [1, false]] as const) {
    const text = " ".repeat(FRAME_BYTES_MAX + length);
    const frame = encodeFrame(text);
    assertEquals(frame !== null, fits, `${text.length} bytes`);
    if (frame !== null) assertEquals(readFrame(frame, 0)?.text === text, true);
  }
});
