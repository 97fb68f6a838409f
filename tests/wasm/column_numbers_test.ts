/** What columns compute: how good it is, and what becomes of NaN, infinities and extremes. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Column, type Columns, openColumns } from "../../wasm/columns.ts";
import { Prng } from "../sim/prng.ts";
import { codeOf, listOf, OWN_BYTES } from "./column_rig.ts";

/** A column of these numbers in an arena of its own. */
function columnOf(...values: number[]): Column {
  return openColumns().f64(values);
}

Deno.test("G13: the variance of values far from zero is that of their distances", () => {
  const far = columnOf(1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16);
  assertEquals(far.stats().variance, 22.5);
  const prng = new Prng(13);
  for (const offset of [0, 1, 1e3, 1e6, 1e9, 1e12]) {
    const steps = Array.from({ length: 10_000 }, () => prng.between(0, 100));
    const n = BigInt(steps.length);
    const sum = steps.reduce((all, it) => all + BigInt(it), 0n);
    const squares = steps.reduce((all, it) => all + BigInt(it * it), 0n);
    const exact = Number(n * squares - sum * sum) / steps.length ** 2;
    const { variance } = columnOf(...steps.map((it) => it + offset)).stats();
    assert(Math.abs(variance / exact - 1) < 1e-9, `${variance} around ${offset}, not ${exact}`);
  }
});

Deno.test("the correlation of numbers whose squares are none is that of smaller ones", () => {
  const [x, y] = [[1, 2, 3, 5, 9], [2, 1, 3, 4, 7]];
  const few = openColumns();
  const wanted = few.f64(x).correlation(few.f64(y));
  const exponents = [...Array.from({ length: 42 }, (_, at) => at * 25 - 1_050), 1_020];
  for (const one of exponents) {
    for (const other of [one, 0, -1_050, 1_020]) {
      const columns = openColumns();
      const large = columns.f64(x.map((it) => it * 2 ** (one - one % 2) * 2 ** (one % 2)));
      const beside = columns.f64(y.map((it) => it * 2 ** other));
      const found = large.correlation(beside);
      assert(Math.abs(found - wanted) < 1e-12, `${found} with 2^${one} and 2^${other}`);
      assertEquals([columns.count, columns.f64(5).sum()], [2, 0]);
    }
  }
  const columns = openColumns();
  const [far, same] = [columns.f64([-1e308, 1e308, 1e308]), columns.f64([1e200, 1e200, 1e200])];
  assertEquals([far.correlation(same), same.correlation(far)], [0, 0]);
  assert(Math.abs(far.correlation(columns.f64([1, 2, 2])) - 1) < 1e-12);
  assertEquals(far.correlation(columns.f64([1, NaN, 2])), NaN);
  assertEquals(far.correlation(columns.f64([1, Infinity, 2])), NaN);
  const full = openColumns({ bytesMax: OWN_BYTES + 3 * 500 * 8 });
  const [one, other] = [full.f64(500), full.f64(500)];
  one.values.set([1e300]);
  other.values.set([1]);
  assertEquals([codeOf(() => one.correlation(other)), full.count], ["out_of_memory", 2]);
  // What it had taken by then was given back.
  assertEquals(codeOf(() => full.f64(500)), "none");
});

Deno.test("equal numbers have no variance, no correlation, and are 0 when normalised", () => {
  for (const value of [0, 0.1, 1e9 + 0.1, -1e150, 5e-324]) {
    for (const length of [1, 2, 3, 7, 1_000]) {
      const columns = openColumns();
      const same = columns.f64(Array.from({ length }, () => value));
      const other = columns.f64(Array.from({ length }, (_, at) => at));
      assertEquals(same.stats().variance, 0, `${length} of ${value}`);
      assertEquals([same.correlation(other), other.correlation(same)], [0, 0], `${value}`);
      assertEquals(same.normalize().minmax(), { min: 0, max: 0 });
    }
  }
  assertEquals(columnOf(1e300, 1e300, 1e300).stats().variance, 0);
  assertEquals(columnOf(1e300, NaN, 1e300).stats().variance, NaN);
});

Deno.test("columns of no number and of one are well defined", () => {
  const columns = openColumns();
  const [none, other] = [columns.f64(0), columns.f64([])];
  assertEquals([none.length, none.sum(), none.dot(other), none.correlation(other)], [0, 0, 0, 0]);
  assertEquals(none.minmax(), { min: NaN, max: NaN });
  const nothing = { count: 0, sum: 0, min: NaN, max: NaN, mean: NaN, variance: NaN };
  assertEquals(none.stats(), nothing);
  assertEquals(listOf(none.add(other).scale(2).clamp(0, 1).mapLinear(1, 2).normalize()), []);
  assertThrows(() => none.get(0), RangeError, "Cannot read number 0: the column has 0");
  assertEquals([columns.i32(0).sum(), columns.i32([]).exactSum()], [0, 0n]);
  const one = columns.f64([-7]);
  assertEquals([one.sum(), one.dot(one), one.correlation(one)], [-7, 49, 0]);
  assertEquals(one.stats(), { count: 1, sum: -7, min: -7, max: -7, mean: -7, variance: 0 });
  assertEquals(listOf(one.normalize()), [0]);
  assertEquals([columns.i32([-7]).sum(), columns.i32([-7]).exactSum()], [-7, -7n]);
});

Deno.test("NaN, zeros and infinities do what the documentation says", () => {
  assertEquals(columnOf(NaN, 3, NaN, -1).minmax(), { min: -1, max: 3 });
  assertEquals(columnOf(NaN, NaN, NaN).minmax(), { min: NaN, max: NaN });
  assertEquals(columnOf(-Infinity, Infinity).minmax(), { min: -Infinity, max: Infinity });
  assertEquals(columnOf(Infinity).minmax(), { min: Infinity, max: Infinity });
  assertEquals(columnOf(-0, -0).minmax(), { min: 0, max: 0 });
  const { sum, min, max, mean, variance } = columnOf(1, NaN, 2).stats();
  assertEquals([sum, min, max, mean, variance], [NaN, 1, 2, NaN, NaN]);
  assertEquals(columnOf(1, Infinity).stats().variance, NaN);
  assertEquals(listOf(columnOf(NaN, -0, 5).clamp(0, 1)), [NaN, -0, 1]);
  assertEquals(listOf(columnOf(-1e308, 0, 1e308).normalize()), [0, 0.5, 1]);
  assertEquals(listOf(columnOf(NaN, 2, 4).normalize()), [NaN, 0, 1]);
  assertThrows(() => columnOf(1).clamp(2, 1), RangeError, "Cannot clamp numbers to 2 … 1");
  assertThrows(() => columnOf(1).clamp(NaN, 1), RangeError, "Cannot clamp numbers to NaN … 1");
});

Deno.test("sums and products of long columns are as good as those of short ones", () => {
  const prng = new Prng(29);
  const [columns, twins] = [openColumns(), plain()];
  // Around the blocks in which they are added up.
  for (const length of [63, 64, 65, 4_095, 4_096, 4_097, 8_191, 8_192, 8_193, 16_384, 100_003]) {
    const values = Array.from({ length }, () => (prng.float() - 0.5) * 2 ** prng.between(-30, 30));
    const [x, twin] = [columns.f64(values), twins.f64(values)];
    assertEquals([x.sum(), x.dot(x)], [twin.sum(), twin.dot(twin)]);
    // In units of 2^-90 all of them, and their products of 2^-180, are integers.
    const exact = values.map((it) => BigInt(it * 2 ** 90));
    const size = (all: readonly bigint[]) =>
      all.reduce((sum, it) => sum + (it < 0n ? -it : it), 0n);
    const sum = exact.reduce((all, it) => all + it, 0n);
    const squares = exact.map((it) => it * it);
    const off = BigInt(x.sum() * 2 ** 90) - sum;
    assert(Math.abs(Number(off)) < 2 ** -43 * Number(size(exact)), `${length}: ${off}`);
    const offSquares = BigInt(x.dot(x) * 2 ** 180) - size(squares);
    assert(Math.abs(Number(offSquares)) < 2 ** -43 * Number(size(squares)), `${length}`);
    const offStats = BigInt(x.stats().sum * 2 ** 90) - sum;
    assert(Math.abs(Number(offStats)) < (length * 2 ** -55 + 2 ** -50) * Number(size(exact)));
    x.free();
    twin.free();
  }
});

Deno.test("the error of a sum does not grow with its column, as that of a loop does", () => {
  const length = 3_000_000;
  const tenths = openColumns().f64(length);
  tenths.values.fill(0.1);
  const exact = BigInt(length) * BigInt(0.1 * 2 ** 56);
  const error = (sum: number) => Math.abs(Number(BigInt(sum * 2 ** 56) - exact)) / Number(exact);
  assert(error(tenths.sum()) < 2 ** -43);
  assert(error(tenths.dot(tenths.clamp(0.1, 0.1)) * 10) < 2 ** -43);
  assert(error(tenths.values.reduce((sum, it) => sum + it, 0)) > 2 ** -43);
});

Deno.test("infinities and overflow add up in long columns as in short ones", () => {
  for (const columns of [openColumns(), plain()]) {
    for (const at of [0, 8_192, 29_999]) {
      const column = columns.f64(30_000);
      column.values.fill(1);
      column.set(at, Infinity);
      assertEquals([column.sum(), column.dot(column)], [Infinity, Infinity]);
      column.set(15_000, -Infinity);
      assertEquals([column.sum(), column.dot(column)], [NaN, Infinity]);
      column.set(15_000, NaN);
      assertEquals([column.sum(), column.dot(column)], [NaN, NaN]);
      column.values.fill(-1e308);
      assertEquals([column.sum(), column.dot(column)], [-Infinity, Infinity]);
      column.free();
    }
  }
});

Deno.test("a column of integers adds up exactly, beyond what a number holds", () => {
  const columns = openColumns();
  const low = columns.i32(Array.from({ length: 5_000 }, () => -2_147_483_648));
  assertEquals([low.sum(), low.exactSum()], [-10_737_418_240_000, -10_737_418_240_000n]);
  const wrapped = columns.i32([2 ** 31, -1.5, NaN]);
  assertEquals([...wrapped.values], [-2_147_483_648, -1, 0]);
  const many = columns.i32(5_000_001);
  many.values.fill(2_147_483_647);
  const exact = 5_000_001n * 2_147_483_647n;
  assert(exact > BigInt(Number.MAX_SAFE_INTEGER));
  assertEquals([many.exactSum(), many.sum()], [exact, Number(exact)]);
});

Deno.test("an arena of the twin works as one of the module", () => {
  const arenas = [openColumns(), plain()];
  const prng = new Prng(3);
  const values = Array.from({ length: 100_003 }, () => (prng.float() - 0.5) * 1e6);
  const [simd, twin] = arenas.map((columns) => {
    const x = columns.f64(values);
    const y = columns.f64(values.map((it) => it * 2 + 1)).clamp(-5e5, 5e5);
    const results = [x.sum(), x.dot(y), x.minmax(), x.stats(), x.correlation(y)];
    return { results, normal: [...x.normalize().mul(y).values], kind: columns.kind };
  });
  assertEquals([simd?.kind, twin?.kind], ["simd", "plain"]);
  assertEquals(simd?.results, twin?.results);
  assertEquals(simd?.normal, twin?.normal);
});

/** What a program gets where nothing compiles. */
function plain(): Columns {
  return openColumns({ module: null as unknown as WebAssembly.Module });
}
