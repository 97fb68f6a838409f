/** One run of a mutator: what it reads, what it may write, and how it fails. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import {
  collection,
  type Collections,
  defineApp,
  type MutatorContext,
  type MutatorFunction,
  type Table,
  type Transaction,
} from "../../core/app.ts";
import { DriftlessError, type ErrorCode, Rejection } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import { MUTATION_WRITES_MAX, NAME_UNITS_MAX, RECORD_BYTES_MAX } from "../../core/limits.ts";
import { isLive } from "../../core/lww.ts";
import { type RowSource, runMutation } from "../../core/transaction.ts";
import { call, effects, START_MS, TestRows } from "./rows.ts";

const note = collection("note", v.object({ title: v.pipe(v.string(), v.maxLength(20)) }));
const blob = collection("blob", v.looseObject({}));
const collections = { note, blob };
type Notes = typeof collections;

/** An app with one mutator, `run`. */
function appOf<Args = null>(run: MutatorFunction<Notes, Args>) {
  return defineApp({ name: "test", collections, mutators: { run } });
}

/** Runs a mutator once; returns what readers would see. */
function ran(run: MutatorFunction<Notes, null>, rows: RowSource = new TestRows()) {
  return effects(appOf(run), rows, call("run"));
}

function assertRefusal(act: () => unknown, code: ErrorCode, reason = ""): DriftlessError {
  const error = assertThrows(act, DriftlessError, reason);
  assertStrictEquals(error.code, code);
  return error;
}

Deno.test("a mutator reads its own writes", () => {
  const rows = new TestRows().with("note", "a", { title: "old" }).with("note", "b", { title: "b" });
  const seen: unknown[] = [];
  ran((tx) => {
    seen.push(tx.note.get("a"), tx.note.has("c"));
    tx.note.put("a", { title: "new" });
    tx.note.put("c", { title: "c" });
    tx.note.delete("b");
    seen.push(tx.note.get("a"), tx.note.has("c"), tx.note.get("b"), tx.note.has("b"));
    tx.note.put("b", { title: "back" });
    seen.push(tx.note.get("b"));
    tx.note.delete("c");
    seen.push(tx.note.has("c"));
  }, rows);
  assertEquals(seen, [
    { title: "old" },
    false,
    { title: "new" },
    true,
    undefined,
    false,
    { title: "back" },
    false,
  ]);
});

Deno.test("all() lists rows and own writes by id in UTF-8 order", () => {
  const rows = new TestRows()
    .with("note", "b", { title: "b" })
    .with("note", "\u{10000}", { title: "astral" })
    .with("note", "\uffff", { title: "last of the plane" })
    .with("blob", "a", {});
  const ids: string[][] = [];
  ran((tx) => {
    ids.push(tx.note.all().map(([id]) => id));
    tx.note.put("a", { title: "a" });
    tx.blob.put("c", {});
    tx.note.put("b", { title: "b2" });
    tx.note.delete("\uffff");
    ids.push(tx.note.all().map(([id, { title }]) => `${id}=${title}`));
  }, rows);
  assertEquals(ids, [["b", "\uffff", "\u{10000}"], ["a=a", "b=b2", "\u{10000}=astral"]]);
});

Deno.test("a mutation returns one write for each row, in the order of first touch", () => {
  const writes = runMutation(
    appOf((tx) => {
      tx.note.put("b", { title: "1" });
      tx.note.put("a", { title: "2" });
      tx.note.put("b", { title: "3" });
    }),
    new TestRows().with("note", "b", { title: "0" }),
    call("run"),
    null,
  );
  assertEquals(writes.map(({ id, before, after }) => [id, before?.data, after.data]), [
    ["b", { title: "0" }, { title: "3" }],
    ["a", undefined, { title: "2" }],
  ]);
});

Deno.test("a put and a delete in one mutation leave a row that is not there", () => {
  const writes = runMutation(
    appOf((tx) => {
      tx.note.put("a", { title: "1" });
      tx.note.delete("a");
    }),
    new TestRows(),
    call("run"),
    null,
  );
  assertEquals(writes.map(({ before, after }) => [before, isLive(after)]), [[undefined, false]]);
});

Deno.test("deleting what is not there writes nothing", () => {
  const app = appOf((tx) => tx.note.delete("a"));
  assertEquals(runMutation(app, new TestRows(), call("run"), null), []);
  const rows = new TestRows().with("note", "a", { title: "1" });
  assertEquals(rows.apply(runMutation(app, rows, call("run"), null)).length, 1);
  assertEquals(runMutation(app, rows, call("run"), null), []);
});

Deno.test("put stores what the schema returns", () => {
  const trimmed = collection("note", v.object({ title: v.pipe(v.string(), v.trim()) }));
  const app = defineApp({
    name: "test",
    collections: { note: trimmed },
    mutators: { run: (tx) => tx.note.put("a", { title: " hi ", extra: 1 } as { title: string }) },
  });
  assertEquals(effects(app, new TestRows(), call("run")), [["note", "a", { title: "hi" }]]);
});

Deno.test("put refuses a record that the schema refuses, naming the field [S18]", () => {
  const error = assertRefusal(
    () => ran((tx) => tx.note.put("a", { title: "x".repeat(21) })),
    "invalid_record",
    "Cannot accept the note record: title: ",
  );
  assert(!(error instanceof Rejection));
});

Deno.test("put refuses a record that is not a JSON object [S18]", () => {
  const put = (record: unknown) => () => ran((tx) => tx.blob.put("a", record as JsonObject));
  assertRefusal(put({ when: new Date(0) }), "invalid_record", "not a plain JSON object");
  assertRefusal(put({ big: 1n }), "invalid_record", "is not JSON");
  const list = collection("list", v.any());
  const app = defineApp({
    name: "test",
    collections: { list },
    mutators: { run: (tx) => tx.list.put("a", []) },
  });
  assertRefusal(
    () => effects(app, new TestRows(), call("run")),
    "invalid_record",
    "not an object",
  );
});

Deno.test("put takes records up to the limit and refuses one byte more [S11]", () => {
  const overhead = `{"a":"","b":""}`.length;
  const put = (bytes: number) => () => {
    const half = Math.floor((bytes - overhead) / 2);
    const record = { a: "x".repeat(half), b: "x".repeat(bytes - overhead - half) };
    return ran((tx) => tx.blob.put("a", record));
  };
  for (const bytes of [RECORD_BYTES_MAX - 1, RECORD_BYTES_MAX]) put(bytes)();
  assertRefusal(put(RECORD_BYTES_MAX + 1), "too_large", "larger than 32768 bytes");
});

Deno.test("put refuses an id that is not a name [S18]", () => {
  const put = (id: string) => () => ran((tx) => tx.note.put(id, { title: "t" }));
  for (const id of ["", "a\0b", "x".repeat(NAME_UNITS_MAX + 1), 1 as unknown as string]) {
    assertRefusal(put(id), "invalid_mutation", `"id"`);
  }
  put("x".repeat(NAME_UNITS_MAX))();
});

Deno.test("a mutation writes rows up to the limit and is refused one row more [S11]", () => {
  const put = (count: number) => (tx: Transaction<Notes>) => {
    for (let i = 0; i < count; i++) tx.note.put(`n${i}`, { title: "t" });
    // A row that was written already is not one more.
    tx.note.put("n0", { title: "u" });
  };
  for (const count of [MUTATION_WRITES_MAX - 1, MUTATION_WRITES_MAX]) {
    assertStrictEquals(ran(put(count)).length, count);
  }
  assertRefusal(() => ran(put(MUTATION_WRITES_MAX + 1)), "rejected", "more than 1000 rows");
});

Deno.test("a mutator that refuses has no effect, and its code and reason come out [S14]", () => {
  const refuse = (error: unknown) => () =>
    ran((tx) => {
      tx.note.put("a", { title: "t" });
      throw error;
    });
  assertRefusal(refuse(new Rejection("not today")), "rejected", "not today");
  assertRefusal(refuse(new Rejection("is there", "conflict")), "conflict", "is there");
});

Deno.test("a mutator that throws is a failure that keeps its cause [S17]", () => {
  for (const thrown of [new Error("secret"), "text", undefined, null]) {
    const error = assertRefusal(
      () =>
        ran(() => {
          throw thrown;
        }),
      "mutator_failed",
      `The mutator "run" failed`,
    );
    assertStrictEquals(error.cause, thrown);
    assert(!error.message.includes("secret"));
  }
});

Deno.test("a mutator cannot refuse with a code that steers the engine [S17]", () => {
  for (const code of ["sequence_gap", "store_failed"] as const) {
    const app = appOf(() => {
      throw new Rejection("trick", code);
    });
    assertRefusal(() => effects(app, new TestRows(), call("run")), "mutator_failed");
  }
  const app = appOf(() => {
    throw new DriftlessError("sequence_gap", "trick");
  });
  assertRefusal(() => effects(app, new TestRows(), call("run")), "mutator_failed");
});

Deno.test("a store that fails while a mutator reads comes out as it is [S1]", () => {
  const broken: RowSource = {
    row() {
      throw new DriftlessError("store_failed", "disk");
    },
    live: () => [],
  };
  assertRefusal(() => ran((tx) => void tx.note.get("a"), broken), "store_failed", "disk");
});

Deno.test("a mutator that returns a promise fails, and its late writes go nowhere [S17]", async () => {
  let late: unknown;
  const run = (async (tx: Transaction<Notes>) => {
    await Promise.resolve();
    try {
      tx.note.put("a", { title: "late" });
    } catch (error) {
      late = error;
    }
    throw new Error("nobody waits for this");
  }) as unknown as MutatorFunction<Notes, null>;
  const error = assertRefusal(() => ran(run), "mutator_failed");
  assert(String(error.cause).includes("must not return a promise"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(String(late).includes("after its mutator returned"));
});

Deno.test("a transaction is of no use after its mutator returned or threw [S17]", () => {
  const row = { title: "t" };
  const uses: readonly ((table: Table<{ title: string }>) => unknown)[] = [
    (table) => table.get("a"),
    (table) => table.has("a"),
    (table) => table.all(),
    (table) => table.put("a", row),
    (table) => table.delete("a"),
    (table) => table.delete("missing"),
  ];
  const rows = new TestRows().with("note", "a", row);
  for (const fails of [false, true]) {
    let kept: Table<{ title: string }> | undefined;
    const run = (tx: Transaction<Notes>) => {
      kept = tx.note;
      if (fails) throw new Rejection("no");
    };
    if (fails) assertRefusal(() => ran(run, rows), "rejected");
    else ran(run, rows);
    assert(kept !== undefined);
    const table = kept;
    for (const use of uses) {
      assertThrows(() => use(table), TypeError, "after its mutator returned");
    }
  }
});

Deno.test("a mutator can change neither its arguments nor the records that it reads [S17]", () => {
  const app = appOf<{ list: number[] }>((_tx, args) => void args.list.push(1));
  const rows = new TestRows().with("blob", "a", { list: [1], deep: { x: 1 } });
  const act = () => effects(app, rows, call("run", { list: [] }));
  assert(assertRefusal(act, "mutator_failed").cause instanceof TypeError);
  const changes: readonly ((record: { list: number[]; deep: { x: number } }) => void)[] = [
    (record) => void record.list.push(2),
    (record) => void (record.deep.x = 2),
    (record) => void delete (record as { deep?: unknown }).deep,
  ];
  for (const change of changes) {
    const change1 = (tx: Transaction<Notes>) => change(tx.blob.get("a") as never);
    const change2 = (tx: Transaction<Notes>) => change(tx.blob.all()[0]?.[1] as never);
    assertRefusal(() => ran(change1, rows), "mutator_failed");
    assertRefusal(() => ran(change2, rows), "mutator_failed");
  }
  assertEquals(rows.row("blob", "a")?.data, { list: [1], deep: { x: 1 } });
});

Deno.test("a record that was put does not follow its object [S17]", () => {
  const [write] = ran((tx) => {
    const record = { list: [1] };
    tx.blob.put("a", record);
    record.list.push(2);
    assert(Object.isFrozen(tx.blob.get("a")?.list));
  });
  assertEquals(write?.[2], { list: [1] });
});

Deno.test("the context tells scope, caller and time, and gives ids that repeat [S5]", () => {
  const contexts: MutatorContext[] = [];
  const ids: string[] = [];
  const app = appOf((_tx, _args, context) => {
    contexts.push(context);
    ids.push(context.newId(), context.newId());
  });
  const mutation = call("run", null, { id: "m7", scope: "home" });
  const principal = { id: "ann", claims: { role: "admin" } };
  effects(app, new TestRows(), mutation, principal);
  effects(app, new TestRows(), mutation, principal);
  assertEquals(ids, ["m7-1", "m7-2", "m7-1", "m7-2"]);
  const [{ scope, principal: seen, now }] = contexts as [MutatorContext];
  assertEquals([scope, seen, now], ["home", principal, START_MS]);
});

Deno.test("ids of different mutations differ, however long the mutations' ids are", () => {
  const head = "h".repeat(NAME_UNITS_MAX - 5);
  const ids = ["one", "two"].map((tail) => {
    let id = "";
    const app = appOf((_tx, _args, context) => void (id = context.newId()));
    effects(app, new TestRows(), call("run", null, { id: `${head}${tail}` }));
    return id;
  });
  assert(ids[0] !== ids[1]);
});

Deno.test("arguments go through their schema first [S18]", () => {
  const seen: unknown[] = [];
  const app = defineApp({
    name: "test",
    collections,
    mutators: { run: (_tx, args: { id: string }) => void seen.push(args) },
    args: { run: v.object({ id: v.pipe(v.string(), v.trim()) }) },
  });
  effects(app, new TestRows(), call("run", { id: " a ", more: 1 }));
  assertEquals(seen, [{ id: "a" }]);
  const act = () => effects(app, new TestRows(), call("run", { id: 1 }));
  assertRefusal(act, "invalid_record", `the arguments of "run": id: `);
  assertRefusal(() => effects(app, new TestRows(), call("run")), "invalid_record");
  assertStrictEquals(seen.length, 1);
});

Deno.test("a schema that is asynchronous or throws fails its mutation alone [S17]", () => {
  const later = v.objectAsync({ title: v.string() });
  const fragile = v.pipe(
    v.object({ title: v.string() }),
    v.check(() => {
      throw new Error("schema");
    }),
  );
  for (const schema of [later, fragile] as readonly unknown[]) {
    const rows = collection("note", schema as typeof note.schema);
    const shaped: Collections = { note: rows };
    const app = defineApp({
      name: "test",
      collections: shaped,
      mutators: {
        put: (tx) => tx.note?.put("a", { title: "t" }),
        args: (_tx, _args: unknown) => {},
      },
      args: { args: schema as typeof note.schema },
    });
    const create = call("note.create", { id: "a", data: { title: "t" } });
    for (const mutation of [create, call("put"), call("args", { title: "t" })]) {
      assertRefusal(() => effects(app, new TestRows(), mutation), "mutator_failed");
    }
  }
});

Deno.test("a validator's path may be made of keys or of segments", () => {
  const issues = [{ message: "bad", path: ["a", { key: 1 }] }];
  const schema = { "~standard": { version: 1, vendor: "test", validate: () => ({ issues }) } };
  const app = defineApp({
    name: "test",
    collections: { note: collection("note", schema as unknown as typeof note.schema) },
  });
  const create = call("note.create", { id: "a", data: {} });
  assertRefusal(() => effects(app, new TestRows(), create), "invalid_record", "record: a.1: bad");
});
