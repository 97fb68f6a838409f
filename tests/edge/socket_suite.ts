/** How a WebSocket behaves on every listener: messages, limits, refusals and ends. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { nextTick } from "node:process";
import { FRAMED_BYTES_MAX } from "../../edge/data_frame.ts";
import {
  type Socket,
  SOCKET_BUFFER_BYTES_MAX,
  SOCKET_MESSAGE_BYTES_MAX,
} from "../../edge/socket.ts";
import { first, type ListenerCase, withHost } from "./listening_host.ts";
import {
  established,
  eventually,
  frame,
  type FrameOptions,
  inTime,
  OPCODE,
  pause,
  RawPeer,
} from "./raw_peer.ts";

const { continuation, text, binary, close, ping, pong } = OPCODE;
const NON_READERS = 20;
const BLOCK = new Uint8Array(64 * 1024);

/** Around everything that decides how a message is framed. */
const LENGTHS: readonly number[] = [
  ...[0, 1, 125, 126, 127, FRAMED_BYTES_MAX - 1, FRAMED_BYTES_MAX, FRAMED_BYTES_MAX + 1],
  ...[SOCKET_MESSAGE_BYTES_MAX - 1, SOCKET_MESSAGE_BYTES_MAX],
];

export const SOCKET_CASES: readonly ListenerCase[] = [
  ...LENGTHS.map((length) => ({
    name: `a message of ${length} bytes arrives and returns unchanged`,
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        const sent = new Uint8Array(randomBytes(length));
        peer.write(frame(binary, sent));
        assert.deepEqual(await peer.frame(), { opcode: binary, payload: sent });
        assert.deepEqual(first(host).messages, [sent]);
        peer.vanish();
      }),
  } satisfies ListenerCase)),
  refused("a message over the limit is refused with 1009", [1009], [
    frame(binary, new Uint8Array(SOCKET_MESSAGE_BYTES_MAX + 1)),
  ]),
  refused("a frame that claims 2^52 bytes is refused with 1009", [1009], [
    frame(binary, new Uint8Array(8), { claims: 2 ** 52 }),
  ]),
  refused("fragments that sum to more than the limit are refused with 1009", [1009], [
    frame(binary, new Uint8Array(SOCKET_MESSAGE_BYTES_MAX / 2), { fin: false }),
    frame(continuation, new Uint8Array(SOCKET_MESSAGE_BYTES_MAX / 2), { fin: false }),
    frame(continuation, new Uint8Array(1)),
  ]),
  refused("an unmasked frame is refused with 1002", [1002], [plainFrame({ masked: false })]),
  refused("a frame with a reserved bit is refused with 1002", [1002], [
    plainFrame({ reserved: 4 }),
  ]),
  refused("a continuation of nothing is refused with 1002", [1002], [
    frame(continuation, new Uint8Array(3)),
  ]),
  refused("an unknown opcode is refused with 1002", [1002], [frame(3, new Uint8Array(3))]),
  refused("a text message is refused with 1003", [1003], [frame(text, bytesOf("hello"))]),
  ...["", "\u{feff}h\u{e9}llo \u{1f600}\0", "a".repeat(SOCKET_MESSAGE_BYTES_MAX)].map((said) => ({
    name:
      `a text message of ${said.length} units arrives and returns unchanged where text is taken`,
    run: (listen) =>
      withHost(listen, { text: ({ socket }, heard) => socket.sendText(heard) }, async (host) => {
        const peer = await RawPeer.open(host.port);
        peer.write(frame(text, bytesOf(said)));
        assert.deepEqual(await peer.frame(), { opcode: text, payload: bytesOf(said) });
        peer.write(frame(binary, bytesOf("bytes")));
        assert.deepEqual(await peer.frame(), { opcode: binary, payload: bytesOf("bytes") });
        peer.vanish();
      }),
  } satisfies ListenerCase)),
  {
    name: "invalid UTF-8 is refused where text is taken as well",
    run: (listen) =>
      withHost(listen, { text: () => assert.fail("told of it") }, async (host) => {
        const peer = await RawPeer.open(host.port);
        peer.write(frame(text, Uint8Array.of(0xc3, 0x28)));
        await inTime(peer.gone, "the end");
        await eventually(() => first(host).closes.length === 1, "the end of the socket");
      }),
  },
  {
    name: "a peer that does not read text is terminated once too much waits",
    run: (listen) =>
      withHost(listen, { text: () => {} }, async (host) => {
        const peer = await RawPeer.open(host.port);
        await eventually(() => host.accepted.length === 1, "the socket");
        const { socket, closes } = first(host);
        peer.stopReading();
        const piece = "a".repeat(256 * 1024);
        for (let sent = 0; sent < 100 && closes.length === 0; sent++) {
          socket.sendText(piece);
          await pause(1);
        }
        await eventually(() => closes.length === 1, "the end of the socket");
        assert.deepEqual(closes, [1006]);
        peer.vanish();
      }),
  },
  refused("invalid UTF-8 in a text message is refused", [1003, 1007], [
    frame(text, Uint8Array.of(0xc3, 0x28)),
  ]),
  refused("a control frame of 126 bytes is refused with 1002", [1002], [
    frame(ping, new Uint8Array(126)),
  ]),
  refused("a fragmented control frame is refused with 1002", [1002], [
    frame(ping, new Uint8Array(3), { fin: false }),
  ]),
  refused("a close frame of one byte is refused with 1002", [1002], [
    frame(close, new Uint8Array(1)),
  ]),
  {
    name: "fragments that sum to the limit arrive as one message, with a ping between them",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        const sent = new Uint8Array(randomBytes(SOCKET_MESSAGE_BYTES_MAX));
        const half = sent.length / 2;
        peer.write(frame(binary, sent.subarray(0, half), { fin: false }));
        peer.write(frame(ping, bytesOf("between")));
        peer.write(frame(continuation, sent.subarray(half)));
        assert.deepEqual(await peer.frame(), { opcode: pong, payload: bytesOf("between") });
        assert.deepEqual(await peer.frame(), { opcode: binary, payload: sent });
        peer.vanish();
      }),
  },
  {
    name: "a peer that sends fragments without end is cut",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        let cut = false;
        peer.gone.then(() => cut = true);
        peer.write(frame(binary, BLOCK, { fin: false }));
        const more = frame(continuation, BLOCK, { fin: false });
        await inTime(
          (async () => {
            while (!cut) await peer.writeAll(more);
          })(),
          "the cut",
        );
        await eventually(() => first(host).closes.length === 1, "the end of the socket");
        assert.deepEqual(first(host).messages, []);
      }),
  },
  {
    name: "two messages in one packet arrive as two",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        peer.write(
          Uint8Array.from([...frame(binary, bytesOf("one")), ...frame(binary, bytesOf("two"))]),
        );
        assert.deepEqual((await peer.frame()).payload, bytesOf("one"));
        assert.deepEqual((await peer.frame()).payload, bytesOf("two"));
        peer.vanish();
      }),
  },
  {
    name: "a message that comes one byte at a time arrives whole",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        for (const byte of frame(binary, bytesOf("slowly"))) {
          await peer.writeAll(Uint8Array.of(byte));
          await pause(1);
        }
        assert.deepEqual((await peer.frame()).payload, bytesOf("slowly"));
        peer.vanish();
      }),
  },
  {
    name: "the bytes of a message stay as they were when later messages arrive",
    run: (listen) =>
      withHost(listen, { message: () => {} }, async (host) => {
        const peer = await RawPeer.open(host.port);
        const sent = Array.from({ length: 200 }, (_, i) => new Uint8Array(100).fill(i));
        for (const message of sent) peer.write(frame(binary, message));
        await eventually(() => first(host).messages.length === sent.length, "the messages");
        assert.deepEqual(first(host).messages, sent);
        peer.vanish();
      }),
  },
  {
    name: "garbage and truncated frames disturb nobody else",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const healthy = await RawPeer.open(host.port);
        const cutShort = frame(binary, new Uint8Array(randomBytes(500)));
        const bad = await Promise.all(
          Array.from({ length: 30 }, async (_, i) => {
            const peer = await RawPeer.open(host.port);
            peer.write(i % 2 === 0 ? randomBytes(1 + i * 40) : cutShort.subarray(0, 1 + i * 15));
            return peer;
          }),
        );
        for (let i = 0; i < 20; i++) {
          healthy.write(frame(binary, Uint8Array.of(i)));
          assert.deepEqual((await healthy.frame()).payload, Uint8Array.of(i));
        }
        for (const peer of [...bad, healthy]) peer.vanish();
        await eventually(() => host.accepted.every((one) => one.closes.length === 1), "the ends");
      }),
  },
  {
    name: "a peer that pings without reading is cut or held back, and disturbs nobody else",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const flooder = await RawPeer.open(host.port);
        flooder.stopReading();
        const pings = frame(ping, new Uint8Array(125));
        for (let i = 0; i < 50; i++) {
          for (let j = 0; j < 500; j++) flooder.write(pings);
          await pause(5);
        }
        assert.ok(first(host).socket.bufferedBytes <= SOCKET_BUFFER_BYTES_MAX);
        const healthy = await RawPeer.open(host.port);
        healthy.write(frame(binary, bytesOf("still here")));
        assert.deepEqual((await healthy.frame()).payload, bytesOf("still here"));
        flooder.vanish();
        healthy.vanish();
      }),
  },
  {
    name: "peers that do not read are freed by terminate at once",
    run: (listen) => freesNonReaders(listen, (socket) => socket.terminate()),
  },
  {
    name: "peers that do not read are freed after close, too",
    waits: true,
    run: (listen) => freesNonReaders(listen, (socket) => socket.close(1001, "going away")),
  },
  {
    name: "a peer for whom too much waits is terminated",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await nonReader(host.port);
        const { socket, closes } = first(host);
        for (let i = 0; closes.length === 0 && i < 5000; i++) {
          socket.send(BLOCK);
          assert.ok(socket.bufferedBytes <= SOCKET_BUFFER_BYTES_MAX, "the buffer is bounded");
          if (i % 4 === 3) await pause(5);
        }
        await eventually(() => closes.length === 1, "the end of the socket");
        assert.deepEqual(closes, [1006]);
        peer.readAgain();
        await inTime(peer.gone, "the connection to end");
      }),
  },
  {
    name: "what waits is counted, and is gone when the peer has read it",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await nonReader(host.port);
        const accepted = first(host);
        assert.equal(accepted.socket.bufferedBytes, 0);
        const messages = await fillBuffer(accepted.socket);
        assert.ok(accepted.socket.bufferedBytes > 0);
        peer.readAgain();
        for (let i = 0; i < messages; i++) {
          assert.equal((await peer.frame()).payload.length, BLOCK.length);
        }
        await eventually(() => accepted.socket.bufferedBytes === 0, "the buffer to empty");
        await eventually(() => accepted.drains > 0, "the word that it is empty");
        peer.vanish();
      }),
  },
  {
    name: "messages sent in one turn arrive in order and whole",
    run: (listen) =>
      withHost(listen, { message: sendMany }, async (host) => {
        const peer = await RawPeer.open(host.port);
        peer.write(frame(binary, bytesOf("go")));
        for (let i = 0; i < 300; i++) {
          assert.deepEqual((await peer.frame()).payload, new Uint8Array(i).fill(i));
        }
        peer.vanish();
      }),
  },
  {
    name: "what is sent just before close arrives before the close frame",
    run: (listen) =>
      withHost(listen, {
        message: ({ socket }) => {
          socket.send(bytesOf("last words"));
          socket.close(4001, "bye");
        },
      }, async (host) => {
        const peer = await RawPeer.open(host.port);
        peer.write(frame(binary, bytesOf("go")));
        assert.deepEqual((await peer.frame()).payload, bytesOf("last words"));
        const { opcode, payload } = await peer.frame();
        assert.equal(opcode, close);
        assert.deepEqual(payload, Uint8Array.of(0x0f, 0xa1, ...bytesOf("bye")));
        peer.write(frame(close, Uint8Array.of(0x0f, 0xa1)));
        await inTime(peer.gone, "the connection to end");
        await eventually(() => first(host).closes.length === 1, "the end of the socket");
        assert.deepEqual(first(host).closes, [4001]);
      }),
  },
  {
    name: "nothing follows the close frame that answers a peer's",
    run: (listen) =>
      withHost(listen, {
        message: ({ socket }) => {
          nextTick(() => socket.send(bytesOf("late")));
          socket.send(bytesOf("in time"));
        },
      }, async (host) => {
        const peer = await RawPeer.open(host.port);
        const goodbye = frame(close, Uint8Array.of(0x03, 0xe8));
        peer.write(Uint8Array.of(...frame(binary, bytesOf("go")), ...goodbye));
        assert.deepEqual((await peer.frame()).payload, bytesOf("in time"));
        assert.equal(await peer.closeCode(), 1000);
        assert.equal(await peer.rest(), "");
      }),
  },
];

/** A case in which the peer breaks a rule: it is told the code, cut, and nothing is delivered. */
function refused(name: string, codes: number[], frames: Uint8Array[]): ListenerCase {
  return {
    name,
    waits: true,
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        for (const bytes of frames) peer.write(bytes);
        const code = await peer.closeCode();
        assert.ok(codes.includes(code), `the close frame has code ${code}`);
        await inTime(peer.gone, "the connection to end");
        await eventually(() => first(host).closes.length === 1, "the end of the socket");
        assert.deepEqual(first(host).messages, []);
        assert.equal(first(host).closes[0], code === 1003 ? 1003 : 1006);
      }),
  };
}

async function freesNonReaders(
  listen: Parameters<ListenerCase["run"]>[0],
  end: (socket: Socket) => void,
): Promise<void> {
  await withHost(listen, {}, async (host) => {
    const healthy = await RawPeer.open(host.port);
    const peers = await Promise.all(
      Array.from({ length: NON_READERS }, () => nonReader(host.port)),
    );
    const [, ...stuck] = host.accepted;
    for (const { socket } of stuck) await fillBuffer(socket);
    const all = NON_READERS + 1;
    // One that asked whether the host is there may still be on its way out.
    await eventually(() => (established(host.port) ?? all) === all, "no others to be connected");
    for (const { socket } of stuck) end(socket);
    await eventually(() => stuck.every(({ closes }) => closes.length === 1), "the ends");
    await eventually(() => (established(host.port) ?? 1) === 1, "the kernel to free the peers");
    for (const { socket } of stuck) assert.equal(socket.bufferedBytes, 0);
    healthy.write(frame(binary, bytesOf("still here")));
    assert.deepEqual((await healthy.frame()).payload, bytesOf("still here"));
    for (const peer of peers) peer.readAgain();
    await Promise.all(peers.map((peer) => inTime(peer.gone, "the peer to see the end")));
    healthy.vanish();
  });
}

/** Sends until bytes stay behind in the process, past the kernel's own buffers. */
async function fillBuffer(socket: Socket): Promise<number> {
  for (let sent = 1; sent < 5000; sent++) {
    socket.send(BLOCK);
    if (socket.bufferedBytes > BLOCK.length * 4) {
      await pause(50);
      if (socket.bufferedBytes > BLOCK.length * 4) return sent;
    } else if (sent % 2 === 0) await pause(1);
  }
  throw new Error("The buffer did not fill");
}

async function nonReader(port: number): Promise<RawPeer> {
  const peer = await RawPeer.open(port);
  peer.stopReading();
  return peer;
}

function sendMany({ socket }: { readonly socket: Socket }): void {
  for (let i = 0; i < 300; i++) socket.send(new Uint8Array(i).fill(i));
}

function plainFrame(options: FrameOptions): Uint8Array {
  return frame(binary, new Uint8Array(3), options);
}

function bytesOf(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
