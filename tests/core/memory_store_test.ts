/** The store in memory keeps every promise of the port; what is its own is tested here. */
import { assertEquals, assertThrows } from "@std/assert";
import { MemoryStore } from "../../core/memory_store.ts";
import { modelCase } from "../conformance/store_model.ts";
import { row, storeCases } from "../conformance/store_suite.ts";

let created = 0;

for (const { name, run } of [...storeCases, modelCase]) {
  Deno.test(`MemoryStore: ${name}`, () => run(() => new MemoryStore(`epoch ${++created}`)));
}

Deno.test("MemoryStore has the epoch that it was given", () => {
  assertEquals(new MemoryStore("0a1b").epoch, "0a1b");
});

Deno.test("MemoryStore hands out rows that cannot be changed", () => {
  const store = new MemoryStore("e");
  store.transaction(() => store.putRow("s", row("a")));
  const stored = store.row("s", "todo", "a") as { json: string };
  assertThrows(() => {
    stored.json = "changed";
  }, TypeError);
});
