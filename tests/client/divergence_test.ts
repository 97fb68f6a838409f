/** A rule that is not the same on both sides is reported with both results, and with nothing else. */
import { assertEquals } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import type { Divergence } from "../../core/confirmation.ts";
import { app, Device, RigServer, until } from "./rig.ts";

const { counter, note } = app.collections;
type By = { readonly id: string; readonly by?: number };

/** The rig's app with a server whose rule counts double. */
const doubling = (version: number) =>
  defineApp({
    name: "rig",
    version,
    collections: { counter, note },
    mutators: {
      "counter.add"(tx, { id, by = 1 }: By) {
        tx.counter.put(id, { value: (tx.counter.get(id)?.value ?? 0) + 2 * by });
      },
    },
    authorize: () => true,
  });

const effects = ({ expected, actual }: Divergence) =>
  [expected, actual].map((list) => list.map(({ id, after }) => [id, after]));

Deno.test("a rule that counts differently on the server is reported, and the server is right", async () => {
  await using server = await RigServer.start({ app: doubling(1) });
  const told: Divergence[] = [];
  await using device = await Device.start({
    url: server.url,
    onDiverged: (divergence) => void told.push(divergence),
  });
  await device.add(3);
  await device.settled();
  assertEquals(told.map(effects), [[[["k", { value: 3 }]], [["k", { value: 6 }]]]]);
  assertEquals([told[0]?.mutation.name, device.value()], ["counter.add", 6]);
});

Deno.test("a rule that differs because the server's app is a newer one is no divergence", async () => {
  await using server = await RigServer.start({ app: doubling(2) });
  const told: Divergence[] = [];
  await using device = await Device.start({
    url: server.url,
    onDiverged: (divergence) => void told.push(divergence),
  });
  await device.add(3);
  await device.settled();
  assertEquals([told, device.value()], [[], 6]);
});

Deno.test("devices that write at the same time do not look like a rule that differs", async () => {
  await using server = await RigServer.start();
  let told = 0;
  const devices = await Promise.all(
    [0, 1, 2].map(() => Device.start({ url: server.url, onDiverged: () => void told++ })),
  );
  await Promise.all(devices.map((device) => until(() => device.client.isOnline)));
  await Promise.all(devices.flatMap((device) => Array.from({ length: 20 }, () => device.add())));
  for (const device of devices) await until(() => device.value() === 60);
  for (const device of devices) await device[Symbol.asyncDispose]();
  assertEquals(told, 0);
});
