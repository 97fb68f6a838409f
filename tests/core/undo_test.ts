/** Undo: what own mutations did goes back, and what others did since stays. */
import { assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { type AnyApp, collection, defineApp, type MutatorCall } from "../../core/app.ts";
import type { Effect } from "../../core/effects.ts";
import type { JsonObject } from "../../core/json.ts";
import { UNDO_MAX } from "../../core/limits.ts";
import type { Mutation } from "../../core/mutation.ts";
import { type UndoOrigin, UndoStack } from "../../core/undo.ts";
import { ClientRig, pokeOf } from "./client_rig.ts";
import { START_MS } from "./rows.ts";

const note = collection(
  "note",
  v.object({ title: v.string(), body: v.string(), done: v.exactOptional(v.boolean()) }),
);
const counter = collection("counter", v.object({ value: v.number() }), { builtins: false });

const app = defineApp({
  name: "undone",
  collections: { note, counter },
  mutators: {
    "note.finish"(tx, { id }: { id: string }) {
      const item = tx.note.get(id);
      if (item !== undefined) tx.note.put(id, { ...item, title: `${item.title}!`, done: true });
    },
    "note.swap"(tx, { one, two }: { one: string; two: string }) {
      const [a, b] = [tx.note.get(one), tx.note.get(two)];
      if (a === undefined || b === undefined) return;
      tx.note.put(one, b);
      tx.note.put(two, a);
    },
    "counter.add"(tx, { id, by }: { id: string; by: number }) {
      tx.counter.put(id, { value: (tx.counter.get(id)?.value ?? 0) + by });
    },
    "counter.both"(tx, { id }: { id: string }) {
      tx.counter.put(id, { value: 1 });
      tx.note.put(id, { title: "", body: "" });
    },
    "note.publish"(tx, { id }: { id: string }) {
      tx.note.put(id, { title: "published", body: "" });
    },
  },
  undo: {
    "counter.add": ({ id, by }) => ({ name: "counter.add", args: { id, by: -by } }),
    "note.publish": () => null,
    "note.swap": ({ one, two }, effects) =>
      effects.map(({ id, before }) => ({
        name: "note.update",
        args: { id: id === one ? one : two, data: before },
      })),
  },
});

/** A client with an undo stack beside it, as a shell wires them. */
class Desk {
  readonly rig = new ClientRig({ app: app as unknown as AnyApp });
  readonly stack = new UndoStack(app as unknown as AnyApp);

  make(calls: readonly MutatorCall[], by: UndoOrigin = "user"): readonly Mutation[] {
    const made = calls.map(({ name, args }) => this.rig.mutate(name, args));
    this.stack.recorded(made, by);
    return made;
  }

  call(name: string, args: unknown): Mutation {
    const [mutation] = this.make([{ name, args }]);
    return mutation as Mutation;
  }

  create(id: string, title = "t", body = "b"): Mutation {
    return this.call("note.create", { id, data: { title, body } });
  }

  undo(): readonly MutatorCall[] {
    const calls = this.stack.undo(this.reader);
    this.make(calls, "undo");
    return calls;
  }

  redo(): readonly MutatorCall[] {
    const calls = this.stack.redo(this.reader);
    this.make(calls, "redo");
    return calls;
  }

  get reader() {
    const { client } = this.rig;
    return {
      get: (entity: string, id: string) => client.view.get(entity, id),
      effectsOf: (id: string) => client.effectsOf(id),
    };
  }

  note(id: string): JsonObject | undefined {
    return this.rig.client.view.get("note", id);
  }

  get sides(): readonly [boolean, boolean] {
    return [this.stack.canUndo, this.stack.canRedo];
  }
}

Deno.test("a creation is undone by a deletion, a deletion by a creation [S21]", () => {
  const desk = new Desk();
  desk.create("a");
  desk.call("note.delete", { id: "a" });
  assertEquals(desk.undo(), [
    { name: "note.create", args: { id: "a", data: { title: "t", body: "b" } } },
  ]);
  assertEquals(desk.undo(), [{ name: "note.delete", args: { id: "a" } }]);
  assertEquals([desk.note("a"), desk.sides], [undefined, [false, true]]);
  desk.redo();
  assertEquals(desk.note("a"), { title: "t", body: "b" });
  desk.redo();
  assertEquals([desk.note("a"), desk.sides], [undefined, [true, false]]);
});

Deno.test("a change is undone field by field, where nobody has changed it since [S21]", () => {
  const desk = new Desk();
  desk.create("a");
  desk.call("note.update", { id: "a", data: { title: "mine", body: "mine" } });
  desk.rig.mutate("note.update", { id: "a", data: { body: "theirs" } });
  assertEquals(desk.undo(), [{ name: "note.update", args: { id: "a", data: { title: "t" } } }]);
  assertEquals(desk.note("a"), { title: "t", body: "theirs" });
  assertEquals(desk.redo(), [{ name: "note.update", args: { id: "a", data: { title: "mine" } } }]);
});

Deno.test("a field that a rule added goes away with its undo [S21]", () => {
  const desk = new Desk();
  desk.create("a");
  desk.call("note.finish", { id: "a" });
  assertEquals(desk.note("a"), { title: "t!", body: "b", done: true });
  assertEquals(desk.undo().map(({ name }) => name), ["note.delete", "note.create"]);
  assertEquals(desk.note("a"), { title: "t", body: "b" });
  assertEquals(desk.redo(), [
    { name: "note.update", args: { id: "a", data: { title: "t!", done: true } } },
  ]);
});

Deno.test("what others have taken over stays theirs [S21]", () => {
  const desk = new Desk();
  desk.create("a");
  desk.create("b");
  desk.create("c");
  desk.call("note.delete", { id: "b" });
  desk.call("note.update", { id: "c", data: { title: "mine" } });
  // Others change the first, bring the second back, and delete the third.
  desk.rig.mutate("note.update", { id: "a", data: { title: "theirs" } });
  desk.rig.mutate("note.create", { id: "b", data: { title: "theirs", body: "" } });
  desk.rig.mutate("note.delete", { id: "c" });
  // None of the five leaves anything to take back but the creation of the third, which is gone.
  assertEquals([desk.undo(), desk.sides], [[], [false, false]]);
  assertEquals([desk.note("a")?.title, desk.note("b")?.title], ["theirs", "theirs"]);
});

Deno.test("an undo that leaves nothing to do goes on to the step before [S21]", () => {
  const desk = new Desk();
  desk.create("a");
  desk.call("note.update", { id: "a", data: { title: "t" } });
  desk.call("note.publish", { id: "x" });
  assertEquals(desk.undo(), [{ name: "note.delete", args: { id: "a" } }]);
});

Deno.test("calls of one step are undone and made again together [S21]", () => {
  const desk = new Desk();
  desk.make([
    { name: "note.create", args: { id: "a", data: { title: "1", body: "" } } },
    { name: "note.update", args: { id: "a", data: { title: "2" } } },
    { name: "note.create", args: { id: "b", data: { title: "1", body: "" } } },
  ]);
  assertEquals(desk.undo().map(({ name }) => name), ["note.delete", "note.delete"]);
  assertEquals([desk.note("a"), desk.note("b"), desk.sides], [undefined, undefined, [false, true]]);
  desk.redo();
  assertEquals([desk.note("a")?.title, desk.note("b")?.title], ["2", "1"]);
  assertEquals([desk.undo().length, desk.redo().length, desk.undo().length], [2, 2, 2]);
});

Deno.test("several changes of one record in a step go back in one call [S21]", () => {
  const desk = new Desk();
  desk.create("a");
  desk.make(["1", "2"].map((title) => ({
    name: "note.update",
    args: { id: "a", data: { title } },
  })));
  assertEquals(desk.undo(), [{ name: "note.update", args: { id: "a", data: { title: "t" } } }]);
});

Deno.test("the app says how its own mutators are undone [S21]", () => {
  const desk = new Desk();
  desk.call("counter.add", { id: "k", by: 5 });
  desk.rig.mutate("counter.add", { id: "k", by: 1 });
  assertEquals(desk.undo(), [{ name: "counter.add", args: { id: "k", by: -5 } }]);
  assertEquals(desk.rig.value("k"), 1);
  assertEquals(desk.redo(), [{ name: "counter.add", args: { id: "k", by: 5 } }]);
  desk.create("a", "one");
  desk.create("b", "two");
  desk.call("note.swap", { one: "a", two: "b" });
  assertEquals(desk.note("a")?.title, "two");
  assertEquals(desk.undo().length, 2);
  assertEquals([desk.note("a")?.title, desk.note("b")?.title], ["one", "two"]);
});

Deno.test("what has neither built-in mutators nor an undo of its own stays, as a whole [S21]", () => {
  const desk = new Desk();
  desk.call("counter.both", { id: "k" });
  assertEquals([desk.undo(), desk.note("k")], [[], { title: "", body: "" }]);
});

Deno.test("what a mutation did is taken from where it is confirmed [S21]", () => {
  const desk = new Desk();
  desk.rig.goLive();
  desk.create("a");
  const finish = desk.call("note.finish", { id: "a" });
  const row = { entity: "note", id: "a" } as const;
  const [first] = desk.rig.client.pending;
  desk.rig.confirm(1, 1, first?.mutation as Mutation);
  // Somebody renamed it before the server ran the second.
  desk.rig.confirm(3, 1, finish);
  const change = (cursor: number, op: "create" | "update", record: JsonObject) => ({
    ...row,
    cursor,
    op,
    json: JSON.stringify(record),
    time: START_MS + 9,
  });
  desk.rig.receive(pokeOf([
    change(1, "create", { title: "t", body: "b" }),
    change(2, "update", { title: "theirs", body: "b" }),
    change(3, "update", { title: "theirs!", body: "b", done: true }),
  ]));
  assertEquals([desk.rig.settled.length, desk.rig.divergences], [2, []]);
  for (const settled of desk.rig.settled) desk.stack.settled(settled);
  desk.undo();
  assertEquals(desk.note("a"), { title: "theirs", body: "b" });
});

Deno.test("a mutation that has no effect is not undone [S21]", () => {
  const desk = new Desk();
  const [one, two] = desk.make([
    { name: "note.create", args: { id: "a", data: { title: "", body: "" } } },
    { name: "note.create", args: { id: "b", data: { title: "", body: "" } } },
  ]);
  desk.stack.forgotten(one?.id ?? "");
  assertEquals(desk.undo(), [{ name: "note.delete", args: { id: "b" } }]);
  const three = desk.create("c");
  desk.stack.forgotten(three.id);
  desk.stack.forgotten(two?.id ?? "");
  assertEquals(desk.sides, [false, false]);
  // What nobody can tell anything of does nothing.
  desk.stack.recorded([{ ...three, id: "stranger" }]);
  assertEquals([desk.stack.undo(desk.reader), desk.sides], [[], [false, false]]);
});

Deno.test("a new call clears what could be made again, and an undo does not [S21]", () => {
  const desk = new Desk();
  for (const id of ["a", "b", "c"]) desk.create(id);
  desk.undo();
  desk.undo();
  desk.redo();
  assertEquals(desk.sides, [true, true]);
  desk.stack.recorded([]);
  assertEquals(desk.sides, [true, true]);
  desk.create("d");
  assertEquals(desk.sides, [true, false]);
  assertEquals(desk.redo(), []);
});

Deno.test("a stack keeps mutations up to the limit, and lets go of the oldest [S11, S21]", () => {
  for (const count of [UNDO_MAX - 1, UNDO_MAX, UNDO_MAX + 1]) {
    const desk = new Desk();
    for (let i = 0; i < count; i++) desk.create(`n${i}`);
    let undone = 0;
    while (desk.stack.canUndo) undone += desk.undo().length;
    assertEquals(undone, Math.min(count, UNDO_MAX));
    assertEquals(desk.note("n0") === undefined, count <= UNDO_MAX);
    let redone = 0;
    while (desk.stack.canRedo) redone += desk.redo().length;
    assertEquals(redone, undone);
  }
});

Deno.test("an undo for what is no mutator, or that is no function, is refused", () => {
  const broken = (undo: object) => () =>
    defineApp({ name: "x", collections: { note }, mutators: {}, undo: undo as never });
  assertThrows(broken({ missing: () => null }), TypeError, `Cannot undo "missing"`);
  const effects: readonly Effect[] = [];
  assertEquals(app.undo.get("note.publish")?.({ id: "x" }, effects), null);
  assertThrows(
    () =>
      defineApp({
        name: "x",
        collections: { note },
        mutators: { go: () => {} },
        undo: { go: 1 as never },
      }),
    TypeError,
    `Cannot undo "go"`,
  );
});
