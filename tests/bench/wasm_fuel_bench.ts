/**
 * What it costs a module to count its instructions, and how fast modules are rewritten for that.
 *
 *     deno task bench wasm_fuel
 */
import { readFile } from "node:fs/promises";
import { withLimits } from "../../wasm/fuel.ts";
import { kernelOf } from "../../wasm/kernel.ts";
import { foundModules } from "../wasm/found_modules.ts";
import { watModule } from "../wasm/wat_module.ts";
import { contender, medians } from "./rounds.ts";

const FUEL = 1n << 62n;
/** Smaller ones tell nothing of the speed. */
const MODULE_BYTES_MIN = 50_000;

/** Loops of very few instructions: the worst case. */
const LOOPS = `(module (memory 1)
  (func (export "sum") (param $n i32) (result i32) (local $sum i32)
    (loop $a
      (local.set $sum (i32.add (local.get $sum)
        (i32.load (i32.and (local.get $n) (i32.const 65532)))))
      (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2))))))))`;

type Call = (argument: number) => number;

console.log("fuel, median of alternating rounds: how much longer a counted module takes\n");
const loops = watModule(LOOPS);
const [plainLoops, countedLoops] = [loops, withLimits(loops, { fuel: FUEL })].map((bytes) =>
  new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Record<string, Call>
);
for (const [name, argument] of [["sum", 10_000], ["fib", 18]] as const) {
  show(name, () => plainLoops?.[name]?.(argument), () => countedLoops?.[name]?.(argument));
}
const kernelBytes = new Uint8Array(
  await readFile(new URL("../../wasm/kernel.wasm", import.meta.url)),
);
const plain = kernelOf(new WebAssembly.Module(kernelBytes));
const counted = kernelOf(new WebAssembly.Module(withLimits(kernelBytes, { fuel: FUEL })));
const messages = new Uint8Array(100_000);
const ends = Uint32Array.from({ length: 1000 }, (_, index) => (index + 1) * 100);
show("BLAKE3 kernel", () => plain.hashAll(messages, ends), () => counted.hashAll(messages, ends));

for await (const { name, bytes } of foundModules()) {
  if (bytes.length < MODULE_BYTES_MIN) continue;
  const [ns = NaN] = medians([contender(name, () => withLimits(bytes, { fuel: FUEL }))]);
  const growth = (withLimits(bytes, { fuel: FUEL }).length / bytes.length - 1) * 100;
  console.log(
    `rewriting ${bytes.length} B: ${(ns / 1e6).toFixed(2)} ms, ` +
      `${(bytes.length / ns * 1000).toFixed(0)} MB/s, ${growth.toFixed(1)} % more bytes`,
  );
}

function show(name: string, plain: () => unknown, counted: () => unknown): void {
  const [without = NaN, withFuel = NaN] = medians([
    contender("plain", plain),
    contender("counted", counted),
  ]);
  console.log(`${name.padEnd(16)}${(withFuel / without).toFixed(2)}×`);
}
