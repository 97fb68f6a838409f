/** Modules that are compiled for a system, on a mount: environment, output, exit, and kept files. */
import { assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import type { WasmMountOptions } from "../../core/wasm_mount.ts";
import { createLog } from "../../edge/log.ts";
import { WasmMounts } from "../../edge/wasm/mount.ts";
import { DONE, handler, set, text } from "./wasm_modules.ts";

const WASI = "wasi_snapshot_preview1";

/** Mounts one module at `/m`. */
async function mounted(
  module: Uint8Array<ArrayBuffer>,
  options: WasmMountOptions,
  test: (ask: () => Promise<Response>, lines: readonly string[]) => Promise<void>,
): Promise<void> {
  const app = defineApp({ name: "a", collections: {} }).wasm("/m", module, options);
  const lines: string[] = [];
  const mounts = new WasmMounts(app.mounts, { log: createLog("info", (line) => lines.push(line)) });
  try {
    await test(() => mounts.fetch(new Request("http://localhost/m")), lines);
  } finally {
    mounts.close();
  }
}

Deno.test("a program starts with its environment, prints to the log, and may end itself well", async () => {
  // Prints its first variable, line by line, and exits with 0; then it answers.
  const module = handler({
    imports: `
      (import "${WASI}" "environ_get" (func $environ (param i32 i32) (result i32)))
      (import "${WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "${WASI}" "proc_exit" (func $exit (param i32)))`,
    fields: `(func (export "_start")
      (drop (call $environ (i32.const 2048) (i32.const 2064)))
      (i32.store (i32.const 2100) (i32.const 2064)) (i32.store (i32.const 2104) (i32.const 8))
      (drop (call $write (i32.const 1) (i32.const 2100) (i32.const 1) (i32.const 2120)))
      (call $exit (i32.const 0)) (unreachable))`,
    body: `${set(0, 2, "(i32.const 204)")} ${DONE}`,
  });
  await mounted(module, { bindings: { env: { KEY: "one\n" } } }, async (ask, lines) => {
    assertEquals([(await ask()).status, (await ask()).status], [204, 204]);
    const printed = lines.map((line) => JSON.parse(line));
    assertEquals(printed.map(({ event, path, stream, line }) => [event, path, stream, line]), [
      ["handler printed", "/m", "stdout", "KEY=one"],
    ]);
  });
});

Deno.test("a program that ends itself badly, or while it answers, has failed", async () => {
  const imports = `(import "${WASI}" "proc_exit" (func $exit (param i32)))`;
  const bad = handler({
    imports,
    fields: `(func (export "_start") (call $exit (i32.const 3)))`,
    body: DONE,
  });
  const late = handler({ imports, body: `(call $exit (i32.const 0)) ${DONE}` });
  for (const module of [bad, late]) {
    await mounted(module, {}, async (ask, lines) => {
      const error = await ask().catch((error) => error);
      assertEquals([error.code, error.status, error.message], [
        "wasm_failed",
        500,
        "The handler failed",
      ]);
      assertMatch(lines.join(), /ended itself with code/);
    });
  }
});

/** Reads `/data/f`, appends `+` in its own memory, writes it back, and answers with what it read. */
const APPENDS = handler({
  imports: `
    (import "${WASI}" "path_open" (func $open
      (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "${WASI}" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "${WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))`,
  fields: `${text(1024, "f")} (func $must (param i32) (if (local.get 0) (then (unreachable))))`,
  body: `
    ;; 4 is /data; create it if it is not there; -1 are all rights.
    (call $must (call $open (i32.const 4) (i32.const 0) (i32.const 1028) (i32.const 1)
      (i32.const 1) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 2000)))
    (i32.store (i32.const 2008) (i32.const 2104)) (i32.store (i32.const 2012) (i32.const 64))
    (call $must (call $read (i32.load (i32.const 2000)) (i32.const 2008) (i32.const 1)
      (i32.const 2100)))
    (i32.store8 (i32.const 2200) (i32.const 43))
    (i32.store (i32.const 2008) (i32.const 2200)) (i32.store (i32.const 2012) (i32.const 1))
    (call $must (call $write (i32.load (i32.const 2000)) (i32.const 2008) (i32.const 1)
      (i32.const 2020)))
    ${set(0, 2, "(i32.const 200)")} ${set(2, 8, "(i32.const 2100)")} ${DONE}`,
});

Deno.test("files of /data outlast the instance, in what the mount keeps them", async () => {
  const kept = new Map([["f", new TextEncoder().encode("a")]]);
  const calls: string[] = [];
  const files = {
    list: () => Promise.resolve([...kept].map(([path, { length }]) => ({ path, size: length }))),
    get: (path: string) => {
      calls.push(`get ${path}`);
      return Promise.resolve(kept.get(path));
    },
    put: (path: string, bytes: Uint8Array) => {
      calls.push(`put ${path}`);
      kept.set(path, new Uint8Array(bytes));
      return Promise.resolve();
    },
    delete: (path: string) => Promise.resolve(void kept.delete(path)),
  };
  await mounted(APPENDS, { mode: "instance", bindings: { files } }, async (ask) => {
    assertStrictEquals(await (await ask()).text(), "a");
    assertEquals(calls, ["get f", "put f"]);
    assertStrictEquals(await (await ask()).text(), "a+");
    kept.clear();
    assertStrictEquals(await (await ask()).text(), "");
    assertStrictEquals(new TextDecoder().decode(kept.get("f")), "+");
  });
  await mounted(APPENDS, {}, async (ask) => {
    const error = await ask().catch((error) => error);
    assertEquals([error.code, error.status], ["wasm_failed", 500], "there is no /data");
  });
});
