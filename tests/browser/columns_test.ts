/** Columns in real Chromium: with their module, and under a policy that forbids it. */
import { assertEquals } from "@std/assert";
import type {} from "./columns_page.ts";
import { launchBrowser } from "./harness.ts";
import { bundledPage } from "./page_bundle.ts";

/** Every request to it is answered by the test. */
const ORIGIN = "http://localhost:8";

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
    const script = await bundledPage("columns_page.ts");
    await using cleanup = new AsyncDisposableStack();
    const browser = await launchBrowser();
    cleanup.defer(() => browser.close());
    const page = await browser.newPage();
    await page.route(`${ORIGIN}/**`, (route) =>
      route.fulfill(
        route.request().url().endsWith(".js") ? { contentType: "text/javascript", body: script } : {
          contentType: "text/html",
          headers: { "content-security-policy": policy },
          body: `<!doctype html><script type="module" src="/s.js"></script>`,
        },
      ));
    await page.goto(`${ORIGIN}/`);
    await page.waitForFunction(() => "columnReport" in globalThis);
    const report = await page.evaluate(
      ([seed, count]) => columnReport(seed, count),
      [SEED, CASES] as const,
    );
    assertEquals([report.kind, report.problems, report.variance], [kind, [], 22.5]);
  });
}
