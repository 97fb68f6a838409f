/** The exchange's doors: who is answered, in what form, how much of it, and what heals over them. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { AccessRequest } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { checkMutation } from "../../core/mutation.ts";
import { Exchange, type ExchangeStart } from "../../core/reconcile/exchange.ts";
import { STEP_WORK } from "../../core/reconcile/metered.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import { SyncServer } from "../../core/server.ts";
import type { Store } from "../../core/store.ts";
import { ReconcileReply } from "../../core/wire/reconcile_gen.ts";
import { Committer } from "../../edge/committer.ts";
import type { Identity } from "../../edge/identity.ts";
import { RateLimitedError } from "../../edge/rate.ts";
import { countWork, RECONCILE_RATE } from "../../edge/reconcile_rate.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { SyncDoors } from "../../edge/sync_doors.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { requestOf } from "../core/reconcile_request.ts";
import { LivePeer } from "./live_peer.ts";
import {
  assertRefused,
  bearer,
  creation,
  type Doors,
  EPOCH,
  ORIGIN,
  rootText,
  task,
  todoApp,
  withDoors,
  withListeningDoors,
} from "./served_app.ts";

const PATH = "/_sync/reconcile";
const ANNA: Identity = { principal: { id: "anna" }, expires: Infinity, explicit: true };
const BEN: Identity = { ...ANNA, principal: { id: "ben" } };
const NOBODY: Identity = { ...ANNA, principal: null };

Deno.test("pull has the root on its last page, snapshot at its end, and both are the rows' own [S10]", () =>
  withDoors({}, async (doors) => {
    for (const id of ["m1", "m2", "m3"]) await push(doors, creation(id));
    const root = rootText(doors.store);
    const page = async (body: unknown) => await (await doors.post("/_sync/pull", body)).json();
    assert(!("root" in await page({ limit: 2 })));
    assertEquals((await page({ cursor: 2, limit: 2 })).root, root);
    assertEquals((await page({ cursor: 3 })).root, root);
    for (const columns of [false, true]) {
      const snapshot = await (await doors.post("/_sync/snapshot", { columns })).json();
      assertEquals([snapshot.cursor, snapshot.root], [3, root]);
    }
  }));

Deno.test("without a tree there is no root, and the door says that there is nothing to compare", () =>
  withDoors({ store: new MemoryStore(EPOCH) }, async (doors) => {
    await push(doors, creation("m1"));
    for (const door of ["pull", "snapshot"]) {
      assert(!("root" in await (await doors.post(`/_sync/${door}`, {})).json()), door);
    }
    await assertRefused(await doors.post(PATH, requestOf()), 404, "not_found");
  }));

Deno.test("a request is answered in bytes that nobody keeps, whatever its type says", () =>
  withDoors({}, async (doors) => {
    await push(doors, creation("m1"));
    for (const type of ["application/x-protobuf", "application/json", "text/plain", ""]) {
      const response = await doors.post(PATH, requestOf(), { "content-type": type });
      assertEquals(response.headers.get("content-type"), "application/x-protobuf", type);
      assertEquals(response.headers.get("cache-control"), "no-store");
      assertEquals(response.headers.get("x-content-type-options"), "nosniff");
      const { count, cursor } = ReconcileReply.decode(await bytesOf(response));
      assertEquals([response.status, count, cursor], [200, 1, 1]);
    }
  }));

Deno.test("replies are compressed for those who accept it, where that makes them smaller", () =>
  withDoors({}, async (doors) => {
    const mutations = Array.from({ length: 100 }, (_, i) => task(`${i}`));
    await push(doors, { mutations });
    const long = requestOf({ cursor: 0, epoch: EPOCH, scope: "_default", since: true });
    const plain = await bytesOf(await doors.post(PATH, long));
    for (
      const [accepted, unpack] of [["br", brotliDecompressSync], ["gzip", gunzipSync]] as const
    ) {
      const response = await doors.post(PATH, long, { "accept-encoding": accepted });
      assertEquals(response.headers.get("content-encoding"), accepted);
      const packed = await bytesOf(response);
      assert(packed.length < plain.length / 2, `${packed.length} of ${plain.length}`);
      assertEquals(new Uint8Array(unpack(packed)), plain);
      // Sums are as good as random, and a short reply is short.
      const sketch = requestOf({ groups: [{ bits: 1, from: 0, count: 1 }] });
      for (const request of [sketch, requestOf()]) {
        const raw = await doors.post(PATH, request, { "accept-encoding": accepted });
        assertEquals(raw.headers.get("content-encoding"), null);
        assertEquals(raw.headers.get("vary"), "accept-encoding");
        ReconcileReply.decode(await bytesOf(raw));
      }
    }
  }));

Deno.test("who may exchange is who may pull [S8]", () => {
  const authorize = ({ principal, scope, action }: AccessRequest) =>
    scope === "open" || action === "read" && principal?.id === "anna" && scope === "hers";
  return withDoors({ signed: true, authorize }, async (doors) => {
    const callers = [{}, await bearer("anna"), await bearer("ben"), { authorization: "Bearer no" }];
    const outcomes: string[] = [];
    for (const headers of callers) {
      for (const scope of ["hers", "his", "open"]) {
        const exchanged = await doors.post(PATH, requestOf({ scope }), headers);
        const pulled = await doors.post("/_sync/pull", { scope }, headers);
        const context = `${JSON.stringify(headers)} ${scope}`;
        assertEquals(exchanged.status, pulled.status, context);
        outcomes.push(`${exchanged.status}`);
        const refusal = await pulled.json();
        if (exchanged.status === 200) ReconcileReply.decode(await bytesOf(exchanged));
        else {assertEquals(
            await assertRefused(exchanged, pulled.status, refusal.code, context),
            refusal,
          );}
      }
    }
    assertEquals(outcomes.join(" "), "401 401 200 200 403 200 403 403 200 401 401 401");
    const foreign = { ...await bearer("anna"), origin: "https://evil.example" };
    await assertRefused(await doors.post(PATH, requestOf(), foreign), 403, "forbidden");
    const page = { ...await bearer("anna"), origin: ORIGIN };
    const allowed = await doors.post(PATH, requestOf({ scope: "hers" }), page);
    assertEquals(allowed.headers.get("access-control-allow-origin"), ORIGIN);
    await allowed.body?.cancel();
  });
});

Deno.test("a request names its scope; without a name it is the default one", () =>
  withDoors({}, async (doors) => {
    await push(doors, { mutations: [task("1"), task("2", { scope: "other" }), task("3")] });
    const countIn = async (scope: string) =>
      ReconcileReply.decode(await bytesOf(await doors.post(PATH, requestOf({ scope })))).count;
    assertEquals(await Promise.all(["", "_default", "other", "none"].map(countIn)), [2, 2, 1, 0]);
    for (const scope of ["\n", "s".repeat(129)]) {
      await assertRefused(
        await doors.post(PATH, requestOf({ scope })),
        400,
        "invalid_mutation",
      );
    }
  }));

Deno.test("a tree of another version is a reason to come back with newer code", () =>
  withDoors({}, async (doors) => {
    const response = await doors.post(PATH, requestOf({ version: 1 }));
    const { error } = await assertRefused(response, 426, "upgrade_required");
    assert(error.includes("version 1"), error);
  }));

Deno.test("a caller that floods the server does so much work and no more, then waits [S11]", () => {
  const { doors, store, wait } = rig();
  const request = requestOf({ groups: [{ bits: 7, from: 0, count: 128 }] });
  const work = STEP_WORK + workOf(store, request);
  const most = Math.floor(RECONCILE_RATE.burst / work) + 1;
  const flood = (identity: Identity, address: string) => {
    for (let answered = 0; answered <= most; answered++) {
      try {
        doors.reconcile(identity, address, request);
      } catch (error) {
        assert(error instanceof RateLimitedError);
        return { answered, retryAfterMs: error.retryAfterMs };
      }
    }
    throw new Error(`There were more than ${most} answers`);
  };
  const first = flood(ANNA, "1.1.1.1");
  assertEquals(first.answered, most);
  assertEquals(flood(ANNA, "2.2.2.2").answered, 0, "a principal is one caller, wherever it is");
  doors.reconcile(BEN, "1.1.1.1", request);
  assertEquals(flood(NOBODY, "1.1.1.1").answered, most);
  doors.reconcile(BEN, "1.1.1.1", request);
  assertEquals(flood(NOBODY, "1.1.1.1").answered, 0, "without a name an address is one caller");
  doors.reconcile(NOBODY, "3.3.3.3", request);
  wait(first.retryAfterMs - 1);
  assertEquals(flood(ANNA, "1.1.1.1").answered, 0);
  wait(1);
  assertEquals(flood(ANNA, "1.1.1.1").answered, 1, "one more where there is room for any");
});

Deno.test("requests that fail count as work, so that no flood is for nothing [S11]", () => {
  const { doors } = rig();
  const bad = requestOf({ version: 1 });
  for (let i = 0; i < RECONCILE_RATE.burst / STEP_WORK; i++) {
    assertThrows(() => doors.reconcile(ANNA, "", bad), DriftlessError, "version 1");
  }
  // Nothing is left, and nothing is owed.
  assertThrows(() => doors.reconcile(ANNA, "", bad), DriftlessError, "version 1");
  assertThrows(() => doors.reconcile(ANNA, "", bad), RateLimitedError);
});

Deno.test("an exchange over HTTP makes a client's rows the server's, for what differs [S10]", () =>
  assertHeals(new MemoryStore(EPOCH, kernelSync())));

Deno.test("an exchange with a server on SQLite makes a client's rows the server's [S10]", async () => {
  const store = openSqliteStore(":memory:");
  try {
    await assertHeals(store);
  } finally {
    store.close();
  }
});

Deno.test("a page and its root are of one moment, though another process writes in between [S10]", async () => {
  const folder = await Deno.makeTempDir({ prefix: "driftless-" });
  const own: Store = openSqliteStore(join(folder, "a.db"));
  const other: Store = openSqliteStore(join(folder, "a.db"));
  try {
    const serverOn = (store: Store) =>
      new SyncServer({ app: todoApp(), store, clock: { now: () => 0 }, open: true });
    const [server, foreign] = [serverOn(own), serverOn(other)];
    let written = 0;
    const write = () => {
      const mutation = checkMutation({ ...task(`${written++}`), scope: "s" });
      foreign.push([{ principal: null, mutations: [mutation] }]);
    };
    write();
    const roots: (string | undefined)[] = [];
    const expected: string[] = [];
    const readAll = () => {
      const snapshot = server.snapshot("s");
      snapshot.close();
      const { cursor, root } = server.claim("s");
      const page = server.pull("s", 0);
      return [snapshot, { cursor, root }, { cursor: page.nextCursor, root: page.root }];
    };
    // Whatever is read first, the rest is read after another one has written.
    for (const step of ["head", "changes", "snapshot"] as const) {
      const real = own[step].bind(own) as (...args: unknown[]) => unknown;
      Object.assign(own, {
        [step]: (...args: unknown[]) => {
          const result = real(...args);
          write();
          return result;
        },
      });
      for (const { cursor, root } of readAll()) {
        if (root === undefined) continue;
        roots.push(root.toHex());
        expected.push(rootAt(other, cursor).toHex());
      }
      delete (own as unknown as Record<string, unknown>)[step];
    }
    assert(roots.length >= 6, `${roots.length} claims`);
    assertEquals(roots, expected);
    assertEquals(other.head("s").cursor, written);
  } finally {
    for (const store of [own, other]) store.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an exchange on a channel heals while others write, and goes on with the log [S10]", () =>
  withListeningDoors({}, async (doors) => {
    const [peer, writer] = [await LivePeer.open(doors.port), await LivePeer.open(doors.port)];
    await writer.greet({ client: "writer" });
    writer.pushTasks(1, 200);
    await writer.hear("ack");
    for (let seen = 0; seen < 200; seen += (await writer.hear("poke")).changes.length);
    const client = new Replica(doors.store, "s");
    client.forget("task-0-3", "task-0-4").invent("task-x");
    // A history that the server does not know: the channel is of no use for the log.
    assert((await peer.greet({ client: "lost", cursor: 200, epoch: "history-0" })).reset);
    let next = 201;
    const { head } = await client.exchange(async (body) => {
      writer.pushTasks(next++, 1);
      await writer.hear("ack");
      await writer.hear("poke");
      peer.say({ kind: "reconcile", body });
      return (await peer.hear("reconcile")).body;
    }, "");
    peer.say({ kind: "next", cursor: head });
    client.take((await peer.hear("poke")).changes);
    assertEquals(client.rows, rowsOf(doors.store, "s"));
    writer.pushTasks(next, 1);
    assertEquals((await peer.hear("poke")).from, next - 1);
    await peer.close();
    await writer.close();
  }));

/** The root of the rows that the first changes of a log made, all of them creations. */
function rootAt(store: Store, cursor: number): Uint8Array {
  const tree = new RowTree(kernelSync(), "s", new MemoryNodes());
  tree.update(store.changes("s", 0, cursor));
  return tree.root;
}

/** Runs an exchange over HTTP with a server on this store. */
function assertHeals(store: Store): Promise<void> {
  return withDoors({ store }, async (doors) => {
    for (let from = 0; from < 1_000; from += 100) {
      await push(doors, { mutations: Array.from({ length: 100 }, (_, i) => task(`${from + i}`)) });
    }
    const pulled = await (await doors.post("/_sync/pull", { cursor: 1_000 })).json();
    assertEquals(pulled.root, rootText(store));
    const client = new Replica(store, "_default");
    client.forget("todo-1", "todo-500").damage("todo-7").invent("todo-x");
    const { head } = await client.exchange(async (request) =>
      await bytesOf(await doors.post(PATH, request))
    );
    assertEquals(head, 1_000);
    assertEquals(client.rows, rowsOf(store, "_default"));
    assert(client.bytes < 2_000, `${client.bytes} bytes`);
  });
}

/** A client's rows, as far as an exchange is concerned. */
class Replica {
  bytes = 0;
  readonly rows: Map<string, string>;
  readonly #scope: string;
  readonly #cursor: number;
  readonly #epoch: string;

  /** Begins with the server's rows. */
  constructor(store: Store, scope: string) {
    this.rows = rowsOf(store, scope);
    this.#scope = scope;
    this.#cursor = store.head(scope).cursor;
    this.#epoch = store.epoch;
  }

  forget(...ids: readonly string[]): this {
    for (const id of ids) assert(this.rows.delete(id), id);
    return this;
  }

  damage(id: string): this {
    assert(this.rows.has(id));
    this.rows.set(id, `{"done":true,"title":"not this"}`);
    return this;
  }

  invent(id: string): this {
    this.rows.set(id, `{"done":true,"title":"nobody's"}`);
    return this;
  }

  take(changes: readonly { readonly id: string; readonly json: string | null }[]): void {
    for (const { id, json } of changes) {
      if (json === null) this.rows.delete(id);
      else this.rows.set(id, json);
    }
  }

  /** Runs an exchange to its end and takes what it found. */
  async exchange(
    ask: (request: Uint8Array) => Promise<Uint8Array>,
    epoch = this.#epoch,
  ): Promise<{ readonly head: number }> {
    const kernel = kernelSync();
    const nodes = new MemoryNodes();
    const tree = new RowTree(kernel, this.#scope, nodes);
    const changes = () => Array.from(this.rows, ([id, json]) => ({ entity: "todo", id, json }));
    tree.update(changes());
    const start: ExchangeStart = {
      kernel,
      tree,
      nodes,
      random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
      cursor: this.#cursor,
      epoch,
      row: (_, id) => this.rows.get(id),
      rows: changes,
      ...(epoch === "" ? {} : { scope: this.#scope }),
    };
    const exchange = new Exchange(start);
    const waiting = [...exchange.start()];
    for (let request = waiting.shift(); request !== undefined; request = waiting.shift()) {
      const reply = await ask(request);
      this.bytes += request.length + reply.length;
      waiting.push(...exchange.received(reply));
    }
    const { outcome } = exchange;
    assert(outcome?.kind === "repaired", JSON.stringify(outcome));
    for (const { id } of outcome.gone) assert(this.rows.delete(id), id);
    for (const { id, json } of outcome.rows) this.rows.set(id, json);
    return { head: outcome.cursor };
  }
}

/** Doors whose clock a test moves, on a scope with some rows. */
function rig() {
  let now = 0;
  const store = new MemoryStore(EPOCH, kernelSync());
  const server = new SyncServer({ app: todoApp(), store, clock: { now: () => now }, open: true });
  const committer = new Committer({ server, defer: queueMicrotask, committed: () => {} });
  const doors = new SyncDoors({
    server,
    committer,
    spend: () => 0,
    spendWork: countWork(() => now),
    open: true,
  });
  store.transaction(() => {
    for (let i = 0; i < 1_000; i++) {
      const json = `{"text":"note ${i}"}`;
      const id = `note-${i}`;
      store.putRow("_default", { entity: "note", id, json, stamps: "", live: true, cursor: 1 });
    }
  });
  return { store, server, doors, wait: (ms: number) => void (now += ms) };
}

/** What a request costs beside what every one does. */
function workOf(store: Store, request: Uint8Array): number {
  const server = new SyncServer({ app: todoApp(), store, clock: { now: () => 0 } });
  const spent: number[] = [];
  server.reconcile("_default", request, (work) => {
    spent.push(work);
    return 0;
  });
  return spent.at(-1) ?? 0;
}

function rowsOf(store: Store, scope: string): Map<string, string> {
  return new Map(store.rows(scope, "todo").map(({ id, json }) => [id, json]));
}

async function push(doors: Doors, body: unknown): Promise<void> {
  const response = await doors.post("/_sync/push", body);
  assertEquals(response.status, 200);
  await response.body?.cancel();
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}
