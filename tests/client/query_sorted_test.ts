/** The sorted list below a query, with more rows than a chunk holds, against a plain array. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { compareText } from "../../core/json.ts";
import { type Row, SortedRows } from "../../ui/client/sorted_rows.ts";

type NumberRow = Row<number>;

function compare([idA, a]: NumberRow, [idB, b]: NumberRow): number {
  return a - b || compareText(idA, idB);
}

function row(at: number, value: number): NumberRow {
  return [`r${at}`, value];
}

Deno.test("a list of many rows stays in order as they come, change and go in runs", () => {
  const run = fc.record({
    what: fc.constantFrom("insert", "remove", "replace"),
    start: fc.nat(2_000),
    length: fc.integer({ min: 1, max: 1_200 }),
    shift: fc.integer({ min: -500, max: 500 }),
  });
  fc.assert(
    fc.property(fc.nat(1_500), fc.array(run, { maxLength: 8 }), (loaded, runs) => {
      const list = new SortedRows<number>((a, b) => a - b);
      let rows = Array.from({ length: loaded }, (_, at) => row(at, at * 7 % 1_000)).toReversed();
      list.load(rows);
      rows.sort(compare);
      let made = loaded;
      for (const { what, start, length, shift } of runs) {
        const some = rows.slice(start, start + length);
        if (what === "insert") {
          const fresh = Array.from({ length }, () => row(++made, start + shift + made % 3));
          for (const one of fresh) list.insert(one);
          rows = [...rows, ...fresh].sort(compare);
        } else if (what === "remove") {
          for (const one of some) list.remove(one);
          rows = rows.filter((one) => !some.includes(one));
        } else {
          for (const one of some) {
            const by: NumberRow = [one[0], one[1] + shift];
            const others = rows.filter((other) => other !== one);
            const place = rows.indexOf(one);
            rows = [...others, by].sort(compare);
            assertEquals(list.replace(one, by), rows.indexOf(by) !== place);
            if (some.length > 100) break;
          }
        }
        assertEquals([list.length, list.first(Infinity)], [rows.length, rows]);
        assertEquals(list.first(3), rows.slice(0, 3));
        for (const at of [0, 255, 256, 511, 512, 513, rows.length - 1]) {
          assert(list.at(at) === rows[at], `row ${at}`);
        }
        assert(list.at(rows.length) === undefined && list.at(-1) === undefined);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("a row moves when it goes past another one, at the edges of chunks too", () => {
  for (const count of [1, 2, 256, 257, 512, 600]) {
    const list = new SortedRows<number>((a, b) => a - b);
    list.load(Array.from({ length: count }, (_, at) => row(at, at * 10)));
    for (const at of [0, 255, 256, 511, count - 1].filter((at) => at < count)) {
      const start = list.at(at) as NumberRow;
      const near = row(at, at * 10 + 9);
      assertEquals(list.replace(start, near), false);
      assertEquals(list.at(at), near);
      const far = row(at, at * 10 + 11);
      assertEquals(list.replace(near, far), at < count - 1);
      assertEquals(list.replace(far, start), at < count - 1);
    }
  }
});
