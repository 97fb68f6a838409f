/** Storage that tells versions apart, as tabs with old and new code share it. */
import { assertEquals, assertRejects } from "@std/assert";
import type { AnyApp } from "../../core/app.ts";
import type { Change } from "../../core/change.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { PendingRecord, PersistedClient, ReplicaMove } from "../../core/persistence.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";
import { VersionedPersistence } from "../../ui/client/versioned_persistence.ts";
import { versionOne, versionThree, versionTwo } from "../core/versions_app.ts";

const identity = { client: "c", decidedSeq: 0, time: 1, clockOffset: 0 };
const ROWS_ONE = [{ entity: "note", id: "a", json: `{"stars":0,"title":"t"}` }];
const ROWS_TWO = [{ entity: "note", id: "a", json: `{"stars":0,"text":"t"}` }];

function snapshot(rows: PersistedClient["replica"]["rows"], cursor = 5): ReplicaMove {
  return { kind: "snapshot", rows, cursor, epoch: "e" };
}

function changes(cursor: number, json: string): ReplicaMove {
  const change: Change = { cursor, entity: "note", id: "a", op: "update", json, time: 1 };
  return { kind: "changes", from: cursor - 1, changes: [change], epoch: "e" };
}

function record(order: number, name: string, args: unknown): PendingRecord {
  return {
    order,
    id: `m${order}`,
    name,
    args: JSON.stringify(args),
    createdAt: 1,
    visibleAt: null,
  };
}

/** Storage as the code of one version uses it. */
function storageOf(
  app: AnyApp,
  inner: MemoryPersistence,
  replica: PersistedClient["replica"] = { rows: [], cursor: 0, epoch: "" },
  server = app.version,
) {
  return new VersionedPersistence(app, inner, {
    serverVersion: () => server,
    replica: () => replica,
  });
}

Deno.test("an app that is in its first version stores as if there were none", async () => {
  const inner = new MemoryPersistence();
  const storage = storageOf(versionOne, inner);
  assertEquals(await storage.load(), null);
  await storage.saveRows([snapshot(ROWS_ONE)]);
  await storage.saveQueue([{ token: 1, identity, put: [record(1, "note.tidy", null)], drop: [] }]);
  const stored = await inner.load();
  assertEquals(stored?.replica, { rows: ROWS_ONE, cursor: 5, epoch: "e" });
  assertEquals(stored?.pending, [record(1, "note.tidy", null)]);
  assertEquals(await storage.load(), stored);
  await storage.close();
});

Deno.test("what is stored is led up at the load; rows are stored whole with the next change", async () => {
  const inner = new MemoryPersistence();
  await inner.saveRows([snapshot(ROWS_ONE)]);
  const json = `{"stars":1,"text":"t"}`;
  const next = { rows: [{ entity: "note", id: "a", json }], cursor: 6, epoch: "e" };
  const storage = storageOf(versionTwo, inner, next);
  assertEquals((await storage.load())?.replica, { rows: ROWS_TWO, cursor: 5, epoch: "e" });
  assertEquals((await inner.load())?.replica.epoch, "e", "nothing is written before");
  await storage.saveRows([changes(6, json)]);
  assertEquals((await inner.load())?.replica, { ...next, epoch: "v2.2 e" });
  await storage.saveRows([changes(7, `{"stars":2,"text":"t"}`)]);
  const { cursor, rows } = (await storageOf(versionTwo, inner).load())?.replica ?? {};
  assertEquals([cursor, rows?.[0]?.json], [7, `{"stars":2,"text":"t"}`]);
});

Deno.test("rows that came from a newer server are not led up again", async () => {
  const inner = new MemoryPersistence();
  const old = storageOf(versionOne, inner, undefined, 2);
  await old.saveRows([snapshot(ROWS_TWO)]);
  assertEquals((await inner.load())?.replica.epoch, "v1.2 e");
  for (const app of [versionOne, versionTwo]) {
    assertEquals((await storageOf(app, inner).load())?.replica.rows, ROWS_TWO);
  }
  const three = (await storageOf(versionThree, inner).load())?.replica.rows[0]?.json;
  assertEquals(three, `{"stars":0,"tags":[],"text":"t"}`);
});

Deno.test("a tab with old code adds nothing to the rows of one with new code", async () => {
  const inner = new MemoryPersistence();
  await inner.saveRows([snapshot(ROWS_ONE)]);
  const [old, fresh] = [
    storageOf(versionOne, inner),
    storageOf(versionTwo, inner, { rows: ROWS_TWO, cursor: 5, epoch: "e" }),
  ];
  await old.load();
  await fresh.load();
  await fresh.saveRows([changes(6, `{"stars":1,"text":"t"}`)]);
  const stored = await inner.load();
  await old.saveRows([changes(6, `{"stars":9,"title":"t"}`)]);
  assertEquals(await inner.load(), stored);
  await old.saveRows([snapshot(ROWS_ONE, 9)]);
  await fresh.saveRows([changes(7, `{"stars":2,"text":"t"}`)]);
  assertEquals((await inner.load())?.replica, { rows: ROWS_ONE, cursor: 9, epoch: "e" });
  assertEquals((await storageOf(versionTwo, inner).load())?.replica.rows, ROWS_TWO);
});

Deno.test("a queue is led up and stored as it is then: what is refused is refused once", async () => {
  const inner = new MemoryPersistence();
  const put = [record(1, "note.rename", { id: "a", title: "x" }), record(2, "note.shout", {})];
  await inner.saveQueue([{ token: 1, identity, put, drop: [] }]);
  const pending = (await storageOf(versionTwo, inner).load())?.pending ?? [];
  assertEquals(
    pending.map(({ name, appVersion, quarantine }) => [name, appVersion, quarantine?.state]),
    [
      ["note.retext", 2, undefined],
      ["note.shout", 2, "refused"],
    ],
  );
  assertEquals((await inner.load())?.pending, pending);
  assertEquals((await storageOf(versionTwo, inner).load())?.pending, pending);
});

Deno.test("new mutations carry the version that they are written for", async () => {
  const inner = new MemoryPersistence();
  const put = [record(1, "note.star", { id: "a" })];
  await storageOf(versionTwo, inner).saveQueue([{ token: 1, identity, put, drop: [] }]);
  assertEquals((await inner.load())?.pending[0]?.appVersion, 2);
  const error = await assertRejects(
    () => storageOf(versionOne, inner).load(),
    DriftlessError,
    "This device holds data of version 2 of the app, and this is version 1",
  );
  assertEquals(error.code, "upgrade_required");
});

Deno.test("old code does not load rows that new code has stored", async () => {
  const inner = new MemoryPersistence();
  await storageOf(versionThree, inner).saveRows([snapshot([])]);
  await assertRejects(() => storageOf(versionTwo, inner).load(), DriftlessError, "of version 3");
});

Deno.test("a repair is stored for the version that its rows are of, and whole where another was", async () => {
  const inner = new MemoryPersistence();
  await inner.saveRows([snapshot(ROWS_ONE)]);
  const rows = [{ entity: "note", id: "b", json: `{"stars":3,"text":"b"}` }];
  const after = { rows: [...ROWS_TWO, ...rows], cursor: 6, epoch: "e" };
  const storage = storageOf(versionTwo, inner, after);
  await storage.load();
  const repair: ReplicaMove = {
    kind: "snapshot",
    rows,
    gone: [],
    cursor: 6,
    epoch: "e",
    onto: { cursor: 5, epoch: "e" },
  };
  // What is stored is of the version before: some rows of this one beside it would be a mixture.
  await storage.saveRows([repair]);
  assertEquals((await inner.load())?.replica, { ...after, epoch: "v2.2 e" });
  const onto = { cursor: 6, epoch: "e" };
  await storage.saveRows([{ ...repair, rows: [], gone: rows, cursor: 1, epoch: "f", onto }]);
  assertEquals((await inner.load())?.replica, { rows: ROWS_TWO, cursor: 1, epoch: "v2.2 f" });
});

Deno.test("rows that are read again are of no history that a tab of another version knows", async () => {
  const inner = new MemoryPersistence();
  const [one, two] = [storageOf(versionOne, inner), storageOf(versionTwo, inner)];
  assertEquals(await two.readRows(), null);
  await two.saveRows([snapshot(ROWS_TWO)]);
  assertEquals(await two.readRows(), { rows: ROWS_TWO, cursor: 5, epoch: "e" });
  assertEquals((await one.readRows())?.epoch, "v2.2 e");
});
