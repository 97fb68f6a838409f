/** How HTTP behaves on every listener: requests, bodies, limits and errors. */
import { strict as assert } from "node:assert";
import { HTTP_BODY_BYTES_MAX, HTTP_HEADER_BYTES_MAX } from "../../edge/socket.ts";
import { type ListenerCase, withHost } from "./listening_host.ts";
import { eventually, frame, inTime, OPCODE, pause, RawPeer } from "./raw_peer.ts";

export const GET = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

export const HTTP_CASES: readonly ListenerCase[] = [
  {
    name: "two requests use one connection",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.connect(host.port);
        for (let i = 0; i < 2; i++) {
          peer.write(GET);
          assert.match(await peer.head(), /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 5\r\n/i);
          assert.equal((await peer.take(5)).toString(), "hello");
        }
        peer.vanish();
      }),
  },
  {
    name: "HEAD has the headers and no body",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(`HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
        assert.match(await peer.rest(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
      }),
  },
  {
    name: "status, cookies and the address of the peer pass through",
    run: (listen) =>
      withHost(listen, {
        fetch: (request, { remoteAddress }) => {
          const headers = new Headers({ "x-peer": remoteAddress, "x-url": request.url });
          headers.append("set-cookie", "a=1");
          headers.append("set-cookie", "b=2");
          return new Response(null, { status: 204, headers });
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(GET.replace("/", "/a%20b?c=d"));
        const head = await peer.head();
        assert.match(head, /^HTTP\/1\.1 204 /);
        assert.match(head, /x-peer: 127\.0\.0\.1\r\n/i);
        assert.match(head, /x-url: http:\/\/127\.0\.0\.1\/a%20b\?c=d\r\n/i);
        assert.match(head, /set-cookie: a=1\r\n[^]*set-cookie: b=2\r\n/i);
        peer.vanish();
      }),
  },
  {
    name: "a streamed response arrives piece by piece",
    run: async (listen) => {
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({ start: (own) => void (controller = own) });
      await withHost(listen, { fetch: () => new Response(body) }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(GET);
        await eventually(() => controller !== undefined, "the request");
        controller?.enqueue(new TextEncoder().encode("first"));
        await peer.until("first");
        controller?.enqueue(new TextEncoder().encode("second"));
        await peer.until("second");
        controller?.close();
        await peer.until("0\r\n\r\n");
        peer.vanish();
      });
    },
  },
  {
    name: "a peer that leaves cancels the response and aborts the request",
    run: async (listen) => {
      let cancelled = false;
      let aborted = false;
      await withHost(listen, {
        fetch: (request) => {
          request.signal.addEventListener("abort", () => aborted = true);
          const body = new ReadableStream<Uint8Array>({
            async pull(controller) {
              await pause(5);
              controller.enqueue(new Uint8Array(100));
            },
            cancel: () => void (cancelled = true),
          });
          return new Response(body);
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(GET);
        await peer.take(500);
        peer.vanish();
        await eventually(() => cancelled, "the cancellation");
        await eventually(() => aborted, "the abort");
      });
    },
  },
  ...([["content-length: 7", `{"a":1}`], [
    "transfer-encoding: chunked",
    `3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n`,
  ]] as const).map(([header, body]) => ({
    name: `a body with ${header} is read`,
    run: (listen) =>
      withHost(listen, {
        fetch: async (request) => Response.json({ got: await request.json() }),
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(post(header, body));
        assert.match(await peer.head(), /^HTTP\/1\.1 200 /);
        assert.equal(await peer.until("}}"), `{"got":{"a":1}}`);
        peer.vanish();
      }),
  } satisfies ListenerCase)),
  ...["content-length: 10", "transfer-encoding: chunked"].map((header) => ({
    name: `a peer that leaves amid a body with ${header} is not the host's failure`,
    waits: true as const,
    run: async (listen) => {
      const read = Promise.withResolvers<void>();
      await withHost(listen, {
        fetch: async (request) => {
          try {
            return new Response(await request.text());
          } finally {
            read.resolve();
          }
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(post(header, "1\r\na\r\n"));
        await pause(50);
        peer.vanish();
        await inTime(read.promise, "the read to fail");
        await pause(50);
      });
    },
  } satisfies ListenerCase)),
  ...[true, false].map((chunked) => ({
    name: `a body of the limit is read, one more is 413, ${chunked ? "in chunks" : "with length"}`,
    waits: true as const,
    run: (listen) =>
      withHost(listen, {
        fetch: async (request) => new Response(`${(await request.arrayBuffer()).byteLength}!`),
      }, async (host) => {
        const fits = await RawPeer.connect(host.port);
        writeBody(fits, HTTP_BODY_BYTES_MAX, chunked);
        assert.match(await fits.until("!"), new RegExp(`\r\n\r\n${HTTP_BODY_BYTES_MAX}!$`));
        fits.vanish();
        const over = await RawPeer.connect(host.port);
        writeBody(over, HTTP_BODY_BYTES_MAX + 1, chunked);
        assert.match(await over.head(), /^HTTP\/1\.1 413 /);
        over.vanish();
      }),
  } satisfies ListenerCase)),
  {
    name: "a body that is announced too large is refused unread",
    waits: true,
    run: async (listen) => {
      let asked = false;
      await withHost(listen, {
        fetch: () => {
          asked = true;
          return new Response();
        },
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(post(`content-length: ${HTTP_BODY_BYTES_MAX + 1}`, "abc"));
        assert.match(await peer.head(), /^HTTP\/1\.1 413 /);
        peer.vanish();
      });
      assert.equal(asked, false);
    },
  },
  ...["content-length: 10", "transfer-encoding: chunked"].map((header) => ({
    name: `a slow body with ${header} is cut, and a slow handler is not`,
    waits: true as const,
    run: (listen) =>
      withHost(listen, {
        bodyMsMax: 200,
        fetch: async (request) => {
          if (request.method === "POST") await request.text();
          else await pause(1000);
          return new Response("done");
        },
      }, async (host) => {
        const patient = await RawPeer.connect(host.port);
        patient.write(GET);
        const slow = await RawPeer.connect(host.port);
        slow.write(post(header, "1\r\na\r\n"));
        assert.match(await slow.rest(), /^(HTTP\/1\.1 408 |$)/);
        assert.match(await patient.until("done"), /^HTTP\/1\.1 200 /);
        patient.vanish();
      }),
  } satisfies ListenerCase)),
  {
    name: "slow headers are 408 or cut, however they are dripped",
    waits: true,
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const silent = await RawPeer.connect(host.port);
        const half = await RawPeer.connect(host.port);
        const dripping = await RawPeer.connect(host.port);
        half.write("GET / HTTP/1.1\r\nHo");
        dripping.write("GET / HTTP/1.1\r\n");
        const drip = setInterval(() => dripping.write("a: b\r\n"), 500);
        try {
          for (const peer of [silent, half, dripping]) {
            assert.match(await peer.rest(), /^(HTTP\/1\.1 408 |$)/);
          }
        } finally {
          clearInterval(drip);
        }
      }),
  },
  ...[
    ["one long header", `A: ${"a".repeat(HTTP_HEADER_BYTES_MAX)}\r\n`],
    ["many headers", "a-header: its-value\r\n".repeat(HTTP_HEADER_BYTES_MAX / 16)],
  ].map(([name, headers]) => ({
    name: `${name} over the limit is 431`,
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`);
        assert.match(await peer.rest(), /^HTTP\/1\.1 431 /);
      }),
  } satisfies ListenerCase)),
  ...[
    ["bytes that are not HTTP", "\x00\x01\x02 nonsense\r\n\r\n"],
    [
      "a length and chunks at once",
      post("content-length: 4\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
    ],
    ["a broken chunk", post("transfer-encoding: chunked", "zz\r\n")],
    ["two different lengths", post("content-length: 4\r\ncontent-length: 5", "abcde")],
  ].map(([name, bytes]) => ({
    name: `${name} is 400 or cut, and disturbs nobody else`,
    waits: true as const,
    run: (listen) =>
      withHost(listen, {
        fetch: async (request) => {
          await request.text().catch(() => {});
          return new Response("hello");
        },
      }, async (host) => {
        const healthy = await RawPeer.open(host.port);
        const peer = await RawPeer.connect(host.port);
        peer.write(bytes ?? "");
        assert.match(await peer.rest(), /^(HTTP\/1\.1 400 |$)/);
        healthy.write(frame(OPCODE.binary, Uint8Array.of(1)));
        assert.deepEqual((await healthy.frame()).payload, Uint8Array.of(1));
        healthy.vanish();
      }),
  } satisfies ListenerCase)),
  ...["", "Upgrade: websocket\r\nConnection: Upgrade\r\n"].map((headers) => ({
    name: `a host that makes no address is 400${headers === "" ? "" : " for a socket, too"}`,
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(`GET / HTTP/1.1\r\nHost: a b/c\r\n${headers}\r\n`);
        assert.match(await peer.head(), /^HTTP\/1\.1 400 /);
        peer.vanish();
      }),
  } satisfies ListenerCase)),
  {
    name: "an offer of HTTP/2 is an ordinary request",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(GET.replace("\r\n\r\n", "\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"));
        assert.match(await peer.until("hello"), /^HTTP\/1\.1 200 /);
        peer.vanish();
      }),
  },
  {
    name: "a fetch function that throws is 500 and is reported",
    run: (listen) =>
      withHost(listen, {
        failures: [1],
        fetch: () => Promise.reject(new Error("planned")),
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(GET);
        assert.match(await peer.head(), /^HTTP\/1\.1 500 /);
        assert.equal(
          await peer.until("}"),
          `{"code":"internal_error","error":"The server failed"}`,
        );
        peer.vanish();
        assert.match(String(host.failures[0]), /planned/);
      }),
  },
  ...[true, false].map((early) => ({
    name: `a response body that fails ${early ? "early" : "late"} cannot pass for complete`,
    run: async (listen) => {
      const fails = Promise.withResolvers<void>();
      const body = () =>
        new ReadableStream<Uint8Array>({
          async pull(controller) {
            controller.enqueue(new TextEncoder().encode("first"));
            if (!early) await fails.promise;
            controller.error(new Error("planned"));
          },
        });
      await withHost(listen, {
        // Bun itself reports such an error, and to its own log only.
        failures: [0, 1],
        fetch: (request) => new Response(request.url.endsWith("/ok") ? "hello" : body()),
      }, async (host) => {
        const peer = await RawPeer.connect(host.port);
        peer.write(GET);
        if (!early) await peer.until("first");
        fails.resolve();
        const rest = await peer.rest();
        assert.doesNotMatch(rest, /planned|\r\n0\r\n\r\n$|^HTTP\/1\.1 200 [^]*content-length: 0/i);
        const other = await RawPeer.connect(host.port);
        other.write(GET.replace("/", "/ok"));
        await other.until("hello");
        other.vanish();
      });
    },
  } satisfies ListenerCase)),
  {
    name: "a port that is taken rejects",
    run: (listen) =>
      withHost(listen, {}, async (host) => {
        await assert.rejects(async () => {
          const second = await listen({
            hostname: "127.0.0.1",
            port: host.port,
            fetch: () => new Response(),
            upgrade: () => new Response(),
            failed() {},
          });
          await second.shutdown(0);
        });
      }),
  },
];

function post(header: string, body: string): string {
  return `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n${header}\r\n\r\n${body}`;
}

function writeBody(peer: RawPeer, length: number, chunked: boolean): void {
  const body = "a".repeat(length);
  if (!chunked) return peer.write(post(`content-length: ${length}`, body));
  peer.write(post("transfer-encoding: chunked", ""));
  for (let at = 0; at < length; at += 50_000) {
    const chunk = body.slice(at, at + 50_000);
    peer.write(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  }
  peer.write("0\r\n\r\n");
}
