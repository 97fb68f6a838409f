/** The hand-written module in real Chromium: with its twin, and under a policy that forbids it. */
import { assertEquals } from "@std/assert";
import { launchBrowser } from "./harness.ts";
import type {} from "./kernel_page.ts";
import { bundledPage } from "./page_bundle.ts";

/** Every request to it is answered by the test. */
const ORIGIN = "http://localhost:8";

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
    const script = await bundledPage("kernel_page.ts");
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
    await page.waitForFunction(() => "kernelReport" in globalThis);
    const report = await page.evaluate(
      ([seed, count]) => kernelReport(seed, count),
      [
        SEED,
        count,
      ] as const,
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
