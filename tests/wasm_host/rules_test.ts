/** Rules of modules: as an app's own everywhere, and what becomes of modules that do wrong. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../../scripts/steps.ts";
import { collection, defineApp } from "../../core/app.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { SyncServer } from "../../core/server.ts";
import { RULE_QUESTIONS_MAX, RULE_ROUNDS_MAX, wasmRules } from "../../wasm/rules.ts";
import { underPolicy } from "../browser/policy_page.ts";
import { ann, Author, ManualClock } from "../core/server_rig.ts";
import { ALWAYS, SuspendingMemory } from "../core/suspending_memory.ts";
import { assertServes, withDoors } from "../edge/served_app.ts";
import { watText as text } from "../wasm/wat_text.ts";
import type { Outcome } from "./duty_world.ts";
import { moduleApp } from "./rule_apps.ts";
import { runRuleCases } from "./rule_cases.ts";
import { pushed, ruleModule as module } from "./rule_modules.ts";
import type {} from "./rule_page.ts";
import { BROKEN, bunReport, workerdReport } from "./runtimes.ts";

const RULES = join(ROOT, "wasm", "handlers", "rules.wasm");
const PAGE_BYTES = 65_536;

function passed(outcomes: readonly Outcome[]): void {
  assertEquals(outcomes.filter(({ problem }) => problem !== null), []);
  assertEquals(outcomes.length, 2);
}

Deno.test("rules of a module are an app's own on Deno", async () => {
  passed(runRuleCases(await Deno.readFile(RULES)));
});

Deno.test("rules of a module are an app's own on Bun", async () => {
  passed(await bunReport("rules"));
});

Deno.test("rules of a module are an app's own on workerd", async () => {
  passed(await workerdReport("rules", await Deno.readFile(BROKEN)));
});

Deno.test("rules of a module are an app's own in Chromium", async () => {
  const bytes = [...await Deno.readFile(RULES)];
  const script = join(ROOT, "tests", "wasm_host", "rule_page.ts");
  const policy = "script-src 'self' 'wasm-unsafe-eval'";
  passed(
    await underPolicy(
      { script, policy, ready: "ruleReport" },
      (page) => page.evaluate((module) => ruleReport(module), bytes),
    ),
  );
});

Deno.test("a mutator of a module writes what it says, and refuses in its words", () => {
  const put = text(512, '[["put","note","n",{"a":1}],["put","note","m",{}],["delete","note","m"]]');
  assertEquals(pushed(module("(call $say (i32.const 200) (i32.const 512))", put)).rows, {
    n: { a: 1 },
  });
  const reason = text(512, "Not today");
  for (
    const [status, code] of [
      [403, "forbidden"],
      [404, "not_found"],
      [409, "conflict"],
      [422, "rejected"],
    ] as const
  ) {
    const told = pushed(module(`(call $say (i32.const ${status}) (i32.const 512))`, reason));
    assertEquals([told.code, told.error, told.rows], [code, "Not today", {}]);
  }
});

Deno.test("a mutator is told what it asks for, in the order of its questions", () => {
  // First it asks for five things; then it writes what it was told, as the request has it.
  const questions = '[["now"],["id"],["principal"],["row","note","n"],["all","note"]]';
  const echo = `
    (if (i32.eq (global.get $calls) (i32.const 1))
      (then (call $say (i32.const -1) (i32.const 512)))
      (else (call $say (i32.const 422) (i32.load (i32.add (local.get $request) (i32.const 36))))))`;
  const { code, error } = pushed(module(echo, text(512, questions)));
  assertEquals(code, "rejected");
  const { args, scope, known } = JSON.parse(error ?? "");
  assertEquals([args, scope, known.length], [{ x: 1 }, "home", 5]);
  assertEquals([typeof known[0], known[1], known[2]], ["number", "a-1-1", { id: "ann" }]);
  assertEquals(known.slice(3), [null, []]);
});

Deno.test("nothing of one mutation is left in a module for the next one", () => {
  const count = `(call $say (i32.add (i32.const 421) (global.get $calls)) (i32.const 512))`;
  const bytes = module(count, text(512, "the first one"));
  const run = wasmRules(bytes).mutator("act");
  const context = { scope: "home", principal: null, now: 0, newId: () => "id" };
  for (let call = 0; call < 3; call++) {
    assertThrows(() => run({}, null, context), Error, "the first one");
  }
});

Deno.test("a module that does wrong fails its own mutation, and tells the caller nothing", () => {
  const says = (status: number, answer: string) =>
    pushed(module(`(call $say (i32.const ${status}) (i32.const 512))`, text(512, answer)));
  const wrong: readonly (readonly [string, ReturnType<typeof pushed>, RegExp])[] = [
    ["a trap", pushed(module("unreachable")), /unreachable/],
    ["a wild answer", pushed(module("(return (i32.const -8))")), /Cannot read an answer/],
    ["no answer", pushed(module("(return (i32.const 0))")), /Cannot read an answer/],
    ["wild text", pushed(module("(call $say (i32.const 200) (i32.const -4))")), /bounds|leave/],
    ["no status", pushed(module("(i32.store (i32.const 64) (i32.const 4))")), /status/],
    ["a strange status", says(302, ""), /status 302/],
    ["no list", says(200, "{}"), /no list/],
    ["no JSON", says(200, "[[["), /JSON/],
    ["a strange write", says(200, '[["rename","note","n"]]'), /Cannot do "rename"/],
    ["a strange item", says(200, '[{"a":1}]'), /makes no sense/],
    ["no collection", says(200, '[["delete","other","n"]]'), /collection "other"/],
    ["a name of objects", says(200, '[["delete","constructor","n"]]'), /"constructor"/],
    ["no questions", says(-1, "[]"), /Cannot answer 0/],
    ["a strange question", says(-1, '[["weather"]]'), /question "weather"/],
    ["endless questions", says(-1, '[["now"]]'), new RegExp(`more than ${RULE_ROUNDS_MAX} times`)],
    [
      "too many questions",
      says(-1, JSON.stringify(Array(RULE_QUESTIONS_MAX + 1).fill(["now"]))),
      /Cannot answer 1001/,
    ],
    ["an endless loop", pushed(module("(loop $l (br $l))"), { fuel: 10_000 }), /unreachable/],
    [
      "too much memory",
      pushed(
        module("(if (i32.eq (memory.grow (i32.const 9)) (i32.const -1)) (then unreachable))"),
        { memoryBytes: 4 * PAGE_BYTES },
      ),
      /unreachable/,
    ],
  ];
  for (const [what, { code, error, reason, rows }, pattern] of wrong) {
    assertEquals([what, code], [what, "mutator_failed"]);
    assertMatch(reason ?? "", pattern, what);
    assert(!pattern.test(error ?? ""), `${what}: ${error}`);
    assertEquals(rows, {});
  }
});

Deno.test("a schema of a module makes values, and fails where the module does", () => {
  const value = (bytes: Uint8Array<ArrayBuffer>) =>
    wasmRules(bytes).schema("s")["~standard"].validate({ a: 1 });
  const says = (status: number, answer: string) =>
    module(`(call $say (i32.const ${status}) (i32.const 512))`, text(512, answer));
  assertEquals(value(says(200, "")), { value: { a: 1 } });
  assertEquals(value(says(200, '{"b":2}')), { value: { b: 2 } });
  assertEquals(value(says(422, "no")), { issues: [{ message: "no" }] });
  assertEquals(value(says(422, "")), { issues: [{ message: "it is refused" }] });
  assertEquals(value(says(422, '[{"message":"no","path":["a",0,null]},{"message":1}]')), {
    issues: [{ message: "no", path: ["a", 0] }, { message: "it is refused" }],
  });
  assertEquals(value(says(422, '[null,{"message":{"toString":1}}]')), {
    issues: [{ message: "it is refused" }, { message: "it is refused" }],
  });
  const good = wasmRules(module("(call $say (i32.const 200) (i32.const 512))", text(512, "")));
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  for (const strange of [undefined, 1n, cyclic, () => {}, Symbol("s")]) {
    assertEquals(good.schema("s")["~standard"].validate(strange), {
      issues: [{ message: "it is no JSON" }],
    });
  }
  assertThrows(() => value(says(500, "secret")), Error, 'what "s" means by status 500');
  assertThrows(() => value(module("unreachable")), Error);
});

Deno.test("a server outlives modules with rules that fail in every way, and says a code", async () => {
  const broken = wasmRules(module("unreachable"));
  const endless = wasmRules(module("(loop $l (br $l))"), { fuel: 1_000_000 });
  const app = defineApp({
    name: "t",
    collections: {
      note: collection<"note", object>("note", broken.schema<object>("note")),
      slow: collection<"slow", object>("slow", endless.schema<object>("slow")),
    },
    mutators: { trap: broken.mutator("trap"), spin: endless.mutator("spin") },
  });
  await withDoors({ app }, async (doors) => {
    let id = 0;
    for (const name of ["trap", "spin", "note.create", "slow.create"]) {
      const args = { id: "n", data: {} };
      const mutations = [{ id: `m${++id}`, name, args }];
      const response = await doors.post("/_sync/push", { mutations });
      const { results } = await response.json();
      assertEquals([name, results[0].code], [name, "mutator_failed"]);
      assert(!/unreachable|wasm/i.test(results[0].error), results[0].error);
    }
    await assertServes(doors);
  });
});

Deno.test("rules of a module come to the same over a store that fetches its rows", async () => {
  const rules = await Deno.readFile(RULES);
  const told: string[] = [];
  for (const store of [new MemoryStore("e"), new SuspendingMemory("e", ALWAYS)]) {
    const clock = new ManualClock();
    const server = new SyncServer({ app: moduleApp(rules), store, clock });
    const author = new Author("a");
    const results: unknown[] = [];
    for (
      const [name, args] of [
        ["todo.add", { title: "tea" }],
        ["todo.toggle", { id: "a-1-1" }],
        ["todo.add", { title: "" }],
        ["todo.take", { id: "a-1-1" }],
        ["todo.toggle", { id: "nowhere" }],
        ["todo.add", { title: "cake" }],
        ["todo.clear", null],
      ] as const
    ) {
      const mutations = [author.call(name, args)];
      const push = () => server.push([{ principal: ann, mutations }]).results[0];
      results.push(...await server.settled(push) ?? []);
    }
    const inner = store instanceof MemoryStore ? store : store.inner;
    if (store instanceof SuspendingMemory) assert(store.rerun > 7, `${store.rerun} runs again`);
    told.push(JSON.stringify([results, [...inner.rows("home", "todo")]]));
  }
  assertEquals(told[1], told[0]);
  assertMatch(told[0] ?? "", /cake/);
});
