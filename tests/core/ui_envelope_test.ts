/** The short way through the envelopes of the live UI, against the codec. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeUp, encodeDown, encodeUp } from "../../core/wire/messages.ts";
import { SHORT_BODY_BYTES_MAX, shortUiBody, uiEnvelope } from "../../core/wire/ui_envelope.ts";

const LENGTHS = [0, 1, 2, 50, ...[-1, 0, 1, 2, 3].map((by) => SHORT_BODY_BYTES_MAX + by), 20_000];

Deno.test("an envelope is what the codec writes, and read where it is short", () => {
  for (const length of LENGTHS) {
    const body = new Uint8Array(length).map((_, index) => index);
    assertEquals(uiEnvelope(body), encodeDown(0, { kind: "ui", body }));
    const isShort = length > 0 && length <= SHORT_BODY_BYTES_MAX;
    const frame = encodeUp(0, { kind: "ui", body });
    assertEquals(shortUiBody(frame), isShort ? body : undefined);
    assertEquals(shortUiBody(encodeUp(3, { kind: "ui", body })), undefined);
    assertEquals(shortUiBody(encodeUp(0, { kind: "reconcile", body })), undefined);
    for (const end of [frame.length - 1, 3, 0]) {
      assertEquals(shortUiBody(frame.subarray(0, end)), undefined);
    }
  }
});

Deno.test("what is read the short way, the codec reads alike", () => {
  const frames = fc.record({
    body: fc.uint8Array({ maxLength: SHORT_BODY_BYTES_MAX + 10 }),
    at: fc.nat(5),
    byte: fc.nat(255),
    tail: fc.uint8Array({ maxLength: 1 }),
  }).map(({ body, at, byte, tail }) => {
    const frame = Uint8Array.of(...encodeUp(0, { kind: "ui", body }), ...tail);
    // Most are broken somewhere in their heads.
    return frame.map((right, index) => index === at ? byte : right);
  });
  let short = 0;
  fc.assert(
    fc.property(frames, (frame) => {
      const body = shortUiBody(frame);
      if (body === undefined) return;
      short++;
      assertEquals(decodeUp(frame), { channel: 0, message: { kind: "ui", body } });
    }),
    { numRuns: 20_000 },
  );
  assert(short > 1_000);
});
