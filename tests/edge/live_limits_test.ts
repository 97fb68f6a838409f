/** What the live door does with clients that are slow, silent, loud, expired or hostile: only they suffer. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { AccessRequest } from "../../core/app.ts";
import { LIVE_MESSAGE_BYTES_MAX } from "../../core/limits.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { checkMutation } from "../../core/mutation.ts";
import { SyncServer } from "../../core/server.ts";
import { decodeDown, type DownMessage, encodeUp } from "../../core/wire/messages.ts";
import { Committer } from "../../edge/committer.ts";
import type { Identity } from "../../edge/identity.ts";
import { listenNode } from "../../edge/listen_node.ts";
import { LiveHub, SILENCE_MS_MAX, SWEEP_MS } from "../../edge/live.ts";
import { LIVE_RATE, UNDECIDED_MAX } from "../../edge/live_connection.ts";
import { createLog } from "../../edge/log.ts";
import { OUTBOX_MESSAGES_MAX } from "../../edge/outbox.ts";
import { countWork, RECONCILE_RATE } from "../../edge/reconcile_rate.ts";
import type { Socket } from "../../edge/socket.ts";
import { kernelSync } from "../../wasm/kernel.ts";
import { requestOf } from "../core/reconcile_request.ts";
import { LivePeer } from "./live_peer.ts";
import { eventually, frame, handshake, inTime, OPCODE, RawPeer } from "./raw_peer.ts";
import {
  bearer,
  EPOCH,
  type ListeningDoors,
  todoApp,
  withDoors,
  withListeningDoors,
  withOwnTime,
} from "./served_app.ts";

const ANNA: Identity = { principal: { id: "anna" }, expires: Infinity, explicit: true };

Deno.test("bytes that are no message are answered, and end the connection", async (t) => {
  const nonsense: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
    "nothing": new Uint8Array(),
    "zeros": new Uint8Array(100),
    "noise": new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    "a kind that nobody knows": new Uint8Array([0x72, 0x00]),
    "a message for the other side": new Uint8Array([0x12, 0x7f, 0x01]),
    "a hello cut short": encodeUp(0, hello()).slice(0, -3),
    "a number beyond 2^53": encodeUp(0, { kind: "next", cursor: 2 ** 60 }),
    "a length beyond the end": new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0x7f]),
    "the limit of a message": new Uint8Array(LIVE_MESSAGE_BYTES_MAX).fill(0x0a),
  };
  await withListeningDoors({}, async ({ port }) => {
    const bystander = await LivePeer.open(port);
    await bystander.greet({ client: "bystander" });
    for (const [what, bytes] of Object.entries(nonsense)) {
      await t.step(what, async () => {
        const peer = await LivePeer.open(port);
        await peer.greet();
        peer.sayBytes(bytes);
        assertEquals((await peer.hear("failure")).code, "malformed");
        const ending = await inTime(peer.ended, "the end");
        assertEquals(ending, { code: 1008, reason: "malformed" });
        await bystander.assertQuiet();
      });
    }
    await bystander.close();
  });
});

Deno.test("frames that break the rules end the connection with the code that says so", async (t) => {
  const bytes = (length: number) => new Uint8Array(length);
  const over = LIVE_MESSAGE_BYTES_MAX + 1;
  const first = frame(OPCODE.binary, bytes(over / 2), { fin: false });
  const rest = frame(OPCODE.continuation, bytes(over));
  const cases: Readonly<Record<string, readonly [code: number, frames: readonly Uint8Array[]]>> = {
    "text": [1003, [frame(OPCODE.text, new TextEncoder().encode("{}"))]],
    "one byte too many": [1009, [frame(OPCODE.binary, bytes(over))]],
    "fragments that are too long together": [1009, [first, rest]],
    "a length that is never sent": [1009, [frame(OPCODE.binary, bytes(1), { claims: 1 << 24 })]],
    "without a mask": [1002, [frame(OPCODE.binary, bytes(1), { masked: false })]],
    "reserved bits": [1002, [frame(OPCODE.binary, bytes(1), { reserved: 4 })]],
  };
  await withListeningDoors({}, async ({ port }) => {
    const bystander = await LivePeer.open(port);
    for (const [what, [code, frames]] of Object.entries(cases)) {
      await t.step(what, async () => {
        const peer = await rawPeer(port);
        for (const part of frames) await peer.writeAll(part);
        assertEquals(await peer.closeCode(), code);
        peer.vanish();
        await peer.gone;
        await bystander.assertQuiet();
      });
    }
    await bystander.close();
  });
});

Deno.test("a message in fragments is one message", () =>
  withListeningDoors({}, async ({ port }) => {
    const peer = await rawPeer(port);
    const bytes = encodeUp(0, { kind: "ping" });
    const parts = Array.from(bytes, (byte) => new Uint8Array([byte]));
    for (const [i, part] of parts.entries()) {
      const opcode = i === 0 ? OPCODE.binary : OPCODE.continuation;
      peer.write(frame(opcode, part, { fin: i === parts.length - 1 }));
    }
    assertEquals((await peer.frame()).opcode, OPCODE.binary);
    peer.vanish();
    await peer.gone;
  }));

Deno.test("no bytes, however made, do worse than end their own connection", () =>
  withHub({}, async ({ hub, failures }) => {
    const valid = [hello(), { kind: "ping" }, { kind: "next", cursor: 0 }] as const;
    const text = fc.string({ maxLength: 12 });
    const made = fc.oneof(
      fc.constantFrom(...valid),
      fc.record({ kind: fc.constant("publish" as const), topic: text, data: text }),
      fc.record({
        kind: fc.constantFrom("subscribe" as const, "unsubscribe" as const),
        topic: text,
      }),
      fc.record({
        kind: fc.constant("push" as const),
        mutations: fc.array(
          fc.record({
            id: text,
            name: fc.constantFrom("todo.create", "todo.toggle", "todo.break", "none"),
            seq: fc.nat(5),
            args: fc.oneof(fc.json(), text),
            createdAt: fc.maxSafeNat(),
          }),
          { maxLength: 4 },
        ),
      }),
    );
    const exchange = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.record({ cursor: fc.nat(5), count: fc.nat(5), since: fc.boolean() }).map(requestOf),
    ).map((body) => ({ kind: "reconcile" as const, body }));
    const mutation = fc.record({ at: fc.nat(200), byte: fc.nat(255), cut: fc.nat(20) });
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(fc.nat(2), fc.oneof(made, exchange)).map(([channel, up]) => encodeUp(channel, up)),
      fc.tuple(fc.oneof(made, exchange), mutation).map(([up, { at, byte, cut }]) => {
        const bytes = encodeUp(0, up);
        if (at < bytes.length) bytes[at] = byte;
        return cut < bytes.length ? bytes.slice(0, bytes.length - cut) : bytes;
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 12 }), async (messages) => {
        const socket = new RecordingSocket();
        const handlers = hub.accept(socket, ANNA);
        for (const bytes of [encodeUp(0, hello()), ...messages]) {
          if (socket.closes.length === 0) handlers.message(new Uint8Array(bytes));
        }
        await new Promise((resolve) => setTimeout(resolve, 0));
        handlers.closed(1000);
        assert(socket.closes.every((code) => code === 1008), `${socket.closes}`);
        assert(socket.sent > 0);
      }),
      { numRuns: 200 },
    );
    assertEquals([hub.size, failures], [0, []]);
  }));

Deno.test("a client that is loud is told, and let go", () =>
  withHub({}, async ({ connect, wait }) => {
    const [loud, other] = [await connect(), await connect()];
    for (let i = 0; i < LIVE_RATE.burst; i++) loud.say({ kind: "ping" });
    for (let i = 0; i < LIVE_RATE.burst; i++) await loud.hear("pong");
    loud.say({ kind: "ping" });
    const { code, retryAfterMs } = await loud.hear("failure");
    assertEquals([code, retryAfterMs], ["rate_limited", 1000 / LIVE_RATE.perSecond]);
    assertEquals((await inTime(loud.ended, "the end")).code, 1008);
    await other.assertQuiet();
    wait(10_000);
    await other.assertQuiet();
    await other.close();
  }));

Deno.test("a client that waits for too many decisions is told to come back", () =>
  withHub({ holdCommits: true }, async ({ hub, commit }) => {
    const socket = new RecordingSocket();
    const handlers = hub.accept(socket, ANNA);
    handlers.message(encodeUp(0, hello()));
    const { sent } = socket;
    const size = 256;
    for (let first = 1; first <= UNDECIDED_MAX; first += size) {
      handlers.message(encodeUp(0, { kind: "push", mutations: numbered(first, size) }));
    }
    assertEquals(socket.sent, sent, "all of them wait");
    handlers.message(encodeUp(0, { kind: "push", mutations: numbered(UNDECIDED_MAX + 1, 1) }));
    assertEquals(socket.sent, sent + 1, "one more is refused");
    while (commit());
    handlers.message(encodeUp(0, { kind: "push", mutations: numbered(UNDECIDED_MAX + 1, 1) }));
    const before = socket.sent;
    while (commit());
    assert(socket.sent > before, "now it is decided");
    handlers.closed(1000);
    await Promise.resolve();
  }));

Deno.test("a client that floods the server with exchanges is told to wait, on all its connections", () =>
  withHub({}, async ({ hub, server, wait }) => {
    const data = { title: "A task", done: false };
    const mutations = Array.from({ length: 1_000 }, (_, i) => {
      const args = { id: `${i}`, data };
      return checkMutation({ id: `m${i}`, name: "todo.create", scope: "s", args });
    });
    server.push([{ principal: ANNA.principal, mutations }]);
    const ben = { ...ANNA, principal: { id: "ben" } };
    const [first, second, other] = [ANNA, ANNA, ben].map((identity) => {
      const socket = new RecordingSocket();
      const handlers = hub.accept(socket, identity);
      const place = { cursor: 1_000, epoch: EPOCH };
      handlers.message(encodeUp(0, { ...hello(), ...place }));
      const body = requestOf({ cursor: 800, since: true });
      return () => {
        handlers.message(encodeUp(0, { kind: "reconcile", body }));
        return socket.last;
      };
    }) as [() => DownMessage, () => DownMessage, () => DownMessage];
    let answers = 0;
    let message = first();
    for (; message.kind === "reconcile"; message = first()) answers++;
    assert(message.kind === "failure", message.kind);
    assertEquals(message.code, "rate_limited");
    const { retryAfterMs } = message;
    // 200 rows a time cost 10 ms at the most; the burst is worth so many times that.
    assert(
      answers >= RECONCILE_RATE.burst / 10_000 && answers < LIVE_RATE.burst - 10,
      `${answers}`,
    );
    assertEquals(second().kind, "failure", "it is one caller, on whatever connection");
    assertEquals(other().kind, "reconcile");
    wait(retryAfterMs - 1);
    assertEquals(second().kind, "failure");
    wait(1);
    assertEquals([second().kind, first().kind], ["reconcile", "failure"]);
    await Promise.resolve();
  }));

Deno.test("a client over its principal's rate is told when to come back", () =>
  withHub({ spend: () => 750 }, async ({ connect }) => {
    const peer = await connect();
    await peer.greet();
    peer.pushTasks(1);
    const { code, retryAfterMs } = await peer.hear("failure");
    assertEquals([code, retryAfterMs], ["rate_limited", 750]);
    await peer.assertQuiet();
    await peer.close();
  }));

Deno.test("a client that says nothing is cut, one that pings is not", () =>
  withHub({}, async ({ hub, connect, wait }) => {
    const [silent, alive] = [await connect(), await connect()];
    await silent.assertQuiet();
    wait(SILENCE_MS_MAX - 1);
    await alive.assertQuiet();
    wait(1);
    hub.sweep();
    await silent.assertQuiet();
    await alive.assertQuiet();
    wait(SILENCE_MS_MAX);
    await alive.assertQuiet();
    wait(1);
    hub.sweep();
    // A connection that is dropped has no close code; runtimes tell it as 0 or as 1006.
    assert([0, 1006].includes((await inTime(silent.ended, "the end")).code));
    await alive.assertQuiet();
    assertEquals(hub.size, 1);
    await alive.close();
  }));

Deno.test("a connection ends with the credentials that opened it", () =>
  withHub({}, async ({ hub, connect }) => {
    const expires = Date.now() + 60_000;
    const expiring = await connect({ ...ANNA, expires });
    const expired = await connect({ ...ANNA, expires: Date.now() - 1 });
    hub.sweep();
    const ending = await inTime(expired.ended, "the end");
    assertEquals(ending, { code: 4401, reason: "unauthenticated" });
    await expiring.assertQuiet();
    await expiring.close();
  }));

Deno.test("a handler looks its connections over: a token's end ends them", () =>
  withOwnTime((intervals, setTime) =>
    withDoors({ signed: true }, async (doors) => {
      const headers = await bearer("anna");
      const { ticket } = await (await doors.post("/_live/ticket", {}, headers)).json();
      const request = new Request(`http://127.0.0.1:8000/_live?ticket=${ticket}`);
      const decision = await doors.handler.upgrade(request, { remoteAddress: "" });
      assert("accept" in decision);
      const socket = new RecordingSocket();
      const handlers = decision.accept(socket);
      const sweep = intervals.find(({ ms }) => ms === SWEEP_MS);
      sweep?.work();
      assertEquals(socket.closes, []);
      setTime(Date.now() + 61_000);
      sweep?.work();
      assertEquals(socket.closes, [4401]);
      handlers.closed(4401);
    })
  ));

Deno.test("a client that may no longer read is told, and hears no more", () => {
  const revoked = new Set<string>();
  const authorize = ({ principal, scope }: AccessRequest) =>
    !revoked.has(`${principal?.id} ${scope}`);
  return withHub({ authorize }, async ({ hub, connect, server }) => {
    const anna = await connect(ANNA);
    const ben = await connect({ ...ANNA, principal: { id: "ben" } });
    await anna.greet({ client: "a", scope: "one" }, 1);
    await anna.greet({ client: "b", scope: "two" }, 2);
    await ben.greet({ client: "c", scope: "one" });
    hub.sweep();
    await anna.assertQuiet();
    revoked.add("anna one");
    anna.pushTasks(1, 1, 1);
    assertEquals((await anna.hear("ack", 1)).results[0]?.code, "forbidden");
    hub.sweep();
    assertEquals((await anna.hear("failure", 1)).code, "forbidden");
    anna.say({ kind: "next", cursor: 0 }, 1);
    assertEquals((await anna.hear("failure", 1)).code, "invalid_mutation");
    ben.pushTasks(1);
    await ben.hear("ack");
    await ben.hear("poke");
    await anna.assertQuiet();
    anna.pushTasks(1, 1, 2);
    assertEquals((await anna.hear("ack", 2)).results[0]?.code, null);
    await anna.hear("poke", 2);
    assertEquals([server.head("one").cursor, server.head("two").cursor], [1, 1]);
    await anna.close();
    await ben.close();
  });
});

Deno.test("who cannot be told of a commit is let go to resume, and the commit stands", async () => {
  const store = new UnreadableStore(EPOCH);
  await withListeningDoors({ store }, async (doors) => {
    const [author, follower] = [await LivePeer.open(doors.port), await LivePeer.open(doors.port)];
    const stranger = await LivePeer.open(doors.port);
    await author.greet({ client: "author" });
    await follower.greet({ client: "follower" });
    await stranger.greet({ client: "stranger", scope: "elsewhere" });
    store.failing = true;
    // Too large for one message, so that it is read from the log for each session.
    const args = JSON.stringify({ rows: 100, size: 1_000 });
    const fill = { id: "m1", name: "note.fill", seq: 1, args, createdAt: 0 };
    author.say({ kind: "push", mutations: [fill] });
    assertEquals((await author.hear("ack")).results[0]?.code, null);
    for (const { ended } of [author, follower]) {
      assertEquals((await inTime(ended, "the end")).code, 1011);
    }
    await stranger.assertQuiet();
    store.failing = false;
    const back = await LivePeer.open(doors.port);
    const { cursor, lastSeq } = await back.greet({ client: "author" });
    assertEquals([cursor, lastSeq], [100, 1]);
    await back.hear("poke");
    await back.close();
    await stranger.close();
  });
});

Deno.test("a client that never reads is cut, and comes back to everything that it missed", () =>
  withListeningDoors({}, async (doors) => {
    const slow = await rawPeer(doors.port);
    slow.write(frame(OPCODE.binary, encodeUp(0, hello({ client: "slow" }))));
    await slow.frame();
    slow.stopReading();
    const reader = await LivePeer.open(doors.port);
    await reader.greet({ client: "reader" });
    let rounds = 0;
    const isCut = () => doors.lines.some((line) => line.includes("slow peer cut"));
    // How much the kernel takes for a peer that does not read is its own affair.
    for (; !isCut() && rounds < 2_000; rounds++) {
      await fillNotes(doors, `${rounds}`, 4, 10_000);
      assertEquals((await reader.hear("poke")).changes.length, 4);
    }
    assert(isCut(), `not cut after ${rounds} rounds`);
    slow.readAgain();
    await inTime(slow.gone, "the slow connection to end");
    await eventually(() => doors.lines.length > 0, "the log");
    await reader.assertQuiet();

    const { cursor: end } = doors.store.head("s");
    const back = await LivePeer.open(doors.port);
    const { reset, cursor } = await back.greet({ client: "slow", cursor: 1, epoch: EPOCH });
    assertEquals([reset, cursor], [false, end]);
    const seen: number[] = [];
    for (let more = true; more;) {
      const poke = await back.hear("poke");
      seen.push(...poke.changes.map((change) => change.cursor));
      more = poke.more;
      if (more) back.say({ kind: "next", cursor: seen.at(-1) ?? 0 });
    }
    assertEquals(seen, Array.from({ length: end - 1 }, (_, i) => i + 2));
    await back.close();
    await reader.close();
  }));

Deno.test("a burst of topic messages cuts nobody who reads them", () =>
  withListeningDoors({}, async ({ port, lines }) => {
    const [author, follower] = [await LivePeer.open(port), await LivePeer.open(port)];
    await author.greet({ client: "author" });
    await follower.greet({ client: "follower" });
    follower.say({ kind: "subscribe", topic: "t" });
    await follower.assertQuiet();
    const count = 3 * OUTBOX_MESSAGES_MAX;
    const data = (i: number) => JSON.stringify({ i, text: "x".repeat(200) });
    for (let i = 0; i < count; i++) author.say({ kind: "publish", topic: "t", data: data(i) });
    for (let i = 0; i < count; i++) assertEquals((await follower.hear("event")).data, data(i));
    assertEquals(lines.filter((line) => line.includes("slow peer")), []);
    await author.close();
    await follower.close();
  }));

Deno.test("a flood of topic messages cuts who does not read them, and nobody else", () =>
  withListeningDoors({}, async ({ port, lines }) => {
    const deaf = await rawPeer(port);
    for (const up of [hello({ client: "deaf" }), { kind: "subscribe", topic: "t" }] as const) {
      deaf.write(frame(OPCODE.binary, encodeUp(0, up)));
    }
    await deaf.frame();
    deaf.stopReading();
    const author = await LivePeer.open(port);
    await author.greet({ client: "author" });
    const data = JSON.stringify(["x".repeat(15_000), "x".repeat(15_000)]);
    const isCut = () => lines.some((line) => line.includes("slow peer cut"));
    for (let round = 0; !isCut() && round < LIVE_RATE.burst / 20; round++) {
      for (let i = 0; i < 10; i++) author.say({ kind: "publish", topic: "t", data });
      await author.assertQuiet();
    }
    assert(isCut());
    deaf.readAgain();
    await inTime(deaf.gone, "the deaf connection to end");
    await author.close();
  }));

function hello(more: { readonly client?: string; readonly scope?: string } = {}) {
  const { client = "c", scope = "s" } = more;
  return { kind: "hello", protocol: 1, client, scope, cursor: 0, epoch: "" } as const;
}

function numbered(first: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const seq = first + i;
    return { id: `m${seq}`, name: "none", seq, args: "null", createdAt: 0 };
  });
}

/** A WebSocket whose frames a test makes itself. */
async function rawPeer(port: number): Promise<RawPeer> {
  const response = await fetch(`http://127.0.0.1:${port}/_live/ticket`, { method: "POST" });
  const { ticket } = await response.json();
  const peer = await RawPeer.connect(port);
  peer.write(handshake("", `/_live?ticket=${ticket}`));
  assertEquals((await peer.head()).slice(0, 12), "HTTP/1.1 101");
  return peer;
}

/** One commit that changes so many notes of so many bytes. */
async function fillNotes(doors: ListeningDoors, tag: string, rows: number, size: number) {
  const mutations = Array.from({ length: rows }, (_, i) => ({
    id: `${tag}-${i}`,
    name: "note.create",
    scope: "s",
    args: { id: `${tag}-${i}`, data: { text: "x".repeat(size) } },
  }));
  await (await doors.post("/_sync/push", { mutations })).body?.cancel();
}

interface HubOptions {
  readonly authorize?: (request: AccessRequest) => boolean;
  readonly spend?: () => number;
  /** Commits wait for the test to say so. */
  readonly holdCommits?: boolean;
}

interface Hub {
  readonly hub: LiveHub;
  readonly server: SyncServer;
  readonly failures: unknown[];
  connect(identity?: Identity): Promise<LivePeer>;
  /** Lets time pass. */
  wait(ms: number): void;
  /** Runs one commit that waits; false when there is none. */
  commit(): boolean;
}

/** A hub with a clock of its own, at a port that lets everybody in. */
async function withHub(options: HubOptions, test: (hub: Hub) => Promise<void>): Promise<void> {
  let now = 0;
  let next: Identity = ANNA;
  const deferred: (() => void)[] = [];
  const failures: unknown[] = [];
  const app = todoApp(options.authorize);
  const store = new MemoryStore(EPOCH, kernelSync());
  const server = new SyncServer({ app, store, clock: { now: () => Date.now() } });
  const committer = new Committer({
    server,
    defer: options.holdCommits === true ? (work) => void deferred.push(work) : queueMicrotask,
    committed: (commits) => hub.committed(commits),
  });
  const log = createLog("error", (line) => void failures.push(line));
  const { spend = () => 0 } = options;
  const clock = () => now;
  const spendWork = countWork(clock);
  const parts = { server, store, committer, log, spend, spendWork, ui: undefined };
  const hub = new LiveHub({ ...parts, now: clock });
  const listener = await listenNode({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(),
    upgrade: () => ({ accept: (socket) => hub.accept(socket, next) }),
    failed: (error) => void failures.push(error),
  });
  try {
    await test({
      hub,
      server,
      failures,
      connect: (identity = ANNA) => {
        next = identity;
        return LivePeer.connect(`ws://127.0.0.1:${listener.port}/`);
      },
      wait: (ms) => void (now += ms),
      commit: () => {
        const work = deferred.shift();
        work?.();
        return work !== undefined;
      },
    });
  } finally {
    await listener.shutdown(200);
  }
  assertEquals(failures, []);
}

/** Its log cannot be read while it fails. */
class UnreadableStore extends MemoryStore {
  failing = false;

  override changes(...range: Parameters<MemoryStore["changes"]>): ReturnType<
    MemoryStore["changes"]
  > {
    if (this.failing) throw new TypeError("a fault in the store");
    return super.changes(...range);
  }
}

class RecordingSocket implements Socket {
  readonly remoteAddress = "";
  readonly bufferedBytes = 0;
  readonly closes: number[] = [];
  sent = 0;
  #frame = new Uint8Array();

  /** The newest message that was sent. */
  get last(): DownMessage {
    return decodeDown(this.#frame).message;
  }

  send(bytes: Uint8Array): void {
    this.sent++;
    this.#frame = new Uint8Array(bytes);
  }

  sendText(): void {}

  close(code: number): void {
    this.closes.push(code);
  }

  terminate(): void {
    this.closes.push(1006);
  }
}
