/** A C program with its library as a handler, on Deno, Bun and workerd. */
import { assertEquals } from "@std/assert";
import type { Outcome } from "./duty_world.ts";
import { BROKEN, bunReport, workerdReport } from "./runtimes.ts";
import { runSystemCases } from "./system_cases.ts";

const MODULE = new URL("system.wasm", import.meta.url);

Deno.test("a C program is a handler with files, clocks and output on Deno", async () => {
  passed(await runSystemCases(await Deno.readFile(MODULE)));
});

Deno.test("a C program is a handler with files, clocks and output on Bun", async () => {
  passed(await bunReport("system"));
});

Deno.test("a C program is a handler with files, clocks and output on workerd", async () => {
  passed(await workerdReport("system", await Deno.readFile(BROKEN)));
});

function passed(outcomes: readonly Outcome[]): void {
  assertEquals(outcomes.filter(({ problem }) => problem !== null), []);
  assertEquals(outcomes.length, 16);
}
