/** What a server answers to one request, up to each of its bounds and beyond. */
import { assertEquals, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { writeDrill } from "../../core/reconcile/drilling.ts";
import { wantOf, writeWants } from "../../core/reconcile/elements.ts";
import {
  BEHIND_MAX,
  DRILL_NODES_MAX,
  GROUPS_MAX,
  RECONCILE_FRAME_BYTES_MAX,
  SKETCH_WORDS_MAX,
  SMALL_ROWS_MAX,
  TREE_VERSION,
  WANTS_MAX,
} from "../../core/reconcile/reconcile_limits.ts";
import { answerReconcile, type ReconcileStore } from "../../core/reconcile/responder.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { unpackRows } from "../../core/reconcile/row_packing.ts";
import { RowTree } from "../../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../../core/reconcile/tree_nodes.ts";
import { readVarints } from "../../core/reconcile/varints.ts";
import { ReconcileReply, ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import { EPOCH, kernel, SCOPE, ServerSide } from "./exchange_rig.ts";

/** Room for the largest record that a store takes, and its name. */
const LARGE_UNITS = 32 * 1024;
/** Bytes that a request may have at its door. */
const REQUEST_BYTES = 60 * 1024;
/** A tenth of a second. */
const WORK_MAX = 100_000;

const NONE: ReconcileRequest = {
  version: TREE_VERSION,
  scope: "",
  epoch: "",
  cursor: 0,
  count: 0,
  root: new Uint8Array(),
  sketch: new Uint8Array(),
  since: false,
  groups: [],
  wants: new Uint8Array(),
};

function answer(store: ReconcileStore, fields: Partial<ReconcileRequest>) {
  const request = ReconcileRequest.encode({ ...NONE, ...fields });
  const { reply, work } = answerReconcile(store, SCOPE, request);
  if (reply.length > RECONCILE_FRAME_BYTES_MAX) throw new Error(`${reply.length} bytes`);
  if (work < 20 || work > WORK_MAX) throw new Error(`A work of ${work}`);
  const decoded = ReconcileReply.decode(reply);
  const rows: RowChange[] = decoded.rows ? unpackRows(decoded.rows) : [];
  return { ...decoded, rows, work };
}

function refusal(store: ReconcileStore, fields: Partial<ReconcileRequest>): string {
  return (assertThrows(() => answer(store, fields), DriftlessError) as DriftlessError).code;
}

function rowsOf(count: number, json = (i: number) => `{"value":${i}}`): RowChange[] {
  return Array.from({ length: count }, (_, i) => ({ entity: "note", id: `i${i}`, json: json(i) }));
}

/** A store that says it has so many rows and changes. */
class Pretended extends RowTree {
  readonly #pretended: number;

  constructor(count: number) {
    super(kernel, SCOPE, new MemoryNodes());
    this.#pretended = count;
  }

  override get count(): number {
    return this.#pretended;
  }
}

function pretending(count: number, cursor: number): ReconcileStore {
  const store = new MemoryStore(EPOCH, kernel);
  return {
    epoch: EPOCH,
    read: (work) => work(),
    head: () => ({ cursor, floor: 0, time: 1 }),
    row: () => undefined,
    tree: () => new Pretended(count),
    written: () => store.written(SCOPE, 0, 0),
  };
}

Deno.test("responder refuses what is no request of its kind [S15]", () => {
  const { store } = new ServerSide(rowsOf(3));
  assertEquals(refusal(new MemoryStore(EPOCH), {}), "not_found");
  assertEquals(refusal(store, { version: TREE_VERSION + 1 }), "upgrade_required");
  for (const root of [31, 33]) {
    assertEquals(refusal(store, { root: new Uint8Array(root) }), "malformed");
  }
  assertEquals(refusal(store, { sketch: new Uint8Array(7) }), "malformed");
  assertEquals(refusal(store, { sketch: new Uint8Array(8).fill(255) }), "malformed");
  assertEquals(refusal(store, { wants: Uint8Array.of(1) }), "malformed");
  assertEquals(refusal(store, { groups: [{ bits: 21, from: 0, count: 1 }] }), "malformed");
  assertThrows(() => answerReconcile(store, SCOPE, Uint8Array.of(255)), DriftlessError);
});

Deno.test("responder takes sketches up to their words [S11]", () => {
  const { store } = new ServerSide(rowsOf(3));
  for (const words of [1, SKETCH_WORDS_MAX - 1, SKETCH_WORDS_MAX]) {
    const reply = answer(store, { sketch: new Uint8Array(words * 8), count: 0 });
    assertEquals(reply.rows.length, words === 1 ? 0 : 3);
  }
  const above = new Uint8Array((SKETCH_WORDS_MAX + 1) * 8);
  assertEquals(refusal(store, { sketch: above }), "too_large");
});

Deno.test("responder answers as many groups as fit, up to the most that it takes [S11]", () => {
  const { store } = new ServerSide(rowsOf(10_000));
  for (const count of [GROUPS_MAX - 1, GROUPS_MAX]) {
    const reply = answer(store, { groups: [{ bits: 12, from: 0, count }] });
    assertEquals(reply.more, true);
    const [group] = reply.groups;
    const answered = group?.counts.length as number;
    assertEquals([group?.bits, group?.from], [12, 0]);
    assertEquals(group?.sketches.length, answered * 256);
    if (answered < 240) throw new Error(`Only ${answered} groups in a frame`);
  }
  const above = [{ bits: 13, from: 0, count: GROUPS_MAX + 1 }];
  assertEquals(refusal(store, { groups: above }), "too_large");
  const some = answer(store, {
    groups: [{ bits: 20, from: 9, count: 1 }, { bits: 0, from: 0, count: 1 }],
  });
  assertEquals(some.groups.map(({ bits, from }) => [bits, from]), [[20, 9], [0, 0]]);
  assertEquals(some.more, false);
  const rest = answer(store, {
    groups: [{ bits: 12, from: 0, count: 1000 }, { bits: 0, from: 0, count: 1 }],
  });
  assertEquals(rest.groups.length, 1);
});

Deno.test("responder answers wants up to their number, and nothing for rows that it lacks [S11]", () => {
  const server = new ServerSide(rowsOf(3_000));
  const wants = [...server.tree.rows(0, 0)].map(({ element }) => wantOf(element));
  const reply = answer(server.store, { wants: writeWants(wants) });
  assertEquals(reply.more, true);
  const first = answer(server.store, { wants: writeWants(wants.slice(0, 500)) });
  assertEquals([first.rows.length, first.more], [500, false]);
  const nothing = (count: number) =>
    writeWants(Array.from({ length: count }, (_, prefix) => ({ prefix, tag: 0x123456 })));
  for (const count of [WANTS_MAX - 1, WANTS_MAX]) {
    assertEquals(answer(server.store, { wants: nothing(count) }).rows, []);
  }
  assertEquals(refusal(server.store, { wants: nothing(WANTS_MAX + 1) }), "too_large");
});

Deno.test("responder answers nodes up to their number, and leaves with and without tags [S11]", () => {
  const server = new ServerSide(rowsOf(5_000));
  const salt = new Uint8Array(16);
  const drill = (count: number) =>
    writeDrill(salt, Array.from({ length: count }, (_, node) => ({ node })));
  for (const count of [DRILL_NODES_MAX - 1, DRILL_NODES_MAX]) {
    const { nodes } = answer(server.store, { drill: drill(count) });
    assertEquals(nodes.map(({ node }) => node), Array.from({ length: count }, (_, node) => node));
    assertEquals(nodes[0]?.children.length, 256);
    assertEquals(nodes.at(-1)?.children.length, 0);
  }
  assertEquals(refusal(server.store, { drill: drill(DRILL_NODES_MAX + 1) }), "too_large");
  const tags = new Uint8Array(16).fill(5);
  const all = answer(server.store, { drill: writeDrill(salt, [{ node: 40, tags }]) });
  const own = server.tree.children(40);
  assertEquals(all.rows.length, "rows" in own ? own.rows.length : -1);
  assertEquals(all.nodes[0]?.absent, tags);
});

Deno.test("responder leaves a node out of which not all rows fit", () => {
  const large = rowsOf(6, (i) => JSON.stringify(String(i).repeat(20_000)));
  const { store } = new ServerSide(large);
  const salt = new Uint8Array(16);
  const reply = answer(store, { drill: writeDrill(salt, [{ node: 0, tags: new Uint8Array() }]) });
  assertEquals([reply.nodes.length, reply.rows.length, reply.more], [0, 3, true]);
  const full = new ServerSide(rowsOf(400, (i) => `"${String(i).padStart(130, "0")}"`));
  const tags = new Uint8Array(8 * 600).fill(1);
  const leaves = Array.from({ length: 32 }, (_, digit) => ({ node: 1 + digit, tags }));
  const request = writeDrill(salt, leaves.slice(0, 6));
  const cut = answer(full.store, { drill: request });
  assertEquals(cut.more, false);
  const none = writeDrill(salt, [{ node: 0, tags: new Uint8Array(8 * 4000) }]);
  assertEquals(answer(full.store, { drill: none }).nodes[0]?.children.length, 256);
});

Deno.test("responder leaves a node out whose tags do not fit any more", () => {
  const server = new ServerSide(rowsOf(63, (i) => `"${String(i).padStart(1_000, "0")}"`));
  const salt = new Uint8Array(16);
  const drill = writeDrill(salt, [{ node: 0, tags: new Uint8Array(8 * 4000).fill(9) }]);
  const reply = answer(server.store, { drill });
  assertEquals([reply.nodes.length, reply.more], [0, true]);
  if (reply.rows.length < 60) throw new Error(`${reply.rows.length} rows`);
});

Deno.test("responder tells written rows page by page, and answers the rest behind the last", () => {
  const server = new ServerSide(rowsOf(2_000, (i) => JSON.stringify(`${i}`.repeat(20))));
  server.commit([{ entity: "note", id: "i0", json: null }]);
  const groups = [{ bits: 0, from: 0, count: 1 }];
  let cursor = 0;
  const told: RowChange[] = [];
  for (let page = 0; cursor < server.cursor; page++) {
    const reply = answer(server.store, { since: true, cursor, groups });
    assertEquals(reply.cursor, server.cursor);
    if (reply.told <= cursor) throw new Error(`Page ${page} tells nothing`);
    assertEquals(reply.more, reply.told < server.cursor);
    assertEquals(reply.groups.length, reply.more ? 0 : 1);
    told.push(...reply.rows);
    cursor = reply.told;
  }
  assertEquals(told.length, 2_000);
  assertEquals(told.filter(({ json }) => json === null).map(({ id }) => id), ["i0"]);
  // A cursor that is further than the log tells nothing.
  assertEquals(answer(server.store, { since: true, cursor: cursor + 1, groups }).told, 0);
});

Deno.test("responder takes clients that are behind up to a share of its rows [S11]", () => {
  const behind = (rows: number, changes: number) =>
    answer(pretending(rows, changes), { since: true, cursor: 0, count: rows }).snapshot;
  const around = (most: number) => [most - 1, most, most + 1];
  assertEquals(around(SMALL_ROWS_MAX).map((n) => behind(10, n)), [false, false, true]);
  assertEquals(around(1_000).map((n) => behind(4_000, n)), [false, false, true]);
  assertEquals(around(BEHIND_MAX).map((n) => behind(1e6, n)), [false, false, true]);
});

Deno.test("responder answers a probe by how much may differ", () => {
  const server = new ServerSide(rowsOf(2_000));
  const { store, cursor, tree } = server;
  const sizes = (fields: Partial<ReconcileRequest>) =>
    answer(store, { count: 2_000, cursor, ...fields }).groups.map(({ bits, counts }) => [
      bits,
      readVarints(counts).length,
    ]);
  assertEquals(answer(store, { count: 2_000, cursor, root: tree.root }).same, true);
  const other = new Uint8Array(32);
  assertEquals(sizes({ root: other }), [[0, 1]]);
  assertEquals(sizes({ root: other, cursor: cursor - 8 }), [[0, 1]]);
  assertEquals(sizes({ root: other, cursor: cursor - 9 }), [[1, 2]]);
  assertEquals(sizes({ root: other, count: 2_000 + 17 }), [[1, 2]]);
  const overfull = new Uint8Array(256).fill(1);
  const halved = [[8, 2], [7, 1], [6, 1], [5, 1], [4, 1], [3, 1], [2, 1], [1, 1]];
  assertEquals(sizes({ sketch: overfull }), halved);
  // A cursor that is far off is of another history: it does not say that much differs.
  assertEquals(sizes({ sketch: overfull, cursor: 10 * cursor }), halved);
  assertEquals(sizes({ root: other, cursor: 10 * cursor }), halved);
  const half = answer(store, { count: 900, cursor, root: other });
  assertEquals([half.snapshot, half.groups.length], [true, 0]);
});

Deno.test("responder reads a cursor as a hint where the epoch is another one", () => {
  const { store, cursor } = new ServerSide(rowsOf(40));
  const asked = { scope: SCOPE, since: true, cursor: cursor - 5, count: 40 };
  const same = answer(store, { ...asked, epoch: EPOCH });
  assertEquals([same.epoch, same.told, same.rows.length], ["", cursor, 5]);
  const other = answer(store, { ...asked, epoch: "earlier" });
  assertEquals([other.epoch, other.told, other.rows.length], [EPOCH, 0, 0]);
  assertEquals(other.groups.length, 1);
});

Deno.test("responder tells a row as gone that its tree has and its store has not", () => {
  const { store } = new ServerSide(rowsOf(2));
  const lost: ReconcileStore = {
    epoch: EPOCH,
    read: (work) => work(),
    head: (scope) => store.head(scope),
    row: (scope, entity, id) => id === "i0" ? undefined : store.row(scope, entity, id),
    tree: (scope) => store.tree(scope),
    written: (scope, after, limit) => store.written(scope, after, limit),
  };
  const { rows } = answer(lost, { sketch: new Uint8Array(256) });
  const jsonOf = (id: string) => rows.find((row) => row.id === id)?.json;
  assertEquals([jsonOf("i0"), jsonOf("i1")], [null, `{"value":1}`]);
});

Deno.test("responder costs a bounded work for the largest requests [S11]", () => {
  const server = new ServerSide(rowsOf(20_000));
  const { store } = server;
  const salt = new Uint8Array(16);
  const requests: Partial<ReconcileRequest>[] = [
    { groups: Array.from({ length: GROUPS_MAX }, () => ({ bits: 20, from: 5, count: 1 })) },
    { groups: Array.from({ length: GROUPS_MAX }, () => ({ bits: 0, from: 0, count: 1 })) },
    { groups: [{ bits: 13, from: 0, count: GROUPS_MAX }] },
    {
      wants: writeWants(Array.from({ length: WANTS_MAX }, (_, i) => ({ prefix: i * 256, tag: 1 }))),
    },
    {
      drill: writeDrill(
        salt,
        Array.from({ length: DRILL_NODES_MAX }, (_, node) => ({
          node,
          tags: new Uint8Array(8 * 32),
        })),
      ),
    },
  ];
  for (const fields of requests) {
    if (ReconcileRequest.encode({ ...NONE, ...fields }).length > REQUEST_BYTES) {
      throw new Error("No door takes such a request");
    }
    answer(store, fields);
  }
});

Deno.test("responder fits the largest record into a frame [S11]", () => {
  const large = {
    entity: "e".repeat(128),
    id: "ö".repeat(128),
    json: `"${"x".repeat(LARGE_UNITS)}"`,
  };
  const { store } = new ServerSide([large, { ...large, id: "other" }]);
  const reply = answer(store, { since: true, cursor: 0, count: 0 });
  assertEquals([reply.rows.length, reply.told, reply.more], [1, 1, true]);
  const next = answer(store, { since: true, cursor: 1, count: 0 });
  assertEquals([next.rows.length, next.told, next.more], [1, 2, false]);
});
