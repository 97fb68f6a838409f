/**
 * Tabs that share a connection, with the runtime's own BroadcastChannel and Web Locks: who leads, whose
 * messages go where, and what a leader that ends leaves behind.
 */
import { assert, assertEquals } from "@std/assert";
import { CHANNELS_MAX } from "../../core/session.ts";
import { decodeUp, encodeDown, PROTOCOL_VERSION } from "../../core/wire/messages.ts";
import { listenNode } from "../../edge/listen_node.ts";
import type { Socket } from "../../edge/socket.ts";
import { TabConnection } from "../../ui/client/tab_connection.ts";
import { eventually, pause, until } from "./rig.ts";

/** So long that no test waits for it, in milliseconds. */
const HEARTBEAT_MS = 70_000;
/** Longer than what is to happen at once, in milliseconds: for what must not happen at all. */
const SETTLE_MS = 50;

/** A server that answers pings, and notes everything as `channel kind`. */
class Ends implements AsyncDisposable {
  readonly heard: string[] = [];
  readonly sockets = new Set<Socket>();
  url = "";
  stop = () => Promise.resolve();

  static async start(): Promise<Ends> {
    const ends = new Ends();
    const listener = await listenNode({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response(),
      upgrade: () => ({
        accept: (socket) => {
          ends.sockets.add(socket);
          return {
            message: (bytes) => {
              const { channel, message } = decodeUp(bytes);
              ends.heard.push(`${channel} ${message.kind}`);
              if (message.kind === "hello") ends.heard.push(`${channel} epoch ${message.epoch}`);
              if (message.kind !== "ping") return;
              socket.send(encodeDown(channel, { kind: "pong", time: channel }));
            },
            closed: () => void ends.sockets.delete(socket),
          };
        },
      }),
      failed: (error) => {
        throw error;
      },
    });
    ends.url = `ws://127.0.0.1:${listener.port}/`;
    ends.stop = () => listener.shutdown(100);
    return ends;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** One tab, and what it was told. */
class Tab implements Disposable {
  readonly log: string[] = [];
  readonly connection: TabConnection;

  constructor(name: string, ends: Ends) {
    this.connection = new TabConnection({
      name,
      liveUrl: () => Promise.resolve(ends.url),
      heartbeatMs: HEARTBEAT_MS,
      opened: () => void this.log.push("opened"),
      closed: () => void this.log.push("closed"),
      received: (message) => {
        this.log.push(message.kind === "pong" ? `pong ${message.time}` : message.kind);
      },
      failed: ({ code }) => void this.log.push(`failed ${code}`),
      refused: ({ code }) => void this.log.push(`refused ${code}`),
      led: () => void this.log.push("led"),
      left: () => void this.log.push("left"),
    });
  }

  /** A tab that has a connection. */
  static async open(name: string, ends: Ends): Promise<Tab> {
    const tab = new Tab(name, ends);
    tab.connection.open();
    await until(() => tab.log.at(-1) === "opened");
    return tab;
  }

  hello(): void {
    this.connection.send({
      kind: "hello",
      protocol: PROTOCOL_VERSION,
      client: "c",
      scope: "s",
      cursor: 0,
      epoch: "e",
    });
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

Deno.test("tabs have one socket, and each hears what it asked for, in its channel", async () => {
  await using ends = await Ends.start();
  using a = await Tab.open("one socket", ends);
  using b = await Tab.open("one socket", ends);
  using c = await Tab.open("one socket", ends);
  assertEquals([a, b, c].map(({ connection }) => connection.isLeader), [true, false, false]);
  assertEquals([a, b, c].map(({ connection }) => connection.isFollower), [false, true, true]);
  await Promise.all([a, b, c].map(({ connection }) => connection.roundTrip()));
  assertEquals([a, b, c].map(({ log }) => log.at(-1)), ["pong 0", "pong 1", "pong 2"]);
  assertEquals(ends.sockets.size, 1);
});

Deno.test("tabs of another name have a socket of their own", async () => {
  await using ends = await Ends.start();
  using _a = await Tab.open("name a", ends);
  using b = await Tab.open("name b", ends);
  assertEquals([ends.sockets.size, b.connection.isLeader], [2, true]);
});

Deno.test("a leader that ends is followed by the next tab, and all hear closed and opened", async () => {
  await using ends = await Ends.start();
  const a = await Tab.open("next", ends);
  using b = await Tab.open("next", ends);
  using c = await Tab.open("next", ends);
  a.connection.close();
  assertEquals(a.log, ["led", "opened", "closed"]);
  await until(() =>
    [b, c].every(({ log }) => log.filter((entry) => entry === "opened").length === 2)
  );
  const told = ["closed", "opened"];
  assertEquals(b.log.filter((entry) => entry !== "led").slice(1), told);
  assertEquals(c.log.filter((entry) => entry !== "led").slice(1), told);
  assertEquals([b, c].filter(({ connection }) => connection.isLeader).length, 1);
  await eventually(() => ends.sockets.size, 1);
  a.connection.open();
  await until(() => a.log.at(-1) === "opened");
  assert(a.connection.isFollower);
  a.connection.close();
});

Deno.test("a leader whose lock was taken follows whoever took it", async () => {
  await using ends = await Ends.start();
  using a = await Tab.open("taken", ends);
  using b = await Tab.open("taken", ends);
  const { promise: over, resolve } = Promise.withResolvers<void>();
  // As a tab does that was not answered; it ends at once, so that the next in line leads.
  const taken = navigator.locks.request("taken", { steal: true }, () => over);
  await until(() => !a.connection.isLeader);
  assertEquals(a.log, ["led", "opened", "closed"]);
  resolve();
  await taken;
  await until(() => [a, b].every(({ log }) => log.at(-1) === "opened"));
  assertEquals([a, b].filter(({ connection }) => connection.isLeader).length, 1);
  await eventually(() => ends.sockets.size, 1);
});

Deno.test("a leader that answers nobody loses the lock to a tab that asks", async () => {
  await using ends = await Ends.start();
  // Holds the lock as a frozen page does.
  const { promise: thawed, resolve } = Promise.withResolvers<void>();
  const frozen = navigator.locks.request("silent", () => thawed).catch((error) => error.name);
  using a = await Tab.open("silent", ends);
  assertEquals([a.connection.isLeader, await frozen], [true, "AbortError"]);
  resolve();
});

Deno.test("a follower that starts over leaves the connection to the others", async () => {
  await using ends = await Ends.start();
  using a = await Tab.open("restart", ends);
  using b = await Tab.open("restart", ends);
  b.connection.restart(0);
  assertEquals(b.log, ["opened", "closed"]);
  b.connection.send({ kind: "ping" });
  await until(() => b.log.at(-1) === "opened");
  b.connection.restart(HEARTBEAT_MS);
  b.connection.hurry();
  assertEquals(b.log, ["opened", "closed", "opened", "closed", "opened"]);
  assertEquals([a.log, ends.heard, ends.sockets.size], [["led", "opened"], [], 1]);
});

Deno.test("a connection that breaks is closed for all tabs, and opened for all", async () => {
  await using ends = await Ends.start();
  using a = await Tab.open("break", ends);
  using b = await Tab.open("break", ends);
  const waiting = b.connection.roundTrip();
  for (const socket of ends.sockets) socket.terminate();
  await waiting;
  await until(() => [a, b].every(({ log }) => log.slice(-2).join() === "closed,opened"));
  assert(a.connection.isLeader);
});

Deno.test("the channel of a tab that left is put to rest, and its leader hears of it", async () => {
  await using ends = await Ends.start();
  using a = await Tab.open("rest", ends);
  const b = await Tab.open("rest", ends);
  b.hello();
  await eventually(() => ends.heard, ["1 hello", "1 epoch e"]);
  b.connection.close();
  await until(() => a.log.at(-1) === "left");
  await eventually(() => ends.heard.slice(2), ["1 unsubscribe"]);
  using c = await Tab.open("rest", ends);
  await c.connection.roundTrip();
  assertEquals(c.log.at(-1), "pong 2");
});

Deno.test("a connection has room for as many tabs as it has channels, and one more waits", async () => {
  await using ends = await Ends.start();
  using cleanup = new DisposableStack();
  const tabs: Tab[] = [];
  for (let i = 0; i < CHANNELS_MAX; i++) tabs.push(cleanup.use(await Tab.open("many", ends)));
  await Promise.all(tabs.map(({ connection }) => connection.roundTrip()));
  assertEquals(new Set(tabs.map(({ log }) => log.at(-1))).size, CHANNELS_MAX);
  const late = cleanup.use(new Tab("many", ends));
  late.connection.open();
  await until(() => late.connection.isFollower);
  await pause(SETTLE_MS);
  assertEquals(late.log, []);
  tabs[1]?.connection.close();
  await until(() => late.log.at(-1) === "opened");
  assertEquals(ends.sockets.size, 1);
});
