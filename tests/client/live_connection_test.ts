/** The live connection: tickets, reconnects, back-off, silence, and an end that leaves nothing behind. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DriftlessError } from "../../core/errors.ts";
import {
  decodeUp,
  type DownMessage,
  encodeDown,
  encodeUp,
  PROTOCOL_VERSION,
  type UpMessage,
} from "../../core/wire/messages.ts";
import { listenNode } from "../../edge/listen_node.ts";
import type { Socket } from "../../edge/socket.ts";
import { HttpSync, RefusedError } from "../../ui/client/http_sync.ts";
import {
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
  backoffMs,
  LiveConnection,
  type LiveOptions,
  RETRY_AFTER_MS_MAX,
} from "../../ui/client/live_connection.ts";
import { eventually, pause, RigServer, until } from "./rig.ts";

/** So long that no test waits for it, in milliseconds; half of it tells the watch from other timers. */
const HEARTBEAT_MS = 70_000;
/** Longer than what is to happen at once, in milliseconds: for what must not happen at all. */
const SETTLE_MS = 30;

const WELCOME: DownMessage = {
  kind: "welcome",
  epoch: "e",
  cursor: 0,
  lastSeq: 0,
  time: 0,
  reset: false,
};

/** A connection, and what it told. */
class Probe implements Disposable {
  readonly log: string[] = [];
  readonly connection: LiveConnection;

  constructor(options: Partial<LiveOptions>) {
    this.connection = new LiveConnection({
      liveUrl: () => Promise.reject(new DriftlessError("unavailable", "Nobody there")),
      heartbeatMs: HEARTBEAT_MS,
      opened: () => void this.log.push("opened"),
      received: ({ kind }) => void this.log.push(kind),
      closed: () => void this.log.push("closed"),
      failed: ({ code }) => void this.log.push(`failed ${code}`),
      refused: ({ code }) => void this.log.push(`refused ${code}`),
      ...options,
    });
  }

  count(entry: string): number {
    return this.log.filter((other) => other === entry).length;
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** The other end of live connections, in the hands of a test. */
class LiveEnd implements AsyncDisposable {
  readonly sockets: Socket[] = [];
  readonly messages: UpMessage[] = [];
  readonly #stop: () => Promise<void>;
  readonly #port: number;

  private constructor(port: number, stop: () => Promise<void>) {
    this.#port = port;
    this.#stop = stop;
  }

  static async start(
    said: (socket: Socket, message: UpMessage) => void = () => {},
    came: (socket: Socket) => void = () => {},
  ): Promise<LiveEnd> {
    const listener = await listenNode({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response(),
      upgrade: () => ({
        accept: (socket) => {
          end.sockets.push(socket);
          came(socket);
          return {
            message: (bytes) => {
              const { message } = decodeUp(bytes);
              end.messages.push(message);
              said(socket, message);
            },
            closed: () => {},
          };
        },
      }),
      failed: (error) => {
        throw error;
      },
    });
    const end: LiveEnd = new LiveEnd(listener.port, () => listener.shutdown(100));
    return end;
  }

  readonly liveUrl = (): Promise<string> => Promise.resolve(`ws://127.0.0.1:${this.#port}/`);

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

/** Runs a test in which waits end at once; gives it how long they would have been. */
async function withoutWaiting(test: (waits: number[]) => Promise<void>): Promise<void> {
  const { setTimeout: wait } = globalThis;
  const waits: number[] = [];
  const quick = (run: () => void, ms = 0) => {
    // The server of the test has timers too.
    const isOurs = new Error().stack?.includes("/live_connection.ts") === true;
    if (!isOurs || ms === HEARTBEAT_MS / 2) return wait(run, ms);
    waits.push(ms);
    return wait(run, 0);
  };
  globalThis.setTimeout = quick as typeof setTimeout;
  try {
    await test(waits);
  } finally {
    globalThis.setTimeout = wait;
  }
}

/** The number of failed tries that a wait belongs to. */
function attemptsOf(wait: number): number {
  for (let attempts = 0;; attempts++) if (wait <= backoffMs(attempts, 1)) return attempts;
}

Deno.test("back-off doubles with jitter from half to all of it, up to the longest wait", () => {
  fc.assert(fc.property(fc.nat(2_000), fc.double({ min: 0, max: 1, noNaN: true }), (n, random) => {
    const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** n);
    const wait = backoffMs(n, random);
    assert(wait >= ceiling / 2 && wait <= ceiling, `${wait} after ${n}`);
  }));
  assertEquals([backoffMs(0, 0), backoffMs(0, 1), backoffMs(1_999, 1)], [
    BACKOFF_MS_MIN / 2,
    BACKOFF_MS_MIN,
    BACKOFF_MS_MAX,
  ]);
  assert(backoffMs(3, 0.25) !== backoffMs(3, 0.75));
});

Deno.test("each connection has a ticket of its own", async () => {
  await using server = await RigServer.start();
  const http = new HttpSync({
    url: server.url,
    fetch,
    token: () => Promise.resolve(undefined),
    timeoutMs: 5_000,
    appVersion: 1,
  });
  using probe = new Probe({
    liveUrl: (signal) => http.liveUrl(signal),
    opened: () =>
      probe.connection.send({
        kind: "hello",
        protocol: PROTOCOL_VERSION,
        client: "c",
        scope: "s",
        cursor: 0,
        epoch: "",
      }),
  });
  probe.connection.open();
  probe.connection.open();
  await until(() => probe.count("welcome") === 1);
  assertEquals(server.requests, ["/_live/ticket", "/_live"]);
  server.cut();
  await until(() => probe.count("welcome") === 2);
  assertEquals(server.requests, ["/_live/ticket", "/_live", "/_live/ticket", "/_live"]);
  assertEquals(probe.log, ["welcome", "closed", "welcome"]);
});

Deno.test("tries that fail grow apart, and each is reported", async () => {
  await withoutWaiting(async (waits) => {
    let tries = 0;
    using probe = new Probe({
      liveUrl: () => {
        tries++;
        return Promise.reject(new DriftlessError("unavailable", "Nobody there"));
      },
    });
    probe.connection.open();
    await until(() => waits.length >= 12);
    probe.connection.close();
    assertEquals(waits.map(attemptsOf).slice(0, 7), [0, 1, 2, 3, 4, 5, 6]);
    // The longest waits begin below the end of those before them.
    assert(waits.slice(7).every((wait) => wait >= BACKOFF_MS_MAX / 2 && wait <= BACKOFF_MS_MAX));
    assertEquals(probe.count("failed unavailable"), waits.length);
    assertEquals(tries, waits.length);
    assertEquals(new Set(probe.log).size, 1);
  });
});

Deno.test("a message that is of use ends the back-off, and no other does", async () => {
  const failure: DownMessage = { kind: "failure", code: "forbidden", error: "No", retryAfterMs: 0 };
  for (
    const [message, attempts] of [
      [WELCOME, [0, 0, 0]],
      [{ kind: "pong", time: 0 }, [0, 0, 0]],
      [{ ...WELCOME, reset: true }, [0, 1, 2]],
      [failure, [0, 1, 2]],
    ] as const
  ) {
    await withoutWaiting(async (waits) => {
      await using end = await LiveEnd.start(
        undefined,
        (socket) => socket.send(encodeDown(0, message)),
      );
      using probe = new Probe({
        liveUrl: end.liveUrl,
        received: ({ kind }) => {
          probe.log.push(kind);
          end.sockets.at(-1)?.terminate();
        },
      });
      probe.connection.open();
      await until(() => probe.count("closed") >= 3);
      probe.connection.close();
      assertEquals(waits.map(attemptsOf).slice(0, 3), [...attempts], message.kind);
    });
  }
});

Deno.test("a server that refuses the WebSocket is tried again, and nothing was open", async () => {
  await withoutWaiting(async (waits) => {
    await using server = await RigServer.start();
    server.refusesSockets = true;
    using probe = new Probe({ liveUrl: () => Promise.resolve(server.url.replace("http", "ws")) });
    probe.connection.open();
    await until(() => waits.length >= 3);
    probe.connection.close();
    assertEquals(waits.map(attemptsOf).slice(0, 3), [0, 1, 2]);
    assertEquals(new Set(probe.log), new Set(["refused unavailable"]));
  });
});

Deno.test("a runtime without WebSocket, or one that throws, is no failure of the program", async () => {
  const { WebSocket: real } = globalThis;
  const broken = class {
    constructor() {
      throw new DOMException("Not from a secure page", "SecurityError");
    }
  };
  for (const replaced of [undefined, broken]) {
    await withoutWaiting(async (waits) => {
      globalThis.WebSocket = replaced as unknown as typeof WebSocket;
      try {
        using probe = new Probe({ liveUrl: () => Promise.resolve("ws://127.0.0.1:1/") });
        probe.connection.open();
        await until(() => waits.length >= 2);
        probe.connection.send({ kind: "ping" });
        probe.connection.close();
        assertEquals(new Set(probe.log), new Set(["refused unavailable"]));
      } finally {
        globalThis.WebSocket = real;
      }
    });
  }
});

Deno.test("a server that says when to come back is left alone so long, within reason", async () => {
  for (const [told, expected] of [[90_000, 90_000], [1e12, RETRY_AFTER_MS_MAX]] as const) {
    await withoutWaiting(async (waits) => {
      using probe = new Probe({
        liveUrl: () => Promise.reject(new RefusedError("rate_limited", "Too many", told)),
      });
      probe.connection.open();
      await until(() => waits.length >= 2);
      assertEquals(waits.slice(0, 2), [expected, expected]);
    });
  }
});

Deno.test("a server that accepts and never answers is given up", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) accepted.push(conn);
  })();
  const { port } = listener.addr as Deno.NetAddr;
  using probe = new Probe({
    liveUrl: () => Promise.resolve(`ws://127.0.0.1:${port}/`),
    heartbeatMs: 20,
  });
  probe.connection.open();
  await until(() => accepted.length >= 2);
  probe.connection.close();
  assertEquals(new Set(probe.log), new Set(["refused unavailable"]));
  listener.close();
  await accepting;
  for (const conn of accepted) conn.close();
});

Deno.test("a server that falls silent is pinged, then given up", async () => {
  await using end = await LiveEnd.start();
  using probe = new Probe({ liveUrl: end.liveUrl, heartbeatMs: 30 });
  probe.connection.open();
  await until(() => probe.count("opened") >= 2);
  // On a slow machine a try may be given up before it is open.
  const log = probe.log.filter((entry) => entry !== "refused unavailable");
  assertEquals(log.slice(0, 3), ["opened", "closed", "opened"]);
  assertEquals(end.messages[0], { kind: "ping" });
});

Deno.test("a server that answers pings is kept", async () => {
  await using end = await LiveEnd.start((socket) => {
    socket.send(encodeDown(0, { kind: "pong", time: 0 }));
  });
  using probe = new Probe({ liveUrl: end.liveUrl, heartbeatMs: 2_000 });
  probe.connection.open();
  await until(() => probe.count("pong") === 2);
  assertEquals(probe.log, ["opened", "pong", "pong"]);
});

Deno.test("hurry ends the wait, and pings a connection that is there", async () => {
  await using end = await LiveEnd.start();
  let isThere = false;
  using probe = new Probe({
    liveUrl: () =>
      isThere ? end.liveUrl() : Promise.reject(new RefusedError("unavailable", "Full", 60_000)),
  });
  probe.connection.hurry();
  assertEquals(probe.log, []);
  probe.connection.open();
  await until(() => probe.log.length === 1);
  probe.connection.hurry();
  await until(() => probe.log.length === 2);
  isThere = true;
  probe.connection.hurry();
  await until(() => probe.count("opened") === 1);
  probe.connection.hurry();
  await eventually(() => end.messages, [{ kind: "ping" }]);
  assertEquals(end.sockets.length, 1);
});

Deno.test("hurry calls off a try that hangs", async () => {
  await using end = await LiveEnd.start();
  const signals: AbortSignal[] = [];
  using probe = new Probe({
    liveUrl: (signal) => {
      signals.push(signal);
      if (signals.length > 1) return end.liveUrl();
      return new Promise((_, reject) => signal.onabort = () => reject(signal.reason));
    },
  });
  probe.connection.open();
  probe.connection.hurry();
  await until(() => probe.count("opened") === 1);
  assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
  assertEquals(probe.log, ["opened"]);
});

Deno.test("restart gives the connection up and waits as told", async () => {
  await using end = await LiveEnd.start();
  await withoutWaiting(async (waits) => {
    using probe = new Probe({ liveUrl: end.liveUrl });
    probe.connection.restart(0);
    assertEquals(probe.log, []);
    probe.connection.open();
    await until(() => probe.count("opened") === 1);
    probe.connection.restart(4_321);
    await until(() => probe.count("opened") === 2);
    assertEquals(probe.log, ["opened", "closed", "opened"]);
    assertEquals(waits, [4_321]);
  });
});

Deno.test("frames that are no messages are reported, and the server is left alone for long", async () => {
  const good = encodeDown(0, WELCOME);
  const frames: readonly (Uint8Array<ArrayBuffer> | string)[] = [
    new Uint8Array([0xff, 0xff, 0xff]),
    new Uint8Array(),
    good.slice(0, -1),
    encodeUp(0, { kind: "ui", body: new Uint8Array() }),
    "text",
  ];
  for (const frame of frames) {
    await withoutWaiting(async (waits) => {
      const received = Promise.withResolvers<void>();
      const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
        const { socket, response } = Deno.upgradeWebSocket(request);
        socket.onopen = () => socket.send(frame);
        socket.onclose = () => received.resolve();
        return response;
      });
      using probe = new Probe({
        liveUrl: () => Promise.resolve(`ws://127.0.0.1:${server.addr.port}/`),
        closed: () => {
          probe.log.push("closed");
          // One round is enough: the wait that follows is recorded all the same.
          queueMicrotask(() => probe.connection.close());
        },
      });
      probe.connection.open();
      await received.promise;
      await server.shutdown();
      assertEquals(probe.log, ["opened", "failed malformed", "closed"], String(frame));
      assertEquals(waits, [BACKOFF_MS_MAX]);
    });
  }
});

Deno.test("close ends every stage, and nothing is told afterwards", async () => {
  await using end = await LiveEnd.start((socket) => socket.send(encodeDown(0, WELCOME)));
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr as Deno.NetAddr;
  const url = Promise.withResolvers<string>();
  const stages: Readonly<Record<string, [Partial<LiveOptions>, (probe: Probe) => boolean]>> = {
    "while it asks for a ticket": [{ liveUrl: () => url.promise }, () => true],
    "while it connects": [
      { liveUrl: () => Promise.resolve(`ws://127.0.0.1:${port}/`) },
      () => true,
    ],
    "while it waits": [{}, ({ log }) => log.length === 1],
    "while it is open": [{ liveUrl: end.liveUrl }, ({ log }) => log.includes("opened")],
  };
  for (const [stage, [options, isReached]] of Object.entries(stages)) {
    const probe = new Probe(options);
    probe.connection.open();
    await pause(5);
    await until(() => isReached(probe));
    const { length } = probe.log;
    const wasOpen = probe.log.at(-1) === "opened";
    probe.connection.send({ kind: "ping" });
    probe.connection.close();
    probe.connection.hurry();
    probe.connection.restart(0);
    probe.connection.send({ kind: "ping" });
    url.resolve(await end.liveUrl());
    await pause(SETTLE_MS);
    assertEquals(probe.log.slice(length), wasOpen ? ["closed"] : [], stage);
    probe.connection.close();
  }
});

Deno.test("it opens again after a close, also from inside its own callbacks", async () => {
  await using end = await LiveEnd.start(undefined, (socket) => {
    socket.send(encodeDown(0, WELCOME));
    socket.send(encodeDown(0, WELCOME));
  });
  using probe = new Probe({
    liveUrl: end.liveUrl,
    received: ({ kind }) => {
      probe.log.push(kind);
      if (probe.count("welcome") > 1) return;
      probe.connection.close();
      probe.connection.open();
    },
  });
  probe.connection.open();
  await until(() => probe.count("welcome") === 3);
  await pause(SETTLE_MS);
  assertEquals(probe.log, ["opened", "welcome", "closed", "opened", "welcome", "welcome"]);
  assertEquals(end.sockets.length, 2);
});
