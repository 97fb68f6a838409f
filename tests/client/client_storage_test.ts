/** The client and its storage: nothing is promised before it is durable, and a refusal takes it back. */
import { assertEquals, assertRejects } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { Device, eventually, FaultyPersistence, pause, RigServer, until } from "./rig.ts";

/** Longer than what is to happen at once, in milliseconds: for what must not happen at all. */
const SETTLE_MS = 30;
/** Nobody listens there. */
const NOWHERE = "http://127.0.0.1:1";

const full = () => new DriftlessError("store_failed", "The disk is full");

/** A client that is switched offline. */
async function startOffline(
  url: string,
  persistence: FaultyPersistence | MemoryPersistence,
): Promise<Device> {
  const device = Device.create({ url, persistence });
  device.client.setOffline(true);
  await device.client.start();
  return device;
}

Deno.test("a mutation resolves when storage has it, shows before, and is sent after", async () => {
  await using server = await RigServer.start();
  const persistence = new FaultyPersistence();
  await using device = await Device.start({ url: server.url, persistence });
  await until(() => device.client.isOnline);
  persistence.hold();
  let isDurable = false;
  const made = device.add().then(() => isDurable = true);
  assertEquals(device.value(), 1);
  await pause(SETTLE_MS);
  assertEquals([isDurable, device.client.pending[0]?.state], [false, "local"]);
  assertEquals(server.store.head("_default").cursor, 0);
  persistence.release();
  await made;
  assertEquals((await persistence.load())?.pending.length, 1);
  await device.settled();
  assertEquals(server.store.head("_default").cursor, 1);
});

Deno.test("a mutation that storage refuses is rolled back and told, and later ones work", async () => {
  await using server = await RigServer.start();
  const persistence = new FaultyPersistence();
  await using device = await Device.start({ url: server.url, persistence });
  await until(() => device.client.isOnline);
  persistence.queueFaults.push(full());
  const error = await assertRejects(() => device.add(), DriftlessError);
  assertEquals([error.code, error.message], ["store_failed", "The disk is full"]);
  assertEquals([device.value(), device.client.pending], [0, []]);
  assertEquals(device.errors, ["store_failed: The disk is full"]);
  await device.add(10);
  await device.settled();
  assertEquals([device.value(), device.values], [10, [0, 1, 0, 10]]);
  assertEquals(device.client.isOnline, true);
  await using other = await Device.start({ url: server.url });
  await eventually(() => other.value(), 10);
});

Deno.test("one refusal of storage takes back what it was about, and is told once", async () => {
  const persistence = new FaultyPersistence();
  await using device = await startOffline(NOWHERE, persistence);
  await device.add(1);
  persistence.queueFaults.push(full());
  const lost = [device.add(10), device.add(100)];
  const results = await Promise.allSettled(lost);
  assertEquals(results.map(({ status }) => status), ["rejected", "rejected"]);
  await device.add(1_000);
  assertEquals([device.value(), device.errors.length], [1_001, 1]);
  assertEquals((await persistence.load())?.pending.length, 2);
});

Deno.test("rows that storage refuses are told, and fetched again at the next start", async () => {
  await using server = await RigServer.start();
  const persistence = new FaultyPersistence();
  persistence.rowFaults.push(full());
  const device = await Device.start({ url: server.url, persistence });
  await device.add();
  await device.settled();
  await device.client.stop();
  assertEquals(device.errors, ["store_failed: The disk is full"]);
  assertEquals((await persistence.load())?.replica.cursor, 0);
  await using again = await Device.start({ url: server.url, persistence });
  await eventually(() => [again.value(), again.client.cursor], [1, 1]);
});

Deno.test("a start that storage refuses can be tried again", async () => {
  await using server = await RigServer.start();
  const persistence = new FaultyPersistence();
  await using device = Device.create({ url: server.url, persistence });
  persistence.loadFault = full();
  await assertRejects(() => device.client.start(), DriftlessError, "The disk is full");
  assertEquals(server.requests, []);
  persistence.loadFault = null;
  await device.client.start();
  await device.add();
  await device.settled();
});

Deno.test("a stop waits for what is being written", async () => {
  const persistence = new FaultyPersistence();
  const device = await startOffline(NOWHERE, persistence);
  persistence.hold();
  const made = device.add();
  let isStopped = false;
  const stopped = device.client.stop().then(() => isStopped = true);
  await pause(SETTLE_MS);
  assertEquals(isStopped, false);
  persistence.release();
  await Promise.all([made, stopped]);
  assertEquals((await persistence.load())?.pending.length, 1);
});

Deno.test("what was made before the first connection arrives in its order", async () => {
  await using server = await RigServer.start();
  await server.stop();
  await using device = await Device.start({ url: server.url });
  for (const id of ["a", "b", "c"]) {
    await device.client.mutate("note.create", { id, data: { text: id, by: id } });
  }
  await device.client.mutate("note.update", { id: "a", data: { text: "again" } });
  assertEquals([device.client.cursor, device.client.pending.length], [0, 4]);
  await server.start();
  await device.settled();
  const changes = server.store.changes("_default", 0, 10);
  assertEquals(changes.map(({ id, op }) => `${op} ${id}`), [
    "create a",
    "create b",
    "create c",
    "update a",
  ]);
});

Deno.test("a client that goes on from what another one stored keeps queue, rows and name", async () => {
  await using server = await RigServer.start();
  const persistence = new MemoryPersistence();
  const first = await Device.start({ url: server.url, persistence });
  await first.add();
  await first.settled();
  first.client.setOffline(true);
  await first.add(10);
  await first.add(100);
  const { clientId, cursor } = first.client;
  await first.client.stop();
  await using second = await startOffline(server.url, persistence);
  assertEquals([second.client.clientId, second.client.cursor], [clientId, cursor]);
  assertEquals([second.value(), second.client.pending.length], [111, 2]);
  second.client.setOffline(false);
  await second.settled();
  await eventually(() => second.value(), 111);
  assertEquals([second.client.clientId, second.values], [clientId, [111]]);
});

Deno.test("stops while requests are under way lose and double nothing", async () => {
  await using server = await RigServer.start();
  const persistence = new MemoryPersistence();
  let added = 0;
  for (const path of ["/_sync/snapshot", "/_live/ticket", "/_sync/push", "/_sync/pull"]) {
    for (const isDecided of [false, true]) {
      server.refusesSockets = path !== "/_live/ticket";
      const [came, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      server.gate = async (asked, request) => {
        if (asked !== path) return undefined;
        const answer = isDecided ? await server.answer(request) : undefined;
        came.resolve();
        await held.promise;
        return answer;
      };
      const intervals = { pushIntervalMs: 5, pullIntervalMs: 5 };
      const device = await Device.start({ url: server.url, persistence, ...intervals });
      await device.add();
      added++;
      await came.promise;
      await device.client.stop();
      held.resolve();
    }
  }
  server.gate = () => {};
  server.refusesSockets = false;
  await using last = await Device.start({ url: server.url, persistence });
  await last.settled();
  assertEquals(last.value(), added);
  assertEquals(server.store.row("_default", "counter", "k")?.json, `{"value":${added}}`);
});
