/** `driftless serve` with islands: templates that are checked, followed, and state that stays. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import { type FoundIsland, IslandPeer, islandsIn, isSaved } from "./live_ui_app.ts";
import { assertFailed, inFolder, RunningProgram, runProgram } from "./program.ts";
import { inTime, pause } from "./raw_peer.ts";

const APP = `
import { defineApp } from "@driftless/driftless";
import { island } from "@driftless/driftless/ui";
class Counter {
  count = 5;
  add(by = 1) {
    this.count += by;
  }
}
export default defineApp({
  name: "counters",
  collections: {},
  islands: {
    root: island(Counter, { file: "counter.html" }),
    other: island(Counter, { file: "parts/other.html", scope: "global", saved: true }),
  },
});
`;
const COUNTER = `<p>{{count}}<button g-click="add()">+</button></p>\n`;
const FILES = {
  "app.ts": APP,
  "templates/counter.html": COUNTER,
  "templates/parts/other.html": `<div><g-partial name="parts/word" of="count"></g-partial></div>`,
  "templates/parts/word.html": `<b>the {{of}}</b>`,
};

/** Runs a test in a folder with these files. */
function inAppFolder(
  files: Readonly<Record<string, string>>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  return inFolder({}, async (folder) => {
    for (const [path, text] of Object.entries(files)) await write(folder, path, text);
    await test(folder);
  });
}

async function write(folder: string, path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
  await Deno.writeTextFile(join(folder, path), text);
}

async function pageOf(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

/** Waits until a page says something. */
async function pageWith(url: string, text: string): Promise<string> {
  const look = async () => {
    for (;;) {
      const html = await pageOf(url).catch(() => "");
      if (html.includes(text)) return html;
      await pause(50);
    }
  };
  return await inTime(look(), `"${text}" in the page`);
}

/** The markup that an island has for a page that was given it before. */
async function markupOf(port: number, found: FoundIsland): Promise<string> {
  const peer = await IslandPeer.open(port);
  peer.show(1, found.name, { ...found, table: "" });
  const { html } = await peer.init(1);
  await peer.close();
  return html;
}

async function click(port: number, found: FoundIsland): Promise<void> {
  const peer = await IslandPeer.open(port);
  peer.show(1, found.name, { ...found, table: "" });
  await peer.init(1);
  peer.click(1, 1);
  await peer.patch(1);
  await peer.close();
}

Deno.test("templates of a folder make pages, and the state outlives a killed server", () =>
  inAppFolder(
    { ...FILES, "public/all.html": `<i g-island="root"></i><i g-island="other"></i>` },
    async (folder) => {
      const args = ["app.ts", "--port", "0", "--data", "data.db"];
      const first = await RunningProgram.serve(args, { folder });
      const [root] = islandsIn(await pageOf(first.url));
      assert(root !== undefined);
      assertEquals(root.name, "root");
      assertStringIncludes(root.html, "<p>5<button>");
      const all = await pageOf(`${first.url}/all.html`);
      assertStringIncludes(all, "<div><b>the 5</b></div>");
      await click(first.port, root);
      await inTime(isSaved(join(folder, "data.db"), `"count":6`), "the saved state");
      await first.stop("SIGKILL");
      const second = await RunningProgram.serve(args, { folder });
      assertStringIncludes(await markupOf(second.port, root), "<p>6<button>");
      await second.stop();
    },
  ));

Deno.test("what is wrong with templates is told with its places, and nothing starts", () => {
  const files = {
    ...FILES,
    "templates/counter.html": `<p>\n  {{cuont}}\n  <b g-clik="add()">+</b>\n</p>`,
    "templates/parts/word.html": `<b>{{of.}}</b>`,
  };
  return inAppFolder(files, async (folder) => {
    const { code, stdout, stderr } = await runProgram(["serve", "app.ts"], { folder });
    assertEquals([code, stdout], [1, ""], stderr);
    assertMatch(stderr, /^driftless: 3 errors in templates:\n/);
    assertMatch(stderr, /^ {2}templates\/counter\.html:2:5: .*did you mean "count"\?$/m);
    assertMatch(stderr, /^ {2}templates\/counter\.html:3:\d+: .*"g-click"\?$/m);
    assertMatch(stderr, /^ {2}templates\/parts\/word\.html:1:\d+: /m);
    const doctor = await runProgram(["doctor", "app.ts", "--data", "x.db"], { folder });
    assertEquals(doctor.code, 2);
    assertStringIncludes(doctor.stdout, "templates/counter.html:2:5");
  });
});

Deno.test("an island without its template, and one that is none, keep the server from starting", () =>
  inAppFolder({ "app.ts": APP, "templates/counters.html": COUNTER }, async (folder) => {
    const { stderr } = await runProgram(["serve", "app.ts"], { folder });
    assertMatch(stderr, /templates\/counter\.html:1:1: .*did you mean "counters\.html"\?/);
    const none = `import { defineApp } from "@driftless/driftless";
      export default defineApp({ name: "a", collections: {}, islands: { one: {} } });`;
    await write(folder, "none.ts", none);
    assertFailed(await runProgram(["serve", "none.ts"], { folder }), /Cannot use the island "one"/);
  }));

Deno.test("an edited template is followed, a broken one is told, and the state stays", () =>
  inAppFolder(FILES, async (folder) => {
    const args = ["app.ts", "--port", "0", "--data", "data.db", "--watch"];
    const program = await RunningProgram.serve(args, { folder });
    const { url, port } = program;
    const html = await pageOf(url);
    const edition = /edition=([\w-]+)/.exec(html)?.[1];
    const [root] = islandsIn(html);
    assert(root !== undefined && edition !== undefined);
    await click(port, root);
    await write(folder, "templates/counter.html", COUNTER.replace("<p>", `<p class="new">`));
    const edited = await pageWith(url, `<p class="new">5<button>`);
    assertStringIncludes(edited, `edition=${edition}`, "the page goes on");
    assertStringIncludes(await markupOf(port, root), `<p class="new">6<button>`);
    await write(folder, "templates/counter.html", "<p>{{none}}</p>");
    const told = async () => {
      while (!program.stderr.includes("templates/counter.html:1:6")) await pause(50);
    };
    await inTime(told(), "the error of the template");
    assertStringIncludes(await markupOf(port, root), `<p class="new">6<button>`);
    await write(folder, "app.ts", APP.replace("count = 5", "count = 7"));
    await write(folder, "templates/counter.html", COUNTER);
    const again = await pageWith(url, "<p>7<button>");
    assert(!again.includes(`edition=${edition}"`), "an edited app loads pages anew");
    assertStringIncludes(await markupOf(port, root), "<p>6<button>");
    await program.stop();
  }));
