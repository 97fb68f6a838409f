/** The quarantine in storage: restarts, refused batches, other tabs, and its limit. */
import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { IN_FLIGHT_MAX, QUARANTINE_MAX } from "../../core/limits.ts";
import { ClientRig } from "./client_rig.ts";
import { assertCode, outline, refusedRig } from "./refused_rig.ts";

Deno.test("quarantine is there after a restart, and not reported again [S19]", () => {
  const { rig, earn } = refusedRig();
  const again = rig.restart();
  assertEquals(again.client.entries, rig.client.entries);
  assertEquals([again.states(), again.value("k")], [[], undefined]);
  again.goLive({ lastSeq: 1 });
  assertEquals([again.pushed(), again.taken("rejected")], [[], []]);
  assertStrictEquals(again.client.entries[0]?.id, earn);
  // A key of storage is never given twice.
  again.add("x");
  assertEquals(again.storage.load().pending.map(({ order }) => order), [1, 2, 3, 4]);
});

Deno.test("a retry that storage refuses leaves the quarantine as it was [S1, S19]", () => {
  const { rig, earn } = refusedRig();
  const before = rig.client.entries;
  const { token } = rig.client.edit(earn, { id: "k", by: 3 });
  assertNotEquals(rig.client.entries, before);
  const error = new DriftlessError("store_failed", "The disk is full");
  rig.client.persistFailed(token, error);
  rig.unsaved.length = 0;
  assertEquals([rig.client.entries, rig.value("k")], [before, undefined]);
  // What the next batch says is what storage has.
  rig.add("x");
  assertEquals(rig.restart().client.entries, rig.client.entries);
});

Deno.test("the quarantine keeps to its limit: the oldest goes with what it holds, and it is told [S11, S19]", () => {
  const { rig, earn, spends } = refusedRig();
  rig.goLive({ lastSeq: 1 });
  const refuseMore = (count: number) => {
    for (let left = count; left > 0; left -= IN_FLIGHT_MAX) {
      const sent = Array.from({ length: Math.min(left, IN_FLIGHT_MAX) }, () => rig.add("x"));
      rig.refuse(...sent);
    }
  };
  refuseMore(QUARANTINE_MAX - 3);
  assertStrictEquals(rig.client.quarantined.length, QUARANTINE_MAX);
  assertEquals(rig.taken("failed"), []);
  refuseMore(1);
  assertStrictEquals(rig.client.quarantined.length, QUARANTINE_MAX - 2);
  const [failed, ...others] = rig.taken("failed");
  assertEquals([failed?.error.code, others.length], ["queue_full", 0]);
  assert(failed?.error.message.endsWith("the oldest 3 are gone"));
  const left = new Set(rig.client.entries.map(({ id }) => id));
  for (const id of [earn, ...spends]) assert(!left.has(id));
  assertEquals(rig.restart().client.entries, rig.client.entries);
});

Deno.test("more than the quarantine takes is not held, but left to the server [S11, S19]", () => {
  const rig = new ClientRig();
  const earn = rig.add("k", QUARANTINE_MAX + 5);
  rig.client.takeBatch();
  for (let i = 0; i < QUARANTINE_MAX + 5; i++) rig.mutate("counter.spend", { id: "k", by: 1 });
  const result = { id: earn.id, cursor: 0, lastSeq: 1, code: "rejected", error: "" } as const;
  rig.client.decided([result], "epoch-1");
  assertEquals([rig.client.quarantined.length, rig.client.pending.length], [QUARANTINE_MAX, 6]);
});

Deno.test("one that was held before storage took it goes with the refusal of its batch [S1, S19]", () => {
  for (const isHoldRefused of [false, true]) {
    const rig = new ClientRig({ slowStorage: true });
    rig.goLive();
    const { id } = rig.mutate("counter.add", { id: "k", by: 5 });
    rig.settle();
    rig.mutate("counter.spend", { id: "k", by: 2 });
    rig.refuse({ id });
    assertEquals(outline(rig.client.entries)[1], `counter.spend held ${id}`);
    rig.refuseStorage();
    if (isHoldRefused) rig.refuseStorage();
    rig.settle();
    assertEquals(outline(rig.client.entries), ["counter.add refused rejected"]);
    rig.client.disconnected();
    rig.add("x");
    rig.settle();
    assertEquals(rig.restart().client.entries, rig.client.entries);
  }
});

Deno.test("what a refused batch said of the quarantine is said by the next one [S19]", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.goLive();
  const bad = rig.client.mutate("counter.add", { id: "k", by: 5 }).mutation;
  rig.settle();
  rig.client.received({
    kind: "ack",
    results: [{ id: bad.id, cursor: 0, lastSeq: 1, code: "rejected", error: "No" }],
  });
  rig.refuseStorage();
  rig.client.mutate("counter.add", { id: "x", by: 1 });
  rig.settle();
  assertEquals(outline(rig.restart().client.entries), [
    "counter.add refused rejected",
    "counter.add queued",
  ]);
});

Deno.test("quarantine stays as it is when the history of the server changes [S19]", () => {
  const { rig } = refusedRig();
  const before = rig.client.entries;
  rig.goLive({ epoch: "epoch-2", lastSeq: 0 });
  rig.client.snapshotLoaded({ epoch: "epoch-2", cursor: 0, time: 0, rows: [] });
  rig.settle();
  assertEquals([rig.client.entries, rig.restart().client.entries], [before, before]);
});

Deno.test("quarantine of another tab is taken over as quarantine, its line as line [S19]", () => {
  const { rig, earn } = refusedRig();
  rig.add("x", 3);
  const heir = new ClientRig({ name: "heir", clock: rig.clock });
  heir.add("x", 4);
  heir.client.adopt(rig.storage.load().pending);
  heir.settle();
  assertEquals(outline(heir.client.entries), [
    "counter.add queued",
    "counter.add refused rejected",
    `counter.spend held ${earn}`,
    `counter.spend held ${earn}`,
    "counter.add queued",
  ]);
  assertEquals([heir.value("x"), heir.value("k")], [7, undefined]);
  assertEquals(heir.restart().client.entries, heir.client.entries);
  // The other tab may have sent it.
  const last = heir.client.pending.at(-1)?.mutation.id ?? "";
  assertCode(() => heir.client.discard(last), "conflict");
  heir.client.retry(earn);
  assertStrictEquals(heir.value("k"), 0);
});

/** A client with three mutations stored, the second of which its user has just withdrawn. */
function withdrawnRig(): { readonly rig: ClientRig; readonly ids: readonly string[] } {
  const rig = new ClientRig({ slowStorage: true });
  const ids = [1, 10, 100].map((by) => rig.mutate("counter.add", { id: "k", by }).id);
  rig.settle();
  rig.client.discard(ids[1] ?? "");
  rig.take();
  return { rig, ids };
}

Deno.test("nothing behind a withdrawal is sent before storage knows of it [S1, S3, S19]", () => {
  const { rig, ids } = withdrawnRig();
  assertEquals(rig.client.takeBatch().map(({ id }) => id), [ids[0]]);
  rig.client.pushFailed();
  rig.client.connected();
  rig.client.received({
    kind: "welcome",
    epoch: "epoch-1",
    cursor: 0,
    lastSeq: 0,
    time: 0,
    reset: false,
  });
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[ids[0], 1]]);
  rig.settle();
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[ids[2], 2]]);
});

Deno.test("a withdrawal that storage refuses leaves the mutation in its place [S1, S3, S19]", () => {
  const { rig, ids } = withdrawnRig();
  assertStrictEquals(rig.value("k"), 101);
  rig.refuseStorage();
  assertEquals([rig.value("k"), rig.client.entries.map(({ id }) => id)], [111, ids]);
  assertEquals(rig.take().map(({ kind }) => kind), ["changed", "failed"]);
  assertEquals(rig.client.takeBatch().map(({ id, seq }) => [id, seq]), [
    [ids[0], 1],
    [ids[1], 2],
    [ids[2], 3],
  ]);
});

Deno.test("what waited behind a step that storage refuses is sent then [S19, L1]", () => {
  const { rig, ids } = withdrawnRig();
  rig.goLive();
  rig.take();
  rig.refuseStorage();
  assertEquals(rig.pushed().map(({ id }) => id), ids.slice(1));
});

/** A live client whose earn was refused, in a step that storage has not taken yet; a spend is held. */
function holdingRig(): { readonly rig: ClientRig; readonly earn: string } {
  const rig = new ClientRig({ slowStorage: true });
  const { id: earn } = rig.mutate("counter.add", { id: "k", by: 5 });
  rig.settle();
  rig.client.takeBatch();
  rig.mutate("counter.spend", { id: "k", by: 2 });
  rig.settle();
  rig.client.decided([{ id: earn, cursor: 0, lastSeq: 1, code: "rejected", error: "" }], "epoch-1");
  return { rig, earn };
}

Deno.test("one that is held stays in line when storage refuses to hold it [S1, S19]", () => {
  const { rig, earn } = holdingRig();
  assertEquals(outline(rig.client.entries)[1], `counter.spend held ${earn}`);
  rig.refuseStorage();
  assertEquals(outline(rig.client.entries), [
    "counter.add refused rejected",
    "counter.spend queued",
  ]);
  rig.add("x");
  rig.settle();
  assertEquals(rig.restart().client.entries, rig.client.entries);
});

Deno.test("one that was held and called again does not come back when storage refuses [S1, S19]", () => {
  const { rig, earn } = holdingRig();
  const { mutations } = rig.client.retry(earn);
  rig.refuseStorage();
  rig.settle();
  assertEquals(rig.client.entries.map(({ id }) => id), mutations.map(({ id }) => id));
  assertEquals(rig.restart().client.entries, rig.client.entries);
});
