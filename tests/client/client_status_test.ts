/** What a client says of itself: connection, queue, storage, and an alarm when the queue does not move. */
import { assert, assertEquals } from "@std/assert";
import type { ClientStatus } from "../../ui/client/client_status.ts";
import { clearedStorage, markStorage, reportStorage } from "../../ui/client/storage_report.ts";
import { Device, eventually, RigServer, until } from "./rig.ts";

/** Nobody listens there. */
const NOWHERE = "http://127.0.0.1:1";

/** Every connection that the status went through, without repeats in a row. */
function connectionsOf(device: Device): { readonly seen: string[]; readonly stop: () => void } {
  const seen: string[] = [];
  const stop = device.client.status.subscribe(({ connection }) => {
    if (seen.at(-1) !== connection) seen.push(connection);
  });
  return { seen, stop };
}

const status = (device: Device): ClientStatus => device.client.status.peek();

Deno.test("status goes from stopped through connecting to online, offline and back", async () => {
  await using server = await RigServer.start();
  await using device = Device.create({ url: server.url });
  const { seen, stop } = connectionsOf(device);
  await device.client.start();
  await until(() => status(device).connection === "online");
  device.client.setOffline(true);
  device.client.setOffline(false);
  await until(() => status(device).connection === "online");
  await device.client.stop();
  stop();
  assertEquals(seen, [
    "stopped",
    "connecting",
    "online",
    "offline",
    "connecting",
    "online",
    "offline",
    "stopped",
  ]);
});

Deno.test("status counts what is pending and unsent, and forgets both when confirmed", async () => {
  await using server = await RigServer.start();
  await using device = Device.create({ url: server.url });
  device.client.setOffline(true);
  await device.client.start();
  await device.add();
  await device.add();
  await until(() => status(device).unsent === 2);
  assertEquals([status(device).pending, status(device).isStuck], [2, false]);
  device.client.setOffline(false);
  await until(() => status(device).pending === 0);
  assertEquals(status(device).unsent, 0);
});

Deno.test("status names the last error while offline, and none once online", async () => {
  await using device = await Device.start({ url: NOWHERE, pushIntervalMs: 5 });
  await until(() => status(device).lastError !== null);
  assertEquals([status(device).lastError?.code, status(device).connection], [
    "unavailable",
    "offline",
  ]);
  await using server = await RigServer.start();
  await using other = Device.create({ url: server.url });
  server.gate = (path) =>
    path === "/_live/ticket" ? Response.json({ code: "unavailable" }, { status: 503 }) : undefined;
  await other.client.start();
  await until(() => status(other).lastError !== null);
  server.gate = () => {};
  await until(() => status(other).connection === "online");
  assertEquals(status(other).lastError, null);
});

Deno.test("a queue that does not move while online rings once, with what waits", async () => {
  await using server = await RigServer.start();
  const rung: (readonly string[])[] = [];
  await using device = await Device.start({
    url: server.url,
    stuckAfterMs: 20,
    pushIntervalMs: 10,
    pullIntervalMs: 10,
    onStuck: (pending) => void rung.push(pending.map(({ mutation }) => mutation.name)),
  });
  server.refusesSockets = true;
  server.cut();
  const full = { code: "rate_limited", error: "Slow down" };
  server.gate = (path) => path === "/_sync/push" ? Response.json(full, { status: 429 }) : undefined;
  await until(() => device.client.isOnline);
  await device.add();
  await until(() => status(device).isStuck);
  assertEquals(rung, [["counter.add"]]);
  server.gate = () => {};
  await device.settled();
  await until(() => !status(device).isStuck);
  assertEquals([rung.length, status(device).unsent], [1, 0]);
});

Deno.test("a queue that waits offline rings no alarm", async () => {
  await using server = await RigServer.start();
  let rung = 0;
  await using device = Device.create({
    url: server.url,
    stuckAfterMs: 1,
    onStuck: () => void rung++,
  });
  device.client.setOffline(true);
  await device.client.start();
  await device.add();
  await until(() => status(device).unsent === 1);
  assertEquals([rung, status(device).isStuck], [0, false]);
});

Deno.test("status says where the data is kept", async () => {
  await using device = Device.create({ url: NOWHERE });
  device.client.setOffline(true);
  assertEquals(status(device).storage, null);
  await device.client.start();
  await until(() => status(device).storage !== null);
  const nothing = { isPersistent: null, usageBytes: null, quotaBytes: null };
  assertEquals(status(device).storage, { kind: "memory", ...nothing });
  assertEquals(await reportStorage("custom"), { kind: "custom", ...nothing });
});

Deno.test("storage that was cleared is reported once", () => {
  const kept = new Map<string, string>();
  const stand = {
    getItem: (key: string) => kept.get(key) ?? null,
    removeItem: (key: string) => void kept.delete(key),
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  // Deno has no storage of a site without a site.
  const before = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  Object.defineProperty(globalThis, "localStorage", { value: stand, configurable: true });
  try {
    assertEquals(clearedStorage("a"), null);
    markStorage("a");
    assertEquals(clearedStorage("b"), null);
    assertEquals(clearedStorage("a")?.code, "storage_evicted");
    assertEquals(clearedStorage("a"), null);
  } finally {
    if (before) Object.defineProperty(globalThis, "localStorage", before);
  }
});

Deno.test("a hint that the log went on is followed by a pull where there is no connection", async () => {
  await using server = await RigServer.start();
  await using writer = await Device.start({ url: server.url });
  await until(() => writer.client.isOnline);
  server.refusesSockets = true;
  await using device = await Device.start({ url: server.url, pushIntervalMs: 5 });
  await until(() => device.client.isOnline);
  await writer.add();
  await writer.settled();
  await device.client.sync();
  const pulls = () => server.count("/_sync/pull");
  const before = pulls();
  device.client.notifyLive(device.client.cursor);
  await writer.add();
  await writer.settled();
  assertEquals(pulls(), before);
  device.client.notifyLive(writer.client.cursor);
  await eventually(() => device.value(), 2);
  assert(pulls() > before);
});

Deno.test("headers of the app go with every request, and never in place of Driftless's own", async () => {
  await using server = await RigServer.start();
  const seen: (string | null)[][] = [];
  server.gate = (_path, { headers }) => {
    seen.push([headers.get("x-tenant"), headers.get("content-type")]);
  };
  server.refusesSockets = true;
  await using device = await Device.start({
    url: server.url,
    pushIntervalMs: 5,
    headers: { "x-tenant": "t1", "content-type": "text/plain" },
  });
  await device.add();
  await device.settled();
  assert(seen.length > 0);
  assertEquals(new Set(seen.map(String)), new Set(["t1,application/json"]));
});
