/** What an exchange sends, in small: rows, wants, groups, nodes, numbers; and what no such bytes are. */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { utf8Length } from "../../core/json.ts";
import { readDrill, writeDrill } from "../../core/reconcile/drilling.ts";
import { readWants, writeWants } from "../../core/reconcile/elements.ts";
import {
  bitsFor,
  bytesOfGroups,
  checkGroups,
  checkSketch,
  groupsThatFit,
  halvings,
  isTooMuch,
  packGroups,
  unpackGroups,
} from "../../core/reconcile/group_sketches.ts";
import {
  DRILL_NODES_MAX,
  DRILL_TAGS_MAX,
  GROUPS_MAX,
  HALVINGS_MAX,
  SMALL_ROWS_MAX,
  SNAPSHOT_SHARE,
  WANTS_MAX,
} from "../../core/reconcile/reconcile_limits.ts";
import { NODES_MAX } from "../../core/reconcile/node_bytes.ts";
import { readable } from "../../core/reconcile/readable.ts";
import { RowPacker, unpackRows } from "../../core/reconcile/row_packing.ts";
import { readVarints, VarintReader, writeVarints } from "../../core/reconcile/varints.ts";
import { GroupSketches, Rows } from "../../core/wire/reconcile_gen.ts";
import { DriftlessError } from "../../core/errors.ts";

const anyRow = fc.record({
  entity: fc.constantFrom("note", "tag", "größe"),
  id: fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  json: fc.option(fc.json(), { nil: null }),
});

const WORDS = 32;

function sketch(...words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(WORDS * 8);
  words.forEach((word, index) => new DataView(bytes.buffer).setBigUint64(index * 8, word, true));
  return bytes;
}

Deno.test("numbers are read as they were written", () => {
  fc.assert(fc.property(fc.array(fc.maxSafeNat()), (numbers) => {
    assertEquals(readVarints(writeVarints(numbers)), numbers);
  }));
  const largest = [Number.MAX_SAFE_INTEGER];
  assertEquals(readVarints(writeVarints(largest)), largest);
});

Deno.test("numbers that do not end, or are too large, are refused", () => {
  const above = Uint8Array.of(128, 128, 128, 128, 128, 128, 128, 16);
  const many = new Uint8Array(11).fill(128);
  for (const bytes of [Uint8Array.of(128), many, above]) {
    assertThrows(() => readVarints(bytes), TypeError, "does not end");
  }
  assertThrows(() => new VarintReader(Uint8Array.of(1, 2)).fixed(3), TypeError, "missing");
});

Deno.test("rows come out of a message as they went in, entity by entity", () => {
  fc.assert(fc.property(fc.array(anyRow, { maxLength: 40 }), (rows) => {
    const packer = new RowPacker(64 * 1024);
    for (const row of rows) packer.add(row);
    assertEquals(packer.count, rows.length);
    const message = packer.rows();
    const unpacked = message === undefined ? [] : unpackRows(Rows.decode(Rows.encode(message)));
    const entities = [...new Set(rows.map(({ entity }) => entity))];
    const expected = entities.flatMap((name) => rows.filter(({ entity }) => entity === name));
    assertEquals(unpacked, expected);
  }));
});

Deno.test("rows fit a message up to its bytes and never beyond", () => {
  fc.assert(fc.property(fc.array(anyRow), fc.nat(1_000), (rows, room) => {
    const packer = new RowPacker(room);
    const taken = rows.filter((row) => packer.add(row));
    const message = packer.rows();
    const size = message === undefined ? 0 : Rows.encode(message).length;
    // What every message has: the numbers and lengths of its own fields.
    if (size > room + 16) throw new Error(`${size} bytes of ${room}`);
    assertEquals(packer.count, taken.length);
    assertEquals(packer.reserve(packer.room + 1), false);
    assertEquals(packer.reserve(packer.room), true);
    assertEquals(packer.room, 0);
  }));
  const row = { entity: "note", id: "ä", json: `{"a":"ö"}` };
  const bytes = 4 + 8 + utf8Length(row.id) + utf8Length(row.json) + 8;
  assertEquals(
    [bytes - 1, bytes, bytes + 1].map((room) => new RowPacker(room).add(row)),
    [false, true, true],
  );
});

Deno.test("equal lengths at the end of rows take no bytes", () => {
  const packer = new RowPacker(10_000);
  for (let i = 0; i < 100; i++) packer.add({ entity: "note", id: `i${100 + i}`, json: "{}" });
  const rows = packer.rows() as Rows;
  assertEquals([rows.ids, rows.records].map((bytes) => [...bytes]), [[4], [2]]);
  assertEquals(unpackRows(rows).length, 100);
});

Deno.test("rows whose parts do not fit each other are refused", () => {
  const good: Rows = {
    entities: ["note"],
    runs: writeVarints([1]),
    ids: writeVarints([2]),
    records: writeVarints([2]),
    text: "i1{}",
  };
  assertEquals(unpackRows(good), [{ entity: "note", id: "i1", json: "{}" }]);
  const bad: readonly [Partial<Rows>, string][] = [
    [{ runs: writeVarints([]) }, "one run"],
    [{ entities: ["note", "tag"] }, "one run"],
    [{ runs: writeVarints([2]) }, "too short"],
    [{ runs: writeVarints([2 ** 50]) }, "too short"],
    [{ ids: writeVarints([]) }, "empty"],
    [{ ids: writeVarints([0]), text: "" }, "empty"],
    [{ records: writeVarints([3]) }, "too short"],
    [{ records: writeVarints([1]) }, "too long"],
  ];
  for (const [part, reason] of bad) {
    assertThrows(() => unpackRows({ ...good, ...part }), TypeError, reason);
  }
});

Deno.test("wants are read as they were written, by prefix", () => {
  const anyWant = fc.record({ prefix: fc.nat(2 ** 21 - 1), tag: fc.nat(2 ** 24 - 1) });
  fc.assert(fc.property(fc.array(anyWant), (wants) => {
    const read = readWants(writeWants(wants));
    const expected = new Map<number, Set<number>>();
    for (const { prefix, tag } of wants.toSorted((a, b) => a.prefix - b.prefix)) {
      expected.set(prefix, (expected.get(prefix) ?? new Set()).add(tag));
    }
    assertEquals(read, expected);
    assertEquals([...read.keys()], [...expected.keys()]);
  }));
});

Deno.test("wants are taken up to their number and to the last prefix", () => {
  const wants = (count: number) =>
    Array.from({ length: count }, (_, prefix) => ({ prefix, tag: 1 }));
  for (const count of [WANTS_MAX - 1, WANTS_MAX]) {
    assertEquals(readWants(writeWants(wants(count))).size, count);
  }
  assertThrows(() => readWants(writeWants(wants(WANTS_MAX + 1))), RangeError, `${WANTS_MAX}`);
  const last = 2 ** 21 - 1;
  for (const prefix of [last - 1, last]) {
    assertEquals([...readWants(writeWants([{ prefix, tag: 0 }])).keys()], [prefix]);
  }
  const above = writeWants([{ prefix: last + 1, tag: 0 }]);
  assertThrows(() => readWants(above), TypeError, "too large");
  assertThrows(() => readWants(Uint8Array.of(1, 2)), TypeError, "missing");
});

Deno.test("groups are so many that each has few enough differences", () => {
  assertEquals([0, 1, 15.7, 15.8, 31.4, 31.5, 2000].map(bitsFor), [0, 0, 0, 1, 1, 2, 7]);
  assertEquals(bitsFor(2 ** 40), 20);
  const most = 1000 * 1 / SNAPSHOT_SHARE;
  assertEquals([most - 1, most, most + 1].map((e) => isTooMuch(e, 1000)), [false, false, true]);
  assertEquals(
    [SMALL_ROWS_MAX - 1, SMALL_ROWS_MAX, SMALL_ROWS_MAX + 1].map((rows) => isTooMuch(rows, rows)),
    [false, false, true],
  );
});

Deno.test("halvings cover every key once, and stay within their depth", () => {
  for (const rows of [0, 1, 8, 9, 64, 1_000, 65_536, 2 ** 30]) {
    const groups = halvings(rows);
    let end = 0;
    for (const { bits, from, count } of groups) {
      assertEquals(from / 2 ** bits, end);
      end = (from + count) / 2 ** bits;
    }
    assertEquals(end, 1);
    const deepest = groups[0]?.bits as number;
    if (deepest > HALVINGS_MAX || deepest < 1) throw new Error(`${deepest} bits for ${rows} rows`);
  }
  const depths = [2 ** 14, 2 ** 15, 2 ** 16].map((rows) => halvings(rows)[0]?.bits);
  assertEquals(depths, [HALVINGS_MAX - 1, HALVINGS_MAX, HALVINGS_MAX]);
});

Deno.test("groups are asked for up to their number, within their bits", () => {
  const asked =
    (...groups: readonly (readonly [bits: number, from: number, count: number])[]) => () =>
      checkGroups(groups.map(([bits, from, count]) => ({ bits, from, count })));
  asked([0, 0, 1], [20, 2 ** 20 - 1, 1], [5, 31, 1])();
  for (const wrong of [asked([21, 0, 1]), asked([5, 0, 0]), asked([5, 31, 2]), asked([5, 32, 1])]) {
    assertThrows(wrong, TypeError, "Cannot read the groups");
  }
  asked([13, 0, GROUPS_MAX - 1])();
  asked([13, 0, GROUPS_MAX - 1], [13, 8000, 1])();
  assertThrows(asked([13, 0, GROUPS_MAX + 1]), RangeError, `${GROUPS_MAX}`);
  assertThrows(asked([13, 0, GROUPS_MAX], [13, 8000, 1]), RangeError, `${GROUPS_MAX}`);
});

Deno.test("a sketch has whole words below the modulus", () => {
  const p = 2n ** 61n - 1n;
  checkSketch(new Uint8Array());
  checkSketch(sketch(0n, p - 1n, p - 256n, 0x1f00000000000000n));
  for (const word of [p, p + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    assertThrows(() => checkSketch(sketch(1n, word)), TypeError, "not below");
  }
  assertThrows(() => checkSketch(new Uint8Array(9)), TypeError, "not whole");
});

Deno.test("groups come out of a reply as they went in", () => {
  const groups = { counts: [0, 300], sketches: [sketch(), sketch(1n, 2n)] };
  const message = packGroups(3, 6, groups);
  assertEquals(unpackGroups(message), groups);
  const size = GroupSketches.encode(message).length;
  if (size > bytesOfGroups(2, 300)) throw new Error(`${size} bytes`);
  const wrong: readonly [Partial<GroupSketches>, string][] = [
    [{ from: 7 }, "2 from 7"],
    [{ counts: Uint8Array.of() }, "0 from 6"],
    [{ counts: Uint8Array.of(1) }, "one sketch for each"],
    [{ sketches: new Uint8Array(512).fill(255) }, "not below"],
  ];
  for (const [part, reason] of wrong) {
    assertThrows(() => unpackGroups({ ...message, ...part }), TypeError, reason);
  }
});

Deno.test("as many groups fit as have room", () => {
  const room = bytesOfGroups(3, 1_000);
  assertEquals([room - 1, room, room + 1].map((bytes) => groupsThatFit(bytes, 1_000)), [2, 3, 3]);
  assertEquals(groupsThatFit(0, 1_000), 0);
});

Deno.test("nodes to drill into are read as they were written", () => {
  const salt = new Uint8Array(16);
  const tags = Uint8Array.from({ length: 16 }, (_, index) => index);
  const nodes = [{ node: NODES_MAX - 1 }, { node: 0 }, { node: 33, tags }, {
    node: 40,
    tags: new Uint8Array(),
  }];
  const read = readDrill(writeDrill(salt, nodes));
  assertEquals(read, nodes.toSorted((a, b) => a.node - b.node));
});

Deno.test("nodes and tags are taken up to their numbers", () => {
  const salt = new Uint8Array(16);
  const drill = (count: number) =>
    writeDrill(salt, Array.from({ length: count }, (_, node) => ({ node })));
  for (const count of [DRILL_NODES_MAX - 1, DRILL_NODES_MAX]) {
    assertEquals(readDrill(drill(count)).length, count);
  }
  assertThrows(() => readDrill(drill(DRILL_NODES_MAX + 1)), RangeError, `${DRILL_NODES_MAX}`);
  const tagged = (count: number) =>
    writeDrill(salt, [{ node: 1, tags: new Uint8Array(count * 8) }]);
  for (const count of [DRILL_TAGS_MAX - 1, DRILL_TAGS_MAX]) {
    assertEquals(readDrill(tagged(count))[0]?.tags?.length, count * 8);
  }
  assertThrows(() => readDrill(tagged(DRILL_TAGS_MAX + 1)), RangeError, `${DRILL_TAGS_MAX}`);
});

Deno.test("a drill whose parts do not fit each other is refused", () => {
  const good = writeDrill(new Uint8Array(16), [{ node: 1, tags: new Uint8Array(8) }]);
  const wrong: readonly [Partial<typeof good>, string][] = [
    [{ salt: new Uint8Array(15) }, "salt"],
    [{ salt: new Uint8Array(17) }, "salt"],
    [{ nodes: writeVarints([1]) }, "no count"],
    [{ nodes: writeVarints([NODES_MAX, 2]) }, "no such node"],
    [{ nodes: writeVarints([1, 2, 0, 0]) }, "no such node"],
    [{ nodes: writeVarints([1, 3]) }, "missing"],
    [{ nodes: writeVarints([1, 1]) }, "of no node"],
    [{ tags: new Uint8Array(9) }, "of no node"],
  ];
  for (const [part, reason] of wrong) {
    assertThrows(() => readDrill({ ...good, ...part }), TypeError, reason);
  }
});

Deno.test("what cannot be read has a code, and other errors stay what they are", () => {
  const codeOf = (error: Error) => {
    const thrown = assertThrows(() =>
      readable(() => {
        throw error;
      })
    );
    return thrown instanceof DriftlessError ? thrown.code : thrown;
  };
  assertEquals(codeOf(new TypeError("Cannot read")), "malformed");
  assertEquals(codeOf(new RangeError("too many")), "too_large");
  const other = new Error("broken");
  assertEquals(codeOf(other), other);
});
