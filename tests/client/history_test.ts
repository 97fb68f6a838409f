/** Undo and redo through a real server: what others did stays, what was refused is no step. */
import { assertEquals, assertRejects } from "@std/assert";
import { Device, eventually, RigServer, until } from "./rig.ts";

const text = (device: Device) => device.client.collection("note").get("n")?.text;

async function started(url: string): Promise<Device> {
  const device = await Device.start({ url });
  await until(() => device.client.isOnline);
  return device;
}

Deno.test("steps are taken back and made again, before and after the server has them", async () => {
  await using server = await RigServer.start();
  await using device = await started(server.url);
  await using other = await started(server.url);
  const { history } = device.client;
  assertEquals([history.canUndo.peek(), history.canRedo.peek()], [false, false]);
  await device.client.mutate("counter.create", { id: "k", data: { value: 1 } });
  await device.client.mutate("counter.update", { id: "k", data: { value: 2 } });
  await history.undo();
  assertEquals(device.value(), 1);
  await device.settled();
  await eventually(() => other.value(), 1);
  await history.redo();
  await device.settled();
  await eventually(() => other.value(), 2);
  await history.undo();
  await history.undo();
  await device.settled();
  await eventually(() => other.client.collection("counter").has("k"), false);
  assertEquals([history.canUndo.peek(), history.canRedo.peek()], [false, true]);
});

Deno.test("an undo leaves alone what somebody else has changed since", async () => {
  await using server = await RigServer.start();
  await using device = await started(server.url);
  await using other = await started(server.url);
  await device.client.mutate("note.create", { id: "n", data: { text: "one", by: "ann" } });
  await device.client.mutate("note.update", { id: "n", data: { text: "two", by: "bob" } });
  await device.settled();
  await eventually(() => text(other), "two");
  await other.client.mutate("note.update", { id: "n", data: { text: "theirs" } });
  await eventually(() => text(device), "theirs");
  await device.client.history.undo();
  await device.settled();
  assertEquals(device.client.collection("note").get("n"), { text: "theirs", by: "ann" });
});

Deno.test("calls of one group are one step", async () => {
  await using server = await RigServer.start();
  await using device = await started(server.url);
  const { history } = device.client;
  await device.add(5);
  const made = history.group(() => [device.add(1), device.add(2), device.add(1, "other")]);
  await Promise.all(made);
  assertEquals([device.value(), device.value("other")], [8, 1]);
  await history.undo();
  assertEquals([device.value(), device.value("other")], [5, 0]);
  await history.redo();
  assertEquals([device.value(), device.value("other")], [8, 1]);
  await device.settled();
  assertEquals(server.store.row("_default", "counter", "k")?.json, `{"value":8}`);
});

Deno.test("a mutation that is let go or refused is no step any more", async () => {
  await using server = await RigServer.start();
  await using device = Device.create({ url: server.url });
  device.client.setOffline(true);
  await device.client.start();
  const { history, queue } = device.client;
  await device.add();
  await queue.discard(queue.list()[0]?.id ?? "");
  assertEquals(history.canUndo.peek(), false);
  await device.client.mutate("note.create", { id: "n", data: { text: "one", by: "ann" } });
  await device.client.mutate("note.delete", { id: "n" });
  device.client.setOffline(false);
  await until(() => device.rejected.length === 1);
  await device.settled();
  assertEquals(text(device), "one");
  await history.undo();
  // What was refused had no effect, so the step before it is the newest; its undo is refused as well.
  await until(() => device.rejected.length === 2);
  assertEquals([text(device), history.canRedo.peek()], ["one", false]);
});

Deno.test("history of a client that does not run says so", async () => {
  await using device = Device.create({ url: "http://127.0.0.1:1" });
  await assertRejects(async () => await device.client.history.undo(), Error, "before start");
});
