/** Clients whose place in the log is lost, or their server's history: only what differs is fetched. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { MemoryStore } from "../../core/memory_store.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import {
  countersOf,
  fill,
  startServer,
  syncedStorage,
  truth,
  verified,
  Witness,
} from "./reconcile_rig.ts";
import { app, Device, eventually, RigServer } from "./rig.ts";

const ROWS = 300;
const FAST = { pushIntervalMs: 10, pullIntervalMs: 20 };

/** Another device changes rows, adds one and deletes one; then the log forgets how. */
async function moveOn(server: RigServer): Promise<void> {
  await using writer = await Device.start({ url: server.url });
  for (const index of [1, 2, 3]) await writer.add(1_000, `k${index}`);
  await writer.add(7, "new");
  await writer.client.mutate("counter.delete", { id: "k9" });
  await writer.settled();
  server.store.trim("_default", { changes: 1, before: Date.now() + 1, outcomes: 256 });
}

/** A server with the rows of another one, and a history of its own. */
async function otherServer(from: RigServer): Promise<MemoryStore> {
  const store = new MemoryStore("another history", kernelSync());
  await using copy = await RigServer.start({ store });
  const rows = Object.entries(await truth(from.url));
  await using writer = await Device.start({ url: copy.url });
  for (const [id, value] of rows) await writer.add(value, id);
  await writer.add(1, "only there");
  await writer.settled();
  return store;
}

for (const [way, refusesSockets] of [["a live connection", false], ["HTTP", true]] as const) {
  // Rounds of HTTP could be first otherwise.
  const rounds = refusesSockets ? FAST : {};

  Deno.test(`a place that the log has forgotten costs only what differs over ${way}`, async () => {
    await using server = await startServer();
    await fill(server.url, ROWS);
    const persistence = await syncedStorage(server.url);
    await moveOn(server);
    const expected = await truth(server.url);
    const snapshots = server.count("/_sync/snapshot");
    server.refusesSockets = refusesSockets;
    const witness = new Witness();
    await using device = Device.create({
      url: server.url,
      persistence,
      ...rounds,
      ...witness.options,
    });
    device.client.setOffline(true);
    await device.client.start();
    // What waits is run on the rows that come.
    await device.add(5, "k1");
    device.client.setOffline(false);
    await device.settled();
    await verified(device);
    assertEquals(countersOf(device), { ...expected, k1: (expected["k1"] ?? 0) + 5 });
    assertEquals([witness.count("repaired"), witness.count("snapshot")], [1, 0]);
    assertEquals(server.count("/_sync/snapshot"), snapshots);
    assertEquals(server.count("/_sync/reconcile") > 0, refusesSockets);
  });

  Deno.test(`a server with another history is joined by what differs over ${way}`, async () => {
    await using server = await startServer();
    await fill(server.url, ROWS);
    const persistence = new MemoryPersistence();
    const witness = new Witness();
    await using device = await Device.start({
      url: server.url,
      persistence,
      ...rounds,
      ...witness.options,
    });
    await verified(device);
    const { clientId } = device.client;
    const store = await otherServer(server);
    await server.stop();
    await device.add(10, "k1");
    server.store = store;
    server.refusesSockets = refusesSockets;
    server.requests.length = 0;
    await server.start();
    await device.settled();
    await eventually(() => countersOf(device)["only there"], 1);
    assertNotEquals(device.client.clientId, clientId);
    assertEquals([witness.count("repaired"), witness.count("snapshot")], [1, 0]);
    assertEquals(server.count("/_sync/snapshot"), 0);
    await eventually(() => countersOf(device)["k1"], 12);
    assertEquals(countersOf(device), await truth(server.url));
    await device.client.stop();
    const stored = await persistence.load();
    assertEquals([stored?.replica.epoch, stored?.pending], ["another history", []]);
  });
}

Deno.test("a server that knows of no exchange is asked once, and then for snapshots", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url, ...FAST });
  await device.add();
  await device.settled();
  for (const times of [1, 2]) {
    device.client.setOffline(true);
    server.refusesSockets = false;
    await moveOn(server);
    server.refusesSockets = true;
    const old = new Response(JSON.stringify({ code: "not_found", error: "No such path" }), {
      status: 404,
    });
    server.gate = (path) => path === "/_sync/reconcile" ? old : undefined;
    device.client.setOffline(false);
    await eventually(() => countersOf(device), await truth(server.url));
    assertEquals(server.count("/_sync/reconcile"), 1, `after ${times}`);
    assertEquals(device.client.status.value.integrity, "unknown");
  }
});

Deno.test("a new client takes a snapshot and asks for no exchange", async () => {
  await using server = await startServer({ app });
  await fill(server.url, 3);
  server.refusesSockets = true;
  const witness = new Witness();
  await using device = await Device.start({ url: server.url, ...FAST, ...witness.options });
  await verified(device);
  assertEquals([server.count("/_sync/reconcile"), witness.states], [0, ["verified"]]);
});
