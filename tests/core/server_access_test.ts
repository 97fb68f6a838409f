/** Who may do what on the server, and whose client ids are whose. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type AccessRequest, defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { notesApp } from "./notes_app.ts";
import { ann, Author, bob, ServerRig } from "./server_rig.ts";

/** The notes app with a rule of who may do what. */
function guarded(authorize: (request: AccessRequest) => boolean) {
  return defineApp({ name: "notes", collections: notesApp.collections, authorize });
}

Deno.test("without authorize anyone who signed in may, and nobody else [S8]", () => {
  const rig = new ServerRig();
  const mutation = new Author("c1").add("k");
  const refused = rig.pushOne(mutation, null);
  assertEquals([refused.ok, refused.code, refused.lastSeq], [false, "forbidden", 0]);
  assert(rig.pushOne(mutation, ann).ok);
  assert(!rig.server.allows({ principal: null, scope: "home", action: "read" }));
  const open = new ServerRig({ open: true });
  assert(open.pushOne(mutation, null).ok);
});

Deno.test("authorize decides about every scope, action and mutator [S8]", () => {
  const asked = new Set<string>();
  const app = guarded((request) => {
    const { principal, scope, action, mutator = "any" } = request;
    asked.add(`${principal?.id} ${action} ${scope} ${mutator}`);
    return request.scope === "home" && request.mutator !== "note.delete";
  });
  const rig = new ServerRig({ app, open: true });
  const author = new Author("c1");
  const results = rig.push([
    author.note("a"),
    author.call("note.delete", { id: "a" }),
    author.call("note.create", { id: "b", data: { title: "t" } }, { scope: "away" }),
  ]);
  assertEquals(results.map(({ code }) => code), [null, "forbidden", "forbidden"]);
  assertEquals([...asked], [
    "ann write home any",
    "ann write home note.create",
    "ann write home note.delete",
    "ann write away any",
  ]);
  assertEquals(rig.store.scopes(), ["home"]);
});

Deno.test("a client that wrote before is refused on the record, and goes on in order [S3, S14]", () => {
  let writable = true;
  const app = guarded(({ mutator }) => writable && mutator !== "note.delete");
  const rig = new ServerRig({ app });
  const author = new Author("c1");
  const [remove, note] = [author.call("note.delete", { id: "a" }), author.note("a")];
  const [mutator] = rig.push([remove, note]);
  assertEquals([mutator?.code, mutator?.lastSeq], ["forbidden", 1]);
  writable = false;
  const late = author.note("b");
  const [scope] = rig.push([late]);
  assertEquals([scope?.code, scope?.lastSeq], ["forbidden", 3]);
  writable = true;
  assertEquals(rig.push([late, author.note("c")]).map(({ code }) => code), ["forbidden", null]);
  assertEquals(Object.keys(rig.records("note")), ["a", "c"]);
});

Deno.test("a stranger who may not write leaves no trace [S8, S11]", () => {
  const rig = new ServerRig({ app: guarded(() => false) });
  const { code, lastSeq } = rig.pushOne(new Author("c1").note("a"));
  assertEquals([code, lastSeq, rig.store.scopes()], ["forbidden", 0, []]);
});

Deno.test("authorize that throws or answers something else says no, and its owner is told [S8]", () => {
  const app = guarded(() => {
    throw new Error("database of users is down");
  });
  const rig = new ServerRig({ app });
  assertStrictEquals(rig.pushOne(new Author("c1").note("a")).code, "forbidden");
  assertEquals(rig.failures.map(({ where }) => where), ["authorize"]);
  const truthy = guarded(() => 1 as unknown as boolean);
  const second = new ServerRig({ app: truthy, open: true });
  assertStrictEquals(second.pushOne(new Author("c1").note("a")).code, "forbidden");
});

Deno.test("authorize that returns a promise says no, whatever the promise does [S8, S17]", async () => {
  const yes = () => Promise.resolve(true);
  const fails = () => Promise.reject(new Error("nobody waits for this"));
  for (const answer of [yes, fails]) {
    const rig = new ServerRig({ app: guarded(answer as unknown as () => boolean) });
    assertStrictEquals(rig.pushOne(new Author("c1").note("a")).code, "forbidden");
    assert(String(rig.failures[0]?.error).includes("must not return a promise"));
  }
  await new Promise((resolve) => setTimeout(resolve, 0));
});

Deno.test("a client id belongs to the principal who used it first [S12]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  const mutation = author.add("k");
  rig.pushOne(mutation, ann);
  const stolen = rig.push([mutation, author.add("k", 10)], bob);
  assertEquals(stolen.map(({ ok, code, lastSeq }) => [ok, code, lastSeq]), [
    [false, "forbidden", 0],
    [false, "forbidden", 0],
  ]);
  assertStrictEquals(rig.pushOne(author.add("k", 100), null).code, "forbidden");
  const error = assertThrows(() => rig.server.lastSeq("home", "c1", bob), DriftlessError);
  assertStrictEquals(error.code, "forbidden");
  assertThrows(() => rig.server.lastSeq("home", "c1", null), DriftlessError);
  assertStrictEquals(rig.server.lastSeq("home", "c1", ann), 1);
  assertEquals(rig.records("counter"), { k: { value: 1 } });
});

Deno.test("a client id of nobody stays nobody's [S12]", () => {
  const rig = new ServerRig({ open: true });
  rig.pushOne(new Author("c1").add("k"), null);
  assertStrictEquals(rig.server.lastSeq("home", "c1", null), 1);
  assertThrows(() => rig.server.lastSeq("home", "c1", ann), DriftlessError, "another principal");
});
