/** Collections that are elsewhere: fetched before they are read, kept while they may be, then dropped. */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { Change } from "../../core/change.ts";
import type { Json } from "../../core/json.ts";
import { live } from "../../ui/island.ts";
import { LiveCollections } from "../../ui/live_collections.ts";
import type { LiveInstance } from "../../ui/live_instance.ts";
import type { LiveRecords } from "../../ui/live_loads.ts";
import { compiled, Rig } from "./runtime_rig.ts";

/** One fetch that waits for the test. */
interface Fetch {
  readonly what: string;
  answer(...ids: readonly string[]): void;
  fail(error: Error): void;
}

const WANTED = [{ scope: "home", names: ["task", "note"] }];

/** Collections whose rows come when the test says so. */
function elsewhere() {
  const fetches: Fetch[] = [];
  const followed = new Set<string>();
  const failures: unknown[] = [];
  const collections = new LiveCollections({
    rows: () => [],
    mayRead: () => true,
    mutate: () => {},
    elsewhere: {
      names: ["task", "note"],
      fetch: (scope, name) => {
        const { promise, resolve, reject } = Promise.withResolvers<LiveRecords>();
        const answer = (...ids: readonly string[]) => resolve(ids.map((id) => [id, record(id)]));
        fetches.push({ what: `${scope} ${name}`, answer, fail: reject });
        return promise;
      },
      follow: (scope) => followed.add(scope),
      unfollow: (scope) => followed.delete(scope),
      failed: (error) => failures.push(error),
    },
  });
  return { collections, fetches, followed, failures };
}

function record(id: string): Json {
  return { title: `title of ${id}` };
}

function created(id: string, entity = "task"): Change {
  return { cursor: 1, entity, id, op: "create", json: JSON.stringify(record(id)), time: 1 };
}

/** An instance that counts how often it is to look again. */
function reader(): LiveInstance & { readonly looks: number } {
  const counter = { looks: 0, refresh: () => void counter.looks++ };
  return counter as unknown as LiveInstance & { readonly looks: number };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("collections that are elsewhere are there when their island begins, and go with it", async () => {
  const { collections, fetches, followed } = elsewhere();
  const instance = reader();
  let begun = 0;
  collections.prepare(WANTED, (error) => {
    assertStrictEquals(error, null);
    collections.keep(instance, { scope: "home", names: ["task", "note"] });
    begun++;
  });
  assertEquals(fetches.map(({ what }) => what), ["home task", "home note"]);
  fetches[0]?.answer("a", "b");
  await settled();
  assertEquals([begun, [...followed]], [0, ["home"]]);
  fetches[1]?.answer();
  await settled();
  assertEquals(begun, 1);
  assertEquals(collections.read(instance, "home", "task").rows().map(({ id }) => id), ["a", "b"]);
  assertEquals(collections.read(reader(), "home", "note").size, 0);
  collections.prepare(WANTED, () => begun++);
  assertEquals([begun, fetches.length], [2, 2], "what is here is not fetched again");
  collections.left(instance);
  assertThrows(() => collections.read(instance, "home", "task"), TypeError, "it is not here");
});

Deno.test("what nobody keeps is dropped, and its scope is not followed any more", async () => {
  const { collections, fetches, followed } = elsewhere();
  collections.prepare(WANTED, () => {});
  for (const { answer } of fetches) answer("a");
  await settled();
  assertEquals([...followed], []);
  assertThrows(() => collections.read(reader(), "home", "task"), TypeError);
});

Deno.test("rows that changed while they came are fetched again, also for who came later", async () => {
  const { collections, fetches } = elsewhere();
  const [one, two] = [reader(), reader()];
  const wanted = { scope: "home", names: ["task"] };
  for (const instance of [one, two]) {
    collections.prepare([wanted], () => collections.keep(instance, wanted));
  }
  assertEquals(fetches.length, 1);
  collections.committed("home", [created("b")]);
  collections.committed("home", [created("n", "note")]);
  fetches[0]?.answer("a");
  await settled();
  assertEquals(fetches.length, 2);
  fetches[1]?.answer("a", "b");
  await settled();
  assertEquals(collections.read(one, "home", "task").rows().map(({ id }) => id), ["a", "b"]);
  collections.left(one);
  assertEquals(collections.read(two, "home", "task").size, 2, "the other keeps it");
});

Deno.test("what others write is fetched anew, one scope at a time, and failures leave it as it was", async () => {
  const { collections, fetches, failures } = elsewhere();
  const instance = reader();
  const wanted = ["home", "away"].map((scope) => ({ scope, names: ["task"] }));
  collections.prepare(wanted, () => wanted.forEach((one) => collections.keep(instance, one)));
  for (const { answer } of fetches) answer("a");
  await settled();
  const shown = collections.read(instance, "home", "task");
  collections.reread("home");
  assertEquals(fetches.slice(2).map(({ what }) => what), ["home task"]);
  collections.reread("home");
  fetches[2]?.answer("too old");
  await settled();
  fetches[3]?.answer("a", "b");
  await settled();
  assertEquals([shown.size, instance.looks], [2, 1]);
  collections.reread();
  assertEquals(fetches.slice(4).map(({ what }) => what), ["home task", "away task"]);
  const gone = new Error("The network is gone");
  for (const { fail } of fetches.slice(4)) fail(gone);
  await settled();
  assertEquals([shown.size, failures], [2, [gone, gone]]);
  collections.reread("home");
  collections.left(instance);
  fetches[6]?.answer("a");
  await settled();
  assertThrows(() => collections.read(instance, "home", "task"), TypeError, "it is not here");
});

Deno.test("a fetch that fails is told to everyone who waits, and the next one begins anew", async () => {
  const { collections, fetches, followed } = elsewhere();
  const errors: unknown[] = [];
  for (let i = 0; i < 2; i++) collections.prepare(WANTED, (error) => errors.push(error));
  const gone = new Error("The network is gone");
  fetches[0]?.fail(gone);
  fetches[1]?.answer("a");
  await settled();
  assertEquals([errors, [...followed]], [[gone, gone], []]);
  collections.prepare(WANTED, (error) => errors.push(error));
  for (const { answer } of fetches.slice(2)) answer("a");
  await settled();
  assertEquals([fetches.length, errors[2]], [4, null]);
});

Deno.test("an island reads the collections that it lists, and no others", () => {
  class Sizes {
    size(name: string): number {
      return live(this).collection(name).size;
    }
  }
  const sizes = compiled(Sizes, `<p>{{size('task')}}{{size('note')}}</p>`, {
    collections: ["task"],
  });
  const sync = { rows: () => [], mayRead: () => true, mutate: () => {} };
  const rig = new Rig({ sizes }, { sync });
  rig.tab("sizes").connect();
  assertEquals(rig.failures.map((text) => text.slice(text.indexOf("Cannot"))), [
    `Cannot read the collection "note": the island does not list it`,
  ]);
});
