/** Import and export: every record or a reason, once, in any of the shapes; and the way back. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { RECORD_BYTES_MAX } from "../../core/limits.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { checkMutation } from "../../core/mutation.ts";
import { SyncServer } from "../../core/server.ts";
import {
  exportJson,
  IMPORT_BATCH,
  importJson,
  type ImportOptions,
  type ImportReport,
  REFUSALS_MAX,
} from "../../edge/transfer.ts";
import { EPOCH } from "./served_app.ts";

const place = collection("place", v.object({ name: v.pipe(v.string(), v.minLength(1)) }));
const locked = collection("locked", v.looseObject({}), { builtins: false });
const APP = defineApp({
  name: "transfer",
  collections: { place, locked },
  authorize: () => false,
});

const A = { name: "A" };
const B = { name: "B" };

/** The shapes that a file may have, and the rows that come of them. */
const SHAPES: readonly (readonly [what: string, file: unknown, rows: unknown, more?: Options])[] = [
  ["a list whose records have ids", [{ id: "a", ...A }, { id: 7, ...B }], { a: A, 7: B }],
  ["records by id", { a: A, b: B }, { a: A, b: B }],
  ["an id that is like no other", JSON.parse(`{"__proto__":{"name":"A"}}`), { ["__proto__"]: A }],
  ["a list with another field for the id", [A, B], { A, B }, { idField: "name" }],
  ["nothing in a list", [], {}],
  ["nothing in an object", {}, {}],
];

/** Files that are refused as a whole. */
const UNUSABLE: Readonly<Record<string, readonly [file: string, more?: Options]>> = {
  "is not JSON": ["{"],
  "is empty": [""],
  "is a text": [`"x"`],
  "is a number": ["1"],
  "is nothing": ["null"],
  "holds texts": [`["x"]`],
  "holds lists": [`[[]]`],
  "holds numbers by id": [`{"a":1}`],
  "has a record without the id field": [`[{"key":"a"},{"name":"x"}]`, { idField: "key" }],
  "has a record whose id field is a list": [`[{"key":["a"]}]`, { idField: "key" }],
  "has records whose id field is inherited": [`[{"name":"x"}]`, { idField: "constructor" }],
  "names no collection for its list": ["[]", { collection: undefined }],
  "names no collection for its records": [`{"a":{"name":"A"}}`, { collection: undefined }],
};

for (const [what, file, rows, more] of SHAPES) {
  Deno.test(`an import takes ${what}`, async () => {
    const { store, report } = await imported(JSON.stringify(file), more);
    const total = Object.keys(rows as object).length;
    assertEquals(report, {
      total,
      imported: total,
      repeated: 0,
      refused: [],
      refusedCount: 0,
      finished: true,
    });
    assertEquals(JSON.parse(exported(store, "place")), rows);
  });
}

for (const [what, [file, more]] of Object.entries(UNUSABLE)) {
  Deno.test(`a file that ${what} is refused, and nothing of it is imported`, async () => {
    const store = new MemoryStore(EPOCH);
    const error = await assertRejects(() => imported(file, more, store), DriftlessError);
    assert(["malformed", "not_found"].includes(error.code), error.code);
    assertEquals(store.scopes(), []);
  });
}

Deno.test("a list without ids gets ids that a second run finds again", async () => {
  const file = JSON.stringify([A, B, A]);
  const { store, report } = await imported(file);
  assertEquals(report.imported, 3);
  assertEquals(Object.values(JSON.parse(exported(store, "place"))), [A, B, A]);
  assertEquals((await imported(file, {}, store)).report.repeated, 3);
});

Deno.test("an import without a collection takes all of them, and refuses one that is unknown", async () => {
  const file = { place: { a: A }, locked: { x: { any: [1, null] } } };
  const all = { collection: undefined };
  const { store, report } = await imported(JSON.stringify(file), all);
  assertEquals(report.imported, 2);
  assertEquals(JSON.parse(exported(store)), { locked: file.locked, place: file.place });
  const wrong = JSON.stringify({ ...file, other: {} });
  const error = await assertRejects(() => imported(wrong, all), DriftlessError, `"other"`);
  assertEquals(error.code, "not_found");
  await assertRejects(
    () => imported("[]", { collection: "other" }),
    DriftlessError,
    "place, locked",
  );
});

Deno.test("a second run of a file adds nothing, and undoes nothing", async () => {
  const file = JSON.stringify({ a: A, b: B });
  const { store } = await imported(file);
  const server = new SyncServer({
    app: defineApp({ name: "editor", collections: { place } }),
    store,
    clock: { now: () => Date.now() },
    open: true,
  });
  const edit = (id: string, name: string, args: unknown) =>
    server.push([{
      principal: null,
      mutations: [checkMutation({ id, name, scope: "s", args })],
    }]);
  edit("m1", "place.update", { id: "a", data: { name: "edited" } });
  edit("m2", "place.delete", { id: "b" });
  const { report } = await imported(file, {}, store);
  assertEquals([report.imported, report.repeated, report.refusedCount], [0, 2, 0]);
  assertEquals(JSON.parse(exported(store, "place")), { a: { name: "edited" } });
});

Deno.test("a record that cannot be is refused with its id and a reason, and the others come in", async () => {
  const large = (bytes: number) => ({ name: "x".repeat(9), more: textsOf(bytes) });
  const records = {
    good: A,
    empty: { name: "" },
    wrong: { name: 5 },
    deep: JSON.parse(`{"name":"x","y":${"[".repeat(40)}${"]".repeat(40)}}`),
    long: { name: "x".repeat(16 * 1024 + 1) },
    hostile: JSON.parse(`{"name":"x","__proto__":{}}`),
    ["i".repeat(129)]: A,
    ["a\nb"]: A,
    fine: B,
  };
  const { store, report } = await imported(JSON.stringify(records));
  assertEquals([report.imported, report.refusedCount, report.finished], [2, 7, true]);
  const refused = new Map(report.refused.map(({ id, reason }) => [id, reason]));
  assertEquals(
    [...refused.keys()].sort(),
    Object.keys(records)
      .filter((id) => id !== "good" && id !== "fine").sort(),
  );
  for (const reason of refused.values()) assert(reason.length > 0);
  assertEquals(JSON.parse(exported(store, "place")), { fine: B, good: A });

  const sized = { fits: large(RECORD_BYTES_MAX - 100), over: large(RECORD_BYTES_MAX + 1) };
  const second = await imported(JSON.stringify(sized), { collection: "locked" });
  assertEquals(second.report.refused.map(({ id }) => id), ["over"]);
  assertEquals(JSON.parse(exported(second.store, "locked")), { fits: sized.fits });
});

Deno.test("of two records with one id the second is refused, not overlooked", async () => {
  const file = JSON.stringify([{ id: "a", ...A }, { id: "a", ...B }]);
  for (const _ of ["first run", "second run"]) {
    const { store, report } = await imported(file);
    assertEquals(report.refused.map(({ id }) => id), ["a"]);
    assertEquals(JSON.parse(exported(store, "place")), { a: A });
  }
});

Deno.test("a record that is there already is refused", async () => {
  const { store } = await imported(JSON.stringify({ a: A }));
  const { report } = await imported(JSON.stringify({ a: B, b: B }), {}, store);
  assertEquals([report.imported, report.refused.map(({ id }) => id)], [1, ["a"]]);
  assertEquals(JSON.parse(exported(store, "place")), { a: A, b: B });
});

Deno.test("an import lists some refusals and counts all", async () => {
  const records = Array.from({ length: REFUSALS_MAX + 5 }, (_, i) => ({ id: `r${i}`, name: "" }));
  const { report } = await imported(JSON.stringify(records));
  assertEquals([report.refused.length, report.refusedCount], [REFUSALS_MAX, REFUSALS_MAX + 5]);
});

Deno.test("an import that is stopped goes on where it was", async () => {
  const total = 3 * IMPORT_BATCH + 7;
  const file = JSON.stringify(Array.from({ length: total }, (_, i) => ({ id: i, name: `${i}` })));
  const stop = new AbortController();
  const steps: (readonly [number, number])[] = [];
  const progress = (done: number, of: number) => {
    steps.push([done, of]);
    if (done === IMPORT_BATCH) stop.abort();
  };
  const { store, report } = await imported(file, { progress, signal: stop.signal });
  assertEquals(steps, [[IMPORT_BATCH, total]]);
  assertEquals([report.finished, report.imported], [false, IMPORT_BATCH]);
  steps.length = 0;
  const again = await imported(file, { progress: (...step) => void steps.push(step) }, store);
  const { imported: added, repeated, finished } = again.report;
  assertEquals([added, repeated, finished], [total - IMPORT_BATCH, IMPORT_BATCH, true]);
  assertEquals(steps.at(-1), [total, total]);
  assertEquals(Object.keys(JSON.parse(exported(store, "place"))).length, total);
});

Deno.test("scopes are imported into and exported from by themselves", async () => {
  const store = new MemoryStore(EPOCH);
  const file = JSON.stringify({ a: A });
  for (const scope of ["one", "two"]) {
    const { report } = await imported(file, { scope }, store);
    assertEquals(report.imported, 1, scope);
  }
  assertEquals(JSON.parse([...exportJson(store, "three")].join("")), {});
  assertEquals(JSON.parse([...exportJson(store, "one", "locked")].join("")), {});
  assertEquals(store.scopes(), ["one", "two"]);
});

Deno.test("an export counts its rows", async () => {
  const { store } = await imported(JSON.stringify({ a: A, b: B }));
  await imported(JSON.stringify({ x: {} }), { collection: "locked" }, store);
  const counted = (name?: string) => {
    let count = 0;
    const text = [...exportJson(store, "s", name, (rows) => count = rows)].join("");
    assert(text.endsWith("}\n"));
    return count;
  };
  assertEquals([counted(), counted("place"), counted("locked"), counted("none")], [3, 2, 1, 0]);
});

Deno.test("what is exported can be imported, and exported again byte by byte", async () => {
  const id = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })
    .filter((text) => !/\p{Cc}/u.test(text));
  const value = fc.jsonValue({ maxDepth: 3, noUnicodeString: false });
  const field = fc.string({ maxLength: 8 }).filter((name) => name !== "__proto__");
  const record = fc.dictionary(field, value, { maxKeys: 4, noNullPrototype: true });
  const records = fc.uniqueArray(fc.tuple(id, record), {
    selector: ([name]) => name,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(records, records, async (places, lockeds) => {
      const file = {
        locked: Object.fromEntries(lockeds),
        place: Object.fromEntries(places.map(([name], i) => [name, { name: `${i}` }])),
      };
      const all = { collection: undefined };
      const first = await imported(JSON.stringify(file), all);
      fc.pre(first.report.refusedCount === 0);
      const text = exported(first.store);
      const present = Object.entries(file).filter(([, rows]) => Object.keys(rows).length > 0);
      assertEquals(JSON.parse(text), JSON.parse(JSON.stringify(Object.fromEntries(present))));
      const second = await imported(text, all);
      assertEquals(second.report.refusedCount, 0);
      assertEquals(exported(second.store), text);
    }),
    { numRuns: 60 },
  );
});

interface Options extends Partial<Omit<ImportOptions, "collection">> {
  readonly collection?: string | undefined;
}

async function imported(
  file: string,
  more: Options = {},
  store: MemoryStore = new MemoryStore(EPOCH),
): Promise<{ readonly store: MemoryStore; readonly report: ImportReport }> {
  const { collection: name, ...rest } = { collection: "place", ...more };
  const named = name === undefined ? {} : { collection: name };
  const report = await importJson(file, { app: APP, store, scope: "s", ...rest, ...named });
  return { store, report };
}

function exported(store: MemoryStore, name?: string): string {
  return [...exportJson(store, "s", name)].join("");
}

/** A list of texts that together have so many bytes as JSON, each short enough. */
function textsOf(bytes: number): readonly string[] {
  return Array.from({ length: 4 }, () => "x".repeat(Math.floor(bytes / 4) - 10));
}

Deno.test("records come in at the version of the app, and never among rows of another version", async () => {
  const store = new MemoryStore(EPOCH);
  const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
  const at = (version: number) => defineApp({ name: "todos", version, collections: { todo } });
  const run = (version: number, id: string) => {
    const options = { app: at(version), store, scope: "s", collection: "todo" };
    return importJson(JSON.stringify({ [id]: { title: id, done: false } }), options);
  };
  assertEquals((await run(3, "a")).imported, 1);
  assertEquals(store.appVersion(), 3);
  for (const [version, reason] of [[4, "serve it first"], [2, "has version 2"]] as const) {
    const error = await assertRejects(() => run(version, "b"), DriftlessError, reason);
    assertEquals(error.code, "upgrade_required");
  }
  assertEquals((await run(3, "c")).imported, 1);
  assertEquals(store.rows("s", "todo").length, 2);
});
