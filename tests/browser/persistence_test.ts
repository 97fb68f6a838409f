/** Storage in IndexedDB in real Chromium: every promise of the port, tabs beside each other, refusals. */
import { assertEquals } from "@std/assert";
import type { BrowserContext, Page } from "playwright-core";
import { launchBrowser } from "./harness.ts";
import { bundledPage } from "./page_bundle.ts";
import type {} from "./persistence_page.ts";

/** A place that counts as secure; every request to it is answered by the test. */
const ORIGIN = "http://localhost:8";
const MANY_ROWS = 20_000;
/** Room for the database itself and not for what is to be refused, in bytes. */
const QUOTA_BYTES = 300_000;

/** Opens one more tab. */
type OpenTab = () => Promise<Page>;

function storageTest(
  name: string,
  run: (openTab: OpenTab, context: BrowserContext) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const script = await bundledPage("persistence_page.ts");
    await using cleanup = new AsyncDisposableStack();
    const browser = await launchBrowser();
    cleanup.defer(() => browser.close());
    const context = await browser.newContext();
    await context.route(`${ORIGIN}/**`, (route) => {
      const isScript = route.request().url().endsWith(".js");
      return route.fulfill(
        isScript ? { contentType: "text/javascript", body: script } : {
          contentType: "text/html",
          body: `<!doctype html><title>starting</title><script type="module" src="/s.js"></script>`,
        },
      );
    });
    const tabs: Page[] = [];
    await run(async () => {
      const page = await context.newPage();
      tabs.push(page);
      await page.goto(`${ORIGIN}/`);
      await page.waitForFunction(() => document.title === "ready");
      return page;
    }, context);
    for (const tab of tabs) {
      if (tab.isClosed()) continue;
      assertEquals(await tab.evaluate(() => storagePage.complaints), []);
    }
  });
}

/** Loads the storage of a tab; returns whose it is and the ids that wait. */
function load(tab: Page): Promise<{ client: string | undefined; ids: readonly string[] }> {
  return tab.evaluate(async () => {
    const stored = await storagePage.storage("shared").load();
    const ids = stored?.pending.map(({ id }) => id) ?? [];
    return { client: stored?.identity?.client, ids };
  });
}

/** Makes a tab a client with a queue. */
async function queue(tab: Page, client: string, orders: readonly number[]): Promise<void> {
  await tab.evaluate(async ([client, orders]) => {
    const { identity, queued, step } = storagePage.build;
    const put = orders.map((order) => queued(order, { id: `${client}-${order}`, visibleAt: 3 }));
    await storagePage.storage("shared").saveQueue([step({ identity: identity({ client }), put })]);
  }, [client, orders] as const);
}

storageTest("IndexedDB keeps every promise of the port", async (openTab) => {
  const tab = await openTab();
  assertEquals(await tab.evaluate(() => storagePage.runCases()), []);
});

storageTest("two tabs have a slot each, and each finds its own again", async (openTab) => {
  const [a, b] = [await openTab(), await openTab()];
  assertEquals(await load(a), { client: undefined, ids: [] });
  assertEquals(await load(b), { client: undefined, ids: [] });
  await Promise.all([queue(a, "a", [1, 2]), queue(b, "b", [1])]);
  for (const tab of [b, a]) {
    await tab.evaluate(() => storagePage.storage("shared").close());
    const expected = tab === a ? ["a-1", "a-2"] : ["b-1"];
    assertEquals((await load(tab)).ids, expected);
  }
  assertEquals(await load(await openTab()), { client: undefined, ids: [] });
});

storageTest("the queues of closed tabs are taken over once, in order", async (openTab) => {
  const [a, b, stays] = [await openTab(), await openTab(), await openTab()];
  for (const tab of [a, b, stays]) await load(tab);
  await queue(a, "a", [5, 9, 10]);
  await queue(b, "b", [1, 2]);
  await queue(stays, "stays", [1]);
  await a.close();
  await b.close();
  const [c, d] = [await openTab(), await openTab()];
  const found = await Promise.all([load(c), load(d)]);
  const ids = found.flatMap(({ ids }) => ids);
  assertEquals(ids.toSorted(), ["a-10", "a-5", "a-9", "b-1", "b-2"]);
  for (const { ids } of found) {
    assertEquals(ids.filter((id) => id.startsWith("a")).length % 3, 0);
    assertEquals(ids.filter((id) => id.startsWith("b")).length % 2, 0);
  }
  const ofA = ids.filter((id) => id.startsWith("a"));
  assertEquals(ofA, ["a-5", "a-9", "a-10"]);
  assertEquals(ids.filter((id) => id.startsWith("b")), ["b-1", "b-2"]);
  // Nobody finds them a second time, and the one that is open was left alone.
  assertEquals((await load(await openTab())).ids, []);
  await stays.evaluate(() => storagePage.storage("shared").close());
  assertEquals((await load(stays)).ids, ["stays-1"]);
});

storageTest(
  "a queue that was taken over stands behind the tab's own, undecided",
  async (openTab) => {
    const [a, b] = [await openTab(), await openTab()];
    await load(a);
    await load(b);
    await queue(a, "a", [7, 8]);
    await queue(b, "b", [7, 8]);
    await a.close();
    await b.close();
    const c = await openTab();
    const { client, ids } = await load(c);
    const [own, other] = client === "a" ? ["a", "b"] : ["b", "a"];
    assertEquals(ids, [`${own}-7`, `${own}-8`, `${other}-7`, `${other}-8`]);
    await c.evaluate(() => storagePage.storage("shared").close());
    const pending = await c.evaluate(async () =>
      (await storagePage.storage("shared").load())?.pending.map(({ order, visibleAt }) => [
        order,
        visibleAt,
      ])
    );
    assertEquals(pending, [[7, 3], [8, 3], [9, null], [10, null]]);
  },
);

storageTest("the queue is written while a large snapshot is", async (openTab) => {
  const tab = await openTab();
  await load(tab);
  const ended = await tab.evaluate(async (count) => {
    const { queued, row, snapshot, step } = storagePage.build;
    const storage = storagePage.storage("shared");
    const rows = Array.from({ length: count }, (_, i) => row(`row ${i}`, `{"n":${i}}`));
    const ended: string[] = [];
    await Promise.all([
      storage.saveRows([snapshot(1, rows)]).then(() => ended.push("rows")),
      storage.saveQueue([step({ put: [queued(1)] })]).then(() => ended.push("queue")),
    ]);
    await storage.close();
    const stored = await storage.load();
    return [ended.toSorted(), stored?.replica.rows.length, stored?.pending.length];
  }, MANY_ROWS);
  assertEquals(ended, [["queue", "rows"], MANY_ROWS, 1]);
});

storageTest("a step that fails in its middle leaves nothing of itself", async (openTab) => {
  const tab = await openTab();
  await load(tab);
  const result = await tab.evaluate(async () => {
    const { identity, queued, row, snapshot, step } = storagePage.build;
    const storage = storagePage.storage("shared");
    await storage.saveQueue([step({ put: [queued(1)] })]);
    await storage.saveRows([snapshot(1, [row("kept")])]);
    // What cannot be copied is refused by `put` at once, after others were taken.
    const bad = { order: 3, id: () => {} } as unknown as ReturnType<typeof queued>;
    const badRow = { entity: "note", id: "x", json: () => {} } as unknown as ReturnType<typeof row>;
    const other = identity({ client: "other" });
    const codes = [
      await storagePage.codeOf(
        storage.saveQueue([step({ identity: other, drop: [1], put: [queued(2), bad] })]),
      ),
      await storagePage.codeOf(storage.saveRows([snapshot(2, [row("new"), badRow])])),
    ];
    await storage.close();
    const stored = await storage.load();
    const ids = stored?.replica.rows.map(({ id }) => id);
    return [codes, stored?.identity?.client, stored?.pending.map(({ order }) => order), ids];
  });
  assertEquals(result, [["store_failed", "store_failed"], "c1", [1], ["kept"]]);
});

storageTest(
  "a full device is store_failed, and what was stored stays",
  async (openTab, context) => {
    const tab = await openTab();
    const devtools = await context.newCDPSession(tab);
    // Before the first use: the browser remembers for a while that there was room.
    await devtools.send("Storage.overrideQuotaForOrigin", {
      origin: ORIGIN,
      quotaSize: QUOTA_BYTES,
    });
    await load(tab);
    await queue(tab, "a", [1]);
    const codes = await tab.evaluate(async () => {
      const { queued, row, snapshot, step } = storagePage.build;
      const storage = storagePage.storage("shared");
      // The browser compresses what it stores: only noise takes up room.
      const noise = () => JSON.stringify([...crypto.getRandomValues(new Uint32Array(2_000))]);
      const rows = Array.from({ length: 100 }, (_, i) => row(`${i}`, noise()));
      const put = Array.from({ length: 100 }, (_, i) => queued(i + 2, { args: noise() }));
      return [
        await storagePage.codeOf(storage.saveRows([snapshot(1, rows)])),
        await storagePage.codeOf(storage.saveQueue([step({ put })])),
      ];
    });
    assertEquals(codes, ["store_failed", "store_failed"]);
    await devtools.send("Storage.overrideQuotaForOrigin", { origin: ORIGIN });
    await queue(tab, "a", [2]);
    await tab.evaluate(() => storagePage.storage("shared").close());
    assertEquals(await load(tab), { client: "a", ids: ["a-1", "a-2"] });
  },
);

storageTest(
  "storage that the browser denies is store_failed, and can be tried again",
  async (openTab) => {
    const tab = await openTab();
    const codes = await tab.evaluate(async () => {
      const storage = storagePage.storage("shared");
      const codes: string[] = [];
      const { open } = IDBFactory.prototype;
      IDBFactory.prototype.open = () => {
        throw new DOMException("Not in a private window", "SecurityError");
      };
      codes.push(await storagePage.codeOf(storage.load()));
      IDBFactory.prototype.open = open;
      const { locks } = navigator;
      Object.defineProperty(navigator, "locks", { value: undefined, configurable: true });
      codes.push(await storagePage.codeOf(storage.load()));
      const failing = { request: () => Promise.reject(new DOMException("No", "SecurityError")) };
      Object.defineProperty(navigator, "locks", { value: failing, configurable: true });
      codes.push(await storagePage.codeOf(storage.load()));
      Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
      codes.push(await storagePage.codeOf(storage.saveQueue([storagePage.build.step()])));
      codes.push(await storagePage.codeOf(storage.load()));
      return codes;
    });
    assertEquals(codes, [...Array(4).fill("store_failed"), "none"]);
  },
);

storageTest("storage of a newer version of this program is store_failed", async (openTab) => {
  const [a, b] = [await openTab(), await openTab()];
  await load(a);
  // The tab with the old layout makes way, and does not write into the new one.
  await b.evaluate(() =>
    new Promise<void>((resolve, reject) => {
      const request = indexedDB.open("shared", 99);
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
      request.onerror = () => reject(request.error);
      request.onblocked = () => reject(new Error("the old tab is in the way"));
    })
  );
  const codes = await a.evaluate(async () => {
    const storage = storagePage.storage("shared");
    const written = await storagePage.codeOf(storage.saveQueue([storagePage.build.step()]));
    await storage.close();
    return [written, await storagePage.codeOf(storage.load())];
  });
  assertEquals(codes, ["store_failed", "store_failed"]);
});

storageTest(
  "data that is cleared under a tab is store_failed until the next start",
  async (openTab) => {
    const tab = await openTab();
    await load(tab);
    await queue(tab, "a", [1]);
    const codes = await tab.evaluate(async () => {
      await new Promise<void>((resolve, reject) => {
        const request = indexedDB.deleteDatabase("shared");
        request.onsuccess = () => resolve();
        request.onblocked = () => reject(new Error("the tab is in the way"));
      });
      const storage = storagePage.storage("shared");
      const { row, snapshot, step } = storagePage.build;
      const codes = [
        await storagePage.codeOf(storage.saveQueue([step()])),
        await storagePage.codeOf(storage.saveRows([snapshot(1, [row("a")])])),
      ];
      await storage.close();
      return codes;
    });
    assertEquals(codes, ["store_failed", "store_failed"]);
    assertEquals(await load(tab), { client: undefined, ids: [] });
  },
);

storageTest("a client that is stopped and started goes on as the same one", async (openTab) => {
  const tab = await openTab();
  const visits: (readonly [string, number])[] = [];
  for (let i = 0; i < 4; i++) visits.push(await tab.evaluate(() => storagePage.visit()));
  assertEquals(visits.map(([, pending]) => pending), [1, 2, 3, 4]);
  assertEquals(new Set(visits.map(([clientId]) => clientId)).size, 1);
});
