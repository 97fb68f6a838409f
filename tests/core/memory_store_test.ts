/** The store in memory keeps every promise of the port; what is its own is tested here. */
import { assertEquals, assertThrows } from "@std/assert";
import { MemoryStore } from "../../core/memory_store.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { modelCase, treeModelCase } from "../conformance/store_model.ts";
import { row, storeCases } from "../conformance/store_suite.ts";
import { treeCases } from "../conformance/store_tree_suite.ts";

let created = 0;

for (const { name, run } of [...storeCases, modelCase]) {
  Deno.test(`MemoryStore: ${name}`, () => run(() => new MemoryStore(`epoch ${++created}`)));
}

for (const { name, run } of [...storeCases, ...treeCases, treeModelCase]) {
  Deno.test(`MemoryStore with a kernel: ${name}`, () => {
    run(() => new MemoryStore(`epoch ${++created}`, plainKernel));
  });
}

Deno.test("MemoryStore without a kernel keeps no tree", () => {
  const store = new MemoryStore("e");
  store.transaction(() => store.putRow("s", row("a")));
  assertEquals([store.tree("s"), store.tree("none")], [undefined, undefined]);
});

Deno.test("MemoryStore undoes all trees of a transaction when one of them fails", () => {
  let isBroken = false;
  const kernel = {
    ...plainKernel,
    hashAll(...all: Parameters<typeof plainKernel.hashAll>) {
      if (isBroken) throw new RangeError("broken");
      return plainKernel.hashAll(...all);
    },
  };
  const store = new MemoryStore("e", kernel);
  store.transaction(() => store.putRow("s", row("a")));
  const before = [store.tree("s")?.root, store.tree("t")?.root];
  const work = () => {
    store.putRow("s", row("b"));
    store.tree("s");
    store.putRow("t", row("b"));
    isBroken = true;
  };
  assertThrows(() => store.transaction(work), RangeError, "broken");
  isBroken = false;
  assertEquals([store.tree("s")?.root, store.tree("t")?.root], before);
  assertEquals([store.tree("s")?.count, store.scopes()], [1, ["s"]]);
});

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
