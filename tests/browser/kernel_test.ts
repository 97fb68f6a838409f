/** The hand-written module in real Chromium: with its twin, and under a policy that forbids it. */
import { assertEquals } from "@std/assert";
import type {} from "./kernel_page.ts";
import { underPolicy } from "./policy_page.ts";

/** Of the random cases; another one finds other cases. */
const SEED = 20_261_124;
const CASES = 20_000;

function kernelTest(name: string, { policy, kind, count }: {
  /** The page's `content-security-policy`. */
  readonly policy: string;
  readonly kind: string;
  readonly count: number;
}): void {
  Deno.test(name, async () => {
    const report = await underPolicy(
      { script: "kernel_page.ts", policy, ready: "kernelReport" },
      (page) => page.evaluate(([seed, most]) => kernelReport(seed, most), [SEED, count] as const),
    );
    assertEquals([report.kind, report.problems], [kind, []]);
  });
}

kernelTest("the module agrees with its twin in Chromium", {
  policy: "script-src 'self' 'wasm-unsafe-eval'",
  kind: "simd",
  count: CASES,
});

kernelTest("a page whose policy forbids WebAssembly gets the twin", {
  policy: "script-src 'self'",
  kind: "plain",
  count: 0,
});
