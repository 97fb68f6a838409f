/** The most that a module's memories and tables may have, at the limit and around it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { withLimits } from "../../wasm/fuel.ts";
import { TABLE_ENTRIES_MAX, TABLES_MAX } from "../../wasm/memory_limits.ts";
import { watModule } from "./wat_module.ts";

const PAGE_BYTES = 65_536;

Deno.test("a memory grows to its limit and no further, with or without a maximum of its own", () => {
  for (
    const [own, max, limit, most] of [["", "", 5, 5], ["", "9", 5, 5], ["", "4", 5, 4]] as const
  ) {
    const { grow, pages } = memoryOf(`(memory ${own} (export "memory") 2 ${max})`, limit);
    assertEquals(pages(), 2);
    assertEquals(grow(most - 2 + 1), -1);
    assertEquals(grow(most - 2), 2);
    assertEquals(pages(), most);
    assertEquals(grow(1), -1);
  }
});

Deno.test("a module that begins with more memory than its limit is refused", () => {
  const text = `(memory (export "memory") 5)`;
  for (const limit of [5, 6]) assertEquals(memoryOf(text, limit).pages(), 5);
  for (const limit of [0, 4]) {
    assertThrows(
      () => memoryOf(text, limit),
      TypeError,
      `Cannot limit the module: it begins with 5 pages of memory, and may have ${limit}`,
    );
  }
});

Deno.test("an imported memory must have the limit too", () => {
  const bytes = watModule(`(module (import "env" "f" (func)) (import "env" "g" (global i32))
    (import "env" "t" (table 1 funcref)) (import "env" "memory" (memory 1)))`);
  const module = new WebAssembly.Module(withLimits(bytes, { memoryPages: 4 }));
  const start = (maximum?: number) =>
    new WebAssembly.Instance(module, {
      env: {
        f: () => {},
        g: 1,
        t: new WebAssembly.Table({ initial: 1, maximum: TABLE_ENTRIES_MAX, element: "anyfunc" }),
        memory: new WebAssembly.Memory(
          maximum === undefined ? { initial: 1 } : { initial: 1, maximum },
        ),
      },
    });
  start(3);
  start(4);
  assertThrows(() => start(5), WebAssembly.LinkError);
  assertThrows(() => start(), WebAssembly.LinkError);
});

Deno.test("several memories share the limit", () => {
  const { grow, exports } = memoryOf(
    `(memory $m (export "memory") 1) (memory $o (export "other") 2 50)
     (func (export "other_grow") (param i32) (result i32) (memory.grow $o (local.get 0)))`,
    6,
  );
  assertEquals((exports["other_grow"] as (pages: number) => number)(1), -1);
  assertEquals(grow(4), -1);
  assertEquals(grow(3), 1);
});

Deno.test("tables are limited in their number, and in their entries", () => {
  const tables = (count: number, entries: number) =>
    watModule(`(module ${`(table ${entries} funcref)`.repeat(count)})`);
  const limited = (bytes: Uint8Array) => withLimits(bytes, { memoryPages: 1 });
  for (const count of [TABLES_MAX - 1, TABLES_MAX]) {
    assert(WebAssembly.validate(limited(tables(count, 10))));
  }
  assertThrows(() => limited(tables(TABLES_MAX + 1, 10)), TypeError, "it has 17 tables");
  for (const entries of [TABLE_ENTRIES_MAX - 1, TABLE_ENTRIES_MAX]) limited(tables(1, entries));
  assertThrows(() => limited(tables(1, TABLE_ENTRIES_MAX + 1)), TypeError, "of 100001 entries");
  assertThrows(() => limited(tables(2, TABLE_ENTRIES_MAX / 2 + 1)), TypeError, "100002 entries");
});

Deno.test("a table grows to its limit and no further", () => {
  const bytes = watModule(`(module (table 1 funcref)
    (func (export "grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))`);
  const module = new WebAssembly.Module(withLimits(bytes, { memoryPages: 1 }));
  const grow = new WebAssembly.Instance(module).exports["grow"] as (entries: number) => number;
  assertEquals(grow(TABLE_ENTRIES_MAX), -1);
  assertEquals(grow(TABLE_ENTRIES_MAX - 1), 1);
  assertEquals(grow(1), -1);
});

function memoryOf(text: string, memoryPages: number) {
  const bytes = watModule(`(module ${text}
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`);
  const module = new WebAssembly.Module(withLimits(bytes, { memoryPages }));
  const { exports } = new WebAssembly.Instance(module);
  const memory = exports["memory"] as WebAssembly.Memory;
  return {
    exports,
    grow: exports["grow"] as (pages: number) => number,
    pages: () => memory.buffer.byteLength / PAGE_BYTES,
  };
}
