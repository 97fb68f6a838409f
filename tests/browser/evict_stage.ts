/** A server with many records, whose pages are its own, and browsers that lose part of what they stored. */
import type { Browser, Page } from "playwright-core";
import { join } from "node:path";
import { createClient } from "../../mod.ts";
import app from "./evict_app.ts";
import type {} from "./evict_page.ts";
import { eventually, launchBrowser, type RunningServer, startServer } from "./harness.ts";

/** What a test or a benchmark works with. All of it is gone when it ends. */
export interface EvictStage {
  readonly server: RunningServer;
  readonly browser: Browser;
  readonly folder: string;
}

/** Records of one mutation. */
const FILL = 1_000;

const PAGE = `<!doctype html><title>starting</title>
<script type="module" src="/evict_page.ts"></script>`;
const HERE = import.meta.dirname ?? ".";

/** Runs with a server that has so many records; `args` are more arguments of `serve`. */
export async function withEviction(
  records: number,
  run: (stage: EvictStage) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "driftless_evict_" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.mkdir(join(folder, "public"));
  await Deno.copyFile(join(HERE, "evict_app.ts"), join(folder, "evict_app.ts"));
  await Deno.copyFile(join(HERE, "evict_page.ts"), join(folder, "public", "evict_page.ts"));
  await Deno.writeTextFile(join(folder, "public", "index.html"), PAGE);
  // Browsers ask for it, and complain where there is none.
  await Deno.writeTextFile(join(folder, "public", "favicon.ico"), "");
  const data = join(folder, "data.db");
  const server = await startServer({ data, app: join(folder, "evict_app.ts"), args });
  cleanup.defer(() => server.stop());
  await fill(server.url, records);
  const browser = await launchBrowser();
  cleanup.defer(() => browser.close());
  await run({ server, browser, folder });
}

async function fill(url: string, records: number): Promise<void> {
  const client = createClient(app, { url, persistence: "memory" });
  await client.start();
  try {
    for (let from = 0; from < records; from += FILL) {
      await client.mutate("item.fill", { from, count: Math.min(FILL, records - from) });
    }
    await eventually(() => Promise.resolve(client.pending.length), 0);
  } finally {
    await client.stop();
  }
}

/** Opens the page, and waits until its rows are known to be the server's. */
export async function openVerified(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => document.title === "ready", null, { timeout: 60_000 });
  await eventually(() => page.evaluate(() => evictPage.integrity()), "verified");
}
