/** Columns in real Chromium: with their module, and under a policy that forbids it. */
import { assertEquals } from "@std/assert";
import type {} from "./columns_page.ts";
import { underPolicy } from "./policy_page.ts";

/** Of the random cases; another one finds other cases. */
const SEED = 20_261_127;
const CASES = 5_000;

for (
  const { policy, kind } of [
    { policy: "script-src 'self' 'wasm-unsafe-eval'", kind: "simd" },
    { policy: "script-src 'self'", kind: "plain" },
  ]
) {
  Deno.test(`columns in Chromium are ${kind} under the policy ${policy}`, async () => {
    const report = await underPolicy(
      { script: "columns_page.ts", policy, ready: "columnReport" },
      (page) => page.evaluate(([seed, count]) => columnReport(seed, count), [SEED, CASES] as const),
    );
    assertEquals([report.kind, report.problems, report.variance], [kind, [], 22.5]);
  });
}
