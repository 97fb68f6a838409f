/** The client without a live connection: batches, answers and pages over HTTP. */
import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { PUSH_BATCH_MAX } from "../../core/limits.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { WireResult } from "../../core/wire/messages.ts";
import { ClientRig, counterChange } from "./client_rig.ts";
import { START_MS } from "./rows.ts";

const kindsOf = (effects: readonly { readonly kind: string }[]) => effects.map(({ kind }) => kind);
const accepted = (mutations: readonly Mutation[], cursor: number): WireResult[] =>
  mutations.map(({ id, seq }) => ({ id, cursor, lastSeq: seq, code: null, error: null }));

const pageOf = (from: number, values: readonly number[], more = false, epoch = "epoch-1") => ({
  epoch,
  from,
  changes: values.map((value, index) => counterChange(from + 1 + index, value)),
  more,
});

const snapshotOf = (cursor: number, value: number, epoch = "epoch-1") => ({
  epoch,
  cursor,
  time: START_MS,
  rows: [{ entity: "counter", id: "k", json: JSON.stringify({ value }) }],
});

/** A client that has pulled up to cursor 2. */
function pulledRig(options = {}): ClientRig {
  const rig = new ClientRig(options);
  rig.client.pulled(pageOf(0, [1, 2]));
  rig.settle();
  rig.take();
  return rig;
}

Deno.test("a batch holds what is durable, under the client's numbers, up to the limit [S1, S3, S11]", () => {
  const rig = new ClientRig();
  for (let i = 0; i <= PUSH_BATCH_MAX; i++) rig.add("k");
  const batch = rig.client.takeBatch();
  assertStrictEquals(batch.length, PUSH_BATCH_MAX);
  const [first] = batch;
  assertEquals([first?.client, first?.seq, first?.scope], [rig.client.client, 1, "home"]);
  assertEquals(batch.map(({ seq }) => seq), batch.map((_, index) => index + 1));
  rig.client.decided(accepted(batch, 1));
  assertEquals(rig.client.takeBatch().map(({ seq }) => seq), [PUSH_BATCH_MAX + 1]);
});

Deno.test("answers over HTTP do not move the cursor: what others wrote comes with the next page [S4, S7]", () => {
  const rig = pulledRig();
  rig.add("k", 10);
  // The server's log stands at 7 with this one: others wrote 3 to 6 in between.
  rig.client.decided(accepted(rig.client.takeBatch(), 7), "epoch-1");
  rig.settle();
  assertEquals([rig.client.cursor, rig.states(), rig.value("k")], [2, ["acknowledged"], 12]);
  rig.client.pulled(pageOf(2, [3, 4, 5, 6], true));
  assertEquals([rig.client.cursor, rig.states(), rig.value("k")], [6, ["acknowledged"], 16]);
  rig.client.pulled(pageOf(6, [16]));
  assertEquals([rig.client.cursor, rig.states(), rig.value("k")], [7, [], 16]);
});

Deno.test("a push that was not answered is made again, under the same ids and numbers [S1, S2]", () => {
  const rig = pulledRig();
  rig.add("k");
  const first = rig.client.takeBatch();
  assertEquals(rig.states(), ["sent"]);
  rig.client.pushFailed();
  assertEquals(rig.states(), ["queued"]);
  assertEquals(rig.client.takeBatch(), first);
});

Deno.test("a push over HTTP that fails goes out on the live connection that came meanwhile", () => {
  const rig = pulledRig();
  rig.add("k");
  rig.goLive();
  const live = rig.pushed();
  assertEquals(live.map(({ seq }) => seq), [1]);
  rig.client.pushFailed();
  assertEquals(rig.pushed(), live);
});

Deno.test("an answer that comes after its push was given up changes nothing [S12]", () => {
  const rig = pulledRig();
  rig.add("k");
  const batch = rig.client.takeBatch();
  rig.client.pushFailed();
  rig.client.decided(accepted(batch, 3), "epoch-1");
  assertEquals(rig.states(), ["queued"]);
});

Deno.test("a page tells the end of the log, or that there is more", () => {
  const rig = new ClientRig();
  rig.client.pulled(pageOf(0, [1, 2], true));
  assertEquals(kindsOf(rig.take()), ["persist", "changed"]);
  rig.client.pulled(pageOf(2, [3]));
  assertEquals(kindsOf(rig.take()), ["persist", "changed", "synced"]);
  rig.client.pulled(pageOf(3, []));
  assertEquals(rig.take(), [{ kind: "synced", cursor: 3 }]);
  assertEquals([rig.client.epoch, rig.client.cursor], ["epoch-1", 3]);
});

Deno.test("a page from another place is not applied [S4]", () => {
  const rig = pulledRig();
  rig.client.pulled(pageOf(5, [6, 7]));
  assertEquals([rig.take(), rig.client.cursor], [[], 2]);
});

Deno.test("a page of another history starts the rows over, and nothing is sent before that [S1, S7]", () => {
  const rig = pulledRig();
  const before = rig.client.client;
  const mutation = rig.add("k", 10);
  rig.client.decided(accepted(rig.client.takeBatch(), 9), "epoch-1");
  rig.take();
  rig.client.pulled(pageOf(2, [3], false, "epoch-2"));
  assertEquals(kindsOf(rig.take()), ["persist", "needSnapshot"]);
  assertNotEquals(rig.client.client, before);
  assertEquals([rig.states(), rig.client.takeBatch()], [["queued"], []]);
  rig.client.pulled(pageOf(2, [3], false, "epoch-2"));
  assertEquals(kindsOf(rig.take()), ["needSnapshot"]);
  rig.client.snapshotLoaded(snapshotOf(4, 4, "epoch-2"));
  assertStrictEquals(rig.value("k"), 14);
  assertEquals(rig.client.takeBatch().map(({ id, seq }) => [id, seq]), [[mutation.id, 1]]);
});

Deno.test("answers of another history count for nothing [S1]", () => {
  const rig = pulledRig();
  rig.add("k");
  const batch = rig.client.takeBatch();
  rig.take();
  rig.client.decided(accepted(batch, 1), "epoch-2");
  assertEquals(kindsOf(rig.take()), ["persist", "needSnapshot"]);
  assertEquals(rig.states(), ["queued"]);
});

Deno.test("a snapshot of another history takes its acknowledgements along [S1]", () => {
  const rig = pulledRig();
  const [one] = [rig.add("k", 10), rig.add("k", 100)];
  rig.client.decided(accepted(rig.client.takeBatch().slice(0, 1), 9), "epoch-1");
  assertEquals(rig.states(), ["acknowledged", "sent"]);
  rig.client.snapshotLoaded(snapshotOf(50, 1, "epoch-2"));
  assertEquals([rig.states(), rig.value("k")], [["queued", "queued"], 111]);
  assertEquals(rig.client.takeBatch().map(({ seq }) => seq), [1, 2]);
  assertStrictEquals(rig.client.pending[0]?.mutation.id, one?.id);
});

Deno.test("the first answers and pages tell a new client which history it is in", () => {
  const rig = new ClientRig();
  rig.add("k", 5);
  rig.client.decided(accepted(rig.client.takeBatch(), 1), "epoch-1");
  assertStrictEquals(rig.client.epoch, "epoch-1");
  rig.client.pulled(pageOf(0, [5]));
  assertEquals([rig.states(), rig.value("k")], [[], 5]);
});

Deno.test("a cursor that the log lost asks for a snapshot, and keeps what waits [S6, S7]", () => {
  const rig = pulledRig();
  rig.add("k", 10);
  rig.take();
  rig.client.cursorLost();
  assertEquals(kindsOf(rig.take()), ["needSnapshot"]);
  rig.client.snapshotLoaded(snapshotOf(90, 50));
  assertEquals(kindsOf(rig.take()), ["persist", "changed", "synced"]);
  assertEquals([rig.client.cursor, rig.value("k"), rig.states()], [90, 60, ["queued"]]);
});

Deno.test("a gap over HTTP renumbers the client [S3]", () => {
  const rig = pulledRig();
  const before = rig.client.client;
  rig.add("k");
  const [{ id } = { id: "" }] = rig.client.takeBatch();
  rig.client.decided([{ id, cursor: 2, lastSeq: 9, code: "sequence_gap", error: "" }], "epoch-1");
  const [again] = rig.client.takeBatch();
  assert(again !== undefined && again.client !== before);
  assertEquals([again.id, again.seq], [id, 1]);
  assertEquals(rig.sent(), []);
});

Deno.test("a rejected batch of one is reported once and lets the next one through [S14]", () => {
  const rig = pulledRig();
  const [bad, good] = [rig.add("k", 10), rig.add("k", 100)];
  const results = [
    { id: bad.id, cursor: 2, lastSeq: 1, code: "rejected", error: "no" },
    { id: good.id, cursor: 3, lastSeq: 2, code: null, error: null },
  ] as const;
  rig.client.takeBatch();
  rig.client.decided(results, "epoch-1");
  rig.client.decided(results, "epoch-1");
  assertEquals(rig.taken("rejected").map(({ rejected }) => rejected.mutation), [bad]);
  assertEquals([rig.states(), rig.value("k")], [["acknowledged"], 102]);
});

Deno.test("a gap below what was decided here means that the server lost decisions [S3]", () => {
  const rig = pulledRig();
  rig.add("k");
  rig.client.decided(accepted(rig.client.takeBatch(), 3));
  const { id } = rig.add("k");
  rig.client.takeBatch();
  const { client } = rig.client;
  rig.take();
  const gap = { id, cursor: 0, lastSeq: 0, code: "sequence_gap", error: "" } as const;
  rig.client.decided([gap]);
  assertEquals(kindsOf(rig.take()), ["persist", "needSnapshot"]);
  assertNotEquals(rig.client.client, client);
  assertEquals(rig.states(), ["queued", "queued"]);
});

Deno.test("a welcome that is for an earlier name of the client lets nothing out [S3, S12]", () => {
  const rig = pulledRig();
  rig.goLive();
  rig.add("k");
  // Meanwhile another way told of another history: the client has a new name, and asks for the rows.
  rig.client.pulled(pageOf(2, [3], false, "epoch-2"));
  rig.settle();
  rig.take();
  rig.welcome({ epoch: "epoch-1", lastSeq: 0 });
  assertEquals([rig.client.isLive, rig.take()], [false, []]);
  rig.client.snapshotLoaded(snapshotOf(3, 3, "epoch-2"));
  rig.settle();
  assertEquals(rig.sent().map(({ kind }) => kind), ["hello"]);
  rig.welcome({ epoch: "epoch-2", lastSeq: 0 });
  assertEquals(rig.pushed().map(({ seq }) => seq), [1]);
});

Deno.test("the rows can be read as a whole, whether somebody has read them or not [S4]", () => {
  const rig = new ClientRig();
  const changes = [counterChange(1, 1, "a"), counterChange(2, 2, "b")];
  rig.client.pulled({ epoch: "epoch-1", from: 0, changes, more: false });
  rig.client.view.get("counter", "a");
  rig.add("a");
  const row = (id: string, value: number) => (
    { entity: "counter", id, json: JSON.stringify({ value }) }
  );
  const rows = [row("a", 1), row("b", 2)];
  assertEquals(rig.client.replica, { rows, cursor: 2, epoch: "epoch-1" });
});
