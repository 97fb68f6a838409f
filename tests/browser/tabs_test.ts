/** Several tabs with one connection, in real Chromium: hand-overs lose nothing and double nothing. */
import { assertEquals } from "@std/assert";
import type { BrowserContext, CDPSession, Page } from "playwright-core";
import { RigServer } from "../client/rig.ts";
import { eventually, launchBrowser } from "./harness.ts";
import { bundledPage } from "./page_bundle.ts";
import app from "./job_app.ts";
import type {} from "./tabs_page.ts";

/** How many entries each tab appends at least before its leader goes, and after. */
const BURST_ENTRIES = 15;

/** A server in the test's process, and one browser profile. */
interface Stage {
  readonly server: RigServer;
  readonly context: BrowserContext;
  /** Entries that were durable on the device, as the tabs told. */
  readonly durable: string[];
  open(query?: string): Promise<Page>;
}

function tabsTest(name: string, run: (stage: Stage) => Promise<void>): void {
  Deno.test(name, async () => {
    const script = await bundledPage("tabs_page.ts");
    await using cleanup = new AsyncDisposableStack();
    const origins: string[] = [];
    const server = cleanup.use(await RigServer.start({ app, origins }));
    origins.push(server.url);
    const browser = await launchBrowser();
    cleanup.defer(() => browser.close());
    const context = await browser.newContext();
    const durable: string[] = [];
    await context.exposeBinding("durable", (_source, entry: string) => void durable.push(entry));
    await context.route(`${server.url}/tab*`, (route) =>
      route.fulfill({
        contentType: "text/html",
        body: `<!doctype html><title>starting</title><script type="module" src="/s.js"></script>`,
      }));
    await context.route(
      `${server.url}/s.js`,
      (route) => route.fulfill({ contentType: "text/javascript", body: script }),
    );
    await run({
      server,
      context,
      durable,
      async open(query = "") {
        const page = await context.newPage();
        await page.goto(`${server.url}/tab${query}`);
        await page.waitForFunction(() => document.title === "ready");
        return page;
      },
    });
  });
}

function entries(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => tab.client.collection("journal").get("j")?.entries ?? []);
}

async function append(page: Page, entry: string): Promise<void> {
  await page.evaluate(
    (entry) => tab.client.mutate("journal.append", { id: "j", entry }).then(() => {}),
    entry,
  );
}

function isOnline(page: Page): Promise<boolean> {
  return page.evaluate(() => tab.client.isOnline);
}

/** Opens tabs; the first one leads. */
async function openTabs(stage: Stage, count: number): Promise<Page[]> {
  const pages: Page[] = [];
  for (let i = 0; i < count; i++) {
    const page = await stage.open();
    await eventually(() => isOnline(page), true);
    pages.push(page);
  }
  return pages;
}

/** Waits until nothing waits in these tabs and all show the same; returns that. */
async function settled(pages: readonly Page[]): Promise<readonly string[]> {
  for (const page of pages) {
    await eventually(() => page.evaluate(() => tab.client.pending.length), 0);
  }
  const shown = await entries(pages[0] as Page);
  for (const page of pages) await eventually(() => entries(page), shown);
  return shown;
}

/** Waits until every tab has made this many more durable entries. */
async function appended(stage: Stage, names: readonly string[], more: number): Promise<void> {
  const count = (name: string) =>
    stage.durable.filter((entry) => entry.startsWith(`${name}-`)).length;
  const goals = names.map((name) => [name, count(name) + more] as const);
  await eventually(
    () => Promise.resolve(goals.filter(([name, goal]) => count(name) < goal).length),
    0,
  );
}

/** Takes the leader out of the game; the function that it returns brings it back. */
type Ending = (page: Page, devtools: CDPSession) => Promise<(() => Promise<void>) | null>;

const ENDINGS: Readonly<Record<string, Ending>> = {
  async closed(page) {
    await page.close();
    return null;
  },
  async killed(page, devtools) {
    const crashed = page.waitForEvent("crash");
    devtools.send("Page.crash").catch(() => {});
    await crashed;
    return null;
  },
  async frozen(_page, devtools) {
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    return async () => {
      await devtools.send("Page.setWebLifecycleState", { state: "active" });
    };
  },
};

tabsTest("five tabs have one connection, and each shows what any of them did", async (stage) => {
  const pages = await openTabs(stage, 5);
  assertEquals([stage.server.socketCount, stage.server.count("/_live")], [1, 1]);
  for (const [index, page] of pages.entries()) await append(page, `e${index}`);
  assertEquals((await settled(pages)).toSorted(), ["e0", "e1", "e2", "e3", "e4"]);
  const ids = await Promise.all(pages.map((page) => page.evaluate(() => tab.client.clientId)));
  assertEquals(new Set(ids).size, 5);
  assertEquals([stage.server.socketCount, stage.server.count("/_live")], [1, 1]);
});

for (const count of [2, 5]) {
  for (const [ending, end] of Object.entries(ENDINGS)) {
    tabsTest(
      `${count} tabs whose leader is ${ending} lose nothing, double nothing`,
      async (stage) => {
        const pages = await openTabs(stage, count);
        const [leader, ...others] = pages as [Page, ...Page[]];
        const devtools = await stage.context.newCDPSession(leader);
        const names = pages.map((_page, index) => `tab${index}`);
        const bursts = pages.map((page, index) =>
          page.evaluate((name) => tab.burst(name), `tab${index}`).catch(() => {})
        );
        await appended(stage, names, BURST_ENTRIES);
        const bringBack = await end(leader, devtools);
        await appended(stage, names.slice(1), BURST_ENTRIES);
        for (const page of others) await page.evaluate(() => tab.stop());
        await Promise.all(bursts.slice(1));
        // Without the old leader, and with a connection of their own. A frozen page may thaw by itself
        // and go on, so that what it makes is left aside.
        const made = stage.durable.filter((entry) => !entry.startsWith("tab0-"));
        for (const page of others) {
          await eventually(async () => {
            const shown = new Set(await entries(page));
            return made.filter((entry) => !shown.has(entry));
          }, []);
          await eventually(() => page.evaluate(() => tab.client.pending.length), 0);
        }
        await bringBack?.();
        const left = bringBack === null ? others : pages;
        if (bringBack !== null) {
          await leader.evaluate(() => tab.stop());
          await bursts[0];
          await append(leader, "tab0-thawed");
          stage.durable.push("tab0-thawed");
        }
        const expected = new Set(stage.durable);
        const isComplete = (shown: readonly string[]) =>
          [...expected].every((e) => shown.includes(e));
        await eventually(async () => isComplete(await settled(left)), true);
        const shown = await settled(left);
        assertEquals(shown.length, new Set(shown).size, "an entry is there twice");
        // A tab that is gone may have stored more than it could tell: the next ones, without a gap.
        const told = stage.durable.filter((entry) => entry.startsWith("tab0-")).length;
        const more = shown.filter((entry) => !expected.has(entry));
        assertEquals(more, bringBack === null ? more.map((_, at) => `tab0-${told + at}`) : []);
        await eventually(() => Promise.resolve(stage.server.socketCount), 1);

        for (const page of left) await page.close();
        await stage.server.stop();
        const fresh = await stage.open();
        assertEquals(await entries(fresh), shown);
        assertEquals(await isOnline(fresh), false);
      },
    );
  }
}

tabsTest(
  "what a tab queued that was closed offline is sent by the tabs that remain",
  async (stage) => {
    const pages = await openTabs(stage, 3);
    const [leader, follower, last] = pages as [Page, Page, Page];
    await stage.server.stop();
    for (const page of pages) await eventually(() => isOnline(page), false);
    await append(follower, "of a follower");
    await follower.close();
    await append(leader, "of the leader");
    await leader.close();
    await append(last, "of the last");
    assertEquals(await entries(last), ["of the last"]);
    await stage.server.start();
    await eventually(() => isOnline(last), true);
    await eventually(
      async () => (await entries(last)).toSorted(),
      ["of a follower", "of the last", "of the leader"],
    );
    await settled([last]);
    // They are nobody's any more.
    const fresh = await stage.open();
    assertEquals(await fresh.evaluate(() => tab.client.pending.length), 0);
    assertEquals((await settled([last, fresh])).length, 3);
  },
);

tabsTest("two users of one browser have nothing in common", async (stage) => {
  const [ann, bob] = [await stage.open("?user=ann"), await stage.open("?user=bob")];
  for (const page of [ann, bob]) await eventually(() => isOnline(page), true);
  assertEquals(stage.server.socketCount, 2);
  await stage.server.stop();
  for (const page of [ann, bob]) await eventually(() => isOnline(page), false);
  await append(ann, "of ann");
  await ann.close();
  await stage.server.start();
  await eventually(() => isOnline(bob), true);
  await append(bob, "of bob");
  assertEquals(await settled([bob]), ["of bob"]);
  const again = await stage.open("?user=ann");
  await eventually(() => entries(again), ["of bob", "of ann"]);
});

tabsTest("storage that was cleared is reported at the next start, once", async (stage) => {
  const first = await stage.open();
  await append(first, "of the first");
  await settled([first]);
  await first.close();
  const other = await stage.context.newPage();
  await other.goto(`${stage.server.url}/s.js`);
  await other.evaluate(async () => {
    for (const { name = "" } of await indexedDB.databases()) {
      await new Promise((resolve) => {
        indexedDB.deleteDatabase(name).onsuccess = resolve;
      });
    }
  });
  const codes = (page: Page) => page.evaluate(() => tab.errors.map((error) => error.split(":")[0]));
  const second = await stage.open();
  assertEquals(await codes(second), ["storage_evicted"]);
  await eventually(() => entries(second), ["of the first"]);
  const third = await stage.open();
  assertEquals(await codes(third), []);
});
