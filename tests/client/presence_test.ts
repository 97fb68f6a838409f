/** Presence as an app uses it, over real connections. */
import { assertEquals, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { PRESENCE_BYTES_MAX } from "../../core/presence.ts";
import type { UpMessage } from "../../core/wire/messages.ts";
import { ClientPresence, PRESENCE_INTERVAL_MS } from "../../ui/client/presence.ts";
import { app, Device, eventually, pause, RigServer, until } from "./rig.ts";

/** Two clients that are online, and whose peers are known by the names a and b. */
async function withPair(
  test: (a: Device, b: Device, server: RigServer) => Promise<void>,
  served: typeof app = app,
): Promise<void> {
  await using server = await RigServer.start({ app: served });
  await using a = await Device.start({ url: server.url });
  await using b = await Device.start({ url: server.url });
  await until(() => a.client.isOnline && b.client.isOnline);
  await test(a, b, server);
}

/** What a client knows of the others, without their ids. */
function seen(device: Device): readonly unknown[] {
  return [...device.client.presence.peers.values()];
}

Deno.test("clients see what others show, as it changes and until they hide", () =>
  withPair(async (a, b) => {
    const stop = b.client.presence.subscribe(() => {});
    a.client.presence.set({ at: { x: 1, y: [2] } });
    await eventually(() => [...b.client.presence.peers], [
      [a.client.clientId, { at: { x: 1, y: [2] } }],
    ]);
    assertEquals(seen(a), [], "nobody hears there");
    for (let x = 0; x < 20; x++) a.client.presence.set({ x });
    await eventually(() => seen(b), [{ x: 19 }]);
    a.client.presence.set(null);
    await eventually(() => seen(b), []);
    a.client.presence.set("back");
    await eventually(() => seen(b), ["back"]);
    stop();
    assertEquals(seen(b), []);
    stop();
    assertEquals([a.errors, b.errors], [[], []]);
  }));

Deno.test("what was shown before the start, and before a reconnect, is shown after it", async () => {
  await using server = await RigServer.start();
  await using a = Device.create({ url: server.url });
  await using b = Device.create({ url: server.url });
  a.client.presence.set("early");
  let notices = 0;
  const gone: number[] = [];
  b.client.presence.subscribe(() => {
    notices++;
    if (seen(b).length === 0) gone.push(notices);
  });
  await a.client.start();
  await until(() => a.client.isOnline);
  await b.client.start();
  await eventually(() => seen(b), ["early"]);
  gone.length = 0;
  server.cut();
  await until(() => !a.client.isOnline && !b.client.isOnline);
  assertEquals(seen(b), ["early"], "a moment longer");
  a.client.presence.set("late");
  globalThis.dispatchEvent(new Event("online"));
  await eventually(() => seen(b), ["late"]);
  assertEquals(gone, [], "nobody was seen to leave");
});

Deno.test("a client that stops forgets the others, and is gone for them after its grace", () =>
  withPair(async (a, b) => {
    for (const { client } of [a, b]) client.presence.subscribe(() => {});
    a.client.presence.set("a");
    b.client.presence.set("b");
    await eventually(() => [seen(a), seen(b)], [["b"], ["a"]]);
    await a.client.stop();
    assertEquals(seen(a), []);
    await eventually(() => seen(b), []);
  }));

Deno.test("a client without a connection forgets the others after a moment", () =>
  withPair(async (a, b) => {
    b.client.presence.subscribe(() => {});
    a.client.presence.set("a");
    await eventually(() => seen(b), ["a"]);
    let notices = 0;
    b.client.presence.subscribe(() => void notices++);
    b.client.setOffline(true);
    assertEquals(seen(b), ["a"]);
    await eventually(() => [seen(b), notices], [[], 1]);
  }));

Deno.test("a client that may not write is told so, and its sync goes on", () => {
  const readOnly = { ...app, authorize: ({ action }: { action: string }) => action === "read" };
  return withPair(async (a, b) => {
    b.client.presence.subscribe(() => {});
    a.client.presence.set("a");
    await eventually(() => a.errors.map((error) => error.split(":")[0]), ["rejected"]);
    a.client.presence.set("again");
    await a.client.sync();
    assertEquals(a.errors.length, 1, "once for a connection");
    assertEquals([a.network, seen(b)], [["online"], []]);
  }, readOnly);
});

Deno.test("presence is no notice of the view", () =>
  withPair(async (a, b) => {
    b.client.presence.subscribe(() => {});
    let notices = 0;
    b.client.subscribe(() => void notices++);
    a.client.presence.set("a");
    await eventually(() => seen(b), ["a"]);
    assertEquals(notices, 0);
  }));

Deno.test("a state is JSON within the limit and not one byte more [S11]", () => {
  const presence = alone([]);
  const text = (bytes: number) => "x".repeat(bytes - 2);
  for (const bytes of [PRESENCE_BYTES_MAX - 1, PRESENCE_BYTES_MAX]) presence.set(text(bytes));
  const tooLarge = () => presence.set(text(PRESENCE_BYTES_MAX + 1));
  assertEquals(assertThrows(tooLarge, DriftlessError).code, "too_large");
  for (const bad of [undefined, new Date(0), () => {}, NaN, "\ud800"]) {
    const set = () => presence.set(bad);
    assertEquals(assertThrows(set, DriftlessError).code, "invalid_mutation");
  }
  presence.stop();
});

Deno.test("of many states within one interval the first is sent, and the last", async () => {
  const sent: UpMessage[] = [];
  const presence = alone(sent);
  presence.resume();
  for (let i = 0; i < 100; i++) presence.set(i);
  presence.set(99);
  await eventually(() => sent.length, 2);
  await pause(2 * PRESENCE_INTERVAL_MS);
  assertEquals(sent, ["0", "99"].map((data) => ({ kind: "presence", watch: false, data })));
  presence.stop();
});

Deno.test("a client that shows nothing and hears nothing says nothing to a new connection", () => {
  const sent: UpMessage[] = [];
  const presence = alone(sent);
  presence.resume();
  assertEquals(sent, []);
  presence.set(1);
  presence.resume();
  assertEquals(sent.length, 2);
  presence.pause();
  presence.set(2);
  assertEquals(sent.length, 2, "nothing is said without a connection");
  presence.stop();
});

Deno.test("what others show while nobody hears is not kept", () => {
  const presence = alone([]);
  presence.received({ kind: "peers", all: true, peers: [{ client: "b", data: "1" }] });
  assertEquals(presence.peers.size, 0);
  presence.stop();
});

/** Presence without a server: what it sends goes into a list. */
function alone(sent: UpMessage[]): ClientPresence {
  return new ClientPresence({
    send: (message) => void sent.push(message),
    clientId: () => "me",
    failed: () => {},
  });
}
