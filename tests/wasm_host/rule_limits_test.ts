/** What modules with rules may use, and which of them are refused when they are opened. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../../scripts/steps.ts";
import { withLimits } from "../../wasm/fuel.ts";
import { RULE_BYTES_MAX } from "../../wasm/rule_call.ts";
import {
  RULE_MEMORY_BYTES_MAX,
  RULE_QUESTIONS_MAX,
  RULE_ROUNDS_MAX,
  wasmRules,
} from "../../wasm/rules.ts";
import { watModule } from "../wasm/wat_module.ts";
import { watText as text } from "../wasm/wat_text.ts";
import { pushed, ruleModule as module } from "./rule_modules.ts";

const RULES = join(ROOT, "wasm", "handlers", "rules.wasm");
const PAGE_BYTES = 65_536;

Deno.test("a module may ask so often, and for so much, and no more", () => {
  const rounds = (last: number) => `
    (if (i32.lt_s (global.get $calls) (i32.const ${last}))
      (then (call $say (i32.const -1) (i32.const 512)))
      (else (call $say (i32.const 422) (i32.const 600))))`;
  const data = `${text(512, '[["now"]]')}${text(600, "enough")}`;
  assertEquals(pushed(module(rounds(RULE_ROUNDS_MAX - 1), data)).error, "enough");
  assertEquals(pushed(module(rounds(RULE_ROUNDS_MAX), data)).error, "enough");
  assertEquals(pushed(module(rounds(RULE_ROUNDS_MAX + 1), data)).code, "mutator_failed");
  const asked = (count: number) =>
    pushed(module(
      `(if (i32.eq (global.get $calls) (i32.const 1))
        (then (call $say (i32.const -1) (i32.const 16384)))
        (else (call $say (i32.const 422) (i32.const 600))))`,
      `${text(16_384, JSON.stringify(Array(count).fill(["now"])))}${text(600, "enough")}`,
    ));
  assertEquals(asked(RULE_QUESTIONS_MAX - 1).error, "enough");
  assertEquals(asked(RULE_QUESTIONS_MAX).error, "enough");
  assertEquals(asked(RULE_QUESTIONS_MAX + 1).code, "mutator_failed");
});

Deno.test("a module is asked about so many bytes, and no more", () => {
  const bytes = watModule(`(module (memory (export "memory") 220)
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "handle_zerobuf") (param i32) (result i32) (i32.const 16))
    (data (i32.const 16) "\\02\\00\\00\\00\\c8"))`);
  const { validate } = wasmRules(bytes).schema("s")["~standard"];
  const frame = "VALIDATE".length + "s".length + '""'.length;
  for (const [more, isGood] of [[-1, true], [0, true], [1, false]] as const) {
    const value = "x".repeat(RULE_BYTES_MAX - frame + more);
    if (isGood) assertEquals(validate(value), { value });
    else assertThrows(() => validate(value), RangeError, "Cannot ask a rule");
  }
});

Deno.test("a mutation may use so much fuel, and no more", () => {
  // Each round pays for itself: the fuel is that of all of them.
  const rounds = (count: number) =>
    module(
      `(if (i32.lt_s (global.get $calls) (i32.const ${count}))
        (then (call $say (i32.const -1) (i32.const 512)))
        (else (call $say (i32.const 422) (i32.const 600))))`,
      `${text(512, '[["now"]]')}${text(600, "enough")}`,
    );
  const need = (bytes: Uint8Array<ArrayBuffer>) => {
    let [low, high] = [1, 10_000];
    while (low < high) {
      const fuel = (low + high) >> 1;
      if (pushed(bytes, { fuel }).code === "rejected") high = fuel;
      else low = fuel + 1;
    }
    return low;
  };
  const [once, often] = [need(rounds(1)), need(rounds(10))];
  assert(often > 8 * once, `${once} units for one round, ${often} for ten`);
  for (const [more, code] of [[-1, "mutator_failed"], [0, "rejected"], [1, "rejected"]] as const) {
    assertEquals(pushed(rounds(10), { fuel: often + more }).code, code);
  }
  // The bound that nobody has to give is one that an endless loop meets.
  assertEquals(pushed(module("(loop $l (br $l))")).code, "mutator_failed");
});

Deno.test("a module may have so much memory, and no more", () => {
  const pages = RULE_MEMORY_BYTES_MAX / PAGE_BYTES;
  for (const [more, code] of [[-1, "rejected"], [0, "rejected"], [1, "mutator_failed"]] as const) {
    const grow = `(if (i32.eq (memory.grow (i32.const ${pages - 1 + more})) (i32.const -1))
      (then unreachable)) (call $say (i32.const 422) (i32.const 512))`;
    assertEquals([more, pushed(module(grow, text(512, "enough"))).code], [more, code]);
  }
});

Deno.test("what a module is asked in is given back before it is asked again", () => {
  const bytes = watModule(`(module
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const 0))
    (global $taken (mut i32) (i32.const 0))
    (func (export "malloc") (param i32) (result i32)
      (if (global.get $taken) (then unreachable))
      (global.set $taken (i32.const 32768))
      (global.get $taken))
    (func (export "free") (param i32)
      (if (i32.ne (local.get 0) (global.get $taken)) (then unreachable))
      (global.set $taken (i32.const 0)))
    (func (export "handle_zerobuf") (param i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (i32.store (i32.const 64) (i32.const 2))
      (i32.store (i32.const 68)
        (select (i32.const -1) (i32.const 409) (i32.lt_s (global.get $calls) (i32.const 9))))
      (i32.store (i32.const 96) (i32.const 4))
      (i32.store (i32.const 100) (i32.const 512))
      (i32.const 64))
    ${text(512, '[["now"]]')})`);
  assertEquals(pushed(bytes).code, "conflict");
});

Deno.test("a module that may run for ever, or hides that it does, is refused", async () => {
  const bytes = await Deno.readFile(RULES);
  const plain = new WebAssembly.Module(bytes);
  assertThrows(() => wasmRules(plain), TypeError, "it may run for ever");
  const limited = withLimits(bytes, { fuel: 1_000_000n });
  assertThrows(() => wasmRules(limited), TypeError, "it is limited already");
  const good = { value: { title: "tea", done: true } };
  for (
    const rules of [
      wasmRules(plain, { fuel: Infinity }),
      wasmRules(new WebAssembly.Module(limited)),
      wasmRules(new WebAssembly.Module(limited), { fuel: Infinity }),
      wasmRules(bytes, { fuel: Infinity }),
    ]
  ) assertEquals(rules.schema("todo")["~standard"].validate(good.value), good);
  for (const fuel of [0, -1, 0.5, NaN, 2 ** 53, -Infinity]) {
    assertThrows(() => wasmRules(bytes, { fuel }), TypeError, `its fuel cannot be ${fuel}`);
  }
  for (const memoryBytes of [0, PAGE_BYTES - 1, NaN]) {
    assertThrows(() => wasmRules(bytes, { memoryBytes }), TypeError, `have ${memoryBytes} bytes`);
  }
  assertThrows(() => wasmRules("no" as unknown as typeof bytes), TypeError, "neither a module");
});

Deno.test("a module whose results differ between machines is refused", () => {
  const adding = (op: string) =>
    module(
      `(drop (${op} (v128.const i64x2 1 1) (v128.const i64x2 2 2) (v128.const i64x2 3 3)))
      (call $say (i32.const 422) (i32.const 512))`,
      text(512, "fine"),
    );
  assertThrows(
    () => wasmRules(adding("f64x2.relaxed_madd")),
    TypeError,
    "relaxed SIMD gives results that differ between machines",
  );
  assertEquals(pushed(adding("v128.bitselect")).error, "fine");
});

Deno.test("a module without rules is refused when it is opened", () => {
  const refused = (bytes: Uint8Array<ArrayBuffer>, reason: string) =>
    assertThrows(() => wasmRules(bytes), TypeError, reason);
  refused(new Uint8Array([1, 2, 3]), "Cannot use the module for rules");
  refused(watModule("(module)"), 'it does not export the memory "memory"');
  refused(
    watModule(`(module (import "env" "now" (func)) (memory (export "memory") 1)
      (func (export "malloc") (param i32) (result i32) (i32.const 0))
      (func (export "handle_zerobuf") (param i32) (result i32) (i32.const 0)))`),
    'it imports "now" of "env", and rules depend on nothing',
  );
  const poor = watModule(`(module (memory (export "memory") 1)
      (func (export "malloc") (param i32) (result i32) (i32.const 0))
      (func (export "handle_zerobuf") (param i32) (result i32) (i32.const 0)))`);
  const { validate } = wasmRules(poor).schema("s")["~standard"];
  assertThrows(() => validate(1), RangeError, "bytes of the module");
});
