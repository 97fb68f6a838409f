/** Random conversations with a handler, which depend on their seed alone, and on no store. */
import { assert } from "@std/assert";
import type { Store } from "../../core/store.ts";
import { isSuspending } from "../../core/suspend.ts";
import {
  decodeDown,
  type DownMessage,
  encodeUp,
  PROTOCOL_VERSION,
  type UpMessage,
} from "../../core/wire/messages.ts";
import { openToAll } from "../../edge/admission.ts";
import { createHandler, type Handler } from "../../edge/handler.ts";
import { createLog } from "../../edge/log.ts";
import type { SocketHandlers } from "../../edge/socket.ts";
import { requestOf } from "../core/reconcile_request.ts";
import { Prng } from "../sim/prng.ts";
import { todoApp } from "./served_app.ts";

/** Steps of one conversation. */
export const STEPS = 40;
/** The time of all of it, in milliseconds. */
export const NOW_MS = 1_700_000_000_000;

/** A client on a socket that is no more than a list of what was sent. */
export class Client {
  readonly frames: Uint8Array[] = [];
  readonly closed: string[] = [];
  #handlers: SocketHandlers | undefined;

  async open(handler: Handler): Promise<this> {
    const answer = await handler.fetch(
      new Request("http://localhost/_live/ticket", { method: "POST" }),
    );
    const { ticket } = await answer.json();
    const url = `http://localhost/_live?ticket=${ticket}`;
    const upgrade = await handler.upgrade(new Request(url), { remoteAddress: "" });
    assert(!(upgrade instanceof Response));
    this.#handlers = upgrade.accept({
      remoteAddress: "",
      bufferedBytes: 0,
      send: (bytes) => this.frames.push(bytes.slice()),
      sendText: () => {},
      close: (code, reason) => {
        this.closed.push(`${code} ${reason}`);
        this.end(code);
      },
      terminate: () => this.end(1006),
    });
    return this;
  }

  say(message: UpMessage, channel = 0): void {
    this.#handlers?.message(encodeUp(channel, message));
  }

  end(code: number): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.closed(code);
  }

  hello(scope: string, cursor = 0, channel = 0): void {
    const client = `client-${scope}-${channel}`;
    const kind = "hello";
    this.say({ kind, protocol: PROTOCOL_VERSION, client, scope, cursor, epoch: "" }, channel);
  }

  heard(): readonly { readonly channel: number; readonly message: DownMessage }[] {
    return this.frames.map((bytes) => decodeDown(bytes));
  }
}

/** A handler on a store, without timers, and what it logs. */
export function doorsOn(store: Store): { readonly handler: Handler; readonly lines: string[] } {
  const lines: string[] = [];
  const handler = createHandler(todoApp(), {
    store,
    log: createLog("info", (line) => void lines.push(line.slice(line.indexOf(`"level"`)))),
    version: "1.0.0",
    origins: [],
    hosts: [],
    open: true,
    authenticate: openToAll,
    timers: false,
    defer: queueMicrotask,
  });
  return { handler, lines };
}

/** How many callers wait for each store that was counted. */
const pending = new WeakMap<Store, number>();

/** Counts who waits for a store, for {@linkcode settledOn}. */
export function counted<T extends Store>(store: T): T {
  if (!isSuspending(store)) return store;
  const settle = store.settle.bind(store);
  const count = (step: number) => pending.set(store, (pending.get(store) ?? 0) + step);
  store.settle = async (work) => {
    count(1);
    try {
      return await settle(work);
    } finally {
      count(-1);
    }
  };
  return store;
}

/** Until nothing waits for the store. */
export async function settledOn(store: Store): Promise<void> {
  for (let calm = 0; calm < 2; calm++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    if ((pending.get(store) ?? 0) > 0) calm = -1;
  }
}

/** What one run of a conversation came to. */
export interface Run {
  readonly frames: readonly (readonly Uint8Array[])[];
  readonly answers: readonly string[];
  readonly lines: readonly string[];
}

/** One random conversation; the same seed says the same, whatever the store. */
export async function converse(store: Store, seed: number, waits: boolean): Promise<Run> {
  const { handler, lines } = doorsOn(store);
  const prng = new Prng(seed);
  const answers: Promise<string>[] = [];
  const clients: Client[] = [];
  for (let count = 0; count < 3; count++) clients.push(await new Client().open(handler));
  const seqs = new Map<string, number>();
  const post = async (path: string, body: unknown) => {
    const init = { method: "POST", body: JSON.stringify(body) };
    return await (await handler.fetch(new Request(`http://localhost${path}`, init))).text();
  };
  const steps: ((client: Client, index: number) => void)[] = [
    (client) => client.hello(prng.pick(["home", "away"]), prng.between(0, 3), prng.between(0, 2)),
    (client, index) => {
      const channel = prng.between(0, 2);
      const id = `m${index}`;
      const key = `${clients.indexOf(client)} ${channel}`;
      const seq = (seqs.get(key) ?? 0) + 1;
      seqs.set(key, seq);
      const [name, args] = prng.pick<readonly [string, unknown]>([
        ["todo.create", { id: `t${index}`, data: { title: "Task", done: false } }],
        ["todo.toggle", { id: `t${prng.between(0, index)}` }],
        ["note.fill", { rows: prng.between(1, 20), size: 4_000 }],
        ["todo.break", null],
      ]);
      const one = { id, name, args: JSON.stringify(args), seq, createdAt: NOW_MS };
      client.say({ kind: "push", mutations: [one] }, channel);
    },
    (client) => client.say({ kind: "next", cursor: prng.between(0, 9) }, prng.between(0, 2)),
    (client) => client.say({ kind: "subscribe", topic: "talk" }, prng.between(0, 2)),
    (client) => client.say({ kind: "publish", topic: "talk", data: "1" }, prng.between(0, 2)),
    (client) => client.say({ kind: "ping" }),
    (client) => {
      const body = requestOf({ scope: "home", epoch: store.epoch });
      client.say({ kind: "reconcile", body }, prng.between(0, 2));
    },
    (_, index) => {
      const args = { id: `h${index}`, data: { title: "Over HTTP", done: true } };
      const mutations = [{ id: `http${index}`, name: "todo.create", args, scope: "home" }];
      answers.push(post("/_sync/push", { mutations }));
    },
    () => answers.push(post("/_sync/pull", { scope: "home", cursor: prng.between(0, 9) })),
    () => answers.push(post("/_sync/snapshot", { scope: "home", columns: prng.chance(0.5) })),
  ];
  for (let index = 0; index < STEPS; index++) {
    const step = prng.pick(steps as [typeof steps[0], ...typeof steps]);
    step(prng.pick(clients as [Client, ...Client[]]), index);
    if (waits) await settledOn(store);
  }
  await settledOn(store);
  const texts = await Promise.all(answers);
  handler.close();
  return { frames: clients.map(({ frames }) => frames), answers: texts, lines };
}
