/** Time on the server: clocks run ahead, stand still and jump, and later writes still win. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { collection, defineApp } from "../../core/app.ts";
import { CLOCK_AHEAD_MS_MAX } from "../../core/limits.ts";
import { call, START_MS } from "./rows.ts";
import { Author, ServerRig } from "./server_rig.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

const time = collection("time", v.object({ now: v.number() }));
/** An app whose mutator writes down what time it was told. */
const clockApp = defineApp({
  name: "clock",
  collections: { time },
  mutators: {
    tell: (tx, { id }: { id: string }, { now }) => tx.time.put(id, { now }),
    touch: (tx, { id }: { id: string }) => {
      const item = tx.time.get(id);
      if (item !== undefined) tx.time.put(id, item);
    },
  },
});

const curl = (id: string, name: string, args: unknown) =>
  call(name, args, { id, client: "", seq: 0, scope: "home", createdAt: 0 });

Deno.test("a client's clock counts up to the limit ahead of the server's, and is clamped beyond [S13]", () => {
  for (const ahead of [-DAY_MS, 0, CLOCK_AHEAD_MS_MAX - 1, CLOCK_AHEAD_MS_MAX]) {
    const rig = new ServerRig({ app: clockApp });
    rig.pushOne(new Author("c1").call("tell", { id: "a" }, { createdAt: START_MS + ahead }));
    assertEquals(rig.records("time"), { a: { now: START_MS + ahead } });
  }
  for (const ahead of [CLOCK_AHEAD_MS_MAX + 1, 3 * DAY_MS]) {
    const rig = new ServerRig({ app: clockApp });
    rig.pushOne(new Author("c1").call("tell", { id: "a" }, { createdAt: START_MS + ahead }));
    assertEquals(rig.records("time"), { a: { now: START_MS + CLOCK_AHEAD_MS_MAX } });
  }
});

Deno.test("a mutation without a time is of now", () => {
  const rig = new ServerRig({ app: clockApp });
  rig.pushOne(curl("m1", "tell", { id: "a" }));
  assertEquals(rig.records("time"), { a: { now: START_MS } });
});

Deno.test("time never falls within a scope, whatever the server's clock does [S13]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  for (const jump of [0, 5_000, -3 * DAY_MS, 1, DAY_MS, -DAY_MS]) {
    rig.clock.time += jump;
    rig.pushOne(author.add("k"));
  }
  const times = rig.log().map(({ time }) => time);
  assertEquals(times, [...times].sort((a, b) => a - b));
  assertEquals(rig.records("counter"), { k: { value: 6 } });
});

Deno.test("a change is never older than the stamps in it [S13]", () => {
  const rig = new ServerRig();
  const ahead = { createdAt: START_MS + CLOCK_AHEAD_MS_MAX };
  rig.pushOne(new Author("c1").call("counter.add", { id: "k", by: 1 }, ahead));
  assertStrictEquals(rig.log()[0]?.time, START_MS + CLOCK_AHEAD_MS_MAX);
});

Deno.test("a client whose clock runs days ahead does not drag the scope's time along [S13]", () => {
  const rig = new ServerRig();
  const fast = new Author("fast");
  fast.time = START_MS + 3 * DAY_MS;
  const count = 200;
  for (let i = 0; i < count; i++) rig.pushOne(fast.add("k"));
  const ahead = rig.server.head("home").time - START_MS;
  assert(ahead <= CLOCK_AHEAD_MS_MAX + count, `${ahead} ms ahead`);
});

Deno.test("a caller without a queue wins over what it has seen, though that is of the future [S16]", () => {
  const rig = new ServerRig();
  const author = new Author("c1");
  author.time = START_MS + DAY_MS;
  rig.pushOne(author.note("a", "first"));
  for (const title of ["second", "third"]) {
    const result = rig.pushOne(curl(title, "note.update", { id: "a", data: { title } }));
    assertStrictEquals(result.changes.length, 1);
    assertEquals(rig.records("note"), { a: { title } });
  }
});

Deno.test("a client that saw a change wins over it, whatever clocks say [S16]", () => {
  const rig = new ServerRig();
  const [fast, slow] = [new Author("fast"), new Author("slow")];
  fast.time = START_MS + DAY_MS;
  rig.pushOne(fast.note("a", "fast"));
  for (let round = 0; round < 5; round++) {
    // As a client does: later than the newest change that it has seen.
    slow.time = rig.server.head("home").time + 1;
    rig.pushOne(slow.call("note.update", { id: "a", data: { title: `slow ${round}` } }));
    assertEquals(rig.records("note"), { a: { title: `slow ${round}` } });
    rig.pushOne(fast.call("note.update", { id: "a", data: { title: "fast" } }));
    assertEquals(rig.records("note"), { a: { title: "fast" } });
  }
});

Deno.test("a client's later write wins over its earlier one, whatever clocks do [S13, S16]", () => {
  const anySteps = fc.array(
    fc.record({
      serverJump: fc.constantFrom(0, 0, 1, 2_000, -2_000, DAY_MS, -DAY_MS),
      clientStep: fc.constantFrom(0, 0, 1, 2_000, DAY_MS),
    }),
    { minLength: 1, maxLength: 12, size: "max" },
  );
  fc.assert(
    fc.property(anySteps, (steps) => {
      const rig = new ServerRig();
      const author = new Author("c1");
      rig.pushOne(author.note("a", "start"));
      for (const [index, { serverJump, clientStep }] of steps.entries()) {
        const title = `t${index}`;
        rig.clock.time += serverJump;
        author.time += clientStep;
        rig.pushOne(author.call("note.update", { id: "a", data: { title } }));
        assertEquals(rig.records("note"), { a: { title } });
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("the same mutations give the same rows and log under any clocks, but for the times [S13]", () => {
  const anyCall = fc.oneof(
    fc.tuple(fc.constantFrom("counter.add", "counter.spend"), fc.constantFrom(1, 2, 5)),
    fc.tuple(fc.constant("counter.total"), fc.constant(0)),
  );
  const anyRun = fc.record({
    calls: fc.array(fc.tuple(fc.nat(1), anyCall), { maxLength: 15, size: "max" }),
    skews: fc.array(fc.integer({ min: -3 * DAY_MS, max: 3 * DAY_MS }), {
      minLength: 15,
      maxLength: 15,
    }),
  });
  const outcome = (calls: readonly [number, readonly [string, number]][], skews: number[]) => {
    const rig = new ServerRig();
    const authors = [new Author("c0"), new Author("c1")];
    const codes = calls.map(([who, [name, by]], i) => {
      const author = authors[who] as Author;
      rig.clock.time += skews[i] ?? 0;
      author.time = START_MS + 4 * DAY_MS - (skews[i] ?? 0);
      return rig.pushOne(author.call(name, name === "counter.total" ? null : { id: "k", by })).code;
    });
    const log = rig.log().map(({ cursor, entity, id, op, json }) => [cursor, entity, id, op, json]);
    return { codes, log };
  };
  fc.assert(
    fc.property(anyRun, ({ calls, skews }) => {
      assertEquals(outcome(calls, skews), outcome(calls, []));
    }),
    { numRuns: 200 },
  );
});
