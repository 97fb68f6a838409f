/** A browser that loses part of a stored collection: found, and healed, with the program's own files. */
import { assertEquals } from "@std/assert";
import { openVerified, withEviction } from "./evict_stage.ts";
import { complaintsOf } from "./harness.ts";

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
