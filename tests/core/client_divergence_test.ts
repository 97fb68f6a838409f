/** What own mutations did: as the log tells it, and beside what they do here on the same rows. */
import { assertEquals, assertStrictEquals } from "@std/assert";
import type { Change } from "../../core/change.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Mutation } from "../../core/mutation.ts";
import { ClientRig, type ClientRigOptions, counterChange, pokeOf } from "./client_rig.ts";
import { START_MS } from "./rows.ts";

/** A live client that has seen one change of another client: the counter is at 1. */
function liveRig(options: ClientRigOptions = {}): ClientRig {
  const rig = new ClientRig(options);
  rig.goLive({ cursor: 1 });
  rig.receive(pokeOf([counterChange(1, 1)]));
  return rig;
}

function noteChange(cursor: number, id: string, record: JsonObject | null, time: number): Change {
  const json = record === null ? null : JSON.stringify(record);
  return { cursor, entity: "note", id, op: record === null ? "delete" : "update", json, time };
}

/** The server made one change of a mutation, and the client is told. */
function confirmOne(rig: ClientRig, mutation: Mutation, change: Change): void {
  rig.confirm(change.cursor, 1, mutation);
  rig.receive(pokeOf([change]));
}

const namesOf = (rig: ClientRig) => rig.divergences.map(({ mutation }) => mutation.name);

Deno.test("a mutation that came out the same is settled with what it did [S20, S21]", () => {
  const rig = liveRig();
  const mutation = rig.add("k", 4);
  // Somebody else was faster: on the server it ran on other rows than here.
  rig.confirm(3, 1, mutation);
  assertEquals(rig.settled, []);
  rig.receive(pokeOf([counterChange(2, 10), counterChange(3, 14)]));
  assertEquals([rig.settled, rig.divergences], [[{
    mutation,
    effects: [{ entity: "counter", id: "k", before: { value: 10 }, after: { value: 14 } }],
  }], []]);
});

Deno.test("a mutation that came out differently is reported with both results [S20]", () => {
  const rig = liveRig();
  const mutation = rig.add("k", 4);
  rig.confirm(3, 1, mutation);
  rig.receive(pokeOf([counterChange(2, 10), counterChange(3, 13)]));
  const row = { entity: "counter", id: "k", before: { value: 10 } };
  const actual = [{ ...row, after: { value: 13 } }];
  assertEquals(rig.divergences, [{
    mutation,
    expected: [{ ...row, after: { value: 14 } }],
    actual,
  }]);
  assertEquals(rig.settled, [{ mutation, effects: actual }]);
});

Deno.test("the other row, one row more and another order are differences [S20]", () => {
  const differs = (changes: readonly Change[]) => {
    const rig = new ClientRig();
    rig.goLive();
    const mutation = rig.mutate("note.fill", { count: 2, title: "t" });
    rig.confirm(changes.length, changes.length, mutation);
    rig.receive(pokeOf(changes));
    assertStrictEquals(rig.settled.length, 1);
    return rig.divergences.length;
  };
  const note = (cursor: number, id: string) => noteChange(cursor, id, { title: "t" }, START_MS);
  assertStrictEquals(differs([note(1, "n0"), note(2, "n1")]), 0);
  assertStrictEquals(differs([note(1, "n0"), note(2, "n2")]), 1);
  assertStrictEquals(differs([note(1, "n0"), note(2, "n1"), note(3, "n2")]), 1);
  assertStrictEquals(differs([note(1, "n1"), note(2, "n0")]), 1);
  assertStrictEquals(differs([note(1, "n0"), { ...note(2, "n1"), entity: "counter" }]), 1);
});

Deno.test("a deletion is compared like any other change [S20]", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 2 });
  const row = { entity: "note", id: "a", before: { title: "t" } } as const;
  rig.receive(pokeOf([noteChange(1, "a", row.before, 1), noteChange(2, "b", row.before, 1)]));
  const mutation = rig.mutate("note.clear");
  confirmOne(rig, mutation, noteChange(3, "a", null, START_MS));
  const gone = { ...row, after: undefined };
  assertEquals(rig.divergences, [{
    mutation,
    expected: [gone, { ...gone, id: "b" }],
    actual: [gone],
  }]);
});

Deno.test("a rule that reads a whole collection is run on all of it [S20]", () => {
  const rig = liveRig();
  const total = (cursor: number, value: number) => counterChange(cursor, value, "total");
  confirmOne(rig, rig.mutate("counter.total"), total(2, 1));
  confirmOne(rig, rig.mutate("counter.total"), total(3, 7));
  assertEquals(rig.divergences.map(({ expected }) => expected), [[]]);
});

Deno.test("no effect on the server where there is one here is a divergence, and the other way round [S20]", () => {
  const rig = liveRig();
  rig.confirm(1, 0, rig.add("k", 4));
  assertEquals(namesOf(rig), ["counter.add"]);
  assertEquals([rig.divergences[0]?.actual, rig.value("k")], [[], 1]);
  const clear = rig.mutate("note.clear");
  confirmOne(rig, clear, noteChange(2, "a", { title: "from nowhere" }, START_MS));
  assertEquals(namesOf(rig), ["counter.add", "note.clear"]);
  assertEquals(rig.divergences[1]?.expected, []);
  rig.confirm(2, 0, rig.mutate("note.rename", { id: "missing", title: "x" }));
  assertEquals([rig.divergences.length, rig.settled.length], [2, 3]);
});

Deno.test("a rule that refuses here what the server accepted is a divergence [S20]", () => {
  const rig = liveRig();
  const spend = rig.mutate("counter.spend", { id: "k", by: 1 });
  rig.confirm(3, 1, spend);
  rig.receive(pokeOf([counterChange(2, 0), counterChange(3, -1)]));
  const [divergence] = rig.divergences;
  assertEquals([divergence?.expected, divergence?.refusal?.message], [[], "Cannot spend 1 of 0"]);
});

Deno.test("changes that come in several pages are compared as a whole [S20]", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 4 });
  const [one, two] = [1, 2].map((count) => rig.mutate("note.fill", { count, title: `${count}` }));
  rig.confirm(1, 1, one as Mutation);
  rig.confirm(3, 2, two as Mutation);
  const note = (cursor: number, id: string, title: string) =>
    noteChange(cursor, id, { title }, START_MS);
  rig.receive(pokeOf([note(1, "n0", "1"), note(2, "n0", "2")], true));
  rig.receive(pokeOf([note(3, "n1", "2"), note(4, "n0", "theirs")]));
  assertEquals([rig.divergences, rig.settled.map(({ effects }) => effects.length)], [[], [1, 2]]);
});

Deno.test("built-in mutators are not compared, and settle with what they did [S20, S21]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const mutation = rig.mutate("note.create", { id: "a", data: { title: "mine" } });
  confirmOne(rig, mutation, noteChange(1, "a", { title: "theirs" }, START_MS));
  assertEquals(rig.divergences, []);
  const after = { title: "theirs" };
  assertEquals(rig.settled[0]?.effects, [{ entity: "note", id: "a", before: undefined, after }]);
});

Deno.test("where a fair comparison is not possible there is none [S20]", () => {
  const passed = (act: (rig: ClientRig) => void, options: ClientRigOptions = {}) => {
    const rig = liveRig(options);
    act(rig);
    assertStrictEquals(rig.settled.length, 1);
    return rig.divergences.length;
  };
  const add = (rig: ClientRig) => rig.add("k", 4);
  // The server does not say how many changes it made.
  assertStrictEquals(
    passed((rig) => {
      rig.accept(2, add(rig));
      rig.receive(pokeOf([counterChange(2, 99)]));
    }),
    0,
  );
  // Its changes were here before its answer.
  assertStrictEquals(
    passed((rig) => {
      const mutation = add(rig);
      rig.receive(pokeOf([counterChange(2, 99)]));
      rig.confirm(2, 1, mutation);
    }),
    0,
  );
  // Its changes came in a snapshot.
  assertStrictEquals(
    passed((rig) => {
      rig.confirm(2, 1, add(rig));
      rig.client.snapshotLoaded({ epoch: "epoch-1", cursor: 2, time: START_MS, rows: [] });
    }),
    0,
  );
  // It asks who calls, and this device was not told.
  const sign = (rig: ClientRig) => {
    const mutation = rig.mutate("note.sign", { id: "a" });
    confirmOne(rig, mutation, noteChange(2, "a", { title: "ann" }, START_MS));
  };
  assertStrictEquals(passed(sign), 0);
  assertStrictEquals(passed(sign, { principal: { id: "ann" } }), 0);
  assertStrictEquals(passed(sign, { principal: { id: "bob" } }), 1);
});

Deno.test("a mutation that asks for the time is compared when the server left it its time [S20]", () => {
  const stamped = (title: (createdAt: number) => string, early: number) => {
    const rig = liveRig();
    const mutation = rig.mutate("note.stamp", { id: "a" });
    const { createdAt } = mutation;
    confirmOne(rig, mutation, noteChange(2, "a", { title: title(createdAt) }, createdAt - early));
    return rig.divergences.length;
  };
  assertStrictEquals(stamped(String, 0), 0);
  assertStrictEquals(stamped(() => "late", 0), 1);
  assertStrictEquals(stamped(() => "lowered", 1), 0);
  // Without a change nobody knows what time it was given.
  const rig = liveRig();
  rig.confirm(1, 0, rig.mutate("note.stamp", { id: "a" }));
  assertEquals([rig.divergences.length, rig.settled.length], [0, 1]);
});

Deno.test("a snapshot in the middle of a mutation's changes ends the comparison [S20]", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 2 });
  const mutation = rig.mutate("note.fill", { count: 2, title: "t" });
  rig.confirm(2, 2, mutation);
  rig.receive(pokeOf([noteChange(1, "n0", { title: "t" }, START_MS)], true));
  rig.client.snapshotLoaded({ epoch: "epoch-1", cursor: 1, time: START_MS, rows: [] });
  rig.settle();
  rig.welcome({ lastSeq: 1, cursor: 2 });
  rig.receive(pokeOf([noteChange(2, "other", { title: "x" }, START_MS)]));
  assertEquals([rig.divergences, rig.settled.length], [[], 1]);
  // What the log did not tell is what its newest run here did: on these rows, both notes.
  assertEquals(rig.settled[0]?.effects.map(({ id }) => id), ["n0", "n1"]);
});

Deno.test("what another history acknowledged is compared in the new one alone [S20]", () => {
  const rig = liveRig();
  const mutation = rig.add("k", 4);
  rig.confirm(9, 1, mutation);
  rig.client.disconnected();
  rig.goLive({ epoch: "epoch-2", lastSeq: 0 });
  const rows = [{ entity: "counter", id: "k", json: `{"value":1}` }];
  rig.client.snapshotLoaded({ epoch: "epoch-2", cursor: 8, time: START_MS, rows });
  rig.settle();
  rig.welcome({ epoch: "epoch-2", cursor: 8, lastSeq: 0 });
  rig.accept(9, mutation);
  rig.receive(pokeOf([counterChange(9, 77)]));
  assertEquals([rig.divergences, rig.settled.length], [[], 1]);
});

Deno.test("what a pending mutation does is told as the view runs it [S21]", () => {
  const rig = liveRig();
  const { id } = rig.add("k", 4);
  const row = { entity: "counter", id: "k" };
  assertEquals(rig.client.effectsOf(id), [{ ...row, before: { value: 1 }, after: { value: 5 } }]);
  rig.receive(pokeOf([counterChange(2, 10)]));
  assertEquals(rig.client.effectsOf(id), [{ ...row, before: { value: 10 }, after: { value: 14 } }]);
  const spend = rig.mutate("counter.spend", { id: "k", by: 14 });
  rig.receive(pokeOf([counterChange(3, 0)]));
  assertEquals(rig.client.effectsOf(spend.id), []);
  const nothing = rig.add("k", 0);
  assertEquals(rig.client.effectsOf(nothing.id), []);
  assertStrictEquals(rig.client.effectsOf("unknown"), undefined);
});

Deno.test("a mutation is settled once, and one that was refused never [S21]", () => {
  const rig = liveRig();
  const [one, bad] = [rig.add("k"), rig.add("k")];
  rig.accept(2, one);
  rig.refuse(bad);
  rig.receive(pokeOf([counterChange(2, 2)]));
  rig.receive(pokeOf([counterChange(2, 2)]));
  assertEquals(rig.settled.map(({ mutation }) => mutation.id), [one.id]);
  assertEquals(rig.settled[0]?.effects, [
    { entity: "counter", id: "k", before: { value: 1 }, after: { value: 2 } },
  ]);
});

Deno.test("rows of a reset that hold unanswered effects do not show them twice [S5, S6]", () => {
  const rig = liveRig();
  const [one, two, three] = [rig.add("k", 10), rig.add("k", 100), rig.add("k", 1_000)];
  rig.client.disconnected();
  rig.client.connected();
  // The server took two of them, and the answers were lost; its log does not lead on from here.
  rig.welcome({ cursor: 7, lastSeq: 2, reset: true });
  const rows = [{ entity: "counter", id: "k", json: `{"value":111}` }];
  rig.client.snapshotLoaded({ epoch: "epoch-1", cursor: 7, time: START_MS, rows });
  rig.settle();
  assertStrictEquals(rig.value("k"), 1_111);
  assertStrictEquals(rig.client.effectsOf(one.id), undefined);
  rig.welcome({ cursor: 7, lastSeq: 2 });
  rig.accept(7, one, two);
  assertEquals([rig.value("k"), rig.states()], [1_111, ["sent"]]);
  assertEquals(rig.settled.map(({ effects }) => effects[0]?.after), [{ value: 11 }, {
    value: 111,
  }]);
  rig.refuse(three);
  assertStrictEquals(rig.value("k"), 111);
});

Deno.test("rows that are older than the answers owed show what waits on top of them [S6]", () => {
  const rig = liveRig();
  const one = rig.add("k", 10);
  rig.client.disconnected();
  rig.client.connected();
  rig.welcome({ cursor: 7, lastSeq: 1, reset: true });
  // Asked for before, on another way.
  const rows = [{ entity: "counter", id: "k", json: `{"value":1}` }];
  rig.client.snapshotLoaded({ epoch: "epoch-1", cursor: 6, time: START_MS, rows });
  assertStrictEquals(rig.value("k"), 11);
  // Another history does not have what this one had.
  rig.client.snapshotLoaded({ epoch: "epoch-2", cursor: 9, time: START_MS, rows });
  assertEquals([rig.value("k"), rig.client.pending[0]?.mutation.id], [11, one.id]);
});
