/** The merge of rows: last write wins per field, by stamp, whatever the order of arrival. */
import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { canonicalText, type Json, type JsonObject } from "../../core/json.ts";
import {
  confirmedRow,
  createdRow,
  decodeRow,
  deletedRow,
  encodeStamps,
  isLive,
  makeStamp,
  mergedRow,
  removedRow,
  type RowState,
  type Stamp,
  writtenRow,
} from "../../core/lww.ts";

/** Field names, with those that every object seems to have. */
const FIELDS = ["a", "b", "constructor", "toString", "hasOwnProperty"] as const;

const anyFields = fc.dictionary(fc.constantFrom(...FIELDS), fc.integer({ min: 0, max: 3 }), {
  noNullPrototype: true,
});

type FieldWrite =
  | { readonly kind: "update"; readonly data: JsonObject }
  | { readonly kind: "delete" };

const anyFieldWrite: fc.Arbitrary<FieldWrite> = fc.oneof(
  { weight: 3, arbitrary: anyFields.map((data): FieldWrite => ({ kind: "update", data })) },
  { weight: 1, arbitrary: fc.constant<FieldWrite>({ kind: "delete" }) },
);

interface Stamped {
  readonly stamp: Stamp;
  readonly write: FieldWrite;
}

/** Writes with different stamps, of a few clients, close in time. */
const anyWrites: fc.Arbitrary<readonly Stamped[]> = fc.uniqueArray(
  fc.record({
    stamp: fc.tuple(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom("client-a", "client-b"),
    ).map(([time, seq, client]) => makeStamp(time, seq, client)),
    write: anyFieldWrite,
  }),
  { selector: ({ stamp }) => stamp, maxLength: 8, size: "max" },
);

function applied(row: RowState, { stamp, write }: Stamped): RowState {
  return write.kind === "update" ? mergedRow(row, write.data, stamp) : deletedRow(row, stamp);
}

/** What a reader and a later merge can tell about a row. */
function meaning(row: RowState): string {
  const stamps = Object.keys(row.data).map((field) =>
    [field, Object.hasOwn(row.fields, field) ? row.fields[field] as Stamp : row.base] as const
  );
  return canonicalText([row.data, row.deleted, isLive(row), Object.fromEntries(stamps)]);
}

const start = createdRow(undefined, { a: 9, b: 9 }, makeStamp(0, 1, "author"));

Deno.test("merged field writes and deletions come out the same in every order of arrival [S16]", () => {
  fc.assert(
    fc.property(
      anyWrites.chain((writes) =>
        fc.tuple(
          fc.constant(writes),
          fc.shuffledSubarray([...writes], { minLength: writes.length }),
        )
      ),
      ([writes, shuffled]) => {
        const one = writes.reduce(applied, start);
        const other = shuffled.reduce(applied, start);
        assertStrictEquals(meaning(other), meaning(one));
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("a write that arrives again changes nothing [S16]", () => {
  fc.assert(
    fc.property(anyWrites, fc.nat(), (writes, pick) => {
      const row = writes.reduce(applied, start);
      const again = writes[pick % Math.max(1, writes.length)];
      if (again !== undefined) assertStrictEquals(meaning(applied(row, again)), meaning(row));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("merged writes equal the newest write of each field, and the newest deletion [S16]", () => {
  fc.assert(
    fc.property(anyWrites, (writes) => {
      const row = writes.reduce(applied, start);
      const inTime = [...writes].sort((x, y) => x.stamp < y.stamp ? -1 : 1);
      const expected: Record<string, Json> = { a: 9, b: 9 };
      let deleted = "";
      let newest = start.base;
      for (const { stamp, write } of inTime) {
        if (write.kind === "delete") deleted = stamp;
        else if (Object.keys(write.data).length > 0) {
          Object.assign(expected, write.data);
          newest = stamp;
        }
      }
      assertEquals(row.data, expected);
      // A field write that a newer one hides does not count as alive, so the newest decides.
      assertStrictEquals(isLive(row), newest > deleted);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("an update that is newer than the deletion brings the whole record back", () => {
  const gone = deletedRow(start, makeStamp(5, 1, "x"));
  assertFalse(isLive(gone));
  const late = mergedRow(gone, { a: 1 }, makeStamp(4, 1, "y"));
  assertFalse(isLive(late));
  const back = mergedRow(late, { a: 2 }, makeStamp(6, 1, "y"));
  assert(isLive(back));
  assertEquals(back.data, { a: 2, b: 9 });
});

Deno.test("a deletion that is older than the newest write does not hide the record", () => {
  const row = mergedRow(start, { a: 1 }, makeStamp(5, 1, "x"));
  assert(isLive(deletedRow(row, makeStamp(4, 1, "y"))));
  assertFalse(isLive(deletedRow(row, makeStamp(6, 1, "y"))));
});

Deno.test("a create on a tombstone lives when it is newer than the deletion", () => {
  const gone = deletedRow(start, makeStamp(5, 1, "x"));
  assertFalse(isLive(createdRow(gone, { a: 1 }, makeStamp(4, 1, "y"))));
  const back = createdRow(gone, { a: 1 }, makeStamp(6, 1, "y"));
  assert(isLive(back));
  assertEquals(back.data, { a: 1 });
});

Deno.test("a field update with an older stamp keeps what is newer, field by field", () => {
  const newer = mergedRow(start, { a: 1 }, makeStamp(5, 1, "x"));
  const mixed = mergedRow(newer, { a: 2, b: 2 }, makeStamp(4, 1, "y"));
  assertEquals(mixed.data, { a: 1, b: 2 });
});

Deno.test("an equal stamp is the same write, and keeps what is there", () => {
  const stamp = makeStamp(5, 1, "x");
  const row = mergedRow(start, { a: 1 }, stamp);
  assertStrictEquals(mergedRow(row, { a: 2 }, stamp).data.a, 1);
});

Deno.test("a mutator's record wins over field stamps of the future", () => {
  const future = mergedRow(start, { a: 1 }, makeStamp(100, 1, "x"));
  const written = writtenRow(future, { a: 2, b: 9 }, makeStamp(50, 1, "y"));
  assertEquals(written.data, { a: 2, b: 9 });
  const late = mergedRow(written, { a: 3 }, makeStamp(99, 1, "z"));
  assertStrictEquals(late.data.a, 2);
});

Deno.test("a field that a mutator dropped stays dropped for older writes", () => {
  const written = writtenRow(start, { b: 9 }, makeStamp(50, 1, "y"));
  assertEquals(mergedRow(written, { a: 3 }, makeStamp(49, 1, "z")).data, { b: 9 });
  assertEquals(mergedRow(written, { a: 3 }, makeStamp(51, 1, "z")).data, { a: 3, b: 9 });
});

Deno.test("a mutator's record is alive, also on a tombstone of the future", () => {
  const gone = deletedRow(start, makeStamp(100, 1, "x"));
  const written = writtenRow(gone, { a: 1 }, makeStamp(50, 1, "y"));
  assert(isLive(written));
  assertEquals(written.data, { a: 1 });
  // What was written before the record came back must not reach into it.
  assertEquals(mergedRow(written, { a: 7 }, makeStamp(99, 1, "z")).data, { a: 1 });
});

Deno.test("a mutator's write leaves the stamps of unchanged fields alone", () => {
  const written = writtenRow(start, { a: 1, b: 9 }, makeStamp(50, 1, "y"));
  assertStrictEquals(mergedRow(written, { b: 3 }, makeStamp(20, 1, "z")).data.b, 3);
});

Deno.test("a mutator's deletion hides everything written so far, also from the future", () => {
  const future = mergedRow(start, { a: 1 }, makeStamp(100, 1, "x"));
  const gone = removedRow(future, makeStamp(50, 1, "y"));
  assertFalse(isLive(gone));
  assertFalse(isLive(removedRow(gone, makeStamp(40, 1, "y"))));
  assertFalse(isLive(mergedRow(gone, { b: 1 }, makeStamp(100, 1, "x"))));
  assert(isLive(mergedRow(gone, { b: 1 }, makeStamp(101, 1, "x"))));
});

Deno.test("every local write is newer than a confirmed row", () => {
  const row = confirmedRow({ a: 1, b: 1 });
  const stamp = makeStamp(0, 0, "");
  assert(isLive(row));
  assertEquals(mergedRow(row, { a: 2 }, stamp).data, { a: 2, b: 1 });
  assertFalse(isLive(deletedRow(row, stamp)));
  assertFalse(isLive(removedRow(row, stamp)));
});

Deno.test("a field may be called like a member of Object.prototype", () => {
  const stamp = makeStamp(5, 1, "x");
  const row = mergedRow(start, { constructor: 1, toString: "t" }, stamp);
  assertStrictEquals(canonicalText(row.data), `{"a":9,"b":9,"constructor":1,"toString":"t"}`);
  const older = mergedRow(row, { constructor: 2, valueOf: 3 }, makeStamp(4, 1, "y"));
  assertStrictEquals(older.data.constructor as unknown, 1);
  assertStrictEquals(older.data.valueOf as unknown, 3);
  const written = writtenRow(row, { a: 9, b: 9, constructor: 3, toString: "t" }, stamp);
  assertStrictEquals(written.data.constructor as unknown, 3);
});

Deno.test("stamps sort as text by time, then by number, then by client", () => {
  const anyParts = fc.tuple(
    fc.oneof(fc.nat(40), fc.integer({ min: 0, max: 100_000_000_000_000 })),
    fc.oneof(fc.nat(40), fc.integer({ min: 0, max: 2_000_000_000_000 })),
    fc.constantFrom("", "a", "ab", "b"),
  );
  fc.assert(
    fc.property(anyParts, anyParts, (x, y) => {
      const [a, b] = [makeStamp(...x), makeStamp(...y)];
      const order = x[0] - y[0] || x[1] - y[1] || (x[2] < y[2] ? -1 : Number(x[2] > y[2]));
      assertStrictEquals(a < b ? -1 : Number(a > b), Math.sign(order));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("a stamp before 1970 counts as 1970", () => {
  assertStrictEquals(makeStamp(-5, 1, "x"), makeStamp(0, 1, "x"));
});

Deno.test("encoded stamps decode to the same row", () => {
  fc.assert(
    fc.property(anyWrites, (writes) => {
      const row = writes.reduce(applied, start);
      assertEquals(decodeRow(row.data, encodeStamps(row)), row);
    }),
    { numRuns: 500 },
  );
});

Deno.test("the stamps of a row that was written once are that one stamp", () => {
  assertStrictEquals(encodeStamps(start), start.base);
  assert(encodeStamps(deletedRow(start, makeStamp(1, 1, "x"))).startsWith("["));
});
