/** Clients and servers of different versions of an app, over real connections. */
import { assertEquals, assertRejects } from "@std/assert";
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { createClient } from "../../ui/client/create_client.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { eventually, pause, RigServer, until } from "./rig.ts";

const whole = collection("account", v.object({ value: v.number() }), { builtins: false });
const cents = collection("account", v.object({ value: v.number(), unit: v.string() }), {
  builtins: false,
});

/** Accounts in whole units. */
const one = defineApp({
  name: "accounts",
  collections: { account: whole },
  mutators: {
    "account.add"(tx, { id, by }: { id: string; by: number }) {
      tx.account.put(id, { value: (tx.account.get(id)?.value ?? 0) + by });
    },
    "account.round"() {},
  },
});

const centMutators = {
  "account.addCents"(
    tx: {
      account: {
        get(id: string): { value: number; unit: string } | undefined;
        put(id: string, record: { value: number; unit: string }): void;
      };
    },
    { id, by }: { id: string; by: number },
  ) {
    tx.account.put(id, { value: (tx.account.get(id)?.value ?? 0) + by, unit: "cent" });
  },
};

/** Accounts in cents: a record, or a mutation, that is led up twice shows. */
const centMigrations = {
  2: {
    records: {
      account: ({ value }: { value: number }) => ({ value: value * 100, unit: "cent" }),
    },
    mutations: {
      "account.add": ({ id, by }: { id: string; by: number }) => ({
        name: "account.addCents",
        args: { id, by: by * 100 },
      }),
      "account.round": () => null,
    },
  },
};
const two = defineApp({
  name: "accounts",
  version: 2,
  collections: { account: cents },
  mutators: centMutators,
  migrations: centMigrations,
});
const twoOnly = defineApp({
  name: "accounts",
  version: 2,
  minVersion: 2,
  collections: { account: cents },
  mutators: centMutators,
  migrations: centMigrations,
});

type AnyVersion = typeof one | typeof two;

/** A client of some version, and what it reported. */
class Device implements AsyncDisposable {
  readonly errors: string[] = [];
  readonly rejected: string[] = [];
  readonly client;

  constructor(
    app: AnyVersion,
    url: string,
    persistence: MemoryPersistence,
    pushIntervalMs = 600_000,
  ) {
    this.client = createClient(app as typeof one, {
      url,
      persistence,
      pushIntervalMs,
      onError: ({ code }) => void this.errors.push(code),
      onRejected: ({ mutation, error }) =>
        void this.rejected.push(`${mutation.name}: ${error.code}`),
    });
  }

  static async start(
    app: AnyVersion,
    url: string,
    persistence: MemoryPersistence = new MemoryPersistence(),
    isOffline = false,
  ): Promise<Device> {
    const device = new Device(app, url, persistence);
    device.client.setOffline(isOffline);
    await device.client.start();
    return device;
  }

  get value(): number | undefined {
    return this.client.collection("account").get("a")?.value;
  }

  async add(by: number): Promise<void> {
    await this.client.mutate("account.add", { id: "a", by });
  }

  async settled(value: number): Promise<void> {
    await eventually(() => [this.client.pending.length, this.value], [0, value]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.stop().catch(() => {});
  }
}

/** Puts a server of another version in the place of one. */
async function replaced(server: RigServer, app: AnyVersion): Promise<RigServer> {
  await server.stop();
  return await RigServer.start({ app, store: server.store, port: server.port });
}

function hurry(): void {
  globalThis.dispatchEvent(new Event("online"));
}

Deno.test("an old client with a queue works on beside a new server, then reloads as new [S2, S3]", async () => {
  await using before = await RigServer.start({ app: one });
  const persistence = new MemoryPersistence();
  {
    await using old = await Device.start(one, before.url, persistence);
    await old.add(1);
    await old.add(1);
    await old.settled(2);
    old.client.setOffline(true);
    await old.add(3);
    await old.client.mutate("account.round", undefined as never);
    await using _server = await replaced(before, two);
    old.client.setOffline(false);
    await old.settled(500);
    assertEquals(old.rejected, ["account.round: upgrade_required"]);
    await old.add(1);
    await old.settled(600);
    old.client.setOffline(true);
    await old.add(4);
    await old.client.mutate("account.round", undefined as never);
  }
  await using server = await RigServer.start({ app: two, store: before.store, port: before.port });
  for (const reload of ["first", "second"]) {
    await using offline = await Device.start(two, server.url, persistence, true);
    assertEquals(offline.value, 1_000, reload);
    assertEquals(offline.client.pending.map(({ mutation }) => mutation.name), [
      "account.addCents",
    ]);
  }
  await using fresh = await Device.start(two, server.url, persistence);
  await fresh.settled(1_000);
  assertEquals(fresh.rejected, []);
  await using other = await Device.start(two, server.url);
  await other.settled(1_000);
  assertEquals(server.store.row("_default", "account", "a")?.json, `{"unit":"cent","value":1000}`);
});

Deno.test("a client that reloads as new before it meets the new server loses and doubles nothing", async () => {
  await using before = await RigServer.start({ app: one });
  const persistence = new MemoryPersistence();
  {
    await using old = await Device.start(one, before.url, persistence);
    await old.add(2);
    await old.settled(2);
    old.client.setOffline(true);
    await old.add(3);
  }
  {
    await using early = await Device.start(two, before.url, persistence);
    assertEquals(early.value, 500, "rows and queue are led up");
    await until(() => early.errors.includes("unavailable"));
    assertEquals(early.client.pending.length, 1);
    assertEquals(before.store.head("_default").cursor, 1);
    await using server = await replaced(before, two);
    hurry();
    await early.settled(500);
    assertEquals(server.store.head("_default").cursor, 3, "two writes and the upgrade");
  }
  await using server = await RigServer.start({ app: two, store: before.store, port: before.port });
  await using again = await Device.start(two, server.url, persistence, true);
  assertEquals(again.value, 500);
});

Deno.test("a client that is too old keeps its queue, says so, and leaves the server alone", async () => {
  await using before = await RigServer.start({ app: one });
  const persistence = new MemoryPersistence();
  await using server = await replaced(before, twoOnly);
  {
    await using old = new Device(one, server.url, persistence, 10);
    await old.client.start();
    await old.add(3);
    await until(() => old.errors.filter((code) => code === "upgrade_required").length >= 2);
    const { length } = server.requests;
    await pause(500);
    assertEquals(server.requests.length, length, "neither way is tried again");
    assertEquals(old.client.pending.length, 1);
    await assertRejects(() => old.client.sync(), DriftlessError, "not version 1");
    assertEquals(old.client.pending.length, 1);
  }
  assertEquals(server.store.scopes(), []);
  await using fresh = await Device.start(twoOnly, server.url, persistence);
  await fresh.settled(300);
});

Deno.test("old code does not start on what new code has stored, and leaves it as it is", async () => {
  await using server = await RigServer.start({ app: two });
  const persistence = new MemoryPersistence();
  {
    await using fresh = await Device.start(two, server.url, persistence);
    await fresh.client.mutate("account.addCents" as never, { id: "a", by: 7 } as never);
    await fresh.settled(7);
    fresh.client.setOffline(true);
    await fresh.client.mutate("account.addCents" as never, { id: "a", by: 5 } as never);
  }
  const stored = await persistence.load();
  const old = new Device(one, server.url, persistence);
  const error = await assertRejects(() => old.client.start(), DriftlessError, "of version 2");
  assertEquals(error.code, "upgrade_required");
  assertEquals(await persistence.load(), stored);
  await using again = await Device.start(two, server.url, persistence);
  await again.settled(12);
});
