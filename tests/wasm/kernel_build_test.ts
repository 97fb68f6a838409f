/** What assembles the hand-written modules: what it gives, and what it refuses. */
import { assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { assemble, COLUMNS, embedded, KERNEL } from "../../scripts/build_wasm.ts";

const WASM = join(import.meta.dirname ?? ".", "..", "..", "wasm");

for (const { name, fragments: names, bytesMax, effort } of [KERNEL, COLUMNS]) {
  Deno.test(`the ${name} module that is committed is what its fragments give`, async () => {
    const fragments = await Promise.all(names.map((it) => Deno.readTextFile(join(WASM, it))));
    const bytes = assemble(fragments, bytesMax, effort);
    assertEquals(await Deno.readFile(join(WASM, `${name}.wasm`)), bytes);
    assertEquals(await Deno.readTextFile(join(WASM, `${name}_gen.ts`)), embedded(name, bytes));
  });
}

Deno.test("assemble gives the same bytes each time, and runs", () => {
  const fragments = [`(func $one (result i32) (i32.const 1))`, `(export "one" (func $one))`];
  const bytes = assemble(fragments, 100);
  assertEquals(assemble(fragments, 100), bytes);
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
    assertThrows(() => assemble([fragment], 1_000), Error, "Cannot assemble the module: ");
  }
});

Deno.test("assemble refuses a module that is larger than pages should load", () => {
  for (const { bytesMax } of [KERNEL, COLUMNS]) {
    const withData = (length: number) =>
      assemble([`(memory (export "m") 1) (data (i32.const 0) "${"a".repeat(length)}")`], bytesMax);
    const { length } = withData(bytesMax - 200);
    const spare = bytesMax - length;
    assertEquals(withData(bytesMax - 200 + spare).length, bytesMax);
    assertThrows(
      () => withData(bytesMax - 200 + spare + 1),
      Error,
      `Cannot embed the module: it has ${bytesMax + 1} bytes`,
    );
  }
});
