/** A server that lies, to a client; whatever it says, no wrong rows are taken for right ones. */
import { assertEquals, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import type { Exchange, ExchangeStart } from "../../core/reconcile/exchange.ts";
import { GroupSearch } from "../../core/reconcile/exchange_groups.ts";
import { RequestPlan } from "../../core/reconcile/exchange_plan.ts";
import {
  DRILL_OPEN_MAX,
  DRILL_TAGS_MAX,
  GROUPS_OPEN_MAX,
  MISMATCHES_MAX,
  RECONCILE_FRAME_BYTES_MAX,
  REQUESTS_AT_ONCE_MAX,
  REQUESTS_MAX,
  ROUNDS_MAX,
} from "../../core/reconcile/reconcile_limits.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { RowPacker } from "../../core/reconcile/row_packing.ts";
import { writeVarints } from "../../core/reconcile/varints.ts";
import { ReconcileReply, ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import { Prng } from "../sim/prng.ts";
import { assertSameRows, ClientSide, ServerSide } from "./exchange_rig.ts";

type Lie = (reply: Uint8Array, request: Uint8Array) => Uint8Array;

const ROWS = 600;

function rowsOf(count: number): RowChange[] {
  return Array.from({ length: count }, (_, i) => ({ entity: "note", id: `i${i}`, json: `${i}` }));
}

function updated(server: ServerSide, count: number): ClientSide {
  const rows = [...server.rows.values()];
  return new ClientSide(
    rows.map((row, index) => index < count ? { ...row, json: `"other"` } : row),
    server.cursor,
  );
}

/**
 * Runs an exchange whose replies are lies. It must end within its bounds, by an error that has a code or
 * by an outcome, and a repair must leave the client with the server's rows.
 */
function lied(
  client: ClientSide,
  server: ServerSide,
  lie: Lie,
  start: Partial<ExchangeStart> = {},
) {
  const exchange = client.exchange({ serverCursor: server.cursor, ...start });
  const rows = server.history.length;
  let code: string | undefined;
  try {
    deliver(exchange, server, lie);
  } catch (error) {
    if (!(error instanceof DriftlessError)) throw error;
    code = error.code;
  }
  const { requests, round } = exchange.progress;
  if (requests > REQUESTS_MAX || round > ROUNDS_MAX) throw new Error(`${requests}, ${round}`);
  if (code !== undefined) return code;
  if (client.apply(exchange.outcome)) {
    // A cursor may be a lie as well; of a server that stands still there is but one.
    if (server.history.length === rows) client.cursor = server.cursor;
    assertSameRows(client, server);
  }
  return exchange.outcome?.kind;
}

function deliver(exchange: Exchange, server: ServerSide, lie: Lie): void {
  let requests = exchange.start();
  while (exchange.outcome === undefined) {
    if (requests.length > REQUESTS_AT_ONCE_MAX) throw new Error(`${requests.length} at once`);
    if (requests.length === 0) throw new Error("The exchange waits for nothing");
    const replies = requests.map((request) => lie(server.answer(request), request));
    requests = replies.flatMap((reply) => exchange.received(reply));
  }
}

/** The reply with some fields replaced. */
function changed(change: (reply: ReconcileReply) => Partial<ReconcileReply>): Lie {
  return (reply) => {
    const decoded = ReconcileReply.decode(reply);
    return ReconcileReply.encode({ ...decoded, ...change(decoded) });
  };
}

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

Deno.test("exchange ends when a server always has more to say [S11]", () => {
  const server = new ServerSide(rowsOf(ROWS));
  const endless = changed(() => ({ more: true, rows: undefined as never }));
  assertEquals(lied(updated(server, 30), server, endless), "snapshot");
  // Other rows of ever later cursors, and a root that is none of them.
  let turn = 0;
  const moving = changed(({ cursor }) => {
    const packer = new RowPacker(1_000);
    packer.add({ entity: "note", id: `x${turn++}`, json: "1" });
    const rows = packer.rows();
    const root = new Uint8Array(32).fill(turn);
    return { cursor: cursor + turn, told: cursor + turn, more: true, root, ...rows && { rows } };
  });
  assertEquals(lied(updated(server, 3), server, moving), "snapshot");
});

Deno.test("exchange waits for replies so often, and not once more [S11]", () => {
  const server = new ServerSide(rowsOf(3));
  for (const rounds of [ROUNDS_MAX - 1, ROUNDS_MAX, ROUNDS_MAX + 1]) {
    const client = updated(server, 1);
    let round = 0;
    const end = lied(
      client,
      server,
      (reply) =>
        ++round === rounds ? reply : changed(() => ({ more: true, rows: undefined as never }))(
          reply,
          reply,
        ),
    );
    assertEquals(end, rounds > ROUNDS_MAX ? "snapshot" : "repaired");
  }
});

Deno.test("exchange sends so many requests, and not one more [S11]", () => {
  const server = new ServerSide(rowsOf(40_000));
  // Groups that are never answered are asked for again, as many at once as may be.
  let most = 0;
  const client = updated(server, 3_000);
  const end = lied(client, server, (reply, request) => {
    const isProbe = ReconcileRequest.decode(request).groups.length === 0;
    most++;
    return isProbe ? reply : changed(() => ({ groups: [], more: true }))(reply, request);
  }, { serverEpoch: "next", serverCursor: server.cursor + 3_000, cursor: server.cursor - 3_000 });
  assertEquals(end, "snapshot");
  if (most > REQUESTS_MAX) throw new Error(`${most} requests`);
});

Deno.test("exchange takes a snapshot after so many mismatches [S10]", () => {
  const server = new ServerSide(rowsOf(3));
  // One reply a round. The second one says that something is hidden, which is no end yet.
  for (const wrong of [MISMATCHES_MAX, MISMATCHES_MAX + 1]) {
    let replies = 0;
    const end = lied(updated(server, 1), server, (reply, request) => {
      const root = new Uint8Array(32).fill(++replies);
      return replies <= wrong ? changed(() => ({ root }))(reply, request) : reply;
    });
    assertEquals(end, wrong > MISMATCHES_MAX ? "snapshot" : "repaired");
  }
});

Deno.test("exchange takes replies up to a frame [S11]", () => {
  const server = new ServerSide(rowsOf(3));
  const padded = (size: number): Lie => (reply) => {
    // A field that no version knows yet.
    const head = [0xa2, 0x06, ...writeVarints([size - reply.length - 5])];
    assertEquals(head.length, 5);
    const bytes = new Uint8Array(size);
    bytes.set(head);
    bytes.set(reply, size - reply.length);
    return bytes;
  };
  const most = RECONCILE_FRAME_BYTES_MAX;
  assertEquals(
    [most - 1, most, most + 1].map((size) => lied(updated(server, 1), server, padded(size))),
    ["repaired", "repaired", "too_large"],
  );
});

Deno.test("groups are open up to their number", () => {
  for (const count of [GROUPS_OPEN_MAX - 1, GROUPS_OPEN_MAX, GROUPS_OPEN_MAX + 1]) {
    const search = new GroupSearch();
    search.begin([{ bits: 20, from: 0, count }]);
    assertEquals(search.next(1e6)?.length, count > GROUPS_OPEN_MAX ? undefined : 1);
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

Deno.test("exchange gives up where a leaf of the server has too many rows at the client", () => {
  const server = new ServerSide(rowsOf(DRILL_TAGS_MAX + 1));
  const lie = changed(({ nodes }) => ({
    root: new Uint8Array(32),
    nodes: nodes.map((node) => ({ ...node, children: new Uint8Array() })),
  }));
  assertEquals(lied(updated(server, 0), server, lie), "snapshot");
});

Deno.test("groups and rows that no request has room for wait", () => {
  const groups = new RequestPlan(10);
  groups.addGroups({ bits: 14, from: 0, count: 2 ** 14 });
  assertEquals(groups.parts.length, REQUESTS_AT_ONCE_MAX);
  const asked = groups.parts.flatMap((part) => part.groups);
  asked.forEach(({ from }, index) => {
    const before = asked[index - 1];
    assertEquals(from, before ? before.from + before.count : 0);
  });
  const rows = new RequestPlan(10);
  const want = { prefix: 1, tag: 1, element: new Uint8Array(8), bytes: 40_000 };
  for (let index = 0; index < REQUESTS_AT_ONCE_MAX; index++) assertEquals(rows.addWant(want), true);
  assertEquals(rows.addWant(want), false);
  assertEquals(rows.parts.map(({ wants }) => wants.length), Array(REQUESTS_AT_ONCE_MAX).fill(1));
});

Deno.test("more tags than a request may have are not asked for", () => {
  for (const tags of [DRILL_TAGS_MAX - 1, DRILL_TAGS_MAX, DRILL_TAGS_MAX + 1]) {
    const plan = new RequestPlan(10);
    plan.addNode({ node: 0, tags: new Uint8Array(tags * 8) });
    assertEquals(plan.parts.length, tags > DRILL_TAGS_MAX ? 0 : 1);
  }
  const plan = new RequestPlan(10);
  for (let node = 0; node <= DRILL_OPEN_MAX; node++) {
    plan.addNode({ node, tags: new Uint8Array(64 * 8) });
  }
  assertEquals(plan.parts.length, REQUESTS_AT_ONCE_MAX);
  for (const { nodes } of plan.parts) {
    const sum = nodes.reduce((count, { tags }) => count + (tags?.length ?? 0) / 8, 0);
    if (sum > DRILL_TAGS_MAX) throw new Error(`${sum} tags in one request`);
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
