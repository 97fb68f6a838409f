/** The server's decisions: once, in order, by those who may, and all or nothing. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DriftlessError } from "../../core/errors.ts";
import { ERROR_TEXT_UNITS_MAX } from "../../core/limits.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { SyncServer } from "../../core/server.ts";
import type { Store } from "../../core/store.ts";
import { notesApp } from "./notes_app.ts";
import { call, START_MS } from "./rows.ts";
import { ann, Author, bob, ServerRig } from "./server_rig.ts";

/** A store whose next commits fail. */
class FailingStore extends MemoryStore {
  failures = 0;

  override transaction<T>(work: () => T): T {
    return super.transaction(() => {
      const result = work();
      if (this.failures > 0) {
        this.failures--;
        throw new DriftlessError("store_failed", "Cannot write: the disk is full");
      }
      return result;
    });
  }
}

Deno.test("push answers each mutation with its cursor, number and changes", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  const results = rig.push([author.note("a"), author.add("k", 2), author.note("b")]);
  assertEquals(results.map(({ ok, cursor, lastSeq }) => [ok, cursor, lastSeq]), [
    [true, 1, 1],
    [true, 2, 2],
    [true, 3, 3],
  ]);
  assertEquals(results[1], {
    id: "c1-2",
    ok: true,
    cursor: 2,
    lastSeq: 2,
    code: null,
    error: null,
    changes: [
      { cursor: 2, entity: "counter", id: "k", op: "create", json: `{"value":2}`, time: START_MS },
    ],
    changeCount: 1,
  });
  assertEquals(rig.log().map(({ cursor }) => cursor), [1, 2, 3]);
});

Deno.test("push commits the changes of all callers by scope, in their order [S8]", () => {
  const rig = new ServerRig();
  const [one, two] = [new Author("c1"), new Author("c2")];
  const away = two.call("note.log", "x", { scope: "away" });
  const { results, commits } = rig.server.push([
    { principal: ann, mutations: [one.add("k"), one.add("k")] },
    { principal: bob, mutations: [away] },
    { principal: ann, mutations: [one.add("k"), one.call("refuse", "no")] },
  ]);
  assertEquals(results.map((list) => list.length), [2, 1, 2]);
  assertEquals(commits.map(({ scope, changes }) => [scope, changes.length]), [
    ["home", 3],
    ["away", 1],
  ]);
  assertEquals(commits[0]?.changes, rig.log("home"));
  assertEquals(commits[1]?.changes, rig.log("away"));
});

Deno.test("push tells no commit when nothing changed", () => {
  const rig = new ServerRig();
  const { commits } = rig.server.push([
    { principal: ann, mutations: [new Author("c1").call("refuse", "no")] },
  ]);
  assertEquals(commits, []);
});

Deno.test("a mutation that comes again gets its answer again and has no second effect [S2]", () => {
  const rig = new ServerRig();
  const mutation = new Author("c1").add("k", 5);
  const { changeCount, ...first } = rig.pushOne(mutation);
  assertEquals(changeCount, 1);
  for (let i = 0; i < 3; i++) {
    assertEquals(rig.pushOne(mutation), { ...first, changes: [] });
  }
  const twice = rig.push([mutation, mutation]);
  assertEquals(twice.map(({ ok }) => ok), [true, true]);
  assertEquals(rig.records("counter"), { k: { value: 5 } });
  assertStrictEquals(rig.log().length, 1);
});

Deno.test("a repeated mutation is answered with the cursor of now", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  const mutation = author.add("k");
  rig.push([mutation, author.add("k")]);
  assertStrictEquals(rig.pushOne(mutation).cursor, 2);
  assertStrictEquals(rig.pushOne(mutation).lastSeq, 2);
});

Deno.test("a caller without a queue is deduplicated by id alone [S2]", () => {
  const rig = new ServerRig();
  const fields = { id: "curl-1", client: "", seq: 0, scope: "home" };
  const first = rig.pushOne(call("counter.add", { id: "k", by: 1 }, fields));
  const again = rig.pushOne(call("counter.add", { id: "k", by: 1 }, fields));
  assertEquals([first.ok, first.lastSeq, again.ok, again.changes], [true, 0, true, []]);
  assertEquals(rig.records("counter"), { k: { value: 1 } });
});

Deno.test("the same id in another scope is another mutation", () => {
  const rig = new ServerRig();
  const mutation = new Author("c1").add("k");
  rig.pushOne(mutation);
  assertStrictEquals(rig.pushOne({ ...mutation, scope: "away" }).changes.length, 1);
});

Deno.test("a number that was decided for another id is refused with the number to go on from [S2, S3]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([author.add("k"), author.add("k")]);
  const impostor = { ...author.add("k"), id: "other", seq: 2 };
  const { ok, code, lastSeq } = rig.pushOne(impostor);
  assertEquals([ok, code, lastSeq], [false, "sequence_gap", 2]);
  assertEquals(rig.records("counter"), { k: { value: 2 } });
});

Deno.test("a number ahead of the order is refused until the one before it came [S3]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  const [one, two, three] = [author.add("k"), author.add("k", 10), author.add("k", 100)];
  const results = rig.push([one, three, two]);
  assertEquals(results.map(({ ok, code, lastSeq }) => [ok, code, lastSeq]), [
    [true, null, 1],
    [false, "sequence_gap", 1],
    [true, null, 2],
  ]);
  // A gap is not a decision: the same mutation is taken when its turn comes.
  assert(rig.pushOne(three).ok);
  assertEquals(rig.records("counter"), { k: { value: 111 } });
});

Deno.test("every client is numbered on its own, in every scope [S3]", () => {
  const rig = new ServerRig();
  const [one, two] = [new Author("c1"), new Author("c2")];
  rig.push([one.add("k"), two.add("k"), one.add("k")]);
  assertStrictEquals(rig.server.lastSeq("home", "c1", ann), 2);
  assertStrictEquals(rig.server.lastSeq("home", "c2", ann), 1);
  assertStrictEquals(rig.server.lastSeq("away", "c1", ann), 0);
});

Deno.test("a renumbered client that repeats mutations gets old answers and goes on [S2, S3]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  const [one, two] = [author.add("k", 1), author.call("refuse", "no")];
  rig.push([one, two]);
  const again = new Author("c2");
  const renamed = [one, two].map((mutation) => ({ ...again.add("x"), ...mutation, client: "c2" }));
  assertEquals(rig.push(renamed).map(({ ok, code, lastSeq }) => [ok, code, lastSeq]), [
    [true, null, 1],
    [false, "rejected", 2],
  ]);
  again.seq = 2;
  assertStrictEquals(rig.pushOne(again.add("k", 10)).lastSeq, 3);
  assertEquals(rig.records("counter"), { k: { value: 11 } });
});

Deno.test("a rejected mutation leaves nothing, blocks nothing, and is refused the same way again [S14]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.pushOne(author.add("k", 1));
  const [bad, good] = [author.call("counter.spend", { id: "k", by: 3 }), author.add("k", 5)];
  const results = rig.push([bad, good]);
  assertEquals(results.map(({ ok, code, lastSeq, cursor }) => [ok, code, lastSeq, cursor]), [
    [false, "rejected", 2, 1],
    [true, null, 3, 2],
  ]);
  assertStrictEquals(results[0]?.error, "Cannot spend 3 of 1");
  // On the ground of now it would be accepted; the decision stands.
  const again = rig.pushOne(bad);
  assertEquals([again.ok, again.code, again.error], [false, "rejected", "Cannot spend 3 of 1"]);
  assertEquals(rig.records("counter"), { k: { value: 6 } });
});

Deno.test("every reason of a refusal reaches its author [S14, S18]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([author.note("a")]);
  const refusals = rig.push([
    author.note("a"),
    author.call("note.update", { id: "missing", data: { title: "t" } }),
    author.call("note.create", { id: "b", data: { title: 1 } }),
    author.call("note.create", "b"),
    author.call("unknown"),
    author.call("note.create", { id: "b", data: { title: "x".repeat(16_000) } }),
  ]);
  assertEquals(refusals.map(({ code }) => code), [
    "conflict",
    "not_found",
    "invalid_record",
    "invalid_mutation",
    "not_found",
    null,
  ]);
});

Deno.test("the text of a refusal is told and kept up to the limit [S11]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  const limit = ERROR_TEXT_UNITS_MAX;
  for (const units of [limit - 1, limit, limit + 1]) {
    const mutation = author.call("refuse", "x".repeat(units));
    assertStrictEquals(rig.pushOne(mutation).error?.length, Math.min(units, limit));
    assertStrictEquals(rig.pushOne(mutation).error?.length, Math.min(units, limit));
  }
  // The cut goes through a pair of surrogates.
  const { error } = rig.pushOne(author.call("refuse", `${"x".repeat(limit - 1)}😀`));
  assert(error?.isWellFormed() && error.length === limit);
});

Deno.test("a mutator that throws is reported to the owner and hidden from the caller [S17]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  const [result] = rig.push([author.call("crash"), author.add("k")]);
  assertEquals([result?.ok, result?.code], [false, "mutator_failed"]);
  assert(!String(result?.error).includes("secret of the app"));
  assertStrictEquals(rig.failures.length, 1);
  const [{ error, where } = { error: undefined, where: "" }] = rig.failures;
  assertStrictEquals(where, "mutator crash");
  assert(String((error as DriftlessError).cause).includes("secret of the app"));
  assertEquals([rig.records("note"), rig.records("counter")], [{}, { k: { value: 1 } }]);
});

Deno.test("a mutator that throws where nobody listens harms nothing [S17]", () => {
  const { store, clock } = new ServerRig();
  const silent = new SyncServer({ app: notesApp, store, clock });
  const { results } = silent.push([
    { principal: ann, mutations: [new Author("c1").call("crash")] },
  ]);
  assertStrictEquals(results[0]?.[0]?.code, "mutator_failed");
});

Deno.test("a commit that fails decides nothing, and the same push is decided later [S1, S2]", () => {
  const store = new FailingStore("epoch-1");
  const rig = new ServerRig({ store });
  const author = new Author("c1");
  const mutations = [author.add("k"), author.call("refuse", "no"), author.note("a")];
  store.failures = 2;
  for (let i = 0; i < 2; i++) {
    const error = assertThrows(() => rig.push(mutations), DriftlessError);
    assertStrictEquals(error.code, "store_failed");
    assertEquals([rig.log(), rig.server.head("home").cursor], [[], 0]);
    assertStrictEquals(store.client("home", "c1"), undefined);
  }
  assertEquals(rig.push(mutations).map(({ lastSeq, code }) => [lastSeq, code]), [
    [1, null],
    [2, "rejected"],
    [3, null],
  ]);
});

Deno.test("a store that fails in the middle of a mutation decides nothing [S1]", () => {
  const store = new MemoryStore("epoch-1");
  const failing: Store = Object.create(store, {
    transaction: { value: <T>(work: () => T) => store.transaction(work) },
    epoch: { value: store.epoch },
    append: {
      value() {
        throw new DriftlessError("store_failed", "disk");
      },
    },
    ...Object.fromEntries(
      ([
        "appVersion",
        "head",
        "row",
        "rows",
        "putRow",
        "client",
        "putClient",
        "outcome",
        "putOutcome",
      ] as const)
        .map((name) => [name, { value: store[name].bind(store) }]),
    ),
  });
  const rig = new ServerRig({ store: failing });
  assertThrows(() => rig.pushOne(new Author("c1").add("k")), DriftlessError, "disk");
  assertStrictEquals(store.row("home", "counter", "k"), undefined);
  assertStrictEquals(store.outcome("home", "c1-1"), undefined);
});

Deno.test("a schema that throws fails its own mutation and no other caller's [S17]", () => {
  const { counter } = notesApp.collections;
  const fragile = Object.freeze({
    ...notesApp.collections.note,
    schema: {
      "~standard": {
        version: 1,
        vendor: "test",
        validate() {
          throw new Error("schema");
        },
      },
    } as unknown as typeof notesApp.collections.note.schema,
  });
  const app = { ...notesApp, collections: { counter, note: fragile } };
  const rig = new ServerRig({ app });
  const [one, two] = [new Author("c1"), new Author("c2")];
  const { results } = rig.server.push([
    { principal: ann, mutations: [one.note("a"), one.add("k")] },
    { principal: bob, mutations: [two.add("k")] },
  ]);
  assertEquals(results.flat().map(({ code }) => code), ["mutator_failed", null, null]);
});

Deno.test("any interleaving of pushes and repeats has each effect once, in each client's order [S2, S3]", () => {
  const anyPushes = fc.array(
    fc.record({ client: fc.nat(2), from: fc.nat(8), count: fc.integer({ min: 1, max: 4 }) }),
    { maxLength: 20, size: "max" },
  );
  fc.assert(
    fc.property(anyPushes, (pushes) => {
      const rig = new ServerRig();
      const authors = ["c0", "c1", "c2"].map((client) => new Author(client));
      const queues = authors.map((author) =>
        Array.from({ length: 12 }, (_, i) => author.call("note.log", `${author.client}/${i}`))
      );
      for (const { client, from, count } of pushes) {
        rig.push(queues[client]?.slice(from, from + count) ?? []);
      }
      const titles = rig.log().map(({ json }) => JSON.parse(json ?? "{}").title as string);
      for (const [index, { client }] of authors.entries()) {
        const own = titles.filter((title) => title.startsWith(`${client}/`));
        const lastSeq = rig.server.lastSeq("home", client, ann);
        const expected = queues[index]?.slice(0, lastSeq).map(({ args }) => args as string);
        assertEquals(own, expected);
      }
    }),
    { numRuns: 200 },
  );
});
