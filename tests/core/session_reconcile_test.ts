/** Claims and exchanges on a live connection: true roots where something ends, and bounded answers. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type AnyApp, defineApp } from "../../core/app.ts";
import { LOG_AGE_MS_MAX, RECONCILE_REQUEST_BYTES_MAX } from "../../core/limits.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { CommitPoke } from "../../core/poke.ts";
import { STEP_WORK, WORK_BYTES } from "../../core/reconcile/metered.ts";
import { CATCH_UP_CHANGES_MAX } from "../../core/session.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import { ReconcileReply } from "../../core/wire/reconcile_gen.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { notesApp } from "./notes_app.ts";
import { rebuiltRoot } from "./rebuilt_root.ts";
import { requestOf } from "./reconcile_request.ts";
import { ann, Author, ServerRig } from "./server_rig.ts";
import { assertFailure, cursorsOf, kindsOf, SessionRig, wire } from "./session_rig.ts";

function together(app: AnyApp = notesApp) {
  const store = new MemoryStore("epoch-1", plainKernel);
  const rig = new ServerRig({ app, store });
  const session = new SessionRig(rig);
  return { rig, session, author: new Author("other"), root: () => rebuiltRoot(plainKernel, store) };
}

/** The roots of all messages that can have one. */
function rootsOf(messages: readonly DownMessage[]): (Uint8Array | undefined)[] {
  return messages.map((message) => {
    assert(message.kind === "welcome" || message.kind === "poke", message.kind);
    return message.root;
  });
}

/** The reply to a request, which must be the one message that is heard. */
function replyTo(session: SessionRig, body: Uint8Array, channel = 0): ReconcileReply {
  const [answer, ...others] = session.say({ kind: "reconcile", body }, channel);
  assert(answer?.kind === "reconcile" && others.length === 0, JSON.stringify(answer));
  return ReconcileReply.decode(answer.body);
}

Deno.test("a welcome has the root of the rows at its cursor [S10]", () => {
  const { rig, session, author, root } = together();
  assertEquals(rootsOf(session.hello()), [root()]);
  rig.commit(author.note("a"));
  const [welcome] = session.hello({ cursor: 1, epoch: "epoch-1" });
  assertEquals(rootsOf(welcome === undefined ? [] : [welcome]), [root()]);
  const [strange] = session.hello({ cursor: 1, epoch: "epoch-0" });
  assert(strange?.kind === "welcome" && strange.reset);
  assertEquals(strange.root, root());
});

Deno.test("of a catch-up the last page alone has a root, that of the end of the log [S10]", () => {
  const { rig, session, author, root } = together();
  for (let i = 0; i < 12; i++) rig.push([author.note(`n${i}`, "x".repeat(10_000))]);
  const [, page] = session.hello({ cursor: 2, epoch: "epoch-1" });
  const pages = page === undefined ? [] : [page];
  for (let last = page; last?.kind === "poke" && last.more; last = pages.at(-1)) {
    pages.push(...session.say({ kind: "next", cursor: cursorsOf(pages).at(-1) ?? 0 }));
  }
  assert(pages.length > 2);
  assertEquals(rootsOf(pages), [...pages.slice(1).map(() => undefined), root()]);
  assertEquals(rootsOf(session.say({ kind: "next", cursor: 12 })), [root()]);
});

Deno.test("the poke that ends a burst has the root, those in the burst have none [S10]", () => {
  const { rig, session, author, root } = together();
  session.hello();
  for (const [id, ends] of [["a", false], ["b", false], ["c", true]] as const) {
    const { commits } = rig.server.push(
      [{ principal: ann, mutations: [author.note(id)] }],
      () => ends,
    );
    for (const { scope, changes, root: claimed } of commits) {
      session.session.committed(scope, new CommitPoke(changes, claimed));
    }
  }
  assertEquals(rootsOf(session.heard()), [undefined, undefined, root()]);
});

Deno.test("a commit that comes in pages has its root on the last one [S10]", () => {
  const { rig, session, author, root } = together();
  session.hello();
  const filled = author.call("note.fill", { count: 100, title: "x".repeat(1_000) });
  const pages = [...session.commit(rig, filled)];
  while (pages.at(-1)?.kind === "poke" && cursorsOf(pages).length < 100) {
    pages.push(...session.say({ kind: "next", cursor: cursorsOf(pages).length }));
  }
  assert(pages.length > 1);
  assertEquals(rootsOf(pages), [...pages.slice(1).map(() => undefined), root()]);
});

Deno.test("commits that were held for an answer keep the roots of their cursors [S10]", () => {
  const { rig, session, author, root } = together();
  session.hello({ client: "c1" });
  session.say({ kind: "push", mutations: [wire("m1")] });
  const roots: Uint8Array[] = [];
  for (const id of ["a", "b"]) {
    assertEquals(session.commit(rig, author.note(id)), []);
    roots.push(root());
  }
  const mutations = session.pushed[0]?.mutations ?? [];
  const { results, commits } = rig.server.push([{ principal: ann, mutations }]);
  session.session.decided(0, results[0] ?? []);
  const [ack, ...pokes] = session.heard();
  assertEquals([ack?.kind, rootsOf(pokes)], ["ack", roots]);
  for (const { scope, changes, root: claimed } of commits) {
    session.session.committed(scope, new CommitPoke(changes, claimed));
  }
  assertEquals(rootsOf(session.heard()), [root()]);
});

Deno.test("what another process wrote is given with its root [S10]", () => {
  const { rig, session, author, root } = together();
  session.hello();
  new ServerRig({ store: rig.store }).commit(author.note("a"));
  session.session.advanced("home", 1);
  assertEquals(rootsOf(session.heard()), [root()]);
});

Deno.test("a server without a tree says no root, and that it cannot compare", () => {
  const session = new SessionRig(new ServerRig());
  assert(!("root" in (session.hello()[0] as DownMessage)));
  assertFailure(session.say({ kind: "reconcile", body: requestOf() }), "not_found");
  assertEquals(kindsOf(session.say({ kind: "ping" })), ["pong"]);
});

Deno.test("a step of an exchange is answered where the channel stands", () => {
  const { rig, session, author, root } = together();
  rig.commit(author.note("a"));
  session.hello({ cursor: 1, epoch: "epoch-1" });
  assert(replyTo(session, requestOf({ cursor: 1, count: 1, root: root() })).same);
  const { same, cursor, root: told, count } = replyTo(
    session,
    requestOf({ root: new Uint8Array(32) }),
  );
  assertEquals([same, cursor, told, count], [false, 1, root(), 1]);
});

Deno.test("a channel that is behind, or of no use, gets answers all the same [S10]", () => {
  const { rig, session, author, root } = together();
  const mutations = Array.from(
    { length: CATCH_UP_CHANGES_MAX / 1_000 + 1 },
    (_, i) => author.call("note.fill", { count: 1_000, title: `t${i}` }),
  );
  for (const mutation of mutations) rig.push([mutation]);
  rig.clock.time += LOG_AGE_MS_MAX + 1;
  rig.server.trim();
  const [welcome] = session.hello({ cursor: 1, epoch: "epoch-1" });
  assert(welcome?.kind === "welcome" && welcome.reset);
  assert(replyTo(session, requestOf({ root: root() })).same);
  // What it needs from there on, it asks for.
  const { cursor } = welcome;
  rig.commit(author.note("new"));
  assertEquals(cursorsOf(session.say({ kind: "next", cursor })), [cursor + 1]);
  assertEquals(cursorsOf(session.commit(rig, author.note("newer"))), [cursor + 2]);
});

Deno.test("an exchange is about the scope of its channel, whatever its bytes say [S8]", () => {
  const { rig, session, author } = together();
  const secret = author.call("note.log", "secret", { scope: "away" });
  rig.commit(secret);
  session.hello({ scope: "home" });
  const { count, rows } = replyTo(session, requestOf({ scope: "away", since: true }));
  assertEquals([count, rows], [0, undefined]);
});

Deno.test("who may no longer read gets no answer, before the next look around or after [S8, S12]", () => {
  let mayRead = true;
  const app = defineApp({
    name: "notes",
    collections: notesApp.collections,
    authorize: ({ action }) => action === "write" || mayRead,
  });
  const { session, root } = together(app);
  session.hello();
  const body = requestOf({ root: root() });
  assert(replyTo(session, body).same);
  mayRead = false;
  assertFailure(session.say({ kind: "reconcile", body }), "forbidden");
  session.session.recheck();
  assertFailure(session.heard(), "forbidden");
  mayRead = true;
  assertFailure(session.say({ kind: "reconcile", body }), "invalid_mutation", "say hello first");
});

Deno.test("a request up to the limit is read, and not one byte more [S11, S15]", () => {
  const { session } = together();
  session.hello();
  const sizes = [-1, 0, 1].map((more) => RECONCILE_REQUEST_BYTES_MAX + more);
  const codes = sizes.map((size) => {
    const [failure] = session.say({ kind: "reconcile", body: new Uint8Array(size).fill(255) });
    return failure?.kind === "failure" ? failure.code : failure?.kind;
  });
  assertEquals(codes, ["malformed", "malformed", "too_large"]);
});

Deno.test("a request that fails harms neither its channel nor what it waits for [S12, S15]", () => {
  const { rig, session, author } = together();
  session.hello({ client: "c1" });
  session.say({ kind: "push", mutations: [wire("m1")] });
  assertEquals(session.commit(rig, author.note("a")), []);
  assertFailure(session.say({ kind: "reconcile", body: new Uint8Array([255]) }), "malformed");
  const mutations = session.pushed[0]?.mutations ?? [];
  session.session.decided(0, rig.push(mutations));
  assertEquals(kindsOf(session.heard()), ["ack", "poke"], "the commit was held until the answer");
});

Deno.test("the work of exchanges is counted, also of those that fail, and waited for [S11]", () => {
  const { session, root } = together();
  session.hello();
  const spent: number[] = [];
  session.spend = (work) => {
    spent.push(work);
    return 0;
  };
  replyTo(session, requestOf({ root: root() }));
  const [asked, step, cost, ...none] = spent.splice(0);
  assertEquals([asked, step, none], [0, STEP_WORK, []]);
  assert(cost !== undefined && cost > 0);
  assertFailure(session.say({ kind: "reconcile", body: new Uint8Array([255]) }), "malformed");
  assertEquals(spent.splice(0), [0, STEP_WORK]);
  for (const bytes of [WORK_BYTES - 1, WORK_BYTES, 50 * WORK_BYTES]) {
    session.say({ kind: "reconcile", body: new Uint8Array(bytes).fill(255) });
    assertEquals(spent.splice(0), [0, STEP_WORK + Math.floor(bytes / WORK_BYTES)]);
  }

  session.spend = (work) => {
    spent.push(work);
    return 750;
  };
  const [refusal] = session.say({ kind: "reconcile", body: requestOf({ root: root() }) });
  assert(refusal?.kind === "failure");
  assertEquals([refusal.code, refusal.retryAfterMs, spent], ["rate_limited", 750, [0]]);
  assertStrictEquals(refusal.error.length > 0, true);
});
