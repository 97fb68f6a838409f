/** The server's half of a live connection: channels, catching up, pokes and topics. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { LOG_AGE_MS_MAX, NAME_UNITS_MAX } from "../../core/limits.ts";
import { CommitPoke } from "../../core/poke.ts";
import { CATCH_UP_CHANGES_MAX, CHANNELS_MAX, FIRST_CHANGES_MAX } from "../../core/session.ts";
import { PROTOCOL_VERSION, type UpMessage } from "../../core/wire/messages.ts";
import { notesApp } from "./notes_app.ts";
import { ann, Author, bob, ServerRig } from "./server_rig.ts";
import { assertFailure, cursorsOf, kindsOf, SessionRig, wire } from "./session_rig.ts";

Deno.test("hello is welcomed with where the server stands", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  rig.push([author.note("a"), author.call("refuse", "no")]);
  const session = new SessionRig(rig);
  const [welcome, ...rest] = session.hello({ cursor: 1, epoch: "epoch-1" });
  assertEquals(welcome, {
    kind: "welcome",
    epoch: "epoch-1",
    cursor: 1,
    lastSeq: 2,
    time: rig.clock.now(),
    reset: false,
  });
  assertEquals(rest, []);
  assertEquals([session.joined, [...session.session.scopes()]], [["home"], ["home"]]);
});

Deno.test("a client that is behind is caught up page by page, at its own pace [S4]", () => {
  const rig = new ServerRig();
  const author = new Author("filler");
  for (let i = 0; i < 12; i++) rig.push([author.note(`n${i}`, "x".repeat(10_000))]);
  const session = new SessionRig(rig);
  const [welcome, first, ...none] = session.hello({ cursor: 2, epoch: "epoch-1" });
  assertEquals([welcome?.kind, none], ["welcome", []]);
  const seen = [...cursorsOf(first === undefined ? [] : [first])];
  for (let more = true; more;) {
    const [page, ...others] = session.say({ kind: "next", cursor: seen.at(-1) ?? 0 });
    assert(page?.kind === "poke" && others.length === 0);
    assertStrictEquals(page.from, seen.at(-1));
    seen.push(...cursorsOf([page]));
    ({ more } = page);
  }
  assertEquals(seen, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

Deno.test("a client that is behind hears of commits only once it has caught up [S4]", () => {
  const rig = new ServerRig();
  const author = new Author("filler");
  for (let i = 0; i < 6; i++) rig.push([author.note(`n${i}`, "x".repeat(10_000))]);
  const session = new SessionRig(rig);
  const [, page] = session.hello({ epoch: "epoch-1" });
  assert(page?.kind === "poke" && page.more);
  assertEquals(session.commit(rig, author.note("new")), []);
  const rest = session.say({ kind: "next", cursor: page.changes.at(-1)?.cursor ?? 0 });
  assertEquals(cursorsOf(rest).at(-1), 7);
  assertEquals(cursorsOf(session.commit(rig, author.note("newer"))), [8]);
});

Deno.test("a client that is up to date is poked with every commit of its scope alone [S4, S8]", () => {
  const rig = new ServerRig();
  const author = new Author("other");
  const session = new SessionRig(rig);
  session.hello();
  assertEquals(session.commit(rig, author.note("a"), author.note("b")), [
    { kind: "poke", from: 0, changes: rig.log(), more: false },
  ]);
  const away = new Author("away");
  assertEquals(session.commit(rig, away.call("note.log", "secret", { scope: "away" })), []);
  assertEquals(cursorsOf(session.commit(rig, author.note("c"))), [3]);
});

Deno.test("a commit that one frame cannot hold is given page by page [S11]", () => {
  const rig = new ServerRig();
  const author = new Author("other");
  const session = new SessionRig(rig);
  session.hello();
  const title = "x".repeat(1_000);
  let [page] = session.commit(rig, author.call("note.fill", { count: 100, title }));
  let seen = 0;
  for (let pages = 1;; pages++) {
    assert(page?.kind === "poke" && page.from === seen);
    seen += page.changes.length;
    if (!page.more) {
      assertEquals([seen, pages], [100, 3]);
      break;
    }
    [page] = session.say({ kind: "next", cursor: seen });
  }
});

Deno.test("a commit that the session missed is given with the next one [S4]", () => {
  const rig = new ServerRig();
  const author = new Author("other");
  const session = new SessionRig(rig);
  session.hello();
  rig.commit(author.note("unheard"));
  assertEquals(cursorsOf(session.commit(rig, author.note("a"))), [1, 2]);
});

Deno.test("advanced gives the rest of the log to the channels of the scope that lack it [S4]", () => {
  const rig = new ServerRig();
  const author = new Author("other");
  const session = new SessionRig(rig);
  session.hello();
  rig.commit(author.note("a"));
  session.session.advanced("away", 1);
  assertEquals(session.heard(), []);
  session.session.advanced("home", 1);
  assertEquals(cursorsOf(session.heard()), [1]);
  session.session.advanced("home", 1);
  assertEquals(session.heard(), []);
});

Deno.test("hello asks for a reset where the log does not lead on from the cursor [S7]", () => {
  const rig = new ServerRig();
  const author = new Author("other");
  rig.push([author.note("a"), author.note("b"), author.note("c")]);
  rig.clock.time += LOG_AGE_MS_MAX + 1;
  rig.server.trim();
  author.time = rig.clock.time;
  rig.push([author.note("d")]);
  const resetAt = (cursor: number, epoch = "epoch-1") => {
    const session = new SessionRig(rig);
    const [welcome, ...rest] = session.hello({ cursor, epoch });
    assert(welcome?.kind === "welcome");
    if (welcome.reset) {
      assertEquals(rest, []);
      assertEquals(session.commit(rig, author.note(`n${author.seq}`)), []);
    }
    return welcome.reset;
  };
  assertEquals([2, 3, 4].map((cursor) => resetAt(cursor)), [true, false, false]);
  const { cursor } = rig.server.head("home");
  assertEquals([resetAt(cursor), resetAt(cursor + 1)], [false, true]);
  assertStrictEquals(resetAt(rig.server.head("home").cursor, "epoch-0"), true);
  assertStrictEquals(resetAt(0, ""), true);
});

Deno.test("hello asks for a reset when a snapshot is cheaper than the log [S11]", () => {
  const rig = new ServerRig();
  const author = new Author("filler");
  for (let i = 0; i <= CATCH_UP_CHANGES_MAX / 1000; i++) {
    rig.push([author.call("note.fill", { count: 1000, title: `${i}` })]);
  }
  const { cursor } = rig.server.head("home");
  const resetAt = (behind: number) => {
    const [welcome] = new SessionRig(rig).hello({ cursor: cursor - behind, epoch: "epoch-1" });
    return welcome?.kind === "welcome" && welcome.reset;
  };
  const behind = [CATCH_UP_CHANGES_MAX - 1, CATCH_UP_CHANGES_MAX, CATCH_UP_CHANGES_MAX + 1];
  assertEquals(behind.map(resetAt), [false, false, true]);
});

Deno.test("hello of a client that has nothing asks for a reset when there is much [S11]", () => {
  const resets = [FIRST_CHANGES_MAX - 1, FIRST_CHANGES_MAX, FIRST_CHANGES_MAX + 1].map((count) => {
    const rig = new ServerRig();
    rig.push([new Author("filler").call("note.fill", { count, title: "t" })]);
    const [welcome] = new SessionRig(rig).hello({ cursor: 0, epoch: "" });
    return welcome?.kind === "welcome" && welcome.reset;
  });
  assertEquals(resets, [false, false, true]);
});

Deno.test("hello a second time starts the channel over [S12]", () => {
  const rig = new ServerRig();
  const author = new Author("other");
  const session = new SessionRig(rig);
  session.hello();
  session.say({ kind: "subscribe", topic: "t" });
  session.commit(rig, author.note("a"));
  const again = session.hello({ client: "c2", cursor: 0, epoch: "epoch-1" });
  assertEquals([kindsOf(again), cursorsOf(again)], [["welcome", "poke"], [1]]);
  session.session.published("home", "t", "1");
  assertEquals(session.heard(), []);
  session.say({ kind: "push", mutations: [wire("m1")] });
  assertStrictEquals(session.pushed[0]?.mutations[0]?.client, "c2");
});

Deno.test("hello of another protocol is told to upgrade", () => {
  const session = new SessionRig(new ServerRig());
  for (const protocol of [0, PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1]) {
    assertFailure(session.hello({ protocol }), "upgrade_required", `not ${protocol}`);
  }
  assertEquals(session.joined, []);
});

Deno.test("hello is checked like every message from outside [S15]", () => {
  const session = new SessionRig(new ServerRig());
  assertFailure(session.hello({ client: "" }), "invalid_mutation", `"client"`);
  const long = "x".repeat(NAME_UNITS_MAX + 1);
  assertFailure(session.hello({ client: long }), "invalid_mutation", `"client"`);
  assertFailure(session.hello({ scope: "a\0b" }), "invalid_mutation", `"scope"`);
  assertEquals(session.joined, []);
  session.hello({ scope: "" });
  assertEquals(session.joined, ["_default"]);
});

Deno.test("hello in a scope that one may not read is forbidden, also on an open channel [S8, S12]", () => {
  const app = defineApp({
    name: "notes",
    collections: notesApp.collections,
    authorize: ({ scope }) => scope === "home",
  });
  const rig = new ServerRig({ app });
  const session = new SessionRig(rig);
  session.hello();
  assertFailure(session.hello({ scope: "away" }), "forbidden");
  assertEquals([...session.session.scopes()], []);
  assertEquals(session.commit(rig, new Author("other").note("a")), []);
});

Deno.test("hello with the client id of another principal is forbidden [S12]", () => {
  const rig = new ServerRig();
  rig.push([new Author("c1").note("a")], ann);
  assertFailure(new SessionRig(rig, bob).hello(), "forbidden", "another principal");
  assertEquals(kindsOf(new SessionRig(rig, ann).hello()), ["welcome", "poke"]);
});

Deno.test("a connection opens channels up to the limit and is refused one more [S11]", () => {
  const session = new SessionRig(new ServerRig());
  for (let channel = 0; channel < CHANNELS_MAX; channel++) {
    assertEquals(kindsOf(session.hello({ client: `c${channel}` }, channel)), ["welcome"]);
  }
  assertFailure(
    session.hello({}, CHANNELS_MAX),
    "rate_limited",
    `more than ${CHANNELS_MAX} channels`,
  );
  assertEquals(kindsOf(session.hello({ client: "again" }, 3)), ["welcome"]);
});

Deno.test("channels of one connection are apart [S8]", () => {
  const rig = new ServerRig();
  const session = new SessionRig(rig);
  session.hello({ scope: "home" }, 1);
  session.hello({ scope: "away", client: "c2" }, 2);
  const { scope, changes } = rig.commit(
    new Author("other").call("note.log", "x", { scope: "away" }),
  );
  session.session.committed(scope, new CommitPoke(changes));
  assertEquals(kindsOf(session.heard(2)), ["poke"]);
  assertEquals([...session.session.scopes()], ["home", "away"]);
});

Deno.test("nothing but a ping is heard before hello", () => {
  const session = new SessionRig(new ServerRig());
  const messages: readonly UpMessage[] = [
    { kind: "push", mutations: [wire("m1")] },
    { kind: "next", cursor: 0 },
    { kind: "subscribe", topic: "t" },
    { kind: "unsubscribe", topic: "t" },
    { kind: "publish", topic: "t", data: "1" },
  ];
  for (const message of messages) {
    assertFailure(session.say(message), "invalid_mutation", "say hello first");
  }
  assertEquals([session.pushed, session.published], [[], []]);
  assertEquals(kindsOf(session.say({ kind: "ping" }, 7)), ["pong"]);
});

Deno.test("next at the end of the log is answered with the end [S4]", () => {
  const rig = new ServerRig();
  rig.push([new Author("other").note("a")]);
  const session = new SessionRig(rig);
  session.hello({ cursor: 1, epoch: "epoch-1" });
  assertEquals(session.say({ kind: "next", cursor: 1 }), [
    { kind: "poke", from: 1, changes: [], more: false },
  ]);
});

Deno.test("next at a cursor that the log does not have fails and harms no later commit [S12]", () => {
  const rig = new ServerRig();
  const author = new Author("other");
  const session = new SessionRig(rig);
  session.hello();
  assertFailure(session.say({ kind: "next", cursor: 1_000_000 }), "cursor_too_old");
  assertEquals(cursorsOf(session.commit(rig, author.note("a"))), [1]);
});

Deno.test("a commit that can no longer be read fails its channel alone [S17]", () => {
  const rig = new ServerRig();
  const author = new Author("other");
  const session = new SessionRig(rig);
  session.hello();
  const { changes } = rig.commit(author.note("a"), author.note("b"));
  rig.clock.time += LOG_AGE_MS_MAX + 1;
  rig.server.trim();
  session.session.committed("home", new CommitPoke(changes.slice(1)));
  assertFailure(session.heard(), "cursor_too_old");
  session.session.advanced("home", 2);
  assertEquals(session.heard(), []);
});

Deno.test("recheck closes the channels of scopes that one may no longer read [S8, S12]", () => {
  const allowed = new Set(["home", "away"]);
  const app = defineApp({
    name: "notes",
    collections: notesApp.collections,
    authorize: ({ scope, action }) => action === "write" || allowed.has(scope),
  });
  const rig = new ServerRig({ app });
  const session = new SessionRig(rig);
  session.hello({ scope: "home" });
  session.hello({ scope: "away", client: "c2" }, 1);
  session.session.recheck();
  assertEquals(session.heard(), []);
  allowed.delete("home");
  session.session.recheck();
  assertFailure(session.heard(), "forbidden");
  assertEquals([...session.session.scopes()], ["away"]);
  assertEquals(session.commit(rig, new Author("other").note("a")), []);
});

Deno.test("a fault of the server is not told as the client's", () => {
  const rig = new ServerRig();
  const session = new SessionRig(rig);
  session.hello();
  rig.clock.now = () => {
    throw new RangeError("clock");
  };
  assertThrows(() => session.say({ kind: "ping" }), RangeError, "clock");
  rig.server.pull = () => {
    throw new RangeError("pull");
  };
  assertThrows(() => session.session.advanced("home", 1), RangeError, "pull");
});
