/** Damaged rows of a client: found by the digest, and healed by fetching what differs. */
import { assertEquals } from "@std/assert";
import type { SnapshotRow } from "../../core/snapshot.ts";
import {
  countersOf,
  damage,
  fill,
  startServer,
  syncedStorage,
  truth,
  verified,
  Witness,
} from "./reconcile_rig.ts";
import { Device, type RigServer } from "./rig.ts";

const ROWS = 40;

type Change = (rows: readonly SnapshotRow[]) => readonly SnapshotRow[];

const DAMAGES: Readonly<Record<string, Change>> = {
  "a changed row": (rows) => rows.with(7, { ...rows[7] as SnapshotRow, json: `{"value":-1}` }),
  "a row that cannot be read": (rows) => rows.with(7, { ...rows[7] as SnapshotRow, json: "{" }),
  "a missing row": (rows) => rows.toSpliced(7, 1),
  "a row too many": (rows) => [...rows, { entity: "counter", id: "ghost", json: `{"value":1}` }],
  "a row under another name": (rows) => rows.with(7, { ...rows[7] as SnapshotRow, id: "ghost" }),
  "all of this": (rows) => [
    ...rows.toSpliced(3, 2).with(9, { ...rows[11] as SnapshotRow, json: `{"value":-1}` }),
    { entity: "ghosts", id: "g", json: "{}" },
  ],
};

/** How often rows were asked for: parts of them, and all. */
const asked = (server: RigServer) => [
  server.count("/_sync/reconcile"),
  server.count("/_sync/snapshot"),
];

for (const [name, change] of Object.entries(DAMAGES)) {
  Deno.test(`${name} is found by the next claim and healed, on a live connection`, async () => {
    await using server = await startServer();
    await fill(server.url, ROWS);
    const expected = await truth(server.url);
    const persistence = await syncedStorage(server.url);
    await damage(persistence, change);
    const [, snapshots] = asked(server);
    const witness = new Witness();
    await using device = await Device.start({ url: server.url, persistence, ...witness.options });
    await verified(device);
    assertEquals(countersOf(device), expected);
    assertEquals([witness.count("different"), witness.count("repaired")], [1, 1]);
    assertEquals(asked(server), [0, snapshots]);
    await device.client.stop();
    // What is stored is right as well.
    server.refusesSockets = true;
    await using next = Device.create({ url: server.url, persistence });
    next.client.setOffline(true);
    await next.client.start();
    assertEquals(countersOf(next), expected);
    assertEquals(device.errors, []);
  });
}

Deno.test("damage is healed over HTTP where no WebSocket can be had", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const expected = await truth(server.url);
  const persistence = await syncedStorage(server.url);
  await damage(persistence, DAMAGES["all of this"] as Change);
  server.refusesSockets = true;
  const [, snapshots] = asked(server);
  const witness = new Witness();
  const often = { pushIntervalMs: 10, pullIntervalMs: 20 };
  await using device = await Device.start({
    url: server.url,
    persistence,
    ...often,
    ...witness.options,
  });
  await verified(device);
  assertEquals(countersOf(device), expected);
  assertEquals([witness.count("different"), witness.count("repaired")], [1, 1]);
  assertEquals(server.count("/_sync/snapshot"), snapshots);
});
