/** Repairs that something goes wrong with: the client comes out right all the same, or says that not. */
import { assert, assertEquals } from "@std/assert";
import type { SnapshotRow } from "../../core/snapshot.ts";
import type { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { MISMATCHES_MAX } from "../../ui/client/reconcile_client.ts";
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
import { Device, eventually, type RigServer, until } from "./rig.ts";

const ROWS = 40;
const FAST = { pushIntervalMs: 10, pullIntervalMs: 20 };

/** Storage in which one row is another one, and one is missing. */
async function damagedStorage(server: RigServer): Promise<MemoryPersistence> {
  const persistence = await syncedStorage(server.url);
  await damage(persistence, ([first, second, , ...rest]) => [
    { ...first as SnapshotRow, json: `{"value":-1}` },
    second as SnapshotRow,
    ...rest,
  ]);
  return persistence;
}

Deno.test("what is done while a repair is under way survives it, and shows at every moment", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const expected = await truth(server.url);
  const persistence = await damagedStorage(server);
  server.refusesSockets = true;
  const snapshots = server.count("/_sync/snapshot");
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  server.gate = async (path) => {
    if (path !== "/_sync/reconcile") return;
    ask();
    await held;
  };
  const witness = new Witness();
  await using device = await Device.start({
    url: server.url,
    persistence,
    ...FAST,
    ...witness.options,
  });
  await asked;
  const seen: (number | undefined)[] = [];
  const stop = device.client.subscribe(() => seen.push(countersOf(device)["k5"]));
  await device.add(100, "k5");
  await device.add(1, "mine");
  release();
  await device.settled();
  await verified(device);
  stop();
  assertEquals(countersOf(device), { ...expected, k5: 106, mine: 1 });
  assertEquals(new Set(seen), new Set([106]));
  assertEquals([witness.count("repaired"), server.count("/_sync/snapshot")], [1, snapshots]);
});

for (
  const [what, answer] of [
    ["refuses", () => Response.json({ code: "rate_limited", error: "No" }, { status: 429 })],
    ["fails", () => Response.json({ code: "internal_error", error: "No" }, { status: 500 })],
    ["answers nonsense", () => new Response(new Uint8Array(99).fill(0xff))],
    ["says nothing", () => new Promise<Response>(() => {})],
  ] as const
) {
  Deno.test(`a server that ${what} when it is asked for a repair is asked for a snapshot`, async () => {
    await using server = await startServer();
    await fill(server.url, ROWS);
    const expected = await truth(server.url);
    const persistence = await damagedStorage(server);
    server.refusesSockets = true;
    server.gate = (path) => path === "/_sync/reconcile" ? answer() : undefined;
    const before = server.count("/_sync/snapshot");
    const witness = new Witness();
    await using device = await Device.start({
      url: server.url,
      persistence,
      ...FAST,
      timeoutMs: 300,
      ...witness.options,
    });
    await verified(device);
    assertEquals(countersOf(device), expected);
    assertEquals([witness.count("repaired"), witness.count("snapshot")], [0, 1]);
    assertEquals(server.count("/_sync/snapshot"), before + 1);
  });
}

Deno.test("a connection that is cut while a repair is under way does not keep rows wrong", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const expected = await truth(server.url);
  const persistence = await damagedStorage(server);
  let cuts = 0;
  await using device = await Device.start({
    url: server.url,
    persistence,
    ...FAST,
    onReconcile: ({ state }) => {
      if (state === "different" && cuts++ < 2) server.cut();
    },
  });
  await verified(device);
  assertEquals(countersOf(device), expected);
  assert(cuts > 0);
});

Deno.test("a repair whose connection is cut goes on over HTTP", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const expected = await truth(server.url);
  const persistence = await damagedStorage(server);
  const snapshots = server.count("/_sync/snapshot");
  const witness = new Witness();
  await using device = await Device.start({
    url: server.url,
    persistence,
    onReconcile: (progress) => {
      witness.seen.push(progress);
      if (progress.state !== "different") return;
      server.refusesSockets = true;
      server.cut();
    },
  });
  await eventually(() => witness.count("repaired"), 1);
  assertEquals(countersOf(device), expected);
  assert(server.count("/_sync/reconcile") > 0);
  assertEquals(server.count("/_sync/snapshot"), snapshots);
});

Deno.test("digests that stay false end in one snapshot, and then in a word, not in a loop", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const expected = await truth(server.url);
  const persistence = await syncedStorage(server.url);
  server.refusesSockets = true;
  // Only what a pull claims is false.
  let isHonest = false;
  server.gate = async (path, request) => {
    if (path !== "/_sync/pull" || isHonest) return;
    // Not compressed, as it would be for a client.
    const plain = new Request(request.url, { method: "POST", body: await request.text() });
    const page = await (await server.answer(plain)).json();
    return Response.json({ ...page, root: "A".repeat(43) });
  };
  const witness = new Witness();
  const before = server.count("/_sync/snapshot");
  await using device = await Device.start({
    url: server.url,
    persistence,
    ...FAST,
    ...witness.options,
  });
  await until(() => witness.count("stuck") > 0);
  assertEquals(device.client.status.value.integrity, "different");
  const pulls = server.count("/_sync/pull");
  await until(() => server.count("/_sync/pull") > pulls + 2 * MISMATCHES_MAX);
  assertEquals([witness.count("different"), witness.count("stuck")], [MISMATCHES_MAX, 1]);
  assertEquals(server.count("/_sync/snapshot"), before + 1);
  assertEquals(countersOf(device), expected);
  // It goes on looking, and sees when all is well again.
  isHonest = true;
  await verified(device);
});

Deno.test("a repair that fails and fails is tried until it comes about", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const expected = await truth(server.url);
  const persistence = await damagedStorage(server);
  server.refusesSockets = true;
  let isDown = true;
  let failures = 0;
  server.gate = (path) => {
    if (!isDown || path === "/_sync/pull") return Promise.resolve(undefined);
    failures++;
    return Promise.resolve(
      Response.json({ code: "unavailable", error: "Not now" }, { status: 503 }),
    );
  };
  const witness = new Witness();
  await using device = await Device.start({
    url: server.url,
    persistence,
    ...FAST,
    ...witness.options,
  });
  await until(() => failures > 2 * MISMATCHES_MAX);
  isDown = false;
  await verified(device);
  assertEquals(countersOf(device), expected);
  assertEquals(witness.count("stuck"), 0);
});

Deno.test("a client that is stopped at any moment of a comparison ends, and keeps nothing going", async () => {
  await using server = await startServer();
  await fill(server.url, ROWS);
  const persistence = await damagedStorage(server);
  for (let turns = 0; turns < 12; turns++) {
    const device = await Device.start({ url: server.url, persistence });
    for (let turn = 0; turn < 3 * turns; turn++) await new Promise((done) => setTimeout(done, 0));
    await device.client.stop();
  }
  await using device = await Device.start({ url: server.url, persistence });
  await verified(device);
  await eventually(() => countersOf(device), await truth(server.url));
});
