/** The confirmed rows of a scope, and the cursor that they stand at. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Change } from "../../core/change.ts";
import { Snapshot } from "../../core/snapshot.ts";

function change(cursor: number, id: string, json: string | null): Change {
  return {
    cursor,
    entity: "note",
    id,
    op: json === null ? "delete" : "update",
    json,
    time: cursor,
  };
}

const rows = [
  { entity: "note", id: "a", json: `{"x":1}` },
  { entity: "note", id: "b", json: `{"x":2}` },
  { entity: "tag", id: "a", json: `{}` },
];

Deno.test("a new snapshot is empty, at cursor 0 of no history", () => {
  const snapshot = new Snapshot();
  assertEquals([snapshot.cursor, snapshot.epoch, [...snapshot.entities()]], [0, "", []]);
  assertEquals([snapshot.get("note", "a"), snapshot.count("note")], [undefined, 0]);
  assertEquals([...snapshot.ids("note")], []);
});

Deno.test("a snapshot gives every row back as text, read or not", () => {
  const snapshot = new Snapshot();
  snapshot.replace({ rows, cursor: 7, epoch: "e" });
  snapshot.get("note", "b");
  assertEquals([...snapshot.rows()], rows);
});

Deno.test("a snapshot that is replaced holds the given rows alone", () => {
  const snapshot = new Snapshot();
  snapshot.apply(change(1, "old", `{}`), "e0");
  snapshot.replace({ rows, cursor: 7, epoch: "e1" });
  assertEquals([snapshot.cursor, snapshot.epoch], [7, "e1"]);
  assertStrictEquals(snapshot.get("note", "old"), undefined);
  assertEquals(snapshot.get("note", "b"), { x: 2 });
  assertEquals([...snapshot.entities()], ["note", "tag"]);
  assertEquals([...snapshot.ids("note")], ["a", "b"]);
  assertEquals([snapshot.count("note"), snapshot.count("tag")], [2, 1]);
});

Deno.test("a snapshot takes in what differs, and keeps all other rows", () => {
  const snapshot = new Snapshot();
  snapshot.replace({ rows, cursor: 7, epoch: "e1" });
  const kept = snapshot.get("tag", "a");
  snapshot.replace({
    rows: [{ entity: "note", id: "b", json: `{"x":3}` }, { entity: "new", id: "c", json: `{}` }],
    gone: [{ entity: "note", id: "a" }, { entity: "never", id: "a" }],
    cursor: 9,
    epoch: "e2",
  });
  assertEquals([snapshot.cursor, snapshot.epoch], [9, "e2"]);
  assertEquals([...snapshot.rows()], [
    { entity: "note", id: "b", json: `{"x":3}` },
    { entity: "tag", id: "a", json: `{}` },
    { entity: "new", id: "c", json: `{}` },
  ]);
  assertStrictEquals(snapshot.get("tag", "a"), kept);
});

Deno.test("a snapshot tells a row's text, read or not, and of no other row", () => {
  const snapshot = new Snapshot();
  snapshot.replace({ rows, cursor: 7, epoch: "e1" });
  snapshot.get("note", "a");
  const json = (entity: string, id: string) => snapshot.json(entity, id);
  assertEquals([json("note", "a"), json("note", "b")], [`{"x":1}`, `{"x":2}`]);
  assertEquals([json("note", "z"), json("never", "a")], [undefined, undefined]);
});

Deno.test("a snapshot moves on by changes", () => {
  const snapshot = new Snapshot();
  snapshot.replace({ rows, cursor: 7, epoch: "e1" });
  snapshot.apply(change(8, "a", `{"x":3}`), "e1");
  snapshot.apply(change(9, "b", null), "e1");
  snapshot.apply(change(10, "c", `{"x":4}`), "e1");
  snapshot.apply({ ...change(11, "z", null), entity: "never" }, "e1");
  assertStrictEquals(snapshot.cursor, 11);
  assertEquals(["a", "b", "c"].map((id) => snapshot.get("note", id)), [
    { x: 3 },
    undefined,
    { x: 4 },
  ]);
  assertStrictEquals(snapshot.count("note"), 2);
});

Deno.test("a snapshot gives the same frozen record for every read [S17]", () => {
  const snapshot = new Snapshot();
  snapshot.replace({ rows, cursor: 7, epoch: "e1" });
  const record = snapshot.get("note", "a");
  assert(Object.isFrozen(record));
  assertStrictEquals(snapshot.get("note", "a"), record);
});

Deno.test("an empty snapshot adopts the history that it is told", () => {
  const snapshot = new Snapshot();
  snapshot.adopt("e1");
  assertEquals([snapshot.cursor, snapshot.epoch], [0, "e1"]);
});
