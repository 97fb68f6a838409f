/** The built-in `create`, `update` and `delete` of a collection. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";
import { DriftlessError, type ErrorCode, Rejection } from "../../core/errors.ts";
import { isLive } from "../../core/lww.ts";
import type { Mutation } from "../../core/mutation.ts";
import { runMutation } from "../../core/transaction.ts";
import { call, effects, START_MS, TestRows } from "./rows.ts";

const note = collection(
  "note",
  v.object({ title: v.pipe(v.string(), v.minLength(1)), done: v.exactOptional(v.boolean()) }),
);
const locked = collection("locked", v.object({}), { builtins: false });
const app = defineApp({ name: "test", collections: { note, locked } });

/** Runs mutations one after another on the same rows. */
function after(rows: TestRows, ...mutations: readonly Mutation[]): TestRows {
  for (const mutation of mutations) rows.apply(runMutation(app, rows, mutation, null));
  return rows;
}

function recordAt(rows: TestRows, id: string): unknown {
  const row = rows.row("note", id);
  return row !== undefined && isLive(row) ? row.data : undefined;
}

const at = (ms: number, client = "client") => ({ createdAt: START_MS + ms, client });
const create = (id: string, data: unknown, fields = {}) =>
  call("note.create", { id, data }, fields);
const update = (id: string, data: unknown, fields = {}) =>
  call("note.update", { id, data }, fields);
const remove = (id: string, fields = {}) => call("note.delete", { id }, fields);

function assertRefusal(mutation: Mutation, code: ErrorCode, reason = "", rows = new TestRows()) {
  const error = assertThrows(() => effects(app, rows, mutation), DriftlessError, reason);
  assertStrictEquals(error.code, code);
  return error;
}

Deno.test("create writes a record, update changes fields of it, delete removes it", () => {
  const rows = after(new TestRows(), create("a", { title: "t" }, at(0)));
  assertEquals(recordAt(rows, "a"), { title: "t" });
  after(rows, update("a", { done: true }, at(1)));
  assertEquals(recordAt(rows, "a"), { title: "t", done: true });
  after(rows, remove("a", at(2)));
  assertStrictEquals(recordAt(rows, "a"), undefined);
});

Deno.test("create refuses an id that exists with a conflict", () => {
  const rows = new TestRows().with("note", "a", { title: "t" });
  const error = assertRefusal(create("a", { title: "u" }), "conflict", "it exists", rows);
  assert(error instanceof Rejection);
});

Deno.test("create on a deleted id starts the record over", () => {
  const rows = after(
    new TestRows().with("note", "a", { title: "t", done: true }),
    remove("a", at(0)),
    create("a", { title: "u" }, at(1)),
  );
  assertEquals(recordAt(rows, "a"), { title: "u" });
});

Deno.test("update refuses an id that never was with not_found", () => {
  const error = assertRefusal(update("a", { done: true }), "not_found", "does not exist");
  assert(error instanceof Rejection);
});

Deno.test("update loses to a newer deletion and wins over an older one [S16]", () => {
  const rows = () => new TestRows().with("note", "a", { title: "t" });
  const late = after(rows(), remove("a", at(5)), update("a", { done: true }, at(4, "other")));
  assertStrictEquals(recordAt(late, "a"), undefined);
  const newer = after(rows(), remove("a", at(5)), update("a", { done: true }, at(6, "other")));
  assertEquals(recordAt(newer, "a"), { title: "t", done: true });
});

Deno.test("updates of different fields by two clients both stay [S16]", () => {
  const rows = () => new TestRows().with("note", "a", { title: "t", done: false });
  const one = update("a", { title: "one" }, at(1, "one"));
  const two = update("a", { done: true }, at(2, "two"));
  assertEquals(recordAt(after(rows(), one, two), "a"), { title: "one", done: true });
  assertEquals(recordAt(after(rows(), two, one), "a"), { title: "one", done: true });
});

Deno.test("delete of what is not there does nothing", () => {
  assertEquals(effects(app, new TestRows(), remove("a")), []);
});

Deno.test("create and update check the record with the collection's schema [S18]", () => {
  const rows = new TestRows().with("note", "a", { title: "t" });
  assertRefusal(create("b", { title: "" }), "invalid_record", "title: ");
  assertRefusal(create("b", {}), "invalid_record", "title: ");
  assertRefusal(update("a", { title: 1 }), "invalid_record", "title: ", rows);
  assertEquals(effects(app, rows, update("a", { more: 1 })), [["note", "a", { title: "t" }]]);
});

Deno.test("the built-in mutators check the shape of their arguments [S18]", () => {
  const data = { title: "t" };
  for (const args of [null, [], "a", 1]) {
    assertRefusal(call("note.create", args), "invalid_mutation", "must be a JSON object");
  }
  for (const args of [{ data }, { id: "", data }, { id: 1, data }, { id: "a\0", data }]) {
    for (const verb of ["create", "update", "delete"]) {
      assertRefusal(call(`note.${verb}`, args), "invalid_mutation", `"id"`);
    }
  }
  const rows = new TestRows().with("note", "a", data);
  for (const bad of [null, undefined, [], "t"]) {
    assertRefusal(create("b", bad), "invalid_mutation", `"data"`);
    assertRefusal(update("a", bad), "invalid_mutation", `"data"`, rows);
  }
});

Deno.test("names that are no built-in mutator are not found", () => {
  const names = [
    ...["note", "note.", "note.put", ".create", "create", "notes.create", "note.note.create"],
    ...["toString.create", "__proto__.create", "constructor.create", "note.toString"],
  ];
  for (const name of names) {
    const mutation = call(name, { id: "a", data: { title: "t" } });
    assertRefusal(mutation, "not_found", `Cannot find the mutator "${name}"`);
  }
});

Deno.test("a verb without its collection is not found, whatever a collection is called", () => {
  const odd = defineApp({ name: "odd", collections: { delet: collection("delet", v.object({})) } });
  assertThrows(
    () => effects(odd, new TestRows(), call("delete", { id: "a" })),
    DriftlessError,
    "Cannot find",
  );
});

Deno.test("a collection without built-in mutators has none", () => {
  for (const verb of ["create", "update", "delete"]) {
    assertRefusal(call(`locked.${verb}`, { id: "a", data: {} }), "not_found", "Cannot find");
  }
});

Deno.test("a mutator of the app takes the place of the built-in one of its name", () => {
  const own = defineApp({
    name: "own",
    collections: { note },
    mutators: { "note.create": (tx) => tx.note.put("mine", { title: "own" }) },
  });
  assertEquals(effects(own, new TestRows(), call("note.create")), [
    ["note", "mine", { title: "own" }],
  ]);
});

Deno.test("a caller without a client stamps its writes with the mutation's id", () => {
  const rows = new TestRows().with("note", "a", { title: "t" });
  const fields = { client: "", seq: 0 };
  after(rows, update("a", { title: "b" }, { id: "m-b", ...fields }));
  after(rows, update("a", { title: "a" }, { id: "m-a", ...fields }));
  assertEquals(recordAt(rows, "a"), { title: "b" });
});
