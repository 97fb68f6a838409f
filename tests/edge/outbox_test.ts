/** An outbox sends in order, waits for a slow peer up to its bounds, and then cuts it, once. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  Outbox,
  OUTBOX_BURST_FACTOR,
  OUTBOX_MESSAGES_MAX,
  OUTBOX_OVER_MS_MAX,
  OUTBOX_SOCKET_BYTES_MAX,
} from "../../edge/outbox.ts";
import { type Socket, SOCKET_OUTBOX_BYTES_MAX } from "../../edge/socket.ts";

const FULL = new Uint8Array(OUTBOX_SOCKET_BYTES_MAX);

Deno.test("an outbox sends at once to a peer that keeps up", () => {
  const { outbox, socket } = box();
  outbox.send(message(1));
  socket.read();
  outbox.send(message(2));
  assertEquals(socket.sent, [1, 2]);
});

Deno.test("an outbox fills the socket up to its bound and keeps the rest, in order", () => {
  const { outbox, socket } = box();
  outbox.send(FULL);
  for (let i = 1; i <= 3; i++) outbox.send(message(i));
  assertEquals(socket.sent, [0]);
  socket.read();
  outbox.send(message(4));
  assertEquals(socket.sent, [0], "a later message does not overtake");
  outbox.drained();
  assertEquals(socket.sent, [0, 1, 2, 3, 4]);
});

Deno.test("an outbox stops again when the socket is full again", () => {
  const { outbox, socket } = box();
  outbox.send(FULL);
  outbox.send(FULL);
  outbox.send(message(1));
  socket.read();
  outbox.drained();
  assertEquals(socket.sent, [0, 0]);
  socket.read();
  outbox.drained();
  assertEquals(socket.sent, [0, 0, 1]);
});

/** What fills an outbox to its bound, and to how many times the bound. */
const FILLINGS: Readonly<Record<string, (outbox: Outbox, times: number, over: number) => void>> = {
  "messages": (outbox, times, over) => {
    for (let i = 0; i < times * OUTBOX_MESSAGES_MAX + over; i++) outbox.send(message(1));
  },
  "bytes": (outbox, times, over) => {
    for (let i = 1; i < times; i++) outbox.send(new Uint8Array(SOCKET_OUTBOX_BYTES_MAX));
    outbox.send(new Uint8Array(SOCKET_OUTBOX_BYTES_MAX - 1));
    outbox.send(new Uint8Array(1 + over));
  },
};

for (const [what, fill] of Object.entries(FILLINGS)) {
  Deno.test(`an outbox keeps a peer whose ${what} are at the bound for ever`, () => {
    const { outbox, socket, wait } = box();
    outbox.send(FULL);
    fill(outbox, 1, 0);
    wait(1_000_000);
    assertEquals(socket.terminated, 0);
  });

  Deno.test(`an outbox cuts a peer whose ${what} are over the bound for too long`, () => {
    const { outbox, socket, overflows, wait } = box();
    outbox.send(FULL);
    fill(outbox, 1, 1);
    wait(OUTBOX_OVER_MS_MAX - 1);
    outbox.send(message(1));
    assertEquals([socket.terminated, overflows()], [0, 0]);
    wait(1);
    outbox.send(message(1));
    assertEquals([socket.terminated, overflows()], [1, 1]);
  });

  Deno.test(`an outbox cuts a peer at once when a burst of ${what} is over its factor`, () => {
    for (const over of [0, 1]) {
      const { outbox, socket, overflows } = box();
      outbox.send(FULL);
      fill(outbox, OUTBOX_BURST_FACTOR, over);
      assertEquals([socket.terminated, overflows()], [over, over]);
    }
  });

  Deno.test(`an outbox forgives a burst of ${what} that is taken in time`, () => {
    const { outbox, socket, wait } = box();
    for (let round = 0; round < 5; round++) {
      outbox.send(FULL);
      fill(outbox, 2, 0);
      for (let turn = 0; turn < 20; turn++) {
        wait(10);
        socket.read();
        outbox.drained();
      }
      wait(OUTBOX_OVER_MS_MAX);
    }
    assertEquals(socket.terminated, 0);
  });
}

Deno.test("an outbox counts only what still waits", () => {
  const { outbox, socket } = box();
  for (let round = 0; round < 4; round++) {
    outbox.send(FULL);
    for (let i = 0; i < OUTBOX_MESSAGES_MAX - 1; i++) outbox.send(message(1));
    socket.read();
    outbox.drained();
    socket.read();
  }
  assertEquals(socket.terminated, 0);
  assertEquals(socket.sent.length, 4 * OUTBOX_MESSAGES_MAX);
});

Deno.test("an outbox that has cut its peer, or was closed, forgets and takes nothing more", () => {
  const cut = box();
  cut.outbox.send(FULL);
  FILLINGS.messages?.(cut.outbox, OUTBOX_BURST_FACTOR, 50);
  cut.socket.read();
  cut.outbox.drained();
  assertEquals([cut.socket.sent, cut.socket.terminated, cut.overflows()], [[0], 1, 1]);

  const closed = box();
  closed.outbox.send(FULL);
  closed.outbox.send(message(1));
  closed.outbox.close();
  closed.socket.read();
  closed.outbox.drained();
  closed.outbox.send(message(2));
  assertEquals([closed.socket.sent, closed.socket.terminated], [[0], 0]);
});

Deno.test("what an outbox sent is always the beginning of what it was given", () => {
  const step = fc.oneof(
    fc.record({ send: fc.integer({ min: 1, max: OUTBOX_SOCKET_BYTES_MAX }) }),
    fc.constant({ send: 0 }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { outbox, socket } = box();
    const given: number[] = [];
    for (const { send } of steps) {
      if (send === 0) {
        socket.read();
        outbox.drained();
        continue;
      }
      given.push(given.length + 1);
      outbox.send(message(given.length, send));
      assert(socket.bufferedBytes <= 2 * OUTBOX_SOCKET_BYTES_MAX, "the socket holds too much");
    }
    assertEquals(socket.sent, given.slice(0, socket.sent.length));
    if (socket.terminated > 0) return;
    while (socket.bufferedBytes > 0) {
      socket.read();
      outbox.drained();
    }
    assertEquals(socket.sent, given, "a peer that was not cut gets everything");
  }));
});

/** A message that can be told from others by its first byte. */
function message(number: number, length = 1): Uint8Array {
  const bytes = new Uint8Array(Math.max(1, length));
  bytes[0] = number;
  return bytes;
}

function box() {
  const socket = new SlowSocket();
  let overflows = 0;
  let now = 7;
  return {
    socket,
    outbox: new Outbox(socket, () => now, () => overflows++),
    overflows: () => overflows,
    wait: (ms: number) => void (now += ms),
  };
}

/** A socket whose peer reads when it is told to. */
class SlowSocket implements Socket {
  readonly remoteAddress = "127.0.0.1";
  readonly sent: number[] = [];
  bufferedBytes = 0;
  terminated = 0;

  send(bytes: Uint8Array): void {
    this.sent.push(bytes[0] ?? 0);
    this.bufferedBytes += bytes.length;
  }

  sendText(): void {}

  close(): void {}

  terminate(): void {
    this.terminated++;
  }

  read(): void {
    this.bufferedBytes = 0;
  }
}
