import { assert, assertEquals, assertThrows } from "@std/assert";
import type { WasmMountOptions } from "../../core/wasm_mount.ts";
import { createLog } from "../../edge/log.ts";
import { denoKv } from "../../edge/wasm/bindings.ts";
import { WasmInstance } from "../../edge/wasm/instance.ts";
import { prepare, type PreparedMount } from "../../edge/wasm/prepare.ts";
import { suspendingImports } from "../../edge/wasm/suspending.ts";
import { runStoreCase } from "./wasm_fetch_cases.ts";
import { assemble, FETCH_MODULES } from "./wasm_fetch_modules.ts";

const bytesOf = (name: string) => assemble(FETCH_MODULES[name] ?? "");

Deno.test("a module that suspends cannot be mounted where the engine does not, and is told why", () => {
  const suspending = Reflect.get(WebAssembly, "Suspending");
  Reflect.set(WebAssembly, "Suspending", undefined);
  try {
    assertThrows(
      () => prepared(bytesOf("suspended")),
      TypeError,
      `Cannot mount the module at "/m": it imports "fetch" of "driftless", ` +
        "and this runtime has no WebAssembly.Suspending",
    );
    assert(prepared(bytesOf("proxy")));
  } finally {
    Reflect.set(WebAssembly, "Suspending", suspending);
  }
  assert(prepared(bytesOf("suspended")).suspending);
});

Deno.test("a module that imports what the host does not have cannot be mounted", () => {
  const wat = (FETCH_MODULES.suspended ?? "").replace(`"fetch"`, `"fetsch"`);
  assertThrows(
    () => prepared(assemble(wat)),
    TypeError,
    "fetsch",
  );
});

Deno.test("a mount with an unusable list of hosts is refused", () => {
  const mounted = (allow: string) =>
    prepared(bytesOf("proxy"), { bindings: { fetch: { allow: [allow] } } });
  assertThrows(
    () => mounted("one.org/path"),
    TypeError,
    "Cannot allow one.org/path: it is no host",
  );
  assertThrows(
    () => mounted("127.0.0.1"),
    TypeError,
    "it is private; set privateAddresses as well",
  );
  assert(mounted("one.org"));
});

Deno.test("a module without these imports needs no suspension", () => {
  assertEquals(suspendingImports(new WebAssembly.Module(bytesOf("proxy"))), undefined);
});

Deno.test("a module that calls the host before there is a request does not start", () => {
  const wat = (FETCH_MODULES.suspended ?? "").replace(
    '(func (export "handle_zerobuf")',
    `(func (export "_start") (drop (call $respond (i32.const 1024))))
     (func (export "handle_zerobuf")`,
  );
  const { handler } = prepared(assemble(wat));
  assertThrows(() => new WasmInstance(handler), Error, "Cannot start the module");
});

Deno.test("a module's calls to a store work on Deno KV", async () => {
  const kv = await Deno.openKv(":memory:");
  try {
    const modules = { proxy: new WebAssembly.Module(bytesOf("proxy")) };
    await runStoreCase(modules, denoKv(kv, ["module"]));
  } finally {
    kv.close();
  }
});

Deno.test("denoKv keeps values below its root, and lists names by prefix", async () => {
  const kv = await Deno.openKv(":memory:");
  try {
    const store = denoKv(kv, ["module"]);
    const bytes = Uint8Array.of(0, 255);
    assertEquals(await store.get("a"), null);
    for (const key of ["a", "ab", "b", "a\u{1f600}"]) await store.put(key, bytes);
    await kv.set(["other", "a"], bytes);
    assertEquals(await store.get("a"), bytes);
    assertEquals(await store.list("a"), ["a", "ab", "a\u{1f600}"]);
    assertEquals((await store.list("")).length, 4);
    await store.delete("a");
    await store.delete("a");
    assertEquals(await store.get("a"), null);
    assertEquals(await store.list("a"), ["ab", "a\u{1f600}"]);
  } finally {
    kv.close();
  }
});

function prepared(
  module: Uint8Array<ArrayBuffer>,
  options: WasmMountOptions = {},
): PreparedMount {
  return prepare({ path: "/m", module, options }, createLog("error", () => {}));
}
