/** Islands on the real server in a real browser: first markup, tabs, crashes, edits, files, embedding. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { isSaved } from "../edge/live_ui_app.ts";
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
import * as v from "valibot";

const task = collection("task", v.object({ title: v.pipe(v.string(), v.minLength(1)) }));

class Counter {
  count = 5;
  word = "";
  add(by = 1) {
    this.count += by;
  }
}

class Board {
  title = "";
  get rows() {
    return live(this).collection("task").rows();
  }
  async make() {
    await live(this).mutate("task.create", { id: "t" + this.rows.length, data: { title: this.title } });
    this.title = "";
  }
}

class Many {
  rows = [];
  fill() {
    const text = "a row with a text of some length, ".repeat(3);
    this.rows = Array.from({ length: 12000 }, (_, at) => text + at);
  }
}

class Files {
  report = "nothing";
  take(file) {
    this.report = file.name + ": " + file.text();
  }
}

export default defineApp({
  name: "browser",
  collections: { task },
  islands: {
    counter: island(Counter, { file: "counter.html" }),
    ours: island(Counter, { file: "counter.html", scope: "global", saved: true }),
    board: island(Board, { file: "board.html" }),
    files: island(Files, { file: "files.html" }),
    many: island(Many, { file: "many.html", scope: "global" }),
  },
});
`;

const COUNTER = `<section><output>{{count}}</output><button g-click="add(1)">More</button>
<input g-bind="word" aria-label="word"><em>{{word}}</em></section>`;

const FILES = {
  "app.ts": APP,
  "templates/counter.html": COUNTER,
  "templates/board.html": `<section><input g-bind="title" aria-label="title">
    <button g-click="make()">Make</button>
    <ul><li g-for="row in rows" g-key="row.id">{{row.title}}</li></ul></section>`,
  "templates/files.html": `<p><input type="file" g-upload="take"><output>{{report}}</output></p>`,
  "templates/many.html": `<section><button g-click="fill()">Fill</button>
    <ul><li g-for="row in rows">{{row}}</li></ul></section>`,
  "public/favicon.ico": "",
  "public/index.html": page("counter", "ours"),
  "public/board.html": page("board"),
  "public/files.html": page("files"),
  "public/many.html": page("many"),
  "public/rules.html":
    `<!doctype html><title>a</title><script type="module" src="/rules.ts"></script>`,
  "public/rules.ts": `import app from "../app.ts";
document.title = Object.keys(app.islands).join();
`,
};

/** What a test works with. */
interface IslandStage {
  readonly folder: string;
  readonly browser: Browser;
  readonly server: RunningServer;
  /** Another server on the same port and data. */
  restart(): Promise<RunningServer>;
}

function page(...names: string[]): string {
  const elements = names.map((name) => `<div id="${name}" g-island="${name}"></div>`).join("");
  return `<!doctype html><html lang="en"><head><title>a</title></head><body>${elements}</body></html>`;
}

async function write(folder: string, path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
  await Deno.writeTextFile(join(folder, path), text);
}

/** Starts everything; the server is given these arguments. */
async function stageOf(
  cleanup: AsyncDisposableStack,
  args: readonly string[],
): Promise<IslandStage> {
  const folder = await Deno.makeTempDir({ prefix: "driftless_browser_" });
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  for (const [path, text] of Object.entries(FILES)) await write(folder, path, text);
  const options = { data: join(folder, "data.db"), app: join(folder, "app.ts"), args };
  const server = await startServer(options);
  cleanup.defer(() => server.stop());
  const restart = async () => {
    const next = await startServer({ ...options, port: server.port });
    cleanup.defer(() => next.stop());
    return next;
  };
  const browser = await launchBrowser();
  cleanup.defer(() => browser.close());
  return { folder, browser, server, restart };
}

function islandTest(
  name: string,
  args: readonly string[],
  run: (stage: IslandStage) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using cleanup = new AsyncDisposableStack();
    await run(await stageOf(cleanup, args));
  });
}

/** A test of a page of somebody else's, on a port of its own. */
function foreignTest(
  name: string,
  args: (origin: string) => readonly string[],
  run: (stage: IslandStage, origin: string) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using cleanup = new AsyncDisposableStack();
    const foreign = { html: "" };
    const host = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response(foreign.html, { headers: { "content-type": "text/html" } }),
    );
    cleanup.defer(() => host.shutdown());
    const origin = `http://localhost:${host.addr.port}`;
    const stage = await stageOf(cleanup, args(origin));
    foreign.html = `<!doctype html><html lang="en"><head><title>b</title>
      <script type="module" src="${stage.server.url}/_driftless/live.js"></script></head>
      <body><h1>Elsewhere</h1><div id="ours" g-island="ours"></div></body></html>`;
    await run(stage, origin);
  });
}

/** Opens a page and waits until its islands are connected. */
async function open(browser: Browser, url: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(url);
  await page.waitForSelector(".g-ready");
  return page;
}

function countOf(page: Page, id = "counter"): () => Promise<string | null> {
  return () => page.textContent(`#${id} output`);
}

islandTest("a counter counts from its first markup on, by the server's word", [], async (stage) => {
  const { browser, server } = stage;
  const html = await (await fetch(server.url)).text();
  assertStringIncludes(html, "<output>5</output>");
  const page = await (await browser.newContext()).newPage();
  const complaints = complaintsOf(page);
  await page.goto(server.url);
  const button = await page.waitForSelector("#counter button");
  await page.waitForSelector(".g-ready");
  await button.click();
  await button.click();
  await eventually(countOf(page), "7");
  await page.fill("#counter input", "Hello");
  await eventually(() => page.textContent("#counter em"), "Hello");
  assert(await button.evaluate((element) => element.isConnected), "the markup was adopted");
  assertEquals(complaints, []);
});

islandTest("an app file with islands runs in browsers as well", [], async ({ browser, server }) => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${server.url}/rules.html`);
  await eventually(() => page.title(), "counter,ours,board,files,many");
});

islandTest("two tabs share what is everyone's, and nothing else", [], async (stage) => {
  const { browser, server } = stage;
  const [one, two] = [await open(browser, server.url), await open(browser, server.url)];
  await one.click("#ours button");
  await two.click("#ours button");
  await one.click("#counter button");
  for (const tab of [one, two]) await eventually(countOf(tab, "ours"), "7");
  await eventually(countOf(one), "6");
  await eventually(countOf(two), "5");
  const late = await open(browser, server.url);
  assertEquals(await countOf(late, "ours")(), "7");
});

islandTest("a killed server comes back, and the tab goes on where it was", [], async (stage) => {
  const { browser, folder, server, restart } = stage;
  const page = await open(browser, server.url);
  const button = await page.waitForSelector("#counter button");
  for (let i = 0; i < 3; i++) await button.click();
  await page.click("#ours button");
  await page.fill("#counter input", "half a wo");
  await eventually(() => page.textContent("#counter em"), "half a wo");
  await eventually(countOf(page), "8");
  await eventually(countOf(page, "ours"), "6");
  for (const part of [`"count":8,"word":"half a wo"`, `"count":6`]) {
    await isSaved(join(folder, "data.db"), part);
  }
  await server.kill();
  await page.type("#counter input", "rd");
  await restart();
  await eventually(() => page.textContent("#counter em"), "half a word");
  await eventually(countOf(page), "8");
  await page.click("#counter button");
  await eventually(countOf(page), "9");
  await eventually(countOf(page, "ours"), "6");
  assertEquals(await page.inputValue("#counter input"), "half a word");
});

islandTest(
  "an edited template shows in the open page, with its state",
  ["--watch"],
  async (stage) => {
    const { browser, folder, server } = stage;
    const page = await open(browser, server.url);
    await page.click("#counter button");
    await eventually(countOf(page), "6");
    await page.evaluate(() => document.title = "not loaded again");
    await page.waitForTimeout(500);
    await write(folder, "templates/counter.html", COUNTER.replace("More", "One more"));
    await eventually(() => page.textContent("#counter button"), "One more");
    assertEquals(await countOf(page)(), "6");
    await page.click("#counter button");
    await eventually(countOf(page), "7");
    assertEquals(await page.title(), "not loaded again");
  },
);

islandTest("an island on a collection writes by the rules, and shows who else writes", [], async ({
  browser,
  server,
}) => {
  const url = `${server.url}/board.html`;
  const [one, two] = [await open(browser, url), await open(browser, url)];
  const titles = (page: Page) => () => page.locator("#board li").allTextContents();
  await one.fill("#board input", "From one");
  await one.click("#board button");
  for (const tab of [one, two]) await eventually(titles(tab), ["From one"]);
  await eventually(() => one.inputValue("#board input"), "");
  const args = { id: "a", data: { title: "By HTTP" } };
  const mutations = [{ id: "m1", name: "task.create", args }];
  const body = JSON.stringify({ mutations });
  const { results } = await (await fetch(`${server.url}/_sync/push`, { method: "POST", body }))
    .json();
  assertEquals(results[0].ok, true);
  for (const tab of [one, two]) await eventually(titles(tab), ["By HTTP", "From one"]);
});

islandTest("a file that is chosen arrives whole", [], async ({ browser, folder, server }) => {
  const page = await open(browser, `${server.url}/files.html`);
  await write(folder, "sent/long.txt", "driftless ".repeat(60_000));
  await page.setInputFiles("input[type=file]", join(folder, "sent/long.txt"));
  const shown = async () => {
    const text = await page.textContent("#files output") ?? "";
    return [text.slice(0, 19), text.length];
  };
  await eventually(shown, ["long.txt: driftless", 600_010]);
});

foreignTest(
  "a page of another origin gets no island [defect 9, S1]",
  () => [],
  async ({ browser }, origin) => {
    const page = await (await browser.newContext()).newPage();
    const complaints = complaintsOf(page);
    await page.goto(origin);
    await eventually(() => Promise.resolve(complaints.some((text) => /CORS|403/.test(text))), true);
    assertEquals(await page.textContent("#ours"), "");
  },
);

foreignTest(
  "a page of an origin that is let in has its islands",
  (origin) => ["--origin", origin],
  async ({ browser, server }, origin) => {
    const page = await open(browser, origin);
    await page.click("#ours button");
    await eventually(countOf(page, "ours"), "6");
    const own = await open(browser, server.url);
    await eventually(countOf(own, "ours"), "6");
  },
);

islandTest(
  "an island larger than a message of the socket arrives, as a patch and whole",
  [],
  async (stage) => {
    const page = await open(stage.browser, `${stage.server.url}/many.html`);
    const complaints = complaintsOf(page);
    await page.click("#many button");
    const lastOf = (id: string) => () =>
      page.evaluate((id) => {
        const rows = document.querySelectorAll(`#${id} li`);
        return [rows.length, rows[rows.length - 1]?.textContent?.slice(-7)];
      }, id);
    await eventually(lastOf("many"), [12_000, ", 11999"]);
    await page.evaluate(() => {
      const element = document.createElement("div");
      element.id = "copy";
      document.body.append(element);
      const { driftless } = globalThis as unknown as { readonly driftless: { live: PageLive } };
      driftless.live.mount(element, "many");
    });
    await eventually(lastOf("copy"), [12_000, ", 11999"]);
    assertEquals(complaints, []);
  },
);
