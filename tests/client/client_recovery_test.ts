/** The client and a server that forgets, is restored, or refuses: nothing queued is lost, nothing spins. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { join } from "node:path";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { BACKOFF_MS_MIN } from "../../ui/client/live_connection.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { app, Device, eventually, pause, RigServer, until } from "./rig.ts";

const FAST = { pushIntervalMs: 10, pullIntervalMs: 20 };
/** How long to count requests, in milliseconds: a loop would make dozens. */
const COUNT_MS = 300;

/** Writes what a client has not seen, then drops the log that would tell it. */
async function forgetLog(server: RigServer): Promise<void> {
  await using writer = await Device.start({ url: server.url });
  for (let i = 0; i < 5; i++) await writer.add(1_000);
  await writer.settled();
  server.store.trim("_default", { changes: 1, before: 0, outcomes: 256 });
}

/** The most tries that a back-off from its start allows in a time, one more for the first. */
function triesIn(ms: number): number {
  return Math.ceil(Math.log2(ms / (BACKOFF_MS_MIN / 2) + 1)) + 1;
}

/** Counts the requests of each path while a client goes on by itself. */
async function assertNoHotLoop(server: RigServer, device: Device): Promise<void> {
  const since = performance.now();
  server.requests.length = 0;
  await pause(COUNT_MS);
  const most = triesIn(performance.now() - since);
  for (const path of new Set(server.requests)) {
    assert(server.count(path) <= most, `${server.count(path)} of ${path}, ${most} at the most`);
  }
  assertEquals(device.client.pending.length, 1);
}

for (
  const [way, refusesSockets] of [["over a live connection", false], ["over HTTP", true]] as const
) {
  Deno.test(`a log that was trimmed is replaced by a snapshot ${way}, the queue stays`, async () => {
    await using server = await RigServer.start();
    await using device = await Device.start({ url: server.url, ...FAST });
    await device.add();
    await device.settled();
    const { clientId } = device.client;
    device.client.setOffline(true);
    await forgetLog(server);
    await device.add();
    server.refusesSockets = refusesSockets;
    server.requests.length = 0;
    device.client.setOffline(false);
    await device.settled();
    await eventually(() => device.value(), 5_002);
    assertEquals(device.values, [0, 1, 2, 5_002]);
    assertEquals([device.client.clientId, device.client.cursor], [clientId, 7]);
    assertEquals(server.count("/_sync/snapshot"), 1);
    const errors = device.errors.filter((error) => !error.includes("live connection"));
    assertEquals([errors, device.rejected], [[], []]);
  });

  Deno.test(`a server with another history is followed ${way}, and gets the whole queue`, async () => {
    await using server = await RigServer.start();
    const persistence = new MemoryPersistence();
    await using device = await Device.start({ url: server.url, persistence, ...FAST });
    await device.add();
    await device.settled();
    const { clientId } = device.client;
    await server.stop();
    await device.add(10);
    await device.add(100);
    server.store = new MemoryStore("another history");
    server.refusesSockets = refusesSockets;
    await server.start();
    await device.settled();
    await eventually(() => device.value(), 110);
    assertNotEquals(device.client.clientId, clientId);
    await device.client.stop();
    const stored = await persistence.load();
    assertEquals([stored?.replica.epoch, stored?.replica.cursor], ["another history", 2]);
    assertEquals(stored?.pending, []);
  });

  Deno.test(`a server that was restored from a backup loses nothing queued ${way}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "driftless_client_" });
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    const [file, backup] = [join(folder, "data.db"), join(folder, "backup.db")];
    let store = openSqliteStore(file);
    cleanup.defer(() => store.close());
    await using server = await RigServer.start({ store });
    await using device = await Device.start({ url: server.url, ...FAST });
    const reopen = async (change: () => Promise<void>) => {
      await server.stop();
      store.close();
      await change();
      store = openSqliteStore(file);
      server.store = store;
      await server.start();
    };
    await device.add();
    await device.settled();
    await reopen(() => Deno.copyFile(file, backup));
    await device.add(10);
    await device.settled();
    await device.client.sync();
    const { clientId } = device.client;
    await server.stop();
    await device.add(100);
    server.refusesSockets = refusesSockets;
    await reopen(() => Deno.copyFile(backup, file));
    await device.settled();
    // What the backup has, and what waited; what came between is gone with the file.
    await eventually(() => device.value(), 101);
    assertNotEquals(device.client.clientId, clientId);
    assertEquals(store.row("_default", "counter", "k")?.json, `{"value":101}`);
  });
}

for (const [status, code] of [[401, "unauthenticated"], [403, "forbidden"]] as const) {
  Deno.test(`a client that is ${code} keeps its queue, says so and does not insist`, async () => {
    await using server = await RigServer.start();
    server.gate = () => Response.json({ code, error: "Not you" }, { status });
    await using device = await Device.start({ url: server.url, ...FAST });
    await device.add();
    await until(() => device.errors.length >= 2);
    assertEquals(new Set(device.errors), new Set([`${code}: Not you`]));
    await assertNoHotLoop(server, device);
    assertEquals([device.value(), device.client.isOnline], [1, false]);
    server.gate = () => {};
    globalThis.dispatchEvent(new Event("online"));
    await device.settled();
    assertEquals(device.rejected, []);
  });
}

Deno.test("a scope that may not be read is refused on the live connection without a loop", async () => {
  await using server = await RigServer.start({
    app: { ...app, authorize: ({ scope }) => scope !== "secret" },
  });
  await using device = await Device.start({ url: server.url, scope: "secret", ...FAST });
  await device.add();
  await until(() => device.errors.length >= 2);
  assert(device.errors.every((error) => error.startsWith("forbidden: ")), `${device.errors}`);
  await assertNoHotLoop(server, device);
  assertEquals(device.client.isOnline, false);
});

Deno.test("a server that says when to come back is left alone until then", async () => {
  await using server = await RigServer.start();
  const body = { code: "rate_limited", error: "Too many", retry_after_ms: 60_000 };
  server.gate = () => Response.json(body, { status: 429 });
  await using device = Device.create({ url: server.url, ...FAST });
  device.client.setOffline(true);
  await device.client.start();
  await device.add();
  device.client.setOffline(false);
  await until(() => device.errors.length === 2);
  await pause(COUNT_MS);
  assertEquals(server.requests.toSorted(), ["/_live/ticket", "/_sync/push"]);
  assertEquals(device.errors, ["rate_limited: Too many", "rate_limited: Too many"]);
  server.gate = () => {};
  globalThis.dispatchEvent(new Event("online"));
  await device.settled();
});

Deno.test("a snapshot that cannot be had is tried again with growing waits", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url });
  await device.add();
  await device.settled();
  device.client.setOffline(true);
  await forgetLog(server);
  await device.add();
  server.gate = (path) =>
    path === "/_sync/snapshot"
      ? Response.json({ code: "internal_error", error: "The server failed" }, { status: 500 })
      : undefined;
  device.client.setOffline(false);
  await until(() => device.errors.length >= 2);
  assertEquals(new Set(device.errors), new Set(["internal_error: The server failed"]));
  await assertNoHotLoop(server, device);
  server.gate = () => {};
  globalThis.dispatchEvent(new Event("online"));
  await device.settled();
  await eventually(() => device.value(), 5_002);
});

Deno.test("a server whose disk fails for a moment gets the mutation afterwards", async () => {
  const store = new FailingStore();
  await using server = await RigServer.start({ store });
  await using device = await Device.start({ url: server.url });
  await until(() => device.client.isOnline);
  store.isBroken = true;
  await device.add();
  await until(() => device.errors.length > 0);
  assertEquals(device.errors, ["store_failed: The disk is full"]);
  assertEquals([device.value(), device.client.pending.length], [1, 1]);
  store.isBroken = false;
  await device.settled();
  assertEquals([device.value(), device.values], [1, [0, 1]]);
});

/** A store whose commits fail while it is broken. */
class FailingStore extends MemoryStore {
  isBroken = false;

  constructor() {
    super("a failing disk");
  }

  override transaction<T>(work: () => T): T {
    if (this.isBroken) throw new DriftlessError("store_failed", "The disk is full");
    return super.transaction(work);
  }
}
