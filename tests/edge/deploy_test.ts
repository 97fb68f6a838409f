/** The server for Deno Deploy: instances on one database, sockets, who may come in, and trimming. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { TRIM_MS } from "../../edge/handler.ts";
import { type Identity, issueToken } from "../../edge/identity.ts";
import { createDeploy, type DriftlessDeploy } from "../../edge/deploy/deploy.ts";
import type { DeployOptions } from "../../edge/deploy/deploy_options.ts";
import { type DenoSocket, DeployWire, DRAIN_MS } from "../../edge/deploy/deploy_socket.ts";
import { Trimming } from "../../edge/deploy/trimming.ts";
import { KvLayout } from "../../edge/kv/layout.ts";
import { KvTickets } from "../../edge/kv/tickets.ts";
import { createLog } from "../../edge/log.ts";
import { TICKET_MS_MAX } from "../../edge/tickets.ts";
import { LivePeer } from "./live_peer.ts";
import { eventually, pause } from "./raw_peer.ts";
import { assertRefused, creation, SECRET, todoApp } from "./served_app.ts";

const SILENT = createLog("error", () => {});
const LAYOUT = new KvLayout(["driftless"]);
const RANDOM = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const ANNA: Identity = { principal: { id: "anna" }, expires: Infinity, explicit: true };

/** An instance at a port of its own. */
interface Instance {
  readonly port: number;
  readonly url: string;
}

/** Runs a test with instances on one database, with the environment that a variable makes. */
async function withInstances(
  count: number,
  options: DeployOptions,
  test: (instances: readonly Instance[], kv: Deno.Kv) => Promise<void>,
  secret?: string,
): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const kv = await Deno.openKv(":memory:");
  cleanup.defer(() => kv.close());
  const instances: Instance[] = [];
  for (let index = 0; index < count; index++) {
    const made = await withSecret(secret, () => {
      return createDeploy(todoApp(), { kv, log: SILENT, ...options });
    });
    cleanup.defer(() => made.close());
    instances.push(listen(made, cleanup));
  }
  await test(instances, kv);
}

function listen({ fetch }: DriftlessDeploy, cleanup: AsyncDisposableStack): Instance {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, fetch);
  cleanup.defer(() => server.shutdown());
  const { port } = server.addr;
  return { port, url: `http://127.0.0.1:${port}` };
}

async function withSecret<T>(secret: string | undefined, work: () => Promise<T>): Promise<T> {
  const name = "DRIFTLESS_SECRET";
  const before = Deno.env.get(name);
  if (secret === undefined) Deno.env.delete(name);
  else Deno.env.set(name, secret);
  try {
    return await work();
  } finally {
    if (before === undefined) Deno.env.delete(name);
    else Deno.env.set(name, before);
  }
}

function post(url: string, path: string, body: unknown, headers = {}): Promise<Response> {
  return fetch(url + path, { method: "POST", body: JSON.stringify(body), headers });
}

Deno.test("a ticket of one instance opens a socket of another, once, and pokes cross over", () =>
  withInstances(2, {}, async ([one, two]) => {
    assert(one !== undefined && two !== undefined);
    const { ticket } = await (await post(one.url, "/_live/ticket", { scope: "s" })).json();
    const peer = await LivePeer.connect(`ws://127.0.0.1:${two.port}/_live?ticket=${ticket}`);
    await peer.greet();
    await (await post(one.url, "/_sync/push", creation("t", { scope: "s" }))).json();
    let changes: readonly { readonly id: string }[] = [];
    while (changes.length === 0) ({ changes } = await peer.hear("poke"));
    assertEquals(changes.map(({ id }) => id), ["todo-t"]);
    await peer.close();
    const upgrade = { upgrade: "WebSocket", connection: "upgrade", "sec-websocket-version": "13" };
    const again = await fetch(`${one.url}/_live?ticket=${ticket}`, {
      headers: { ...upgrade, "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" },
    });
    await assertRefused(again, 401, "unauthenticated");
  }));

Deno.test("a ticket in KV works up to its last millisecond, for whoever takes it first", async () => {
  const kv = await Deno.openKv(":memory:");
  let now = 1_000;
  const offices = [0, 1].map(() => new KvTickets(kv, LAYOUT, RANDOM, () => now));
  const [one, two] = offices as [KvTickets, KvTickets];
  const identities: readonly Identity[] = [ANNA, { ...ANNA, expires: 5_000, explicit: false }];
  for (const identity of identities) {
    assertEquals(await two.redeem(await one.issue(identity)), identity);
  }
  for (const [ms, isGood] of [[TICKET_MS_MAX - 1, true], [TICKET_MS_MAX, false]] as const) {
    const ticket = await one.issue(ANNA);
    now += ms;
    const redeemed = one.redeem(ticket);
    if (isGood) assertEquals(await redeemed, ANNA);
    else await assertRejects(() => redeemed, Error, "unknown, used or too old");
  }
  const ticket = await one.issue(ANNA);
  const takers = await Promise.allSettled([one, two, one, two].map((it) => it.redeem(ticket)));
  assertEquals(takers.filter(({ status }) => status === "fulfilled").length, 1);
  for (const bad of [null, "", "x", `${ticket}x`, "x".repeat(10_000)]) {
    await assertRejects(() => one.redeem(bad), Error, "unknown, used or too old");
  }
  kv.close();
  await assertRejects(() => one.issue(ANNA), Error, "Cannot use the KV store");
});

Deno.test("a message that is too large ends its socket with 1009, text with 1003", () =>
  withInstances(1, {}, async ([instance]) => {
    assert(instance !== undefined);
    for (const [length, code] of [[64 * 1024, 1008], [64 * 1024 + 1, 1009]] as const) {
      const peer = await LivePeer.open(instance.port);
      peer.sayBytes(new Uint8Array(length).fill(0xff));
      assertEquals((await peer.ended).code, code);
    }
    const peer = await LivePeer.open(instance.port);
    peer.sayBytes("text");
    assertEquals((await peer.ended).code, 1003);
  }));

Deno.test("with a secret tokens count, and pages of the server's own origin, in both schemes", () =>
  withInstances(1, { origins: ["https://app.example"] }, async ([instance]) => {
    assert(instance !== undefined);
    const { url, port } = instance;
    const headers = { authorization: `Bearer ${await issueToken("anna", 60, SECRET)}` };
    const pull = (more = {}) => post(url, "/_sync/pull", { scope: "s" }, more);
    await assertRefused(await pull(), 401, "unauthenticated");
    const origins = [url, `https://127.0.0.1:${port}`, "https://app.example"];
    for (const origin of origins) {
      const response = await pull({ ...headers, origin });
      await response.body?.cancel();
      assertEquals(response.status, 200, origin);
    }
    await assertRefused(
      await pull({ ...headers, origin: "https://evil.example" }),
      403,
      "forbidden",
    );
  }, SECRET));

Deno.test("without a secret only this machine may ask, whatever a header says", async () => {
  const kv = await Deno.openKv(":memory:");
  const server = await withSecret(undefined, () => createDeploy(todoApp(), { kv, log: SILENT }));
  const ask = async (host: string, hostname?: string) => {
    const info = hostname === undefined ? {} : { remoteAddr: { hostname } };
    const response = await server.fetch(new Request(`http://${host}/healthz`), info);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await ask("localhost"), 200);
  assertEquals(await ask("127.0.0.1:8000", "::1"), 200);
  assertEquals(await ask("localhost", "203.0.113.7"), 403);
  assertEquals(await ask("app.example", "127.0.0.1"), 500);
  await server.close();
  kv.close();
});

Deno.test("Deno Deploy gets no server that is open, and a short secret makes none", async () => {
  const kv = await Deno.openKv(":memory:");
  const make = (secret?: string) => withSecret(secret, () => createDeploy(todoApp(), { kv }));
  Deno.env.set("DENO_DEPLOY", "true");
  try {
    await assertRejects(() => make(), TypeError, "Cannot serve without a secret");
  } finally {
    Deno.env.delete("DENO_DEPLOY");
  }
  await assertRejects(() => make("x".repeat(31)), TypeError, "fewer than 32 characters");
  await (await make("x".repeat(32))).close();
  kv.close();
});

Deno.test("when it is time, one of all instances trims, and a failure is told", async () => {
  const kv = await Deno.openKv(":memory:");
  let now = 10 * TRIM_MS;
  let trims = 0;
  const failures: unknown[] = [];
  const parts = {
    kv,
    layout: LAYOUT,
    everyMs: TRIM_MS,
    now: () => now,
    trim: () => Promise.resolve(void trims++),
    failed: (error: unknown) => void failures.push(error),
  };
  const instances = Array.from({ length: 3 }, () => new Trimming(parts));
  const ask = async () => {
    for (let i = 0; i < 3; i++) for (const instance of instances) instance.asked();
    await Promise.all(instances.map((instance) => instance.ended()));
  };
  const steps = [[0, 1], [TRIM_MS - 1, 1], [1, 2], [0, 2], [TRIM_MS, 3]] as const;
  for (const [ms, expected] of steps) {
    now += ms;
    await ask();
    assertEquals(trims, expected);
  }
  kv.close();
  now += TRIM_MS;
  await ask();
  assertEquals([trims, failures.length], [3, 3]);
});

Deno.test("a socket tells when it has sent everything, and one that was given up is sent no more", async () => {
  const sent: unknown[] = [];
  const closes: unknown[] = [];
  const socket = {
    binaryType: "",
    bufferedAmount: 0,
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send: (data: unknown) => void sent.push(data),
    close: (...args: unknown[]) => void closes.push(args),
  } satisfies DenoSocket;
  let drains = 0;
  let given = 0;
  const wire = new DeployWire(socket, { drained: () => drains++, given: () => given++ });
  wire.send(Uint8Array.of(1));
  assertEquals(drains, 0);
  socket.bufferedAmount = 10;
  wire.sendText("two");
  assertEquals(wire.bufferedBytes, 10);
  await pause(3 * DRAIN_MS);
  assertEquals(drains, 0);
  socket.bufferedAmount = 0;
  await eventually(() => drains === 1, "the drain");
  wire.reset();
  wire.reset();
  await eventually(() => given === 2, "the word of its end");
  wire.send(Uint8Array.of(3));
  wire.close(1000, "");
  assertEquals([sent.length, closes.length], [2, 1]);
  const closing = new DeployWire({
    ...socket,
    send: () => {
      throw new TypeError("it is closing");
    },
  }, { drained: () => {}, given: () => {} });
  closing.send(Uint8Array.of(1));
});
