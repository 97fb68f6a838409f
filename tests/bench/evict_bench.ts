/**
 * What it costs a browser to lose part of its storage: time and bytes, beside those of a first sync.
 *
 *     deno task bench evict
 *
 * Bytes are counted by a proxy, HTTP and WebSocket headers included, from the reload of the page to
 * rows that are known to be the server's; the page's own files come from the browser's cache or are
 * counted with the first sync. Times are of this machine; bytes are the same everywhere.
 */
import type { Page } from "playwright-core";
import { openVerified, withEviction } from "../browser/evict_stage.ts";
import type {} from "../browser/evict_page.ts";
import { CountingProxy } from "../cities/counting_proxy.ts";

const RECORDS = 100_000;
/** One of so many stored blocks is deleted. */
const PARTS = [2, 10, 50, 196] as const;

interface Row {
  readonly what: string;
  /** Records that were evicted. */
  readonly evicted: number;
  /** The way back. */
  readonly how: string;
  /** Until the rows that were left were there, and until all were the server's, in milliseconds. */
  readonly shownMs: number;
  readonly rightMs: number;
  /** The longest that the page was busy at a stretch, in milliseconds. */
  readonly busyMs: number;
  /** Bytes each way. */
  readonly up: number;
  readonly down: number;
}

const proxy = new CountingProxy();

await withEviction(RECORDS, async ({ server, browser }) => {
  proxy.target = server.port;
  const page = await browser.newPage();
  try {
    const rows = [await visit(page, proxy, "first visit", 0)];
    rows.push(await visit(page, proxy, "nothing evicted", 0));
    for (const oneOf of PARTS) {
      const evicted = await page.evaluate((oneOf) => evictPage.evict(oneOf), oneOf);
      rows.push(await visit(page, proxy, `1 of ${oneOf} blocks evicted`, evicted));
    }
    console.log(`${RECORDS} records`);
    console.table(rows);
  } finally {
    await page.close();
    await proxy.close();
  }
}, ["--origin", proxy.url]);

/** Loads the page; the client is stopped afterwards, so that all that it has is stored. */
async function visit(
  page: Page,
  proxy: CountingProxy,
  what: string,
  evicted: number,
): Promise<Row> {
  proxy.take();
  await openVerified(page, proxy.url);
  const { up, down } = proxy.take();
  const seen = await page.evaluate(() => ({
    times: evictPage.times,
    busyMs: evictPage.longest(),
    states: evictPage.steps.map(({ state }) => state),
  }));
  await page.evaluate(() => evictPage.stop());
  const how = seen.states.includes("repaired")
    ? "exchange"
    : seen.states.includes("snapshot") || what === "first visit"
    ? "snapshot"
    : "digest";
  return {
    what,
    evicted,
    how,
    shownMs: Math.round(seen.times.shown),
    rightMs: Math.round(seen.times.right),
    busyMs: Math.round(seen.busyMs),
    up,
    down,
  };
}
