/** The bridge's own codec agrees with the one that servers use. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Down, Up } from "../../core/wire/messages_gen.ts";
import { BrowserMessage, ServerMessage } from "../../core/wire/ui_gen.ts";
import { arrivalOf, browserFrame, PING } from "../../ui/client/bridge_wire.ts";

const uint = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const text = fc.string({ unit: "grapheme", maxLength: 300 });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => new Uint8Array(array));

const browserMessages = fc.record({
  ...{ kind: uint, target: uint, instance: uint, slot: uint, input: uint, value: text, data: text },
  ...{ name: text, call: uint, error: text, island: text, session: text, seq: uint, table: text },
  url: text,
});

const serverMessages = fc.record({
  ...{ kind: uint, target: uint, seq: uint, ops: bytes, texts: fc.array(text), ack: uint },
  ...{ table: text, session: text, html: text, call: uint, name: text, args: text, code: text },
  ...{ error: text, numbers: bytes },
  ...{ part: fc.constant(new Uint8Array()), more: fc.constant(false) },
});

const ABSENT = ServerMessage.decode(new Uint8Array());

Deno.test("bridge writes messages that the server's codec reads", () => {
  fc.assert(fc.property(browserMessages, (message) => {
    const { ui, channel } = Up.decode(browserFrame(message));
    assertEquals(channel, 0);
    assertEquals(BrowserMessage.decode(ui?.body ?? new Uint8Array()), message);
  }));
});

Deno.test("bridge leaves out fields that say nothing", () => {
  assertEquals(browserFrame({ kind: 1, target: 0, instance: 3, slot: 2, data: "" }).length, 10);
  assertEquals(Up.decode(PING).ping, {});
});

Deno.test("bridge reads messages that the server's codec writes", () => {
  fc.assert(fc.property(serverMessages, (message) => {
    const frame = Down.encode({ channel: 0, ui: { body: ServerMessage.encode(message) } });
    assertEquals({ ...ABSENT, ...arrivalOf(frame).message }, message);
  }));
});

Deno.test("bridge passes over what is not for it, and hears how long to stay away", () => {
  const nothing = { message: undefined, held: undefined, retryAfterMs: undefined };
  assertEquals(arrivalOf(Down.encode({ channel: 0, pong: { time: 12 } })), nothing);
  const failure = { code: "unavailable", error: "Later", retryAfterMs: 2500 };
  assertEquals(arrivalOf(Down.encode({ channel: 0, failure })), { ...nothing, retryAfterMs: 2500 });
});

Deno.test("bridge puts messages together that come in parts, whatever else comes between them", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(serverMessages, sizes, (message, sizes) => {
    const whole = ServerMessage.encode(message);
    let held: Uint8Array | undefined;
    let at = 0;
    for (const size of [...sizes, whole.length]) {
      if (at >= whole.length) break;
      const part = whole.slice(at, at += size);
      const more = at < whole.length;
      const body = ServerMessage.encode({ ...ABSENT, part, more });
      const arrival = arrivalOf(Down.encode({ channel: 0, ui: { body } }), held);
      if (!more) assertEquals({ ...ABSENT, ...arrival.message }, message);
      assertEquals([arrival.message === undefined, arrival.held !== undefined], [more, more]);
      held = arrival.held;
      if (more) held = arrivalOf(Down.encode({ channel: 0, pong: { time: 1 } }), held).held;
    }
  }));
});
