/** The client on a live connection: greeting, catching up, resets, renumbering, other histories. */
import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { PROTOCOL_VERSION } from "../../core/wire/messages.ts";
import { ClientRig, counterChange, pokeOf } from "./client_rig.ts";
import { START_MS } from "./rows.ts";

const kindsOf = (effects: readonly { readonly kind: string }[]) => effects.map(({ kind }) => kind);

const snapshotOf = (cursor: number, value: number, epoch = "epoch-1") => ({
  epoch,
  cursor,
  time: START_MS,
  rows: [{ entity: "counter", id: "k", json: JSON.stringify({ value }) }],
});

/** A client that has synced up to cursor 3 and is live. */
function syncedRig(options = {}): ClientRig {
  const rig = new ClientRig(options);
  rig.goLive({ cursor: 3 });
  rig.receive(pokeOf([counterChange(1, 1), counterChange(2, 2), counterChange(3, 3)]));
  rig.settle();
  rig.take();
  return rig;
}

Deno.test("connected says hello with where the client stands", () => {
  const rig = new ClientRig();
  rig.client.connected();
  assertEquals(rig.sent(), [{
    kind: "hello",
    protocol: PROTOCOL_VERSION,
    client: rig.client.client,
    scope: "home",
    cursor: 0,
    epoch: "",
    appVersion: 1,
  }]);
  assertStrictEquals(rig.client.isLive, false);
  rig.welcome({ cursor: 3 });
  assertStrictEquals(rig.client.isLive, true);
  rig.receive(pokeOf([counterChange(1, 1), counterChange(2, 2), counterChange(3, 3)]));
  rig.client.disconnected();
  assertStrictEquals(rig.client.isLive, false);
  rig.client.connected();
  const hello = rig.sent().at(-1);
  assert(hello?.kind === "hello");
  assertEquals([hello.cursor, hello.epoch], [3, "epoch-1"]);
});

Deno.test("a client in step with the server is synced with its welcome", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 0 });
  assertEquals(rig.taken("synced"), [{ kind: "synced", cursor: 0 }]);
  rig.client.disconnected();
  rig.goLive({ cursor: 2 });
  assertEquals(rig.taken("synced"), []);
});

Deno.test("what waits is sent after the welcome, not before [S12]", () => {
  const rig = new ClientRig();
  rig.add("k");
  assertEquals(rig.sent(), []);
  rig.client.connected();
  rig.add("k");
  assertEquals(kindsOf(rig.sent()), ["hello"]);
  rig.welcome();
  assertEquals(rig.pushed().map(({ seq }) => seq), [1, 2]);
});

Deno.test("pokes move the rows, tell what changed, and end in synced [S4]", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 2 });
  rig.take();
  rig.receive(pokeOf([counterChange(1, 1), counterChange(2, 5)]));
  const effects = rig.take();
  assertEquals(kindsOf(effects), ["persist", "changed", "synced"]);
  assert(effects[0]?.kind === "persist" && effects[1]?.kind === "changed");
  assertEquals(effects[0].batch.replica, {
    kind: "changes",
    from: 0,
    changes: [counterChange(1, 1), counterChange(2, 5)],
    epoch: "epoch-1",
  });
  assertEquals(effects[1].changes, [
    { entity: "counter", id: "k", before: undefined, after: { value: 5 } },
  ]);
  assertStrictEquals(rig.client.cursor, 2);
});

Deno.test("a poke of what is known changes nothing [S2, S7]", () => {
  const rig = syncedRig();
  rig.receive(pokeOf([counterChange(2, 2), counterChange(3, 3)]));
  assertEquals(kindsOf(rig.take()), ["synced"]);
  rig.receive(pokeOf([counterChange(3, 3), counterChange(4, 4)]));
  assertEquals([rig.client.cursor, rig.value("k")], [4, 4]);
  const [persist] = rig.taken("persist");
  assert(persist?.batch.replica?.kind === "changes");
  assertEquals([persist.batch.replica.from, persist.batch.replica.changes.length], [3, 1]);
});

Deno.test("a poke with a gap before it is not applied; the missing part is asked for [S4]", () => {
  const rig = syncedRig();
  rig.receive(pokeOf([counterChange(5, 5)]));
  assertEquals(rig.take(), [{ kind: "send", message: { kind: "next", cursor: 3 } }]);
  assertEquals([rig.client.cursor, rig.value("k")], [3, 3]);
});

Deno.test("while there is more, page after page is asked for [S4]", () => {
  const rig = syncedRig();
  rig.receive(pokeOf([counterChange(4, 4)], true));
  assertEquals(kindsOf(rig.take()), ["persist", "changed", "send"]);
  rig.receive(pokeOf([counterChange(5, 5)], true));
  assertEquals(rig.sent(), [{ kind: "next", cursor: 5 }]);
  rig.receive(pokeOf([counterChange(6, 6)]));
  assertEquals(kindsOf(rig.take()), ["persist", "changed", "synced"]);
});

Deno.test("nothing is asked for on a connection that has not been greeted", () => {
  const rig = syncedRig();
  rig.client.connected();
  rig.take();
  rig.receive(pokeOf([counterChange(4, 4)], true));
  rig.receive(pokeOf([counterChange(9, 9)]));
  assertEquals(rig.sent(), []);
});

Deno.test("what comes from a connection that is gone has no effect [S12]", () => {
  const rig = syncedRig();
  const mutation = rig.add("k", 10);
  rig.client.disconnected();
  rig.take();
  rig.welcome({ lastSeq: 1 });
  rig.receive(pokeOf([counterChange(4, 4)]));
  rig.accept(4, mutation);
  rig.receive({ kind: "event", topic: "t", data: "1" });
  rig.receive({ kind: "failure", code: "cursor_too_old", error: "", retryAfterMs: 0 });
  assertEquals([rig.take(), rig.client.isLive, rig.client.cursor], [[], false, 3]);
  assertEquals(rig.states(), ["queued"]);
});

Deno.test("what was sent and not answered is sent again on the next connection [S1, S2]", () => {
  const rig = syncedRig();
  const [one, two] = [rig.add("k"), rig.add("k")];
  rig.accept(4, one);
  rig.client.disconnected();
  assertEquals(rig.states(), ["acknowledged", "queued"]);
  rig.take();
  rig.goLive({ lastSeq: 1 });
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[two.id, 2]]);
});

Deno.test("effects that arrive before their lost answer are not shown twice [S5, S6]", () => {
  const rig = syncedRig();
  const [one, two, three] = [rig.add("k", 10), rig.add("k", 100), rig.add("k", 1_000)];
  // The server decided the first two, and the answers were lost with the connection.
  rig.client.disconnected();
  rig.goLive({ cursor: 5, lastSeq: 2 });
  const values = [rig.value("k")];
  rig.receive(pokeOf([counterChange(4, 13), counterChange(5, 113)]));
  values.push(rig.value("k"));
  rig.take();
  rig.accept(5, one);
  values.push(rig.value("k"));
  assertEquals(rig.sent(), []);
  rig.accept(5, two);
  values.push(rig.value("k"));
  assertEquals(rig.sent(), [{ kind: "next", cursor: 3 }]);
  rig.receive(pokeOf([counterChange(4, 13), counterChange(5, 113)]));
  values.push(rig.value("k"));
  assertEquals(new Set(values), new Set([1_113]));
  assertEquals(rig.client.pending.map(({ mutation }) => mutation.id), [three.id]);
  rig.receive(pokeOf([counterChange(6, 5)]));
  assertStrictEquals(rig.value("k"), 1_005);
});

Deno.test("answers that are owed on a connection that is gone hold nothing up", () => {
  const rig = syncedRig();
  rig.add("k", 10);
  rig.client.disconnected();
  rig.goLive({ cursor: 4, lastSeq: 1 });
  rig.client.disconnected();
  rig.client.pulled({
    epoch: "epoch-1",
    from: 3,
    changes: [counterChange(4, 13)],
    more: false,
  });
  assertStrictEquals(rig.client.cursor, 4);
});

Deno.test("a server that asks for a reset is asked for a snapshot, and greeted again [S7]", () => {
  const rig = syncedRig();
  rig.client.disconnected();
  rig.goLive({ cursor: 90, reset: true });
  const effects = rig.take();
  assertEquals(kindsOf(effects), ["send", "needSnapshot"]);
  rig.receive(pokeOf([counterChange(4, 4)]));
  assertEquals([rig.take(), rig.client.cursor, rig.client.isLive], [[], 3, false]);
  rig.client.snapshotLoaded(snapshotOf(90, 50));
  const [persist, changed, synced, send] = rig.take();
  assert(persist?.kind === "persist" && changed?.kind === "changed");
  assertEquals(persist.batch.replica, {
    kind: "snapshot",
    rows: snapshotOf(90, 50).rows,
    cursor: 90,
    epoch: "epoch-1",
  });
  assertEquals([changed.changes, synced], ["everything", { kind: "synced", cursor: 90 }]);
  assert(send?.kind === "send" && send.message.kind === "hello");
  assertEquals([send.message.cursor, rig.value("k")], [90, 50]);
});

Deno.test("a snapshot keeps what waits on top and drops what it contains [S5, S6]", () => {
  const rig = syncedRig();
  const [one, two] = [rig.add("k", 10), rig.add("k", 100)];
  rig.accept(50, one);
  rig.client.disconnected();
  rig.goLive({ cursor: 90, lastSeq: 1, reset: true });
  rig.client.snapshotLoaded(snapshotOf(90, 13));
  assertEquals([rig.value("k"), rig.states()], [113, ["queued"]]);
  rig.settle();
  assertEquals(rig.storage.load().pending.map(({ id }) => id), [two.id]);
});

Deno.test("a cursor that is too old is reset in the middle of a connection [S7]", () => {
  const rig = syncedRig();
  rig.receive({ kind: "failure", code: "cursor_too_old", error: "Gone", retryAfterMs: 0 });
  assertEquals(kindsOf(rig.take()), ["needSnapshot"]);
  assertStrictEquals(rig.client.isLive, false);
  rig.client.snapshotLoaded(snapshotOf(9, 9));
  rig.welcome({ cursor: 9 });
  assertEquals([rig.client.isLive, rig.client.cursor, rig.value("k")], [true, 9, 9]);
});

Deno.test("a snapshot that was overtaken by pokes is passed over [S7]", () => {
  const rig = syncedRig();
  rig.client.snapshotLoaded(snapshotOf(2, 2));
  assertEquals([rig.take(), rig.client.cursor], [[], 3]);
  rig.client.snapshotLoaded(snapshotOf(3, 3));
  assertStrictEquals(rig.client.cursor, 3);
});

Deno.test("a server that fell back in the same history sets the client back by a snapshot [S7]", () => {
  const rig = syncedRig();
  rig.client.disconnected();
  rig.goLive({ cursor: 1, reset: true });
  rig.client.snapshotLoaded(snapshotOf(1, 1));
  assertEquals([rig.client.cursor, rig.value("k")], [1, 1]);
});

Deno.test("failures are told to the app, with when to try again", () => {
  const rig = syncedRig();
  rig.receive({ kind: "failure", code: "rate_limited", error: "Slow", retryAfterMs: 700 });
  const [failed] = rig.taken("failed");
  assertEquals([failed?.error.code, failed?.error.message, failed?.retryAfterMs], [
    "rate_limited",
    "Slow",
    700,
  ]);
  assertStrictEquals(rig.client.isLive, true);
});

Deno.test("messages to topics are passed on", () => {
  const rig = syncedRig();
  rig.receive({ kind: "event", topic: "t", data: "[1]" });
  assertEquals(rig.take(), [{ kind: "event", topic: "t", data: "[1]" }]);
});

Deno.test("a server that lost decisions meets the client under a new name, with the same ids [S2, S3]", () => {
  const rig = syncedRig();
  const before = rig.client.client;
  const [one, two, three] = [rig.add("k"), rig.add("k"), rig.add("k")];
  rig.accept(4, one);
  rig.client.disconnected();
  rig.take();
  rig.goLive({ cursor: 3, lastSeq: 0 });
  assertNotEquals(rig.client.client, before);
  // Its rows may be others as well, at the very same cursor.
  assertEquals(rig.taken("needSnapshot").length, 1);
  assertEquals(rig.storage.identity?.client, rig.client.client);
  rig.client.snapshotLoaded(snapshotOf(3, 7));
  rig.welcome({ cursor: 3, lastSeq: 0 });
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [
    [one.id, 1],
    [two.id, 2],
    [three.id, 3],
  ]);
  assertStrictEquals(rig.value("k"), 10);
});

Deno.test("a client id that somebody else has used is given up, and the rows are kept", () => {
  const rig = syncedRig();
  const before = rig.client.client;
  const [one, two, three] = [rig.add("k"), rig.add("k"), rig.add("k")];
  rig.accept(4, one);
  rig.client.disconnected();
  rig.take();
  rig.goLive({ cursor: 3, lastSeq: 4 });
  assertNotEquals(rig.client.client, before);
  assertEquals(kindsOf(rig.sent()).filter((kind) => kind === "hello").length, 2);
  rig.welcome({ cursor: 3, lastSeq: 0 });
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[two.id, 1], [three.id, 2]]);
});

Deno.test("a welcome between what was decided and what was sent renumbers nothing [S2, S3]", () => {
  for (const lastSeq of [1, 2, 3]) {
    const rig = syncedRig();
    const before = rig.client.client;
    const mutations = [rig.add("k"), rig.add("k"), rig.add("k")];
    rig.accept(4, ...mutations.slice(0, 1));
    rig.client.disconnected();
    rig.take();
    rig.goLive({ lastSeq });
    assertStrictEquals(rig.client.client, before);
    assertEquals(rig.pushed().map(({ seq }) => seq), [2, 3]);
  }
});

Deno.test("a gap that the server reports renumbers the client [S3]", () => {
  const rig = syncedRig();
  const before = rig.client.client;
  const [one, two] = [rig.add("k"), rig.add("k")];
  rig.take();
  rig.receive({
    kind: "ack",
    results: [
      { id: one.id, cursor: 3, lastSeq: 7, code: "sequence_gap", error: "" },
      { id: two.id, cursor: 3, lastSeq: 7, code: "sequence_gap", error: "" },
    ],
  });
  assertNotEquals(rig.client.client, before);
  assertEquals(kindsOf(rig.sent()), ["hello"]);
  assertEquals(rig.states(), ["queued", "queued"]);
  rig.welcome({ lastSeq: 0 });
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[one.id, 1], [two.id, 2]]);
});

Deno.test("a gap behind answers keeps the answers [S2, S14]", () => {
  const rig = syncedRig();
  const [one, two, three] = [rig.add("k", 10), rig.add("k", 100), rig.add("k", 1_000)];
  rig.receive({
    kind: "ack",
    results: [
      { id: one.id, cursor: 4, lastSeq: 1, code: null, error: null },
      { id: two.id, cursor: 4, lastSeq: 2, code: "rejected", error: "no" },
      { id: three.id, cursor: 4, lastSeq: 9, code: "sequence_gap", error: "" },
    ],
  });
  assertEquals(rig.states(), ["acknowledged", "queued"]);
  assertEquals(rig.taken("rejected").map(({ rejected }) => rejected.mutation.id), [two.id]);
  rig.welcome({ lastSeq: 0, cursor: 4 });
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[three.id, 1]]);
});

Deno.test("a gap that agrees with the client's own numbering only sends again [S3]", () => {
  const rig = syncedRig();
  const before = rig.client.client;
  const one = rig.add("k");
  rig.take();
  rig.receive({
    kind: "ack",
    results: [{ id: one.id, cursor: 3, lastSeq: 0, code: "sequence_gap", error: "" }],
  });
  assertStrictEquals(rig.client.client, before);
  assertEquals(rig.pushed().map(({ seq }) => seq), [1]);
});

Deno.test("another history of the server: everything queued survives, rows start over [S1, S7]", () => {
  const rig = syncedRig();
  const before = rig.client.client;
  const [one, two] = [rig.add("k", 10), rig.add("k", 100)];
  rig.accept(9, one);
  rig.client.disconnected();
  rig.take();
  rig.goLive({ epoch: "epoch-2", cursor: 20, lastSeq: 0 });
  assertNotEquals(rig.client.client, before);
  // What the lost history had acknowledged may be missing from this one.
  assertEquals(rig.states(), ["queued", "queued"]);
  assertEquals(kindsOf(rig.take()), ["send", "persist", "needSnapshot"]);
  rig.client.snapshotLoaded(snapshotOf(20, 1, "epoch-2"));
  assertStrictEquals(rig.value("k"), 111);
  rig.take();
  rig.welcome({ epoch: "epoch-2", cursor: 20, lastSeq: 0 });
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[one.id, 1], [two.id, 2]]);
  assertEquals(rig.storage.load().pending.map(({ visibleAt }) => visibleAt), [null, null]);
});

Deno.test("a renumbered client stores no mutation that its storage has still to accept [S1]", () => {
  const rig = syncedRig({ slowStorage: true });
  const { token } = rig.client.mutate("counter.add", { id: "k", by: 10 });
  rig.client.disconnected();
  rig.goLive({ lastSeq: 5 });
  const refused = rig.unsaved.splice(rig.unsaved.findIndex((batch) => batch.token === token), 1);
  rig.settle();
  assertStrictEquals(refused.length, 1);
  rig.unsaved.push(...refused);
  rig.refuseStorage();
  // Its author was told that it failed, so it must not come back.
  assertEquals([rig.value("k"), rig.restart().states()], [3, []]);
});
