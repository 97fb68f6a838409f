/** How every listener stops: what it lets finish, what it cuts, and that it always ends. */
import { strict as assert } from "node:assert";
import { GET } from "./http_suite.ts";
import { first, type Host, type ListenerCase, withHost } from "./listening_host.ts";
import { eventually, frame, handshake, inTime, OPCODE, pause, RawPeer } from "./raw_peer.ts";

/** Far above what a shutdown takes beyond its grace, so that only one that hangs fails. */
const SHUTDOWN_HANG_MS = 10_000;

export const SHUTDOWN_CASES: readonly ListenerCase[] = [
  {
    name: "shutdown tells idle sockets, ends idle connections and accepts no more",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const socket = await RawPeer.open(host.port);
        const idle = await RawPeer.connect(host.port);
        idle.write(GET);
        await idle.until("hello");
        const done = shutdown(host, 60_000);
        assert.equal(host.listener.shutdown(0), host.listener.shutdown(0));
        assert.equal(await socket.closeCode(), 1001);
        socket.write(frame(OPCODE.close, Uint8Array.of(0x03, 0xe9)));
        await inTime(idle.gone, "the idle connection to end");
        await done;
        assert.deepEqual(first(host).closes, [1001]);
        assert.equal(host.listener.port, host.port);
        await assert.rejects(RawPeer.connect(host.port));
      }),
  },
  {
    name: "shutdown lets a request in flight finish",
    run: async (listen) => {
      let finish = () => {};
      const finished = new Promise<void>((resolve) => finish = resolve);
      let asked = false;
      await withHost(listen, {
        fetch: async () => {
          asked = true;
          await finished;
          return new Response("finished");
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(GET);
        await eventually(() => asked, "the request");
        const done = shutdown(host, 60_000);
        await pause(100);
        finish();
        assert.match(await peer.until("finished"), /^HTTP\/1\.1 200 /);
        await done;
        await inTime(peer.gone, "the connection to end");
      });
    },
  },
  {
    name: "shutdown lets a response that is being streamed finish",
    run: async (listen) => {
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({ start: (own) => void (controller = own) });
      await withHost(listen, { fetch: () => new Response(body) }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(GET);
        await eventually(() => controller !== undefined, "the request");
        controller?.enqueue(new TextEncoder().encode("first"));
        await peer.until("first");
        const done = shutdown(host, 60_000);
        await pause(100);
        controller?.enqueue(new TextEncoder().encode("second"));
        controller?.close();
        await peer.until("second");
        await done;
      });
    },
  },
  {
    name: "shutdown refuses a socket to which the host consents too late",
    run: async (listen) => {
      const decided = Promise.withResolvers<void>();
      let asked = false;
      let accepted = 0;
      const accept = () => {
        accepted++;
        return { message() {}, closed() {} };
      };
      await withHost(listen, {
        upgrade: async () => {
          asked = true;
          await decided.promise;
          return { accept };
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(handshake());
        await eventually(() => asked, "the question");
        const done = shutdown(host, 60_000);
        decided.resolve();
        assert.match(await peer.rest(), /^HTTP\/1\.1 503 /);
        await done;
      });
      assert.equal(accepted, 0);
    },
  },
  shutdownCuts("a socket that does not read", async (host) => {
    const peer = await RawPeer.open(host.port);
    peer.stopReading();
    const { socket } = first(host);
    for (let i = 0; i < 200 && socket.bufferedBytes < 500_000; i++) {
      socket.send(new Uint8Array(60_000));
      await pause(1);
    }
    return peer;
  }),
  shutdownCuts("a request that never finishes", async (host) => {
    const peer = await RawPeer.connect(host.port);
    peer.write(GET.replace("/", "/never"));
    await pause(100);
    return peer;
  }),
  shutdownCuts("a request whose headers never end", async (host) => {
    const peer = await RawPeer.connect(host.port);
    peer.write("GET / HTTP/1.1\r\n");
    await pause(100);
    return peer;
  }),
  shutdownCuts("a response that is not read", async (host) => {
    const peer = await RawPeer.connect(host.port);
    peer.stopReading();
    peer.write(GET.replace("/", "/endless"));
    await pause(100);
    return peer;
  }),
  shutdownCuts("an upgrade that the host never decides", async (host) => {
    const peer = await RawPeer.connect(host.port);
    peer.write(handshake());
    await pause(100);
    return peer;
  }),
];

function shutdownCuts(
  what: string,
  begin: (host: Host) => Promise<RawPeer>,
): ListenerCase {
  return {
    name: `shutdown cuts ${what} after the grace`,
    run: async (listen) => {
      const never = new Promise<never>(() => {});
      const endless = () =>
        new ReadableStream<Uint8Array>({
          pull: (controller) => controller.enqueue(new Uint8Array(65536)),
        });
      await withHost(listen, {
        fetch: (request) => request.url.endsWith("/endless") ? new Response(endless()) : never,
        ...(what.startsWith("an upgrade") ? { upgrade: () => never } : {}),
      }, async (host) => {
        const peer = await begin(host);
        await shutdown(host, 300);
        peer.readAgain();
        await inTime(peer.gone, "the connection to end");
      });
    },
  };
}

async function shutdown({ listener }: Host, graceMs: number): Promise<void> {
  const started = Date.now();
  await inTime(listener.shutdown(graceMs), "the shutdown");
  assert.ok(Date.now() - started < graceMs + SHUTDOWN_HANG_MS, "the shutdown keeps to the grace");
}
