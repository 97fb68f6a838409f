/** Audits: every row hashed anew, storage and server compared, and what is wrong put right. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import type { Replica } from "../../core/persistence.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import { DAMAGED_MAX } from "../../ui/client/audit.ts";
import { NotStartedError } from "../../ui/client/client_errors.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import type { DamagedRow } from "../../ui/client/reconcile_report.ts";
import {
  countersOf,
  damage,
  fill,
  startServer,
  syncedStorage,
  truth,
  verified,
} from "./reconcile_rig.ts";
import { Device, eventually, RigServer } from "./rig.ts";

const ROWS = 150;
const CLEAN = {
  damaged: [],
  digests: "equal",
  storage: "equal",
  server: "equal",
  fetched: 0,
  removed: 0,
} as const;

/** What an audit of a device says, but for the digest. */
async function audit({ client }: Device) {
  const { root, ...report } = await client.audit();
  assert(/^[0-9a-f]{64}$/.test(root), root);
  return report;
}

for (const [way, refusesSockets] of [["a live connection", false], ["HTTP", true]] as const) {
  const rounds = refusesSockets ? { pushIntervalMs: 10, pullIntervalMs: 20 } : {};

  Deno.test(`an audit over ${way} of a client that is well finds nothing`, async () => {
    await using server = await startServer();
    await fill(server.url, ROWS);
    server.refusesSockets = refusesSockets;
    await using device = await Device.start({ url: server.url, ...rounds });
    await verified(device);
    const { cursor } = device.client;
    assertEquals(await audit(device), { ...CLEAN, cursor, rows: ROWS });
    // And everything goes on.
    await device.add(1, "after");
    await device.client.sync();
    assertEquals((await truth(server.url))["after"], 1);
    assertEquals(await audit(device), { ...CLEAN, cursor: cursor + 1, rows: ROWS + 1 });
  });
}

Deno.test("an audit heals rows of which the server has said nothing yet", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const expected = await truth(server.url);
  const persistence = await syncedStorage(server.url);
  await damage(persistence, ([first, second, , ...rest]) => [
    { ...first as SnapshotRow, json: "[1]" },
    { ...second as SnapshotRow, json: `{ "value": 2}` },
    ...rest,
    { entity: "counter", id: "ghost", json: "{" },
  ]);
  server.refusesSockets = true;
  // No claim reaches the client but what the audit asks for.
  server.gate = (path) => path === "/_sync/pull" ? Response.json({}, { status: 500 }) : undefined;
  await using device = Device.create({ url: server.url, persistence });
  device.client.setOffline(true);
  await device.client.start();
  const { cursor } = device.client;
  const damaged: readonly DamagedRow[] = [
    { entity: "counter", id: "k0", reason: "unreadable" },
    { entity: "counter", id: "k1", reason: "uncanonical" },
    { entity: "counter", id: "ghost", reason: "unreadable" },
  ];
  const offline = { ...CLEAN, cursor, rows: ROWS, damaged };
  assertEquals(await audit(device), { ...offline, server: "unreachable" });
  device.client.setOffline(false);
  const found = await audit(device);
  assertEquals(found, {
    ...CLEAN,
    cursor,
    rows: ROWS,
    damaged,
    server: "repaired",
    fetched: 3,
    removed: 1,
  });
  assertEquals(countersOf(device), expected);
  assertEquals(await audit(device), { ...CLEAN, cursor, rows: ROWS });
});

Deno.test("an audit writes storage anew that does not hold the rows of the client", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const persistence = new MemoryPersistence();
  await using device = await Device.start({ url: server.url, persistence });
  await verified(device);
  const { cursor } = device.client;
  await eventually(async () => (await persistence.readRows())?.cursor, cursor);
  const losses = [
    (rows: readonly SnapshotRow[]) => rows.slice(1),
    (rows: readonly SnapshotRow[]) => [...rows, { entity: "counter", id: "ghost", json: "{}" }],
    (rows: readonly SnapshotRow[]) => rows.with(3, { ...rows[3] as SnapshotRow, json: "{}" }),
  ];
  for (const loss of losses) {
    await damage(persistence, loss);
    assertEquals(await audit(device), { ...CLEAN, cursor, rows: ROWS, storage: "different" });
    assertEquals(await audit(device), { ...CLEAN, cursor, rows: ROWS });
  }
});

Deno.test("an audit says that storage stands elsewhere, and that there is none to read", async () => {
  class Elsewhere extends MemoryPersistence {
    override async readRows(): Promise<Replica | null> {
      const replica = await super.readRows();
      return replica && { ...replica, cursor: replica.cursor + 1 };
    }
  }
  const memory = new MemoryPersistence();
  const blind = {
    load: () => memory.load(),
    saveQueue: () => Promise.resolve(),
    saveRows: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  await using server = await startServer();
  await fill(server.url, 2);
  for (const [persistence, storage] of [[new Elsewhere(), "elsewhere"], [blind, "none"]] as const) {
    await using device = await Device.start({ url: server.url, persistence });
    await verified(device);
    assertEquals((await audit(device)).storage, storage);
  }
});

Deno.test("an audit names so many damaged rows and no more", async () => {
  for (const count of [DAMAGED_MAX - 1, DAMAGED_MAX, DAMAGED_MAX + 1]) {
    const persistence = new MemoryPersistence();
    const rows = Array.from({ length: count }, (_, index) => {
      return { entity: "counter", id: `k${index}`, json: "null" };
    });
    await persistence.saveRows([{ kind: "snapshot", rows, cursor: 1, epoch: "e" }]);
    await using device = Device.create({ url: "http://127.0.0.1:1", persistence });
    device.client.setOffline(true);
    await device.client.start();
    const report = await device.client.audit();
    assertEquals([report.rows, report.damaged.length], [count, Math.min(count, DAMAGED_MAX)]);
  }
});

Deno.test("an audit beside a server without digests takes all rows, and of a stopped client fails", async () => {
  await using server = await RigServer.start();
  await fill(server.url, 3);
  await using device = await Device.start({ url: server.url });
  await device.client.sync();
  const { server: outcome } = await audit(device);
  assertEquals(outcome, "replaced");
  await device.client.stop();
  await assertRejects(() => device.client.audit(), NotStartedError);
});

Deno.test("an audit fails with what storage fails with", async () => {
  class Unreadable extends MemoryPersistence {
    override readRows(): Promise<Replica | null> {
      return Promise.reject(new DriftlessError("store_failed", "The disk is gone"));
    }
  }
  await using device = Device.create({ url: "http://127.0.0.1:1", persistence: new Unreadable() });
  device.client.setOffline(true);
  await device.client.start();
  const error = await assertRejects(() => device.client.audit(), DriftlessError);
  assertEquals(error.code, "store_failed");
});
