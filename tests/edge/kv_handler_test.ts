/** Handlers on a KV database: they answer as on a store at hand, and two of them are one server. */
import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../core/memory_store.ts";
import type { AnyStore } from "../../core/suspend.ts";
import { decodeDown, encodeUp, PROTOCOL_VERSION } from "../../core/wire/messages.ts";
import { openToAll } from "../../edge/admission.ts";
import { createHandler, type Handler } from "../../edge/handler.ts";
import { openKvStore } from "../../edge/kv/open.ts";
import { createLog } from "../../edge/log.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { assertTree } from "../conformance/store_tree_suite.ts";
import { Prng } from "../sim/prng.ts";
import { todoApp, withOwnTime } from "./served_app.ts";

const STEPS = 120;
const NOW_MS = 1_700_000_000_000;
const WRITERS = 6;
const MUTATIONS = 15;

Deno.test("every answer over HTTP is the same on KV as in memory", async () => {
  await withOwnTime(async (_, setTime) => {
    setTime(NOW_MS);
    await withKv(async (kv) => {
      const store = await openKvStore(kv);
      const there = await conversation(handlerOn(store));
      const here = await conversation(handlerOn(new MemoryStore(store.epoch, plainKernel)));
      assertEquals(there, here);
    });
  });
});

Deno.test("two handlers on one database order, deduplicate and tell all that both decide", async () => {
  await withKv(async (kv) => {
    const stores = [await openKvStore(kv), await openKvStore(kv)] as const;
    const handlers = [handlerOn(stores[0]), handlerOn(stores[1])] as const;
    const epoch = stores[0].epoch;
    const ears = await Promise.all(handlers.map((handler) => listen(handler, epoch)));
    await Promise.all(Array.from({ length: WRITERS }, async (_, writer) => {
      for (let seq = 1; seq <= MUTATIONS; seq++) {
        const mutation = {
          id: `w${writer} m${seq}`,
          client: `w${writer}`,
          seq,
          scope: "home",
          name: seq % 3 === 0 ? "todo.toggle" : "todo.create",
          args: seq % 3 === 0
            ? { id: `w${writer} t${seq - 1}` }
            : { id: `w${writer} t${seq}`, data: { title: "Task", done: false } },
        };
        // Sent to one, and once more to the other, as after an answer that was lost.
        for (const handler of [handlers[seq % 2], handlers[(seq + 1) % 2]] as Handler[]) {
          const { results } = JSON.parse(
            await post(handler, "/_sync/push", { mutations: [mutation] }),
          );
          assertEquals(results[0].ok, true, JSON.stringify(results));
        }
      }
    }));
    const total = WRITERS * MUTATIONS;
    for (const ear of ears) {
      await ear.until(total);
      assertEquals(ear.cursors, Array.from({ length: total }, (_, i) => i + 1));
    }
    for (const [index, store] of stores.entries()) {
      assertEquals((await store.settle(() => store.head("home"))).cursor, total, `${index}`);
      await store.settle(() => assertTree(store, "home"));
    }
    for (const handler of handlers) handler.close();
    for (const store of stores) store.close();
  });
});

/** A random conversation over HTTP; what was answered. */
async function conversation(handler: Handler): Promise<readonly string[]> {
  const prng = new Prng(7);
  const answers: string[] = [];
  for (let index = 0; index < STEPS; index++) {
    const scope = prng.pick(["home", "away"]);
    const known = `t${prng.between(0, index)}`;
    const mutations = Array.from({ length: prng.between(1, 5) }, (_, i) => {
      const [name, args] = prng.pick<readonly [string, unknown]>([
        ["todo.create", { id: `t${index} ${i}`, data: { title: "Task", done: false } }],
        ["todo.create", { id: known, data: { title: "Again", done: true } }],
        ["todo.toggle", { id: known }],
        ["todo.delete", { id: known }],
        ["todo.break", null],
        ["note.fill", { rows: prng.between(1, 30), size: 4_000 }],
      ]);
      return { id: `m${prng.between(0, index)} ${i}`, name, args, scope };
    });
    const [path, body] = prng.pick<readonly [string, unknown]>([
      ["/_sync/push", { mutations }],
      ["/_sync/pull", { scope, cursor: prng.between(0, 60), limit: prng.between(1, 50) }],
      ["/_sync/snapshot", { scope, columns: prng.chance(0.5) }],
    ]);
    answers.push(await post(handler, path, body));
    if (prng.chance(0.05)) await handler.trim();
  }
  handler.close();
  return answers;
}

/** A client on a socket of a handler, and the cursors of the changes that it is told. */
async function listen(
  handler: Handler,
  epoch: string,
): Promise<{ readonly cursors: number[]; until(count: number): Promise<void> }> {
  const { ticket } = JSON.parse(await post(handler, "/_live/ticket", {}));
  const request = new Request(`http://localhost/_live?ticket=${ticket}`);
  const upgrade = await handler.upgrade(request, { remoteAddress: "" });
  assert(!(upgrade instanceof Response));
  const cursors: number[] = [];
  let news = Promise.withResolvers<void>();
  const handlers = upgrade.accept({
    remoteAddress: "",
    bufferedBytes: 0,
    send(bytes) {
      const { message } = decodeDown(bytes.slice());
      if (message.kind !== "poke") return;
      for (const { cursor } of message.changes) cursors.push(cursor);
      // A page of more is asked for, as a client does.
      if (message.more) say({ kind: "next", cursor: cursors.at(-1) ?? 0 });
      news.resolve();
      news = Promise.withResolvers();
    },
    sendText: () => {},
    close: () => {},
    terminate: () => {},
  });
  const say = (message: Parameters<typeof encodeUp>[1]) => handlers.message(encodeUp(0, message));
  const kind = "hello";
  say({ kind, protocol: PROTOCOL_VERSION, client: "ear", scope: "home", cursor: 0, epoch });
  return {
    cursors,
    async until(count) {
      while (cursors.length < count) await news.promise;
    },
  };
}

async function post(handler: Handler, path: string, body: unknown): Promise<string> {
  const init = { method: "POST", body: JSON.stringify(body) };
  return await (await handler.fetch(new Request(`http://localhost${path}`, init))).text();
}

function handlerOn(store: AnyStore): Handler {
  return createHandler(todoApp(), {
    store,
    log: createLog("error", () => {}),
    version: "1.0.0",
    origins: [],
    hosts: [],
    open: true,
    authenticate: openToAll,
    timers: false,
  });
}

async function withKv(work: (kv: Deno.Kv) => Promise<void>): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  try {
    await work(kv);
  } finally {
    kv.close();
  }
}
