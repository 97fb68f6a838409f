/** Backup and restore: copies of a file under full load, refusals, crashes between steps, clients. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { collection, createClient, defineApp, MemoryPersistence } from "../../mod.ts";
import { backup, COPY_STEPS, restore } from "../../edge/backup.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { change } from "../conformance/store_suite.ts";
import { assertFailed, inFolder, RunningProgram, runProgram, TODO_APP } from "./program.ts";
import { eventually } from "./raw_peer.ts";
import { task } from "./served_app.ts";

const OPTIONS = { open: openSqlite };

/** Mutations of one push, and backups that are taken while pushes go on. */
const PUSH_MUTATIONS = 50;
const BACKUPS = 4;

const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
const app = defineApp({ name: "todos", collections: { todo } });

Deno.test("a backup under full load has everything acknowledged before it began, each push whole or not", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const server = await RunningProgram.serve(["app.ts", "--port", "0"], { folder });
    let acknowledged = 0;
    let isDone = false;
    const writing = (async () => {
      for (let batch = 0; !isDone; batch++) {
        const mutations = Array.from({ length: PUSH_MUTATIONS }, (_, i) => task(`${batch}-${i}`));
        const { results } = await push(server.url, mutations);
        assert(results.every(({ ok }) => ok));
        acknowledged += results.length;
      }
    })();
    const counts: number[] = [];
    for (let i = 0; i < BACKUPS; i++) {
      const before = acknowledged;
      await eventually(() => acknowledged > before, "more pushes");
      const least = acknowledged;
      const run = await runProgram(["backup", `copy${i}.db`], { folder });
      assertEquals(run.code, 0, run.stderr);
      assertMatch(
        run.stdout,
        /^backed up "\.\/driftless\.db" to "copy\d\.db": 1 scopes, \d+ rows, /,
      );
      const facts = factsOf(join(folder, `copy${i}.db`));
      assertEquals(facts.integrity, "ok");
      assert(facts.rows >= least, `${facts.rows} of ${least}`);
      assertEquals(facts.rows % PUSH_MUTATIONS, 0);
      assertEquals([facts.changes, facts.outcomes, facts.cursor], [
        facts.rows,
        facts.rows,
        facts.rows,
      ]);
      counts.push(facts.rows);
    }
    isDone = true;
    await writing;
    assertEquals(await server.stop(), 0, server.stderr);
    assertEquals(counts, [...counts].sort((a, b) => a - b));
    assertEquals(factsOf(join(folder, "driftless.db")).rows, acknowledged);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, ["app.ts", "copy0.db", "copy1.db", "copy2.db", "copy3.db", "driftless.db"]);

    const doctor = await runProgram(["doctor", "--data", "copy3.db", "--port", "0"], { folder });
    assertEquals(doctor.code, 0, doctor.stdout);
  }));

Deno.test("a backup takes nobody's place unless it is told to, and is never its own source", () =>
  inFolder({ "app.ts": TODO_APP, "old.db": "an older backup" }, async (folder) => {
    const at = (name: string) => join(folder, name);
    openSqliteStore(at("a.db")).close();
    await Deno.symlink(at("a.db"), at("link.db"));
    await assertRejects(() => backup(at("a.db"), at("old.db"), OPTIONS), Error, "use --force");
    assertEquals(await Deno.readTextFile(at("old.db")), "an older backup");
    for (const to of ["a.db", "link.db"]) {
      const own = () => backup(at("a.db"), at(to), { ...OPTIONS, isForced: true });
      await assertRejects(own, Error, "into itself");
    }
    await assertRejects(() => backup(at("a.db"), at("none/b.db"), OPTIONS), Error, "Cannot use");
    await backup(at("a.db"), at("old.db"), { ...OPTIONS, isForced: true });
    assertEquals(factsOf(at("old.db")).integrity, "ok");
    const store = openSqliteStore(at("b.db"));
    const used = () => backup(at("a.db"), at("b.db"), { ...OPTIONS, isForced: true });
    await assertRejects(used, Error, "a program uses that file");
    store.close();

    const again = await runProgram(["backup", "old.db", "--data", "a.db"], { folder });
    assertFailed(again, /it exists; name another file, or use --force/);
    const forced = await runProgram(["backup", "old.db", "--data", "a.db", "--force"], { folder });
    assertEquals(forced.code, 0, forced.stderr);
  }));

Deno.test("a copy that is stopped between two steps leaves nothing, and the next one is whole", () =>
  inFolder({}, async (folder) => {
    const at = (name: string) => join(folder, name);
    const store = openSqliteStore(at("a.db"));
    store.transaction(() => store.append("s", change(1)));
    store.close();
    openSqliteStore(at("b.db")).close();
    const before = factsOf(at("b.db"));
    for (let last = 1; last < COPY_STEPS; last++) {
      const stop = new AbortController();
      const progress = (done: number) => done === last && stop.abort();
      const options = { ...OPTIONS, progress, signal: stop.signal };
      await assertRejects(() => backup(at("a.db"), at("c.db"), options), DOMException);
      await assertRejects(
        () => restore(at("a.db"), at("b.db"), { ...options, now: 0 }),
        DOMException,
      );
    }
    assertEquals(factsOf(at("b.db")), before);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["a.db", "b.db"]);
    // As a crash would leave it.
    await Deno.writeTextFile(at("c.db.partial"), "half a copy");
    await backup(at("a.db"), at("c.db"), OPTIONS);
    assertEquals(factsOf(at("c.db")).integrity, "ok");
    assertEquals([...Deno.readDirSync(folder)].length, 3);
  }));

Deno.test("a damaged backup is refused and the data file stays; a damaged data file is replaced", () =>
  inFolder({}, async (folder) => {
    const at = (name: string) => join(folder, name);
    const store = openSqliteStore(at("a.db"));
    store.transaction(() => {
      for (let i = 1; i <= 2_000; i++) store.append("s", change(i));
    });
    store.close();
    const bytes = await Deno.readFile(at("a.db"));
    // Beyond the pages that opening reads.
    bytes.fill(0x5a, bytes.length - 40_000, bytes.length - 8_000);
    await Deno.writeFile(at("bad.db"), bytes);
    const run = await runProgram(["restore", "bad.db", "--data", "a.db"], { folder });
    assertFailed(run, /damaged|SQLite says/);
    const other = new DatabaseSync(at("other.db"));
    other.exec("CREATE TABLE t (a)");
    other.close();
    assertFailed(
      await runProgram(["restore", "other.db", "--data", "a.db"], { folder }),
      /database of another program/,
    );
    await Deno.writeTextFile(at("empty.db"), "");
    assertFailed(await runProgram(["restore", "empty.db", "--data", "a.db"], { folder }), /empty/);
    assertEquals(factsOf(at("a.db")).changes, 2_000);

    await Deno.writeTextFile(at("broken.db"), "no database at all ".repeat(1_000));
    const back = await runProgram(["restore", "a.db", "--data", "broken.db"], { folder });
    assertEquals(back.code, 0, back.stderr);
    assertEquals(factsOf(at("broken.db")).changes, 2_000);
    const aside = /the old file is "(.+)"/.exec(back.stdout)?.[1] ?? "";
    assertMatch(await Deno.readTextFile(join(folder, aside)), /^no database at all/);
  }));

Deno.test("a file in use is not restored; afterwards clients that were ahead converge and lose nothing of their own", () =>
  inFolder({ "app.ts": TODO_APP }, async (folder) => {
    const serving = ["app.ts", "--port", "0"];
    let server = await RunningProgram.serve(serving, { folder });
    const { port } = server;
    const persistence = new MemoryPersistence();
    const options = { url: server.url, persistence, pushIntervalMs: 50, pullIntervalMs: 50 };
    const client = createClient(app, options);
    await client.start();
    const create = (id: string) =>
      client.mutate("todo.create", { id, data: { title: id, done: false } });
    const ids = () => client.collection("todo").all().map(([id]) => id);
    await create("before");
    await client.sync();
    assertEquals((await runProgram(["backup", "copy.db"], { folder })).code, 0);
    await create("after");
    await client.sync();
    const ahead = client.cursor;
    client.setOffline(true);
    await create("offline");

    const used = await runProgram(["restore", "copy.db"], { folder });
    assertFailed(used, /a server, or another command, uses it; stop that first/);
    assertEquals((await fetch(`${server.url}/healthz`).then((it) => it.json())).status, "ok");
    assertEquals(await server.stop(), 0, server.stderr);
    const old = factsOf(join(folder, "driftless.db"));
    const run = await runProgram(["restore", "copy.db"], { folder });
    assertEquals(run.code, 0, run.stderr);
    const aside = /the old file is "(.+)"/.exec(run.stdout)?.[1] ?? "";
    assertEquals(factsOf(join(folder, aside)), old);
    const restored = factsOf(join(folder, "driftless.db"));
    assertEquals([restored.rows, restored.integrity], [1, "ok"]);
    assertNotEquals(restored.epoch, old.epoch);
    assert(restored.cursor < ahead);

    server = await RunningProgram.serve(["app.ts", "--port", `${port}`], { folder });
    client.setOffline(false);
    await eventually(() => ids().includes("offline") && client.pending.length === 0, "the queue");
    await client.sync();
    const { data } = await (await fetch(`${server.url}/_sync/snapshot`, {
      method: "POST",
      body: "{}",
    })).json();
    assertEquals(ids(), Object.keys(data.todo).sort());
    assertEquals(ids(), ["before", "offline"]);
    await client.stop();
    assertEquals(await server.stop(), 0, server.stderr);
  }));

interface PushAnswer {
  readonly results: readonly { readonly ok: boolean }[];
}

async function push(url: string, mutations: readonly unknown[]): Promise<PushAnswer> {
  const body = JSON.stringify({ mutations });
  return await (await fetch(`${url}/_sync/push`, { method: "POST", body })).json();
}

/** What a data file holds, read without Driftless. */
function factsOf(path: string) {
  const db = new DatabaseSync(path);
  try {
    const one = (sql: string) => Object.values(db.prepare(sql).get() ?? {})[0];
    return {
      integrity: one("PRAGMA integrity_check"),
      rows: Number(one("SELECT count(*) FROM rows WHERE live = 1")),
      changes: Number(one("SELECT count(*) FROM changes")),
      outcomes: Number(one("SELECT count(*) FROM outcomes")),
      cursor: Number(one("SELECT coalesce(max(cursor), 0) FROM scopes")),
      epoch: String(one("SELECT value FROM meta WHERE name = 'epoch'")),
    };
  } finally {
    db.close();
  }
}
