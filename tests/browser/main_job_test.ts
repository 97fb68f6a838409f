/**
 * The main job in real Chromium: offline edits, reloads, crashes of both sides; nothing lost or
 * doubled, whatever form of the program serves.
 */
import { assert, assertEquals } from "@std/assert";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { join } from "node:path";
import { chromiumPath } from "../../scripts/setup.ts";
import { type Form, FORMS, programCommand } from "../delivery/programs.ts";
import {
  CHROMIUM_ARGS,
  eventually,
  launchBrowser,
  type RunningServer,
  startServer,
} from "./harness.ts";
import { bundledPage } from "./page_bundle.ts";
import type {} from "./job_page.ts";

const APP_SOURCE = join(import.meta.dirname ?? ".", "job_app.ts");
const FORM_NAMES: Readonly<Record<Form, string>> = {
  source: "deno run main.ts",
  bundle: "the bundle",
  bun: "the Bun binary",
};
const KILLS_IN_BURST = 3;

interface Job {
  readonly server: RunningServer;
  readonly browser: Browser;
  readonly folder: string;
  /** Restarts the server on the same port and data, after `how`. */
  restart(how: "kill" | "stop"): Promise<void>;
}

function jobTest(name: string, run: (job: Job) => Promise<void>): void {
  for (const form of FORMS) {
    Deno.test(`${FORM_NAMES[form]}: ${name}`, () => withJob(form, run));
  }
}

async function withJob(form: Form, run: (job: Job) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "driftless_job_" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  // Outside of any project: what the app imports, the program has to bring.
  const app = join(folder, "app.ts");
  await Deno.copyFile(APP_SOURCE, app);
  const options = { data: join(folder, "data.db"), app, program: await programCommand(form) };
  let server = await startServer(options);
  cleanup.defer(() => server.stop());
  const browser = await launchBrowser();
  cleanup.defer(() => browser.close());
  await run({
    get server() {
      return server;
    },
    browser,
    folder,
    async restart(how) {
      const { port } = server;
      await server[how]();
      server = await startServer({ ...options, port });
    },
  });
}

/** Opens the job page in a context; its files come from the test, so that it loads offline too. */
async function openPage(context: BrowserContext, url: string, query = ""): Promise<Page> {
  const script = await bundledPage("job_page.ts");
  await context.route(`${url}/job*`, (route) =>
    route.fulfill({
      contentType: "text/html",
      body: `<!doctype html><title>starting</title><script type="module" src="/page.js"></script>`,
    }));
  await context.route(
    `${url}/page.js`,
    (route) => route.fulfill({ contentType: "text/javascript", body: script }),
  );
  const page = await context.newPage();
  await page.goto(`${url}/job${query}`);
  await isReady(page);
  return page;
}

async function isReady(page: Page): Promise<void> {
  await page.waitForFunction(() => document.title === "ready");
}

async function entries(page: Page, id = "j"): Promise<readonly string[]> {
  return await page.evaluate((id) => job.client.collection("journal").get(id)?.entries ?? [], id);
}

async function append(page: Page, entry: string, id = "j"): Promise<void> {
  await page.evaluate(
    ([id, entry]) => job.client.mutate("journal.append", { id, entry }).then(() => {}),
    [id, entry] as const,
  );
}

async function pendingCount(page: Page): Promise<number> {
  return await page.evaluate(() => job.client.pending.length);
}

/** Takes the network away. A socket that is open may speak a little longer: the heartbeat ends it. */
async function goOffline(context: BrowserContext, ...pages: readonly Page[]): Promise<void> {
  await context.setOffline(true);
  for (const page of pages) {
    await eventually(() => page.evaluate(() => job.client.isOnline), false);
  }
}

async function isSettled(...pages: readonly Page[]): Promise<void> {
  for (const page of pages) await eventually(() => pendingCount(page), 0);
  const cursor = Math.max(
    ...await Promise.all(pages.map((page) => page.evaluate(() => job.client.cursor))),
  );
  for (const page of pages) await eventually(() => page.evaluate(() => job.client.cursor), cursor);
}

/** Appends entries, with up to 500 of them on their way, until the title says so; returns how many. */
function burst(page: Page, name: string): Promise<number> {
  return page.evaluate(async (name) => {
    let made = 0;
    while (document.title !== "enough") {
      const entry = `${name}${made}`;
      // A journal for each hundred entries, so that no record grows too large.
      const id = `${name}-${String(Math.floor(made / 100)).padStart(6, "0")}`;
      await globalThis.job.client.mutate("journal.append", { id, entry });
      made++;
      // While the server is away the queue would fill up faster than it can ever be emptied.
      while (globalThis.job.client.pending.length > 500) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    return made;
  }, name);
}

/** Every entry of a burst, in the order in which the server has them. */
function journalOf(page: Page, name: string): Promise<readonly string[]> {
  return page.evaluate((name) =>
    globalThis.job.client.collection("journal").all()
      .filter(([id]) => id.startsWith(`${name}-`))
      .flatMap(([, journal]) => journal.entries), name);
}

/** Every expected entry exactly once; order is the server's business. */
function assertSameEntries(actual: readonly string[], expected: readonly string[]): void {
  assertEquals(actual.toSorted(), expected.toSorted());
}

jobTest("two browsers converge after offline edits on both", async ({ server, browser }) => {
  const [first, second] = [await browser.newContext(), await browser.newContext()];
  const a = await openPage(first, server.url);
  const b = await openPage(second, server.url);
  await append(a, "before");
  await eventually(() => entries(b), ["before"]);
  await Promise.all([goOffline(first, a), goOffline(second, b)]);
  const expected = ["before"];
  for (let i = 0; i < 10; i++) {
    await append(a, `a${i}`);
    await append(b, `b${i}`);
    expected.push(`a${i}`, `b${i}`);
  }
  assertEquals(await pendingCount(a), 10);
  assertEquals((await entries(a)).length, 11);
  await Promise.all([first.setOffline(false), second.setOffline(false)]);
  await isSettled(a, b);
  const result = await entries(a);
  assertSameEntries(result, expected);
  assertEquals(await entries(b), result);
  // One client's own order is kept.
  assertEquals(
    result.filter((entry) => entry.startsWith("a")),
    expected.filter((e) => /^a/.test(e)),
  );
});

jobTest("a reload while offline keeps the view and the queue", async ({ server, browser }) => {
  const context = await browser.newContext();
  const page = await openPage(context, server.url);
  await append(page, "online");
  await isSettled(page);
  await goOffline(context, page);
  await append(page, "offline 1");
  await append(page, "offline 2");
  await page.reload();
  await isReady(page);
  assertEquals(await entries(page), ["online", "offline 1", "offline 2"]);
  assertEquals(await pendingCount(page), 2);
  await append(page, "offline 3");
  await context.setOffline(false);
  await isSettled(page);
  const other = await openPage(await browser.newContext(), server.url);
  await eventually(() => entries(other), ["online", "offline 1", "offline 2", "offline 3"]);
});

jobTest(
  "SIGKILL of the server in a burst loses nothing acknowledged and doubles nothing",
  async (job) => {
    const { browser, server } = job;
    const a = await openPage(await browser.newContext(), server.url);
    const b = await openPage(await browser.newContext(), server.url);
    const bursts = [burst(a, "a"), burst(b, "b")];
    for (let round = 0; round < KILLS_IN_BURST; round++) {
      // Each kill comes when the server is deciding: something new was decided since the last one.
      const seen = await a.evaluate(() => globalThis.job.client.cursor);
      await a.waitForFunction((seen) => globalThis.job.client.cursor > seen, seen);
      await job.restart("kill");
    }
    for (const page of [a, b]) await page.evaluate(() => document.title = "enough");
    const counts = await Promise.all(bursts);
    await isSettled(a, b);
    const fresh = await openPage(await browser.newContext(), server.url);
    await isSettled(a, b, fresh);
    for (const page of [a, b, fresh]) {
      for (const [index, name] of ["a", "b"].entries()) {
        const written = Array.from({ length: counts[index] ?? 0 }, (_, i) => `${name}${i}`);
        assertEquals(await journalOf(page, name), written);
      }
    }
  },
);

jobTest(
  "a refused mutation rolls back, is reported once, and blocks nothing",
  async ({ server, browser }) => {
    const [first, second] = [await browser.newContext(), await browser.newContext()];
    const a = await openPage(first, server.url);
    const b = await openPage(second, server.url);
    await Promise.all([goOffline(first, a), goOffline(second, b)]);
    const claim = (page: Page, id: string) =>
      page.evaluate(
        (id) =>
          globalThis.job.client.mutate("note.claim", { id, title: id, by: "Ada" }).then(({ id }) =>
            id
          ),
        id,
      );
    for (const id of ["a1", "a2"]) {
      await claim(a, id);
    }
    for (const id of ["b1", "b2"]) await claim(b, id);
    await append(b, "behind the refused one");
    await first.setOffline(false);
    await isSettled(a);
    await second.setOffline(false);
    await isSettled(a, b);
    const notes = (page: Page) =>
      page.evaluate(() => globalThis.job.client.collection("note").all().map(([id]) => id));
    assertEquals(await notes(a), ["a1", "a2", "b1"]);
    assertEquals(await notes(b), ["a1", "a2", "b1"]);
    assertEquals((await b.evaluate(() => globalThis.job.rejected)).map(({ reason }) => reason), [
      "Ada has enough notes",
    ]);
    assertEquals(await a.evaluate(() => globalThis.job.rejected), []);
    assertEquals(await entries(a), ["behind the refused one"]);
    await b.reload();
    await isReady(b);
    await isSettled(b);
    assertEquals(await b.evaluate(() => globalThis.job.rejected), []);
  },
);

jobTest(
  "an invalid record is refused in the browser by the server's rule, and not queued",
  async ({ server, browser }) => {
    const page = await openPage(await browser.newContext(), server.url);
    const reason = await page.evaluate(() =>
      globalThis.job.client.mutate("note.create", { id: "n", data: { title: "", by: "Ada" } })
        .then(() => "accepted", (error: Error) => error.message)
    );
    assert(reason.includes("A note needs a title"), reason);
    assertEquals(await pendingCount(page), 0);
    assertEquals(await page.evaluate(() => globalThis.job.client.collection("note").count()), 0);
  },
);

jobTest("a killed browser comes back with its queue", async ({ server, folder }) => {
  const profile = join(folder, "profile");
  const open = async () =>
    await chromium.launchPersistentContext(profile, {
      executablePath: chromiumPath(),
      args: [...CHROMIUM_ARGS],
    });
  const context = await open();
  const page = await openPage(context, server.url);
  await append(page, "online");
  await isSettled(page);
  await goOffline(context, page);
  for (let i = 0; i < 20; i++) await append(page, `offline ${i}`);
  await killBrowserOf(context);
  await context.close().catch(() => {});
  const again = await open();
  try {
    const reopened = await openPage(again, server.url);
    const expected = ["online", ...Array.from({ length: 20 }, (_, i) => `offline ${i}`)];
    await isSettled(reopened);
    assertEquals(await entries(reopened), expected);
  } finally {
    await again.close();
  }
});

jobTest(
  "two tabs of one browser lose and double nothing, also when one closes offline",
  async ({ server, browser }) => {
    const context = await browser.newContext();
    const a = await openPage(context, server.url);
    const b = await openPage(context, server.url);
    const clients = [a, b].map((page) => page.evaluate(() => globalThis.job.client.clientId));
    const [one, two] = await Promise.all(clients);
    assert(one !== two, "each tab numbers for a client of its own");
    await append(a, "a online");
    await append(b, "b online");
    await isSettled(a, b);
    await goOffline(context, a, b);
    await append(a, "a offline");
    await append(b, "b offline 1");
    await append(b, "b offline 2");
    await b.close();
    // The next tab to start takes the closed one's queue over.
    const c = await openPage(context, server.url);
    assertEquals(await pendingCount(c), 2);
    await append(c, "c offline");
    await context.setOffline(false);
    await isSettled(a, c);
    const result = await entries(a);
    assertSameEntries(result, [
      "a offline",
      "a online",
      "b offline 1",
      "b offline 2",
      "b online",
      "c offline",
    ]);
    assertEquals(await entries(c), result);
  },
);

jobTest(
  "another user of the device never sees or pushes the first one's queue",
  async ({ server, browser }) => {
    const context = await browser.newContext();
    const ada = await openPage(context, server.url, "?user=ada");
    // The client's own switch: the browser's lets a socket that is open speak a little longer.
    await ada.evaluate(() => globalThis.job.client.setOffline(true));
    await append(ada, "by ada");
    await ada.close();
    const ben = await openPage(context, server.url, "?user=ben");
    await append(ben, "by ben");
    await isSettled(ben);
    assertEquals(await entries(ben), ["by ben"]);
    const back = await openPage(context, server.url, "?user=ada");
    await isSettled(back);
    assertEquals(await entries(back), ["by ben", "by ada"]);
  },
);

/** SIGKILL of the browser's own process; those of its pages end with it. */
async function killBrowserOf(context: BrowserContext): Promise<void> {
  const session = await context.browser()?.newBrowserCDPSession();
  assert(session, "a browser of its own");
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const own = processInfo.find(({ type }) => type === "browser");
  assert(own, "the browser's process");
  Deno.kill(own.id, "SIGKILL");
}
