/** A browser that loses part of a stored collection: found, and healed, with the program's own files. */
import { assertEquals } from "@std/assert";
import { openVerified, withEviction } from "./evict_stage.ts";
import { complaintsOf, eventually } from "./harness.ts";

const RECORDS = 100_000;

const CASES = [
  ["half of the rows", 2, ["different", "snapshot"]],
  ["a fiftieth of the rows", 50, ["different", "exchanging", "repaired"]],
] as const;

Deno.test("a page whose browser evicted stored rows has them all again", async () => {
  await withEviction(RECORDS, async ({ server, browser }) => {
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    await openVerified(page, server.url);
    assertEquals(await page.evaluate(() => evictPage.count()), RECORDS);
    for (const [name, oneOf, path] of CASES) {
      await page.evaluate(() => evictPage.stop());
      const gone = await page.evaluate((oneOf) => evictPage.evict(oneOf), oneOf);
      await openVerified(page, server.url);
      const steps = await page.evaluate(() => evictPage.steps.map(({ state }) => state));
      const seen = new Set<string>(steps);
      for (const state of path) {
        assertEquals(seen.has(state), true, `${name}: ${state} of ${steps}`);
      }
      assertEquals(seen.has(oneOf === 2 ? "repaired" : "snapshot"), false, `${name}: ${steps}`);
      const exchange = await page.evaluate(() =>
        evictPage.steps.findLast(({ state }) => state === "exchanging")?.exchange
      );
      if (oneOf !== 2) assertEquals([exchange?.rows, exchange?.gone], [gone, 0]);
      assertEquals(await page.evaluate(() => evictPage.count()), RECORDS, name);
      const report = await page.evaluate(() => evictPage.audit());
      assertEquals({ ...report, cursor: 0, root: "" }, {
        cursor: 0,
        rows: RECORDS,
        root: "",
        damaged: [],
        digests: "equal",
        storage: "equal",
        server: "equal",
        fetched: 0,
        removed: 0,
      }, name);
    }
    assertEquals(complaints, []);
  });
});

Deno.test("two tabs whose storage was evicted are both healed, and so is what they share", async () => {
  const records = 6_000;
  await withEviction(records, async ({ server, browser }) => {
    const context = await browser.newContext();
    const tabs = [await context.newPage(), await context.newPage()] as const;
    const complaints = tabs.map(complaintsOf);
    const openBoth = () => Promise.all(tabs.map((tab) => openVerified(tab, server.url)));
    await openBoth();
    for (const tab of tabs) await tab.evaluate(() => evictPage.stop());
    // One block: less would be no loss, and more is cheaper as a snapshot.
    const gone = await tabs[0].evaluate(() => evictPage.evict(100));
    assertEquals(gone > 0, true);
    await openBoth();
    await tabs[1].evaluate((place) => evictPage.add(place), records);
    for (const tab of tabs) {
      await eventually(() => tab.evaluate(() => evictPage.count()), records + 1);
      await eventually(() => tab.evaluate(() => evictPage.integrity()), "verified");
      const { server: compared, damaged } = await tab.evaluate(() => evictPage.audit());
      assertEquals([compared, damaged], ["equal", []]);
    }
    // Whoever starts next finds all of it stored, and has nothing to fetch.
    for (const tab of tabs) await tab.evaluate(() => evictPage.stop());
    await openVerified(tabs[0], server.url);
    const states = await tabs[0].evaluate(() => evictPage.steps.map(({ state }) => state));
    assertEquals(new Set(states), new Set(["verified"]));
    assertEquals(await tabs[0].evaluate(() => evictPage.count()), records + 1);
    assertEquals(complaints, [[], []]);
  });
});

Deno.test("a page that may not compile WebAssembly compares and repairs all the same", async () => {
  const records = 2_000;
  await withEviction(records, async ({ server, browser }) => {
    const page = await browser.newPage();
    await page.route(`${server.url}/`, async (route) => {
      const response = await route.fetch();
      const headers = { ...response.headers(), "content-security-policy": "default-src 'self'" };
      await route.fulfill({ response, headers });
    });
    await openVerified(page, server.url);
    const isRefused = await page.evaluate(() =>
      WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)).then(() => false, () => true)
    );
    assertEquals(isRefused, true);
    const { server: compared, rows } = await page.evaluate(() => evictPage.audit());
    assertEquals([compared, rows], ["equal", records]);
  });
});
