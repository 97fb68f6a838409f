/** The exchange's doors against what a hostile or broken caller sends: a coded error, a bounded answer. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { LIVE_MESSAGE_BYTES_MAX, RECONCILE_REQUEST_BYTES_MAX } from "../../core/limits.ts";
import { RECONCILE_FRAME_BYTES_MAX } from "../../core/reconcile/reconcile_limits.ts";
import { writeVarints } from "../../core/reconcile/varints.ts";
import { encodeUp } from "../../core/wire/messages.ts";
import { ReconcileReply } from "../../core/wire/reconcile_gen.ts";
import { requestOf } from "../core/reconcile_request.ts";
import { LivePeer } from "./live_peer.ts";
import { inTime } from "./raw_peer.ts";
import {
  assertRefused,
  assertServes,
  bearer,
  type Doors,
  EPOCH,
  type ListeningDoors,
  rootText,
  task,
  withListeningDoors,
} from "./served_app.ts";

const PATH = "/_sync/reconcile";
const ROWS = 200;
const MAX = Number.MAX_SAFE_INTEGER;
const U32_MAX = 2 ** 32 - 1;

const bytes = (length: number, value = 0) => new Uint8Array(length).fill(value);
const groups = (bits: number, from: number, count: number) => ({ bits, from, count });
const drill = (salt: number, ...nodes: readonly number[]) => ({
  salt: bytes(salt, 1),
  nodes: writeVarints(nodes),
  tags: bytes(0),
});

/** A request with a value in every field. */
const FULL = requestOf({
  scope: "_default",
  epoch: EPOCH,
  cursor: 150,
  count: 190,
  root: bytes(32, 7),
  sketch: bytes(128, 5),
  since: true,
  groups: [groups(3, 1, 4), groups(0, 0, 1)],
  wants: Uint8Array.of(5, 1, 2, 3, 200, 1, 4, 5, 6),
  drill: drill(16, 0, 0, 5, 0),
});

/** What is refused, and with which code. */
const REFUSED: Readonly<Record<string, readonly [code: string, body: Uint8Array<ArrayBuffer>]>> = {
  "JSON": ["malformed", new TextEncoder().encode(`{"scope":"_default"}`)],
  "noise": ["malformed", bytes(100, 255)],
  "nested groups": ["malformed", bytes(5_000, 0x0b)],
  "a length beyond the end": ["malformed", Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0x7f)],
  "a scope that is no UTF-8": ["malformed", Uint8Array.of(0x12, 2, 0xc3, 0x28)],
  "a cursor beyond 2^53": ["malformed", requestOf({ cursor: 2 ** 60 })],
  "a short root": ["malformed", requestOf({ root: bytes(31) })],
  "a long root": ["malformed", requestOf({ root: bytes(33) })],
  "a sketch that ends in a word": ["malformed", requestOf({ sketch: bytes(129) })],
  "a sketch of 33 words": ["too_large", requestOf({ sketch: bytes(33 * 8) })],
  "a sketch beyond the field": ["malformed", requestOf({ sketch: bytes(256, 0xff) })],
  "wants cut short": ["malformed", requestOf({ wants: Uint8Array.of(1, 2) })],
  "a want that does not end": ["malformed", requestOf({ wants: bytes(20, 0xff) })],
  "a want beyond all prefixes": [
    "malformed",
    requestOf({ wants: Uint8Array.of(...writeVarints([2 ** 21]), 1, 2, 3) }),
  ],
  "more wants than one may have": ["too_large", requestOf({ wants: bytes(8_193 * 4) })],
  "groups of 21 bits": ["malformed", requestOf({ groups: [groups(21, 0, 1)] })],
  "groups of 2^32 - 1 bits": ["malformed", requestOf({ groups: [groups(U32_MAX, 0, 1)] })],
  "no groups": ["malformed", requestOf({ groups: [groups(0, 0, 0)] })],
  "groups behind the last": ["malformed", requestOf({ groups: [groups(3, 8, 1)] })],
  "groups that end behind the last": ["malformed", requestOf({ groups: [groups(3, 7, 2)] })],
  "groups that wrap around": ["malformed", requestOf({ groups: [groups(3, U32_MAX, U32_MAX)] })],
  "more groups than one may ask for": ["too_large", requestOf({ groups: [groups(13, 0, 4_097)] })],
  "many lists of groups": [
    "too_large",
    requestOf({ groups: Array.from({ length: 4_097 }, () => groups(0, 0, 1)) }),
  ],
  "a drill without salt": ["malformed", requestOf({ drill: drill(0, 0, 0) })],
  "a drill with a long salt": ["malformed", requestOf({ drill: drill(17, 0, 0) })],
  "a node behind the last": ["malformed", requestOf({ drill: drill(16, 34_636_833, 0) })],
  "a node beyond 2^53": ["malformed", requestOf({ drill: drill(16, MAX, 0, MAX, 0) })],
  "a node twice": ["malformed", requestOf({ drill: drill(16, 1, 0, 0, 0) })],
  "tags that are not there": ["malformed", requestOf({ drill: drill(16, 1, 100) })],
  "more nodes than one may ask for": [
    "too_large",
    requestOf({ drill: drill(16, ...Array.from({ length: 129 }, () => [1, 0]).flat()) }),
  ],
  "another version": ["upgrade_required", requestOf({ version: U32_MAX })],
};

/** What lies, and is answered with the truth. */
const LYING: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "nothing": bytes(0),
  "all of it": FULL,
  "an endless set": requestOf({ count: MAX }),
  "an endless set with an empty sketch": requestOf({ count: MAX, sketch: bytes(256) }),
  "a sketch of nothing for many rows": requestOf({ count: ROWS, sketch: bytes(256) }),
  "a sketch of noise": requestOf({ count: ROWS, sketch: bytes(256, 0x0b) }),
  "a cursor of the far future": requestOf({ cursor: MAX, since: true }),
  "a cursor of the future in this history": requestOf({
    ...{ scope: "_default", epoch: EPOCH, cursor: MAX, since: true },
  }),
  "another history": requestOf({ scope: "_default", epoch: "x", cursor: 3, since: true }),
  "a root of zeros": requestOf({ root: bytes(32), count: ROWS, cursor: ROWS }),
  "wants of nobody": requestOf({ wants: bytes(400, 1) }),
  "the same want many times": requestOf({ wants: bytes(8_192 * 4) }),
  "all groups at once": requestOf({ groups: [groups(12, 0, 4_096)] }),
  "the smallest groups": requestOf({ groups: [groups(20, 2 ** 20 - 4_096, 4_096)] }),
  "the root group again and again": requestOf({
    groups: Array.from({ length: 4_096 }, () => groups(0, 0, 1)),
  }),
  "nodes where none are": requestOf({
    drill: drill(16, ...Array.from({ length: 128 }, () => [250_000, 0]).flat()),
  }),
};

Deno.test("a request that makes no sense gives a coded error, over HTTP and on a channel [S15]", () =>
  withServed(async (doors, peer) => {
    for (const [what, [code, body]] of Object.entries(REFUSED)) {
      const response = await doors.post(PATH, body);
      const status = { too_large: 413, upgrade_required: 426 }[code] ?? 400;
      const { error } = await assertRefused(response, status, code, what);
      peer.say({ kind: "reconcile", body });
      const failure = await peer.hear("failure");
      assertEquals([failure.code, failure.retryAfterMs], [code, 0], what);
      // Over HTTP the scope is read first, so that the sentence may be another one.
      assert(failure.error !== "" && error !== "");
      await peer.assertQuiet();
    }
    await assertServes(doors);
  }));

Deno.test("a request that lies gets the truth, within a frame, over HTTP and on a channel [S10, S15]", () =>
  withServed(async (doors, peer) => {
    const root = rootText(doors.store);
    for (const [what, body] of Object.entries(LYING)) {
      const response = await doors.post(PATH, body);
      const reply = new Uint8Array(await response.arrayBuffer());
      assertEquals(response.status, 200, what);
      assertTrue(reply, root, what);
      peer.say({ kind: "reconcile", body });
      assertTrue((await peer.hear("reconcile")).body, root, what);
    }
    await assertServes(doors);
  }));

Deno.test("a request that comes again gets the same answer, and changes nothing [S10, S12]", () =>
  withServed(async (doors, peer) => {
    for (const [what, body] of Object.entries(LYING)) {
      const replies = [];
      for (let i = 0; i < 3; i++) {
        peer.say({ kind: "reconcile", body });
        replies.push((await peer.hear("reconcile")).body);
      }
      assertEquals([replies[1], replies[2]], [replies[0], replies[0]], what);
    }
    assertEquals(doors.store.head("_default").cursor, ROWS);
  }));

Deno.test("a request cut anywhere is a request or a coded error [S15]", () =>
  withServed(async (doors) => {
    const outcomes = new Set<string>();
    for (let end = 0; end <= FULL.length; end++) {
      outcomes.add(await outcomeOf(doors, FULL.slice(0, end), `cut at ${end}`));
    }
    assertEquals([...outcomes].sort(), ["answered", "malformed"]);
    await assertServes(doors);
  }));

Deno.test("a request with any bit flipped is a request or a coded error [S15]", () =>
  withServed(async (doors) => {
    const outcomes = new Set<string>();
    for (let bit = 0; bit < FULL.length * 8; bit++) {
      const flipped = FULL.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      outcomes.add(await outcomeOf(doors, flipped, `bit ${bit}`));
    }
    assert(outcomes.has("answered") && outcomes.has("malformed"), [...outcomes].join());
    await assertServes(doors);
  }));

Deno.test("any bytes in any field are a request or a coded error [S15]", () =>
  withServed(async (doors) => {
    const some = fc.uint8Array({ maxLength: 60 });
    const small = fc.oneof(fc.nat(40), fc.constantFrom(4_096, 2 ** 20, U32_MAX));
    const request = fc.record({
      scope: fc.constantFrom("", "_default", "other"),
      epoch: fc.constantFrom("", EPOCH),
      cursor: fc.oneof(fc.nat(300), fc.maxSafeNat()),
      count: fc.oneof(fc.nat(300), fc.maxSafeNat()),
      root: fc.oneof(some, fc.uint8Array({ minLength: 32, maxLength: 32 })),
      sketch: fc.oneof(some, fc.uint8Array({ minLength: 256, maxLength: 256 })),
      since: fc.boolean(),
      groups: fc.array(fc.record({ bits: small, from: small, count: small }), { maxLength: 3 }),
      wants: some,
      drill: fc.record({
        salt: fc.oneof(some, fc.constant(bytes(16))),
        nodes: fc.oneof(some, fc.array(small, { maxLength: 8 }).map(writeVarints)),
        tags: fc.oneof(some, fc.nat(5).map((count) => bytes(8 * count, 3))),
      }),
    }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(fc.oneof(request.map(requestOf), some), async (body) => {
        await outcomeOf(doors, new Uint8Array(body), "any");
      }),
      { numRuns: 400 },
    );
    await assertServes(doors);
  }));

Deno.test("a body up to the limit is read, and not one byte more, in chunks or not [S11]", () =>
  withListeningDoors({}, async (doors) => {
    for (const more of [-1, 0, 1, 300_000]) {
      for (const chunked of [false, true]) {
        const body = padded(RECONCILE_REQUEST_BYTES_MAX + more);
        const response = await fetch(`${doors.url}${PATH}`, {
          method: "POST",
          body: chunked ? inChunks(body) : body,
        });
        const context = `${more} more, chunked: ${chunked}`;
        if (more > 0) await assertRefused(response, 413, "too_large", context);
        else {
          assertEquals(response.status, 200, context);
          ReconcileReply.decode(new Uint8Array(await response.arrayBuffer()));
        }
      }
    }
    await assertServes(doors);
  }));

Deno.test("a message up to the limit is read, one byte more fails on its channel, a larger one ends all [S11]", () =>
  withListeningDoors({}, async ({ port }) => {
    const peer = await LivePeer.open(port);
    await peer.greet();
    for (const more of [-1, 0]) {
      peer.say({ kind: "reconcile", body: padded(RECONCILE_REQUEST_BYTES_MAX + more) });
      await peer.hear("reconcile");
    }
    peer.say({ kind: "reconcile", body: padded(RECONCILE_REQUEST_BYTES_MAX + 1) });
    assertEquals((await peer.hear("failure")).code, "too_large");
    await peer.assertQuiet();
    peer.sayBytes(encodeUp(0, { kind: "reconcile", body: bytes(LIVE_MESSAGE_BYTES_MAX) }));
    assertEquals((await inTime(peer.ended, "the end")).code, 1009);
  }));

Deno.test("a channel that was never opened, or not granted, gets no answer [S8]", () => {
  const authorize = ({ scope }: { readonly scope: string }) => scope !== "secret";
  return withListeningDoors({ signed: true, authorize }, async ({ port }) => {
    const peer = await LivePeer.open(port, await bearer("anna"));
    await peer.greet({}, 1);
    const body = requestOf({ scope: "secret", since: true });
    for (const channel of [0, 2, U32_MAX]) {
      peer.say({ kind: "reconcile", body }, channel);
      const { code, error } = await peer.hear("failure", channel);
      assertEquals(code, "invalid_mutation");
      assertStringIncludes(error, "hello");
    }
    peer.say(
      { kind: "hello", protocol: 1, client: "c", scope: "secret", cursor: 0, epoch: "" },
      2,
    );
    assertEquals((await peer.hear("failure", 2)).code, "forbidden");
    peer.say({ kind: "reconcile", body }, 2);
    assertEquals((await peer.hear("failure", 2)).code, "invalid_mutation");
    // Its own channel answers about its own scope, whatever the bytes say.
    peer.say({ kind: "reconcile", body }, 1);
    const { count, rows } = ReconcileReply.decode((await peer.hear("reconcile", 1)).body);
    assertEquals([count, rows], [0, undefined]);
    await peer.close();
  });
});

/** Doors with some rows in the default scope, and a client there. */
function withServed(test: (doors: Doors, peer: LivePeer) => Promise<void>): Promise<void> {
  return withListeningDoors({}, async (doors: ListeningDoors) => {
    for (let from = 0; from < ROWS; from += 100) {
      const mutations = Array.from({ length: 100 }, (_, i) => task(`${from + i}`));
      await (await doors.post("/_sync/push", { mutations })).body?.cancel();
    }
    const peer = await LivePeer.open(doors.port);
    await peer.greet({ scope: "_default", cursor: ROWS, epoch: EPOCH });
    await test(doors, peer);
    await peer.close();
  });
}

/** Expects an answer that is true and fits a frame. */
function assertTrue(bytes: Uint8Array, root: string, context: string): void {
  assert(bytes.length <= RECONCILE_FRAME_BYTES_MAX, `${context}: ${bytes.length} bytes`);
  const reply = ReconcileReply.decode(bytes);
  const told = reply.root.toBase64({ alphabet: "base64url", omitPadding: true });
  assertEquals([reply.cursor, reply.count, told, reply.same], [ROWS, ROWS, root, false], context);
}

async function outcomeOf(
  doors: Doors,
  body: Uint8Array<ArrayBuffer>,
  context: string,
): Promise<string> {
  const response = await doors.post(PATH, body);
  const answer = new Uint8Array(await response.arrayBuffer());
  if (response.status === 200) {
    assert(answer.length <= RECONCILE_FRAME_BYTES_MAX, context);
    ReconcileReply.decode(answer);
    return "answered";
  }
  const { code, error } = JSON.parse(new TextDecoder().decode(answer));
  assert(response.status < 500 && typeof error === "string", `${context}: ${response.status}`);
  return code;
}

/** A good request that a field of a later version makes as long as wanted. */
function padded(length: number): Uint8Array<ArrayBuffer> {
  const head = [0xa2, 0x06, ...writeVarints([length - 5])];
  const body = bytes(length);
  body.set(head);
  assertEquals(head.length, 5);
  return body;
}

function inChunks(body: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= body.length) return controller.close();
      controller.enqueue(body.slice(at, at += 16 * 1024));
    },
  });
}
