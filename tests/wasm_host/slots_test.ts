/** The library for slots, on Deno, Bun and workerd. */
import { assertEquals } from "@std/assert";
import type { Outcome } from "./duty_world.ts";
import { BROKEN, bunReport, workerdReport } from "./runtimes.ts";
import { SLOT_CASES } from "./slot_cases.ts";
import { SLOT_DEFECT_CASES } from "./slot_defect_cases.ts";
import { SLOT_RANDOM_CASES } from "./slot_random_cases.ts";
import { runSlotCases } from "./slot_world.ts";

const CASES = [...SLOT_CASES, ...SLOT_DEFECT_CASES, ...SLOT_RANDOM_CASES];

for (const it of CASES) Deno.test(it.title, () => passed(runSlotCases([it]), [it.title]));

Deno.test("slots work on Bun", async () => {
  passed(await bunReport("slots"), CASES.map(({ title }) => title));
});

Deno.test("slots work on workerd", async () => {
  const outcomes = await workerdReport("slots", await Deno.readFile(BROKEN));
  passed(outcomes, CASES.filter(({ notOn }) => notOn === undefined).map(({ title }) => title));
});

function passed(outcomes: readonly Outcome[], titles: readonly string[]): void {
  assertEquals(outcomes.filter(({ problem }) => problem !== null), []);
  assertEquals(outcomes.map(({ title }) => title), titles);
}
