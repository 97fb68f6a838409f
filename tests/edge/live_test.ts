/** The live door at a real port: what clients say and hear, who may, and what cuts them off. */
import { assert, assertEquals } from "@std/assert";
import type { AccessRequest } from "../../core/app.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { checkMutation } from "../../core/mutation.ts";
import { SyncServer } from "../../core/server.ts";
import { CHANNELS_MAX } from "../../core/session.ts";
import { handshake, inTime, RawPeer } from "./raw_peer.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { rebuiltRoot } from "../core/rebuilt_root.ts";
import { LivePeer } from "./live_peer.ts";
import {
  bearer,
  EPOCH,
  type ListeningDoors,
  ORIGIN,
  task,
  todoApp,
  withListeningDoors,
} from "./served_app.ts";

Deno.test("a client of an empty scope is welcomed and is up to date", () =>
  withListeningDoors({}, async ({ port, store }) => {
    const before = Date.now();
    const peer = await LivePeer.open(port);
    const { time, root, ...welcome } = await peer.greet();
    assertEquals(root, rebuiltRoot(kernelSync(), store, "s"));
    assertEquals(welcome, { kind: "welcome", epoch: EPOCH, cursor: 0, lastSeq: 0, reset: false });
    assert(time >= before && time <= Date.now());
    await peer.assertQuiet();
    await peer.close();
  }));

Deno.test("a push is acknowledged to its author and then poked to everyone in its scope", () =>
  withListeningDoors({}, async ({ port }) => {
    const [author, reader, stranger] = await peers(port, 3);
    await author.greet({ client: "author" });
    await reader.greet({ client: "reader" });
    await stranger.greet({ client: "stranger", scope: "elsewhere" });
    author.pushTasks(1, 2);
    const { results } = await author.hear("ack");
    assertEquals(results.map(({ id, cursor, lastSeq, code }) => [id, cursor, lastSeq, code]), [
      ["m-task-0-1", 1, 1, null],
      ["m-task-0-2", 2, 2, null],
    ]);
    for (const peer of [author, reader]) {
      const { from, changes, more } = await peer.hear("poke");
      assertEquals([from, more], [0, false]);
      assertEquals(changes.map(({ cursor, entity, id, op }) => [cursor, entity, id, op]), [
        [1, "todo", "task-0-1", "create"],
        [2, "todo", "task-0-2", "create"],
      ]);
      assertEquals(JSON.parse(changes[0]?.json ?? ""), { title: "task-0-1", done: false });
    }
    for (const peer of [reader, stranger, author]) {
      await peer.assertQuiet();
      await peer.close();
    }
  }));

Deno.test("a push over HTTP is poked as well", () =>
  withListeningDoors({}, async (doors) => {
    const [peer] = await peers(doors.port, 1);
    await peer.greet();
    await doors.post("/_sync/push", { mutations: [task("1", { scope: "s" })] });
    assertEquals((await peer.hear("poke")).changes.map(({ id }) => id), ["todo-1"]);
    await peer.close();
  }));

Deno.test("a refused mutation is told to its author alone, and blocks nothing", () =>
  withListeningDoors({}, async ({ port }) => {
    const [author, reader] = await peers(port, 2);
    await author.greet({ client: "author" });
    await reader.greet({ client: "reader" });
    const refused = { id: "r", name: "todo.refuse", seq: 1, args: "null", createdAt: 0 };
    author.say({ kind: "push", mutations: [refused] });
    const [result] = (await author.hear("ack")).results;
    assertEquals(result, { id: "r", cursor: 0, lastSeq: 1, code: "rejected", error: "Not today" });
    author.pushTasks(2);
    assertEquals((await author.hear("ack")).results[0]?.lastSeq, 2);
    await author.hear("poke");
    await reader.hear("poke");
    await reader.assertQuiet();
    await author.close();
    await reader.close();
  }));

Deno.test("a client that was cut sends again, and nothing happens twice", () =>
  withListeningDoors({}, async ({ port, store }) => {
    const [first] = await peers(port, 1);
    await first.greet();
    first.pushTasks(1, 3);
    await first.hear("ack");
    await first.close();
    const [second] = await peers(port, 1);
    assertEquals((await second.greet({ cursor: 3, epoch: EPOCH })).lastSeq, 3);
    second.pushTasks(1, 4);
    const { results } = await second.hear("ack");
    assertEquals(results.map(({ code, lastSeq }) => [code, lastSeq]), [
      [null, 3],
      [null, 3],
      [null, 3],
      [null, 4],
    ]);
    assertEquals((await second.hear("poke")).from, 3);
    assertEquals(store.head("s").cursor, 4);
    await second.close();
  }));

Deno.test("a client that is behind gets the log page by page, at its own pace", () =>
  withListeningDoors({}, async (doors) => {
    await fill(doors, 2_500);
    const [peer] = await peers(doors.port, 1);
    assertEquals((await peer.greet({ cursor: 100, epoch: EPOCH })).cursor, 2_500);
    const seen: number[] = [];
    let cursor = 100;
    for (let more = true; more;) {
      const poke = await peer.hear("poke");
      assertEquals(poke.from, cursor);
      seen.push(...poke.changes.map((change) => change.cursor));
      cursor = seen.at(-1) ?? cursor;
      more = poke.more;
      await peer.assertQuiet();
      if (more) peer.say({ kind: "next", cursor });
    }
    assertEquals(seen, Array.from({ length: 2_400 }, (_, i) => 101 + i));
    await doors.post("/_sync/push", { mutations: [task("new", { scope: "s" })] });
    assertEquals((await peer.hear("poke")).from, 2_500);
    await peer.close();
  }));

Deno.test("a client with another history, or beyond the log, is told to start over", () =>
  withListeningDoors({}, async (doors) => {
    await fill(doors, 5);
    doors.store.trim("s", { changes: 2, before: 0, outcomes: 0 });
    const [peer] = await peers(doors.port, 1);
    const useless = [
      { cursor: 5, epoch: "another" },
      { cursor: 6, epoch: EPOCH },
      { cursor: 2, epoch: EPOCH },
      { cursor: 0, epoch: "" },
    ];
    for (const hello of useless) {
      assertEquals((await peer.greet(hello)).reset, true, JSON.stringify(hello));
    }
    await doors.post("/_sync/push", { mutations: [task("unheard", { scope: "s" })] });
    await peer.assertQuiet();
    assertEquals((await peer.greet({ cursor: 6, epoch: EPOCH })).reset, false);
    await peer.assertQuiet();
    await peer.close();
  }));

Deno.test("what another process committed is poked when it is noticed", () =>
  withListeningDoors({}, async ({ port, store, handler }) => {
    const [peer] = await peers(port, 1);
    await peer.greet();
    const clock = { now: () => Date.now() };
    const other = new SyncServer({ app: todoApp(), store, clock, open: true });
    const args = { id: "foreign", data: { title: "x", done: false } };
    const mutation = checkMutation({ id: "m", name: "todo.create", scope: "s", args });
    other.push([{ principal: null, mutations: [mutation] }]);
    await peer.assertQuiet();
    handler.noticeForeignCommits();
    assertEquals((await peer.hear("poke")).changes.map(({ id }) => id), ["foreign"]);
    await peer.close();
  }));

Deno.test("a message to a topic reaches its followers in the same scope, the author too", () =>
  withListeningDoors({}, async ({ port }) => {
    const [author, follower, other, stranger] = await peers(port, 4);
    for (const peer of [author, follower, other]) await peer.greet();
    await stranger.greet({ scope: "elsewhere" });
    for (const peer of [author, follower, stranger]) {
      peer.say({ kind: "subscribe", topic: "cursor" });
      await peer.assertQuiet();
    }
    other.say({ kind: "subscribe", topic: "typing" });
    await other.assertQuiet();
    author.say({ kind: "publish", topic: "cursor", data: `{"x":1,"y":[2]}` });
    for (const peer of [author, follower]) {
      assertEquals(await peer.hear("event"), {
        kind: "event",
        topic: "cursor",
        data: `{"x":1,"y":[2]}`,
      });
    }
    follower.say({ kind: "unsubscribe", topic: "cursor" });
    await follower.assertQuiet();
    author.say({ kind: "publish", topic: "cursor", data: "null" });
    await author.hear("event");
    for (const peer of [author, follower, other, stranger]) {
      await peer.assertQuiet();
      await peer.close();
    }
  }));

Deno.test("a message to a topic that is no JSON, or has no name, is refused", () =>
  withListeningDoors({}, async ({ port }) => {
    const [peer] = await peers(port, 1);
    await peer.greet();
    const bad = [["t", "{"], ["t", ""], ["t", `{"__proto__":1}`], ["", "1"], [
      "a\nb",
      "1",
    ]] as const;
    for (const [topic, data] of bad) {
      peer.say({ kind: "publish", topic, data });
      assertEquals((await peer.hear("failure")).code, "invalid_mutation", data);
    }
    peer.say({ kind: "subscribe", topic: "" });
    assertEquals((await peer.hear("failure")).code, "invalid_mutation");
    await peer.close();
  }));

Deno.test("a ping is answered with the server's time, before any hello as well", () =>
  withListeningDoors({}, async ({ port }) => {
    const [peer] = await peers(port, 1);
    const before = Date.now();
    peer.say({ kind: "ping" }, 9);
    const { time } = await peer.hear("pong", 9);
    assert(time >= before && time <= Date.now());
    await peer.close();
  }));

Deno.test("a connection has several channels, each for itself", () =>
  withListeningDoors({}, async ({ port }) => {
    const [peer] = await peers(port, 1);
    await peer.greet({ client: "a", scope: "one" }, 1);
    await peer.greet({ client: "b", scope: "two" }, 2);
    peer.pushTasks(1, 1, 2);
    assertEquals((await peer.hear("ack", 2)).results[0]?.lastSeq, 1);
    assertEquals((await peer.hear("poke", 2)).changes.length, 1);
    await peer.assertQuiet();
    peer.say({ kind: "next", cursor: 0 }, 3);
    assertEquals((await peer.hear("failure", 3)).code, "invalid_mutation");
    for (let channel = 3; channel <= CHANNELS_MAX; channel++) await peer.greet({}, channel);
    peer.say(
      { kind: "hello", protocol: 1, client: "c", scope: "s", cursor: 0, epoch: "" },
      CHANNELS_MAX + 1,
    );
    assertEquals((await peer.hear("failure", CHANNELS_MAX + 1)).code, "rate_limited");
    await peer.close();
  }));

Deno.test("a channel that moves to another scope hears no more of the first", () =>
  withListeningDoors({}, async (doors) => {
    const [peer] = await peers(doors.port, 1);
    await peer.greet({ scope: "one" });
    await peer.greet({ scope: "two" });
    await doors.post("/_sync/push", { mutations: [task("1", { scope: "one" })] });
    await peer.assertQuiet();
    await doors.post("/_sync/push", { mutations: [task("2", { scope: "two" })] });
    assertEquals((await peer.hear("poke")).changes.map(({ id }) => id), ["todo-2"]);
    await peer.close();
  }));

Deno.test("a client of another protocol version is told to upgrade", () =>
  withListeningDoors({}, async ({ port }) => {
    const [peer] = await peers(port, 1);
    peer.say({ kind: "hello", protocol: 2, client: "c", scope: "s", cursor: 0, epoch: "" });
    assertEquals((await peer.hear("failure")).code, "upgrade_required");
    await peer.close();
  }));

Deno.test("a cursor that is ahead of the log costs its sender, and nobody's push", () =>
  withListeningDoors({}, async ({ port }) => {
    const [hostile, author] = await peers(port, 2);
    await hostile.greet({ client: "hostile" });
    await author.greet({ client: "author" });
    hostile.say({ kind: "next", cursor: 1_000_000 });
    assertEquals((await hostile.hear("failure")).code, "cursor_too_old");
    author.pushTasks(1);
    assertEquals((await author.hear("ack")).results[0]?.code, null);
    await author.hear("poke");
    assertEquals((await hostile.hear("poke")).from, 0, "the channel is where it was");
    await hostile.close();
    await author.close();
  }));

Deno.test("a store that fails is told, and the same push works later", async () => {
  const store = new FailingStore(EPOCH);
  await withListeningDoors({ store }, async ({ port }) => {
    const [peer] = await peers(port, 1);
    await peer.greet();
    store.failing = true;
    peer.pushTasks(1);
    const failure = await peer.hear("failure");
    assertEquals([failure.code, failure.error], ["internal_error", "The server failed"]);
    store.failing = false;
    peer.pushTasks(1);
    assertEquals((await peer.hear("ack")).results[0]?.code, null);
    await peer.hear("poke");
    await peer.close();
  });
});

Deno.test("who may not read is not welcomed, who may not write is refused each time", () => {
  const authorize = ({ principal, scope, action }: AccessRequest) =>
    principal !== null && scope !== "secret" && (action === "read" || principal.id === "anna");
  return withListeningDoors({ signed: true, authorize }, async ({ port }) => {
    const anna = await LivePeer.open(port, await bearer("anna"));
    const ben = await LivePeer.open(port, await bearer("ben"));
    const nobody = await LivePeer.open(port);
    nobody.say({ kind: "hello", protocol: 1, client: "c", scope: "s", cursor: 0, epoch: "" });
    assertEquals((await nobody.hear("failure")).code, "forbidden");
    anna.say({ kind: "hello", protocol: 1, client: "c", scope: "secret", cursor: 0, epoch: "" });
    assertEquals((await anna.hear("failure")).code, "forbidden");
    await anna.greet({ client: "anna's" });
    await ben.greet({ client: "ben's" });
    ben.pushTasks(1);
    assertEquals((await ben.hear("ack")).results[0]?.code, "forbidden");
    ben.say({ kind: "publish", topic: "t", data: "1" });
    assertEquals((await ben.hear("failure")).code, "forbidden");
    anna.pushTasks(1);
    await anna.hear("ack");
    await anna.hear("poke");
    assertEquals((await ben.hear("poke")).changes.length, 1);
    ben.say({ kind: "hello", protocol: 1, client: "anna's", scope: "s", cursor: 0, epoch: "" });
    assertEquals((await ben.hear("failure")).code, "forbidden", "another's client id");
    for (const peer of [anna, ben, nobody]) await peer.close();
  });
});

Deno.test("a WebSocket is refused with a reason: origin, ticket, path", () =>
  withListeningDoors({}, async ({ port, url }) => {
    const ticket = async () =>
      (await (await fetch(`${url}/_live/ticket`, { method: "POST" })).json()).ticket;
    const answer = async (path: string, headers = "") => {
      const peer = await RawPeer.connect(port);
      peer.write(handshake(headers, path));
      const head = await peer.head();
      peer.vanish();
      await peer.gone;
      return Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
    };
    const good = await ticket();
    assertEquals(await answer(`/_live?ticket=${good}`, "Origin: https://evil.example\r\n"), 403);
    assertEquals(await answer(`/_live?ticket=${good}`, "Origin: null\r\n"), 403);
    assertEquals(await answer(`/_live?ticket=${good}`, `Origin: ${ORIGIN}\r\n`), 101);
    assertEquals(await answer(`/_live?ticket=${good}`, `Origin: ${ORIGIN}\r\n`), 401, "used");
    assertEquals(await answer("/_live?ticket=unknown"), 401);
    assertEquals(await answer("/_live"), 401);
    assertEquals(await answer(`/other?ticket=${await ticket()}`), 404);
    assertEquals(await answer(`/_live?ticket=${await ticket()}`), 101, "a program has no origin");
  }));

Deno.test("a server that stops says goodbye", async () => {
  const peers: LivePeer[] = [];
  await withListeningDoors({}, async ({ port }) => {
    peers.push(await LivePeer.open(port));
    await peers[0]?.greet();
  });
  assertEquals((await inTime((peers[0] as LivePeer).ended, "the end")).code, 1001);
});

async function peers<N extends number>(port: number, count: N): Promise<Tuple<N>> {
  return await Promise.all(Array.from({ length: count }, () => LivePeer.open(port))) as Tuple<N>;
}

type Tuple<N extends number, T extends LivePeer[] = []> = T["length"] extends N ? T
  : Tuple<N, [...T, LivePeer]>;

async function fill(doors: ListeningDoors, rows: number): Promise<void> {
  for (let done = 0; done < rows; done += 100) {
    const length = Math.min(100, rows - done);
    const mutations = Array.from({ length }, (_, i) => task(`${done + i}`, { scope: "s" }));
    await doors.post("/_sync/push", { mutations });
  }
}

class FailingStore extends MemoryStore {
  failing = false;

  override transaction<T>(work: () => T): T {
    if (this.failing) throw new TypeError("a detail");
    return super.transaction(work);
  }
}
