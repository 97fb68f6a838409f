/** What is kept with a socket of an object, and what comes back of it. */
import { assert, assertEquals } from "@std/assert";
import { decodeUp, encodeUp, type Envelope, type UpMessage } from "../../core/wire/messages.ts";
import type { Identity } from "../../edge/identity.ts";
import { ObjectPeer, SAVED_MESSAGES_MAX, savedPeer } from "../../edge/workers/object_peer.ts";
import type { ObjectSocket } from "../../edge/workers/object_types.ts";

const ANNA: Identity = { principal: { id: "anna" }, expires: Infinity, explicit: true };
const LOG = { scope: "s", epoch: "e" };

/** A socket whose platform keeps so many characters. */
class FakeSocket implements ObjectSocket {
  readonly sent: unknown[] = [];
  readonly closes: (readonly [number?, string?])[] = [];
  kept: unknown;
  lengthMax = Infinity;
  send(message: unknown): void {
    if (this.closes.length > 0) throw new TypeError("closed");
    this.sent.push(message);
  }
  close(...ending: readonly [number?, string?]): void {
    if (this.closes.length > 0) throw new TypeError("closed");
    this.closes.push(ending);
  }
  serializeAttachment(value: unknown): void {
    if (JSON.stringify(value).length > this.lengthMax) throw new Error("It is too large");
    this.kept = structuredClone(value);
  }
  deserializeAttachment(): unknown {
    return structuredClone(this.kept);
  }
}

interface Taken {
  readonly socket: FakeSocket;
  readonly peer: ObjectPeer;
  readonly heard: Envelope<UpMessage>[];
  readonly ended: number[];
}

function taken(identity: Identity = ANNA): Taken {
  const socket = new FakeSocket();
  const peer = new ObjectPeer(socket, identity, "1.2.3.4", LOG);
  const heard: Envelope<UpMessage>[] = [];
  const ended: number[] = [];
  peer.listen({
    message: (bytes) => void heard.push(decodeUp(bytes)),
    closed: (code) => void ended.push(code),
  });
  return { socket, peer, heard, ended };
}

/** What a handler hears when the socket comes back at a cursor; `null` when it does not. */
function returned(socket: FakeSocket, cursor: number): readonly Envelope<UpMessage>[] | null {
  const saved = savedPeer(socket, LOG);
  if (saved === null) return null;
  const heard: Envelope<UpMessage>[] = [];
  const handlers = {
    message(bytes: Uint8Array) {
      heard.push(decodeUp(bytes));
      saved.peer.send(Uint8Array.of(1));
    },
    closed() {},
  };
  saved.peer.resume(handlers, saved.messages, cursor);
  return heard;
}

function say(peer: ObjectPeer, message: UpMessage, channel = 0): void {
  peer.received(encodeUp(channel, message).slice().buffer);
}

const hello = (more: Partial<UpMessage & { kind: "hello" }> = {}): UpMessage => (
  { kind: "hello", protocol: 1, client: "c", scope: "s", cursor: 3, epoch: "e", ...more }
);

Deno.test("channels come back at the end of the log, with topics and presence, and answer nothing", () => {
  const { socket, peer } = taken();
  say(peer, hello({ appVersion: 2 }));
  say(peer, hello({ client: "d", epoch: "another" }), 4);
  say(peer, { kind: "subscribe", topic: "a" });
  say(peer, { kind: "subscribe", topic: "b" });
  say(peer, { kind: "subscribe", topic: "a" });
  say(peer, { kind: "unsubscribe", topic: "b" });
  say(peer, { kind: "presence", watch: true, data: "1" });
  say(peer, { kind: "subscribe", topic: "nobody's" }, 9);
  assertEquals(returned(socket, 12), [
    { channel: 0, message: hello({ cursor: 12, appVersion: 2 }) },
    { channel: 0, message: { kind: "subscribe", topic: "a" } },
    { channel: 0, message: { kind: "presence", watch: true, data: "1" } },
    { channel: 4, message: hello({ cursor: 12, client: "d", epoch: "-" }) },
  ]);
  assertEquals(socket.sent, []);
  // A new hello begins anew.
  say(peer, hello({ client: "e" }));
  assertEquals(returned(socket, 12)?.at(-1), {
    channel: 0,
    message: hello({ client: "e", cursor: 12 }),
  });
});

Deno.test("a channel of another scope is not granted later, and one that was is gone", () => {
  const { socket, peer } = taken();
  say(peer, hello());
  say(peer, hello({ scope: "other" }));
  assertEquals(returned(socket, 1), []);
});

Deno.test("who it is comes back, with or without an end", () => {
  for (const expires of [Infinity, 5_000]) {
    const { socket } = taken({ ...ANNA, expires });
    const peer = savedPeer(socket, LOG)?.peer;
    assertEquals([peer?.identity, peer?.remoteAddress], [{ ...ANNA, expires }, "1.2.3.4"]);
  }
});

Deno.test("a connection with islands, or with more to keep than there is room for, begins anew", () => {
  const island = taken();
  say(island.peer, hello());
  say(island.peer, { kind: "ui", body: new Uint8Array() });
  assertEquals(returned(island.socket, 1), null);

  for (const count of [SAVED_MESSAGES_MAX - 1, SAVED_MESSAGES_MAX, SAVED_MESSAGES_MAX + 1]) {
    const { socket, peer } = taken();
    let left = count;
    for (let channel = 0; left > 0; channel++) {
      say(peer, hello({ client: `c${channel}` }), channel);
      left -= 2;
      const topics = Math.min(60, left);
      for (let i = 0; i < topics; i++) say(peer, { kind: "subscribe", topic: `${i}` }, channel);
      left -= topics;
    }
    assertEquals(left, 0);
    assertEquals(returned(socket, 1) === null, count > SAVED_MESSAGES_MAX, `${count}`);
  }

  const { socket, peer } = taken();
  say(peer, hello());
  socket.lengthMax = JSON.stringify(socket.kept).length;
  say(peer, hello({ client: "longer" }));
  assertEquals(socket.kept, null);
  say(peer, hello());
  assertEquals(returned(socket, 1)?.length, 1);
});

Deno.test("an end is told once, and not within the call that makes it", async () => {
  for (
    const [cause, code] of [
      [(peer: ObjectPeer) => peer.close(4401, "unauthenticated"), 4401],
      [(peer: ObjectPeer) => peer.terminate(), 1011],
      [(peer: ObjectPeer) => peer.ended(1005), 1000],
      [(peer: ObjectPeer) => peer.ended(1001), 1001],
      [(peer: ObjectPeer) => peer.received("text"), 1003],
    ] as const
  ) {
    const { socket, peer, ended } = taken();
    cause(peer);
    assertEquals(ended, []);
    cause(peer);
    peer.send(Uint8Array.of(1));
    await Promise.resolve();
    assertEquals([ended, socket.closes.length, socket.closes[0]?.[0]], [[code], 1, code]);
    assert(peer.isClosed);
    assertEquals(socket.sent, []);
  }
});
