/** The pages of an app: what is served, how, and everything that never is. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { browserModule } from "../../edge/browser_module.ts";
import { createLog } from "../../edge/log.ts";
import { withReload } from "../../edge/live_reload.ts";
import { createPages, PAGE_BYTES_MAX, pageFolderOf } from "../../edge/pages.ts";
import { inFolder } from "./program.ts";
import { assertRefused, type Doors, withDoors } from "./served_app.ts";

const APP = `import { collection, type App } from "@driftless/driftless";
import * as v from "valibot";
import { limit } from "./rules/limit.ts";
const later = () => import("./rules/later.ts");
export const app: unknown = [collection, v, limit, later] satisfies unknown[];
`;

const FILES = {
  "app.ts": APP,
  "secret.ts": "export const key = 1;",
  "app_test.ts": "",
  "deno.json": "{}",
  "driftless.db": "data",
  "driftless.db-wal": "data",
  ".env": "KEY=1",
};

const PAGES = {
  "index.html": "<!doctype html><head><title>Hi</title></head><p>Hello</p>",
  "page.ts": `import { app } from "../app.ts";\nconst x: number = 1;\nexport { app, x };\n`,
  "style.css": "p { color: red }",
  "bytes.png": new Uint8Array([0x89, 0x50, 0xff, 0x00]),
  "ä b.txt": "umlaut",
  "sub/index.html": "sub",
  ".hidden.html": "hidden",
  "data.db": "data",
  "noext": "x",
  "node_modules/x.js": "x",
};

/** Paths that are nobody's, however they are written. */
const NOWHERE = [
  "/secret.ts",
  "/app_test.ts",
  "/deno.json",
  "/driftless.db",
  "/driftless.db-wal",
  "/.env",
  "/.hidden.html",
  "/data.db",
  "/noext",
  "/node_modules/x.js",
  "/sub",
  "/none.html",
  "/style.css/",
  "/rules/other.ts",
  "/link.txt",
  "/linked/secret.ts",
  "/%2e%2e%2fsecret.ts",
  "/..%2fdeno.json",
  "/sub/..%2f..%2fdeno.json",
  "/..%5csecret.ts",
  "/sub//index.html",
  "/%00.html",
  "/%ff.html",
  "/C%3a/x.txt",
];

Deno.test("pages are served with their types, and app modules without theirs", () =>
  withPages(async ({ get }) => {
    const seen = async (path: string) => {
      const response = await get(path);
      const text = await response.text();
      return [response.status, response.headers.get("content-type"), text];
    };
    const script = "text/javascript; charset=utf-8";
    const html = "text/html; charset=utf-8";
    assertEquals(await seen("/"), [200, html, PAGES["index.html"]]);
    assertEquals(await seen("/index.html"), [200, html, PAGES["index.html"]]);
    assertEquals(await seen("/sub/"), [200, html, "sub"]);
    assertEquals(await seen("/style.css"), [200, "text/css; charset=utf-8", PAGES["style.css"]]);
    assertEquals(await seen("/%C3%A4%20b.txt"), [200, "text/plain; charset=utf-8", "umlaut"]);
    const page = `import { app } from "../app.ts";\nconst x         = 1;\nexport { app, x };\n`;
    assertEquals(await seen("/page.ts"), [200, script, page]);
    const [status, , app] = await seen("/app.ts");
    assertEquals(status, 200);
    assertMatch(`${app}`, /^import \{ collection, +\} from "\/_driftless\/client\.js";\n/);
    assertStringIncludes(`${app}`, `from "/_driftless/valibot.js"`);
    assertStringIncludes(`${app}`, `from "./rules/limit.ts"`);
    assert(!`${app}`.includes("unknown"), `${app}`);
    assertEquals((await seen("/rules/limit.ts"))[2], "export const limit         = 1;");
    assertEquals((await seen("/rules/later.ts"))[0], 200);
    const image = await get("/bytes.png");
    assertEquals(new Uint8Array(await image.arrayBuffer()), PAGES["bytes.png"]);
    assertMatch(image.headers.get("content-security-policy") ?? "", /default-src 'self'/);
    assertEquals(image.headers.get("x-content-type-options"), "nosniff");
  }));

Deno.test("what is not a page of the app is not there, however the path is written", () =>
  withPages(async ({ get }) => {
    for (const path of NOWHERE) await assertRefused(await get(path), 404, "not_found", path);
  }));

Deno.test("a page is fetched again only when it has changed", () =>
  withPages(async ({ get }, folder) => {
    const first = await get("/style.css");
    await first.text();
    const etag = first.headers.get("etag") ?? "";
    assertMatch(etag, /^"[\w-]{22}"$/);
    const again = await get("/style.css", { headers: { "if-none-match": etag } });
    assertEquals([again.status, await again.text()], [304, ""]);
    await Deno.writeTextFile(join(folder, "public/style.css"), "p { color: blue; top: 0 }");
    const changed = await get("/style.css", { headers: { "if-none-match": etag } });
    assertEquals([changed.status, await changed.text()], [200, "p { color: blue; top: 0 }"]);
    await Deno.remove(join(folder, "public/style.css"));
    await assertRefused(await get("/style.css"), 404, "not_found");
    await assertRefused(await get("/", { method: "POST" }), 405, "method_not_allowed");
    const head = await get("/", { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
  }));

Deno.test("a file is served up to its limit of bytes", () =>
  withPages(async ({ get }, folder) => {
    for (const [size, status] of [[-1, 200], [0, 200], [1, 404]] as const) {
      const file = await Deno.create(join(folder, `public/big${size}.txt`));
      await file.truncate(PAGE_BYTES_MAX + size);
      file.close();
      const response = await get(`/big${size}.txt`);
      assertEquals(response.status, status, `${size}`);
      await response.body?.cancel();
    }
  }));

Deno.test("what a browser cannot run says so there, and in the log", () =>
  withPages(async ({ get }, folder, lines) => {
    const cases: readonly (readonly [source: string, reason: RegExp])[] = [
      ["enum A { b }", /Cannot load page\.ts in a browser: .+enum.+/],
      ["const x: = 1;", /Cannot load page\.ts in a browser: /],
      [
        `import z from "zod";`,
        /it imports \\"zod\\", and this server has @driftless\/driftless and/,
      ],
      [`import fs from "node:fs";`, /it imports \\"node:fs\\"/],
    ];
    for (const [i, [source, reason]] of cases.entries()) {
      await Deno.writeTextFile(join(folder, "public/page.ts"), source + "\n".repeat(i));
      const body = await (await get("/page.ts")).text();
      assertMatch(body, /^throw new Error\("Cannot load page\.ts in a browser: .+"\);\n$/);
      assertMatch(body, reason);
      assertEquals(lines.filter((line) => line.includes(`"page failed"`)).length, i + 1);
    }
    await Deno.writeTextFile(join(folder, "app.ts"), `import "../outside.ts";\n`);
    assertMatch(
      await (await get("/app.ts")).text(),
      /\\"\.\.\/outside\.ts\\", which is not in the/,
    );
  }));

Deno.test("a module keeps its strings, and its imports in every form find their way", async () => {
  const source = `
import a from "valibot"; import "valibot"; export * from "valibot"; export { b } from 'valibot';
const text = 'import "valibot"'; // import "valibot"
const c = await import("valibot"); const d = import(name); const e = import.meta.url;
import json from "./data.js" with { type: "json" };
import "https://example.org/x.js"; import "/abs.js";
`;
  const { body, files, problem } = await browserModule(source, "page.js");
  assertEquals([files, problem], [["./data.js"], undefined]);
  assertEquals(
    body,
    source.replace(/(from|import) (["'])valibot\2(?!'|\n)/g, `$1 $2/_driftless/valibot.js$2`)
      .replace(`import("valibot")`, `import("/_driftless/valibot.js")`),
  );
});

Deno.test("in development a page knows its edition and where to ask for the newest", () =>
  inFolder({}, async (folder) => {
    await Deno.mkdir(join(folder, "public"));
    await Deno.writeTextFile(join(folder, "public/index.html"), PAGES["index.html"]);
    await Deno.writeTextFile(join(folder, "public/bare.html"), "<p>bare");
    const app = join(folder, "app.ts");
    const pages = createPages({ app, folder: pageFolderOf(app) }, createLog("error"));
    let edition = "one";
    const find = withReload(pages, () => edition);
    const body = async (path: string) => `${(await find(path))?.body}`;
    const tag = (name: string) =>
      `<script type="module" src="/_driftless/reload.js?edition=${name}"></script>`;
    assertEquals(await body("/"), PAGES["index.html"].replace("</head>", `${tag("one")}</head>`));
    assertEquals(await body("/bare.html"), `<p>bare${tag("one")}`);
    assertEquals(await body("/_driftless/edition"), "one");
    const before = (await find("/"))?.etag;
    edition = "two";
    assertEquals(await body("/_driftless/edition"), "two");
    assert((await find("/"))?.etag !== before, "another page");
    assertMatch(await body("/_driftless/reload.js"), /location\.reload\(\)/);
    assertEquals(await find("/none.html"), undefined);
  }));

/** Runs a test on the pages above, behind the doors of a handler. */
function withPages(
  test: (doors: Doors, folder: string, lines: readonly string[]) => Promise<void>,
): Promise<void> {
  return inFolder(FILES, async (folder) => {
    for (const [name, content] of Object.entries(PAGES)) {
      const path = join(folder, "public", name);
      await Deno.mkdir(join(path, ".."), { recursive: true });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(path, bytes);
    }
    await Deno.mkdir(join(folder, "rules"));
    await Deno.writeTextFile(join(folder, "rules/limit.ts"), "export const limit: number = 1;");
    await Deno.writeTextFile(join(folder, "rules/later.ts"), "export {};");
    await Deno.writeTextFile(join(folder, "rules/other.ts"), "export {};");
    await Deno.symlink(join(folder, "deno.json"), join(folder, "public/link.txt"));
    await Deno.symlink(folder, join(folder, "public/linked"));
    const app = join(folder, "app.ts");
    const lines: string[] = [];
    const log = createLog("debug", (line) => void lines.push(line));
    const pages = createPages({ app, folder: pageFolderOf(app) }, log);
    await withDoors({ pages }, (doors) => test(doors, folder, lines));
  });
}
