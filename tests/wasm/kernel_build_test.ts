/** What assembles the hand-written module: what it gives, and what it refuses. */
import { assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { assemble, embedded, FRAGMENTS, MODULE_BYTES_MAX } from "../../scripts/build_wasm.ts";

const WASM = join(import.meta.dirname ?? ".", "..", "..", "wasm");

Deno.test("the module that is committed is what its fragments give", async () => {
  const fragments = await Promise.all(
    FRAGMENTS.map((name) => Deno.readTextFile(join(WASM, name))),
  );
  const bytes = assemble(fragments);
  assertEquals(await Deno.readFile(join(WASM, "kernel.wasm")), bytes);
  assertEquals(await Deno.readTextFile(join(WASM, "kernel_gen.ts")), embedded(bytes));
});

Deno.test("assemble gives the same bytes each time, and runs", () => {
  const fragments = [`(func $one (result i32) (i32.const 1))`, `(export "one" (func $one))`];
  const bytes = assemble(fragments);
  assertEquals(assemble(fragments), bytes);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes.slice()));
  assertEquals((exports["one"] as () => number)(), 1);
});

Deno.test("assemble refuses what is no module, or uses what a target has not", () => {
  for (
    const fragment of [
      "(func $one",
      "(func (call $none))",
      "(func (result i32) (i64.const 1))",
      `(func (export "f") (param v128) (result v128)
        (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))`,
    ]
  ) {
    assertThrows(() => assemble([fragment]), Error, "Cannot assemble the module: ");
  }
});

Deno.test("assemble refuses a module that is larger than pages should load", () => {
  const withData = (length: number) =>
    assemble([`(memory (export "m") 1) (data (i32.const 0) "${"a".repeat(length)}")`]);
  const { length } = withData(MODULE_BYTES_MAX - 200);
  const spare = MODULE_BYTES_MAX - length;
  assertEquals(withData(MODULE_BYTES_MAX - 200 + spare).length, MODULE_BYTES_MAX);
  assertThrows(
    () => withData(MODULE_BYTES_MAX - 200 + spare + 1),
    Error,
    `Cannot embed the module: it has ${MODULE_BYTES_MAX + 1} bytes`,
  );
});
