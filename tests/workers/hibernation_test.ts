/** A socket outlives its object's memory, and storage outlives its process. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { IslandPeer, islandsIn } from "../edge/live_ui_app.ts";
import { creation, stageWorker, until } from "./worker_stage.ts";

/** workerd lets go of an object after ten seconds in which nothing happens. */
const IDLE_MS = 12_000;
const EVICTED_MS_MAX = 90_000;

Deno.test("an idle object leaves memory, and its sockets go on when it comes back", async () => {
  await using stage = await stageWorker();
  const scope = "sleepy";
  const mutations = [creation("before", scope)];
  await (await stage.post("/_sync/push", { mutations })).text();
  const [peer, other, island] = [
    await stage.open(scope),
    await stage.open(scope),
    await stage.open(scope),
  ];
  // One is at the end of the log, with two tabs and a topic; one has a page to ask for yet.
  const { epoch } = await peer.greet({ scope, cursor: 1, client: "a" });
  await peer.greet({ scope, cursor: 1, client: "b", epoch }, 7);
  peer.say({ kind: "subscribe", topic: "news" }, 7);
  peer.say({ kind: "presence", watch: false, data: `{"at":"door"}` });
  await other.greet({ scope, cursor: 9, client: "c" });
  island.say({ kind: "ui", body: new Uint8Array() });
  await Promise.all([peer, other].map((one) => one.assertQuiet()));
  const { incarnation, sockets } = await stage.probe(scope);
  assertEquals(sockets, 3);

  let now = incarnation;
  await until(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      now = (await stage.probe(scope)).incarnation;
      return now !== incarnation;
    },
    "the eviction",
    EVICTED_MS_MAX,
  );

  // The object has just come back, and nobody has spoken on a socket since.
  await (await stage.post("/_sync/push", { mutations: [creation("after", scope)] })).text();
  const poke = await peer.hear("poke");
  assertEquals(poke.changes.map(({ id }) => id), ["after"]);
  assertEquals((await peer.hear("poke", 7)).from, 1);
  // This one had not come to the end; it asks from where it is.
  assertEquals((await other.hear("poke")).from, 1);
  other.say({ kind: "next", cursor: 0 });
  assertEquals((await other.hear("poke")).changes.map(({ id }) => id), ["before", "after"]);
  assertEquals((await island.ended).code, 1012);

  peer.say({ kind: "publish", topic: "news", data: `"hello"` });
  assertEquals((await peer.hear("event", 7)).data, `"hello"`);
  other.say({ kind: "presence", watch: true, data: "" });
  const { peers } = await other.hear("peers");
  assertEquals(peers.map(({ client, data }) => [client, data]), [["a", `{"at":"door"}`]]);
  peer.say({
    kind: "push",
    mutations: [{
      id: "m-own",
      name: "note.create",
      seq: 1,
      args: `{"id":"own","data":{"text":"own"}}`,
      createdAt: 0,
    }],
  });
  assertEquals((await peer.hear("ack")).results.map(({ code }) => code), [null]);
  assertEquals((await stage.probe(scope)).incarnation, now);
  await Promise.all([peer.close(), other.close()]);
});

Deno.test("what was acknowledged is there after a kill, once each", async () => {
  await using stage = await stageWorker();
  const scope = "killed";
  const acknowledged: string[] = [];
  const island = await IslandPeer.open(Number(new URL(stage.url).port), stage.headers);
  island.show(1, "counter");
  await island.init(1);
  island.click(1, 1);
  await island.patch(1);
  let epoch: unknown;
  for (let round = 0; round < 3; round++) {
    let isKilled = false;
    const pushing = Promise.all([0, 1].map(async (lane) => {
      for (let i = 0; !isKilled; i++) {
        const id = `${round}-${lane}-${i}`;
        try {
          const response = await stage.post("/_sync/push", { mutations: [creation(id, scope)] });
          const { results } = await response.json();
          if (results[0].ok) acknowledged.push(id);
        } catch {
          // It was killed; nothing is known of this one.
          break;
        }
      }
    }));
    const count = acknowledged.length + 20;
    await until(() => acknowledged.length >= count, "some pushes");
    await stage.kill();
    isKilled = true;
    await pushing;
    await stage.restart();
    const snapshot = await (await stage.post("/_sync/snapshot", { scope })).json();
    const ids = Object.keys(snapshot.data.note);
    assertEquals(acknowledged.filter((id) => !ids.includes(id)), []);
    // One more may have been written and not answered in each lane.
    assertEquals(snapshot.cursor, ids.length);
    epoch ??= snapshot.epoch;
    assertEquals(snapshot.epoch, epoch);
    const pulled = await (await stage.post("/_sync/pull", { scope, cursor: snapshot.cursor }))
      .json();
    assertEquals([pulled.root, pulled.changes], [snapshot.root, []]);
  }
  assertNotEquals(epoch, undefined);
  const page = await (await fetch(stage.url, { headers: stage.headers })).text();
  assertEquals(islandsIn(page)[0]?.html.slice(0, 4), "<p>6");
});
