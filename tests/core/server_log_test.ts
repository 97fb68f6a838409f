/** The change log of a scope: what is logged, how it is read, and what is trimmed. */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import {
  IN_FLIGHT_MAX,
  LOG_AGE_MS_MAX,
  PULL_LIMIT_DEFAULT,
  PULL_LIMIT_MAX,
} from "../../core/limits.ts";
import { call } from "./rows.ts";
import { ann, Author, ServerRig } from "./server_rig.ts";

/** A scope with this many changes, written in as few mutations as possible. */
function filled(changes: number): ServerRig {
  const rig = new ServerRig();
  const author = new Author("filler");
  for (let left = changes; left > 0; left -= 1000) {
    const count = Math.min(left, 1000);
    rig.pushOne(author.call("note.fill", { count, title: `${left} left` }));
  }
  assertStrictEquals(rig.server.head("home").cursor, changes);
  return rig;
}

const cursorsOf = (changes: readonly { readonly cursor: number }[]) =>
  changes.map(({ cursor }) => cursor);

Deno.test("the log tells creates, updates and deletes, numbered from 1 without gaps [S4]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([
    author.note("a", "1"),
    author.call("note.update", { id: "a", data: { title: "2" } }),
    author.call("note.delete", { id: "a" }),
    author.call("note.create", { id: "a", data: { title: "3" } }),
    author.call("note.clear"),
    author.call("note.fill", { count: 2, title: "4" }),
  ]);
  assertEquals(rig.log().map(({ cursor, id, op, json }) => [cursor, id, op, json]), [
    [1, "a", "create", `{"title":"1"}`],
    [2, "a", "update", `{"title":"2"}`],
    [3, "a", "delete", null],
    [4, "a", "create", `{"title":"3"}`],
    [5, "a", "delete", null],
    [6, "n0", "create", `{"title":"4"}`],
    [7, "n1", "create", `{"title":"4"}`],
  ]);
});

Deno.test("a write that changes nothing that a reader sees is not logged", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([author.note("a", "1"), author.note("b", "1")]);
  const old = { createdAt: author.time - 1_000 };
  const results = rig.push([
    author.call("note.update", { id: "a", data: { title: "1" } }),
    author.call("note.update", { id: "a", data: { title: "lost" } }, old),
    author.call("note.rename", { id: "a", title: "1" }),
    author.call("note.delete", { id: "b" }, old),
    author.call("note.delete", { id: "missing" }),
  ]);
  assertEquals(results.map(({ ok, cursor, changes }) => [ok, cursor, changes.length]), [
    [true, 2, 0],
    [true, 2, 0],
    [true, 2, 0],
    [true, 2, 0],
    [true, 2, 0],
  ]);
  assertEquals(rig.records("note"), { a: { title: "1" }, b: { title: "1" } });
  rig.pushOne(author.call("note.delete", { id: "a" }));
  const [twice] = rig.push([author.call("note.delete", { id: "a" })]);
  assertEquals(twice?.changes, []);
});

Deno.test("a row that nobody sees keeps the cursor of its newest change", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([author.note("a"), author.note("b"), author.call("note.delete", { id: "a" })]);
  rig.pushOne(author.call("note.update", { id: "a", data: { title: "late" } }, { createdAt: 1 }));
  assertEquals(rig.store.row("home", "note", "a")?.cursor, 3);
  assertEquals(rig.store.row("home", "note", "a")?.live, false);
});

Deno.test("pull gives what comes after the cursor, and where to go on [S4]", () => {
  const rig = filled(5);
  const page = rig.server.pull("home", 2, 2);
  assertEquals([cursorsOf(page.changes), page.hasMore, page.nextCursor], [[3, 4], true, 4]);
  const last = rig.server.pull("home", 4, 2);
  assertEquals([cursorsOf(last.changes), last.hasMore, last.nextCursor], [[5], false, 5]);
  const end = rig.server.pull("home", 5);
  assertEquals([end.changes, end.hasMore, end.nextCursor], [[], false, 5]);
});

Deno.test("pull of a scope that does not exist is empty", () => {
  const page = new ServerRig().server.pull("nowhere", 0);
  assertEquals(page, { changes: [], hasMore: false, nextCursor: 0, root: undefined });
});

Deno.test("pull tells nothing of another scope [S8]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([author.note("a"), author.call("note.log", "away", { scope: "away", seq: 1 })]);
  assertEquals(rig.server.pull("home", 0).changes.map(({ id }) => id), ["a"]);
  assertEquals(rig.server.pull("away", 0).changes.length, 1);
});

Deno.test("a page of a pull has the asked size, within the limits [S11]", () => {
  const rig = filled(PULL_LIMIT_MAX + 1);
  const sizeOf = (limit?: number) => rig.server.pull("home", 0, limit).changes.length;
  assertEquals([sizeOf(), sizeOf(0), sizeOf(-1)], Array(3).fill(PULL_LIMIT_DEFAULT));
  for (const limit of [1, 99, PULL_LIMIT_MAX - 1, PULL_LIMIT_MAX]) {
    assertStrictEquals(sizeOf(limit), limit);
  }
  assertStrictEquals(sizeOf(PULL_LIMIT_MAX + 1), PULL_LIMIT_MAX);
  assertStrictEquals(rig.server.pull("home", 1, PULL_LIMIT_MAX).hasMore, false);
});

Deno.test("pull refuses a cursor above the end of the log [S7]", () => {
  const rig = filled(3);
  const error = assertThrows(() => rig.server.pull("home", 4), DriftlessError);
  assertStrictEquals(error.code, "cursor_too_old");
  assertEquals(rig.server.pull("home", 3).changes, []);
  assertThrows(() => rig.server.pull("nowhere", 1), DriftlessError);
});

Deno.test("pull refuses a cursor below the floor, and takes the floor itself [S4]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([author.note("a"), author.note("b")]);
  rig.clock.time += LOG_AGE_MS_MAX + 1;
  author.time = rig.clock.time;
  rig.push([author.note("c")]);
  assertStrictEquals(rig.server.trim(), 2);
  assertEquals(rig.server.head("home"), { cursor: 3, floor: 2, time: rig.clock.time });
  assertEquals(cursorsOf(rig.server.pull("home", 2).changes), [3]);
  for (const cursor of [0, 1]) {
    const error = assertThrows(() => rig.server.pull("home", cursor), DriftlessError);
    assertStrictEquals(error.code, "cursor_too_old");
  }
});

Deno.test("trim keeps what is young, and rows whatever their age", () => {
  const rig = filled(3);
  rig.clock.time += LOG_AGE_MS_MAX;
  assertStrictEquals(rig.server.trim(), 0);
  rig.clock.time += 1;
  assertStrictEquals(rig.server.trim(), 3);
  assertStrictEquals(rig.server.trim(), 0);
  assertStrictEquals(Object.keys(rig.records("note")).length, 3);
});

Deno.test("trim keeps the newest outcomes of every client, so that repeats stay repeats [S2]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  const mutations = Array.from({ length: IN_FLIGHT_MAX + 1 }, () => author.add("k"));
  rig.push(mutations);
  const curl = call("counter.add", { id: "k", by: 1 }, {
    id: "curl",
    client: "",
    seq: 0,
    scope: "home",
  });
  rig.pushOne(curl);
  rig.clock.time += 2 * LOG_AGE_MS_MAX;
  rig.server.trim();
  // Whatever is still in flight finds its outcome; the one before it cannot be.
  for (const mutation of mutations.slice(1)) assertEquals(rig.pushOne(mutation).ok, true);
  assertStrictEquals(rig.pushOne(mutations[0] ?? curl).code, "sequence_gap");
  assertEquals(rig.records("counter"), { k: { value: IN_FLIGHT_MAX + 2 } });
});

Deno.test("a snapshot is all live rows at its cursor, whatever is written while it is read [S4]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([author.note("b"), author.note("a"), author.add("k"), author.note("gone")]);
  rig.pushOne(author.call("note.delete", { id: "gone" }));
  const reader = rig.server.snapshot("home");
  assertStrictEquals(reader.cursor, 5);
  const first = reader.next(2);
  rig.push([author.call("note.rename", { id: "b", title: "later" }), author.note("c")]);
  const rest = [...reader.next(2), ...reader.next(2)];
  assertEquals([...first, ...rest].map(({ entity, id, json }) => [entity, id, json]), [
    ["counter", "k", `{"value":1}`],
    ["note", "a", `{"title":"t"}`],
    ["note", "b", `{"title":"t"}`],
  ]);
  reader.close();
  reader.close();
});

Deno.test("a push does not move the pull cursor: what others wrote in between is not skipped [S4]", () => {
  const rig = new ServerRig();
  const [mine, theirs] = [new Author("mine"), new Author("theirs")];
  rig.pushOne(mine.note("a"));
  const { nextCursor } = rig.server.pull("home", 0);
  rig.push([theirs.note("b"), theirs.note("c")]);
  const pushed = rig.pushOne(mine.note("d"));
  assertStrictEquals(pushed.cursor, 4);
  const page = rig.server.pull("home", nextCursor);
  assertEquals(page.changes.map(({ id }) => id), ["b", "c", "d"]);
});

Deno.test("dedupe and effect are one transaction: one is never there without the other [S1, S2]", () => {
  const rig = new ServerRig();
  const { store } = rig;
  const writes: string[] = [];
  let transactions = 0;
  const traced = new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (name === "transaction") transactions++;
        if (/^(append|put)/.test(String(name))) writes.push(`${String(name)} in ${transactions}`);
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  new ServerRig({ store: traced }).pushOne(new Author("c1").add("k"));
  assertEquals(writes, ["putRow in 1", "append in 1", "putOutcome in 1", "putClient in 1"]);
  assertStrictEquals(rig.server.lastSeq("home", "c1", ann), 1);
});
