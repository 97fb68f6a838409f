/** The module of columns.wat against its twin and exact arithmetic, on Deno, Bun and workerd. */
import { assertEquals, assertThrows } from "@std/assert";
import process from "node:process";
import { columnKernel } from "../../wasm/column_kernel.ts";
import type { ColumnKernel, ColumnMemory } from "../../wasm/column_port.ts";
import { plainColumns } from "../../wasm/plain_columns.ts";
import { compare, runColumnCases } from "./column_cases.ts";
import { bunReport, workerdReport } from "./runtimes.ts";

/** Of the random cases; another one finds other cases. */
const SEED = 20_261_126;
const CASES = Number(process.env["COLUMN_CASES"] ?? 20_000);
/** On runtimes other than Deno. */
const CASES_ELSEWHERE = 5_000;
/** Enough to find a kernel that is wrong. */
const FEW = { seed: SEED, count: 500, lengthMax: 40 };

Deno.test("the kernel of columns agrees with its twin and with exact arithmetic", () => {
  const { kind, cases, problems } = runColumnCases({ seed: SEED, count: CASES });
  assertEquals([kind, problems], ["simd", []]);
  assertEquals(cases >= CASES, true);
});

Deno.test("the twin of the kernel of columns agrees with exact arithmetic", () => {
  const memory = plainMemory();
  const { problems } = compare({ calls: plainColumns(memory), memory }, FEW);
  assertEquals(problems, []);
});

/** Kernels that are wrong in one way each. */
const BROKEN: Readonly<Record<string, (good: ColumnKernel, memory: ColumnMemory) => object>> = {
  "adds up in another order": (good, memory) => ({
    sum_f64: (at: number, count: number) =>
      at % 8 === 0
        ? new Float64Array(memory.buffer, at, count).reduce((sum, it) => sum + it, 0)
        : good.sum_f64(at, count),
  }),
  "leaves out the last number": (good) => ({
    dot_f64: (x: number, y: number, count: number) => good.dot_f64(x, y, Math.max(0, count - 1)),
  }),
  "writes one number too many": (good) => ({
    scale_f64: (to: number, at: number, count: number, factor: number) =>
      good.scale_f64(to, at, count + 1, factor),
  }),
  "takes a NaN for a bound": (good, memory) => ({
    minmax_f64: (at: number, count: number, out: number) => {
      good.minmax_f64(at, count, out);
      if (at % 8 > 0) return;
      const numbers = new Float64Array(memory.buffer, at, count);
      new Float64Array(memory.buffer, out, 2).set([Math.min(...numbers), Math.max(...numbers)]);
    },
  }),
  "wraps a sum of integers": (good) => ({
    sum_i32: (at: number, count: number) => BigInt.asIntN(32, good.sum_i32(at, count)),
  }),
};

Deno.test("the cases find each kernel of columns that is wrong", () => {
  for (const [name, breaks] of Object.entries(BROKEN)) {
    const memory = plainMemory();
    const good = plainColumns(memory);
    const calls = { ...good, ...breaks(good, memory) };
    const { problems } = compare({ calls, memory }, FEW);
    assertEquals(problems.length > 0, true, name);
  }
});

Deno.test("the cases find a variance that is taken from the squares, as G13 has it", () => {
  const memory = plainMemory();
  const good = plainColumns(memory);
  const stats_f64 = (at: number, count: number, out: number) => {
    good.stats_f64(at, count, out);
    if ((at | out) % 8 > 0) return;
    if (!new Float64Array(memory.buffer, at, count).every(Number.isInteger)) return;
    const results = new Float64Array(memory.buffer, out, 5);
    const mean = results[3] as number;
    results[4] = good.dot_f64(at, at, count) / count - mean * mean;
  };
  const { problems } = compare({ calls: { ...good, stats_f64 }, memory }, {
    seed: SEED,
    count: 500,
  });
  assertEquals(problems.some((it) => it.startsWith("The variance")), true);
});

Deno.test("the kernel of columns agrees with its twin on Bun", async () => {
  const report = await bunReport("column_bun.ts", { seed: SEED + 1, count: CASES_ELSEWHERE });
  assertEquals([report.kind, report.problems], ["simd", []]);
});

Deno.test("the kernel of columns agrees with its twin on workerd, which has a module to use", async () => {
  const report = await workerdReport("column_worker.ts", "columns.wasm", {
    seed: SEED + 2,
    count: CASES_ELSEWHERE,
  });
  assertEquals([report.kind, report.problems], ["simd", []]);
  assertEquals(report.opened, [
    { kind: "simd", variance: 22.5 },
    { kind: "plain", variance: 22.5 },
  ]);
});

Deno.test("columnKernel refuses a module that is not the one of the columns", () => {
  const memory = new WebAssembly.Memory({ initial: 1 }) as ColumnMemory;
  const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const message = "Cannot use the module: it is not that of the columns";
  assertThrows(() => columnKernel(memory, empty), TypeError, message);
  const importing = new WebAssembly.Module(Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x61, 1, 0x62, 0, 0],
  ));
  assertThrows(() => columnKernel(memory, importing), TypeError, message);
});

Deno.test("columns have the twin where nothing compiles, and where there is no WebAssembly", async () => {
  const url = new URL("../../wasm/columns.ts", import.meta.url).href;
  const use = `
    const { openColumns } = await import("${url}");
    const columns = openColumns();
    const column = columns.f64([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]);
    const many = columns.f64(100_000);
    many.values.fill(0.5);
    console.log(columns.kind, column.stats().variance, many.sum(), column.values.length);`;
  const scripts = [
    `WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError("no"); } };`,
    "delete globalThis.WebAssembly;",
  ];
  for (const script of scripts) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", `${script}${use}`],
      stdin: "null",
    }).output();
    assertEquals(new TextDecoder().decode(stdout).trim(), "plain 22.5 50000 4");
  }
});

function plainMemory(): ColumnMemory {
  return { buffer: new ArrayBuffer(64 * 1024), grow: () => {} };
}
