/** The client's own half: calls, storage, sending, and what becomes of each mutation. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { DriftlessError, type ErrorCode } from "../../core/errors.ts";
import { ARGS_BYTES_MAX, IN_FLIGHT_MAX, PENDING_MAX } from "../../core/limits.ts";
import { ClientRig, counterChange, pokeOf } from "./client_rig.ts";
import { START_MS } from "./rows.ts";

function assertCode(act: () => unknown, code: ErrorCode, reason = ""): void {
  assertStrictEquals(assertThrows(act, DriftlessError, reason).code, code);
}

Deno.test("mutate shows its effects at once, stores the mutation, and tells who watches [S6]", () => {
  const rig = new ClientRig({ slowStorage: true });
  const { mutation, token } = rig.client.mutate("counter.add", { by: 2, id: "k" });
  assertStrictEquals(rig.value("k"), 2);
  assertEquals(rig.states(), ["local"]);
  const effects = rig.take();
  assertEquals(effects.map(({ kind }) => kind), ["persist", "changed"]);
  assert(effects[0]?.kind === "persist" && effects[1]?.kind === "changed");
  assertEquals(effects[0].batch, {
    token,
    identity: { client: rig.client.client, decidedSeq: 0, time: START_MS, clockOffset: 0 },
    put: [{
      order: 1,
      id: mutation.id,
      name: "counter.add",
      args: `{"by":2,"id":"k"}`,
      createdAt: START_MS,
      visibleAt: null,
    }],
    drop: [],
  });
  assertEquals(effects[1].changes, [
    { entity: "counter", id: "k", before: undefined, after: { value: 2 } },
  ]);
});

Deno.test("mutate keeps its own copy of the arguments [S17]", () => {
  const rig = new ClientRig();
  const args = { id: "k", by: 1, note: undefined };
  const mutation = rig.mutate("counter.add", args);
  args.by = 100;
  assertEquals(mutation.args, { id: "k", by: 1 });
  assert(Object.isFrozen(mutation.args));
  assertEquals(rig.mutate("note.clear", undefined).args, null);
});

Deno.test("mutate that is refused changes nothing and stores nothing [S14]", () => {
  const rig = new ClientRig();
  const refused = (name: string, args: unknown, code: ErrorCode) =>
    assertCode(() => rig.client.mutate(name, args), code);
  refused("refuse", "no", "rejected");
  refused("crash", null, "mutator_failed");
  refused("unknown", null, "not_found");
  refused("note.update", { id: "missing", data: {} }, "not_found");
  refused("note.create", { id: "a", data: { title: 1 } }, "invalid_record");
  refused("note.create", { id: 1n }, "invalid_mutation");
  refused("", null, "invalid_mutation");
  refused("note.log", "x".repeat(ARGS_BYTES_MAX), "too_large");
  assertEquals([rig.take(), rig.client.pending.length], [[], 0]);
  assertEquals(rig.add("k").createdAt, START_MS);
});

Deno.test("the queue takes mutations up to the limit and refuses one more, dropping none [S11]", () => {
  const rig = new ClientRig();
  for (let i = 0; i < PENDING_MAX - 1; i++) rig.mutate("note.clear");
  rig.add("k");
  assertStrictEquals(rig.client.pending.length, PENDING_MAX);
  rig.take();
  assertCode(() => rig.add("k"), "queue_full", `more than ${PENDING_MAX}`);
  assertEquals([rig.take(), rig.value("k"), rig.client.pending.length], [[], 1, PENDING_MAX]);
  rig.goLive();
  const [first] = rig.pushed();
  assert(first !== undefined);
  rig.accept(0, first);
  rig.add("k");
  assertCode(() => rig.add("k"), "queue_full");
});

Deno.test("nothing is sent before it is durable [S1]", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.goLive();
  const one = rig.client.mutate("counter.add", { id: "k", by: 1 });
  const two = rig.client.mutate("counter.add", { id: "k", by: 1 });
  assertEquals(rig.pushed(), []);
  rig.client.persisted(one.token);
  assertEquals(rig.pushed().map(({ id }) => id), [one.mutation.id]);
  rig.client.persisted(two.token);
  assertEquals(rig.pushed().map(({ id, seq }) => [id, seq]), [[two.mutation.id, 2]]);
});

Deno.test("what is durable waits behind what is not [S1, S3]", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.goLive();
  const one = rig.client.mutate("counter.add", { id: "k", by: 1 });
  const two = rig.client.mutate("counter.add", { id: "k", by: 1 });
  rig.client.persisted(two.token);
  assertEquals([rig.pushed(), rig.client.takeBatch()], [[], []]);
  rig.client.persisted(one.token);
  assertEquals(rig.pushed().map(({ seq }) => seq), [1, 2]);
});

Deno.test("storage answers several batches at once", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.goLive();
  const tokens = [1, 2, 3].map((by) => rig.client.mutate("counter.add", { id: "k", by }).token);
  rig.client.persisted(...tokens, 999);
  assertStrictEquals(rig.pushed().length, 3);
  assertEquals(rig.states(), ["sent", "sent", "sent"]);
});

Deno.test("a mutation that storage refuses is taken back, with what built on it [S1, S5]", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.goLive();
  rig.client.mutate("counter.add", { id: "k", by: 5 });
  rig.client.mutate("counter.spend", { id: "k", by: 3 });
  rig.take();
  const error = rig.refuseStorage();
  const effects = rig.take();
  assertEquals(effects.map(({ kind }) => kind), ["changed", "failed"]);
  assert(effects[0]?.kind === "changed" && effects[1]?.kind === "failed");
  assertEquals(effects[0].changes, [
    { entity: "counter", id: "k", before: { value: 2 }, after: undefined },
  ]);
  assertStrictEquals(effects[1].error, error);
  assertEquals(rig.states(), ["local"]);
  rig.settle();
  // The number of the one that was lost goes to the next: the server sees no gap.
  assertEquals(rig.pushed().map(({ seq, name }) => [seq, name]), [[1, "counter.spend"]]);
});

Deno.test("a refused batch that held no mutation of its own takes nothing back", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.goLive({ cursor: 1 });
  rig.receive(pokeOf([counterChange(1, 5)]));
  rig.take();
  rig.refuseStorage();
  assertEquals(rig.take().map(({ kind }) => kind), ["failed"]);
  assertStrictEquals(rig.value("k"), 5);
});

Deno.test("a full flight is sent, and more as answers come [S11]", () => {
  const rig = new ClientRig();
  for (let i = 0; i < IN_FLIGHT_MAX + 2; i++) rig.add("k");
  rig.goLive();
  const sent = rig.pushed();
  assertStrictEquals(sent.length, IN_FLIGHT_MAX);
  rig.accept(1, ...sent.slice(0, 1));
  assertEquals(rig.pushed().map(({ seq }) => seq), [IN_FLIGHT_MAX + 1]);
  rig.add("k");
  assertEquals(rig.pushed(), []);
});

Deno.test("an acknowledged mutation stays in the view until its effects arrive [S6]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const mutation = rig.add("k", 7);
  rig.accept(3, mutation);
  assertEquals([rig.states(), rig.value("k")], [["acknowledged"], 7]);
  rig.take();
  rig.receive(pokeOf([counterChange(1, 1, "x"), counterChange(2, 2, "x")]));
  assertEquals([rig.states(), rig.value("k")], [["acknowledged"], 7]);
  rig.take();
  rig.receive(pokeOf([counterChange(3, 7)]));
  assertEquals([rig.states(), rig.value("k")], [[], 7]);
  // The pending effect became a confirmed one: no reader sees a difference.
  assertEquals(rig.taken("changed"), []);
});

Deno.test("a mutation whose effects are here already leaves with its acknowledgement [S5]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const mutation = rig.add("k", 7);
  rig.receive(pokeOf([counterChange(1, 7)]));
  rig.accept(1, mutation);
  assertEquals([rig.states(), rig.value("k")], [[], 7]);
  assertEquals(rig.storage.load().pending, []);
});

Deno.test("a refused mutation is rolled back and reported once, whatever comes again [S14]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const [bad, good] = [rig.add("k", 5), rig.add("k", 1)];
  const ack = {
    kind: "ack",
    results: [
      { id: bad.id, cursor: 0, lastSeq: 1, code: "rejected", error: "Too much" },
      { id: good.id, cursor: 1, lastSeq: 2, code: null, error: null },
    ],
  } as const;
  rig.take();
  rig.receive(ack);
  const effects = rig.take();
  assertEquals(effects.map(({ kind }) => kind), ["persist", "changed", "rejected"]);
  const rejected = effects.find(({ kind }) => kind === "rejected");
  assert(rejected?.kind === "rejected");
  assertEquals(rejected.rejected.mutation, bad);
  assertEquals([rejected.rejected.error.code, rejected.rejected.error.message], [
    "rejected",
    "Too much",
  ]);
  assertEquals([rig.states(), rig.value("k")], [["acknowledged"], 1]);
  for (let i = 0; i < 3; i++) rig.receive(ack);
  assertEquals(rig.taken("rejected"), []);
  const stored = rig.storage.load().pending.map(({ id, quarantine }) => [id, quarantine?.state]);
  assertEquals(stored, [[bad.id, "refused"], [good.id, undefined]]);
});

Deno.test("a refusal without a text has one for people", () => {
  const rig = new ClientRig();
  rig.goLive();
  const { id } = rig.add("k");
  rig.receive({
    kind: "ack",
    results: [{ id, cursor: 0, lastSeq: 1, code: "forbidden", error: null }],
  });
  const [rejected] = rig.taken("rejected");
  assertStrictEquals(rejected?.rejected.error.message, "The server refused the mutation");
});

Deno.test("a rejected mutation is not sent again, on this connection or another [S14]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const bad = rig.add("k");
  rig.receive({
    kind: "ack",
    results: [{ id: bad.id, cursor: 0, lastSeq: 1, code: "conflict", error: "It exists" }],
  });
  rig.take();
  rig.client.disconnected();
  rig.goLive();
  assertEquals(rig.pushed(), []);
  const again = rig.restart();
  again.goLive();
  assertEquals([again.pushed(), again.client.takeBatch()], [[], []]);
});

Deno.test("a conflict result clears only its own mutation from the queue [S14]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const mutations = [1, 2, 3].map((by) => rig.add("k", by));
  rig.receive({
    kind: "ack",
    results: [{ id: mutations[0]?.id ?? "", cursor: 0, lastSeq: 1, code: "conflict", error: "" }],
  });
  assertEquals(rig.client.pending.map(({ mutation }) => mutation.id), [
    mutations[1]?.id,
    mutations[2]?.id,
  ]);
  assertStrictEquals(rig.value("k"), 5);
});

Deno.test("answers that come twice or late change nothing [S2, S12]", () => {
  const rig = new ClientRig();
  rig.goLive();
  const [one, two] = [rig.add("k"), rig.add("k")];
  rig.accept(1, one);
  rig.accept(1, one);
  assertEquals(rig.states(), ["acknowledged", "sent"]);
  rig.client.disconnected();
  rig.client.connected();
  // An answer to what is not on its way any more: it will be asked for again.
  rig.accept(2, two);
  assertEquals(rig.states(), ["acknowledged", "queued"]);
  rig.welcome({ lastSeq: 2 });
  rig.accept(2, two);
  rig.accept(2, one, two);
  assertEquals(rig.states(), ["acknowledged", "acknowledged"]);
  assertStrictEquals(rig.storage.identity?.decidedSeq, 2);
});

Deno.test("answers about unknown mutations are passed over [S12]", () => {
  const rig = new ClientRig();
  rig.goLive();
  rig.accept(1, { id: "stranger" });
  const mutation = rig.add("k");
  rig.accept(1, { id: "stranger" }, mutation);
  assertEquals(rig.states(), ["acknowledged"]);
});

Deno.test("a mutation is later than the one before it, whatever the device's clock does [S13]", () => {
  const rig = new ClientRig();
  const times = [0, 5_000, -86_400_000, 0, 1].map((jump) => {
    rig.clock.time += jump;
    return rig.add("k").createdAt;
  });
  times.push(rig.restart().add("k").createdAt);
  assertEquals(times, [...new Set(times)].sort((a, b) => a - b));
  assertEquals(times.slice(0, 2), [START_MS, START_MS + 5_000]);
});

Deno.test("a client goes by the server's clock once it was told, and never by parts of a millisecond [S13]", () => {
  const rig = new ClientRig();
  rig.clock.time = 1_000.75;
  assertStrictEquals(rig.add("k").createdAt, 1_000);
  rig.goLive({ time: START_MS });
  assertStrictEquals(rig.add("k").createdAt, START_MS);
  rig.clock.time += 500;
  assertStrictEquals(rig.add("k").createdAt, START_MS + 500);
  rig.receive({ kind: "pong", time: START_MS + 10_000 });
  assertStrictEquals(rig.add("k").createdAt, START_MS + 10_000);
});

Deno.test("a mutation is later than every change that its client has seen [S16]", () => {
  const rig = new ClientRig();
  rig.goLive({ cursor: 1 });
  rig.receive(pokeOf([counterChange(1, 1, "k", START_MS + 7_000)]));
  assertStrictEquals(rig.add("k").createdAt, START_MS + 7_001);
});

Deno.test("later calls win over earlier ones in the view, though no clock moves [S6, S16]", () => {
  const rig = new ClientRig();
  rig.mutate("note.create", { id: "a", data: { title: "0" } });
  for (const title of ["1", "2", "3"]) {
    rig.mutate("note.update", { id: "a", data: { title } });
    assertEquals(rig.client.view.get("note", "a"), { title });
  }
});

Deno.test("later calls win over restored ones, though storage lost some in between [S6, S16]", () => {
  const rig = new ClientRig({ slowStorage: true });
  rig.client.mutate("note.create", { id: "a", data: { title: "0" } });
  rig.settle();
  for (let i = 0; i < 5; i++) {
    rig.client.mutate("note.clear", null);
    rig.refuseStorage();
  }
  rig.client.mutate("note.update", { id: "a", data: { title: "1" } });
  rig.settle();
  const again = rig.restart();
  for (const title of ["2", "3"]) {
    again.mutate("note.update", { id: "a", data: { title } });
    assertEquals(again.client.view.get("note", "a"), { title });
  }
});
