/** A server whose data is elsewhere decides, answers and reports as one that has it at hand. */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { collection, defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { LOG_AGE_MS_MAX } from "../../core/limits.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { PushedMutation } from "../../core/mutation.ts";
import type { Store } from "../../core/store.ts";
import { isSuspending, settled, Suspended, whenSettled } from "../../core/suspend.ts";
import { upgradeStore } from "../../core/upgrade.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import * as v from "valibot";
import { Prng } from "../sim/prng.ts";
import { requestOf } from "./reconcile_request.ts";
import { call } from "./rows.ts";
import { ann, Author, bob, ManualClock, ServerRig, type ServerRigOptions } from "./server_rig.ts";
import { assertFailure, kindsOf, SessionRig } from "./session_rig.ts";
import { ALWAYS, sometimes, SuspendingMemory } from "./suspending_memory.ts";

/** Conversations that are compared; `DRIFTLESS_SUSPENSION_SEEDS` sets how many. */
const SEEDS = Number(Deno.env.get("DRIFTLESS_SUSPENSION_SEEDS") ?? 12);

/** A rig on a store at hand, and one on a store that misses. */
function pair(seed: number, options: ServerRigOptions = {}) {
  const chance = new Prng(-1 - seed);
  const away = new SuspendingMemory("epoch-1", sometimes(() => chance.float()), plainKernel);
  const clock = new ManualClock();
  const here = new MemoryStore("epoch-1", plainKernel);
  return {
    away,
    here,
    clock,
    near: new ServerRig({ ...options, clock, store: here }),
    far: new ServerRig({ ...options, clock, store: away }),
  };
}

/** All that a store holds. */
function contentsOf(store: Store): unknown {
  return store.scopes().map((scope) => ({
    scope,
    head: store.head(scope),
    rows: [...store.everyRow(scope)],
    changes: store.changes(scope, store.head(scope).floor, Infinity),
    clients: ["a", "b"].map((client) => store.client(scope, client)),
    root: store.tree(scope)?.root,
  }));
}

/** A mutation of any kind, mostly in order. */
function anyMutation(prng: Prng, authors: readonly Author[]): PushedMutation {
  const author = prng.pick(authors as [Author, ...Author[]]);
  const id = prng.pick(["a", "b", "c", "d"]);
  const fields = { scope: prng.chance(0.8) ? "home" : "away" };
  const [name, args] = prng.pick<readonly [string, unknown]>([
    ["counter.add", { id, by: prng.between(1, 5) }],
    ["counter.spend", { id, by: 3 }],
    ["counter.route", { id }],
    ["counter.total", null],
    ["counter.half", null],
    ["note.create", { id, data: { title: id } }],
    ["note.rename", { id, title: "new" }],
    ["note.delete", { id }],
    ["note.clear", null],
    ["note.log", "text"],
    ["note.fill", { count: 5, title: "many" }],
    ["crash", null],
    ["nothing", null],
  ]);
  const made = author.call(name, args, fields);
  if (prng.chance(0.1)) author.seq += prng.between(-1, 1);
  return made;
}

Deno.test("a server decides alike whether its store has all at hand or misses at random", async () => {
  let rerun = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { here, away, clock, near, far } = pair(seed);
    const prng = new Prng(seed);
    const authors = [new Author("a"), new Author("b")];
    for (let step = 0; step < 25; step++) {
      clock.time += prng.between(0, 1000);
      const requests = Array.from({ length: prng.between(1, 3) }, () => ({
        principal: prng.pick([ann, ann, bob]),
        mutations: Array.from({ length: prng.between(1, 3) }, () => anyMutation(prng, authors)),
      }));
      const decided = await far.server.settled(() => far.server.push(requests));
      assertEquals(decided, near.server.push(requests), `seed ${seed}, step ${step}`);
      if (prng.chance(0.1)) {
        clock.time += LOG_AGE_MS_MAX / 2;
        let trimmed = 0;
        for (const scope of here.scopes()) {
          trimmed += await far.server.settled(() => far.server.trim(scope));
        }
        assertEquals(trimmed, near.server.trim(), `seed ${seed}, step ${step}`);
      }
    }
    assertEquals(contentsOf(away.inner), contentsOf(here), `seed ${seed}`);
    assertEquals(
      far.failures.map(({ where }) => where),
      near.failures.map(({ where }) => where),
      `seed ${seed}: reported once for each run that counts`,
    );
    rerun += away.rerun;
  }
  assert(rerun > SEEDS * 25, `${rerun} runs were given up`);
});

Deno.test("reads answer alike, with roots, pages and snapshots, and count exchanges once", async () => {
  const { away, near, far } = pair(1);
  const author = new Author("a");
  const first = Array.from({ length: 30 }, (_, i) => author.note(`n${i}`));
  const requests = [{ principal: ann, mutations: first }];
  near.server.push(requests);
  await far.server.settled(() => far.server.push(requests));
  const request = requestOf({ scope: "home", epoch: "epoch-1" });
  const spent: number[][] = [[], []];
  const spendIn = (list: number[]) => (work: number) => {
    if (work > 0) list.push(work);
    return 0;
  };
  const ask = (rig: ServerRig, spend: (work: number) => number): readonly (() => unknown)[] => [
    () => rig.server.head("home"),
    () => rig.server.claim("home"),
    () => rig.server.claim("nowhere"),
    () => rig.server.pull("home", 3, 7),
    () => rig.server.pull("home", 25, 7),
    () => rig.server.lastSeq("home", "a", ann),
    () => rig.server.reconcile("home", request, spend),
    () => {
      const { cursor, time, root } = rig.server.snapshot("home");
      return { cursor, time, root };
    },
  ];
  const there = ask(far, spendIn(spent[0] ?? []));
  for (const [index, expected] of ask(near, spendIn(spent[1] ?? [])).entries()) {
    assertEquals(await far.server.settled(there[index] as () => unknown), expected(), `${index}`);
  }
  assert(away.rerun > 0 && (spent[1]?.length ?? 0) > 0);
  assertEquals(spent[0], spent[1], "work of runs that do not count is not counted");
  const snapshot = await far.server.settled(() => far.server.snapshot("home"));
  const expected = near.server.snapshot("home");
  for (let page = expected.next(11); page.length > 0; page = expected.next(11)) {
    assertEquals(await far.server.settled(() => snapshot.next(11)), page);
  }
  assertEquals(await far.server.settled(() => snapshot.next(11)), []);
  const tooOld = () => far.server.pull("home", 99, 1);
  const refusal = await assertRejects(async () => await far.server.settled(tooOld), DriftlessError);
  assertStrictEquals(refusal.code, "cursor_too_old");
});

Deno.test("a root of a run that does not count is never claimed", async () => {
  let isOvertaken = false;
  const away = new SuspendingMemory("epoch-1", {
    forgets: () => false,
    outdated: () => !isOvertaken && (isOvertaken = true),
    wait: () => {
      // Another process is faster: what was read is not so any more.
      if (isOvertaken && away.inner.head("home").cursor === 1) other("counter.spend", 1);
      return Promise.resolve();
    },
  }, plainKernel);
  const far = new ServerRig({ store: away });
  const beneath = new ServerRig({ store: away.inner, clock: far.clock });
  const author = new Author("b");
  const other = (name: string, by: number) => beneath.push([author.call(name, { id: "k", by })]);
  other("counter.add", 3);
  const mutations = [new Author("a").call("counter.spend", { id: "k", by: 3 })];
  const push = () => far.server.push([{ principal: ann, mutations }]);
  const { results, commits } = await far.server.settled(push);
  assertEquals([results[0]?.[0]?.code, commits], ["rejected", []], "it was accepted at first");
  const { root, cursor } = await far.server.settled(() => far.server.claim("home"));
  assertEquals([root, cursor], [away.inner.tree("home")?.root, 2]);
});

Deno.test("a batch misses what its mutations need all at once", async () => {
  const away = new SuspendingMemory("epoch-1", ALWAYS);
  const far = new ServerRig({ store: away });
  const push = async (...mutations: readonly PushedMutation[]) => {
    const before = away.rerun;
    const work = () => far.server.push([{ principal: ann, mutations }]);
    const { results } = await far.server.settled(work);
    assertEquals(results.flat().filter(({ ok }) => !ok), []);
    return away.rerun - before;
  };
  const [one, many] = [new Author("a"), new Author("b")];
  const alone = await push(one.add("k"));
  assertStrictEquals(await push(...Array.from({ length: 50 }, (_, i) => many.add(`k${i}`))), alone);
  const strangers = Array.from({ length: 50 }, (_, i) => new Author(`s${i}`).add(`k${i}`));
  assertStrictEquals(await push(...strangers), alone);
});

Deno.test("a fault of a store that misses is no miss", async () => {
  const away = new SuspendingMemory("epoch-1", ALWAYS);
  const far = new ServerRig({ store: away });
  away.outcome = () => {
    throw new TypeError("a fault in the store");
  };
  const push = () => far.server.push([{ principal: ann, mutations: [new Author("a").add("k")] }]);
  await assertRejects(async () => await far.server.settled(push), TypeError, "a fault");
});

/** Mutators that do not let a miss through. */
const swallowing = defineApp({
  name: "swallowing",
  collections: { counter: collection("counter", v.object({ value: v.number() })) },
  mutators: {
    "counter.guess"(tx, { id }: { id: string }) {
      let value = -1;
      try {
        value = tx.counter.get(id)?.value ?? 0;
      } catch {
        // As if it were not there.
      }
      tx.counter.put(id, { value: value + 1 });
    },
  },
});

Deno.test("a mutator that swallows what a miss throws changes nothing and is not reported", async () => {
  const away = new SuspendingMemory("epoch-1", ALWAYS);
  const far = new ServerRig({ app: swallowing, store: away });
  for (let seq = 1; seq <= 3; seq++) {
    const mutation = call("counter.guess", { id: "k" }, {
      id: `m${seq}`,
      scope: "home",
      client: "a",
      seq,
    });
    const push = () => far.server.push([{ principal: ann, mutations: [mutation] }]);
    const { results } = await far.server.settled(push);
    assertEquals(results[0]?.map(({ ok, lastSeq }) => [ok, lastSeq]), [[true, seq]]);
  }
  assertEquals(away.inner.row("home", "counter", "k")?.json, `{"value":3}`);
  assertEquals(far.failures, []);
});

Deno.test("a store that cannot fetch fails the call: nothing is decided, reported or counted", async () => {
  const away = new SuspendingMemory("epoch-1", ALWAYS, plainKernel);
  const far = new ServerRig({ app: swallowing, store: away });
  const failure = new DriftlessError("store_failed", "The network is gone");
  let spent = 0;
  const request = requestOf({ scope: "home", epoch: "epoch-1" });
  const calls = [
    () => far.server.push([{ principal: ann, mutations: [new Author("a").add("k")] }]),
    () =>
      far.server.reconcile("home", request, (work) => {
        spent += work;
        return 0;
      }),
  ];
  for (const work of calls) {
    away.failure = failure;
    const error = await assertRejects(async () => await far.server.settled<unknown>(work));
    assertStrictEquals(error, failure);
  }
  assertEquals([away.inner.scopes(), far.failures, spent], [[], [], 0]);
});

Deno.test("what the last run throws is thrown, after what it reports", async () => {
  const away = new SuspendingMemory("epoch-1", ALWAYS, plainKernel);
  const far = new ServerRig({ store: away });
  let spent = 0;
  const spend = (work: number) => {
    spent += work;
    return 0;
  };
  const ask = () => far.server.reconcile("home", Uint8Array.of(255), spend);
  const error = await assertRejects(async () => await far.server.settled(ask), DriftlessError);
  assertStrictEquals(error.code, "malformed");
  assert(spent > 0, "bytes that make no sense are counted as well");
});

Deno.test("rows are led up to a version over a store that misses, all of them or none", async () => {
  const note = collection("note", v.object({ title: v.string() }));
  const parts = { name: "notes", collections: { note } };
  const before = defineApp(parts);
  const exclaim = ({ title }: { readonly title?: unknown }) => ({ title: `${title}!` });
  const after = defineApp({
    ...parts,
    version: 2,
    migrations: { 2: { records: { note: exclaim } } },
  });
  const { here, away, clock, near, far } = pair(3, { app: before });
  const author = new Author("a");
  const mutations = Array.from({ length: 40 }, (_, i) => author.note(`n${i}`));
  near.push(mutations);
  await far.server.settled(() => far.server.push([{ principal: ann, mutations }]));
  upgradeStore(after, here, clock);
  await settled(away, () => upgradeStore(after, away, clock));
  assertEquals(contentsOf(away.inner), contentsOf(here));
  assertEquals([away.inner.appVersion(), here.appVersion()], [2, 2]);
  const [{ json } = { json: "" }] = away.inner.rows("home", "note");
  assertStrictEquals(json, `{"title":"t!"}`);
});

Deno.test("work on a store that has all at hand runs at once, without a promise", () => {
  const { server, store } = new ServerRig();
  assertEquals([isSuspending(store), isSuspending(new SuspendingMemory("e", ALWAYS))], [
    false,
    true,
  ]);
  assertStrictEquals(settled(store, () => 5), 5);
  assertEquals(server.settled(() => server.head("home")), server.head("home"));
  assertStrictEquals(whenSettled(2, (value) => value + 1), 3);
  assertStrictEquals(new Suspended("x").name, "Suspended");
});

Deno.test("what is settled elsewhere goes on when it is there", async () => {
  assertStrictEquals(await whenSettled(Promise.resolve(2), (value) => value + 1), 3);
});

Deno.test("a session goes on when its read is there, and fails every channel that lacks one", () => {
  const rig = new ServerRig();
  const reads: { goOn(): void; fail(error: unknown): void }[] = [];
  const session = new SessionRig(rig, ann, undefined, (work, then, failed) => {
    reads.push({ goOn: () => then(work()), fail: failed });
  });
  const author = new Author("other");
  for (const channel of [0, 1]) {
    assertEquals(session.hello({ client: `c${channel}` }, channel), []);
    reads.shift()?.goOn();
    assertEquals(kindsOf(session.heard(channel)), ["welcome"]);
  }
  rig.commit(author.add("k"));
  session.session.advanced("home", 1);
  assertStrictEquals(reads.length, 1, "one read for all channels");
  const [read] = reads.splice(0);
  assertThrows(() => read?.fail(new TypeError("a fault")), TypeError, "a fault");
  read?.fail(new DriftlessError("store_failed", "The network is gone"));
  for (const channel of [0, 1]) assertFailure(session.heardOn(channel), "store_failed");
  session.session.advanced("home", 1);
  assertStrictEquals(reads.length, 0, "a channel that failed is behind, and asks itself");
});
