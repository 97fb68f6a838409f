/** A page with islands and a client of its own: both have the same socket, and neither needs the other. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import type { BrowserContext, Page, WebSocket } from "playwright-core";
import type { PageLive } from "../ui/bridge_pages.ts";
import {
  complaintsOf,
  eventually,
  launchBrowser,
  type RunningServer,
  startServer,
} from "./harness.ts";

const APP = `
import { collection, defineApp } from "@driftless/driftless";
import { island, live } from "@driftless/driftless/ui";

const schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
const task = collection("task", schema);

class Board {
  word = "";
  count = 0;
  rows = [];
  get titles() {
    return live(this).collection("task").rows().map((row) => row.title).sort().join();
  }
  add() {
    this.count++;
  }
  fill() {
    const text = "a row with a text of some length, ".repeat(3);
    this.rows = Array.from({ length: 6000 }, (_, at) => text + at);
  }
}

export default defineApp({
  name: "shared",
  collections: { task },
  islands: {
    board: island(Board, {
      saved: true,
      template: \`<section><output>{{count}}</output><button g-click="add()">More</button>
        <input g-bind="word" aria-label="word"><em>{{word}}</em><b>{{titles}}</b>
        <button id="fill" g-click="fill()">Fill</button>
        <ul><li g-for="row in rows">{{row}}</li></ul></section>\`,
    }),
  },
});
`;

/** What the page's scripts have, and tests use. */
interface PageClient {
  readonly isOnline: boolean;
  readonly pending: readonly unknown[];
  start(): Promise<void>;
  stop(): Promise<void>;
  setOffline(offline: boolean): void;
  mutate(name: string, args: unknown): Promise<unknown>;
  collection(name: string): { all(): readonly (readonly [string, { readonly title: string }])[] };
}

interface Globals {
  readonly client: PageClient;
  readonly driftless: { readonly live: PageLive };
}

/** A page; its client waits until it is started. */
function pageOf(script: string, query = ""): string {
  return `<!doctype html><html lang="en"><head><title>a</title>
    <script type="module" src="/_driftless/live.js${query}"></script>
    <script type="module" src="/${script}"></script>
    </head><body><div g-island="board"></div></body></html>`;
}

function scriptOf(file: string, make: string): string {
  return `import { collection, ${make}, defineApp } from "/_driftless/${file}";
const schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
const task = collection("task", schema);
globalThis.client = ${make}(defineApp({ name: "shared", collections: { task } }));
`;
}

const FILES = {
  "favicon.ico": "",
  "index.html": pageOf("whole.js"),
  "sync.html": pageOf("sync.js"),
  "late.html": pageOf("whole.js", "?manual"),
  "whole.js": scriptOf("client.js", "createClient"),
  "sync.js": scriptOf("sync.js", "createSyncClient"),
};

/** A page, and the sockets that it has opened. */
interface Shown {
  readonly page: Page;
  readonly sockets: readonly WebSocket[];
  readonly complaints: readonly string[];
}

interface SharedStage {
  readonly server: RunningServer;
  readonly context: BrowserContext;
  restart(): Promise<RunningServer>;
  open(path: string): Promise<Shown>;
}

function sharedTest(name: string, run: (stage: SharedStage) => Promise<void>): void {
  Deno.test(name, async () => {
    await using cleanup = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "driftless_browser_" });
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    await Deno.writeTextFile(join(folder, "app.ts"), APP);
    await Deno.mkdir(join(folder, "public"));
    for (const [path, text] of Object.entries(FILES)) {
      await Deno.writeTextFile(join(folder, "public", path), text);
    }
    const options = { data: join(folder, "data.db"), app: join(folder, "app.ts") };
    const server = await startServer(options);
    cleanup.defer(() => server.stop());
    const browser = await launchBrowser();
    cleanup.defer(() => browser.close());
    const context = await browser.newContext();
    await run({
      server,
      context,
      restart: async () => {
        const next = await startServer({ ...options, port: server.port });
        cleanup.defer(() => next.stop());
        return next;
      },
      open: async (path) => {
        const page = await context.newPage();
        const sockets: WebSocket[] = [];
        page.on("websocket", (socket) => sockets.push(socket));
        const complaints = complaintsOf(page);
        await page.goto(`${server.url}/${path}`);
        await page.waitForFunction(() => "client" in globalThis);
        return { page, sockets, complaints };
      },
    });
  });
}

function inPage<T>(page: Page, work: (globals: Globals) => T | Promise<T>): Promise<T> {
  return page.evaluate(`(${work})(globalThis)`) as Promise<T>;
}

function isOnline(page: Page): Promise<boolean> {
  return inPage(page, ({ client }) => client.isOnline);
}

async function startClient(page: Page): Promise<void> {
  await inPage(page, ({ client }) => client.start());
  await eventually(() => isOnline(page), true);
}

/** Adds a task through the client of a page; the island shows the titles of all. */
async function addTask(page: Page, title: string): Promise<void> {
  await page.evaluate(
    (title) =>
      (globalThis as unknown as Globals).client
        .mutate("task.create", { id: title, data: { title } }),
    title,
  );
}

function isReady(page: Page): Promise<boolean> {
  return page.evaluate(() => document.querySelector(".g-ready") !== null);
}

const openOf = ({ sockets }: Shown) => sockets.filter((one) => !one.isClosed()).length;

/** Both halves work: a click, a word, and a mutation that the island shows. */
async function assertWorks({ page }: Shown, round: number): Promise<void> {
  const before = Number(await page.textContent("output"));
  await page.click("button");
  await eventually(() => page.textContent("output"), `${before + 1}`);
  await page.fill("input", `word ${round}`);
  await eventually(() => page.textContent("em"), `word ${round}`);
  await addTask(page, `t${round}`);
  await eventually(
    async () => (await page.textContent("b"))?.split(",").includes(`t${round}`),
    true,
  );
}

for (const path of ["index.html", "sync.html"]) {
  sharedTest(
    `islands and client share one socket of ${path} when islands come first`,
    async (stage) => {
      const shown = await stage.open(path);
      const { page } = shown;
      await eventually(() => isReady(page), true);
      await startClient(page);
      await assertWorks(shown, 1);
      await inPage(page, ({ client }) => client.setOffline(true));
      await addTask(page, "offline");
      await page.click("button");
      await eventually(() => page.textContent("output"), "2");
      assertEquals(await inPage(page, ({ client }) => client.pending.length), 1);
      await inPage(page, ({ client }) => client.setOffline(false));
      await eventually(() => page.textContent("b"), "offline,t1");
      await eventually(() => inPage(page, ({ client }) => client.pending.length), 0);
      await assertWorks(shown, 2);
      assertEquals([shown.sockets.length, openOf(shown), shown.complaints], [1, 1, []]);
    },
  );
}

sharedTest("islands and client share one socket when the client comes first", async (stage) => {
  const shown = await stage.open("late.html");
  const { page } = shown;
  await startClient(page);
  await eventually(() => Promise.resolve(openOf(shown)), 1);
  await inPage(page, ({ driftless }) => driftless.live.connect());
  await eventually(() => isReady(page), true);
  await assertWorks(shown, 1);
  // In parts, between which messages of the client may come.
  await page.click("#fill");
  await addTask(page, "between");
  const last = () => page.evaluate(() => document.querySelectorAll("li").length);
  await eventually(last, 6_000);
  await eventually(() => page.textContent("b"), "between,t1");
  assertEquals([shown.sockets.length, openOf(shown), shown.complaints], [1, 1, []]);
});

sharedTest("either half is stopped, and the other goes on with the socket", async (stage) => {
  const shown = await stage.open("index.html");
  const { page } = shown;
  await eventually(() => isReady(page), true);
  await startClient(page);
  await assertWorks(shown, 1);
  await inPage(page, ({ client }) => client.stop());
  await page.click("button");
  await eventually(() => page.textContent("output"), "2");
  await startClient(page);
  await assertWorks(shown, 2);
  await inPage(page, ({ driftless }) => {
    const island = document.querySelector("[g-island]");
    if (island !== null) driftless.live.unmount(island);
  });
  await addTask(page, "alone");
  await eventually(() => inPage(page, ({ client }) => client.pending.length), 0);
  await inPage(page, ({ driftless }) => driftless.live.connect());
  await eventually(() => page.textContent("b"), "alone,t1,t2");
  await assertWorks(shown, 3);
  assertEquals([shown.sockets.length, openOf(shown), shown.complaints], [1, 1, []]);
});

sharedTest("both halves resume on one socket when the server was killed", async (stage) => {
  const shown = await stage.open("index.html");
  const { page } = shown;
  await eventually(() => isReady(page), true);
  await startClient(page);
  await assertWorks(shown, 1);
  await stage.server.kill();
  await eventually(() => isOnline(page), false);
  await addTask(page, "meanwhile");
  await page.fill("input", "typed meanwhile");
  await stage.restart();
  await eventually(() => page.textContent("em"), "typed meanwhile");
  await eventually(() => page.textContent("b"), "meanwhile,t1");
  await assertWorks(shown, 2);
  await eventually(() => Promise.resolve(openOf(shown)), 1);
});

sharedTest("a tab that follows has a socket for its islands, until it leads", async (stage) => {
  const leading = await stage.open("index.html");
  await eventually(() => isReady(leading.page), true);
  await startClient(leading.page);
  const following = await stage.open("index.html");
  await eventually(() => isReady(following.page), true);
  await startClient(following.page);
  await assertWorks(leading, 1);
  await assertWorks(following, 2);
  assertEquals([openOf(leading), openOf(following)], [1, 1]);
  await leading.page.close();
  await eventually(() => isOnline(following.page), true);
  await assertWorks(following, 3);
  assertEquals(openOf(following), 1);
  assert(following.complaints.length === 0, following.complaints.join());
});
