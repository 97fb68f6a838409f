/** The definition of an app: what it refuses, and what its types promise. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import {
  type AccessRequest,
  type App,
  collection,
  defineApp,
  type MutationArgs,
  type RecordOf,
} from "../../core/app.ts";
import { NAME_UNITS_MAX } from "../../core/limits.ts";

const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
const tag = collection("tag", v.object({ label: v.string() }), { builtins: false });

Deno.test("collection keeps its name and schema, and has built-in mutators unless told", () => {
  assertStrictEquals(todo.name, "todo");
  assertStrictEquals(todo.builtins, true);
  assertStrictEquals(tag.builtins, false);
  assert(Object.isFrozen(todo));
});

Deno.test("collection refuses a name that is not a word", () => {
  const schema = v.object({});
  const bad = ["", "1a", "_a", "a b", "a.b", "a-b", "ä", "__proto__", `a${"b".repeat(64)}`, "a\n"];
  for (const name of bad) {
    assertThrows(() => collection(name, schema), TypeError, "Cannot name a collection");
  }
  for (const name of ["a", "A_1", "constructor", `a${"b".repeat(63)}`]) collection(name, schema);
});

Deno.test("collection refuses what does not follow Standard Schema", () => {
  for (const schema of [undefined, null, {}, { "~standard": {} }, () => true]) {
    assertThrows(
      () => collection("todo", schema as unknown as typeof todo.schema),
      TypeError,
      "does not follow Standard Schema",
    );
  }
});

Deno.test("defineApp registers its mutators by name", () => {
  const args = v.object({ id: v.string() });
  const app = defineApp({
    name: "a",
    collections: { todo },
    mutators: { "todo.toggle"(_tx, _args: { id: string }) {}, plain(_tx, _args: null) {} },
    args: { "todo.toggle": args },
  });
  assertEquals([...app.mutators.keys()], ["todo.toggle", "plain"]);
  assertStrictEquals(app.mutators.get("todo.toggle")?.args as unknown, args);
  assertStrictEquals(app.mutators.get("plain")?.args, undefined);
  assert(Object.isFrozen(app));
});

Deno.test("defineApp needs neither mutators nor argument schemas nor authorize", () => {
  const app = defineApp({ name: "a", collections: {} });
  assertStrictEquals(app.mutators.size, 0);
  assertStrictEquals(app.authorize, undefined);
  const authorize = ({ action }: AccessRequest) => action === "read";
  assertStrictEquals(defineApp({ name: "a", collections: {}, authorize }).authorize, authorize);
});

Deno.test("defineApp refuses a collection under another name", () => {
  assertThrows(
    () => defineApp({ name: "a", collections: { tasks: todo } }),
    TypeError,
    `Cannot list the collection "todo" as "tasks"`,
  );
});

Deno.test("defineApp takes mutator names up to the limit and refuses one unit more [S11]", () => {
  const define = (name: string) =>
    defineApp({ name: "a", collections: {}, mutators: { [name]: () => {} } });
  for (const units of [1, NAME_UNITS_MAX - 1, NAME_UNITS_MAX]) define("m".repeat(units));
  for (const units of [0, NAME_UNITS_MAX + 1]) {
    assertThrows(() => define("m".repeat(units)), TypeError, "Cannot name a mutator");
  }
});

Deno.test("defineApp refuses a mutator that is not a function", () => {
  const mutators = { broken: "text" } as unknown as Record<string, () => void>;
  assertThrows(
    () => defineApp({ name: "a", collections: {}, mutators }),
    TypeError,
    `Cannot use the mutator "broken"`,
  );
});

Deno.test("defineApp hands islands on", () => {
  const counter = {};
  const { islands } = defineApp({ name: "a", collections: {}, islands: { counter } });
  assertStrictEquals(islands["counter"], counter);
  assert(Object.isFrozen(islands));
  assertEquals(defineApp({ name: "a", collections: {} }).islands, {});
});

Deno.test("an app keeps the modules that it mounts, one at a path", () => {
  const app = defineApp({ name: "a", collections: {} });
  assertStrictEquals(app.mounts.size, 0);
  const module = new Uint8Array();
  const options = { mode: "instance" } as const;
  assertStrictEquals(app.wasm("/one", module).wasm("/two", module, options), app);
  assertEquals([...app.mounts], [
    ["/one", { path: "/one", module, options: {} }],
    ["/two", { path: "/two", module, options }],
  ]);
  assertThrows(() => app.wasm("/one", module), TypeError, `Cannot use "/one" twice`);
  assertStrictEquals(defineApp({ name: "b", collections: {} }).mounts.size, 0);
});

Deno.test("defineApp refuses an argument schema without its mutator", () => {
  const args = { missing: v.null() } as Record<never, never>;
  assertThrows(
    () => defineApp({ name: "a", collections: {}, args }),
    TypeError,
    `Cannot check the arguments of "missing"`,
  );
});

Deno.test("the types of an app tell its records and arguments", () => {
  const app = defineApp({
    name: "a",
    collections: { todo, tag },
    mutators: {
      "todo.toggle"(tx, { id }: { id: string }) {
        const item = tx.todo.get(id);
        // @ts-expect-error: the record may be missing
        void (() => item.done);
        if (item === undefined) return;
        const done: boolean = item.done;
        // @ts-expect-error: records are not changed in place
        void (() => item.done = !done);
        tx.todo.put(id, { ...item, done: !done });
        // @ts-expect-error: a field of the record has another type
        void (() => tx.todo.put(id, { ...item, done: "yes" }));
        // @ts-expect-error: a field of the record is missing
        void (() => tx.todo.put(id, { done: true }));
        // @ts-expect-error: there is no such collection
        void (() => tx.todos.get(id));
      },
    },
    args: { "todo.toggle": v.object({ id: v.string() }) },
  });
  type Args = MutationArgs<typeof app>;
  const call = <K extends keyof Args>(name: K, args: Args[K]) => [name, args];
  call("todo.toggle", { id: "a" });
  call("todo.create", { id: "a", data: { title: "t", done: false } });
  call("todo.update", { id: "a", data: { done: true } });
  call("tag.delete", { id: "a" });
  // @ts-expect-error: an argument is missing
  call("todo.toggle", {});
  // @ts-expect-error: there is no such mutator
  call("todo.flip", { id: "a" });
  // @ts-expect-error: a create takes the whole record
  call("todo.create", { id: "a", data: { title: "t" } });
  // @ts-expect-error: a field of an update has another type
  call("todo.update", { id: "a", data: { done: 1 } });
  const record: RecordOf<typeof todo> = { title: "t", done: true };
  // @ts-expect-error: records are read-only
  void (() => record.title = "u");
  const anyShape: App = app;
  assertStrictEquals(anyShape.name, "a");
});

Deno.test("the types of an app check argument schemas against the mutators", () => {
  defineApp({
    name: "a",
    collections: { todo },
    mutators: { "todo.toggle"(_tx, _args: { id: string }) {} },
    // @ts-expect-error: the mutator takes an id that is a text
    args: { "todo.toggle": v.object({ id: v.number() }) },
  });
});
