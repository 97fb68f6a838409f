/** How a WebSocket begins and ends on every listener: the host's consent, its errors, its codes. */
import { strict as assert } from "node:assert";
import type { Socket, SocketHandlers } from "../../edge/socket.ts";
import { first, type ListenerCase, withHost } from "./listening_host.ts";
import { eventually, frame, handshake, inTime, OPCODE, pause, RawPeer } from "./raw_peer.ts";

const { binary, close } = OPCODE;
const ONE_BYTE = Uint8Array.of(7);

export const UPGRADE_CASES: readonly ListenerCase[] = [
  {
    name: "a refused upgrade gets the host's status, headers and JSON",
    run: (listen) =>
      withHost(listen, {
        upgrade: () =>
          Response.json({ code: "forbidden", error: "Not here" }, {
            status: 403,
            headers: { "x-reason": "origin" },
          }),
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(handshake());
        const head = await peer.head();
        assert.match(head, /^HTTP\/1\.1 403 Forbidden\r\n/);
        assert.match(head, /\r\nx-reason: origin\r\n/i);
        assert.match(head, /\r\ncontent-type: application\/json/i);
        assert.equal(await peer.until("}"), `{"code":"forbidden","error":"Not here"}`);
        peer.vanish();
        assert.equal(host.accepted.length, 0);
      }),
  },
  {
    name: "the host sees the request and the peer's address",
    run: async (listen) => {
      const seen: string[] = [];
      await withHost(listen, {
        upgrade: (request, { remoteAddress }) => {
          seen.push(new URL(request.url).pathname + new URL(request.url).search);
          seen.push(request.headers.get("origin") ?? "", remoteAddress, request.method);
          return new Response(null, { status: 401 });
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(handshake("Origin: https://a.example\r\n", "/_live?ticket=1"));
        assert.match(await peer.head(), /^HTTP\/1\.1 401 /);
        peer.vanish();
      });
      assert.deepEqual(seen, ["/_live?ticket=1", "https://a.example", "127.0.0.1", "GET"]);
    },
  },
  {
    name: "an accepted socket knows the peer's address",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        assert.equal(first(host).socket.remoteAddress, "127.0.0.1");
        peer.vanish();
      }),
  },
  ...["WebSocket", "WEBSOCKET", "websocket"].map((value) => ({
    name: `"Upgrade: ${value}" is understood`,
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(
          handshake().replace("Upgrade: websocket", `upgrade: ${value}`)
            .replace("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        );
        assert.match(await peer.head(), /^HTTP\/1\.1 101 /);
        peer.vanish();
      }),
  } satisfies ListenerCase)),
  {
    name: "an upgrade without a key is not accepted",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(handshake().replace(/Sec-WebSocket-Key: .*\r\n/, ""));
        assert.match(await peer.head(), /^HTTP\/1\.1 4\d\d /);
        peer.vanish();
        assert.equal(host.accepted.length, 0);
      }),
  },
  {
    name: "permessage-deflate is offered in vain",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(handshake("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
        assert.doesNotMatch(await peer.head(), /sec-websocket-extensions/i);
        peer.vanish();
      }),
  },
  protocolCase("is the one that the host names", "b", "a, b", "b"),
  protocolCase("is none where the host names none", undefined, "a, b", undefined),
  protocolCase("is none where the host names one that was not offered", "c", "a, b", undefined),
  protocolCase("is none where none was offered", "a", undefined, undefined),
  {
    name: "a host may take its time to decide",
    run: async (listen) => {
      const decided = Promise.withResolvers<void>();
      const messages: Uint8Array[] = [];
      await withHost(listen, {
        upgrade: async () => {
          await decided.promise;
          return { accept: () => ({ message: (bytes) => messages.push(bytes), closed() {} }) };
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(handshake());
        await pause(50);
        decided.resolve();
        assert.match(await peer.head(), /^HTTP\/1\.1 101 /);
        peer.write(frame(binary, ONE_BYTE));
        await eventually(() => messages.length === 1, "the message");
        peer.vanish();
      });
      assert.deepEqual(messages, [ONE_BYTE]);
    },
  },
  leavingCase("a peer that leaves while the host decides is not accepted", true, (peer) => {
    peer.vanish();
  }),
  leavingCase("a peer that resets while the host decides is not accepted", true, (peer) => {
    peer.reset();
  }),
  leavingCase("a peer that resets before it is refused disturbs nobody", false, (peer) => {
    peer.reset();
  }),
  {
    name: "an upgrade function that throws is 500 and is reported",
    run: (listen) =>
      withHost(listen, {
        failures: [1],
        upgrade: () => {
          throw new Error("planned");
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(handshake());
        assert.match(await peer.head(), /^HTTP\/1\.1 500 /);
        assert.match(await peer.until("}"), /"code":"internal_error"/);
        peer.vanish();
      }),
  },
  {
    name: "a message handler that throws costs its own socket only",
    run: (listen) =>
      withHost(listen, {
        failures: [1],
        message: ({ socket }, bytes) => {
          if (bytes.length === 0) throw new Error("planned");
          socket.send(bytes);
        },
      }, async (host) => {
        const healthy = await RawPeer.open(host.port);
        const peer = await RawPeer.open(host.port);
        peer.write(frame(binary, new Uint8Array(0)));
        assert.equal(await peer.closeCode(), 1011);
        healthy.write(frame(binary, ONE_BYTE));
        assert.deepEqual((await healthy.frame()).payload, ONE_BYTE);
        healthy.vanish();
        peer.vanish();
      }),
  },
  {
    name: "an accept function that throws costs its own socket only",
    run: (listen) =>
      withHost(listen, {
        failures: [1],
        upgrade: () => ({
          accept: () => {
            throw new Error("planned");
          },
        }),
      }, async (host) => {
        const peer = await RawPeer.open(host.port);
        assert.equal(await peer.closeCode(), 1011);
        peer.vanish();
      }),
  },
  {
    name: "messages that follow a close by the host are not delivered",
    run: (listen) =>
      withHost(listen, { message: ({ socket }) => socket.close(4000, "enough") }, async (host) => {
        const peer = await RawPeer.open(host.port);
        peer.write(Uint8Array.from([...frame(binary, ONE_BYTE), ...frame(binary, ONE_BYTE)]));
        assert.equal(await peer.closeCode(), 4000);
        peer.vanish();
        await eventually(() => first(host).closes.length === 1, "the end of the socket");
        assert.equal(first(host).messages.length, 1);
      }),
  },
  endCase("the peer's code", [4002], (peer) => peer.write(frame(close, Uint8Array.of(0x0f, 0xa2)))),
  endCase("1005 where the peer names no code", [1005], (peer) => {
    peer.write(frame(close, new Uint8Array(0)));
  }),
  endCase("1006 where the peer just leaves", [1006], (peer) => peer.vanish()),
  endCase("1006 after terminate", [1006], (_, socket) => {
    socket.terminate();
    socket.close(4000, "too late");
    socket.terminate();
  }),
  endCase("the host's code after close, whatever the peer does", [4003], (peer, socket) => {
    socket.close(4003, "enough");
    socket.close(4004, "too late");
    peer.vanish();
  }),
  {
    name: "a peer that reads the close frame and ignores it is cut",
    waits: true,
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        first(host).socket.close(1001, "going away");
        assert.equal(await peer.closeCode(), 1001);
        await inTime(peer.gone, "the cut");
        await eventually(() => first(host).closes.length === 1, "the end of the socket");
      }),
  },
  {
    name: "a reason that is too long is cut between characters",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        first(host).socket.close(4000, "é".repeat(100));
        const { payload } = await peer.frame();
        assert.equal(
          new TextDecoder("utf-8", { fatal: true }).decode(payload.slice(2)),
          "é".repeat(61),
        );
        peer.vanish();
      }),
  },
  {
    name: "a socket can be used inside accept, and ended there",
    run: async (listen) => {
      const closes: number[] = [];
      const handlers = (): SocketHandlers => ({
        message() {},
        closed: (code) => void closes.push(code),
      });
      await withHost(listen, {
        upgrade: (request) => ({
          accept(socket) {
            if (request.url.endsWith("end")) socket.terminate();
            else socket.send(ONE_BYTE);
            return handlers();
          },
        }),
      }, async (host) => {
        const peer = await RawPeer.open(host.port);
        assert.deepEqual((await peer.frame()).payload, ONE_BYTE);
        const ended = await RawPeer.connect(host.port);
        ended.write(handshake("", "/end"));
        await inTime(ended.gone, "the connection to end");
        await eventually(() => closes.length === 1, "the word of the end");
        peer.vanish();
        await eventually(() => closes.length === 2, "the word of the other end");
      });
      assert.deepEqual(closes, [1006, 1006]);
    },
  },
];

/** Ends a socket in one way and expects exactly one `closed`, then uses the ended socket. */
function endCase(
  name: string,
  codes: number[],
  end: (peer: RawPeer, socket: Socket) => void,
): ListenerCase {
  return {
    name: `closed is told ${name}`,
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.open(host.port);
        const { socket, closes } = first(host);
        end(peer, socket);
        await inTime(peer.gone, "the connection to end");
        await eventually(() => closes.length > 0, "the end of the socket");
        socket.send(ONE_BYTE);
        socket.close(1000, "");
        socket.terminate();
        assert.equal(socket.bufferedBytes, 0);
        await pause(50);
        assert.deepEqual(closes, codes);
      }),
  };
}

function protocolCase(
  name: string,
  spoken: string | undefined,
  offered: string | undefined,
  chosen: string | undefined,
): ListenerCase {
  return {
    name: `the subprotocol ${name}`,
    run: (listen) =>
      withHost(listen, spoken === undefined ? {} : { protocol: spoken }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(
          handshake(offered === undefined ? "" : `Sec-WebSocket-Protocol: ${offered}\r\n`),
        );
        const head = await peer.head();
        assert.match(head, /^HTTP\/1\.1 101 /);
        assert.equal(/sec-websocket-protocol: (.*)\r\n/i.exec(head)?.[1], chosen);
        peer.vanish();
      }),
  };
}

function leavingCase(
  name: string,
  consents: boolean,
  leave: (peer: RawPeer) => void,
): ListenerCase {
  return {
    name,
    async run(listen) {
      const decided = Promise.withResolvers<void>();
      let asked = false;
      let accepted = 0;
      const accept = () => {
        accepted++;
        return { message() {}, closed() {} };
      };
      await withHost(listen, {
        upgrade: async (request) => {
          if (request.url.endsWith("/healthy")) return new Response(null, { status: 401 });
          asked = true;
          await decided.promise;
          return consents ? { accept } : Response.json({ code: "forbidden" }, { status: 403 });
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(handshake());
        await eventually(() => asked, "the question");
        leave(peer);
        await pause(100);
        decided.resolve();
        await pause(100);
        const healthy = await RawPeer.connect(host.port);
        healthy.write(handshake("", "/healthy"));
        assert.match(await healthy.head(), /^HTTP\/1\.1 401 /);
        healthy.vanish();
      });
      assert.equal(accepted, 0);
    },
  };
}
