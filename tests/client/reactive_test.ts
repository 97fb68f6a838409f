/** Followed reads: who runs again for which change, how often, and what is held meanwhile. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { NotStartedError } from "../../ui/client/client_errors.ts";
import { type CollectionView, openCollection } from "../../ui/client/collection_view.ts";
import { computed, effect, untracked } from "../../ui/client/signals.ts";
import { app, type Item, Stage } from "./query_stage.ts";
import { Device, eventually, RigServer } from "./rig.ts";

function item(rank: number, parts: Partial<Item> = {}): Item {
  return { title: `t${rank}`, rank, done: false, ...parts };
}

function recordsOf(stage: Stage): CollectionView<Item> {
  const { reactive, view } = stage;
  const host = { app, reactive, view: () => view, mutate: () => Promise.resolve() };
  return openCollection(host, "item") as unknown as CollectionView<Item>;
}

/** Runs of an effect, from its first one on. */
function runsOf(read: () => unknown): { count: number; stop: () => void } {
  const runs = { count: 0, stop: () => {} };
  runs.stop = effect(() => {
    read();
    runs.count++;
  });
  return runs;
}

Deno.test("each read follows what it gives, and nothing besides", () => {
  const stage = new Stage();
  const records = recordsOf(stage);
  stage.put("a", item(1));
  const runs = [
    runsOf(() => records.get("a")),
    runsOf(() => records.has("b")),
    runsOf(() => records.entity("a").get()),
    runsOf(() => records.entity("b").exists()),
    runsOf(() => records.count()),
    runsOf(() => records.all()),
    runsOf(() => records.find(({ done }) => done)),
    runsOf(() => untracked(() => records.all())),
  ];
  const changes: readonly (readonly [change: () => void, runs: string])[] = [
    [() => {}, "11111111"],
    [() => stage.put("a", item(2)), "21211221"],
    [() => stage.put("c", item(3)), "21212331"],
    [() => stage.put("b", item(4)), "22223441"],
    // The server says what everyone sees already.
    [() => stage.confirm([{ id: "a", after: item(2) }], 0, 1), "22223441"],
    [() => stage.confirm([{ entity: "other", id: "a", after: { text: "t" } }]), "22223441"],
    [() => stage.mutate("item.remove", { id: "b" }), "23234551"],
    [() => stage.replace([["z", item(9)]]), "34345661"],
  ];
  for (const [at, [change, expected]] of changes.entries()) {
    change();
    assertEquals(runs.map(({ count }) => count).join(""), expected, `change ${at}`);
  }
  assertEquals(stage.reactive.size, 4);
  for (const { stop } of runs) stop();
  assertEquals(stage.reactive.size, 0);
});

Deno.test("a record that comes while another one goes leaves the count as it is", () => {
  const stage = new Stage();
  const records = recordsOf(stage);
  stage.confirm([{ id: "a", after: item(1) }]);
  const { stop, ...runs } = runsOf(() => records.count());
  stage.confirm([{ id: "a", after: undefined }, { id: "b", after: item(2) }]);
  assertEquals([runs.count, records.count()], [1, 1]);
  stop();
});

Deno.test("all changes of one event are one batch", () => {
  const stage = new Stage();
  const records = recordsOf(stage);
  for (const id of "abc") stage.put(id, item(1));
  const sums: number[] = [];
  const stop = effect(() => {
    sums.push([..."abc"].reduce((sum, id) => sum + (records.get(id)?.rank ?? 0), 0));
  });
  stage.mutate("item.raise", { by: 2 });
  assertEquals(sums, [3, 9]);
  stop();
});

Deno.test("reads that nobody follows leave nothing behind", () => {
  const stage = new Stage();
  const records = recordsOf(stage);
  stage.put("a", item(1));
  const title = computed(() => records.get("a")?.title);
  assertEquals([title.value, records.has("b"), records.count(), records.all().length], [
    ...["t1", false, 1, 1],
  ]);
  assertEquals(stage.reactive.size, 0);
});

Deno.test("a follower that comes late by way of a computed value takes nobody's place", () => {
  const stage = new Stage();
  const records = recordsOf(stage);
  const title = computed(() => records.get("a")?.title);
  assertEquals(title.value, undefined);
  const direct = runsOf(() => records.get("a"));
  const late = runsOf(() => title.value);
  late.stop();
  stage.put("a", item(1));
  assertEquals([direct.count, late.count, title.value], [2, 1, "t1"]);
  direct.stop();
  assertEquals(stage.reactive.size, 0);
});

Deno.test("a computed value is right whether it is followed or not", () => {
  const step = fc.tuple(
    fc.constantFrom("put", "remove", "raise", "replace", "nothing"),
    fc.constantFrom(..."abc"),
    fc.nat(3),
    fc.constantFrom("read", "follow", "follow twice", "leave", "nothing"),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const stage = new Stage();
      const records = recordsOf(stage);
      const read = () => ({
        one: records.get("a")?.rank,
        two: records.has("b") ? records.get("b")?.rank : "none",
        count: records.count(),
        all: records.all().map(([id]) => id).join(""),
      });
      // One on top of another, as apps have them.
      const inner = computed(read);
      const outer = computed(() => JSON.stringify(inner.value));
      const fresh = () => JSON.stringify(untracked(read));
      let followed: string[] = [];
      let stops: (() => void)[] = [];
      for (const [change, id, rank, then] of steps) {
        if (change === "put") stage.put(id, item(rank));
        if (change === "remove") stage.mutate("item.remove", { id });
        if (change === "raise") stage.mutate("item.raise", { by: rank });
        if (change === "replace") stage.replace([[id, item(rank)]]);
        for (const seen of followed) assertEquals(seen, fresh());
        if (then === "read") assertEquals(outer.value, fresh());
        if (then === "leave") {
          for (const stop of stops.splice(0)) stop();
          followed = [];
        }
        for (let n = then === "follow" ? 1 : then === "follow twice" ? 2 : 0; n > 0; n--) {
          const at = followed.length;
          const source = n === 2 ? inner : outer;
          stops.push(effect(() => {
            const { value } = source;
            followed[at] = typeof value === "string" ? value : JSON.stringify(value);
          }));
        }
      }
      for (const stop of stops) stop();
      stops = [];
      assertEquals(stage.reactive.size, 0);
    }),
    { numRuns: 300 },
  );
});

Deno.test("an effect that throws harms neither its client nor the other effects", async () => {
  await using device = await Device.start({ url: "http://127.0.0.1:1" });
  const { client } = device;
  client.setOffline(true);
  const { error } = console;
  const complaints: unknown[] = [];
  console.error = (...words) => void complaints.push(words[1]);
  const fault = new Error("a fault of the app");
  const stops = [
    effect(() => {
      if (client.collection("counter").count() > 0) throw fault;
    }),
  ];
  let count = 0;
  stops.push(effect(() => void (count = client.collection("counter").count())));
  try {
    await device.add();
    assertEquals([device.value(), count, client.pending.length], [1, 1, 1]);
    assertEquals(complaints, [fault]);
  } finally {
    console.error = error;
    for (const stop of stops) stop();
  }
});

Deno.test("an effect may mutate, and sees what comes of it", async () => {
  await using device = await Device.start({ url: "http://127.0.0.1:1" });
  const { client } = device;
  client.setOffline(true);
  const counters = client.collection("counter");
  const query = client.query("counter", { orderBy: ["value", "desc"] });
  const seen: string[] = [];
  const made: Promise<unknown>[] = [];
  const stop = effect(() => {
    const value = counters.get("k")?.value ?? 0;
    if (value > 0 && value < 3) {
      made.push(
        client.mutate("counter.add", { id: "k" }),
        client.mutate("counter.add", { id: "l" }),
      );
    }
    seen.push(query.value.map(([id, { value }]) => `${id}${value}`).join());
  });
  await device.add();
  await Promise.all(made);
  assertEquals(seen.at(-1), "k3,l2");
  assertEquals(query.peek().map(([id]) => id), ["k", "l"]);
  stop();
});

Deno.test("what another device does reaches an effect, a query and a listener", async () => {
  await using server = await RigServer.start();
  await using writer = await Device.start({ url: server.url });
  await using reader = await Device.start({ url: server.url });
  const query = reader.client.query("counter", { where: ({ value }) => value > 1 });
  let followed = -1;
  const added: string[] = [];
  const stops = [
    effect(() => void (followed = reader.client.collection("counter").get("k")?.value ?? 0)),
    query.subscribe((change) => void added.push(...change.added.map(([id]) => id))),
  ];
  await writer.add(2);
  await eventually(() => followed, 2);
  assertEquals([added, query.count], [["k"], 1]);
  for (const stop of stops) stop();
});

Deno.test("a client that does not run has no records to follow, and its queries are empty", async () => {
  await using device = Device.create({ url: "http://127.0.0.1:1" });
  const { client } = device;
  client.setOffline(true);
  assertThrows(() => effect(() => void client.collection("counter").count()), NotStartedError);
  assertThrows(() => client.query("nothing" as "counter"), TypeError);
  const query = client.query("counter");
  const sizes: number[] = [];
  const stop = effect(() => void sizes.push(query.value.length));
  await client.start();
  await device.add();
  await client.stop();
  assert(query.peek().length === 1);
  await client.start();
  await device.add(1, "l");
  assertEquals(sizes, [0, 1, 2]);
  stop();
});
