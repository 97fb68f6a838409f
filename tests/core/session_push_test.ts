/** What a session does with pushes and topics. */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import {
  ARGS_BYTES_MAX,
  IN_FLIGHT_MAX,
  JSON_STRING_UNITS_MAX,
  NAME_UNITS_MAX,
} from "../../core/limits.ts";
import type { Mutation } from "../../core/mutation.ts";
import { CommitPoke } from "../../core/poke.ts";
import { TOPICS_MAX } from "../../core/session.ts";
import { notesApp } from "./notes_app.ts";
import { ann, Author, bob, ServerRig } from "./server_rig.ts";
import { assertFailure, cursorsOf, kindsOf, SessionRig, wire } from "./session_rig.ts";

Deno.test("a push is handed on with the channel's scope and client [S12]", () => {
  const session = new SessionRig(new ServerRig());
  session.hello({ scope: "home", client: "c9" }, 4);
  const answers = session.say({ kind: "push", mutations: [wire("m1"), wire("m2", { seq: 2 })] }, 4);
  assertEquals(answers, []);
  assertEquals(session.pushed, [{
    channel: 4,
    mutations: [1, 2].map((seq) => ({
      id: `m${seq}`,
      name: "counter.add",
      scope: "home",
      client: "c9",
      seq,
      args: { id: "k", by: 1 },
      createdAt: 5,
    })),
  }]);
});

Deno.test("a push holds mutations up to the limit and is refused with none or one more [S11]", () => {
  const session = new SessionRig(new ServerRig());
  session.hello();
  const push = (count: number) =>
    session.say({
      kind: "push",
      mutations: Array.from({ length: count }, (_, i) => wire(`m${i}`, { seq: i + 1 })),
    });
  for (const count of [1, IN_FLIGHT_MAX - 1, IN_FLIGHT_MAX]) assertEquals(push(count), []);
  for (const count of [0, IN_FLIGHT_MAX + 1]) {
    assertFailure(push(count), "invalid_mutation", `1 to ${IN_FLIGHT_MAX}`);
  }
  assertStrictEquals(session.pushed.length, 3);
});

Deno.test("a mutation that cannot be read is refused in its place, and those around it run [S14]", () => {
  const bad = [
    [{ args: "{" }, "invalid_mutation"],
    [{ args: `{"__proto__":1}` }, "invalid_mutation"],
    [{ args: `"${"x".repeat(JSON_STRING_UNITS_MAX + 1)}"` }, "invalid_mutation"],
    [{ name: "" }, "invalid_mutation"],
    [{ name: "a\nb" }, "invalid_mutation"],
    [{ args: `["${"x".repeat(ARGS_BYTES_MAX - 3)}"]` }, "too_large"],
  ] as const;
  for (const [fields, code] of bad) {
    const rig = new ServerRig();
    const session = new SessionRig(rig);
    session.hello();
    const mutations = [wire("m1"), wire("m2", { seq: 2, ...fields }), wire("m3", { seq: 3 })];
    const push = () => {
      assertEquals(session.say({ kind: "push", mutations }), []);
      return rig.push(session.pushed.at(-1)?.mutations ?? []);
    };
    const first = push().map((result) => [result.id, result.code, result.lastSeq]);
    assertEquals(first, [["m1", null, 1], ["m2", code, 2], ["m3", null, 3]]);
    assertEquals(push().map((result) => result.code), [null, code, null], "and again as decided");
    assertEquals(rig.records("counter"), { k: { value: 2 } });
  }
});

Deno.test("a mutation without a place among its client's refuses its push", () => {
  const session = new SessionRig(new ServerRig());
  session.hello();
  for (const bad of [wire(""), wire("a\nb"), wire("m2", { seq: 0 }), wire("x".repeat(129))]) {
    const push = { kind: "push", mutations: [wire("m1"), bad] } as const;
    assertFailure(session.say(push), "invalid_mutation");
  }
  assertEquals(session.pushed, []);
});

Deno.test("a stranger's mutation that cannot be read leaves no trace [S8]", () => {
  const app = { ...notesApp, authorize: () => false };
  const rig = new ServerRig({ app });
  const defect = new DriftlessError("invalid_mutation", "defect");
  const { code, lastSeq } = rig.pushOne({ ...new Author("c1").add("k"), defect });
  assertEquals([code, lastSeq], ["forbidden", 0]);
  assertStrictEquals(rig.store.client("home", "c1"), undefined);
});

Deno.test("results are told on their channel, in their order", () => {
  const rig = new ServerRig();
  const session = new SessionRig(rig);
  session.hello({}, 2);
  const author = new Author("c1");
  const results = rig.push([author.add("k"), author.call("refuse", "no")]);
  session.session.decided(2, results);
  assertEquals(session.heard(2), [{
    kind: "ack",
    results: [
      { id: "c1-1", cursor: 1, lastSeq: 1, code: null, error: null, changeCount: 1 },
      { id: "c1-2", cursor: 1, lastSeq: 2, code: "rejected", error: "no" },
    ],
  }]);
});

/** A session that has pushed this many mutations, and the results that wait for it. */
function pushing(count: number) {
  const rig = new ServerRig();
  const session = new SessionRig(rig);
  session.hello();
  const mutations = Array.from({ length: count }, (_, i) => wire(`m${i}`, { seq: i + 1 }));
  for (const mutation of mutations) session.say({ kind: "push", mutations: [mutation] });
  const commit = (...authors: readonly Mutation[]) => {
    const { results, commits } = rig.server.push([{ principal: ann, mutations: authors }]);
    for (const { scope, changes } of commits) {
      session.session.committed(scope, new CommitPoke(changes));
    }
    return results[0] ?? [];
  };
  return { rig, session, commit, own: session.pushed.flatMap((push) => push.mutations) };
}

Deno.test("a commit with a channel's own mutations is told after their answers [S5, S6]", () => {
  const { session, commit, own } = pushing(2);
  const results = commit(...own, new Author("other").add("x"));
  assertEquals(session.heard(), []);
  session.session.decided(0, results.slice(0, 2));
  const messages = session.heard();
  assertEquals(kindsOf(messages), ["ack", "poke"]);
  assertEquals(cursorsOf(messages), [1, 2, 3]);
});

Deno.test("a commit waits for all answers to what it holds, and for no more [S5, S6]", () => {
  const { session, commit, own } = pushing(3);
  const [one, two] = [commit(...own.slice(0, 1)), commit(...own.slice(1, 2))];
  session.session.decided(0, []);
  assertEquals(kindsOf(session.heard()), ["ack"]);
  session.session.decided(0, one);
  assertEquals(kindsOf(session.heard()), ["ack", "poke"]);
  session.session.decided(0, two);
  assertEquals(cursorsOf(session.heard()), [2]);
  assertEquals(commit(new Author("other").add("x")).length, 1);
  assertEquals(session.heard(), []);
  session.session.decided(0, commit(...own.slice(2)));
  assertEquals(cursorsOf(session.heard()), [3, 4]);
});

Deno.test("a push that fails lets go what waited for its answer", () => {
  const { session, commit } = pushing(1);
  commit(new Author("other").add("x"));
  session.session.fail(0, new DriftlessError("rate_limited", "Slow down"), 50);
  assertEquals(kindsOf(session.heard()), ["failure", "poke"]);
  commit(new Author("another").add("x"));
  assertEquals(cursorsOf(session.heard()), [2]);
});

Deno.test("what was given page by page meanwhile is not told again", () => {
  const { session, commit, own } = pushing(1);
  const results = commit(...own);
  assertEquals(kindsOf(session.say({ kind: "next", cursor: 0 })), ["poke"]);
  session.session.decided(0, results);
  assertEquals(kindsOf(session.heard()), ["ack"]);
});

Deno.test("what a poke cannot tell after an answer is given from the log, once", () => {
  const { rig, session, commit, own } = pushing(1);
  const results = commit(...own);
  rig.commit(new Author("elsewhere").add("y"));
  commit(new Author("other").add("x"));
  commit(new Author("another").add("x"));
  session.session.decided(0, results);
  const messages = session.heard();
  assertEquals(kindsOf(messages), ["ack", "poke", "poke"]);
  assertEquals(cursorsOf(messages), [1, 2, 3, 4]);
});

Deno.test("answers and failures for a channel that is closed are told and change nothing", () => {
  const { rig, session, commit, own } = pushing(1);
  const results = commit(...own);
  const closed = new SessionRig(rig);
  closed.session.decided(0, results);
  assertEquals(kindsOf(closed.heard()), ["ack"]);
  closed.session.fail(0, new DriftlessError("unavailable", "Stopping"));
  assertEquals(kindsOf(closed.heard()), ["failure"]);
  session.hello();
  session.session.decided(0, results);
  assertEquals(kindsOf(session.heard()), ["ack"]);
});

Deno.test("a message to a topic reaches its followers in the scope alone [S8]", () => {
  const session = new SessionRig(new ServerRig());
  session.hello({ scope: "home" });
  assertEquals(session.say({ kind: "subscribe", topic: "t" }), []);
  session.session.published("away", "t", "1");
  session.session.published("home", "other", "1");
  assertEquals(session.heard(), []);
  session.session.published("home", "t", `{"a":1}`);
  assertEquals(session.heard(), [{ kind: "event", topic: "t", data: `{"a":1}` }]);
  session.say({ kind: "unsubscribe", topic: "t" });
  session.session.published("home", "t", "2");
  assertEquals(session.heard(), []);
});

Deno.test("a channel follows topics up to the limit and is refused one more [S11]", () => {
  const session = new SessionRig(new ServerRig());
  session.hello();
  for (let i = 0; i < TOPICS_MAX; i++) {
    assertEquals(session.say({ kind: "subscribe", topic: `t${i}` }), []);
  }
  assertFailure(session.say({ kind: "subscribe", topic: "one more" }), "rate_limited", "64 topics");
  assertEquals(session.say({ kind: "subscribe", topic: "t0" }), []);
  session.say({ kind: "unsubscribe", topic: "t0" });
  assertEquals(session.say({ kind: "subscribe", topic: "one more" }), []);
});

Deno.test("a channel ends when its client unsubscribes from no topic, and others go on", () => {
  const session = new SessionRig(new ServerRig());
  assertEquals(session.say({ kind: "unsubscribe", topic: "" }), []);
  session.hello();
  session.say({ kind: "subscribe", topic: "t" });
  session.say({ kind: "unsubscribe", topic: "" });
  assertEquals([...session.session.scopes()], []);
  session.session.published("home", "t", "1");
  assertEquals(session.heard(), []);
  assertFailure(session.say({ kind: "subscribe", topic: "t" }), "invalid_mutation", "hello first");
  session.hello();
  assertEquals(session.session.scopes().size, 1);
});

Deno.test("topics are names", () => {
  const session = new SessionRig(new ServerRig());
  session.hello();
  for (const topic of ["", "a\nb", "x".repeat(NAME_UNITS_MAX + 1)]) {
    assertFailure(session.say({ kind: "subscribe", topic }), "invalid_mutation", `"topic"`);
    const publish = { kind: "publish", topic, data: "1" } as const;
    assertFailure(session.say(publish), "invalid_mutation", `"topic"`);
  }
  assertEquals(session.published, []);
});

Deno.test("a message to a topic is JSON, and is published in the channel's scope [S8]", () => {
  const session = new SessionRig(new ServerRig());
  session.hello({ scope: "home" });
  assertEquals(session.say({ kind: "publish", topic: "t", data: `{"a":1}` }), []);
  assertEquals(session.published, [{ scope: "home", topic: "t", data: `{"a":1}` }]);
  const bad = { kind: "publish", topic: "t", data: "{" } as const;
  assertFailure(session.say(bad), "invalid_mutation");
});

Deno.test("who may read but not write a scope publishes nothing there [S8]", () => {
  const app = defineApp({
    name: "notes",
    collections: notesApp.collections,
    authorize: ({ principal, action }) => action === "read" || principal?.id === "ann",
  });
  const rig = new ServerRig({ app });
  const [writer, reader] = [new SessionRig(rig, ann), new SessionRig(rig, bob)];
  for (const session of [writer, reader]) assertEquals(kindsOf(session.hello()), ["welcome"]);
  const publish = { kind: "publish", topic: "t", data: "1" } as const;
  assertEquals(writer.say(publish), []);
  assertFailure(reader.say(publish), "forbidden");
  assertEquals(reader.published, []);
});
