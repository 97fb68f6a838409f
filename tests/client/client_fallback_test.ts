/** The client where no WebSocket can be had: HTTP in its place, and the way back to a live connection. */
import { assert, assertEquals } from "@std/assert";
import type { ClientOptions } from "../../ui/client/create_client.ts";
import { Device, eventually, pause, RigServer, until } from "./rig.ts";

/** Intervals of tests in which HTTP does the work, in milliseconds. */
const FAST: ClientOptions = { pushIntervalMs: 10, pullIntervalMs: 20 };
/** Longer than several rounds, in milliseconds: for what must not happen at all. */
const SETTLE_MS = 150;

const onlyHttp = (server: RigServer, more: ClientOptions = {}) => {
  server.refusesSockets = true;
  return Device.start({ url: server.url, ...FAST, ...more });
};

Deno.test("without a WebSocket the queue is pushed and the log is pulled over HTTP", async () => {
  await using server = await RigServer.start();
  await using a = await onlyHttp(server);
  await using b = await onlyHttp(server);
  for (let i = 1; i <= 3; i++) {
    await a.add();
    await a.settled();
    await eventually(() => b.value(), i);
  }
  assert(server.count("/_sync/push") >= 3);
  assert(server.count("/_sync/pull") > 0);
  assertEquals([a.client.cursor, a.client.isOnline, server.socketCount], [3, true, 0]);
  assertEquals(new Set(a.errors), new Set(["unavailable: Cannot open a live connection"]));
});

Deno.test("a runtime that has no WebSocket at all syncs over HTTP", async () => {
  const { WebSocket: real } = globalThis;
  await using server = await RigServer.start();
  globalThis.WebSocket = undefined as unknown as typeof WebSocket;
  try {
    await using device = await Device.start({ url: server.url, ...FAST });
    await device.add();
    device.client.publish("topic", "lost");
    await device.settled();
    assertEquals([device.value(), device.client.isOnline], [1, true]);
  } finally {
    globalThis.WebSocket = real;
  }
});

Deno.test("refused WebSockets do not make a client that syncs over HTTP look offline", async () => {
  await using server = await RigServer.start();
  await using device = await onlyHttp(server);
  await until(() => server.count("/_live") >= 3);
  assertEquals([device.client.isOnline, device.network], [true, ["online"]]);
});

Deno.test("a client goes back to a live connection, and leaves HTTP alone from then on", async () => {
  await using server = await RigServer.start();
  await using device = await onlyHttp(server);
  await device.add();
  await device.settled();
  server.refusesSockets = false;
  await until(() => server.socketCount === 1);
  await device.client.sync();
  const { length } = server.requests;
  await device.add();
  await device.settled();
  await device.client.sync();
  await pause(SETTLE_MS);
  assertEquals([server.requests.length, device.value()], [length, 2]);
  assertEquals(device.network, ["online"]);
});

Deno.test("a live connection that is lost is replaced by HTTP until it is back", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url, ...FAST });
  await using other = await Device.start({ url: server.url, ...FAST });
  await until(() => server.socketCount === 2);
  server.refusesSockets = true;
  server.cut();
  await device.add();
  await device.settled();
  await eventually(() => other.value(), 1);
  assert(server.count("/_sync/push") > 0);
});

Deno.test("a page of the log that says there is more is followed by the next", async () => {
  await using server = await RigServer.start();
  await using writer = await Device.start({ url: server.url });
  await until(() => writer.client.isOnline);
  await using reader = await onlyHttp(server, { pullIntervalMs: 60_000 });
  await until(() => reader.client.isOnline);
  await writer.add();
  await writer.settled();
  await reader.client.sync();
  const counts = Array.from({ length: 1_100 }, () => writer.add());
  await Promise.all(counts);
  await writer.settled();
  const before = server.count("/_sync/pull");
  await reader.client.sync();
  assertEquals([reader.value(), server.count("/_sync/pull") - before], [1_101, 2]);
});

Deno.test("a server that decides nothing is not asked again and again", async () => {
  await using server = await RigServer.start();
  const epoch = server.store.epoch;
  const none = { results: [], epoch };
  const endless = { changes: [], has_more: true, next_cursor: 0, epoch };
  server.gate = (path) => {
    if (path === "/_sync/push") return Response.json(none);
    return path === "/_sync/pull" ? Response.json(endless) : undefined;
  };
  await using device = await onlyHttp(server);
  await device.add();
  const failures = () => device.errors.filter((error) => error.includes("decides none")).length;
  await until(() => failures() >= 3);
  // Each round gives up after one push; the next one may be under way.
  assert(server.count("/_sync/push") <= failures() + 1, `${server.count("/_sync/push")} pushes`);
  await eventually(() => device.client.pending.map(({ state }) => state), ["queued"]);
  server.gate = () => {};
  await device.client.sync();
  assertEquals([device.client.pending, device.value()], [[], 1]);
});

/** Adds to a counter while connections come and go; no subscriber may see too much or too little. */
async function assertNoFlicker(server: RigServer, device: Device, disturb: () => void) {
  let added = 0;
  let [least, most] = [0, 0];
  const stop = device.client.subscribe(() => {
    const value = device.value();
    least = Math.min(least, value - added);
    most = Math.max(most, value - added);
  });
  for (let i = 0; i < 60; i++) {
    if (i % 12 === 6) disturb();
    // Counted before: the view moves within the call.
    added++;
    const made = device.add();
    assertEquals(device.value(), added);
    await made;
    if (i % 3 === 0) await pause(3);
  }
  await device.settled();
  await device.client.sync();
  stop();
  assertEquals([device.value(), least, most], [60, 0, 0]);
  assertEquals(server.store.row("_default", "counter", "k")?.json, `{"value":60}`);
}

Deno.test("a counter never shows too much while live connections are cut", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url, ...FAST });
  await assertNoFlicker(server, device, () => server.cut());
});

Deno.test("a counter never shows too much over HTTP alone", async () => {
  await using server = await RigServer.start();
  await using device = await onlyHttp(server);
  await assertNoFlicker(server, device, () => {});
});

Deno.test("a counter never shows too much on the way from HTTP to live and back", async () => {
  await using server = await RigServer.start();
  // So that a live connection opens in the middle of a round.
  server.gate = async (path) => {
    if (path.startsWith("/_sync")) await pause(5);
  };
  await using device = await onlyHttp(server);
  await assertNoFlicker(server, device, () => {
    server.refusesSockets = !server.refusesSockets;
    server.cut();
    globalThis.dispatchEvent(new Event("online"));
  });
});

Deno.test("sync beside a live connection shows nothing twice", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url });
  const syncs: Promise<void>[] = [];
  await assertNoFlicker(server, device, () => void syncs.push(device.client.sync()));
  await Promise.all(syncs);
});
