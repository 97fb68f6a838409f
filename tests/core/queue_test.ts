/** The pending queue: places, states, and pushes that fit a message. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { canonicalText, type Json } from "../../core/json.ts";
import {
  ARGS_BYTES_MAX,
  IN_FLIGHT_MAX,
  LIVE_MESSAGE_BYTES_MAX,
  NAME_UNITS_MAX,
  PUSH_BATCH_MAX,
} from "../../core/limits.ts";
import { isVisible, type Pending, PendingQueue, pendingRecord } from "../../core/queue.ts";
import { encodeUp } from "../../core/wire/messages.ts";
import { call } from "./rows.ts";

interface Shape {
  readonly count?: number;
  /** How many of them, from the oldest, wait for nothing but to be sent. */
  readonly durable?: number;
  readonly args?: Json;
}

function queueOf({ count = 3, durable = count, args = null }: Shape = {}): PendingQueue {
  const queue = new PendingQueue([], "client", "home");
  for (let i = 0; i < count; i++) {
    const pending = queue.add(call("run", args, { id: `m${i}` }));
    if (i < durable) pending.state = "queued";
  }
  return queue;
}

function acknowledge(queue: PendingQueue, count: number, visibleAt = 9): void {
  for (let i = 0; i < count; i++) {
    const pending = queue.firstUndecided() as Pending;
    Object.assign(pending, { state: "acknowledged", visibleAt });
  }
}

const statesOf = (queue: PendingQueue) => queue.entries.map(({ state }) => state);
const idsOf = (queue: PendingQueue) => queue.mutations.map(({ id }) => id);

Deno.test("a queue keeps the order of its calls and numbers them on", () => {
  const queue = queueOf({ count: 3, durable: 1 });
  assertEquals(idsOf(queue), ["m0", "m1", "m2"]);
  assertEquals(queue.entries.map(({ order }) => order), [1, 2, 3]);
  assertEquals(statesOf(queue), ["queued", "local", "local"]);
});

Deno.test("a restored queue keeps orders, states and arguments", () => {
  const records = [
    { order: 4, id: "a", name: "run", args: "[1]", createdAt: 5, visibleAt: 7 },
    { order: 9, id: "b", name: "run", args: `{"x":1}`, createdAt: 6, visibleAt: null },
  ];
  const queue = new PendingQueue(records, "client", "home");
  assertEquals(statesOf(queue), ["acknowledged", "queued"]);
  assertEquals(queue.entries.map(pendingRecord), records);
  const [, second] = queue.mutations;
  assertEquals(second, {
    id: "b",
    name: "run",
    scope: "home",
    client: "client",
    seq: 9,
    args: { x: 1 },
    createdAt: 6,
  });
  assert(Object.isFrozen(second?.args));
  assertStrictEquals(queue.add(call("run")).order, 10);
  assertStrictEquals(queue.undecidedCount, 2);
});

Deno.test("a mutation that is not durable is not taken, nor is anything behind it [S1]", () => {
  const queue = queueOf({ count: 3, durable: 1 });
  (queue.entries[2] as Pending).state = "queued";
  assertEquals(queue.takePushes(0).flat().map(({ id }) => id), ["m0"]);
  assertEquals(statesOf(queue), ["sent", "local", "queued"]);
  assertEquals(queue.takeBatch(0, "client").map(({ id }) => id), ["m0"]);
});

Deno.test("numbers are places behind the last decided mutation [S3]", () => {
  const queue = queueOf({ count: 3 });
  acknowledge(queue, 1);
  assertEquals(queue.takePushes(5).flat().map(({ id, seq }) => [id, seq]), [["m1", 6], ["m2", 7]]);
  queue.requeue();
  queue.remove(new Set([queue.entries[1] as Pending]));
  assertEquals(queue.takePushes(5).flat().map(({ id, seq }) => [id, seq]), [["m2", 6]]);
});

Deno.test("what was sent is not taken again until it is requeued [S2]", () => {
  const queue = queueOf({ count: 2 });
  assertStrictEquals(queue.takePushes(0).flat().length, 2);
  assertEquals(queue.takePushes(0), []);
  queue.requeue();
  assertEquals(statesOf(queue), ["queued", "queued"]);
  assertStrictEquals(queue.takePushes(0).flat().length, 2);
});

Deno.test("requeueAll takes back what another history acknowledged", () => {
  const queue = queueOf({ count: 4, durable: 3 });
  acknowledge(queue, 1);
  queue.takePushes(1);
  queue.requeueAll();
  assertEquals(statesOf(queue), ["queued", "queued", "queued", "local"]);
  assertStrictEquals(queue.entries[0]?.visibleAt, 0);
});

Deno.test("no more are in flight than the limit [S11]", () => {
  for (const count of [IN_FLIGHT_MAX - 1, IN_FLIGHT_MAX, IN_FLIGHT_MAX + 1]) {
    const taken = queueOf({ count }).takePushes(0).flat();
    assertStrictEquals(taken.length, Math.min(count, IN_FLIGHT_MAX));
  }
  const queue = queueOf({ count: IN_FLIGHT_MAX + 2 });
  queue.takePushes(0);
  acknowledge(queue, 1);
  const [push] = queue.takePushes(1);
  assertEquals(push?.map(({ seq }) => seq), [IN_FLIGHT_MAX + 1]);
});

Deno.test("no batch over HTTP holds more mutations than the limit [S11]", () => {
  for (const count of [PUSH_BATCH_MAX - 1, PUSH_BATCH_MAX, PUSH_BATCH_MAX + 1]) {
    const batch = queueOf({ count }).takeBatch(0, "client");
    assertStrictEquals(batch.length, Math.min(count, PUSH_BATCH_MAX));
  }
});

Deno.test("small mutations share a push, and large ones are spread over several [S11]", () => {
  assertStrictEquals(queueOf({ count: IN_FLIGHT_MAX }).takePushes(0).length, 1);
  const pushes = queueOf({ count: 8, args: "x".repeat(ARGS_BYTES_MAX - 2) }).takePushes(0);
  assertEquals(pushes.map((push) => push.length), [3, 3, 2]);
});

Deno.test("every push fits a live message, whatever the mutations are [S11]", () => {
  const widest = "\uffff".repeat(NAME_UNITS_MAX);
  const sizes = [0, 10, 1_000, 8_000, ARGS_BYTES_MAX - 2];
  const queue = new PendingQueue([], "client", "home");
  for (let i = 0; i < IN_FLIGHT_MAX; i++) {
    const args = "x".repeat(sizes[i % sizes.length] as number);
    queue.add(call(widest, args, { id: widest })).state = "queued";
  }
  const pushes = queue.takePushes(2 ** 52);
  assertStrictEquals(pushes.flat().length, IN_FLIGHT_MAX);
  for (const mutations of pushes) {
    const bytes = encodeUp(15, { kind: "push", mutations }).length;
    assert(bytes <= LIVE_MESSAGE_BYTES_MAX, `${bytes} bytes`);
  }
});

Deno.test("a push carries the canonical text of the arguments", () => {
  const queue = queueOf({ count: 1, args: { b: 1, a: [true, null] } });
  const [[mutation] = []] = queue.takePushes(0);
  assertEquals(mutation, {
    id: "m0",
    name: "run",
    seq: 1,
    args: canonicalText({ a: [true, null], b: 1 }),
    createdAt: queue.mutations[0]?.createdAt ?? 0,
  });
});

Deno.test("takeBatch names the client that numbers now [S3]", () => {
  const queue = queueOf({ count: 2 });
  const batch = queue.takeBatch(7, "renamed");
  assertEquals(batch.map(({ client, seq }) => [client, seq]), [["renamed", 8], ["renamed", 9]]);
  assertEquals(statesOf(queue), ["sent", "sent"]);
});

Deno.test("takeVisible removes what a snapshot contains, and nothing undecided [S6]", () => {
  const queue = queueOf({ count: 3 });
  acknowledge(queue, 1, 5);
  acknowledge(queue, 1, 6);
  assertEquals(queue.takeVisible(4), []);
  assertEquals(queue.takeVisible(5).map(({ mutation }) => mutation.id), ["m0"]);
  assertEquals(idsOf(queue), ["m1", "m2"]);
  assertEquals(queue.takeVisible(100).map(({ mutation }) => mutation.id), ["m1"]);
  assertEquals(idsOf(queue), ["m2"]);
});

Deno.test("isVisible asks for an acknowledgement and its cursor", () => {
  const [pending] = queueOf({ count: 1 }).entries as [Pending];
  assertStrictEquals(isVisible(pending, 10), false);
  pending.state = "sent";
  assertStrictEquals(isVisible(pending, 10), false);
  const acknowledged: Pending = { ...pending, state: "acknowledged", visibleAt: 10 };
  assertStrictEquals(isVisible(acknowledged, 9), false);
  assertStrictEquals(isVisible(acknowledged, 10), true);
});

Deno.test("nothing behind the barrier is taken, and what stands at it is [S1, S3]", () => {
  const queue = queueOf({ count: 3 });
  assertEquals(queue.takePushes(0, 1).flat().map(({ id }) => id), ["m0"]);
  queue.requeue();
  assertEquals(queue.takeBatch(0, "client", 2).map(({ id }) => id), ["m0", "m1"]);
  assertEquals(queue.takeBatch(0, "client", 0), []);
});

Deno.test("an entry may be sent from its first sending on, and always when it was restored [S2, S19]", () => {
  const queue = queueOf({ count: 2 });
  assertEquals(queue.unsent.length, 2);
  queue.takePushes(0, 1);
  queue.requeue();
  assertEquals(queue.unsent.map(({ mutation }) => mutation.id), ["m1"]);
  const stored = queue.entries.map(pendingRecord);
  assertEquals(new PendingQueue(stored, "client", "home").unsent, []);
});

Deno.test("entries that are restored stand at their old places [S3, S19]", () => {
  const queue = queueOf({ count: 4 });
  const out = [queue.entries[1], queue.entries[2]] as Pending[];
  queue.remove(new Set(out));
  queue.restore(out);
  assertEquals(idsOf(queue), ["m0", "m1", "m2", "m3"]);
});

Deno.test("what the rows hold already is not run on them, until rows of another history come [S5, S6]", () => {
  const queue = queueOf({ count: 3 });
  acknowledge(queue, 1);
  for (const pending of queue.undecided(1)) pending.isInRows = true;
  assertEquals(idsOf(queue), ["m0", "m2"]);
  assertEquals(queue.acknowledged.map(({ mutation }) => mutation.id), ["m0"]);
  queue.requeueAll();
  assertEquals(idsOf(queue), ["m0", "m2"], "the rows are still those of the history that is left");
  queue.leaveRows();
  assertEquals(idsOf(queue), ["m0", "m1", "m2"]);
});
