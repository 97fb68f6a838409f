/** Tabs with old code beside tabs with new code, on one IndexedDB in real Chromium. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { launchBrowser } from "./harness.ts";
import { bundledPage } from "./page_bundle.ts";
import type {} from "./versions_page.ts";

/** A place that counts as secure; every request to it is answered by the test. */
const ORIGIN = "http://localhost:8";

Deno.test("tabs with old and with new code share a storage and spoil nothing", async () => {
  const script = await bundledPage("versions_page.ts");
  await using cleanup = new AsyncDisposableStack();
  const browser = await launchBrowser();
  cleanup.defer(() => browser.close());
  const context = await browser.newContext();
  await context.route(`${ORIGIN}/**`, (route) =>
    route.fulfill(
      route.request().url().endsWith(".js") ? { contentType: "text/javascript", body: script } : {
        contentType: "text/html",
        body: `<!doctype html><title>starting</title><script type="module" src="/s.js"></script>`,
      },
    ));
  const open = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${ORIGIN}/`);
    await page.waitForFunction(() => document.title === "ready");
    return page;
  };

  const old = await open();
  await old.evaluate(() => versionPage.load(1));
  await old.evaluate(() => versionPage.save("snapshot", 5, `{"stars":0,"title":"t"}`));
  await old.evaluate(() => versionPage.queue("note.rename", `{"id":"a","title":"x"}`));

  const fresh = await open();
  assertEquals(await fresh.evaluate(() => versionPage.load(2)), {
    rows: [`{"stars":0,"text":"t"}`],
    names: [],
  }, "the old tab is open, and keeps its queue");
  await fresh.evaluate(() => versionPage.save("changes", 6, `{"stars":1,"text":"t"}`));
  await old.evaluate(() => versionPage.save("changes", 6, `{"stars":9,"title":"t"}`));
  await old.close();

  const next = await open();
  assertEquals(await next.evaluate(() => versionPage.load(2)), {
    rows: [`{"stars":1,"text":"t"}`],
    names: ["note.retext"],
  }, "the queue of the old tab is taken over, and led up");
  await next.close();

  const late = await open();
  assertEquals(await late.evaluate(() => versionPage.refusal(1)), "upgrade_required");
  assertEquals(await late.evaluate(() => versionPage.load(2)), {
    rows: [`{"stars":1,"text":"t"}`],
    names: ["note.retext"],
  }, "nothing was touched");
});
