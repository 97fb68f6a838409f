/** Every framework binding with its real framework in real Chromium: one list, the same story. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { compile } from "svelte/compiler";
import type {} from "./bindings_stage.ts";
import { complaintsOf, eventually, launchBrowser } from "./harness.ts";
import { bundledPage } from "./page_bundle.ts";

const FOLDER = import.meta.dirname ?? ".";
const ROOT = join(FOLDER, "..", "..");
/** Nothing listens there: what the page asks for, the test answers. */
const ORIGIN = "http://bindings.test";

/** The Svelte page: its components compiled, with imports that hold from where they lie then. */
async function svelteBundle(): Promise<string> {
  // Inside of the repository, where packages are found.
  const build = join(ROOT, "build");
  await Deno.mkdir(build, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: build, prefix: "bindings_" });
  try {
    const here = pathToFileURL(`${FOLDER}/`).href;
    for (const name of ["bindings_list", "bindings_item"]) {
      const source = await Deno.readTextFile(join(FOLDER, `${name}.svelte`));
      const { js } = compile(source, { generate: "client", dev: true, name: "List" });
      const code = js.code
        .replaceAll(/(from\s*")(\.[^"]*)\.svelte"/g, '$1$2.js"')
        .replaceAll(/(from\s*")(\.[^"]*\.ts)"/g, (_all, from, path) => {
          return `${from}${new URL(path, here).href}"`;
        });
      await Deno.writeTextFile(join(folder, `${name}.js`), code);
    }
    const entry = join(folder, "page.js");
    await Deno.writeTextFile(
      entry,
      `import { mount, unmount } from "svelte";
       import { writable } from "svelte/store";
       import List from "./bindings_list.js";
       import { client, note, open } from "${here}bindings_stage.ts";
       open((target, first) => {
         const options = writable(first);
         const list = mount(List, { target, props: { client, options, note } });
         return { show: options.set, unmount: () => unmount(list) };
       });`,
    );
    return await bundledPage(entry);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function opened(page: Page, script: string): Promise<void> {
  await page.route(`${ORIGIN}/**`, (route) => {
    const isScript = route.request().url().endsWith("/page.js");
    return route.fulfill({
      contentType: isScript ? "text/javascript" : "text/html",
      body: isScript
        ? script
        : `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>`,
    });
  });
  await page.goto(ORIGIN);
  await page.waitForFunction(() => "bindings" in globalThis);
}

/** What stands on the page: the record, status and note, and the rows. */
function shown(page: Page): Promise<string> {
  return page.evaluate(() => {
    const texts = [...document.querySelectorAll("main h1, main p, main li")];
    return texts.map(({ textContent }) => textContent?.trim()).join("|");
  });
}

function calls(page: Page): Promise<{ query: number; get: number; row: number; where: number }> {
  return page.evaluate(() => ({ ...bindings.calls }));
}

for (const framework of ["react", "preact", "solid", "svelte", "vue"]) {
  Deno.test(`a list in ${framework} follows its query, draws what differs, and leaves nothing`, async () => {
    const script = framework === "svelte"
      ? await svelteBundle()
      : await bundledPage(`bindings_${framework}_page.ts`);
    const browser = await launchBrowser();
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => browser.close());
    const page = await browser.newPage();
    const complaints = complaintsOf(page);
    await opened(page, script);
    // React's strict mode does everything twice.
    await tellStory(page, framework === "react" ? 2 : 1);
    assertEquals(complaints, []);
  });
}

/** `draws` is how often the framework runs a component for one change. */
async function tellStory(page: Page, draws: number): Promise<void> {
  const shows = (expected: string) => eventually(() => shown(page), expected);
  await shows("none|stopped note");
  await page.evaluate(() => bindings.start());
  await shows("none|offline note");
  for (const [id, title] of [["b", "banana"], ["a", "apple"], ["c", "cherry"]] as const) {
    await page.evaluate(([id, title]) => bindings.create(id, title), [id, title] as const);
  }
  await shows("apple|offline note|apple|banana|cherry");

  // Only what differs is drawn, and nothing asks again for what is known.
  const before = await calls(page);
  assertEquals(before.query, draws);
  await page.evaluate(() => bindings.set("b", { done: true }));
  await shows("apple|offline note|apple|cherry");
  await page.evaluate(() => bindings.setNote("news"));
  await shows("apple|offline news|apple|cherry");
  assertEquals(await calls(page), { ...before, where: before.where + 1 });
  await page.evaluate(() => bindings.set("a", { title: "avocado" }));
  await shows("avocado|offline news|avocado|cherry");
  const after = await calls(page);
  assertEquals([after.query, after.where], [before.query, before.where + 2]);
  assertEquals(after.row, before.row + draws);

  await page.evaluate(() => bindings.show("desc", 10));
  await shows("avocado|offline news|cherry|avocado");
  await page.evaluate(() => bindings.show("desc", 1));
  await shows("avocado|offline news|cherry");
  await page.evaluate(() => bindings.set("b", { done: false, title: "zucchini" }));
  await shows("avocado|offline news|zucchini");
  await page.evaluate(() => bindings.show("asc", 2));
  await shows("avocado|offline news|avocado|cherry");

  assert(await page.evaluate(() => bindings.followers()) > 0);
  await page.evaluate(() => bindings.unmount());
  await shows("");
  await eventually(() => page.evaluate(() => bindings.followers()), 0);
  const left = await calls(page);
  await page.evaluate(() => bindings.set("a", { title: "apricot" }));
  assertEquals(await calls(page), left);
}
