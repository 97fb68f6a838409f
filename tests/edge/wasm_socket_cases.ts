/** What WebSockets of modules must do, as cases that run in every runtime: nothing here is Deno's. */
import { strict as assert } from "node:assert";
import type { WasmMountOptions } from "../../core/wasm_mount.ts";
import type { Log, LogFields } from "../../edge/log.ts";
import type { Socket, SocketHandlers } from "../../edge/socket.ts";
import { WasmMounts } from "../../edge/wasm/mount.ts";
import {
  ADDRESS_SOCKETS_MAX,
  MODULE_SOCKETS_MAX,
  SOCKET_EVENT_BYTES_MAX,
  SOCKET_EVENTS_MAX,
} from "../../edge/wasm/sockets.ts";
import type { FetchCase } from "./wasm_fetch_cases.ts";

const OPENING = new Request("http://localhost/ws/room?a=b", { headers: { "x-user": "ada" } });
const PEER = { remoteAddress: "10.0.0.1" };
const encoder = new TextEncoder();

/** A WebSocket whose peer takes everything; closing it is the end of it. */
class TakingSocket implements Socket {
  readonly remoteAddress = "";
  readonly bufferedBytes = 0;
  readonly sent: (string | Uint8Array)[] = [];
  readonly closes: (readonly [code: number, reason: string])[] = [];
  handlers: SocketHandlers | undefined;

  send(bytes: Uint8Array): void {
    if (this.closes.length === 0) this.sent.push(bytes);
  }

  sendText(text: string): void {
    if (this.closes.length === 0) this.sent.push(text);
  }

  close(code: number, reason: string): void {
    if (this.closes.length > 0) return;
    this.closes.push([code, reason]);
    this.handlers?.closed(code);
  }

  terminate(): void {
    this.close(1006, "");
  }

  say(message: string | Uint8Array): void {
    if (this.closes.length > 0) return;
    if (typeof message === "string") this.handlers?.text?.(message);
    else this.handlers?.message(message);
  }
}

interface Room {
  readonly mounts: WasmMounts;
  readonly logged: (readonly [event: string, fields: LogFields | undefined])[];
  open(address?: string): Promise<TakingSocket>;
}

/** Every case. */
export const SOCKET_CASES: readonly FetchCase[] = [
  {
    name: "text comes back as text, bytes as bytes, and nothing as nothing",
    run: ({ echo }) =>
      withRoom(echo, {}, async ({ open }) => {
        const socket = await open();
        socket.say("hello é");
        socket.say(Uint8Array.of(0, 255, 254));
        socket.say("no answer");
        socket.say("bytes, please");
        socket.say("");
        socket.say("last");
        await until(() => socket.sent.length === 4, "four answers");
        const expected = [
          "hello é",
          Uint8Array.of(0, 255, 254),
          encoder.encode("bytes, please"),
          "last",
        ];
        assert.deepEqual(socket.sent, expected);
        assert.deepEqual(socket.closes, []);
      }),
  },
  {
    name: "x-ws-close closes the socket after the answer",
    run: ({ echo }) =>
      withRoom(echo, {}, async ({ open }) => {
        const socket = await open();
        socket.say("quit");
        socket.say("too late");
        await until(() => socket.closes.length === 1, "the close");
        assert.deepEqual(socket.closes, [[1000, ""]]);
        assert.deepEqual(socket.sent, ["quit"]);
      }),
  },
  {
    name: "a trap tells the peer nothing of the inside, and costs the instance, not other sockets",
    run: ({ echo }) =>
      withRoom(echo, {}, async ({ open, mounts, logged }) => {
        const [one, other] = [await open(), await open()];
        one.say("trap");
        one.say("more");
        other.say("hello");
        await until(() => other.sent.length === 1, "the other's answer");
        assert.deepEqual(one.sent, ["error: The handler failed"]);
        assert.deepEqual(one.closes, [[1011, "The handler failed"]]);
        assert.deepEqual(other.closes, []);
        // The new instance has heard of nobody else.
        other.say("count");
        await until(() => other.sent.length === 2, "the count");
        assert.equal(other.sent[1], "2");
        assert.equal(mounts.instances("/ws"), 1);
        assert.ok(logged.some(([event]) => event === "handler failed"));
      }),
  },
  {
    name: "the module keeps its memory, hears of a close, and of all events in order",
    run: ({ echo }) =>
      withRoom(echo, {}, async ({ open }) => {
        const [one, other] = [await open(), await open()];
        one.say("1");
        one.say("2");
        await until(() => one.sent.length === 2, "two answers");
        assert.deepEqual(one.sent, ["1", "2"]);
        one.close(1000, "");
        // Two messages, the close, and every count itself.
        let counts = 0;
        do {
          other.say("count");
          counts++;
          await until(() => other.sent.length === counts, "a count");
        } while (other.sent[counts - 1] === `${2 + counts}` && counts < 5);
        assert.equal(other.sent[counts - 1], `${3 + counts}`);
      }),
  },
  {
    name: "a module may fetch for a message, and later messages wait for it",
    run: async ({ echo }) => {
      const go = Promise.withResolvers<void>();
      const fetch = async (url: string) => {
        await go.promise;
        return new Response(`from ${url}`);
      };
      const options = { bindings: { fetch: { allow: ["one.org"], fetch } } };
      await withRoom(echo, options, async ({ open }) => {
        const socket = await open();
        socket.say("fetch");
        socket.say("after");
        go.resolve();
        await until(() => socket.sent.length === 2, "both answers");
        assert.deepEqual(socket.sent, ["from https://one.org/ws", "after"]);
      });
    },
  },
  {
    name: "a module that is busy for too long closes the socket with 1013",
    run: async ({ echo }) => {
      const fetch = () => new Promise<Response>(() => {});
      const bindings = { fetch: { allow: ["one.org"], fetch } };
      const options = { bindings, limits: { queueMs: 20, fetchMs: 200 } };
      await withRoom(echo, options, async ({ open }) => {
        const [one, other] = [await open(), await open()];
        one.say("fetch");
        other.say("hello");
        await until(() => other.closes.length === 1, "the close");
        assert.equal(other.closes[0]?.[0], 1013);
        assert.deepEqual(one.closes, []);
        await until(() => one.sent.length === 1, "the end of the fetch");
      });
    },
  },
  ...[SOCKET_EVENTS_MAX - 1, SOCKET_EVENTS_MAX, SOCKET_EVENTS_MAX + 1].map((count): FetchCase => ({
    name: `${count} messages that wait ${
      count > SOCKET_EVENTS_MAX ? "close the socket" : "are taken"
    }`,
    run: ({ echo }) =>
      withRoom(echo, {}, async ({ open }) => {
        const socket = await open();
        for (let said = 0; said < count; said++) socket.say("hello");
        assert.deepEqual(
          socket.closes.map(([code]) => code),
          count > SOCKET_EVENTS_MAX ? [1008] : [],
        );
        if (count > SOCKET_EVENTS_MAX) return;
        await until(() => socket.sent.length === count, "all answers");
        socket.say("again");
        await until(() => socket.sent.length === count + 1, "one more");
      }),
  })),
  ...[-1, 0, 1].map((more): FetchCase => ({
    name: `${SOCKET_EVENT_BYTES_MAX + more} bytes that wait ${
      more > 0 ? "close the socket" : "are taken"
    }`,
    run: ({ echo }) =>
      withRoom(echo, {}, async ({ open }) => {
        const socket = await open();
        socket.say(new Uint8Array(SOCKET_EVENT_BYTES_MAX - 1000));
        socket.say(new Uint8Array(1000 + more));
        assert.deepEqual(socket.closes.map(([code]) => code), more > 0 ? [1008] : []);
        if (more > 0) return;
        await until(() => socket.sent.length === 2, "the answers");
        await new Promise((resolve) => setTimeout(resolve, 0));
        socket.say(new Uint8Array(1000));
        await until(() => socket.sent.length === 3, "one more");
      }),
  })),
  {
    name: "one address has half of the sockets, all have the rest, and who leaves makes room",
    run: ({ echo }) =>
      withRoom(echo, {}, async ({ open, mounts }) => {
        const full = { code: "unavailable" };
        const upgrade = (remoteAddress: string) => mounts.upgrade(OPENING, { remoteAddress });
        const [first] = await Promise.all(
          Array.from({ length: ADDRESS_SOCKETS_MAX }, () => open("one")),
        );
        await assert.rejects(upgrade("one"), full);
        const others = Array.from(
          { length: MODULE_SOCKETS_MAX - ADDRESS_SOCKETS_MAX },
          () => open("two"),
        );
        await Promise.all(others);
        await assert.rejects(upgrade("three"), full);
        first?.close(1000, "");
        await open("three");
        await assert.rejects(upgrade("three"), full);
      }),
  },
  {
    name: "only durable modules have WebSockets",
    run: async ({ echo }) => {
      for (const mode of ["pool", "instance"] as const) {
        await withRoom(echo, { mode }, async ({ open }) => {
          await assert.rejects(open(), { code: "not_found" });
        });
      }
    },
  },
];

async function withRoom(
  module: WebAssembly.Module | undefined,
  options: WasmMountOptions,
  work: (room: Room) => Promise<void>,
): Promise<void> {
  assert.ok(module !== undefined);
  const logged: Room["logged"][number][] = [];
  const note = (event: string, fields?: LogFields) => void logged.push([event, fields]);
  const log: Log = { error: note, info: note, debug: note };
  const mount = { path: "/ws", module, options: { mode: "durable" as const, ...options } };
  const mounts = new WasmMounts(new Map([["/ws", mount]]), { log });
  const sockets: TakingSocket[] = [];
  const open = async (remoteAddress = PEER.remoteAddress) => {
    const socket = new TakingSocket();
    const upgrade = await mounts.upgrade(OPENING, { remoteAddress });
    socket.handlers = upgrade.accept(socket);
    sockets.push(socket);
    return socket;
  };
  try {
    await work({ mounts, logged, open });
  } finally {
    for (const socket of sockets) socket.close(1001, "");
    mounts.close();
  }
}

async function until(condition: () => boolean, awaited: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `Waited in vain for ${awaited}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
