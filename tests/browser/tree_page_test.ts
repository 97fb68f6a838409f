import { assert, assertEquals } from "@std/assert";
import type { BrowserContextOptions, Page } from "playwright-core";
import { browserTest, complaintsOf, eventually, seriousIssuesOf, type Stage } from "./harness.ts";

const STARS = "4,000";

interface TreePage {
  readonly page: Page;
  /** Console errors, exceptions and CSP violations so far. */
  readonly complaints: readonly string[];
}

async function open(
  { server, browser }: Stage,
  options: BrowserContextOptions = { reducedMotion: "reduce" },
): Promise<TreePage> {
  const page = await browser.newPage(options);
  const complaints = complaintsOf(page);
  await page.goto(`${server.url}/tree`);
  await ready(page);
  return { page, complaints };
}

function ready(page: Page): Promise<void> {
  return eventually(() => page.getByTestId("damage-one").isEnabled(), true);
}

async function statesOf(page: Page): Promise<(string | null)[]> {
  const sides = [page.getByTestId("side-here"), page.getByTestId("side-server")];
  return await Promise.all(sides.map((side) => side.getAttribute("data-state")));
}

/** The texts of the table of costs: round trips and bytes of each way. */
async function costsOf(page: Page): Promise<Record<string, [trips: number, bytes: number]>> {
  const rows = await page.getByTestId("cost").all();
  return Object.fromEntries(
    await Promise.all(rows.map(async (row) => {
      const [trips = "", bytes = ""] = await row.locator("td").allInnerTexts();
      return [await row.getAttribute("data-way"), [
        Number(trips),
        Number(bytes.replaceAll(",", "")),
      ]];
    })),
  );
}

for (
  const { name, button, left, leaves } of [
    { name: "one corrupted record", button: "damage-one", left: STARS, leaves: 1 },
    { name: "forty lost records", button: "damage-many", left: "3,960", leaves: 40 },
  ]
) {
  browserTest(`tree page finds ${name} and fetches no more than that`, async (stage) => {
    const { page, complaints } = await open(stage);
    assertEquals(await statesOf(page), ["same", "same"]);
    assertEquals(await page.getByTestId("records").allInnerTexts(), [STARS, STARS]);
    const lit = page.getByTestId("side-here").locator('.leaf[data-state="differs"]');
    // The page shows the damage for as long as somebody looks: here it waits for the server.
    await page.route("**/_live/ticket", (route) => route.abort());
    await page.route("**/_sync/pull", (route) => route.abort());
    await page.getByTestId(button).click();
    await eventually(() => statesOf(page), ["differs", "differs"]);
    await eventually(async () => await lit.count() > 0, true);
    assert(await lit.count() <= leaves);
    assertEquals(await page.getByTestId("records").allInnerTexts(), [left, STARS]);
    await page.unrouteAll();
    await ready(page);
    assertEquals(await statesOf(page), ["same", "same"]);
    assertEquals(await page.getByTestId("records").allInnerTexts(), [STARS, STARS]);
    const { exchange, snapshot } = await costsOf(page);
    assert(exchange !== undefined && snapshot !== undefined);
    assert(exchange[1] < snapshot[1], `${exchange[1]} bytes are not less than ${snapshot[1]}`);
    const roots = await page.getByTestId("root").allInnerTexts();
    assertEquals(roots[0], roots[1]);
    assertEquals(complaints.filter((text) => !text.includes("ERR_FAILED")), []);
  });
}

browserTest("tree page shows the same stars to a second visitor", async (stage) => {
  const { page: first } = await open(stage);
  const { page: second, complaints } = await open(stage);
  assertEquals(
    await second.getByTestId("root").allInnerTexts(),
    await first.getByTestId("root").allInnerTexts(),
  );
  assertEquals(complaints, []);
});

for (const colorScheme of ["light", "dark"] as const) {
  browserTest(`tree page has no serious accessibility issue in ${colorScheme}`, async (stage) => {
    const { page } = await open(stage, {
      colorScheme,
      reducedMotion: "reduce",
      viewport: { width: 360, height: 740 },
    });
    await page.getByTestId("damage-one").click();
    await eventually(() => page.getByTestId("cost").count(), 2);
    assertEquals(await seriousIssuesOf(page), []);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assertEquals(width, 360);
  });
}
