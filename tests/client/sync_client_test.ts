/** The sync client alone: what it has in common with the full one, and what storage they share. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type App, type Collections, defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { type ClientOptions, createClient } from "../../ui/client/create_client.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { createSyncClient, type SyncedClient } from "../../ui/client/sync_client.ts";
import { app, eventually, NOTES_PER_AUTHOR_MAX, RigServer, until } from "./rig.ts";

type Make = <C extends Collections, A>(
  app: App<C, A>,
  options: ClientOptions,
) => SyncedClient<App<C, A>>;

const KINDS: readonly (readonly [name: string, make: Make])[] = [
  ["createClient", createClient],
  ["createSyncClient", createSyncClient],
];
/** Intervals of tests in which HTTP does the work, in milliseconds. */
const FAST: ClientOptions = { pushIntervalMs: 10, pullIntervalMs: 20 };
/** So that HTTP does nothing by itself, in milliseconds. */
const NEVER_MS = 600_000;

/** A client of the rig's app that runs, until it is disposed of, and what it reported. */
async function running(make: Make, options: ClientOptions) {
  const errors: string[] = [];
  const rejected: string[] = [];
  const network: string[] = [];
  const client = make(app, {
    persistence: "memory",
    pushIntervalMs: NEVER_MS,
    onError: ({ code }) => void errors.push(code),
    onRejected: ({ mutation, error }) => void rejected.push(`${mutation.name}: ${error.message}`),
    onOnline: () => void network.push("online"),
    onOffline: () => void network.push("offline"),
    ...options,
  });
  await client.start();
  return {
    client,
    errors,
    rejected,
    network,
    value: () => client.collection("counter").get("k")?.value ?? 0,
    add: () => client.mutate("counter.add", { id: "k" }),
    settled: () => eventually(() => client.pending.length, 0),
    [Symbol.asyncDispose]: () => client.stop(),
  };
}

for (const [name, make] of KINDS) {
  Deno.test(`a queue of ${name} that was made offline survives a restart, and is sent once`, async () => {
    await using server = await RigServer.start();
    const persistence = new MemoryPersistence();
    {
      await using device = await running(make, { url: server.url, persistence });
      device.client.setOffline(true);
      for (let i = 0; i < 3; i++) await device.add();
    }
    await using device = await running(make, { url: server.url, persistence });
    assertEquals(device.value(), 3);
    await device.settled();
    await device.client.sync();
    assertEquals([device.value(), device.client.isOnline, device.errors], [3, true, []]);
    assertEquals(server.store.row("_default", "counter", "k")?.json, `{"value":3}`);
  });

  Deno.test(`what the server refuses ${name} waits for its user, told once`, async () => {
    await using server = await RigServer.start();
    await using other = await running(createClient, { url: server.url });
    await using device = await running(make, { url: server.url });
    await device.client.sync();
    device.client.setOffline(true);
    for (let i = 0; i < NOTES_PER_AUTHOR_MAX; i++) {
      await other.client.mutate("note.claim", { id: `o${i}`, by: "ada" });
    }
    await other.settled();
    const { id } = await device.client.mutate("note.claim", { id: "mine", by: "ada" });
    await device.add();
    assert(device.client.collection("note").has("mine"));
    device.client.setOffline(false);
    await eventually(() => device.rejected, ["note.claim: ada has enough notes"]);
    await device.settled();
    const { client } = device;
    assertEquals([device.value(), client.collection("note").has("mine")], [1, false]);
    assertEquals(client.queue.list().map(({ id, state }) => [id, state]), [[id, "refused"]]);
    assertEquals(JSON.parse(client.queue.export()).length, 1);
    await assertRejects(() => client.queue.retry(id), DriftlessError, "enough notes");
    const [again] = await client.queue.edit(id, { id: "mine", by: "ben" });
    assertEquals(again?.name, "note.claim");
    await device.settled();
    assertEquals(client.collection("note").find(({ by }) => by === "ben").length, 1);
    assertEquals([client.queue.list(), device.rejected.length], [[], 1]);
  });

  Deno.test(`${name} comes back after a lost connection, with its topics`, async () => {
    await using server = await RigServer.start();
    await using device = await running(make, { url: server.url });
    const heard: unknown[] = [];
    device.client.subscribeTopic("news", (data) => void heard.push(data));
    await until(() => device.client.isOnline);
    server.cut();
    await device.add();
    await eventually(() => device.network, ["online", "offline", "online"]);
    await device.settled();
    device.client.publish("news", { n: 1 });
    await eventually(() => heard, [{ n: 1 }]);
    assertEquals([device.value(), device.client.cursor, server.count("/_sync/push")], [1, 1, 0]);
  });

  Deno.test(`${name} syncs over HTTP where no WebSocket can be had`, async () => {
    await using server = await RigServer.start();
    server.refusesSockets = true;
    await using a = await running(make, { url: server.url, ...FAST });
    await using b = await running(make, { url: server.url, ...FAST });
    let notices = 0;
    b.client.subscribe((changes) => void (notices += changes.length === 0 ? 0 : 1));
    // The first one may come with all rows.
    for (let i = 1; i <= 3; i++) {
      await a.add();
      await a.settled();
      await eventually(() => b.value(), i);
    }
    assert(notices > 0 && server.count("/_sync/push") > 0 && server.count("/_sync/pull") > 0);
  });
}

Deno.test("both clients take over what the other has stored, the queue too", async () => {
  await using server = await RigServer.start();
  const persistence = new MemoryPersistence();
  for (const make of [createSyncClient, createClient, createSyncClient] satisfies Make[]) {
    await using device = await running(make, { url: server.url, persistence });
    await device.settled();
    await device.client.sync();
    device.client.setOffline(true);
    await device.add();
  }
  await using last = await running(createClient, { url: server.url, persistence });
  await last.settled();
  assertEquals(server.store.row("_default", "counter", "k")?.json, `{"value":3}`);
});

Deno.test("what another version of the app has stored is left as it is, and said so", async () => {
  const next = defineApp({ name: app.name, collections: app.collections, version: 2 });
  await using server = await RigServer.start();
  const persistence = new MemoryPersistence();
  {
    await using device = await running(createSyncClient, { url: server.url, persistence });
    device.client.setOffline(true);
    await device.add();
  }
  const stored = await persistence.load();
  const newer = createSyncClient(next, { url: server.url, persistence });
  const error = await assertRejects(() => newer.start(), DriftlessError, "of version 1 of the app");
  assertEquals([error.code, await persistence.load()], ["upgrade_required", stored]);
  await using again = await running(createSyncClient, { url: server.url, persistence });
  await again.settled();
  assertEquals(server.store.row("_default", "counter", "k")?.json, `{"value":1}`);
});
