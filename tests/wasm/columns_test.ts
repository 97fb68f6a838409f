/** Columns as programs use them: their arena, their limits, their errors, and what they compute. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ARENA_BYTES_LIMIT, ARENA_BYTES_MAX, ColumnArena } from "../../wasm/column_arena.ts";
import { type Column, ColumnError, openColumns } from "../../wasm/columns.ts";
import { Prng } from "../sim/prng.ts";
import { codeOf, listOf, OWN_BYTES } from "./column_rig.ts";

const PAGE_BYTES = 64 * 1024;

Deno.test("a column computes over all of its numbers, in place or into another one", () => {
  const columns = openColumns();
  const x = columns.f64([1, 2, 3, 4, 5]);
  const y = columns.f64([10, 20, 30, 40, 50]);
  const to = columns.f64(5);
  assertEquals([columns.kind, columns.count], ["simd", 3]);
  assertEquals([x.sum(), x.dot(y), x.weightedSum(y)], [15, 550, 550]);
  assertEquals(x.minmax(), { min: 1, max: 5 });
  const all = { count: 5, sum: 15, min: 1, max: 5, mean: 3, variance: 2 };
  assertEquals(x.stats(), all);
  assertEquals([x.correlation(y), x.correlation(y.scale(-1, to))], [1, -1]);
  assertStrictEquals(y.sub(x, to), to);
  assertEquals(listOf(to), [9, 18, 27, 36, 45]);
  assertEquals(listOf(x.mul(y, to)), [10, 40, 90, 160, 250]);
  assertEquals(listOf(x.add(y, to)), [11, 22, 33, 44, 55]);
  assertEquals(listOf(y.clamp(15, 40, to)), [15, 20, 30, 40, 40]);
  assertEquals(listOf(x.mapLinear(2, 10, to)), [12, 14, 16, 18, 20]);
  assertEquals(listOf(x.normalize(to)), [0, 0.25, 0.5, 0.75, 1]);
  assertEquals(listOf(x), [1, 2, 3, 4, 5]);
  assertStrictEquals(x.scale(3), x);
  assertEquals(listOf(x), [3, 6, 9, 12, 15]);
  assertEquals(listOf(x.add(x)), [6, 12, 18, 24, 30]);
});

Deno.test("get, set and write reach every number of a column, and none beside it", () => {
  const columns = openColumns();
  const [before, column, after] = [columns.f64([7]), columns.f64(3), columns.f64([7])];
  column.write([1, 2, 3]);
  column.write(new Float32Array([9]), 2);
  column.set(0, 0.5);
  assertEquals([column.get(0), column.get(1), column.get(2)], [0.5, 2, 9]);
  for (const index of [-1, 3, 0.5, NaN]) {
    assertThrows(() => column.get(index), RangeError, `Cannot read number ${index}`);
    assertThrows(() => column.set(index, 1), RangeError, `Cannot write number ${index}`);
  }
  for (
    const [values, at] of [[[1, 2, 3, 4], 0], [[1], 3], [[], 4], [[1], -1], [[1], 0.5]] as const
  ) {
    assertThrows(() => column.write(values, at), RangeError, `Cannot write ${values.length} num`);
  }
  column.write([], 3);
  assertEquals([before.get(0), after.get(0)], [7, 7]);
});

Deno.test("columns refuse each other when lengths, arenas or kinds differ", () => {
  const columns = openColumns();
  const x = columns.f64([1, 2]);
  const longer = columns.f64([1, 2, 3]);
  const foreign = openColumns().f64([1, 2]);
  const integers = columns.i32([1, 2]) as unknown as Column;
  const gone = columns.f64([1, 2]);
  gone.free();
  const uses: readonly ((other: Column) => unknown)[] = [
    (other) => x.dot(other),
    (other) => x.weightedSum(other),
    (other) => x.correlation(other),
    (other) => x.add(other),
    (other) => x.sub(other),
    (other) => x.mul(other),
    (other) => x.add(x, other),
    (other) => x.sub(x, other),
    (other) => x.mul(x, other),
    (other) => x.scale(2, other),
    (other) => x.mapLinear(2, 1, other),
    (other) => x.clamp(0, 1, other),
    (other) => x.normalize(other),
  ];
  for (const use of uses) {
    assertEquals(codeOf(() => use(longer)), "length_mismatch");
    assertEquals(codeOf(() => use(foreign)), "other_arena");
    assertEquals(codeOf(() => use(gone)), "released");
    for (const other of [integers, [1, 2], undefined] as unknown as readonly Column[]) {
      if (other === undefined && use.length === 1) continue;
      assertThrows(() => use(other), TypeError, "it is not one of floating-point numbers");
    }
  }
  assertEquals(listOf(x), [1, 2]);
  assertThrows(
    () => x.dot(longer),
    ColumnError,
    "Cannot use two columns: one has 2 numbers, the other 3",
  );
});

Deno.test("a released column refuses everything but to be released again", () => {
  const columns = openColumns();
  const column = columns.f64([1]);
  const integers = columns.i32([1]);
  column.free();
  integers[Symbol.dispose]();
  assertEquals([column.isReleased, integers.isReleased, columns.count], [true, true, 0]);
  const uses = [
    () => column.values,
    () => column.get(0),
    () => column.set(0, 1),
    () => column.write([1]),
    () => column.sum(),
    () => column.minmax(),
    () => column.stats(),
    () => column.dot(column),
    () => column.scale(2),
    () => integers.values,
    () => integers.sum(),
    () => integers.exactSum(),
  ];
  for (const use of uses) assertEquals(codeOf(use), "released");
  column.free();
  {
    using short = columns.f64([2]);
    assertEquals([short.sum(), columns.count], [2, 1]);
  }
  assertEquals(columns.count, 0);
});

Deno.test("views are seen anew after the memory has grown, and stale ones are refused", () => {
  const columns = openColumns();
  const first = columns.f64([1, 2, 3]);
  const stale = first.values;
  assertStrictEquals(first.values, stale);
  const many = columns.f64(1_000_000);
  assertEquals([stale.length, first.values.length], [0, 3]);
  assertEquals([listOf(first), first.sum(), first.minmax().max], [[1, 2, 3], 6, 3]);
  assertEquals(codeOf(() => columns.f64(stale)), "detached");
  assertEquals(codeOf(() => columns.i32(stale)), "detached");
  assertEquals(codeOf(() => first.write(stale)), "detached");
  assertEquals([columns.count, many.sum()], [2, 0]);
  // A view of the very memory that grows for its copy.
  const bytes = columns.memoryBytes;
  let copy = many;
  while (columns.memoryBytes === bytes) copy = columns.f64(first.values);
  assertEquals(listOf(copy), [1, 2, 3]);
});

Deno.test("an arena takes as many bytes as it may, and not one number more", () => {
  for (const bytesMax of [PAGE_BYTES, 3 * PAGE_BYTES, 3 * PAGE_BYTES + 8]) {
    for (const more of [-1, 0, 1]) {
      const columns = openColumns({ bytesMax });
      const length = (bytesMax - OWN_BYTES) / 8 + more;
      const code = codeOf(() => columns.f64(length));
      assertEquals(code, more > 0 ? "out_of_memory" : "none", `${bytesMax} ${more}`);
      assertEquals(columns.count, more > 0 ? 0 : 1);
    }
  }
  assertEquals(codeOf(() => openColumns({ bytesMax: OWN_BYTES }).f64(0)), "none");
  assertEquals(codeOf(() => openColumns({ bytesMax: OWN_BYTES + 7 }).f64(1)), "out_of_memory");
  for (const bytesMax of [OWN_BYTES - 1, ARENA_BYTES_LIMIT + 1, 100.5, NaN]) {
    assertThrows(() => openColumns({ bytesMax }), RangeError, `Cannot open columns of ${bytesMax}`);
  }
  for (const length of [-1, 1.5, NaN, Infinity]) {
    assertThrows(() => openColumns().f64(length), RangeError, `Cannot make a column of ${length}`);
  }
  const { bytesMax } = new ColumnArena(ARENA_BYTES_MAX);
  assertEquals([bytesMax, openColumns({ bytesMax: ARENA_BYTES_LIMIT }).count], [
    ARENA_BYTES_MAX,
    0,
  ]);
  assertEquals(codeOf(() => openColumns().f64(ARENA_BYTES_MAX / 8)), "out_of_memory");
});

Deno.test("a column that does not fit leaves the others as they are", () => {
  const columns = openColumns({ bytesMax: PAGE_BYTES });
  const column = columns.f64([1, 2]);
  const view = column.values;
  assertEquals(codeOf(() => columns.f64(PAGE_BYTES)), "out_of_memory");
  assertStrictEquals(column.values, view);
  assertEquals([column.sum(), columns.count, columns.f64([5]).sum()], [3, 1, 5]);
});

Deno.test("a column of what are no numbers is not made", () => {
  const columns = openColumns();
  assertThrows(() => columns.f64([1n, 2n] as unknown as number[]), TypeError);
  assertThrows(() => columns.i32([Symbol("one")] as unknown as number[]), TypeError);
  assertEquals(columns.count, 0);
});

Deno.test("restore releases what was made since, and a mark serves once", () => {
  const columns = openColumns();
  const kept = columns.f64([1]);
  const outer = columns.save();
  const first = columns.f64([2]);
  const inner = columns.save();
  const second = columns.i32([3]);
  columns.restore(inner);
  assertEquals([kept, first, second].map((it) => it.isReleased), [false, false, true]);
  assertEquals(codeOf(() => columns.restore(inner)), "stale_mark");
  const [unused, third] = [columns.save(), columns.f64([4])];
  columns.restore(outer);
  assertEquals([kept, first, third].map((it) => it.isReleased), [false, true, true]);
  assertEquals(codeOf(() => columns.restore(unused)), "stale_mark");
  assertEquals(codeOf(() => columns.restore(openColumns().save())), "stale_mark");
  const last = columns.save();
  columns.reset();
  assertEquals([kept.isReleased, columns.count], [true, 0]);
  assertEquals(codeOf(() => columns.restore(last)), "stale_mark");
});

Deno.test("memory is used again, whatever the order in which columns come and go", () => {
  const prng = new Prng(7);
  const columns = openColumns({ bytesMax: 4 * 1024 * 1024 });
  const live: { column: Column; seed: number }[] = [];
  for (let round = 0; round < 20_000; round++) {
    if (live.length > 0 && prng.chance(live.length > 40 ? 0.8 : 0.45)) {
      const [{ column, seed }] = live.splice(prng.between(0, live.length - 1), 1) as [
        (typeof live)[number],
      ];
      // Whoever else had its memory would have changed it.
      assertEquals(column.minmax(), column.length ? { min: seed, max: seed } : column.minmax());
      column.free();
    } else {
      const column = columns.f64(prng.chance(0.3) ? prng.between(0, 8_000) : prng.between(0, 50));
      assertEquals(column.sum(), 0);
      column.values.fill(round);
      live.push({ column, seed: round });
    }
  }
  for (const { column, seed } of live) assertEquals(column.sum(), seed * column.length);
  columns.reset();
  // All of it is there in one piece.
  assertEquals(codeOf(() => columns.f64((4 * 1024 * 1024 - OWN_BYTES) / 8)), "none");
});

Deno.test("columns begin at multiples of 16 bytes, and large ones not alike within a page", () => {
  for (const length of [1, 3, 512, 1_000, 1_024, 65_536]) {
    const columns = openColumns();
    const starts = [1, 2, 3].map(() => columns.f64(length)).map((it) => it.values.byteOffset);
    assert(starts.every((at) => at % 16 === 0), `${length}: ${starts}`);
    const places = starts.map((at) => at % 4_096).sort((a, b) => a - b) as [number, number, number];
    const apart = Math.min(places[1] - places[0], places[2] - places[1]);
    assert(length < 512 || apart >= 1_024, `${length}: ${places}`);
  }
});
