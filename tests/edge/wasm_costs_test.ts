/** What the host does for a module costs it instructions, about as long as it takes: no call is free. */
import binaryen from "binaryen";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { WasmLimits } from "../../core/wasm_mount.ts";
import { createLog } from "../../edge/log.ts";
import { cryptoImports } from "../../edge/wasm/crypto.ts";
import { FAULT_UNITS, WasmInstance } from "../../edge/wasm/instance.ts";
import { limitsOf } from "../../edge/wasm/limits.ts";
import { Outbound } from "../../edge/wasm/outbound.ts";
import { InstancePool } from "../../edge/wasm/pool.ts";
import { prepare } from "../../edge/wasm/prepare.ts";
import { WasmFault } from "../../edge/wasm/fault.ts";
import { hostOf } from "./wasm_import_rig.ts";
import { assembled } from "./wasm_modules.ts";
import { TMP, WasiCalls } from "./wasm_wasi_calls.ts";

const NO_BYTES = new Uint8Array();
const REQUEST = { method: "GET", target: "/", headers: "", body: NO_BYTES };

/** What some work costs. */
function costOf({ host }: WasiCalls, work: () => unknown): number {
  const before = host.spent();
  work();
  return host.spent() - before;
}

Deno.test("a call that fails costs a module more than one that does not", () => {
  const wasi = new WasiCalls();
  const fine = costOf(wasi, () => wasi.call("sched_yield"));
  const failed = costOf(wasi, () => wasi.call("fd_close", 99));
  assert(fine > 0 && failed >= 10 * fine, `${fine} and ${failed}`);
  assert(costOf(wasi, () => assertThrows(() => wasi.call("proc_exit", 1))) >= 10 * fine);
});

Deno.test("a byte far behind the end of a file costs what all that is in between does", () => {
  const wasi = new WasiCalls();
  const size = 4 * 1024 * 1024;
  const sparse = () => {
    const fd = wasi.open(TMP, "a", { create: true, truncate: true });
    wasi.seek(fd, size);
    assertEquals(wasi.write(fd, "x"), 1);
    wasi.close(fd);
  };
  for (let round = 0; round < 3; round++) {
    const cost = costOf(wasi, sparse);
    assert(cost > size / 8, `${cost} in round ${round}`);
  }
});

Deno.test("each entry of a folder costs, from wherever it is read on", () => {
  const wasi = new WasiCalls();
  for (let file = 0; file < 200; file++) wasi.put(TMP, `${file}`, "");
  const folder = wasi.open(TMP, ".", { folder: true });
  wasi.call("fd_readdir", folder, 65_536, 64, 0n, 256);
  const cost = (bytes: number) =>
    costOf(wasi, () => wasi.call("fd_readdir", folder, 65_536, bytes, 1n, 256));
  assert(cost(100 * 27) - cost(10 * 27) >= 80 * 400, `${cost(100 * 27)} and ${cost(10 * 27)}`);
});

Deno.test("each block of a list of them costs, also when it is empty", () => {
  const wasi = new WasiCalls();
  const file = wasi.open(TMP, "a", { create: true });
  for (const name of ["fd_read", "fd_write"]) {
    for (const fd of [file, 1]) {
      if (name === "fd_read" && fd === 1) continue;
      const cost = (count: number) => costOf(wasi, () => wasi.call(name, fd, 65_536, count, 256));
      assert(cost(1000) - cost(1) >= 999 * 20, `${name} of ${fd}`);
    }
  }
});

Deno.test("what the host refuses costs a module too: it may catch that, and go on", () => {
  const source = cryptoImports(importing("driftless_crypto", "sha256"));
  assert(source !== undefined);
  const host = hostOf(source);
  assertThrows(
    () => (host.imports["sha256"] as (...args: number[]) => void)(-1, 1, 0),
    WasmFault,
  );
  assert(host.spent() >= FAULT_UNITS);
});

Deno.test("a module that catches what the host throws comes to its end all the same", async () => {
  const limits: Partial<WasmLimits> = { fuel: 100 * FAULT_UNITS };
  for (const call of ["(call $fetch (i32.const 0))", "(call $respond (i32.const 0))"]) {
    const { handler, suspending } = mounted(caught(call), limits);
    const instance = new WasmInstance(handler);
    instance.refuel();
    const answer = suspending?.enter(instance, REQUEST, new Outbound({}, limitsOf(limits)));
    const error = await answer?.then(() => undefined, (error) => error);
    assert(error instanceof WasmFault, String(error));
    assertStrictEquals(error.code, "wasm_timeout");
    const turns = (instance.exports["turns"] as WebAssembly.Global).value;
    assert(turns > 20 && turns <= 51, `${turns} turns`);
  }
});

Deno.test("a start function, which nobody pays for, has no system", () => {
  const { handler } = mounted(
    assembled(`(module
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (memory (export "memory") 1)
      (func (export "malloc") (param i32) (result i32) (i32.const 4096))
      (func (export "handle_zerobuf") (param i32) (result i32) (unreachable))
      (func $begin (drop (call $yield)))
      (start $begin))`),
    {},
  );
  const error = assertThrows(() => new WasmInstance(handler), WasmFault);
  assertStrictEquals(error.message, "Cannot call the system before the module is there");
});

Deno.test("a module that catches what the host throws before there is a request does not start", () => {
  const { handler } = mounted(caught("(call $fetch (i32.const 0))", "_start"), {
    fuel: 100 * FAULT_UNITS,
  });
  const pool = new InstancePool(handler, { mode: "pool", dropped: () => {} });
  const error = assertThrows(() => pool.acquire(), WasmFault);
  assertStrictEquals(error.code, "wasm_timeout");
});

function mounted(module: Uint8Array<ArrayBuffer>, limits: Partial<WasmLimits>) {
  return prepare({ path: "/m", module, options: { limits } }, createLog("error", () => {}));
}

/** A module that makes a call again and again, whatever it throws, and counts its turns. */
function caught(call: string, where = "handle_zerobuf"): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(`(module
    (import "driftless" "fetch" (func $fetch (param i32) (result i32)))
    (import "driftless" "respond" (func $respond (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $turns (export "turns") (mut i32) (i32.const 0))
    (func (export "malloc") (param i32) (result i32) (i32.const 4096))
    ${
    where === "_start"
      ? '(func (export "handle_zerobuf") (param i32) (result i32) (unreachable))'
      : ""
  }
    (func (export "${where}") ${where === "_start" ? "" : "(param i32) (result i32)"}
      (loop $again
        (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
        (try (do (drop ${call})) (catch_all))
        (br $again))
      (unreachable)))`);
  try {
    module.setFeatures(binaryen.Features.MutableGlobals | binaryen.Features.ExceptionHandling);
    if (module.validate() !== 1) throw new TypeError("The module is not valid");
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

/** A module that imports one function without parameters. */
function importing(from: string, name: string): WebAssembly.Module {
  const text = (it: string) => [it.length, ...new TextEncoder().encode(it)];
  const entry = [1, ...text(from), ...text(name), 0, 0];
  return new WebAssembly.Module(
    new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, entry.length, ...entry]),
  );
}
