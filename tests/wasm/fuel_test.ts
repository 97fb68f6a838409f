/** Modules that count what they do: the same results, an exact limit, and an end to whatever spins. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { kernelOf } from "../../wasm/kernel.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { FUEL_EXPORT, isLimited, withLimits } from "../../wasm/fuel.ts";
import { patternOf } from "./kernel_cases.ts";
import { VECTOR_CONTEXT, VECTORS } from "./blake3_vectors.ts";
import { foundModules } from "./found_modules.ts";
import { programText } from "./random_program.ts";
import { watModule } from "./wat_module.ts";

type Run = (...args: number[]) => number;

const PLENTY = 1n << 60n;
/** More programs with a larger number: `FUEL_PROGRAMS=2000 deno test …`. */
const PROGRAMS = Number(Deno.env.get("FUEL_PROGRAMS") ?? 60);

Deno.test("every module that packages bring along is valid with limits, as it was", async () => {
  let count = 0;
  for await (const { name, bytes } of foundModules()) {
    assert(WebAssembly.validate(bytes), name);
    const limited = withLimits(bytes, { memoryPages: 65_536, fuel: PLENTY });
    assert(WebAssembly.validate(limited), `${name} of ${bytes.length} bytes`);
    const module = new WebAssembly.Module(limited);
    assert(isLimited(module));
    assertEquals(
      WebAssembly.Module.exports(module).slice(0, -1),
      WebAssembly.Module.exports(new WebAssembly.Module(bytes)),
    );
    count += 1;
  }
  assert(count >= 15, `only ${count} modules were found`);
});

Deno.test("the kernel with limits gives the published digests, and those of its twin", async () => {
  const kernel = kernelOf(
    new WebAssembly.Module(
      withLimits(await kernelBytes(), { memoryPages: 1000, fuel: PLENTY }),
    ),
  );
  const hex = (bytes: Uint8Array) =>
    [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (const { length, hash, derived } of VECTORS) {
    const message = patternOf(length);
    assertEquals(hex(kernel.hashAll(message, Uint32Array.of(length))), hash);
    assertEquals(hex(kernel.deriveKey(VECTOR_CONTEXT, message)), derived);
  }
  const messages = patternOf(9000);
  const ends = Uint32Array.from({ length: 90 }, (_, index) => (index + 1) * 100);
  assertEquals(kernel.hashAll(messages, ends), plainKernel.hashAll(messages, ends));
});

Deno.test("any program does the same with limits, and stops at exactly what it costs", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 200 }), (seed, argument) => {
      const bytes = watModule(programText(seed));
      const plain = runOf(bytes);
      const limited = limitedRun(bytes);
      const expected = plain.run(argument);
      assertEquals(limited.run(argument), expected);
      assertEquals(limited.memory(), plain.memory());
      const cost = PLENTY - limited.fuel();
      assert(cost > 0n);
      for (const [given, left] of [[cost, 0n], [cost + 1n, 1n]] as const) {
        const exact = limitedRun(bytes, given);
        assertEquals(exact.run(argument), expected);
        assertEquals(exact.fuel(), left);
      }
      const short = limitedRun(bytes, cost - 1n);
      assertThrows(() => short.run(argument), WebAssembly.RuntimeError);
      assert(short.fuel() < 0n);
    }),
    { numRuns: PROGRAMS },
  );
});

Deno.test("a loop costs at least as much as the instructions that it runs", () => {
  const text = `(module (func (export "run") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))`;
  const costOf = (turns: number) => {
    const limited = limitedRun(watModule(text));
    limited.run(turns);
    return PLENTY - limited.fuel();
  };
  const [once, hundred] = [costOf(1), costOf(100)];
  const each = (hundred - once) / 99n;
  assert(each >= 9n && each <= 12n, `a turn costs ${each}`);
  assertEquals(hundred, once + 99n * each);
});

Deno.test("a function costs by its locals, which the engine sets to zero", () => {
  const costOf = (locals: number) => {
    const text = `(module (func $f (local ${"i64 ".repeat(locals)}))
      (func (export "run") (param i32) (result i32) (call $f) (i32.const 1)))`;
    const limited = limitedRun(watModule(text));
    assertEquals(limited.run(0), 1);
    return PLENTY - limited.fuel();
  };
  assertEquals(costOf(10_000) - costOf(0), 10_000n);
});

Deno.test("a loop costs by the values that each turn takes along", () => {
  // Each turn pushes a value, and goes on with the topmost ones: the engine moves them all.
  const turnsOf = (values: number) => {
    const limited = limitedRun(shiftingLoop(values), 100_000n);
    assertThrows(() => limited.run(0), WebAssembly.RuntimeError);
    return (limited.exports["turns"] as WebAssembly.Global).value;
  };
  const [few, many] = [turnsOf(0), turnsOf(900)];
  assert(few > 5_000 && many < 110, `${few} turns with none, ${many} with 900`);
});

const SPINNERS: Readonly<Record<string, string>> = {
  "a loop": `(func (export "run") (param i32) (result i32) (loop $a (br $a)) (unreachable))`,
  "a loop in a branch": `(func (export "run") (param i32) (result i32)
    (loop $a (if (i32.const 1) (then (block $b (br_table $a $a (local.get 0)))))) (unreachable))`,
  "a tail call": `(func $f (export "run") (param i32) (result i32) (return_call $f (local.get 0)))`,
  "a recursion": `(func $f (export "run") (param i32) (result i32)
    (drop (call $f (i32.const 1))) (call $f (i32.const 1)))`,
  "a loop that catches": `(tag $t) (func $f (throw $t))
    (func (export "run") (param i32) (result i32)
      (loop $a (block $b (try_table (catch_all $b) (call $f) (unreachable))) (br $a))
      (unreachable))`,
  "a mutual recursion through a table": `(type $t (func (param i32) (result i32)))
    (table 2 2 funcref) (elem (i32.const 0) $f $g)
    (func $f (export "run") (param i32) (result i32)
      (return_call_indirect (type $t) (local.get 0) (i32.const 1)))
    (func $g (param i32) (result i32)
      (return_call_indirect (type $t) (local.get 0) (i32.const 0)))`,
};

for (const [name, functions] of Object.entries(SPINNERS)) {
  Deno.test(`${name} without end is stopped`, () => {
    const limited = limitedRun(watModule(`(module (memory 1) ${functions})`), 1_000_000n);
    const error = assertThrows(() => limited.run(0));
    // A recursion may use up the engine's stack before its fuel.
    assert(limited.fuel() < 0n || error instanceof RangeError, String(error));
  });
}

Deno.test("what moves many bytes costs by their number", () => {
  const bytes = watModule(`(module (memory 2) (table $t 10 funcref) (data $d "0123456789")
    (func (export "run") (param $n i32) (result i32)
      (memory.fill (i32.const 0) (i32.const 7) (local.get $n))
      (memory.copy (i32.const 65536) (i32.const 0) (local.get $n))
      (memory.init $d (i32.const 0) (i32.const 0) (i32.const 10))
      (table.fill $t (i32.const 0) (ref.null func) (i32.const 8))
      (drop (table.grow $t (ref.null func) (i32.const 16)))
      (i32.load8_u (i32.const 65536))))`);
  const costOf = (length: number) => {
    const limited = limitedRun(bytes);
    assertEquals(limited.run(length), length === 0 ? 0 : 7);
    return PLENTY - limited.fuel();
  };
  assertEquals(costOf(64 * 1000) - costOf(0), 2000n);
  const short = limitedRun(bytes, costOf(64 * 1000) - 1n);
  assertThrows(() => short.run(64 * 1000), WebAssembly.RuntimeError);
});

Deno.test("what takes the engine long costs when it is done, and not when it could be", () => {
  const bytes = watModule(`(module (memory 1) (tag $t) (func $f (param i32)
      (if (local.get 0) (then (throw $t))))
    (func (export "run") (param i32) (result i32)
      (block $caught (try_table (catch_all $caught) (call $f (local.get 0)))) (i32.const 1))
    (func (export "grow") (result i32) (memory.grow (i32.const 1))))`);
  const costOf = (argument: number) => {
    const limited = limitedRun(bytes);
    assertEquals(limited.run(argument), 1);
    return PLENTY - limited.fuel();
  };
  assertEquals(costOf(1) - costOf(0), 10_000n);
  const limited = limitedRun(bytes);
  assertEquals((limited.exports["grow"] as Run)(), 1);
  assert(PLENTY - limited.fuel() > 1000n);
});

Deno.test("to catch costs, whoever has thrown, each time that it is done", () => {
  // The one that imports throw is not paid for by anybody else.
  const costOf = (catches: string) => {
    const bytes = watModule(`(module (import "host" "fail" (func $fail))
      (func (export "run") (param i32) (result i32) ${catches} (i32.const 1)))`);
    const fail = () => {
      throw new TypeError("not today");
    };
    const module = new WebAssembly.Module(withLimits(bytes, { fuel: PLENTY }));
    const { exports } = new WebAssembly.Instance(module, { host: { fail } });
    assertEquals((exports["run"] as Run)(0), 1);
    return PLENTY - BigInt((exports[FUEL_EXPORT] as WebAssembly.Global).value);
  };
  const none = costOf("");
  const legacy = costOf("(try (do (call $fail)) (catch_all))");
  assert(legacy - none > 10_000n, `${legacy - none}`);
  const modern = costOf("(block $b (try_table (catch_all $b) (call $fail)))");
  assert(modern - none > 1_000n, `${modern - none}`);
});

Deno.test("what a module does while it starts counts as well", () => {
  const bytes = watModule(`(module (func $f (loop $a (br $a))) (start $f))`);
  assertThrows(
    () => new WebAssembly.Instance(new WebAssembly.Module(withLimits(bytes, { fuel: 10_000n }))),
    WebAssembly.RuntimeError,
  );
});

const INSTRUCTIONS: Readonly<Record<string, string>> = {
  "sign extension and saturation": `(func (drop (i32.extend8_s (i32.const 1)))
    (drop (i64.extend32_s (i64.const -1))) (drop (i32.trunc_sat_f64_u (f64.const 3.5))))`,
  "constants of every size": `(func (drop (i32.const -2147483648)) (drop (f32.const 1.5))
    (drop (i64.const -9223372036854775808)) (drop (f64.const 1e300))
    (drop (v128.const i32x4 1 2 3 4)))`,
  "SIMD, also relaxed": `(memory 1) (func (param $v v128)
    (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31 (local.get 0) (local.get 0)))
    (drop (i32x4.extract_lane 3 (i32x4.add (local.get 0) (local.get 0))))
    (v128.store64_lane offset=8 1 (i32.const 0) (local.get 0))
    (drop (v128.load32_zero offset=4 (i32.const 0)))
    (drop (f64x2.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))`,
  "atomics": `(memory 1 2 shared) (func (atomic.fence)
    (drop (i32.atomic.rmw.add offset=8 (i32.const 0) (i32.const 1)))
    (drop (i64.atomic.rmw8.cmpxchg_u (i32.const 0) (i64.const 1) (i64.const 1)))
    (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))`,
  "references and tables": `(table $t 3 3 funcref) (table $e 1 1 externref) (elem declare func $f)
    (func $f (param externref) (result funcref) (table.set $e (i32.const 0) (local.get 0))
      (drop (ref.is_null (table.get $e (i32.const 0)))) (drop (table.size $t))
      (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))
      (select (result funcref) (ref.func $f) (ref.null func) (i32.const 0)))`,
  "exceptions": `(tag $t (param i32)) (func (result i32)
    (block $b (result i32) (try_table (catch $t $b) (throw $t (i32.const 1))) (i32.const 2)))
    (func (param i32) (block $b (result exnref)
      (try_table (catch_all_ref $b) (throw $t (i32.const 1))) (return)) (throw_ref))`,
  "several values": `(func $two (result i32 i64) (i32.const 1) (i64.const 2))
    (func (param i32) (result i32) (local f64) (local.get 0)
      (loop $l (param i32) (result i32) (br_if $l (local.get 0))))`,
  "branches by table": `(func (param i32) (block $a (block $b (block $c
    (br_table $a $b $c $a (local.get 0))))))`,
};

for (const [name, functions] of Object.entries(INSTRUCTIONS)) {
  Deno.test(`${name} stay valid with limits`, () => {
    const bytes = watModule(`(module ${functions})`);
    assert(WebAssembly.validate(bytes), "the engine does not know it");
    assert(WebAssembly.validate(withLimits(bytes, { memoryPages: 100, fuel: 1n })));
  });
}

Deno.test("legacy exceptions stay valid with limits", () => {
  const body = [
    ...[0x06, 0x40, 0x08, 0, 0x07, 0, 0x09, 0, 0x19, 0x01, 0x0b], // try throw catch rethrow catch_all
    ...[0x06, 0x40, 0x06, 0x40, 0x08, 0, 0x18, 0, 0x0b], // try try throw delegate end
    0x0b,
  ];
  const bytes = Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 13, 3, 1, 0, 0],
    ...[10, body.length + 3, 1, body.length + 1, 0, ...body],
  );
  assertEquals(WebAssembly.validate(withLimits(bytes, { fuel: 1n })), WebAssembly.validate(bytes));
});

Deno.test("what cannot be limited is refused, with the reason", () => {
  const cases: readonly [string, string][] = [
    [
      `(memory 1 1 shared) (func (drop
        (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))`,
      "to wait costs nothing, so it cannot be limited",
    ],
    [`(type $s (struct (field i32))) (func (drop (struct.new $s (i32.const 1))))`, "the garbage"],
    [`(memory i64 1)`, "64-bit addresses"],
    [`(global (export "driftless_fuel") i32 (i32.const 1))`, "it is limited already"],
  ];
  for (const [text, reason] of cases) {
    const bytes = watModule(`(module ${text})`);
    assertThrows(() => withLimits(bytes, { memoryPages: 10, fuel: 1n }), TypeError, reason);
  }
});

Deno.test("places in the code are left out, and names stay", () => {
  const custom = (name: string) => {
    const text = new TextEncoder().encode(name);
    return [0, text.length + 2, text.length, ...text, 1];
  };
  const bytes = Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...[".debug_info", "producers", "sourceMappingURL", "notes"].flatMap(custom),
  );
  const module = new WebAssembly.Module(withLimits(bytes, { fuel: 1n }));
  const has = (name: string) => WebAssembly.Module.customSections(module, name).length;
  assertEquals([has(".debug_info"), has("sourceMappingURL")], [0, 0]);
  assertEquals([has("producers"), has("notes")], [1, 1]);
});

Deno.test("bytes that end anywhere, or are changed anywhere, are refused or limited", async () => {
  const bytes = await kernelBytes();
  for (let length = 0; length < bytes.length; length += 61) {
    limitOrRefuse(bytes.subarray(0, length));
  }
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), {
        minLength: 1,
        maxLength: 4,
      }),
      (changes) => {
        const changed = bytes.slice();
        for (const [at, value] of changes) changed[at] = value;
        limitOrRefuse(changed);
      },
    ),
    { numRuns: PROGRAMS * 3 },
  );
});

/** What was valid stays so; else there is an error that tells where. */
function limitOrRefuse(bytes: Uint8Array<ArrayBuffer>): void {
  let limited: Uint8Array<ArrayBuffer>;
  try {
    limited = withLimits(bytes, { memoryPages: 65_536, fuel: 1n });
  } catch (error) {
    assert(error instanceof TypeError && /^Cannot (?:read|limit) the module: /.test(error.message));
    return;
  }
  if (WebAssembly.validate(bytes)) assert(WebAssembly.validate(limited));
}

function limitedRun(bytes: Uint8Array<ArrayBuffer>, fuel = PLENTY) {
  const limited = runOf(withLimits(bytes, { fuel }));
  const counter = limited.exports[FUEL_EXPORT] as WebAssembly.Global;
  return { ...limited, fuel: () => counter.value as bigint };
}

function runOf(bytes: Uint8Array<ArrayBuffer>) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  return {
    exports,
    run: exports["run"] as Run,
    memory: () => new Uint8Array((exports["memory"] as WebAssembly.Memory).buffer).slice(0, 1024),
  };
}

async function kernelBytes(): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(new URL("../../wasm/kernel.wasm", import.meta.url));
}

/** A loop without end whose turns begin with so many values; binaryen writes no such loops. */
function shiftingLoop(values: number): Uint8Array<ArrayBuffer> {
  const count = [values & 127 | 128, values >> 7];
  const section = (id: number, ...content: number[]) => [
    id,
    content.length & 127 | 128,
    content.length >> 7,
    ...content,
  ];
  const code = [
    0,
    ...Array.from({ length: values }, () => [0x42, 1]).flat(),
    ...[0x03, 1], // loop
    ...[0x23, 0, 0x41, 1, 0x6a, 0x24, 0], // one turn more
    ...[0x42, 2, 0x0c, 0, 0x0b], // i64.const, br 0, end
    ...[0x00, 0x0b],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, ...count, ...Array(values).fill(0x7e), 0),
    ...section(3, 1, 0),
    ...section(6, 1, 0x7f, 1, 0x41, 0, 0x0b),
    ...section(7, 2, 3, 0x72, 0x75, 0x6e, 0, 0, 5, 0x74, 0x75, 0x72, 0x6e, 0x73, 3, 0),
    ...section(10, 1, code.length & 127 | 128, code.length >> 7, ...code),
  ]);
}
