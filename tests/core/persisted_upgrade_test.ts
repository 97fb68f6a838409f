/** What a client has stored, led up to the version that it runs now. */
import { assertEquals } from "@std/assert";
import { upgradePersisted } from "../../core/persisted_upgrade.ts";
import type { PendingRecord, PersistedClient } from "../../core/persistence.ts";
import { versionOne, versionThree, versionTwo } from "./versions_app.ts";

function record(order: number, name: string, args: unknown, fields: object = {}): PendingRecord {
  const id = `m${order}`;
  return { order, id, name, args: JSON.stringify(args), createdAt: 5, visibleAt: null, ...fields };
}

function stored(fields: Partial<PersistedClient> = {}): PersistedClient {
  return {
    identity: { client: "c", decidedSeq: 3, time: 5, clockOffset: 0 },
    pending: [],
    replica: {
      cursor: 7,
      epoch: "e",
      rows: [
        { entity: "note", id: "a", json: `{"stars":1,"title":"t"}` },
        { entity: "note", id: "b", json: `{"stars":0,"title":""}` },
        { entity: "draft", id: "d", json: `{"body":"as it is"}` },
        { entity: "unknown", id: "u", json: "{}" },
      ],
    },
    ...fields,
  };
}

Deno.test("stored rows are led up, and go when they are gone", () => {
  const two = upgradePersisted(versionTwo, stored(), 1);
  assertEquals(two.replica, {
    cursor: 7,
    epoch: "e",
    rows: [
      { entity: "note", id: "a", json: `{"stars":1,"text":"t"}` },
      { entity: "note", id: "b", json: `{"stars":0,"text":""}` },
      { entity: "draft", id: "d", json: `{"body":"as it is"}` },
      { entity: "unknown", id: "u", json: "{}" },
    ],
  });
  const three = upgradePersisted(versionThree, stored(), 1);
  assertEquals(three.replica.rows.map(({ id, json }) => [id, json]).slice(0, 2), [
    ["a", `{"stars":1,"tags":[],"text":"t"}`],
    ["d", `{"body":"as it is"}`],
  ]);
});

Deno.test("what is of this version already stays as it is", () => {
  const now = stored({ pending: [record(1, "note.rename", {}, { appVersion: 2 })] });
  assertEquals(upgradePersisted(versionTwo, now, 2), now);
  const first = stored({ pending: [record(1, "note.rename", {})] });
  assertEquals(upgradePersisted(versionOne, first, 1), first);
});

Deno.test("a row that cannot be led up is left out, and the client starts over for it", () => {
  const { rows } = stored().replica;
  const broken = { entity: "note", id: "x", json: `{"title":1}` };
  const persisted = stored({
    replica: { rows: [broken, ...rows], cursor: 7, epoch: "e" },
    pending: [
      record(1, "note.star", { id: "a" }, { visibleAt: 7 }),
      record(2, "note.star", { id: "a" }, { visibleAt: 8 }),
      record(3, "note.star", { id: "a" }),
    ],
  });
  const { replica, pending } = upgradePersisted(versionTwo, persisted, 1);
  assertEquals([replica.cursor, replica.epoch], [0, ""]);
  assertEquals(replica.rows.map(({ id }) => id), ["a", "b", "d", "u"]);
  assertEquals(pending.map(({ order }) => order), [2, 3], "the rows have the first already");
});

Deno.test("queued mutations are led up, each from its own version", () => {
  const rename = { id: "a", title: "x" };
  const pending = [
    record(1, "note.rename", rename),
    record(2, "note.retext", { id: "a", text: "y" }, { appVersion: 2 }),
    record(3, "note.star", { id: "a" }),
  ];
  const upgraded = upgradePersisted(versionThree, stored({ pending }), 3).pending;
  assertEquals(upgraded.map(({ id, name, args, appVersion }) => [id, name, args, appVersion]), [
    ["m1", "note.update", `{"data":{"text":"x"},"id":"a"}`, 3],
    ["m2", "note.update", `{"data":{"text":"y"},"id":"a"}`, 3],
    ["m3", "note.star", `{"id":"a"}`, 3],
  ]);
});

Deno.test("a queued mutation that has no place any more is kept as refused", () => {
  const acknowledged = record(2, "note.shout", { id: "a" }, { visibleAt: 9 });
  const pending = [record(1, "note.shout", { id: "a" }), acknowledged];
  const upgraded = upgradePersisted(versionTwo, stored({ pending }), 1).pending;
  assertEquals(upgraded, [
    {
      ...record(1, "note.shout", { id: "a" }),
      appVersion: 2,
      quarantine: {
        state: "refused",
        code: "upgrade_required",
        error: `Cannot bring "note.shout" to version 2 of the app: it is gone`,
      },
    },
    acknowledged,
  ]);
});
