/** What was refused, what cannot run without it, and what the user does about both. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { PENDING_MAX } from "../../core/limits.ts";
import { causesOf, type QueueEntry } from "../../core/quarantine.ts";
import { ClientRig, counterChange, pokeOf } from "./client_rig.ts";
import { assertCode, dependingRig, outline, refusedRig } from "./refused_rig.ts";
import { call } from "./rows.ts";

Deno.test("a refused mutation leaves the line, and stays with its code and reason [S14, S19]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const [bad, good] = [rig.add("k", 5), rig.add("k", 1)];
  rig.refuse(bad);
  assertEquals([rig.states(), rig.value("k")], [["sent"], 1]);
  const { id, createdAt } = bad;
  const args = { id: "k", by: 5 };
  assertEquals(rig.client.entries, [
    {
      id,
      name: "counter.add",
      args,
      createdAt,
      state: "refused",
      code: "rejected",
      error: "Not today",
    },
    { ...rig.client.entries[1] as QueueEntry, id: good.id, state: "sent" },
  ]);
  assertEquals(rig.client.quarantined.map(({ mutation }) => mutation.id), [id]);
  assertStrictEquals(rig.client.effectsOf(id), undefined);
});

Deno.test("what was never sent and cannot run without a refused one is held [S19]", () => {
  const { rig, earn, spends } = dependingRig();
  const free = rig.add("x");
  const result = { id: earn, cursor: 0, lastSeq: 1, code: "rejected", error: "No" } as const;
  rig.client.decided([result], "epoch-1");
  rig.settle();
  assertEquals(outline(rig.client.entries), [
    "counter.add refused rejected",
    `counter.spend held ${earn}`,
    `counter.spend held ${earn}`,
    "counter.add queued",
  ]);
  assertEquals([rig.value("k"), rig.value("x")], [undefined, 1]);
  assertEquals(rig.taken("rejected").map(({ rejected }) => rejected.mutation.id), [earn]);
  // The number of what was held goes to what still runs.
  assertEquals(rig.client.takeBatch().map(({ id, seq }) => [id, seq]), [[free.id, 2]]);
  assertEquals(spends.length, 2);
});

Deno.test("a refused mutation holds back nothing that runs without it, or was sent [S14, S19]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const [bad, spend] = [rig.add("k", 5), rig.mutate("counter.spend", { id: "k", by: 1 })];
  rig.refuse(bad);
  // It was sent, so that the server decides it, though it shows nothing here.
  assertEquals([rig.states(), rig.value("k")], [["sent"], undefined]);
  rig.accept(1, spend);
  assertEquals(rig.states(), ["acknowledged"]);
});

Deno.test("what did not run before goes on to the server when something else is refused [S19]", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 1 });
  rig.receive(pokeOf([counterChange(1, 9)]));
  rig.client.disconnected();
  const other = rig.add("x");
  rig.client.takeBatch();
  rig.mutate("counter.spend", { id: "k", by: 8 });
  rig.client.pulled({ epoch: "epoch-1", from: 1, changes: [counterChange(2, 1)], more: false });
  const result = { id: other.id, cursor: 0, lastSeq: 1, code: "rejected", error: "" } as const;
  rig.client.decided([result], "epoch-1");
  rig.settle();
  assertEquals(outline(rig.client.entries), [
    "counter.add refused rejected",
    "counter.spend queued",
  ]);
});

Deno.test("of several refused ones that which a mutation builds on is its cause [S19]", () => {
  const rig = new ClientRig();
  const sent = ["a", "b", "c"].map((id) => rig.add(id, 5).id);
  rig.client.takeBatch();
  for (const id of ["a", "b"]) rig.mutate("counter.spend", { id, by: 3 });
  rig.mutate("counter.spend", { id: "a", by: 2 });
  const results = sent.map((id, index) => (
    { id, cursor: 0, lastSeq: index, code: "rejected", error: "" } as const
  ));
  rig.client.decided(results, "epoch-1");
  assertEquals(rig.client.entries.slice(3).map(({ cause }) => cause), [sent[0], sent[1], sent[0]]);
});

Deno.test("one that read a whole collection is held by the newest refused one [S19]", () => {
  const rig = new ClientRig();
  const sent = ["a", "b"].map((id) => rig.add(id, 5).id);
  rig.client.takeBatch();
  rig.mutate("counter.half", null);
  const results = sent.map((id) => (
    { id, cursor: 0, lastSeq: 0, code: "rejected", error: "" } as const
  ));
  rig.client.decided(results, "epoch-1");
  assertEquals(rig.client.entries.at(-1)?.cause, sent[1]);
});

Deno.test("retry calls a refused mutation as a new one, and what it held behind it [S19]", () => {
  const { rig, earn, spends } = refusedRig();
  rig.add("x");
  rig.take();
  const { mutations, token } = rig.client.retry(earn);
  assertEquals(mutations.map(({ name }) => name), [
    "counter.add",
    "counter.spend",
    "counter.spend",
  ]);
  const old = [earn, ...spends];
  for (const { id } of mutations) assert(!old.includes(id));
  assertEquals(new Set(mutations.map(({ createdAt }) => createdAt)).size, 3);
  assertEquals(rig.client.quarantined, []);
  assertStrictEquals(rig.value("k"), 0);
  const effects = rig.take();
  assertEquals(effects.map(({ kind }) => kind), ["persist", "changed"]);
  assert(effects[0]?.kind === "persist" && effects[1]?.kind === "changed");
  assertEquals([effects[0].batch.token, effects[0].batch.drop], [token, [1, 2, 3]]);
  // One step: whoever follows the view hears of the record once.
  assertEquals(effects[1].changes, [
    { entity: "counter", id: "k", before: undefined, after: { value: 0 } },
  ]);
  rig.settle();
  assertEquals(rig.client.takeBatch().map(({ seq, id }) => [seq, id]).slice(1), [
    [3, mutations[0]?.id],
    [4, mutations[1]?.id],
    [5, mutations[2]?.id],
  ]);
  assertEquals(
    rig.restart().client.entries.map(({ id }) => id).slice(1),
    mutations.map((m) => m.id),
  );
});

Deno.test("edit calls a refused mutation with other arguments [S19]", () => {
  const { rig, earn } = refusedRig();
  const { mutations } = rig.client.edit(earn, { id: "k", by: 9 });
  rig.settle();
  assertEquals(mutations[0]?.args, { id: "k", by: 9 });
  assertStrictEquals(rig.value("k"), 4);
});

Deno.test("retry and edit that a rule refuses change nothing [S19]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const { id } = rig.mutate("note.create", { id: "a", data: { title: "mine" } });
  rig.refuse({ id });
  rig.mutate("note.create", { id: "a", data: { title: "other" } });
  rig.take();
  const before = rig.client.entries;
  assertCode(() => rig.client.retry(id), "conflict");
  assertCode(() => rig.client.edit(id, { id: "b", data: { title: 1 } }), "invalid_record");
  assertCode(() => rig.client.edit(id, 1n), "invalid_mutation");
  assertCode(() => rig.client.retry("unknown"), "not_found");
  assertCode(() => rig.client.edit("unknown", null), "not_found");
  assertEquals([rig.client.entries, rig.take()], [before, []]);
  const { mutations } = rig.client.edit(id, { id: "b", data: { title: "mine" } });
  assertEquals(mutations.length, 1);
});

Deno.test("what still cannot run when its cause is called again is refused, with the reason [S19]", () => {
  const { rig, earn, spends } = refusedRig();
  const { mutations } = rig.client.edit(earn, { id: "k", by: 3 });
  rig.settle();
  assertEquals(mutations.map(({ name }) => name), ["counter.add", "counter.spend"]);
  const [refused] = rig.client.quarantined;
  assertEquals([refused?.mutation.id, refused?.reason], [
    spends[1],
    { state: "refused", code: "rejected", error: "Cannot spend 3 of 1" },
  ]);
  assertEquals(rig.restart().client.entries, rig.client.entries);
  rig.add("k", 2);
  assertEquals(rig.client.retry(spends[1] ?? "").mutations.length, 1);
});

Deno.test("a held mutation can be called again without its cause, or let go [S19]", () => {
  const { rig, earn, spends } = refusedRig();
  assertCode(() => rig.client.retry(spends[0] ?? ""), "rejected");
  rig.add("k", 2);
  rig.client.retry(spends[0] ?? "");
  assertEquals(rig.client.discard(spends[1] ?? "").ids, spends.slice(1));
  assertEquals(rig.client.quarantined.map(({ mutation }) => mutation.id), [earn]);
});

Deno.test("retry keeps to the limit of the queue [S11, S19]", () => {
  const { rig, earn } = refusedRig();
  for (let i = 0; i < PENDING_MAX - 2; i++) rig.mutate("note.clear");
  const before = rig.client.entries;
  assertCode(() => rig.client.retry(earn), "queue_full");
  assertEquals(rig.client.entries, before);
  // What is in quarantine takes no place in line.
  const [last] = rig.client.pending.slice(-1);
  rig.client.discard(last?.mutation.id ?? "");
  assertEquals(rig.client.retry(earn).mutations.length, 3);
  assertCode(() => rig.add("x"), "queue_full");
});

Deno.test("discard lets go of a refused mutation and of what it holds [S19]", () => {
  const { rig, earn, spends } = refusedRig();
  const { ids, token } = rig.client.discard(earn);
  assertEquals([ids, rig.client.entries], [[earn, ...spends], []]);
  const [{ batch } = {}] = rig.taken("persist");
  assertEquals([batch?.token, batch?.drop], [token, [1, 2, 3]]);
  rig.settle();
  assertEquals(rig.restart().client.entries, []);
  assertCode(() => rig.client.discard(earn), "not_found");
});

Deno.test("discard withdraws what was never sent, with its effect [S19]", () => {
  const rig = new ClientRig({ slowStorage: true });
  const [one, two] = [1, 10].map((by) =>
    rig.client.mutate("counter.add", { id: "k", by }).mutation
  );
  rig.settle();
  const three = rig.client.mutate("counter.add", { id: "k", by: 100 }).mutation;
  rig.take();
  const { ids, token } = rig.client.discard(two?.id ?? "");
  assertEquals([ids, rig.value("k"), rig.states()], [[two?.id], 101, ["queued", "local"]]);
  const effects = rig.take();
  assertEquals(effects.map(({ kind }) => kind), ["persist", "changed"]);
  assert(effects[0]?.kind === "persist");
  assertEquals([effects[0].batch.token, effects[0].batch.drop], [token, [2]]);
  // One that storage has still to take goes as well, whatever storage says then.
  rig.client.discard(three.id);
  rig.refuseStorage();
  rig.settle();
  rig.goLive();
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[one?.id, 1]]);
  assertEquals(rig.restart().client.entries.map(({ id }) => id), [one?.id]);
});

Deno.test("discard leaves to the server what may have been sent [S2, S19]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const [one, two] = [rig.add("k"), rig.add("k")];
  rig.accept(5, one);
  const refused = (rig: ClientRig, { id }: { readonly id: string }) => {
    const before = rig.client.entries;
    assertCode(() => rig.client.discard(id), "conflict");
    assertEquals(rig.client.entries, before);
  };
  refused(rig, one);
  refused(rig, two);
  // The connection is gone, and what was sent on it may still arrive.
  rig.client.disconnected();
  assertEquals(rig.states(), ["acknowledged", "queued"]);
  refused(rig, two);
  refused(rig.restart(), two);
});

Deno.test("what cannot run for another reason than a refused one has no cause [S19]", () => {
  const spend = call("counter.spend", { id: "k", by: 1 }, { id: "spend" });
  const run = {
    mutation: spend,
    reads: new Set(["counter\0k"]),
    writes: new Map(),
    scans: new Set<string>(),
  };
  assertEquals([...causesOf([run], new Set(["hidden"]), new Set(["spend"]))], []);
});
