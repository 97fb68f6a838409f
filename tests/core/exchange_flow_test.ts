/** How an exchange goes: what it asks for first, in how many rounds it ends, and how it ends. */
import { assertEquals } from "@std/assert";
import type { ExchangeStart } from "../../core/reconcile/exchange.ts";
import { ExchangeRows } from "../../core/reconcile/exchange_rows.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { ReconcileReply, ReconcileRequest } from "../../core/wire/reconcile_gen.ts";
import {
  assertSameRows,
  ClientSide,
  EPOCH,
  nameOf,
  SCOPE,
  ServerSide,
  travel,
} from "./exchange_rig.ts";

function rowsOf(count: number, json = (i: number) => `{"value":${i}}`): RowChange[] {
  return Array.from({ length: count }, (_, i) => ({ entity: "note", id: `i${i}`, json: json(i) }));
}

/** A client with other records under some ids. */
function updated(server: ServerSide, count: number, cursor = server.cursor): ClientSide {
  const rows = [...server.rows.values()];
  return new ClientSide(
    rows.map((row, index) => index < count ? { ...row, json: `{"other":${index}}` } : row),
    cursor,
  );
}

/** Runs the exchange and checks that the client's rows become the server's. */
function repaired(client: ClientSide, server: ServerSide, start: Partial<ExchangeStart> = {}) {
  const exchange = client.exchange({ serverCursor: server.cursor, ...start });
  const rounds = travel(exchange, server);
  const { outcome, progress } = exchange;
  if (!client.apply(outcome)) throw new Error("The exchange ended as a snapshot");
  assertSameRows(client, server);
  assertEquals(client.cursor, server.cursor);
  return { rounds, progress, outcome };
}

Deno.test("exchange asks first for what is likely to tell the difference in one round", () => {
  const server = new ServerSide(rowsOf(2_000));
  const client = updated(server, 1);
  const first = (start: Partial<ExchangeStart>) => {
    const [request, ...others] = client.exchange(start).start();
    assertEquals(others, []);
    const { sketch, root, since, scope } = ReconcileRequest.decode(request as Uint8Array);
    return { words: sketch.length / 8, hasRoot: root.length === 32, since, isHttp: scope !== "" };
  };
  const { cursor } = server;
  const other = (updates: number) =>
    first({ serverEpoch: "next", serverCursor: cursor + updates, serverCount: 2_000 });
  const sketch = (words: number) => ({ words, hasRoot: false, since: false, isHttp: false });
  const root = { words: 0, hasRoot: true, since: false, isHttp: false };
  assertEquals([0, 1, 3, 4, 15, 16].map(other), [
    root,
    sketch(16),
    sketch(16),
    sketch(32),
    sketch(32),
    root,
  ]);
  assertEquals(
    first({ serverEpoch: "next", serverCursor: cursor, serverCount: 1_996 }),
    sketch(32),
  );
  assertEquals(first({ serverEpoch: "next" }), sketch(32));
  assertEquals(first({ serverCursor: cursor }), sketch(32));
  assertEquals(first({ serverCursor: cursor - 1 }), sketch(16));
  assertEquals(first({ serverCursor: cursor + 1 }), { ...sketch(0), since: true });
  assertEquals(first({ scope: SCOPE }), { ...sketch(32), since: true, isHttp: true });
});

Deno.test("exchange of equal rows takes one round and brings nothing [S10]", () => {
  const server = new ServerSide(rowsOf(500));
  for (const serverEpoch of [EPOCH, "next"]) {
    const client = updated(server, 0);
    const { rounds, outcome } = repaired(client, server, { serverEpoch });
    assertEquals(rounds, 1);
    assertEquals(outcome, {
      kind: "repaired",
      epoch: serverEpoch,
      cursor: server.cursor,
      time: server.cursor,
      rows: [],
      gone: [],
    });
  }
});

Deno.test("exchange of a few differences takes one round, of many two", () => {
  const server = new ServerSide(rowsOf(10_000));
  for (const [count, most] of [[1, 1], [3, 1], [15, 1], [100, 2], [800, 3]] as const) {
    const client = updated(server, count, server.cursor - count);
    const { rounds, progress } = repaired(client, server, { serverEpoch: "next" });
    if (rounds > most) throw new Error(`${rounds} rounds for ${count} updates`);
    assertEquals(progress.rows, count);
    assertEquals(progress.round, rounds);
    assertEquals(progress.differing.length > 0, count > 15);
    if (count > 15) assertEquals(progress.gone, count);
  }
});

Deno.test("exchange of an unknown difference learns how dense it is", () => {
  const server = new ServerSide(rowsOf(10_000));
  for (const [count, most] of [[5, 1], [20, 3], [100, 4], [700, 4]] as const) {
    const { rounds } = repaired(updated(server, count), server);
    if (rounds > most) throw new Error(`${rounds} rounds for ${count} updates`);
  }
});

Deno.test("exchange takes rows that were written since, page by page", () => {
  const server = new ServerSide(rowsOf(10_000));
  const client = updated(server, 0);
  server.commit(rowsOf(1_500, (i) => JSON.stringify(`${i}`.repeat(30))));
  server.commit([{ entity: "note", id: "i2000", json: null }]);
  const { rounds, progress } = repaired(client, server);
  assertEquals(progress.rows, 1_501);
  assertEquals(rounds, Math.ceil(progress.bytesDown / (64 * 1024)));
});

Deno.test("exchange finds what was deleted without a trace in one round [S10]", () => {
  const server = new ServerSide(rowsOf(10_000));
  for (const count of [1, 16, 17, 600]) {
    const client = updated(server, 0);
    const gone = [...server.rows.values()].slice(0, count);
    server.commit(gone.map((row) => ({ ...row, json: null })));
    server.trim();
    const { rounds, outcome } = repaired(client, server);
    assertEquals(rounds, 1);
    assertEquals(outcome?.kind === "repaired" && outcome.gone.length, count);
  }
});

Deno.test("exchange goes on where a reply could not take all rows", () => {
  const large = (i: number) => JSON.stringify(`${i}`.repeat(6_000));
  const server = new ServerSide(rowsOf(60, large));
  const random = {
    bytes(): Uint8Array {
      throw new Error("It drills although nothing is hidden");
    },
  };
  for (const count of [6, 40]) {
    repaired(updated(server, count), server, { random });
    const rows = [...server.rows.values()].slice(count);
    repaired(new ClientSide(rows, server.cursor), server, { random });
    repaired(new ClientSide(rows, 0), server, { random, scope: SCOPE });
  }
});

Deno.test("exchange asks for more rows than fit its requests, some later", () => {
  const text = (mark: string) => (i: number) => JSON.stringify(`${mark}${i}`.repeat(7_000));
  const rows = rowsOf(150, text("s"));
  const server = new ServerSide(rows);
  const client = new ClientSide(rowsOf(150, text("c")), server.cursor);
  const { progress } = repaired(client, server);
  if (progress.requests < 40) throw new Error(`Only ${progress.requests} requests`);
});

Deno.test("exchange takes replies of one round in any order while others write [S10]", () => {
  const text = (mark: string) => (i: number) => JSON.stringify(`${mark}${i}`.repeat(300));
  for (const pick of [() => 0, (count: number) => count - 1, (count: number) => count >> 1]) {
    const server = new ServerSide(rowsOf(3_000, text("s")));
    const other = rowsOf(300, text("c"));
    const client = new ClientSide(rowsOf(3_000, text("s")), server.cursor - 300);
    for (const row of other) client.rows.set(nameOf(row), row);
    client.tree.update(other);
    const exchange = client.exchange({ serverEpoch: "next", serverCursor: server.cursor });
    let turn = 0;
    // Each request sees one more of the rows that are asked for written anew, in both directions.
    const before = () => {
      const id = `i${turn++ * 20 % 300}`;
      server.commit([{ entity: "note", id, json: `${turn}` }, {
        entity: "note",
        id: `i${300 - turn}`,
        json: turn % 2 === 0 ? null : `${turn}`,
      }]);
    };
    const rounds = travel(exchange, server, { before, pick });
    assertEquals(client.apply(exchange.outcome), true);
    assertSameRows(client, server);
    assertEquals(client.cursor, server.cursor);
    if (exchange.progress.requests < 7) throw new Error("The requests were too few to be mixed up");
    assertEquals(rounds, 2);
  }
});

Deno.test("what a later cursor says of a row wins, whenever it comes", () => {
  const server = new ServerSide(rowsOf(3));
  const client = updated(server, 0);
  const rows = new ExchangeRows(client.tree, client.nodes);
  const row = (json: string | null) => ({ entity: "note", id: "i1", json });
  rows.put(row("5"), 5);
  rows.put(row("4"), 4);
  const own = (_: string, id: string) => id === "i1" ? "4" : undefined;
  assertEquals(rows.changes(own), { rows: [{ entity: "note", id: "i1", json: "5" }], gone: [] });
  rows.put(row(null), 5);
  assertEquals(rows.changes(own), { rows: [], gone: [{ entity: "note", id: "i1" }] });
  assertEquals(rows.changes(() => undefined), { rows: [], gone: [] });
  rows.put(row("4"), 6);
  assertEquals(rows.changes(own), { rows: [], gone: [] });
  assertEquals(rows.tree.count, 3);
});

Deno.test("exchange over HTTP follows the epoch of the first reply", () => {
  const server = new ServerSide(rowsOf(300));
  const client = updated(server, 30, server.cursor + 7);
  const { outcome } = repaired(client, server, { scope: SCOPE, epoch: "earlier" });
  assertEquals(outcome?.kind === "repaired" && outcome.epoch, EPOCH);
});

Deno.test("exchange over HTTP that knows nothing of the server is told and probes at once", () => {
  const server = new ServerSide(rowsOf(1_000));
  for (const [written, broken] of [[0, 5], [100, 0], [100, 60]] as const) {
    const client = updated(server, broken);
    server.commit(rowsOf(written, (i) => `${written * broken + i}`).reverse());
    const exchange = client.exchange({ scope: SCOPE });
    const rounds = travel(exchange, server);
    assertEquals(client.apply(exchange.outcome), true);
    assertSameRows(client, server);
    if (rounds > (written > 0 ? 4 : 1)) throw new Error(`${rounds} rounds`);
  }
});

Deno.test("exchange ends as a snapshot when the epoch changes in its midst", () => {
  const server = new ServerSide(rowsOf(300));
  const client = updated(server, 30);
  const exchange = client.exchange({ scope: SCOPE, serverEpoch: EPOCH });
  let requests = exchange.start();
  while (exchange.outcome === undefined) {
    const replies = requests.map((request) => ReconcileReply.decode(server.answer(request)));
    const epoch = exchange.progress.round > 1 ? "next" : "";
    requests = replies.flatMap((reply) =>
      exchange.received(ReconcileReply.encode({ ...reply, epoch }))
    );
  }
  assertEquals(exchange.outcome, { kind: "snapshot" });
});

Deno.test("exchange ends as a snapshot when too much differs", () => {
  const server = new ServerSide(rowsOf(1_000));
  const ends = (client: ClientSide, start: Partial<ExchangeStart> = {}) => {
    const exchange = client.exchange({ serverCursor: server.cursor, ...start });
    const rounds = travel(exchange, server);
    assertEquals(exchange.outcome, { kind: "snapshot" });
    return rounds;
  };
  const { cursor } = server;
  assertEquals(ends(new ClientSide([], cursor)), 1);
  assertEquals(ends(new ClientSide(rowsOf(500), cursor), { serverEpoch: "next" }), 1);
  assertEquals(ends(updated(server, 900)), 1);
  // That it is too much shows only when written rows are told.
  const client = new ClientSide(rowsOf(1_400), cursor);
  server.commit([{ entity: "note", id: "i1", json: "1" }]);
  assertEquals(ends(client), 1);
});

Deno.test("exchange asks for groups at once when the counts say how much differs", () => {
  const server = new ServerSide(rowsOf(1_000));
  const more = rowsOf(100, (i) => `{"mine":${i}}`).map((row) => ({ ...row, entity: "tag" }));
  const client = new ClientSide([...server.rows.values(), ...more], server.cursor);
  server.commit([{ entity: "note", id: "i1", json: "1" }]);
  assertEquals(repaired(client, server).rounds, 2);
});

Deno.test("exchange makes a tree anew that is not of the client's rows [S10]", () => {
  const server = new ServerSide(rowsOf(200));
  for (const isKnown of [true, false]) {
    const client = updated(server, 0);
    // A digest that is of no rows: nothing that the server sends changes it.
    const root = (client.nodes.get(0) as Uint8Array).slice();
    root[8] = (root[8] as number) ^ 1;
    client.nodes.set(0, root);
    const rows = () => client.rows.values();
    const exchange = client.exchange({ serverCursor: server.cursor, ...isKnown && { rows } });
    travel(exchange, server);
    assertEquals(exchange.outcome?.kind, isKnown ? "repaired" : "snapshot");
    if (isKnown) assertEquals(client.apply(exchange.outcome), true);
    assertSameRows(client, server);
  }
});

Deno.test("exchange gives nothing more to send once it has an outcome", () => {
  const server = new ServerSide(rowsOf(10));
  const client = updated(server, 1);
  const exchange = client.exchange();
  const [request] = exchange.start();
  const reply = server.answer(request as Uint8Array);
  assertEquals(exchange.received(reply), []);
  assertEquals(exchange.outcome?.kind, "repaired");
  assertEquals(exchange.received(reply), []);
  assertEquals(exchange.progress.bytesDown, reply.length);
});
