/** The queue that explains itself, from end to end: a real server refuses, and the user decides. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { Device, eventually, NOTES_PER_AUTHOR_MAX, RigServer, until } from "./rig.ts";

/** A device whose claim of "late" the server has refused, as somebody else was first. */
async function refusedDevice(server: RigServer, persistence = new MemoryPersistence()) {
  await using first = await Device.start({ url: server.url });
  for (let i = 0; i < NOTES_PER_AUTHOR_MAX; i++) {
    await first.client.mutate("note.claim", { id: `early${i}`, by: "ann" });
  }
  const device = Device.create({ url: server.url, persistence });
  device.client.setOffline(true);
  await device.client.start();
  await device.client.mutate("note.claim", { id: "late", by: "ann" });
  await first.settled();
  device.client.setOffline(false);
  await until(() => device.rejected.length === 1);
  return device;
}

const states = (device: Device) =>
  device.client.queue.list().map(({ name, state }) => [name, state]);

Deno.test("a refused mutation waits in quarantine with the server's reason, and blocks nothing", async () => {
  await using server = await RigServer.start();
  await using device = await refusedDevice(server);
  await device.add();
  await device.settled();
  const [entry, ...others] = device.client.queue.list();
  assertEquals([entry?.state, entry?.code, entry?.error, others], [
    "refused",
    "rejected",
    "ann has enough notes",
    [],
  ]);
  await until(() => device.client.status.peek().refused === 1);
  assertEquals([device.client.collection("note").has("late"), device.value()], [false, 1]);
});

Deno.test("what is in quarantine is there after a restart, and is not reported again", async () => {
  await using server = await RigServer.start();
  const persistence = new MemoryPersistence();
  const before = await refusedDevice(server, persistence);
  await before.client.stop();
  await using device = await Device.start({ url: server.url, persistence });
  await until(() => device.client.isOnline);
  await device.client.sync();
  assertEquals([states(device), device.rejected], [[["note.claim", "refused"]], []]);
});

Deno.test("a refused mutation can be edited, and goes through under a new id", async () => {
  await using server = await RigServer.start();
  await using device = await refusedDevice(server);
  const id = device.client.queue.list()[0]?.id ?? "";
  await assertRejects(
    () => device.client.queue.edit(id, { id: "late", by: "ann" }),
    DriftlessError,
    "ann has enough notes",
  );
  assertEquals(states(device), [["note.claim", "refused"]]);
  const [made] = await device.client.queue.edit(id, { id: "late", by: "bob" });
  assert(made !== undefined && made.id !== id);
  await eventually(() => device.client.queue.list().length, 0);
  assertEquals(server.store.row("_default", "note", "late")?.json, `{"by":"bob","text":"late"}`);
});

Deno.test("a refused mutation can be tried again once the reason is gone", async () => {
  await using server = await RigServer.start();
  await using device = await refusedDevice(server);
  const id = device.client.queue.list()[0]?.id ?? "";
  await device.client.mutate("note.update", { id: "early0", data: { by: "bob" } });
  await device.client.queue.retry(id);
  await eventually(() => device.client.queue.list().length, 0);
  assertEquals(device.client.collection("note").get("late")?.by, "ann");
});

Deno.test("a refused mutation can be let go, and the export has what is left", async () => {
  await using server = await RigServer.start();
  await using device = await refusedDevice(server);
  const { queue } = device.client;
  const [exported] = JSON.parse(queue.export());
  const id = queue.list()[0]?.id ?? "";
  assertEquals([exported.id, exported.name, exported.args], [id, "note.claim", {
    id: "late",
    by: "ann",
  }]);
  assertEquals(await queue.discard(id), [id]);
  assertEquals([queue.list(), queue.export()], [[], "[]"]);
  await assertRejects(() => queue.retry(id), DriftlessError, id);
});

Deno.test("a mutation that was never sent can be taken back, one that was cannot", async () => {
  await using server = await RigServer.start();
  await using device = Device.create({ url: server.url });
  device.client.setOffline(true);
  await device.client.start();
  await device.add();
  const id = device.client.queue.list()[0]?.id ?? "";
  assertEquals(await device.client.queue.discard(id), [id]);
  assertEquals([device.value(), states(device)], [0, []]);
  server.refusesSockets = true;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.gate = (path) => path === "/_sync/push" ? promise : undefined;
  await device.add();
  device.client.setOffline(false);
  const syncing = device.client.sync();
  await until(() => states(device)[0]?.[1] === "sent");
  const error = await assertRejects(
    () => device.client.queue.discard(device.client.queue.list()[0]?.id ?? ""),
    DriftlessError,
  );
  assertEquals(error.code, "conflict");
  resolve();
  await syncing;
  await eventually(() => device.value(), 1);
});

Deno.test("the queue of a client that does not run says so", async () => {
  await using device = Device.create({ url: "http://127.0.0.1:1" });
  await assertRejects(() => device.client.queue.retry("x"), Error, "before start");
});
