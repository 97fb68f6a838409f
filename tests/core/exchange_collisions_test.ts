/** Records whose elements collide: no sketch shows that they differ, and the exchange finds them still. */
import { assertEquals } from "@std/assert";
import { utf8Length } from "../../core/json.ts";
import type { Kernel } from "../../core/ports.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import { unpackRows } from "../../core/reconcile/row_packing.ts";
import { ReconcileReply } from "../../core/wire/reconcile_gen.ts";
import { Prng } from "../sim/prng.ts";
import {
  assertSameRows,
  ClientSide,
  kernel,
  nameOf,
  SCOPE,
  ServerSide,
  travel,
} from "./exchange_rig.ts";

/** As in a tree of a million rows: leaves at level 3. */
const ROWS = 33_000;
const ROUNDS_MAX = 5;
const META_BYTES_MAX = 2_500;
/** The 5 bytes of a record's digest that its element has. */
const ELEMENT_DIGEST_BYTES = 5;

const text = new TextDecoder();

function keyOf(purpose: string): Uint8Array {
  return kernel.deriveKey(`driftless reconcile 1 ${purpose}`, new TextEncoder().encode(SCOPE));
}

/**
 * A kernel under which records that say "hidden" differ in no element, rows with "twin" in their id share
 * a prefix, and all rows are below the first child of the root: one level more for so many rows.
 */
function colliding(): Kernel {
  const [recordKey, rowKey] = [keyOf("record"), keyOf("key")].map(String);
  return {
    deriveKey: kernel.deriveKey,
    addElements: kernel.addElements,
    addSketch: kernel.addSketch,
    decode: kernel.decode,
    hashAll(messages, ends, key) {
      const digests = kernel.hashAll(messages, ends, key);
      const name = String(key);
      if (name !== recordKey && name !== rowKey) return digests;
      ends.forEach((end, index) => {
        const message = text.decode(messages.subarray(ends[index - 1] ?? 0, end));
        const digest = digests.subarray(index * 32, index * 32 + 32);
        if (name === rowKey) digest[0] = (digest[0] as number) & 7;
        if (name === rowKey && message.includes("twin")) digest.fill(1, 0, 3);
        if (name === recordKey && message.includes("hidden")) {
          digest.fill(7, 0, ELEMENT_DIGEST_BYTES);
        }
      });
      return digests;
    },
  };
}

function* someRows(count: number): IterableIterator<RowChange> {
  for (let i = 0; i < count; i++) yield { entity: "note", id: `i${i}`, json: `{"value":${i}}` };
}

function hidden(id: string, value: number): RowChange {
  return { entity: "note", id, json: `{"hidden":${value}}` };
}

interface Repair {
  readonly rounds: number;
  /** All bytes but the ids and records that came. */
  readonly meta: number;
}

/** Runs an exchange of a client that has these rows otherwise, and checks what comes of it. */
function repaired(
  server: ServerSide,
  by: Kernel,
  otherwise: readonly RowChange[],
  lacking: readonly RowChange[] = [],
): Repair {
  const rows = new Map(server.rows);
  for (const row of otherwise) rows.set(nameOf(row), row);
  for (const row of lacking) rows.delete(nameOf(row));
  const client = new ClientSide(rows.values(), server.cursor, by);
  const exchange = client.exchange({ serverCursor: server.cursor, random: new Prng(3) });
  let delivered = 0;
  const answer = server.answer.bind(server);
  server.answer = (request) => {
    const reply = answer(request);
    const { rows } = ReconcileReply.decode(reply);
    for (const { id, json } of rows ? unpackRows(rows) : []) {
      delivered += utf8Length(id) + utf8Length(json ?? "");
    }
    return reply;
  };
  const rounds = travel(exchange, server);
  server.answer = answer;
  if (!client.apply(exchange.outcome)) throw new Error("The exchange ended as a snapshot");
  assertSameRows(client, server);
  const { bytesUp, bytesDown } = exchange.progress;
  return { rounds, meta: bytesUp + bytesDown - delivered };
}

Deno.test("exchange finds a hidden update level by level, in few rounds and bytes [S10]", () => {
  const by = colliding();
  const server = new ServerSide(someRows(ROWS), by);
  server.commit([hidden("i7", 1)]);
  const { rounds, meta } = repaired(server, by, [hidden("i7", 2)]);
  assertEquals(rounds, ROUNDS_MAX);
  if (meta > META_BYTES_MAX) throw new Error(`${meta} bytes for one hidden record`);
});

Deno.test("exchange finds many hidden updates in as many rounds as one", () => {
  const by = colliding();
  const server = new ServerSide(someRows(ROWS), by);
  const ids = Array.from({ length: 40 }, (_, index) => `i${index * 800}`);
  server.commit(ids.map((id) => hidden(id, 1)));
  const { rounds, meta } = repaired(server, by, ids.map((id) => hidden(id, 2)));
  assertEquals(rounds, ROUNDS_MAX);
  if (meta > META_BYTES_MAX * ids.length) throw new Error(`${meta} bytes for ${ids.length}`);
});

Deno.test("exchange finds rows that share an element, on either side [S10]", () => {
  const by = colliding();
  const twins = ["twin-1", "twin-2", "twin-3"].map((id) => hidden(id, 1));
  for (const count of [10, 2_000]) {
    const server = new ServerSide(someRows(count), by);
    // Where so few rows do not decode, smaller groups would not either.
    const { rounds } = repaired(server, by, twins);
    if (rounds > (count === 10 ? 6 : 10)) throw new Error(`${rounds} rounds for ${count} rows`);
    repaired(server, by, twins.slice(1));
    server.commit(twins);
    repaired(server, by, [], twins);
    repaired(server, by, [], twins.slice(1));
    repaired(server, by, [], twins.slice(2));
    repaired(server, by, twins.map(({ id }) => hidden(id, 2)));
    repaired(server, by, [hidden("twin-4", 1)], twins.slice(2));
  }
});

Deno.test("exchange finds hidden rows beside others that sketches show [S10]", () => {
  const by = colliding();
  const server = new ServerSide(someRows(3_000), by);
  server.commit([hidden("i1", 1), hidden("i2", 1), hidden("twin-1", 1)]);
  const shown = [...someRows(400)].slice(50).map((row) => ({ ...row, json: `{"value":-1}` }));
  repaired(server, by, [...shown, hidden("i1", 2), hidden("twin-2", 5)], [hidden("i2", 1)]);
});

Deno.test("exchange drills where one side has a leaf and the other one many rows", () => {
  const by = colliding();
  // All of one prefix, so that all of them are below one node of any level.
  const many = Array.from({ length: 70 }, (_, index) => hidden(`twin-${index}`, 1));
  const server = new ServerSide(someRows(300), by);
  repaired(server, by, many);
  server.commit(many.slice(0, 60));
  repaired(server, by, many);
  server.commit(many);
  repaired(server, by, [], many);
  repaired(server, by, [], many.slice(30));
  repaired(server, by, many.map(({ id }) => hidden(id, 2)));
});

Deno.test("exchange finds hidden rows while others are written [S10]", () => {
  const by = colliding();
  for (let seed = 0; seed < 20; seed++) {
    const prng = new Prng(seed);
    const server = new ServerSide(someRows(200), by);
    server.commit([hidden("i1", 1), hidden("i2", 1), hidden("twin-1", 1)]);
    const rows = new Map(server.rows);
    for (const row of [hidden("i1", 2), hidden("i2", 2), hidden("twin-2", 2)]) {
      rows.set(nameOf(row), row);
    }
    const client = new ClientSide(rows.values(), server.cursor, by);
    const exchange = client.exchange({ serverCursor: server.cursor });
    const write = () => {
      const id = `i${10 + prng.next() % 100}`;
      server.commit([{
        entity: "note",
        id,
        json: prng.next() % 3 === 0 ? null : `${prng.next()}`,
      }]);
    };
    travel(exchange, server, { before: write });
    assertEquals(client.apply(exchange.outcome), true);
    assertSameRows(client, server);
  }
});
