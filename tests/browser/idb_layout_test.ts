/** How IndexedDB holds the rows, in real Chromium: blocks and a log, older layouts, lost databases. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { BLOCK_ROWS_MAX, LOG_CHANGES_MIN } from "../../ui/client/stored_rows.ts";
import { eventually, launchBrowser } from "./harness.ts";
import { bundledPage } from "./page_bundle.ts";
import type {} from "./persistence_page.ts";

/** A place that counts as secure; every request to it is answered by the test. */
const ORIGIN = "http://localhost:8";

function layoutTest(name: string, run: (openTab: () => Promise<Page>) => Promise<void>): void {
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
    await run(async () => {
      const page = await context.newPage();
      await page.goto(`${ORIGIN}/`);
      await page.waitForFunction(() => document.title === "ready");
      return page;
    });
  });
}

/** How many entries the object stores have. */
function entryCounts(tab: Page): Promise<readonly number[]> {
  return tab.evaluate(async () => {
    const answered = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve) => request.onsuccess = () => resolve(request.result));
    const db = await answered(indexedDB.open("shared"));
    const tx = db.transaction(["blocks", "log"]);
    const counts = await Promise.all(
      ["blocks", "log"].map((name) => answered(tx.objectStore(name).count())),
    );
    db.close();
    return counts;
  });
}

layoutTest(
  "rows lie in blocks, and what changed since in a log with an entry for each write",
  async (openTab) => {
    const tab = await openTab();
    for (const count of [BLOCK_ROWS_MAX - 1, BLOCK_ROWS_MAX, BLOCK_ROWS_MAX + 1]) {
      await tab.evaluate(async (count) => {
        const { row, snapshot } = storagePage.build;
        const storage = storagePage.storage("shared");
        await storage.load();
        const rows = Array.from({ length: count }, (_, i) => row(`r${i}`));
        await storage.saveRows([snapshot(1, rows)]);
        await storage.close();
      }, count);
      assertEquals(await entryCounts(tab), [count > BLOCK_ROWS_MAX ? 2 : 1, 0]);
    }
  },
);

layoutTest(
  "a log that has grown becomes blocks, and nothing is lost on the way",
  async (openTab) => {
    const tab = await openTab();
    const put = (cursor: number, count: number) =>
      tab.evaluate(async ([from, count]) => {
        const storage = storagePage.storage("shared");
        await storage.load();
        const changes = Array.from({ length: count }, (_, i) => ({
          cursor: from + i + 1,
          entity: "note",
          id: `r${(from + i) % 100}`,
          // Of each hundred changes, the first deletes.
          op: (from + i) % 100 === 0 ? "delete" as const : "update" as const,
          json: (from + i) % 100 === 0 ? null : `{"n":${from + i}}`,
          time: 1,
        }));
        await storage.saveRows([{ kind: "changes", from, changes, epoch: "e1" }]);
        await storage.close();
        const stored = await storage.load();
        await storage.close();
        const rows = stored?.replica.rows.map(({ id, json }) => `${id} ${json}`) ?? [];
        return [stored?.replica.cursor, rows.toSorted()] as const;
      }, [cursor, count] as const);
    const expected = (end: number): [number, string[]] => {
      const rows = new Map<string, string>();
      for (let i = 0; i < end; i++) {
        if (i % 100 === 0) rows.delete("r0");
        else rows.set(`r${i % 100}`, `r${i % 100} {"n":${i}}`);
      }
      return [end, [...rows.values()].toSorted()];
    };
    assertEquals(await put(0, LOG_CHANGES_MIN - 1), expected(LOG_CHANGES_MIN - 1));
    assertEquals(await entryCounts(tab), [0, 1]);
    assertEquals(await put(LOG_CHANGES_MIN - 1, 1), expected(LOG_CHANGES_MIN));
    assertEquals(await entryCounts(tab), [0, 2]);
    assertEquals(await put(LOG_CHANGES_MIN, 1), expected(LOG_CHANGES_MIN + 1));
    assertEquals(await entryCounts(tab), [1, 0]);
  },
);

layoutTest("a database of layout 1 is taken over: rows, queue and identity", async (openTab) => {
  const tab = await openTab();
  const found = await tab.evaluate(async (count) => {
    const { identity, queued, row } = storagePage.build;
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open("shared", 1);
      request.onupgradeneeded = () => {
        const { result: db } = request;
        const rows = db.createObjectStore("rows", { keyPath: ["entity", "id"] });
        for (let i = 0; i < count; i++) rows.put(row(`r${i}`, `{"n":${i}}`));
        const queues = db.createObjectStore("queues", { keyPath: ["slot", "order"] });
        queues.put({ ...queued(7), slot: "mine" });
        db.createObjectStore("slots").put(identity({ decidedSeq: 3 }), "mine");
        db.createObjectStore("meta").put({ cursor: 9, epoch: "e1" }, "replica");
      };
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
    });
    const storage = storagePage.storage("shared");
    const stored = await storage.load();
    await storage.close();
    return stored;
  }, BLOCK_ROWS_MAX + 1);
  assertEquals(found?.replica.rows.length, BLOCK_ROWS_MAX + 1);
  assertEquals([found?.replica.cursor, found?.replica.epoch], [9, "e1"]);
  assertEquals([found?.identity?.decidedSeq, found?.pending.map(({ id }) => id)], [3, ["m7"]]);
  assertEquals(await entryCounts(tab), [2, 0]);
});

layoutTest(
  "a database that the browser took away is opened anew by the next write",
  async (openTab) => {
    const tab = await openTab();
    await tab.evaluate(async () => {
      await storagePage.storage("shared").load();
    });
    const devtools = await tab.context().newCDPSession(tab);
    await devtools.send("Storage.clearDataForOrigin", {
      origin: ORIGIN,
      storageTypes: "indexeddb",
    });
    await eventually(
      () =>
        tab.evaluate(() => {
          const { queued, step } = storagePage.build;
          return storagePage.codeOf(
            storagePage.storage("shared").saveQueue([step({ put: [queued(1)] })]),
          );
        }),
      "none",
    );
    const pending = await tab.evaluate(async () => {
      const storage = storagePage.storage("shared");
      const { row, snapshot } = storagePage.build;
      await storage.saveRows([snapshot(4, [row("a")])]);
      await storage.close();
      const stored = await storage.load();
      return [stored?.pending.length, stored?.replica.cursor, storage.standing];
    });
    assertEquals(pending, [1, 4, { cursor: 4, epoch: "e1" }]);
  },
);

layoutTest(
  "a running tab takes what a closed one had in line, in the step that stores it",
  async (openTab) => {
    const [a, b] = [await openTab(), await openTab()];
    for (const [tab, client] of [[a, "a"], [b, "b"]] as const) {
      await tab.evaluate(async (client) => {
        const { identity, queued, step } = storagePage.build;
        const storage = storagePage.storage("shared");
        await storage.load();
        const put = [1, 2].map((order) => queued(order, { id: `${client}-${order}` }));
        const aside = queued(3, {
          id: `${client}-3`,
          quarantine: { state: "refused", code: "rejected", error: "No" },
        });
        await storage.saveQueue([step({ identity: identity({ client }), put: [...put, aside] })]);
      }, client);
    }
    const orphansOf = (tab: Page, accepts = true) =>
      tab.evaluate(
        async (accepts) =>
          (await storagePage.storage("shared").orphans(() => accepts)).map(({ id }) => id),
        accepts,
      );
    assertEquals(await orphansOf(b), []);
    await a.close();
    await eventually(() => orphansOf(b, false), []);
    await eventually(() => orphansOf(b), ["a-1", "a-2"]);
    // They are held: neither this tab nor a new one is given them again.
    const c = await openTab();
    assertEquals(await c.evaluate(() => storagePage.storage("shared").load()), null);
    assertEquals([await orphansOf(b), await orphansOf(c)], [[], []]);
    const lines = await b.evaluate(async () => {
      const { identity, queued, step } = storagePage.build;
      const put = [queued(4, { id: "a-1" }), queued(5, { id: "a-2" })];
      await storagePage.storage("shared").saveQueue([
        step({ identity: identity({ client: "b" }), put }),
      ]);
      const answered = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve) => request.onsuccess = () => resolve(request.result));
      const db = await answered(indexedDB.open("shared"));
      const stored: readonly { slot: string; id: string }[] = await answered(
        db.transaction("queues").objectStore("queues").getAll(),
      );
      db.close();
      return [...Map.groupBy(stored, ({ slot }) => slot).values()]
        .map((line) => line.map(({ id }) => id).join(" ")).toSorted();
    });
    // What waits for its user waits where it is, until a tab starts there.
    assertEquals(lines, ["a-3", "b-1 b-2 b-3 a-1 a-2"]);
  },
);
