/** The view: the snapshot with the pending mutations on top, and what a rebase reports. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { type AnyApp, collection, defineApp } from "../../core/app.ts";
import type { Change } from "../../core/change.ts";
import { Rejection } from "../../core/errors.ts";
import { canonicalText, type JsonObject } from "../../core/json.ts";
import type { Mutation } from "../../core/mutation.ts";
import { Snapshot } from "../../core/snapshot.ts";
import { View, type ViewChange } from "../../core/view.ts";
import { notesApp } from "./notes_app.ts";
import { call, START_MS } from "./rows.ts";

const ENTITIES = ["note", "counter"] as const;
const IDS = ["a", "b", "c", "total"] as const;

/** One client's ground and view, moved by hand. */
class Ground {
  readonly snapshot = new Snapshot();
  readonly view = new View(notesApp, this.snapshot, null);
  pending: readonly Mutation[] = [];
  #calls = 0;

  /** Calls a mutator; says whether it was not refused. */
  mutate(name: string, args: unknown): readonly ViewChange[] | undefined {
    const seq = ++this.#calls;
    const mutation = call(name, args, { id: `m${seq}`, seq, createdAt: START_MS + seq });
    try {
      const changes = this.view.append(mutation);
      this.pending = [...this.pending, mutation];
      return changes;
    } catch (error) {
      assert(error instanceof Rejection, String(error));
      return undefined;
    }
  }

  /** Confirms rows, and drops pending mutations by their place. */
  rebase(
    rows: readonly (readonly [entity: string, id: string, record: JsonObject | null])[],
    dropped: readonly number[] = [],
  ): readonly ViewChange[] {
    const changes = rows.map(([entity, id, record], index): Change => ({
      cursor: this.snapshot.cursor + 1 + index,
      entity,
      id,
      op: record === null ? "delete" : "update",
      json: record === null ? null : canonicalText(record),
      time: START_MS,
    }));
    const gone = new Set(dropped.map((at) => this.pending[at]?.id ?? ""));
    this.pending = this.pending.filter(({ id }) => !gone.has(id));
    return this.view.rebase(
      changes,
      gone,
      () => changes.forEach((change) => this.snapshot.apply(change, "epoch")),
    );
  }

  /** Confirms the first pending mutations as they are shown. */
  confirm(count: number): readonly ViewChange[] {
    const first = this.pending.slice(0, count);
    const rows = first.flatMap(({ id }) => this.view.effectsOf(id) ?? [])
      .map(({ entity, id, after }) => [entity, id, after ?? null] as const);
    return this.rebase(rows, first.map((_, index) => index));
  }

  /** The view as a fresh run over the snapshot gives it. */
  rebuilt(): View {
    const view = new View(notesApp, this.snapshot, null);
    view.reset(this.pending);
    return view;
  }
}

function contents(view: View): ReadonlyMap<string, JsonObject> {
  const all = ENTITIES.flatMap((entity) =>
    view.all(entity).map(([id, record]) => [`${entity}/${id}`, record] as const)
  );
  return new Map(all);
}

/** What a full comparison of two states finds. */
function difference(
  before: ReadonlyMap<string, JsonObject>,
  after: ReadonlyMap<string, JsonObject>,
): ReadonlySet<string> {
  const text = (record: JsonObject | undefined) => record && canonicalText(record);
  const keys = new Set([...before.keys(), ...after.keys()]);
  const lines = Array.from(keys, (key) => [key, text(before.get(key)), text(after.get(key))])
    .filter(([, was, is]) => was !== is);
  return new Set(lines.map((line) => JSON.stringify(line)));
}

function reported(changes: readonly ViewChange[]): ReadonlySet<string> {
  const text = (record: JsonObject | undefined) => record && canonicalText(record);
  const lines = changes.map(({ entity, id, before, after }) =>
    JSON.stringify([`${entity}/${id}`, text(before), text(after)])
  );
  assertStrictEquals(new Set(lines).size, changes.length, "a record is reported once");
  return new Set(lines);
}

const anyId = fc.constantFrom(...IDS);
const anyBy = fc.integer({ min: -2, max: 3 });
const anyTitle = fc.constantFrom("x", "y");

type Call = readonly [name: string, args: unknown];
const anyCall: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(fc.constantFrom("counter.add", "counter.spend"), fc.record({ id: anyId, by: anyBy })),
  fc.tuple(fc.constantFrom("counter.route", "counter.double"), fc.record({ id: anyId })),
  fc.constant<Call>(["counter.total", null]),
  fc.constant<Call>(["note.clear", null]),
  fc.tuple(fc.constant("note.rename"), fc.record({ id: anyId, title: anyTitle })),
  fc.tuple(
    fc.constantFrom("note.create", "note.update"),
    fc.record({ id: anyId, data: fc.record({ title: anyTitle }) }),
  ),
  fc.tuple(fc.constant("note.delete"), fc.record({ id: anyId })),
  fc.tuple(fc.constant("note.log"), anyTitle),
);

const anyRow = fc.oneof(
  fc.tuple(fc.constant("note"), anyId, fc.option(fc.record({ title: anyTitle }))),
  fc.tuple(
    fc.constant("counter"),
    anyId,
    fc.option(fc.record({ value: fc.integer({ min: 0, max: 3 }) })),
  ),
);

type Step =
  | { readonly kind: "call"; readonly call: Call }
  | { readonly kind: "confirm"; readonly count: number }
  | {
    readonly kind: "rebase";
    readonly rows: readonly (readonly [string, string, JsonObject | null])[];
    readonly dropped: readonly number[];
  };

const anySteps = fc.array(
  fc.oneof(
    fc.record<Step & { kind: "call" }>({ kind: fc.constant("call"), call: anyCall }),
    fc.record<Step & { kind: "confirm" }>({
      kind: fc.constant("confirm"),
      count: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record<Step & { kind: "rebase" }>({
      kind: fc.constant("rebase"),
      rows: fc.array(anyRow, { maxLength: 3 }),
      dropped: fc.array(fc.nat(5), { maxLength: 2 }),
    }),
  ),
  { maxLength: 30, size: "max" },
);

function take(ground: Ground, step: Step): readonly ViewChange[] {
  if (step.kind === "call") return ground.mutate(...step.call) ?? [];
  return step.kind === "confirm"
    ? ground.confirm(step.count)
    : ground.rebase(step.rows, step.dropped);
}

Deno.test("a rebased view equals a view rebuilt from scratch, and reports exactly what differs [S5]", () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const ground = new Ground();
      for (const step of steps) {
        const before = contents(ground.view);
        const changes = take(ground, step);
        const after = contents(ground.view);
        assertEquals(after, contents(ground.rebuilt()));
        assertEquals(reported(changes), difference(before, after));
        for (const entity of ENTITIES) {
          assertStrictEquals(ground.view.count(entity), ground.view.all(entity).length);
        }
      }
    }),
    { numRuns: 600 },
  );
});

Deno.test("a view without pending mutations is the snapshot", () => {
  const ground = new Ground();
  ground.rebase([["note", "b", { title: "2" }], ["note", "a", { title: "1" }]]);
  assertEquals(ground.view.all("note"), [["a", { title: "1" }], ["b", { title: "2" }]]);
  assertEquals(ground.view.get("note", "a"), { title: "1" });
  assertStrictEquals(ground.view.get("note", "c"), undefined);
  assertStrictEquals(ground.view.count("note"), 2);
  assertEquals([ground.view.all("other"), ground.view.count("other")], [[], 0]);
});

Deno.test("append shows its effects at once and reports them [S6]", () => {
  const ground = new Ground();
  ground.rebase([["counter", "a", { value: 2 }]]);
  assertEquals(ground.mutate("counter.add", { id: "a", by: 3 }), [
    { entity: "counter", id: "a", before: { value: 2 }, after: { value: 5 } },
  ]);
  assertEquals(ground.view.get("counter", "a"), { value: 5 });
});

Deno.test("append that changes nothing reports nothing", () => {
  const ground = new Ground();
  ground.rebase([["counter", "a", { value: 2 }]]);
  assertEquals(ground.mutate("counter.add", { id: "a", by: 0 }), []);
  assertEquals(ground.mutate("note.delete", { id: "a" }), []);
});

Deno.test("append of a mutation that is refused changes nothing and tells the reason [S14]", () => {
  const ground = new Ground();
  ground.mutate("counter.add", { id: "a", by: 1 });
  const spend = call("counter.spend", { id: "a", by: 5 });
  assertThrows(() => ground.view.append(spend), Rejection, "Cannot spend 5 of 1");
  assertEquals(ground.view.get("counter", "a"), { value: 1 });
  assertEquals(contents(ground.view), contents(ground.rebuilt()));
});

Deno.test("all lists snapshot rows and own rows by id in UTF-8 order", () => {
  const ground = new Ground();
  ground.rebase([["note", "\uffff", { title: "x" }], ["note", "b", { title: "x" }]]);
  ground.mutate("note.create", { id: "\u{10000}", data: { title: "x" } });
  ground.mutate("note.create", { id: "a", data: { title: "x" } });
  ground.mutate("note.delete", { id: "b" });
  assertEquals(ground.view.all("note").map(([id]) => id), ["a", "\uffff", "\u{10000}"]);
  assertStrictEquals(ground.view.count("note"), 3);
});

Deno.test("a rebase that comes out the same reports nothing [S5]", () => {
  const ground = new Ground();
  ground.mutate("counter.add", { id: "a", by: 2 });
  ground.mutate("note.create", { id: "n", data: { title: "t" } });
  assertEquals(ground.rebase([["counter", "a", { value: 2 }]], [0]), []);
  assertEquals(ground.rebase([["note", "n", { title: "t" }]], [0]), []);
  assertEquals(ground.rebase([["note", "n", { title: "t" }]]), []);
  assertEquals(ground.rebase([]), []);
});

Deno.test("a rebase reports only the records that differ, with both their states [S5]", () => {
  const ground = new Ground();
  ground.rebase([["counter", "a", { value: 1 }], ["counter", "b", { value: 1 }]]);
  ground.mutate("counter.add", { id: "a", by: 1 });
  ground.mutate("counter.add", { id: "b", by: 1 });
  assertEquals(ground.rebase([["counter", "a", { value: 5 }]]), [
    { entity: "counter", id: "a", before: { value: 2 }, after: { value: 6 } },
  ]);
});

Deno.test("a rebase repeats a mutation that read a whole collection [S5]", () => {
  const ground = new Ground();
  ground.rebase([["counter", "a", { value: 1 }]]);
  ground.mutate("counter.total", null);
  assertEquals(ground.rebase([["counter", "b", { value: 4 }]]), [
    { entity: "counter", id: "b", before: undefined, after: { value: 4 } },
    { entity: "counter", id: "total", before: { value: 1 }, after: { value: 5 } },
  ]);
});

Deno.test("a dropped mutation takes its effects along, and those that built on it [S5]", () => {
  const ground = new Ground();
  ground.mutate("counter.add", { id: "a", by: 3 });
  ground.mutate("counter.spend", { id: "a", by: 2 });
  assertEquals(ground.view.get("counter", "a"), { value: 1 });
  assertEquals(ground.rebase([], [0]), [
    { entity: "counter", id: "a", before: { value: 1 }, after: undefined },
  ]);
  // The refused one waits: on other ground it works again.
  assertEquals(ground.rebase([["counter", "a", { value: 9 }]]), [
    { entity: "counter", id: "a", before: undefined, after: { value: 7 } },
  ]);
});

Deno.test("a repeated mutation may go to another row, which nobody had touched [S5]", () => {
  const ground = new Ground();
  ground.rebase([["counter", "total", { value: 0 }]]);
  ground.mutate("counter.route", { id: "total" });
  assertEquals(ground.rebase([["counter", "total", { value: 1 }]]), [
    { entity: "counter", id: "total", before: { value: 0 }, after: { value: 1 } },
    { entity: "counter", id: "a", before: { value: 1 }, after: undefined },
    { entity: "counter", id: "b", before: undefined, after: { value: 1 } },
  ]);
});

Deno.test("a repeated mutation may go to the row of one that was to stay as it is [S5]", () => {
  const ground = new Ground();
  ground.rebase([["counter", "total", { value: 0 }]]);
  ground.mutate("counter.route", { id: "total" });
  ground.mutate("counter.double", { id: "b" });
  assertEquals(ground.rebase([["counter", "total", { value: 1 }]]), [
    { entity: "counter", id: "total", before: { value: 0 }, after: { value: 1 } },
    { entity: "counter", id: "a", before: { value: 1 }, after: undefined },
    { entity: "counter", id: "b", before: { value: 0 }, after: { value: 2 } },
  ]);
  assertEquals(contents(ground.view), contents(ground.rebuilt()));
});

Deno.test("a pending mutation that fails on new ground hides its effect and breaks nothing [S5]", () => {
  const ground = new Ground();
  ground.rebase([["note", "a", { title: "t" }]]);
  ground.mutate("note.update", { id: "a", data: { title: "mine" } });
  ground.mutate("note.create", { id: "b", data: { title: "b" } });
  assertEquals(ground.rebase([["note", "a", null], ["note", "b", { title: "theirs" }]]), [
    { entity: "note", id: "a", before: { title: "mine" }, after: undefined },
    { entity: "note", id: "b", before: { title: "b" }, after: { title: "theirs" } },
  ]);
});

Deno.test("a mutator that asks who calls gets the view's principal", () => {
  const view = new View(notesApp, new Snapshot(), { id: "ann" });
  view.append(call("note.sign", { id: "a" }));
  assertEquals(view.get("note", "a"), { title: "ann" });
});

Deno.test("records in a view are frozen [S17]", () => {
  const ground = new Ground();
  ground.rebase([["note", "a", { title: "x" }]]);
  ground.mutate("note.create", { id: "b", data: { title: "x" } });
  for (const [, record] of ground.view.all("note")) assert(Object.isFrozen(record));
});

Deno.test("what is confirmed as it was makes nobody behind it run again [S5]", () => {
  let runs = 0;
  const counter = collection("counter", v.object({ value: v.number() }));
  const app = defineApp({
    name: "counted",
    collections: { counter },
    mutators: {
      add(tx, _args: null) {
        runs++;
        tx.counter.put("k", { value: (tx.counter.get("k")?.value ?? 0) + 1 });
      },
    },
  });
  const snapshot = new Snapshot();
  const view = new View(app as unknown as AnyApp, snapshot, null);
  for (const id of ["m1", "m2", "m3", "m4"]) view.append(call("add", null, { id }));
  const confirm = (cursor: number, value: number, ...ids: readonly string[]) => {
    const json = `{"value":${value}}`;
    const change = { cursor, entity: "counter", id: "k", op: "update", json, time: 1 } as const;
    runs = 0;
    const changes = view.rebase([change], new Set(ids), () => snapshot.apply(change, "epoch"));
    return [runs, changes.length, view.get("counter", "k")?.value];
  };
  assertEquals(confirm(1, 1, "m1"), [0, 0, 4]);
  // Somebody else added one before it.
  assertEquals(confirm(2, 3, "m2"), [2, 1, 5]);
  // One that is not the first leaves the one before it without what it was on.
  assertEquals(confirm(3, 5, "m4"), [1, 1, 6]);
  assertEquals(confirm(4, 6, "m3"), [0, 0, 6]);
});

Deno.test("a confirmed deletion is another ground than a pending one [S5]", () => {
  const ground = new Ground();
  ground.rebase([["note", "a", { title: "t" }]]);
  ground.mutate("note.delete", { id: "a" });
  ground.mutate("note.create", { id: "a", data: { title: "again" } });
  ground.rebase([["note", "a", null]], [0]);
  assertEquals(contents(ground.view), contents(ground.rebuilt()));
  assertEquals(ground.view.get("note", "a"), { title: "again" });
});
