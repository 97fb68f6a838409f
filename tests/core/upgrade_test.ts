/** Stores and mutations of older versions of an app, led up to the one that runs. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { type AnyApp, collection, defineApp } from "../../core/app.ts";
import type { Migration } from "../../core/app_versions.ts";
import { DriftlessError } from "../../core/errors.ts";
import { upgradeCall, type UpgradeProgress, upgradeStore } from "../../core/upgrade.ts";
import { MUTATION_WRITES_MAX } from "../../core/limits.ts";
import { START_MS } from "./rows.ts";
import { Author, ManualClock, ServerRig } from "./server_rig.ts";
import { versionOne, versionThree, versionTwo } from "./versions_app.ts";

/** A store with what clients of version 1 wrote into it. */
function storeOfOne() {
  const rig = new ServerRig({ app: versionOne });
  const author = new Author("c1");
  const create = (id: string, title: string, fields: object = {}) =>
    author.call("note.create", { id, data: { title, stars: 0 } }, fields);
  rig.push([
    create("a", "first"),
    create("b", ""),
    create("c", "last", { scope: "work", seq: 1, client: "c2" }),
    author.call("draft.create", { id: "d", data: { body: "as it is" } }, { seq: 3 }),
  ]);
  return { ...rig, rig, store: rig.store };
}

function upgrade(app: AnyApp, rig: ServerRig): readonly UpgradeProgress[] {
  const steps: UpgradeProgress[] = [];
  upgradeStore(app, rig.store, rig.clock, (progress) => steps.push(progress));
  return steps;
}

Deno.test("an upgrade leads every row up, tells the log, and is done once", () => {
  const { rig, store } = storeOfOne();
  const before = store.head("home").cursor;
  assertEquals(upgrade(versionTwo, rig), [
    { from: 1, to: 2, done: 1, total: 2, rows: 3, changed: 2 },
    { from: 1, to: 2, done: 2, total: 2, rows: 4, changed: 3 },
  ]);
  assertStrictEquals(store.appVersion(), 2);
  assertEquals(rig.records("note"), { a: { text: "first", stars: 0 }, b: { text: "", stars: 0 } });
  assertEquals(rig.records("note", "work"), { c: { text: "last", stars: 0 } });
  assertEquals(rig.records("draft"), { d: { body: "as it is" } });
  assertEquals(
    rig.log().slice(before).map(({ cursor, id, op, json }) => [cursor - before, id, op, json]),
    [[1, "a", "update", `{"stars":0,"text":"first"}`], [2, "b", "update", `{"stars":0,"text":""}`]],
  );
  const { cursor } = store.head("home");
  assertEquals(upgrade(versionTwo, rig), []);
  assertStrictEquals(store.head("home").cursor, cursor);
});

Deno.test("an upgrade over several versions takes each step, fills in and deletes", () => {
  const { rig, store } = storeOfOne();
  upgrade(versionThree, rig);
  assertStrictEquals(store.appVersion(), 3);
  assertEquals(rig.records("note"), { a: { text: "first", stars: 0, tags: [] } });
  assertEquals(rig.log().at(-1)?.op, "delete");
  assertStrictEquals(store.row("home", "note", "b")?.live, false);
  assertEquals(store.row("home", "note", "b")?.cursor, rig.log().at(-1)?.cursor);
});

Deno.test("an upgrade from each version ends alike", () => {
  const [direct, stepwise] = [storeOfOne().rig, storeOfOne().rig];
  upgrade(versionThree, direct);
  upgrade(versionTwo, stepwise);
  upgrade(versionThree, stepwise);
  assertEquals(stepwise.records("note"), direct.records("note"));
});

Deno.test("an upgrade that fails on one row names it and leaves everything as it was", () => {
  const failing = (migrate: (record: never, id: string) => object | null) => {
    const note = versionTwo.collections.note;
    return defineApp({
      name: "versions",
      version: 2,
      collections: { note },
      migrations: { 2: { records: { note: migrate } } },
    });
  };
  const migrations: [AnyApp, string][] = [
    [
      failing(({ title }: { title: string }, id) => {
        if (id === "c") throw new Error("secret");
        return { text: title, stars: 0 };
      }),
      `Cannot bring note "c" from version 1 to version 2 of the app`,
    ],
    [
      failing((_, id) => ({ text: id === "c" ? 1 : "", stars: 0 })),
      `Cannot bring note "c" from version 1 to version 2 of the app: Cannot accept the note record`,
    ],
    [failing(() => "text" as unknown as object), `Cannot bring note "a"`],
    [failing(() => undefined as unknown as object), `Cannot bring note "a"`],
  ];
  for (const [app, reason] of migrations) {
    const { rig, store } = storeOfOne();
    const log = rig.log();
    const error = assertThrows(() => upgrade(app, rig), DriftlessError, reason);
    assertStrictEquals(error.code, "invalid_record");
    assert(!error.message.includes("secret"));
    assertEquals([store.appVersion(), rig.log()], [1, log]);
    assertEquals(rig.records("note"), {
      a: { title: "first", stars: 0 },
      b: { title: "", stars: 0 },
    });
  }
});

Deno.test("rows that nobody changed are checked too when the version rises", () => {
  const { rig } = storeOfOne();
  const draft = collection("draft", v.object({ body: v.pipe(v.string(), v.maxLength(3)) }));
  const app = defineApp({ name: "versions", version: 2, collections: { draft } });
  assertThrows(() => upgrade(app, rig), DriftlessError, `Cannot bring draft "d"`);
});

Deno.test("rows of a collection that the app does not have any more stay", () => {
  const { rig } = storeOfOne();
  const { draft } = versionOne.collections;
  upgrade(defineApp({ name: "versions", version: 2, collections: { draft } }), rig);
  assertEquals(Object.keys(rig.records("note")), ["a", "b"]);
});

Deno.test("a store that is newer than the app is refused, and its rows are not written", () => {
  const { rig, store } = storeOfOne();
  upgrade(versionTwo, rig);
  const error = assertThrows(() => upgrade(versionOne, rig), DriftlessError, "of version 2");
  assertStrictEquals(error.code, "upgrade_required");
  const old = new ServerRig({ app: versionOne, store });
  const push = () => old.pushOne(new Author("c9").call("note.star", { id: "a" }));
  assertStrictEquals(
    assertThrows(push, DriftlessError, "this program runs version 1").code,
    "unavailable",
  );
});

Deno.test("a process that comes second to an upgrade finds nothing to do", () => {
  const { rig, store } = storeOfOne();
  let asked = 0;
  const racing: typeof store = Object.create(store, {
    appVersion: { value: () => asked++ === 0 ? 1 : 2 },
    transaction: { value: <T>(work: () => T) => work() },
    scopes: { value: () => [] },
    setAppVersion: { value: (version: number) => assertStrictEquals(version, 2) },
  });
  upgradeStore(versionTwo, racing, rig.clock);
  assertEquals(rig.records("note").a, { title: "first", stars: 0 });
});

Deno.test("an upgrade is never older than the log", () => {
  const { rig, store } = storeOfOne();
  const clock = new ManualClock(START_MS - 1_000_000);
  upgradeStore(versionTwo, store, clock);
  assert(rig.log().every(({ time }) => time >= START_MS));
});

Deno.test("a write that is on its way is not overruled by the upgrade, nor by the rename", () => {
  const { rig, store } = storeOfOne();
  rig.clock.time += 10_000;
  const author = new Author("c3");
  author.time = START_MS + 5_000;
  rig.pushOne(author.call("note.update", { id: "a", data: { title: "newer" } }));
  rig.clock.time += 10_000;
  upgradeStore(versionTwo, store, rig.clock);
  const two = new ServerRig({ app: versionTwo, store, clock: rig.clock });
  const late = new Author("c4");
  const write = (time: number, text: string) => {
    late.time = time;
    two.pushOne(late.call("note.update", { id: "a", data: { text } }));
    return two.records("note").a;
  };
  assertEquals(write(START_MS + 4_000, "too old"), { text: "newer", stars: 0 });
  assertEquals(write(START_MS + 6_000, "late"), { text: "late", stars: 0 });
});

Deno.test("what a deletion left behind is led up, for a late write to bring it back", () => {
  const { rig, store } = storeOfOne();
  const author = new Author("c3");
  author.time = START_MS + 5_000;
  rig.push([author.call("note.delete", { id: "a" }), author.call("draft.delete", { id: "d" })]);
  const { cursor } = store.head("home");
  const broken = collection("draft", v.object({ text: v.string() }));
  const app = { ...versionTwo, collections: { ...versionTwo.collections, draft: broken } };
  upgrade(app, rig);
  const row = store.row("home", "note", "a");
  assertEquals([row?.live, row?.json], [false, `{"stars":0,"text":"first"}`]);
  assertStrictEquals(store.row("home", "draft", "d")?.json, `{"body":"as it is"}`);
  assert((row?.cursor ?? 0) <= cursor, "nobody hears of it");
  const two = new ServerRig({ app: versionTwo, store, clock: rig.clock });
  const late = new Author("c4");
  late.time = START_MS + 6_000;
  rig.clock.time += 10_000;
  two.pushOne(late.call("note.update", { id: "a", data: { text: "back" } }));
  assertEquals(two.records("note").a, { text: "back", stars: 0 });
});

Deno.test("what a deletion left of a row that needs no step stays as it is", () => {
  const { rig, store } = storeOfOne();
  const author = new Author("c3");
  author.time = START_MS + 5_000;
  rig.pushOne(author.call("draft.delete", { id: "d" }));
  const row = store.row("home", "draft", "d");
  assertStrictEquals(row?.live, false);
  upgrade(versionTwo, rig);
  assertEquals(store.row("home", "draft", "d"), row);
});

Deno.test("what a deletion left of a row that goes stays as it is", () => {
  const { rig, store } = storeOfOne();
  const author = new Author("c3");
  author.time = START_MS + 5_000;
  rig.pushOne(author.call("note.delete", { id: "b" }));
  assertStrictEquals(store.row("home", "note", "b")?.live, false);
  upgrade(versionThree, rig);
  assertStrictEquals(store.row("home", "note", "b")?.json, `{"stars":0,"title":""}`);
});

Deno.test("an upgrade takes more rows than one mutation may write", () => {
  const rig = new ServerRig({ app: versionOne });
  const count = MUTATION_WRITES_MAX + 1;
  const author = new Author("c1");
  rig.push(
    Array.from(
      { length: count },
      (_, i) => author.call("note.create", { id: `n${i}`, data: { title: `${i}`, stars: i } }),
    ),
  );
  const [step] = upgrade(versionTwo, rig);
  assertEquals([step?.rows, step?.changed], [count, count]);
});

Deno.test("a mutation is led up step by step", () => {
  const args = { id: "a", title: "t" };
  assertEquals(upgradeCall(versionTwo, { name: "note.rename", args }, 1), {
    name: "note.retext",
    args: { id: "a", text: "t" },
  });
  assertEquals(upgradeCall(versionThree, { name: "note.rename", args }, 1), {
    name: "note.update",
    args: { id: "a", data: { text: "t" } },
  });
  const star = { name: "note.star", args: { id: "a" } };
  assertEquals(upgradeCall(versionTwo, star, 1), star);
  assertEquals(upgradeCall(versionThree, { name: "note.rename", args }, 3).name, "note.rename");
  const silent = defineApp({ name: "versions", version: 2, collections: {} });
  assertEquals(upgradeCall(silent, star, 1), star);
});

Deno.test("a mutation that has no place any more is refused with the reason", () => {
  const refused = (app: AnyApp, name: string, args: unknown = null) =>
    assertThrows(
      () => upgradeCall(app, { name, args: args as null }, 1),
      DriftlessError,
      `Cannot bring "${name}" to version`,
    );
  const gone = refused(versionTwo, "note.shout");
  assertEquals([gone.code, gone.cause], ["upgrade_required", undefined]);
  const failed = refused(versionTwo, "note.update");
  assertStrictEquals(failed.code, "upgrade_required");
  assert(failed.cause instanceof TypeError);
  const notJson = { name: "note.y", args: { at: new Date(0) } };
  const app = defineApp({
    name: "versions",
    version: 2,
    collections: {},
    migrations: { 2: { mutations: { "note.x": () => notJson } } },
  });
  assertStrictEquals(refused(app, "note.x").code, "upgrade_required");
});

Deno.test("a built-in create follows its record unless the app says more", () => {
  const create = (app: AnyApp, args: unknown) =>
    upgradeCall(app, { name: "note.create", args: args as null }, 1);
  assertEquals(create(versionTwo, { id: "a", data: { title: "t", stars: 0 } }).args, {
    id: "a",
    data: { text: "t", stars: 0 },
  });
  assertThrows(
    () => create(versionThree, { id: "a", data: { title: "", stars: 0 } }),
    DriftlessError,
  );
  for (const odd of [null, [], { id: "a" }, { id: "a", data: 1 }]) {
    assertEquals(create(versionTwo, odd).args as unknown, odd, "refused when it runs");
  }
  const own: Migration = { mutations: { "note.create": () => ({ name: "own", args: null }) } };
  const migrations = new Map([[2, { ...versionTwo.migrations.get(2), ...own }]]);
  assertEquals(create({ ...versionTwo, migrations }, { id: "a", data: {} }).name, "own");
});

Deno.test("a migration may edit what it is given, and changes nothing else by it", () => {
  const args = Object.freeze({ list: Object.freeze([1]) });
  const app = defineApp({
    name: "versions",
    version: 2,
    collections: {},
    migrations: {
      2: {
        mutations: {
          add: (args: { list: number[] }) => {
            args.list.push(2);
            return { name: "add", args };
          },
        },
      },
    },
  });
  assertEquals(upgradeCall(app, { name: "add", args }, 1).args, { list: [1, 2] });
  assertEquals(args, { list: [1] });
  assertEquals(upgradeCall(app, { name: "toString", args: null }, 1).name, "toString");
});
