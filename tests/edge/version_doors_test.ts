/** The doors and versions of the app: over HTTP, on the live connection, and at the start. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { AnyApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { Store } from "../../core/store.ts";
import { TOO_OLD_RETRY_MS } from "../../core/upgrade.ts";
import { openToAll } from "../../edge/admission.ts";
import { createHandler } from "../../edge/handler.ts";
import { createLog } from "../../edge/log.ts";
import { serve } from "../../edge/serve.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { versionOne, versionTwo, versionTwoOnly } from "../core/versions_app.ts";

/** What a version of the app answers, on a store, until it is closed. */
function open(app: AnyApp, store: Store) {
  const lines: string[] = [];
  const handler = createHandler(app, {
    origins: [],
    hosts: [],
    open: true,
    authenticate: openToAll,
    version: "0.0.0-test",
    store,
    log: createLog("info", (line) => void lines.push(line)),
  });
  return {
    lines,
    post: async (path: string, body: unknown) => {
      const init = { method: "POST", body: JSON.stringify(body) };
      const request = new Request(`http://127.0.0.1:8000${path}`, init);
      request.headers.set("content-type", "application/json");
      const response = await handler.fetch(request);
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    [Symbol.dispose]: () => handler.close(),
  };
}

const call = (seq: number, name: string, args: unknown, fields: object = {}) => ({
  id: `m${seq}`,
  client: "c",
  seq,
  name,
  args,
  scope: "home",
  ...fields,
});

/** A store that version 1 has written one note into. */
async function storeOfOne(store: Store = new MemoryStore("e")): Promise<Store> {
  using one = open(versionOne, store);
  const args = { id: "a", data: { title: "t", stars: 0 } };
  const { body } = await one.post("/_sync/push", { mutations: [call(1, "note.create", args)] });
  assertEquals(body.results[0].ok, true);
  return store;
}

Deno.test("a handler leads the rows up before it answers, and logs how far it is", async () => {
  const store = await storeOfOne();
  using two = open(versionTwo, store);
  const { body } = await two.post("/_sync/snapshot", { scope: "home" });
  assertEquals(body.data, { note: { a: { text: "t", stars: 0 } } });
  assertEquals("app_version" in body, false);
  const { time: _, ...line } = JSON.parse(two.lines[0] ?? "");
  const counts = { from: 1, to: 2, done: 1, total: 1, rows: 1, changed: 1 };
  assertEquals(line, { level: "info", event: "rows upgraded", ...counts });
});

Deno.test("an older client's push is led up; pull and snapshot tell it the server's version", async () => {
  using two = open(versionTwo, await storeOfOne());
  const mutations = [
    call(2, "note.rename", { id: "a", title: "x" }),
    call(3, "note.shout", { id: "a" }),
    call(4, "note.star", { id: "a" }),
  ];
  const { body } = await two.post("/_sync/push", { mutations, app_version: 1 });
  const codes = body.results.map((result: { code?: string }) => result.code);
  assertEquals(codes, [undefined, "upgrade_required", undefined]);
  assertEquals(body.results.at(-1).last_seq, 4);
  const pull = await two.post("/_sync/pull", { scope: "home", cursor: 0, app_version: 1 });
  assertEquals(pull.body.app_version, 2);
  assertEquals(pull.body.changes.at(-1).data, { text: "x", stars: 1 });
  const snapshot = await two.post("/_sync/snapshot", { scope: "home", app_version: 2 });
  assertEquals(snapshot.body.app_version, 2);
  assertEquals((await two.post("/_live/ticket", {})).body.app_version, 2);
});

Deno.test("every door refuses versions that it does not serve, and what is no version", async () => {
  const store = await storeOfOne();
  using only = open(versionTwoOnly, store);
  const mutations = [call(2, "note.star", { id: "a" })];
  for (const path of ["/_sync/push", "/_sync/pull", "/_sync/snapshot"]) {
    const ask = (app_version: unknown) =>
      only.post(path, { scope: "home", mutations, cursor: 0, app_version });
    const old = await ask(1);
    assertEquals([old.status, old.body.code], [426, "upgrade_required"], path);
    assertEquals(old.body.retry_after_ms, TOO_OLD_RETRY_MS);
    assertEquals(old.headers.get("retry-after"), `${TOO_OLD_RETRY_MS / 1000}`);
    const early = await ask(3);
    assertEquals([early.status, early.body.code], [503, "unavailable"], path);
    assert(early.body.error.includes("runs version 2"), early.body.error);
    for (const bad of ["2", 1.5, -1, [], {}]) {
      const { status, body } = await ask(bad);
      assertEquals([status, body.code], [400, "invalid_mutation"], `${path} ${bad}`);
    }
  }
  assertEquals(store.client("home", "c")?.lastSeq, 1);
  for (const app_version of [null, 2]) {
    const { status } = await only.post("/_sync/pull", { scope: "home", cursor: 0, app_version });
    assertEquals(status, 200);
  }
});

Deno.test("a malformed mutation with a place is refused on the record, and the next one runs", async () => {
  const store = await storeOfOne();
  using one = open(versionOne, store);
  const bad = [
    call(2, "note.star", { id: "a" }, { created_at: "yesterday" }),
    call(3, "", { id: "a" }),
    call(4, "note.star", "x".repeat(20_000)),
    call(5, "note.star", { id: "a" }, { other: "x".repeat(20_000) }),
  ];
  const push = () =>
    one.post("/_sync/push", { mutations: [...bad, call(6, "note.star", { id: "a" })] });
  for (const attempt of ["first", "second"]) {
    const { status, body } = await push();
    assertEquals(status, 200);
    const results = body.results as { code?: string; last_seq: number }[];
    assertEquals(results.map(({ code }) => code), [
      ...bad.map(() => "invalid_mutation"),
      undefined,
    ], attempt);
  }
  assertEquals(store.client("home", "c")?.lastSeq, 6);
  assertEquals(store.row("home", "note", "a")?.json, `{"stars":1,"title":"t"}`);
});

Deno.test("a handler does not start on a newer store, nor on rows that it cannot lead up", async () => {
  const store = await storeOfOne();
  open(versionTwo, store)[Symbol.dispose]();
  const newer = assertThrows(() => open(versionOne, store), DriftlessError, "of version 2");
  assertEquals(newer.code, "upgrade_required");
  const { note } = versionTwo.collections;
  const broken = { ...versionTwo, version: 3, collections: { note }, migrations: new Map() };
  store.transaction(() => {
    const row = { entity: "note", id: "z", json: "{}", stamps: "s", live: true, cursor: 1 };
    store.putRow("home", row);
  });
  const refused = assertThrows(() => open(broken, store), DriftlessError, `note "z"`);
  assertEquals([refused.code, store.appVersion()], ["invalid_record", 2]);
});

Deno.test("a server upgrades its file once, whether or not one that failed came before", async () => {
  const folder = await Deno.makeTempDir();
  const data = `${folder}/store.sqlite`;
  try {
    const first = openSqliteStore(data);
    await storeOfOne(first);
    first.close();
    const log = createLog("error", () => {});
    const options = { hostname: "127.0.0.1", port: 0, data, log, version: "0.0.0-test" };
    const { note } = versionTwo.collections;
    const migrations = new Map([[2, { records: { note: () => ({}) } }]]);
    const broken: AnyApp = { ...versionTwo, collections: { note }, migrations };
    const error = await serve({ ...options, app: broken }).then(() => null, (error) => error);
    assertEquals(error?.code, "invalid_record");
    for (const app of [versionTwo, versionTwo]) await (await serve({ ...options, app })).stop();
    const store = openSqliteStore(data);
    assertEquals(store.appVersion(), 2);
    assertEquals(store.head("home").cursor, 2, "one change of the client, one of the upgrade");
    assertEquals(store.row("home", "note", "a")?.json, `{"stars":0,"text":"t"}`);
    store.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
