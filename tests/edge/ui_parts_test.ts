/** Messages of islands that are too large for a socket leave in parts, in order, as it takes them. */
import { assertEquals } from "@std/assert";
import { ServerMessage } from "../../core/wire/ui_gen.ts";
import { UI_BODY_BYTES_MAX, UI_PART_BYTES_MAX, UiParts } from "../../edge/ui_parts.ts";

function tab() {
  const sent: Uint8Array[] = [];
  const state = { hasRoom: true, overflow: 0 };
  const parts = new UiParts({
    send: (body) => void sent.push(body),
    isReady: () => state.hasRoom,
    overflow: (bytes) => state.overflow = bytes,
  });
  return { parts, sent, state };
}

const bodyOf = (bytes: number, first = 7) => new Uint8Array(bytes).fill(first);

function joined(messages: readonly Uint8Array[]): number[] {
  return messages.flatMap((body) => [...ServerMessage.decode(body).part]);
}

for (const [bytes, count] of [[-1, 1], [0, 1], [1, 2]] as const) {
  const size = UI_PART_BYTES_MAX + bytes;
  Deno.test(`what is ${bytes} bytes off the size of a part is sent as ${count}`, () => {
    const { parts, sent } = tab();
    const body = bodyOf(size);
    parts.send(body);
    assertEquals(sent.length, count);
    if (count === 1) assertEquals(sent[0], body);
    else assertEquals(joined(sent), [...body]);
  });
}

Deno.test("parts wait for room, nothing passes them, and the last one says so", () => {
  const { parts, sent, state } = tab();
  state.hasRoom = false;
  const large = bodyOf(UI_PART_BYTES_MAX * 2 + 1);
  parts.send(large);
  parts.send(bodyOf(3, 9));
  assertEquals([sent.length, parts.isReady], [0, false]);
  state.hasRoom = true;
  assertEquals(parts.isReady, false);
  parts.drained();
  assertEquals(joined(sent.slice(0, 3)), [...large]);
  const more = sent.slice(0, 3).map((body) => ServerMessage.decode(body).more);
  assertEquals([more, sent[3], parts.isReady], [[true, true, false], bodyOf(3, 9), true]);
});

for (const over of [-1, 0, 1]) {
  Deno.test(`a tab that owes ${over} bytes more than may wait ${over > 0 ? "ends" : "goes on"}`, () => {
    const { parts, sent, state } = tab();
    state.hasRoom = false;
    parts.send(bodyOf(UI_PART_BYTES_MAX + 1));
    parts.send(bodyOf(UI_BODY_BYTES_MAX - UI_PART_BYTES_MAX - 1 + over));
    assertEquals(state.overflow, over > 0 ? UI_BODY_BYTES_MAX + 1 : 0);
    state.hasRoom = true;
    parts.drained();
    const expected = over > 0 ? UI_PART_BYTES_MAX + 1 : UI_BODY_BYTES_MAX + over;
    assertEquals(joined(sent).length, expected);
    state.hasRoom = false;
    parts.send(bodyOf(UI_BODY_BYTES_MAX));
    assertEquals(state.overflow, over > 0 ? UI_BODY_BYTES_MAX + 1 : 0);
  });
}
