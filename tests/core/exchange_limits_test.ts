/** How much an exchange may cost a client, up to each of its bounds and beyond. */
import { assertEquals } from "@std/assert";
import { readDrill } from "../../core/reconcile/drilling.ts";
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
import { RowPacker } from "../../core/reconcile/row_packing.ts";
import { writeVarints } from "../../core/reconcile/varints.ts";
import { ReconcileReply, ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import { changed, type Lie, lied, rowsOf, updated } from "./exchange_lies.ts";
import { ClientSide, ServerSide } from "./exchange_rig.ts";

const ROWS = 600;

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

Deno.test("exchange drills into nodes up to their number [S11]", () => {
  const none = new Uint8Array();
  // Of nodes 33 to 1056 a hundred are answered: by 32 children that differ, but for the last one.
  const differingOf = (node: number, last: number) => node < 132 ? 32 : node === 132 ? last : -1;
  const isTaken = (last: number) => {
    const exchange = new ClientSide([], 0).exchange();
    const answer = (request: Uint8Array) => {
      const { drill } = ReconcileRequest.decode(request);
      const asked = drill ? readDrill(drill) : [];
      const nodes = asked.filter(({ node }) => differingOf(node, last) >= 0).map(({ node }) => {
        const children = new Uint8Array(256).fill(1, 0, differingOf(node, last) * 8);
        return { node, children, absent: none };
      });
      const honest = ReconcileReply.decode(new ServerSide().answer(request));
      return ReconcileReply.encode({ ...honest, root: new Uint8Array(32), same: false, nodes });
    };
    let requests = exchange.start();
    for (let round = 0; round < 4; round++) {
      requests = requests.flatMap((request) => exchange.received(answer(request)));
    }
    return exchange.outcome === undefined && requests.length === REQUESTS_AT_ONCE_MAX;
  };
  const rest = 1_024 - 100 + 99 * 32;
  const around = [DRILL_OPEN_MAX - 1, DRILL_OPEN_MAX, DRILL_OPEN_MAX + 1];
  assertEquals(around.map((open) => isTaken(open - rest)), [true, true, false]);
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
