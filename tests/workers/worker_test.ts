/** Driftless on Workers: one worker, an object for each scope, in workerd. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { LIVE_MESSAGE_BYTES_MAX, PUSH_BODY_BYTES_MAX } from "../../core/limits.ts";
import { issueToken } from "../../edge/identity.ts";
import { LivePeer } from "../edge/live_peer.ts";
import { assertUpload, IslandPeer, islandsIn } from "../edge/live_ui_app.ts";
import { creation, SECRET, stageWorker, until, type WorkerStage } from "./worker_stage.ts";

/** A client that stops closes its socket, and the runtime has done so a little later. */
const LETTING_GO = { sanitizeOps: false, sanitizeResources: false };

let stage: WorkerStage;
Deno.test.beforeAll(async () => {
  stage = await stageWorker();
});
Deno.test.afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

Deno.test("a push is decided, pulled and in the snapshot, each in the object of its scope", async () => {
  const pushed = await stage.post("/_sync/push", { mutations: [creation("a", "http-1")] });
  const { results, epoch } = await pushed.json();
  assertEquals([results[0].ok, results[0].cursor], [true, 1]);
  const pulled = await (await stage.post("/_sync/pull", { scope: "http-1" })).json();
  assertEquals([pulled.changes[0].id, pulled.next_cursor, pulled.epoch], ["a", 1, epoch]);
  const snapshot = await (await stage.post("/_sync/snapshot", { scope: "http-1" })).json();
  assertEquals(snapshot.data, { note: { a: { text: "a" } } });
  assertEquals(snapshot.root, pulled.root);
  const other = await (await stage.post("/_sync/snapshot", { scope: "http-2" })).json();
  assertEquals(other.data, {});
  assertNotEquals(other.epoch, epoch);
});

Deno.test("a push of several scopes has its results in their order, and repeats are recognised", async () => {
  const mutations = [
    creation("a", "several-1", { client: "c", seq: 1 }),
    creation("b", "several-2", { client: "c", seq: 1 }),
    { id: "m-odd", name: "note.create", scope: 7, args: {} },
    creation("c", "several-1", { client: "c", seq: 2 }),
  ];
  for (const attempt of ["new", "again"]) {
    const { results } = await (await stage.post("/_sync/push", { mutations })).json();
    const facts = results.map(({ ok, id, cursor }: Record<string, unknown>) => [ok, id, cursor]);
    const cursors = attempt === "new"
      ? [1, 1, 2]
      : [results[0].cursor, results[1].cursor, results[3].cursor];
    assertEquals(facts, [
      [true, "m-a", cursors[0]],
      [true, "m-b", cursors[1]],
      [false, "m-odd", 0],
      [true, "m-c", cursors[2]],
    ]);
  }
  assertEquals((await stage.probe("several-1")).cursor, 2);
  assertEquals((await stage.probe("several-2")).cursor, 1);
  const closed = [creation("d", "several-1"), creation("e", "closed")];
  const refusal = await stage.post("/_sync/push", { mutations: closed });
  assertEquals([refusal.status, (await refusal.json()).code], [403, "forbidden"]);
  assertEquals((await stage.probe("several-1")).cursor, 2);
});

Deno.test(
  "clients sync: a queue from offline arrives, and another client hears of it at once",
  LETTING_GO,
  async () => {
    const anna = stage.client({ scope: "room", storageName: "a" });
    const ben = stage.client({ scope: "room", storageName: "b" });
    anna.setOffline(true);
    await Promise.all([anna.start(), ben.start()]);
    for (const id of ["1", "2", "3"]) {
      await anna.mutate("note.create", { id, data: { text: `Note ${id}` } });
    }
    await until(() => ben.status.value.connection === "online", "a connection");
    assertEquals(ben.collection("note").count(), 0);
    anna.setOffline(false);
    await until(() => ben.collection("note").count() === 3, "the notes of the other client");
    await ben.mutate("note.create", { id: "4", data: { text: "Back" } });
    await until(() => anna.collection("note").get("4") !== undefined, "the answer");
    await until(() => anna.pending.length + ben.pending.length === 0, "the confirmations");
    const { server, damaged } = await anna.audit();
    assertEquals([server, damaged.length], ["equal", 0]);
    await Promise.all([anna.stop(), ben.stop()]);
  },
);

Deno.test(
  "a log that was trimmed sends a client that is behind to the snapshot",
  LETTING_GO,
  async () => {
    const mutations = ["a", "b", "c"].map((id) => creation(id, "trimmed"));
    await stage.post("/_sync/push", { mutations });
    const { alarm } = await stage.probe("trimmed");
    assert(alarm !== null && alarm > Date.now(), "the log is to be trimmed one day");
    await stage.probe("trimmed", "age");
    await stage.probe("trimmed", "ring");
    await until(async () => (await stage.probe("trimmed")).floor === 3, "the trim");
    const response = await stage.post("/_sync/pull", { scope: "trimmed", cursor: 1 });
    assertEquals([response.status, (await response.json()).code], [410, "cursor_too_old"]);
    const client = stage.client({ scope: "trimmed" });
    await client.start();
    await until(() => client.collection("note").count() === 3, "the snapshot");
    await client.stop();
  },
);

Deno.test("who has no token, or comes from elsewhere, reaches no object", async () => {
  const cases: readonly [Record<string, string>, string, number][] = [
    [{}, "admission", 401],
    [{ authorization: "Bearer no.such.token" }, "admission", 401],
    [{ ...stage.headers, origin: "https://evil.example" }, "admission", 403],
    [stage.headers, "closed", 403],
  ];
  for (const [headers, scope, status] of cases) {
    for (const path of ["/_sync/pull", "/_sync/snapshot", "/_sync/push"]) {
      const mutations = [creation("a", scope)];
      const response = await stage.post(path, { scope, mutations }, headers);
      await response.body?.cancel();
      assertEquals(response.status, status, `${path} ${JSON.stringify(headers)}`);
    }
    const ticket = await stage.post("/_live/ticket", { scope }, headers);
    await ticket.body?.cancel();
    assertEquals(ticket.status, status);
  }
  const page = { ...stage.headers, origin: "https://pages.example" };
  const response = await stage.post("/_sync/pull", { scope: "admission" }, page);
  await response.body?.cancel();
  assertEquals(response.headers.get("access-control-allow-origin"), "https://pages.example");
  const refused = await stage.post("/_sync/pull", { scope: "closed" }, page);
  await refused.body?.cancel();
  assertEquals(refused.headers.get("access-control-allow-origin"), "https://pages.example");
});

Deno.test("a scope is what the object was asked for, whatever a caller writes elsewhere", async () => {
  await (await stage.post("/_sync/push", { mutations: [creation("secret", "forged-1")] })).text();
  const forged = { ...stage.headers, "x-driftless-scope": "forged-1" };
  const pulled = await (await stage.post("/_sync/pull", { scope: "forged-2" }, forged)).json();
  assertEquals(pulled.changes, []);
  const peer = await stage.open("forged-2");
  peer.say({ kind: "hello", protocol: 1, client: "c", scope: "forged-1", cursor: 0, epoch: "" });
  assertEquals((await peer.hear("failure")).code, "forbidden");
  await peer.close();
  const { ticket } = await (await stage.post("/_live/ticket", { scope: "forged-2" })).json();
  const [, own] = ticket.split(".");
  const elsewhere = btoa("forged-1").replaceAll("=", "");
  for (const forged of [`${elsewhere}.${own}`, own, "", `.${own}`, `${elsewhere}.`]) {
    const response = await fetch(`${stage.url}/_live?ticket=${forged}`, {
      headers: {
        upgrade: "websocket",
        connection: "upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
      },
    });
    await response.body?.cancel();
    assert(response.status === 401 || response.status === 426, `${forged}: ${response.status}`);
  }
  assertEquals((await stage.probe("forged-2")).sockets, 0);
});

Deno.test("what is too large or no message at all is refused", async () => {
  for (const more of [-1, 0, 1]) {
    const response = await fetch(`${stage.url}/_sync/push`, {
      method: "POST",
      body: `{"mutations":[]}`.padEnd(PUSH_BODY_BYTES_MAX + more),
      headers: stage.headers,
    });
    assertEquals((await response.json()).code, more > 0 ? "too_large" : "invalid_mutation");
  }
  for (const [more, code] of [[0, 1008], [1, 1009]] as const) {
    const peer = await stage.open("large");
    peer.sayBytes(new Uint8Array(LIVE_MESSAGE_BYTES_MAX + more).fill(0xff));
    assertEquals((await peer.ended).code, code);
  }
  const peer = await stage.open("large");
  peer.sayBytes("text");
  assertEquals((await peer.ended).code, 1003);
});

Deno.test("files and islands are served, and an island goes on in the object of its scope", async () => {
  const plain = await fetch(`${stage.url}/plain.txt`);
  assertEquals(await plain.text(), "Plain ".repeat(200));
  assertEquals((await fetch(`${stage.url}/nothing`, { method: "HEAD" })).status, 404);
  const health = await (await fetch(`${stage.url}/healthz`)).json();
  assertEquals(health.status, "ok");
  const html = await (await fetch(stage.url, { headers: stage.headers })).text();
  const [counter] = islandsIn(html);
  assert(counter !== undefined && counter.html.startsWith("<p>5<button>"), html);
  const table = await (await fetch(`${stage.url}/_live/table/${counter.table}`)).json();
  assert(Array.isArray(table.blocks));
  const port = Number(new URL(stage.url).port);
  const peer = await IslandPeer.open(port, stage.headers);
  peer.show(1, "counter", counter);
  await peer.init(1);
  peer.click(1, 1);
  const patch = await peer.patch(1);
  assertEquals(patch.texts.length + patch.ops.length > 0, true);
  peer.show(2, "board");
  await peer.init(2);
  peer.click(2, 0);
  await peer.patch(2);
  await assertUpload(peer, stage.url);
  await peer.peer.close();
  const notes = await (await stage.post("/_sync/snapshot", {})).json();
  assertEquals(notes.data, { note: { n1: { text: "From an island" } } });
});

Deno.test("modules answer, and one that keeps state keeps it in one object, its sockets too", async () => {
  const stats = await fetch(`${stage.url}/stats`, { method: "POST", body: "[4, 7, 13, 16]" });
  assertEquals([stats.status, (await stats.text()).includes("10")], [200, true]);
  const count = async () => await (await fetch(`${stage.url}/durable/count`)).text();
  assertEquals([await count(), await count(), await count()], ["1", "2", "3"]);
  const socket = new WebSocket(`${stage.url.replace("http", "ws")}/durable/chat`);
  const heard: unknown[] = [];
  socket.onmessage = ({ data }) => heard.push(data);
  await new Promise((resolve) => socket.onopen = resolve);
  for (const text of ["one", "two"]) socket.send(text);
  await until(() => heard.length === 2, "the echoes");
  assertEquals(heard, ["echo: one", "echo: two"]);
  assertEquals(await count(), "4");
  const ended = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await ended;
});

Deno.test("a connection whose token is over is closed by the alarm, with nobody asking", async () => {
  const token = await issueToken("anna", 2, SECRET);
  const headers = { authorization: `Bearer ${token}` };
  const { ticket } = await (await stage.post("/_live/ticket", { scope: "over" }, headers)).json();
  const peer = await LivePeer.connect(
    `${stage.url.replace("http", "ws")}/_live?ticket=${ticket}`,
  );
  assertEquals((await peer.ended).code, 4401);
  await until(async () => (await stage.probe("over")).sockets === 0, "the end");
});
