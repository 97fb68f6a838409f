/** A page of nothing but a script, under a policy, in real Chromium. */
import type { Page } from "playwright-core";
import { launchBrowser } from "./harness.ts";
import { bundledPage } from "./page_bundle.ts";

/** Every request to it is answered here. */
const ORIGIN = "http://localhost:8";

/** Runs `use` in a page with this script, once the script has defined the global of that name. */
export async function underPolicy<T>(
  { script, policy, ready }: {
    /** A file of `tests/browser`, or a path. */
    readonly script: string;
    /** The page's `content-security-policy`. */
    readonly policy: string;
    readonly ready: string;
  },
  use: (page: Page) => Promise<T>,
): Promise<T> {
  const body = await bundledPage(script);
  await using cleanup = new AsyncDisposableStack();
  const browser = await launchBrowser();
  cleanup.defer(() => browser.close());
  const page = await browser.newPage();
  await page.route(`${ORIGIN}/**`, (route) =>
    route.fulfill(
      route.request().url().endsWith(".js") ? { contentType: "text/javascript", body } : {
        contentType: "text/html",
        headers: { "content-security-policy": policy },
        body: `<!doctype html><script type="module" src="/s.js"></script>`,
      },
    ));
  await page.goto(`${ORIGIN}/`);
  await page.waitForFunction((name) => name in globalThis, ready);
  return await use(page);
}
