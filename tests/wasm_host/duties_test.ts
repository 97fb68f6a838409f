/** The duties of a host towards modules, on Deno, Bun and workerd. */
import { assert, assertEquals } from "@std/assert";
import { assembled, SHAPES } from "./broken/shapes.ts";
import { listenNode } from "../../edge/listen_node.ts";
import { DUTY_CASES } from "./duty_cases.ts";
import { type Outcome, runDutyCases } from "./duty_world.ts";
import { runSocketCases } from "./socket_cases.ts";
import { BROKEN, bunReport, DUTIES, workerdReport } from "./runtimes.ts";

const problemsOf = (outcomes: readonly Outcome[]) => outcomes.filter((it) => it.problem !== null);

for (const it of DUTY_CASES) {
  Deno.test(it.title, async () => {
    assertEquals(problemsOf(await runDutyCases([it], await Deno.readFile(DUTIES))), []);
  });
}

Deno.test("the duties of a host are done on Bun", async () => {
  const outcomes = await bunReport("duties");
  assertEquals(problemsOf(outcomes), []);
  assertEquals(outcomes.map(({ title }) => title), DUTY_CASES.map(({ title }) => title));
});

Deno.test("the duties of a host are done on workerd", async () => {
  const outcomes = await workerdReport("duties", await Deno.readFile(BROKEN));
  assertEquals(problemsOf(outcomes), []);
  assertEquals(outcomes.length, DUTY_CASES.length);
});

Deno.test("every case of the duties fails with a module that always answers the same", async () => {
  const outcomes = await runDutyCases(DUTY_CASES, assembled(SHAPES[0]?.text ?? ""));
  const titles = outcomes.filter((it) => it.problem === null).map(({ title }) => title);
  assert(titles.length === 0, titles.join("\n"));
});

Deno.test("A10: the duties of a host towards WebSockets are done", async () => {
  const outcomes = await runSocketCases(listenNode, await Deno.readFile(DUTIES));
  assert(outcomes.length > 0);
  assertEquals(problemsOf(outcomes), []);
});

Deno.test("A10: the duties of a host towards WebSockets are done on Bun", async () => {
  const outcomes = await bunReport("sockets");
  assert(outcomes.length > 0);
  assertEquals(problemsOf(outcomes), []);
});
