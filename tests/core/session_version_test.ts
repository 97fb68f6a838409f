/** Clients of other versions of the app than the server's: whom it serves, and what their mutations are. */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { TOO_NEW_RETRY_MS, TOO_OLD_RETRY_MS, upgradeStore } from "../../core/upgrade.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import { Author, ServerRig } from "./server_rig.ts";
import { kindsOf, SessionRig, wire } from "./session_rig.ts";
import { versionOne, versionTwo, versionTwoOnly } from "./versions_app.ts";

/** A server of version 2 on rows that version 1 wrote. */
function upgraded(app = versionTwo) {
  const one = new ServerRig({ app: versionOne });
  one.push([new Author("c0").call("note.create", { id: "a", data: { title: "t", stars: 0 } })]);
  upgradeStore(app, one.store, one.clock);
  return new ServerRig({ app, store: one.store, clock: one.clock });
}

Deno.test("a client is welcomed from the oldest version that is served to the newest", () => {
  for (const appVersion of [1, 2, undefined]) {
    const session = new SessionRig(upgraded());
    const fields = appVersion === undefined ? {} : { appVersion };
    assertEquals(kindsOf(session.hello({ ...fields, cursor: 2 })), ["welcome"]);
  }
});

Deno.test("a server says which version of the app it runs", () => {
  assertStrictEquals(upgraded().server.appVersion, 2);
});

Deno.test("a client that is too old is told to upgrade, and to stay away", () => {
  const session = new SessionRig(upgraded(versionTwoOnly));
  assertEquals(session.hello({ appVersion: 1 }), [{
    kind: "failure",
    code: "upgrade_required",
    error: "This server serves version 2 of the app and later, not version 1: load the app anew",
    retryAfterMs: TOO_OLD_RETRY_MS,
  }]);
  const [answer] = session.say({ kind: "push", mutations: [wire("m1")] });
  assertStrictEquals((answer as DownMessage & { kind: "failure" }).code, "invalid_mutation");
  assertEquals(session.pushed, []);
});

Deno.test("a client that is too new is told to wait for the server", () => {
  const session = new SessionRig(new ServerRig({ app: versionOne }));
  assertEquals(session.hello({ appVersion: 2 }), [{
    kind: "failure",
    code: "unavailable",
    error: "This server runs version 1 of the app, and not version 2 yet",
    retryAfterMs: TOO_NEW_RETRY_MS,
  }]);
});

Deno.test("an older client's mutations run as what they are now, in their places [S3, S14]", () => {
  const rig = upgraded();
  const session = new SessionRig(rig);
  session.hello({ appVersion: 1, cursor: 2 });
  const calls = [
    ["note.rename", { id: "a", title: "renamed" }],
    ["note.shout", { id: "a" }],
    ["note.tidy", null],
    ["note.star", { id: "a" }],
    ["note.create", { id: "b", data: { title: "new", stars: 0 } }],
    ["note.update", { id: "b", data: { title: "newer" } }],
    ["note.update", null],
  ] as const;
  const mutations = calls.map(([name, args], i) =>
    wire(`m${i + 1}`, { seq: i + 1, name, args: JSON.stringify(args) })
  );
  session.say({ kind: "push", mutations });
  const push = () => rig.push(session.pushed[0]?.mutations ?? []);
  const codes = push().map(({ code, lastSeq }) => [lastSeq, code]);
  assertEquals(codes, [
    [1, null],
    [2, "upgrade_required"],
    [3, "not_found"],
    [4, null],
    [5, null],
    [6, null],
    [7, "upgrade_required"],
  ]);
  const records = { a: { text: "renamed", stars: 1 }, b: { text: "newer", stars: 0 } };
  assertEquals(rig.records("note"), records);
  assertEquals(rig.failures.map(({ where }) => where), ["migration of note.update"]);
  assertEquals(push().map(({ code }) => code), codes.map(([, code]) => code));
  assertEquals(rig.records("note"), records, "a repeated push has no effect");
});

Deno.test("a client of this version pushes what it says", () => {
  const rig = upgraded();
  const session = new SessionRig(rig);
  session.hello({ appVersion: 2, cursor: 2 });
  const args = JSON.stringify({ id: "a", title: "x" });
  session.say({ kind: "push", mutations: [wire("m1", { name: "note.rename", args })] });
  assertStrictEquals(rig.push(session.pushed[0]?.mutations ?? [])[0]?.code, "not_found");
});

Deno.test("a migration that makes a name of nothing is refused in its place", () => {
  const app = defineApp({
    name: "versions",
    version: 2,
    collections: {},
    migrations: { 2: { mutations: { x: () => ({ name: "", args: null }) } } },
  });
  const rig = new ServerRig({ app });
  const mutation = rig.server.upgraded(new Author("c1").call("x"), 1);
  assertStrictEquals(mutation.defect?.code, "invalid_mutation");
  const defective = { ...mutation };
  assertStrictEquals(rig.server.upgraded(defective, 1), defective, "and stays so");
});
