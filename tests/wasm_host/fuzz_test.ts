/**
 * Every byte of an answer, changed at random: the host never throws, never gives a status that is none,
 * and serves on. `WASM_FUZZ_ANSWERS` asks for more of them, `WASM_FUZZ_SEED` for others, or for one
 * that failed.
 */
import { assertEquals } from "@std/assert";
import { withLimits } from "../../wasm/fuel.ts";
import { BROKEN_LIMITS } from "./broken/broken_cases.ts";
import { compareAnswers, fuzzAnswers } from "./fuzz.ts";
import { BROKEN, bunReport, workerdReport } from "./runtimes.ts";

const COUNT = Number(Deno.env.get("WASM_FUZZ_ANSWERS") ?? 20_000);
const SEED = Number(Deno.env.get("WASM_FUZZ_SEED") ?? 20_261_121);

Deno.test("answers with changed bytes never take the host down", async () => {
  assertEquals(await fuzzAnswers(await Deno.readFile(BROKEN), { seed: SEED, count: COUNT }), []);
});

Deno.test("answers that are whole come out as they went in", async () => {
  const count = Math.ceil(COUNT / 10);
  assertEquals(await compareAnswers(await Deno.readFile(BROKEN), { seed: SEED, count }), []);
});

Deno.test("answers with changed bytes never take the host down, on Bun", async () => {
  assertEquals(await bunReport("fuzz"), []);
});

Deno.test("answers with changed bytes never take the host down, on workerd", async () => {
  const limited = withLimits(await Deno.readFile(BROKEN), { fuel: BigInt(BROKEN_LIMITS.fuel) });
  assertEquals(await workerdReport("fuzz", limited), []);
});
