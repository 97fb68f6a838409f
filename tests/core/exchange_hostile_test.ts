/** A server that lies, to a client; whatever it says, no wrong rows are taken for right ones. */
import { assertEquals, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { RECONCILE_FRAME_BYTES_MAX, REQUESTS_MAX } from "../../core/reconcile/reconcile_limits.ts";
import { writeVarints } from "../../core/reconcile/varints.ts";
import { type ReconcileReply, ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import { Prng } from "../sim/prng.ts";
import { changed, type Lie, lied, rowsOf, updated } from "./exchange_lies.ts";
import { ServerSide } from "./exchange_rig.ts";

const ROWS = 600;

Deno.test("exchange takes no wrong rows from replies with changed bytes [S15]", () => {
  const server = new ServerSide(rowsOf(ROWS));
  const seen = new Map<string | undefined, number>();
  for (let seed = 0; seed < 1_500; seed++) {
    const prng = new Prng(seed);
    const end = lied(updated(server, [2, 12, 40][seed % 3] as number), server, (reply) => {
      const bytes = reply.slice();
      if (prng.next() % 2 > 0) return bytes;
      for (let i = prng.next() % 3; i >= 0; i--) {
        bytes[prng.next() % bytes.length] = prng.next();
      }
      return bytes;
    });
    seen.set(end, (seen.get(end) ?? 0) + 1);
  }
  for (const end of ["malformed", "repaired", "snapshot"]) {
    if (!seen.has(end)) throw new Error(`No exchange ended as ${end}`);
  }
});

Deno.test("exchange takes no wrong rows from random bytes, or replies cut at any length [S15]", () => {
  const server = new ServerSide(rowsOf(ROWS));
  for (let seed = 0; seed < 500; seed++) {
    const prng = new Prng(seed);
    const random = prng.bytes(prng.next() % 300);
    lied(updated(server, 3), server, () => random);
  }
  const client = updated(server, 40);
  const lengths = new Set<number>();
  lied(client, server, (reply) => {
    lengths.add(reply.length);
    return reply;
  });
  for (let length = 0; length < Math.max(...lengths); length += 7) {
    for (const round of [1, 2]) {
      let at = 0;
      lied(updated(server, 40), server, (reply) => ++at === round ? reply.slice(0, length) : reply);
    }
  }
});

Deno.test("exchange takes no wrong rows from replayed replies, or those of another scope [S15]", () => {
  const server = new ServerSide(rowsOf(ROWS));
  const other = new ServerSide(rowsOf(ROWS), undefined, "other");
  other.commit([{ entity: "note", id: "i5", json: "5.5" }]);
  for (let seed = 0; seed < 200; seed++) {
    const prng = new Prng(seed);
    const past: Uint8Array[] = [];
    const mine = new ServerSide(rowsOf(ROWS));
    lied(updated(mine, 30), mine, (reply) => {
      past.push(reply);
      mine.commit([{ entity: "note", id: `i${prng.next() % ROWS}`, json: `${prng.next()}` }]);
      return past[prng.next() % past.length] as Uint8Array;
    });
    lied(updated(server, 30), server, (reply, request) => {
      return prng.next() % 2 === 0 ? reply : other.answer(request);
    });
  }
  assertEquals(
    lied(updated(server, 30), server, (_, request) => other.answer(request)),
    "snapshot",
  );
});

Deno.test("exchange takes no wrong rows from counts, cursors, roots and flags that lie [S15]", () => {
  const server = new ServerSide(rowsOf(ROWS));
  const lies: readonly ((reply: ReconcileReply) => Partial<ReconcileReply>)[] = [
    ({ count }) => ({ count: count + 1 }),
    () => ({ count: Number.MAX_SAFE_INTEGER }),
    () => ({ count: 0 }),
    () => ({ cursor: Number.MAX_SAFE_INTEGER }),
    () => ({ cursor: 0, told: 0 }),
    ({ cursor }) => ({ told: cursor - 1 }),
    () => ({ told: 0 }),
    ({ cursor }) => ({ told: cursor + 1 }),
    () => ({ root: new Uint8Array(32) }),
    () => ({ root: new Uint8Array(31) }),
    () => ({ same: true }),
    () => ({ more: true }),
    () => ({ snapshot: true }),
    () => ({ epoch: "another" }),
    () => ({ groups: [], nodes: [] }),
    ({ groups }) => ({ groups: [...groups, ...groups] }),
    ({ groups }) => ({ groups: groups.toReversed() }),
    ({ groups }) => ({ groups: groups.map((group) => ({ ...group, from: group.from + 1 })) }),
    ({ groups }) => ({
      groups: groups.map((group) => ({
        ...group,
        counts: writeVarints(Array(group.sketches.length / 256).fill(2 ** 40)),
      })),
    }),
    ({ groups }) => ({
      groups: groups.map((group) => ({
        ...group,
        sketches: group.sketches.map((byte) => byte & 15),
      })),
    }),
    () => ({ orphans: new Uint8Array(4_096).fill(3) }),
    () => ({ orphans: new Uint8Array(9) }),
    () => ({
      nodes: [{ node: 0, children: new Uint8Array(256).fill(1), absent: new Uint8Array() }],
    }),
    () => ({ nodes: [{ node: 0, children: new Uint8Array(255), absent: new Uint8Array() }] }),
  ];
  for (const [index, lie] of lies.entries()) {
    for (const count of [0, 2, 30]) {
      for (const start of [{}, { serverEpoch: "next" }, { serverCursor: server.cursor + 9 }]) {
        lied(updated(server, count), server, changed(lie), start);
        // Only once, later, or only now and then.
        let at = 0;
        lied(
          updated(server, count),
          server,
          (reply, request) => ++at % (2 + index % 3) === 0 ? changed(lie)(reply, request) : reply,
          start,
        );
      }
    }
  }
});

Deno.test("a drill into ever more nodes ends [S11]", () => {
  const server = new ServerSide(rowsOf(ROWS));
  let nodes = 0;
  const flood: Lie = (reply, request) => {
    const { drill } = ReconcileRequest.decode(request);
    if (drill === undefined) return changed(() => ({ root: new Uint8Array(32) }))(reply, request);
    return changed(({ nodes: asked }) => {
      nodes += asked.length;
      return {
        root: new Uint8Array(32),
        nodes: asked.map(({ node }) => ({
          node,
          children: node < 33_825 + 1_024 ? new Uint8Array(256).fill(node) : new Uint8Array(),
          absent: new Uint8Array(),
        })),
      };
    })(reply, request);
  };
  assertEquals(lied(updated(server, 0), server, flood), "snapshot");
  if (nodes > REQUESTS_MAX * 128) throw new Error(`${nodes} nodes`);
  const deepest: Lie = (reply, request) => {
    const { drill } = ReconcileRequest.decode(request);
    if (drill === undefined) return changed(() => ({ root: new Uint8Array(32) }))(reply, request);
    const node = 33_825 * 32 + 32;
    const children = new Uint8Array(256).fill(1);
    return changed(() => ({ nodes: [{ node, children, absent: new Uint8Array() }] }))(
      reply,
      request,
    );
  };
  assertEquals(lied(updated(server, 0), server, deepest), "snapshot");
});

Deno.test("exchange takes children that are not 32 for no children", () => {
  const server = new ServerSide(rowsOf(ROWS));
  for (const length of [248, 255, 257, 264]) {
    const lie = changed(({ nodes }) => ({
      root: new Uint8Array(32),
      nodes: nodes.map((node) => ({ ...node, children: new Uint8Array(length) })),
    }));
    assertEquals(lied(updated(server, 0), server, lie), "malformed");
  }
});

Deno.test("responder answers any bytes with a reply or an error that has a code [S15]", () => {
  const server = new ServerSide(rowsOf(ROWS));
  const good: Uint8Array[] = [];
  for (const count of [0, 3, 40]) {
    lied(updated(server, count), server, (reply, request) => {
      good.push(request);
      return reply;
    });
  }
  const seen = new Set<string>();
  for (let seed = 0; seed < 8_000; seed++) {
    const prng = new Prng(seed);
    let request = (good[prng.next() % good.length] as Uint8Array).slice();
    if (prng.next() % 4 === 0) request = request.slice(0, prng.next() % request.length);
    for (let i = prng.next() % 4; i > 0; i--) request[prng.next() % request.length] = prng.next();
    try {
      const reply = server.answer(request);
      if (reply.length > RECONCILE_FRAME_BYTES_MAX) throw new Error(`${reply.length} bytes`);
      seen.add("reply");
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      seen.add(error.code);
    }
  }
  assertEquals(seen.has("reply") && seen.has("malformed"), true);
  assertThrows(() => server.answer(Uint8Array.of(7)), DriftlessError);
});
