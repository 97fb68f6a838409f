/** What modules import of columns: the same results, over their own memory, and never beyond it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { createLog } from "../../edge/log.ts";
import { columnImports } from "../../edge/wasm/columns.ts";
import { WasmFault } from "../../edge/wasm/fault.ts";
import type { WasmInstance } from "../../edge/wasm/instance.ts";
import { ModuleMemory } from "../../edge/wasm/memory.ts";
import { WasmMounts } from "../../edge/wasm/mount.ts";
import type { ColumnKernel, ColumnMemory } from "../../wasm/column_port.ts";
import { openColumns } from "../../wasm/columns.ts";
import { compare } from "../wasm/column_cases.ts";
import { assembled, DONE, given, handler, set } from "./wasm_modules.ts";

const PAGE_BYTES = 64 * 1024;
const SEED = 20_261_128;

/** Answers with the five numbers of `stats_f64` of the numbers in the body. */
const STATS: Uint8Array<ArrayBuffer> = handler({
  imports: `(import "driftless_columns" "stats_f64" (func $stats (param i32 i32 i32)))`,
  body: `
    (local.set $n ${given(2)})
    (call $stats (i32.add (local.get $n) (i32.const 4))
      (i32.shr_u (i32.load (local.get $n)) (i32.const 3)) (i32.const 2052))
    (i32.store (i32.const 2048) (i32.const 40))
    ${set(0, 2, "(i32.const 200)")}
    ${set(2, 8, "(i32.const 2048)")}
    ${DONE}`,
});

/** Adds up one number more than there is memory for. */
const BEYOND: Uint8Array<ArrayBuffer> = handler({
  imports: `(import "driftless_columns" "sum_f64" (func $sum (param i32 i32) (result f64)))`,
  body: `
    (drop (call $sum (i32.const 8) (i32.shl (memory.size) (i32.const 13))))
    ${set(0, 2, "(i32.const 204)")} ${DONE}`,
});

/** The imports over a memory of one page, without a module. */
function rig(compiled?: WebAssembly.Module | null) {
  const wanting = assembled(
    `(module (import "driftless_columns" "sum_f64" (func (param i32 i32) (result f64))))`,
  );
  const source = columnImports(new WebAssembly.Module(wanting), compiled);
  if (source === undefined) throw new Error("nothing was imported");
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { imports, attach } = source.make();
  let spent = 0;
  attach?.({
    memory: new ModuleMemory(memory),
    exports: { memory },
    spend: (units: number) => spent += units,
  } as unknown as WasmInstance);
  return {
    calls: imports as unknown as ColumnKernel,
    memory: memory as ColumnMemory,
    spent: () => spent,
  };
}

async function mounted(
  module: Uint8Array<ArrayBuffer>,
  test: (mounts: WasmMounts) => Promise<void>,
): Promise<void> {
  const app = defineApp({ name: "a", collections: {} }).wasm("/m", module);
  const mounts = new WasmMounts(app.mounts, { log: createLog("info", () => {}) });
  try {
    await test(mounts);
  } finally {
    mounts.close();
  }
}

Deno.test("what modules import of columns agrees with the twin, in every case", () => {
  for (const compiled of [undefined, null]) {
    const { problems, cases } = compare(rig(compiled), { seed: SEED, count: 2_000, lengthMax: 40 });
    assertEquals([problems, cases > 2_000], [[], true]);
  }
});

/** Each function with a count and an address that are given, the other arguments harmless. */
const CALLS: Readonly<Record<string, (calls: ColumnKernel, at: number, count: number) => unknown>> =
  {
    sum_f64: (calls, at, count) => calls.sum_f64(at, count),
    "dot_f64 x": (calls, at, count) => calls.dot_f64(at, 0, count),
    "dot_f64 y": (calls, at, count) => calls.dot_f64(0, at, count),
    "correlation_f64 x": (calls, at, count) => calls.correlation_f64(at, 0, count),
    "correlation_f64 y": (calls, at, count) => calls.correlation_f64(0, at, count),
    minmax_f64: (calls, at, count) => calls.minmax_f64(at, count, 0),
    stats_f64: (calls, at, count) => calls.stats_f64(at, count, 0),
    "scale_f64 to": (calls, at, count) => calls.scale_f64(at, 0, count, 1),
    "scale_f64 at": (calls, at, count) => calls.scale_f64(0, at, count, 1),
    "clamp_f64 to": (calls, at, count) => calls.clamp_f64(at, 0, count, 0, 1),
    "clamp_f64 at": (calls, at, count) => calls.clamp_f64(0, at, count, 0, 1),
    "map_linear_f64 to": (calls, at, count) => calls.map_linear_f64(at, 0, count, 1, 1),
    "map_linear_f64 at": (calls, at, count) => calls.map_linear_f64(0, at, count, 1, 1),
    "normalize_f64 to": (calls, at, count) => calls.normalize_f64(at, 0, count, 1, 0, 1),
    "normalize_f64 at": (calls, at, count) => calls.normalize_f64(0, at, count, 1, 0, 1),
    "add_f64 to": (calls, at, count) => calls.add_f64(at, 0, 0, count),
    "add_f64 x": (calls, at, count) => calls.add_f64(0, at, 0, count),
    "sub_f64 y": (calls, at, count) => calls.sub_f64(0, 0, at, count),
    "sub_f64 to": (calls, at, count) => calls.sub_f64(at, 0, 0, count),
    "mul_f64 to": (calls, at, count) => calls.mul_f64(at, 0, 0, count),
    "mul_f64 y": (calls, at, count) => calls.mul_f64(0, 0, at, count),
  };

Deno.test("what modules import of columns takes numbers up to the end of their memory", () => {
  const { calls } = rig();
  const refuses = (name: string, work: () => unknown) =>
    assertThrows(work, WasmFault, "there are none", name);
  for (const [name, call] of Object.entries(CALLS)) {
    for (const count of [0, 1, 7, 100]) {
      for (const less of [1, 0]) call(calls, PAGE_BYTES - count * 8 - less, count);
      refuses(name, () => call(calls, PAGE_BYTES - count * 8 + 1, count));
    }
    // What wraps around in 32 bits, and addresses that are negative to JavaScript.
    refuses(name, () => call(calls, 8, 2 ** 29));
    refuses(name, () => call(calls, 8, -1));
    refuses(name, () => call(calls, -8, 1));
    refuses(name, () => call(calls, -2_147_483_648, 0));
  }
  const fresh = rig().calls;
  for (const total of [fresh.sum_i32, fresh.total_i32] as const) {
    for (const less of [1, 0]) assertEquals(Number(total(PAGE_BYTES - 8 - less, 2)), 0);
    refuses("i32", () => total(PAGE_BYTES - 7, 2));
    refuses("i32", () => total(4, 2 ** 30));
  }
  for (const less of [1, 0]) calls.minmax_f64(0, 1, PAGE_BYTES - 16 - less);
  refuses("minmax_f64 out", () => calls.minmax_f64(0, 1, PAGE_BYTES - 15));
  for (const less of [1, 0]) calls.stats_f64(0, 1, PAGE_BYTES - 40 - less);
  refuses("stats_f64 out", () => calls.stats_f64(0, 1, PAGE_BYTES - 39));
});

Deno.test("what modules import of columns costs them instructions, one for each number", () => {
  const { calls, spent } = rig();
  calls.sum_f64(0, 0);
  const call = spent();
  calls.sum_f64(0, 1_000);
  assertEquals([call > 0, spent() - 2 * call], [true, 1_000]);
});

Deno.test("only a module that imports columns gets them, and only from their own module", () => {
  const none = new WebAssembly.Module(assembled("(module)"));
  assertEquals(columnImports(none), undefined);
  const module = new WebAssembly.Module(STATS);
  assertThrows(() => columnImports(module, none), TypeError, "it is not that of the columns");
  const app = defineApp({ name: "a", collections: {} });
  app.wasm("/m", module, { bindings: { columns: none } });
  const mount = () => new WasmMounts(app.mounts, { log: createLog("info", () => {}) });
  assertThrows(mount, TypeError, 'Cannot mount the module at "/m": Cannot use the module');
});

Deno.test("a handler computes over the numbers of a request where they lie", async () => {
  await mounted(STATS, async (mounts) => {
    // The second is larger than the memory was: it grows, and is elsewhere.
    for (const length of [4, 40_000, 5]) {
      const numbers = Float64Array.from({ length }, (_, at) => 1e9 + at % 17);
      const body = new Uint8Array(numbers.buffer);
      const request = new Request("http://localhost/m", { method: "POST", body });
      const bytes = await (await mounts.fetch(request)).arrayBuffer();
      const { sum, min, max, mean, variance } = openColumns().f64(numbers).stats();
      assertEquals([...new Float64Array(bytes)], [sum, min, max, mean, variance]);
      assert(variance < 30);
    }
  });
});

Deno.test("a handler that reaches beyond its memory fails alone", async () => {
  await mounted(BEYOND, async (mounts) => {
    for (let times = 0; times < 3; times++) {
      const error: unknown = await mounts.fetch(new Request("http://localhost/m")).catch((it) =>
        it
      );
      assertEquals(error instanceof Error && "status" in error && error.status, 500);
    }
  });
});
