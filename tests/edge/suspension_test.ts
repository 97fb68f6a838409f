/** Behind all doors, a store whose data is elsewhere is told from one at hand by nothing but time. */
import { assert, assertEquals } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { openKvStore } from "../../edge/kv/open.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { ALWAYS, sometimes, SuspendingMemory } from "../core/suspending_memory.ts";
import { Prng } from "../sim/prng.ts";
import { Client, converse, counted, doorsOn, NOW_MS, settledOn, STEPS } from "./conversation.ts";
import { EPOCH, withOwnTime } from "./served_app.ts";

/** Conversations that are compared; `DRIFTLESS_SUSPENSION_SEEDS` sets how many. */
const SEEDS = Number(Deno.env.get("DRIFTLESS_SUSPENSION_SEEDS") ?? 6);

Deno.test("every frame and every answer is the same, byte for byte, on a store that misses", async () => {
  await withOwnTime(async (_, setTime) => {
    setTime(NOW_MS);
    let [frames, rerun] = [0, 0];
    for (let seed = 0; seed < SEEDS; seed++) {
      const chance = new Prng(-1 - seed);
      const absence = seed % 2 === 0 ? ALWAYS : sometimes(() => chance.float());
      const away = counted(new SuspendingMemory(EPOCH, absence, plainKernel));
      const there = await converse(away, seed, true);
      const here = await converse(new MemoryStore(EPOCH, plainKernel), seed, true);
      assertEquals(there, here, `seed ${seed}`);
      frames += here.frames.flat().length;
      rerun += away.rerun;
    }
    assert(frames > SEEDS * STEPS / 2 && rerun > SEEDS * 20, `${frames} frames, ${rerun} reruns`);
  });
});

Deno.test("every frame and every answer is the same, byte for byte, on Deno KV", async () => {
  await withOwnTime(async (_, setTime) => {
    setTime(NOW_MS);
    for (let seed = 0; seed < SEEDS / 2; seed++) {
      const kv = await Deno.openKv(":memory:");
      const away = counted(await openKvStore(kv, { kernel: kernelSync(), pollMs: 0 }));
      const there = await converse(away, seed, true);
      assertEquals(there, await converse(new MemoryStore(away.epoch, kernelSync()), seed, true));
      away.close();
      kv.close();
    }
  });
});

Deno.test("whoever does not wait is answered in order, and misses no change", async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const chance = new Prng(-1 - seed);
    const away = counted(new SuspendingMemory(EPOCH, sometimes(() => chance.float()), plainKernel));
    const { handler } = doorsOn(away);
    const client = await new Client().open(handler);
    const other = await new Client().open(handler);
    for (const channel of [0, 1]) client.hello("home", 0, channel);
    for (let seq = 1; seq <= 20; seq++) {
      const args = JSON.stringify({ id: `t${seq}`, data: { title: "Task", done: false } });
      const one = { name: "todo.create", args, seq, createdAt: NOW_MS };
      client.say({ kind: "push", mutations: [{ ...one, id: `m${seq}` }] });
      if (seq === 3) other.hello("home");
      other.say({ kind: "push", mutations: [{ ...one, id: `o${seq}` }] });
      if (chance.chance(0.3)) await Promise.resolve();
      if (chance.chance(0.2)) client.say({ kind: "ping" });
    }
    await settledOn(away);
    const { cursor } = away.inner.head("home");
    for (
      const { heard, channel } of [0, 1].map((channel) => ({ heard: client.heard(), channel }))
    ) {
      const own = heard.filter((one) => one.channel === channel).map(({ message }) => message);
      let at = 0;
      for (const message of own) {
        if (message.kind !== "poke") continue;
        assertEquals(message.from, at, `seed ${seed}: a poke follows on`);
        at = message.changes.at(-1)?.cursor ?? at;
      }
      assertEquals(at, cursor, `seed ${seed}, channel ${channel}: nothing is missing`);
      const decided = own.flatMap((one) =>
        one.kind === "ack" ? one.results.map(({ id }) => id) : []
      );
      const expected = channel === 0 ? Array.from({ length: 20 }, (_, i) => `m${i + 1}`) : [];
      assertEquals(decided, expected, `seed ${seed}: answered in order`);
    }
    handler.close();
  }
});

Deno.test("a connection that waits for the store holds up no other", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waits = 0;
  const away = counted(
    new SuspendingMemory(EPOCH, {
      forgets: () => false,
      outdated: () => false,
      wait: () => ++waits === 1 ? promise : Promise.resolve(),
    }, plainKernel),
  );
  const { handler } = doorsOn(away);
  waits = -1;
  const [slow, quick] = [await new Client().open(handler), await new Client().open(handler)];
  waits = 0;
  slow.hello("home");
  slow.say({ kind: "ping" });
  await new Promise((done) => setTimeout(done, 0));
  quick.hello("away");
  quick.say({ kind: "ping" });
  while (quick.frames.length < 2) await new Promise((done) => setTimeout(done, 0));
  assertEquals(slow.frames.length, 0, "a ping does not overtake a hello");
  resolve();
  await settledOn(away);
  assertEquals(slow.heard().map(({ message }) => message.kind), ["welcome", "pong"]);
  handler.close();
});

Deno.test("a commit between a hello's read and its welcome is not missed", async () => {
  const held: (() => void)[] = [];
  class Held extends SuspendingMemory {
    isHolding = false;
    override async settle<T>(work: () => T): Promise<T> {
      const value = await super.settle(work);
      if (this.isHolding) await new Promise<void>((resolve) => held.push(resolve));
      return value;
    }
  }
  const away = counted(new Held(EPOCH, ALWAYS, plainKernel));
  const { handler } = doorsOn(away);
  const client = await new Client().open(handler);
  away.follow = () => {};
  away.isHolding = true;
  client.hello("home");
  while (held.length === 0) await new Promise((done) => setTimeout(done, 0));
  away.isHolding = false;
  handler.sweep();
  const args = { id: "t", data: { title: "Task", done: true } };
  const body = JSON.stringify({
    mutations: [{ id: "m", name: "todo.create", args, scope: "home" }],
  });
  const push = new Request("http://localhost/_sync/push", { method: "POST", body });
  await (await handler.fetch(push)).body?.cancel();
  held.forEach((goOn) => goOn());
  await settledOn(away);
  assertEquals(client.heard().map(({ message }) => message.kind), ["welcome", "poke"]);
  handler.close();
});

Deno.test("commits of another process reach the scopes that somebody looks at, and no others", async () => {
  const away = counted(new SuspendingMemory(EPOCH, ALWAYS, plainKernel));
  const { handler } = doorsOn(away);
  const client = await new Client().open(handler);
  client.hello("home");
  await settledOn(away);
  assertEquals(away.followed, 1);
  const json = `{"done":false,"title":"From elsewhere"}`;
  const write = (store: MemoryStore) =>
    store.transaction(() => {
      store.append("home", { cursor: 1, entity: "todo", id: "t", op: "create", json, time: 1 });
      store.putRow("home", { entity: "todo", id: "t", json, stamps: "[]", live: true, cursor: 1 });
    });
  away.elsewhere("home", write);
  await settledOn(away);
  const [, poke] = client.heard();
  assert(poke?.message.kind === "poke" && poke.message.changes.length === 1);
  client.end(1000);
  assertEquals(away.followed, 0);
  handler.close();
});

Deno.test("rows are led up before the first request, and a failure is that request's alone", async () => {
  const away = counted(new SuspendingMemory(EPOCH, ALWAYS, plainKernel));
  away.inner.transaction(() => away.inner.setAppVersion(7));
  const { handler } = doorsOn(away);
  const get = () => handler.fetch(new Request("http://localhost/healthz"));
  away.failure = new DriftlessError("store_failed", "The network is gone");
  const codes = [];
  for (let i = 0; i < 2; i++) codes.push((await (await get()).json()).code);
  assertEquals(codes, ["store_failed", "upgrade_required"]);
  away.inner.transaction(() => away.inner.setAppVersion(1));
  assertEquals((await (await get()).json()).status, "ok");
  handler.close();
});

Deno.test("logs are trimmed scope by scope", async () => {
  await withOwnTime(async (_, setTime) => {
    setTime(NOW_MS);
    const away = counted(new SuspendingMemory(EPOCH, ALWAYS, plainKernel));
    const { handler, lines } = doorsOn(away);
    for (const scope of ["a", "b"]) {
      const args = { id: "t", data: { title: "Task", done: true } };
      const body = JSON.stringify({ mutations: [{ id: scope, name: "todo.create", args, scope }] });
      const request = new Request("http://localhost/_sync/push", { method: "POST", body });
      await (await handler.fetch(request)).body?.cancel();
    }
    setTime(NOW_MS * 2);
    away.failure = new DriftlessError("store_failed", "The network is gone");
    await handler.trim();
    assert(lines.some((line) => line.includes("The network is gone")));
    await handler.trim();
    assertEquals(["a", "b"].map((scope) => away.inner.head(scope).floor), [1, 1]);
    assert(lines.some((line) => line.includes(`"event":"log trimmed","changes":2`)));
    handler.close();
  });
});

Deno.test("pushes that arrive while a group is decided elsewhere are the next group, all at once", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waits = 0;
  const away = counted(
    new SuspendingMemory(EPOCH, {
      ...ALWAYS,
      forgets: () => false,
      wait: () => ++waits === 1 ? promise : Promise.resolve(),
    }, plainKernel),
  );
  const { handler } = doorsOn(away);
  waits = -1000;
  assertEquals((await handler.fetch(new Request("http://localhost/healthz"))).status, 200);
  const push = async (id: string) => {
    const args = { id, data: { title: "Task", done: true } };
    const body = JSON.stringify({ mutations: [{ id, name: "todo.create", args, scope: "home" }] });
    const request = new Request("http://localhost/_sync/push", { method: "POST", body });
    return (await (await handler.fetch(request)).json()).results[0].cursor as number;
  };
  waits = 0;
  const first = push("a");
  while (waits === 0) await new Promise((done) => setTimeout(done, 0));
  const runs = away.runs;
  const others = ["b", "c", "d"].map(push);
  for (let i = 0; i < 3; i++) await new Promise((done) => setTimeout(done, 0));
  assertEquals(away.runs, runs, "one group at a time");
  resolve();
  assertEquals(await Promise.all([first, ...others]), [1, 2, 3, 4]);
  handler.close();
});

Deno.test("a store that fails answers everyone of the group; a fault of one costs one", async () => {
  const away = counted(new SuspendingMemory(EPOCH, ALWAYS, plainKernel));
  const { handler } = doorsOn(away);
  const push = async (id: string) => {
    const args = { id, data: { title: "Task", done: true } };
    const body = JSON.stringify({ mutations: [{ id, name: "todo.create", args, scope: "home" }] });
    const request = new Request("http://localhost/_sync/push", { method: "POST", body });
    return (await handler.fetch(request)).status;
  };
  assertEquals(await push("first"), 200);
  away.failure = new DriftlessError("store_failed", "The network is gone");
  const failed = await Promise.all([push("a"), push("b")]);
  assertEquals(
    failed.every((status) => status >= 500) && away.inner.head("home").cursor === 1,
    true,
  );
  // A fault that a store of one's own may have, in the row of one mutation.
  const { outcome } = away;
  away.outcome = function (scope, mutation) {
    if (mutation === "bad") throw new TypeError("a fault in the store");
    return outcome.call(this, scope, mutation);
  };
  assertEquals(await Promise.all([push("c"), push("bad"), push("d")]), [200, 500, 200]);
  handler.close();
});
