/** `driftless embed`: its module has what `serve` sends, and none is written where a page cannot run. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Asset } from "../../edge/handler.ts";
import { assertFailed, inFolder, RunningProgram, runProgram, TODO_APP } from "./program.ts";

const FILES: Readonly<Record<string, string | Uint8Array>> = {
  "app.ts": TODO_APP.replace("const todo", 'import { title } from "./words.ts";\nconst todo') +
    "export const shown: string = title;\n",
  "words.ts": "export const title: string = `a \u2028 \\`line\\``;\n",
  "secret.ts": "export const secret = 1;\n",
};
const PAGES: Readonly<Record<string, string | Uint8Array>> = {
  "index.html": "<!doctype html><title>Ünïcode \u2028</title>",
  "marked.txt": "\uFEFFa mark at the start",
  "pixel.png": new Uint8Array([0x89, 0x50, 0xff, 0x00]),
  "a page #1.html": "<p>100 %</p>",
  "page.ts": "const n: number = 1;\nconsole.log(n);\n",
  ".hidden.html": "no",
  "notes.md": "no",
};

async function inSite(more: typeof FILES, test: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(FILES, async (folder) => {
    await Deno.mkdir(join(folder, "public", "sub"), { recursive: true });
    await Deno.mkdir(join(folder, "templates"));
    await Deno.writeTextFile(join(folder, "public", "sub", "index.html"), "<p>sub</p>");
    await Deno.writeTextFile(join(folder, "templates", "word.html"), "<b>{{of}}</b>");
    for (const [name, content] of Object.entries({ ...PAGES, ...more })) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(join(folder, "public", name), bytes);
    }
    await test(folder);
  });
}

Deno.test("an embedded module has what the server sends, path by path, and the templates", () =>
  inSite({}, async (folder) => {
    const run = await runProgram(["embed", "app.ts", "-o", "pages.ts"], { folder });
    assertEquals(run, { code: 0, stdout: 'embedded 10 pages in "pages.ts"\n', stderr: "" });
    const module: {
      readonly assets: Readonly<Record<string, Asset>>;
      readonly templates: Readonly<Record<string, { readonly template: string }>>;
    } = await import(pathToFileURL(join(folder, "pages.ts")).href);
    assertEquals(module.templates["word"]?.template, "<b>{{of}}</b>");
    const paths = Object.keys(module.assets);
    assertEquals(paths.filter((path) => !path.startsWith("/_driftless/")).sort(), [
      ...["/", "/a%20page%20%231.html", "/app.ts", "/index.html", "/marked.txt", "/page.ts"],
      ...["/pixel.png", "/sub/", "/sub/index.html", "/words.ts"],
    ]);
    assert(paths.includes("/_driftless/live.js"));
    const program = await RunningProgram.serve(["app.ts", "--port", "0"], { folder });
    for (const [path, { type, body, etag }] of Object.entries(module.assets)) {
      const response = await fetch(program.url + path);
      const { headers } = response;
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      assertEquals(
        [response.status, headers.get("content-type"), headers.get("etag")?.replace("W/", "")],
        [200, type, etag],
        path,
      );
      assertEquals(await response.bytes(), bytes, path);
    }
  }));

Deno.test("nothing is embedded when a page could not run in browsers", () =>
  inSite({ "bad.ts": 'import "node:fs";\n' }, async (folder) => {
    const run = await runProgram(["embed", "app.ts", "-o", "pages.ts"], { folder });
    assertFailed(run, /bad\.ts.*it imports "node:fs"/);
    assert(![...Deno.readDirSync(folder)].some(({ name }) => name === "pages.ts"));
  }));
