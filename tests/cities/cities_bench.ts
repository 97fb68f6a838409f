/**
 * The cities' figures: import, first sync, resync after ten edits, in Deno and in Chromium.
 *
 *     deno task bench cities
 *
 * Bytes are counted by a proxy, HTTP and WebSocket headers included. Times are medians of the rounds,
 * of this machine; bytes are the same everywhere.
 */
import { join } from "node:path";
import { launchBrowser } from "../browser/harness.ts";
import { bundledPage } from "../browser/page_bundle.ts";
import type { CountingProxy, Traffic } from "./counting_proxy.ts";
import {
  CITIES_FILE,
  type CitiesClient,
  cityClient,
  importCities,
  serveCities,
  until,
} from "./stage.ts";
import type {} from "./page.ts";

const ROUNDS = 3;
const EDITS = 10;

interface Row {
  readonly what: string;
  readonly ms: number;
  readonly traffic?: Traffic;
}

const folder = await Deno.makeTempDir({ prefix: "driftless_cities_" });
try {
  print(await measure(join(folder, "cities.db")));
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function measure(data: string): Promise<readonly Row[]> {
  const count = (JSON.parse(await Deno.readTextFile(CITIES_FILE)) as unknown[]).length;
  const importing = performance.now();
  const { code, stderr } = await importCities(data);
  if (code !== 0) throw new Error(stderr);
  const rows: Row[] = [{ what: `import ${count} records`, ms: performance.now() - importing }];
  const { server, proxy } = await serveCities(data);
  try {
    rows.push(await median(() => firstSync(proxy, count)));
    rows.push(await median(() => resync(proxy, server.url, EDITS)));
    rows.push(await median(() => resync(proxy, server.url, 0)));
    rows.push(...await inChromium(proxy, count));
  } finally {
    await server.stop();
    await proxy.close();
  }
  return rows;
}

async function firstSync(proxy: CountingProxy, count: number): Promise<Row> {
  proxy.take();
  const start = performance.now();
  const client = cityClient(proxy.url);
  await client.start();
  await until(client, () => client.collection("city").count() >= count);
  const ms = performance.now() - start;
  await client.stop();
  return { what: "first sync, Deno, in memory", ms, traffic: proxy.take() };
}

/** A client that was away while another one edited. */
async function resync(proxy: CountingProxy, url: string, edits: number): Promise<Row> {
  const [client, editor] = [cityClient(proxy.url), cityClient(url)];
  for (const each of [client, editor]) {
    await each.start();
    await until(each, () => each.cursor > 0 && each.isOnline);
  }
  client.setOffline(true);
  const ids = editor.collection("city").all().slice(0, edits).map(([id]) => id);
  for (const id of ids) {
    await editor.mutate("city.update", { id, data: { admin2: crypto.randomUUID().slice(0, 8) } });
  }
  await until(editor, () => editor.pending.length === 0);
  proxy.take();
  const start = performance.now();
  client.setOffline(false);
  await until(client, () => client.isOnline && client.cursor === editor.cursor);
  const ms = performance.now() - start;
  const traffic = proxy.take();
  await Promise.all([client, editor].map((each: CitiesClient) => each.stop()));
  return { what: edits === 0 ? "idle resync" : `resync after ${edits} edits`, ms, traffic };
}

async function inChromium(proxy: CountingProxy, count: number): Promise<readonly Row[]> {
  const script = await bundledPage(join(import.meta.dirname ?? ".", "page.ts"));
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.route(`${proxy.url}/cities`, (route) =>
      route.fulfill({
        contentType: "text/html",
        body: `<!doctype html><script type="module">${script}</script>`,
      }));
    await page.goto(`${proxy.url}/cities`);
    await page.waitForFunction(() => "openCities" in globalThis);
    proxy.take();
    const first = await page.evaluate(async (count) => {
      const { ms, stop } = await openCities(count);
      const shown = performance.now();
      await stop();
      return { ms, stored: ms + performance.now() - shown };
    }, count);
    const traffic = proxy.take();
    const again = await page.evaluate(async (count) => (await openCities(count)).ms, count);
    return [
      { what: "first sync, Chromium, shown", ms: first.ms, traffic },
      { what: "first sync, Chromium, in IndexedDB", ms: first.stored },
      { what: "start from IndexedDB, Chromium", ms: again },
    ];
  } finally {
    await browser.close();
  }
}

async function median(measureOnce: () => Promise<Row>): Promise<Row> {
  const rows: Row[] = [];
  for (let round = 0; round < ROUNDS; round++) rows.push(await measureOnce());
  return rows.toSorted((a, b) => a.ms - b.ms)[Math.floor(ROUNDS / 2)] as Row;
}

function print(rows: readonly Row[]): void {
  console.log("| | ms | bytes down | bytes up |\n|---|---:|---:|---:|");
  for (const { what, ms, traffic } of rows) {
    const [down, up] = [traffic?.down, traffic?.up].map((bytes) =>
      bytes?.toLocaleString("en") ?? ""
    );
    console.log(`| ${what} | ${Math.round(ms).toLocaleString("en")} | ${down} | ${up} |`);
  }
}
