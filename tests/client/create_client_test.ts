/** The client as an app uses it: start and stop, mutations and views, callbacks, offline and sync. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { AlreadyStartedError, NotStartedError } from "../../ui/client/client_errors.ts";
import { createClient } from "../../ui/client/create_client.ts";
import { app, Device, eventually, FaultyPersistence, pause, RigServer, until } from "./rig.ts";

/** Longer than what is to happen at once, in milliseconds: for what must not happen at all. */
const SETTLE_MS = 50;
/** Nobody listens there. */
const NOWHERE = "http://127.0.0.1:1";

/** Runs a test in which the complaints about callbacks are counted instead of printed. */
async function complaintsIn(test: () => Promise<void>): Promise<number> {
  const { error } = console;
  let complaints = 0;
  console.error = () => void complaints++;
  try {
    await test();
  } finally {
    console.error = error;
  }
  return complaints;
}

Deno.test("a client without an address outside of a page is refused in words", () => {
  const error = assertThrows(() => createClient(app), TypeError);
  assert(error.message.includes(`"url"`), error.message);
});

Deno.test("a scope that no server takes is refused at once", () => {
  assertThrows(() => createClient(app, { url: NOWHERE, scope: "a\nb" }), DriftlessError);
});

Deno.test("a client that does not run says so", async () => {
  const { client } = Device.create({ url: NOWHERE });
  for (
    const use of [
      () => client.stop(),
      () => client.sync(),
      () => client.mutate("counter.add", { id: "k" }),
    ]
  ) await assertRejects(use, NotStartedError);
  assertThrows(() => client.clientId, NotStartedError);
  assertThrows(() => client.collection("counter").count(), NotStartedError);
  assertThrows(() => client.collection("nothing" as "note"), TypeError);
  assertEquals([client.isOnline, client.cursor, client.pending], [false, 0, []]);
});

Deno.test("a client that runs cannot be started, and one that was stopped can", async () => {
  await using server = await RigServer.start();
  await using device = Device.create({ url: server.url });
  const { client } = device;
  const first = client.start();
  await assertRejects(() => client.start(), AlreadyStartedError);
  await first;
  await assertRejects(() => client.start(), AlreadyStartedError);
  await device.add();
  await Promise.all([client.stop(), client.stop()]);
  await assertRejects(() => client.stop(), NotStartedError);
  await client.start();
  assertEquals(device.value(), 1);
});

Deno.test("a stop right after a start waits for it, and leaves nothing running", async () => {
  await using server = await RigServer.start();
  await using device = Device.create({ url: server.url });
  const started = device.client.start();
  await device.client.stop();
  await started;
  await assertRejects(() => device.client.sync(), NotStartedError);
  await device.client.start();
  await until(() => device.client.isOnline);
});

Deno.test("what is written can be read, before and after the server has it", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url, scope: "home" });
  const { client } = device;
  const notes = client.collection("note");
  const made = client.mutate("note.create", { id: "n1", data: { text: "one", by: "ada" } });
  assertEquals(notes.get("n1"), { text: "one", by: "ada" });
  assertEquals(client.pending.length, 1);
  const mutation = await made;
  assertEquals([mutation.name, mutation.scope, mutation.client], [
    "note.create",
    "home",
    client.clientId,
  ]);
  await client.mutate("note.create", { id: "n0", data: { text: "zero", by: "ben" } });
  await device.settled();
  assertEquals([notes.count(), notes.has("n1"), notes.has("n2")], [2, true, false]);
  assertEquals(notes.all().map(([id]) => id), ["n0", "n1"]);
  assertEquals(notes.find(({ by }, id) => by === "ada" && id === "n1").length, 1);
  assertEquals([client.cursor, client.isOnline], [2, true]);
  assert(Object.isFrozen(notes.get("n1")));
});

Deno.test("a mutation that a rule refuses rejects with the reason and changes nothing", async () => {
  const persistence = new FaultyPersistence();
  await using device = await Device.start({ url: NOWHERE, persistence });
  const { client } = device;
  for (
    const [call, code, words] of [
      [() => client.mutate("counter.refuse", {}), "rejected", "Not today"],
      [
        () => client.mutate("note.create", { id: "n", data: { text: "", by: "ada" } }),
        "invalid_record",
        "A note needs text",
      ],
      [() => client.mutate("nothing" as "counter.refuse", {}), "not_found", "nothing"],
      [
        () => client.mutate("counter.add", { id: "k", by: NaN }),
        "invalid_mutation",
        "not finite",
      ],
    ] as const
  ) {
    const error = await assertRejects(call, DriftlessError);
    assertEquals(error.code, code);
    assert(error.message.includes(words), error.message);
  }
  assertEquals([client.pending, device.value()], [[], 0]);
  assertEquals(client.collection("note").count(), 0);
  assertEquals([persistence.queueWrites, device.rejected], [0, []]);
});

Deno.test("a mutation that only the server can refuse rolls back and is reported once", async () => {
  await using server = await RigServer.start();
  await using other = await Device.start({ url: server.url });
  for (const id of ["o1", "o2"]) await other.client.mutate("note.claim", { id, by: "ada" });
  await other.settled();
  await using device = Device.create({ url: server.url });
  device.client.setOffline(true);
  await device.client.start();
  await device.client.mutate("note.claim", { id: "mine", by: "ada" });
  await device.add();
  assert(device.client.collection("note").has("mine"));
  device.client.setOffline(false);
  await device.settled();
  assertEquals(device.rejected, ["note.claim: rejected: ada has enough notes"]);
  await eventually(() => device.client.collection("note").all().map(([id]) => id), ["o1", "o2"]);
  assertEquals([device.value(), device.errors], [1, []]);
});

Deno.test("subscribers hear of a record once for each time that it differs", async () => {
  await using server = await RigServer.start();
  await using a = await Device.start({ url: server.url });
  await using b = await Device.start({ url: server.url });
  await until(() => a.client.isOnline && b.client.isOnline);
  const [fromA, fromB] = [a.changes.length, b.changes.length];
  await a.add();
  await a.settled();
  await eventually(() => b.value(), 1);
  const change = { entity: "counter", id: "k", before: undefined, after: { value: 1 } };
  assertEquals(a.changes.slice(fromA), [[change]]);
  assertEquals(b.changes.slice(fromB), [[change]]);
});

Deno.test("a subscription ends when it is told to, and only that one", async () => {
  await using device = await Device.start({ url: NOWHERE });
  const heard = { same: 0, other: 0 };
  const same = () => void heard.same++;
  const stops = [device.client.subscribe(same), device.client.subscribe(same)];
  const stopOther = device.client.subscribe(() => {
    heard.other++;
    stopOther();
    device.client.subscribe(() => {});
  });
  const before = heard.same;
  await device.add();
  const each = heard.same - before;
  stops[0]?.();
  await device.add();
  assertEquals([heard.same - before - each, heard.other], [each / 2, 1]);
  stops[1]?.();
  const after = heard.same;
  await device.add();
  assertEquals(heard.same, after);
});

Deno.test("a callback that throws hurts neither the client nor the others", async () => {
  const complaints = await complaintsIn(async () => {
    await using server = await RigServer.start();
    const fail = () => {
      throw new TypeError("a fault in the app");
    };
    let isLost = false;
    await using device = Device.create({
      url: server.url,
      onError: fail,
      onSync: fail,
      onOnline: () => Promise.reject(new TypeError("a fault in the app")),
      onOffline: () => {
        isLost = true;
        fail();
      },
      onRejected: fail,
    });
    device.client.subscribe(fail);
    let heard = 0;
    device.client.subscribe(() => void heard++);
    await device.client.start();
    await device.add();
    await device.client.mutate("note.create", { id: "n", data: { text: "t", by: "ada" } });
    await device.client.mutate("note.delete", { id: "n" });
    await device.settled();
    await device.client.sync();
    server.cut();
    await until(() => isLost);
    await device.add();
    await device.settled();
    assertEquals(device.value(), 2);
    assert(device.client.collection("note").has("n"));
    assert(heard > 0);
  });
  assert(complaints > 0);
});

Deno.test("a listener may mutate, and switch the client off and on", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url });
  const { client } = device;
  const made: Promise<unknown>[] = [];
  client.subscribe(() => {
    if (device.value() !== 1 || made.length > 0) return;
    made.push(device.add(10));
    client.setOffline(true);
    client.setOffline(false);
  });
  await device.add();
  await Promise.all(made);
  await device.settled();
  assertEquals(device.value(), 11);
});

Deno.test("offline nothing is sent, and what waited goes out in order afterwards", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url });
  await until(() => device.client.isOnline);
  device.client.setOffline(true);
  device.client.setOffline(true);
  assertEquals(device.client.isOnline, false);
  const { length } = server.requests;
  for (let i = 1; i <= 5; i++) await device.add();
  await assertRejects(() => device.client.sync(), DriftlessError, "offline");
  await until(() => server.socketCount === 0);
  await pause(SETTLE_MS);
  assertEquals([server.requests.length, server.socketCount], [length, 0]);
  assertEquals([device.value(), device.client.pending.length], [5, 5]);
  device.client.setOffline(false);
  await device.settled();
  assertEquals(device.network, ["online", "offline", "online"]);
  assertEquals([device.value(), device.errors], [5, []]);
});

Deno.test("a client that starts offline uses no network until it is switched on", async () => {
  await using server = await RigServer.start();
  await using device = Device.create({ url: server.url });
  device.client.setOffline(true);
  await device.client.start();
  await device.add();
  await pause(SETTLE_MS);
  assertEquals(server.requests, []);
  device.client.setOffline(false);
  await device.settled();
  await device.client.stop();
  device.client.setOffline(true);
  device.client.setOffline(false);
  await pause(SETTLE_MS);
  assertEquals(device.client.isOnline, false);
});

Deno.test("online and offline are told once for each change, and sync with the cursor", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url });
  await until(() => device.client.isOnline);
  await device.add();
  await eventually(() => device.cursors, [0, 1]);
  await server.stop();
  await until(() => device.network.length === 2);
  await until(() => device.errors.length > 0);
  await server.start();
  await until(() => device.network.length === 3);
  assertEquals(device.network, ["online", "offline", "online"]);
  assert(device.errors.every((error) => error.startsWith("unavailable: ")), `${device.errors}`);
});

Deno.test("two clients converge after the server was restarted at its place", async () => {
  await using server = await RigServer.start();
  await using a = await Device.start({ url: server.url });
  await using b = await Device.start({ url: server.url });
  await a.add();
  await eventually(() => b.value(), 1);
  await server.stop();
  for (let i = 0; i < 20; i++) await Promise.all([a.add(), b.add(100)]);
  await server.start();
  for (const device of [a, b]) {
    await device.settled();
    await eventually(() => device.value(), 2_021);
  }
  assertEquals(a.client.cursor, b.client.cursor);
});

Deno.test("sync brings what others have written, and takes out what waits", async () => {
  await using server = await RigServer.start();
  await using a = await Device.start({ url: server.url });
  await using b = await Device.start({ url: server.url });
  for (let i = 1; i <= 20; i++) {
    await a.add();
    await a.client.sync();
    assertEquals(a.client.pending, []);
    await b.client.sync();
    assertEquals(b.value(), i);
  }
});

Deno.test("sync rejects when the server is away, refuses, or is left", async () => {
  await using server = await RigServer.start();
  await using device = await Device.start({ url: server.url });
  await until(() => device.client.isOnline);
  server.gate = () => Response.json({ code: "forbidden", error: "Not you" }, { status: 403 });
  server.refusesSockets = true;
  server.cut();
  await until(() => !device.client.isOnline);
  const refused = await assertRejects(() => device.client.sync(), DriftlessError);
  assertEquals([refused.code, refused.message], ["forbidden", "Not you"]);
  await server.stop();
  const away = await assertRejects(() => device.client.sync(), DriftlessError);
  assertEquals(away.code, "unavailable");
  const held = Promise.withResolvers<void>();
  server.gate = async () => await held.promise;
  await server.start();
  const asked = server.count("/_sync/snapshot");
  const left = assertRejects(() => device.client.sync(), DriftlessError);
  await until(() => server.count("/_sync/snapshot") > asked);
  await device.client.stop();
  assertEquals((await left).code, "unavailable");
  held.resolve();
});
