/** Storage for one version of an app: what it marks, what it refuses, and which rows it leaves out. */
import { assertEquals, assertRejects } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { PersistBatch, ReplicaMove } from "../../core/persistence.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { pinnedPersistence } from "../../ui/client/pinned_persistence.ts";
import { VersionedPersistence } from "../../ui/client/versioned_persistence.ts";

const appOf = (version: number) => defineApp({ name: "pinned", collections: {}, version });
const ROWS = [{ entity: "note", id: "a", json: `{"text":"t"}` }];
const SNAPSHOT: ReplicaMove = { kind: "snapshot", rows: ROWS, cursor: 5, epoch: "e" };
const BATCH: PersistBatch = {
  token: 1,
  identity: { client: "c", decidedSeq: 0, clockOffset: 0, time: 1 },
  put: [{ order: 1, id: "m1", name: "note.tidy", args: "null", createdAt: 1, visibleAt: null }],
  drop: [],
};

function storageOf(version: number, inner: MemoryPersistence, server = { version }) {
  return pinnedPersistence(appOf(version), inner, { serverVersion: () => server.version });
}

for (const version of [1, 2]) {
  Deno.test(`what version ${version} stores, it loads again, and so does the storage that migrates`, async () => {
    const inner = new MemoryPersistence();
    const storage = storageOf(version, inner);
    assertEquals(await storage.load(), null);
    await storage.saveQueue([BATCH]);
    assertEquals((await storage.load())?.replica.epoch, "");
    await storage.saveRows([SNAPSHOT]);
    const loaded = await storage.load();
    assertEquals(loaded?.replica, { rows: ROWS, cursor: 5, epoch: "e" });
    const source = { serverVersion: () => version, replica: () => ({ ...SNAPSHOT }) };
    const versioned = new VersionedPersistence(appOf(version), inner, source);
    assertEquals(await versioned.load(), loaded);
    await storage.close();
  });
}

Deno.test("rows or mutations of another version are refused, and nothing is touched", async () => {
  for (const store of ["saveRows", "saveQueue"] as const) {
    for (const [ours, theirs] of [[1, 2], [2, 1], [3, 2]] as const) {
      const inner = new MemoryPersistence();
      const other = storageOf(theirs, inner);
      await (store === "saveRows" ? other.saveRows([SNAPSHOT]) : other.saveQueue([BATCH]));
      const before = await inner.load();
      const error = await assertRejects(() => storageOf(ours, inner).load(), DriftlessError);
      assertEquals([error.code, await inner.load()], ["upgrade_required", before]);
    }
  }
});

Deno.test("rows of a server of another version are not stored, nor what follows them", async () => {
  const inner = new MemoryPersistence();
  const server = { version: 1 };
  const storage = storageOf(1, inner, server);
  await storage.saveRows([SNAPSHOT]);
  for (const version of [2, 1]) {
    server.version = version;
    await storage.saveRows([{ kind: "snapshot", rows: [], cursor: 6, epoch: "e" }]);
    assertEquals((await storage.load())?.replica.cursor, 5);
  }
});
