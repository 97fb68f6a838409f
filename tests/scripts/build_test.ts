/** The build: what it embeds, that it is the same every time, and what it says of a missing file. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { type Asset, assetsModule, buildAssets } from "../../scripts/build.ts";

const PAGE = "<!doctype html>\n<title>“Demo”</title>\n";

const FILES: Readonly<Record<string, string>> = {
  "mod.ts": "export const client = 1;\n",
  "ui/client/sync_client.ts": "export const syncClient = 1;\n",
  "ui/demo/index.html": PAGE,
  "ui/demo/style.css": "p { color: teal }\n",
  "ui/demo/demo.ts": `import { text } from "./text.ts";\ndocument.title = text;\n`,
  "ui/demo/icon.svg": `<svg xmlns="http://www.w3.org/2000/svg"/>\n`,
  "ui/demo/text.ts": "export const text: string = `a </script> ${1 + 1}`;\n",
};

/** Runs with a folder that holds the files. */
async function withTree(
  files: Readonly<Record<string, string>>,
  run: (root: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "driftless_build_" });
  try {
    for (const folder of ["client", "demo"]) {
      await Deno.mkdir(`${root}/ui/${folder}`, { recursive: true });
    }
    for (const [path, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${root}/${path}`, text);
    }
    await run(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function builtFrom(files: Readonly<Record<string, string>>) {
  let built: Readonly<Record<string, Asset>> = {};
  await withTree(files, async (root) => {
    built = (await buildAssets(root)).assets;
  });
  return built;
}

Deno.test("buildAssets keys the page, its style and its code by their URL paths", async () => {
  const assets = await builtFrom(FILES);
  assertEquals(Object.keys(assets).sort(), [
    "/",
    "/_driftless/client.js",
    "/_driftless/sync.js",
    "/demo.css",
    "/demo.js",
    "/icon.svg",
  ]);
  assertEquals(assets["/"]?.body, PAGE);
  assertEquals(assets["/"]?.type, "text/html; charset=utf-8");
  assertEquals(assets["/demo.css"]?.type, "text/css; charset=utf-8");
  assertEquals(assets["/demo.js"]?.type, "text/javascript; charset=utf-8");
});

Deno.test("buildAssets bundles the code with what it imports", async () => {
  const body = (await builtFrom(FILES))["/demo.js"]?.body ?? "";
  const page = { title: "" };
  new Function("document", body)(page);
  assertEquals(page.title, "a </script> 2");
});

Deno.test("buildAssets gives the same bytes in another folder, and another etag for other text", async () => {
  const [first, second] = [await builtFrom(FILES), await builtFrom(FILES)];
  assertEquals(first, second);
  const changed = await builtFrom({ ...FILES, "ui/demo/style.css": "p { color: red }\n" });
  assertEquals(changed["/"]?.etag, first["/"]?.etag);
  assertNotEquals(changed["/demo.css"]?.etag, first["/demo.css"]?.etag);
  assert(/^"[\w-]{22}"$/.test(first["/"]?.etag ?? ""));
});

Deno.test("buildAssets names the files that are missing and builds the others", async () => {
  await withTree({ "ui/demo/index.html": PAGE }, async (root) => {
    const { assets, missing } = await buildAssets(root);
    assertEquals(Object.keys(assets), ["/"]);
    assertEquals(missing, [
      "mod.ts",
      "ui/client/sync_client.ts",
      "ui/client/reconcile_client.ts",
      "ui/client/live.ts",
      "ui/client/live_more.ts",
      "ui/client/charts_page.ts",
      "ui/live_ui.ts",
      "scripts/valibot_for_browsers.ts",
      "ui/demo/style.css",
      "ui/demo/demo.ts",
      "ui/demo/tree.html",
      "ui/demo/tree.css",
      "ui/demo/tree.ts",
      "ui/demo/islands.html",
      "ui/demo/islands.css",
      "ui/demo/islands.ts",
      "ui/demo/icon.svg",
    ]);
  });
});

Deno.test("buildAssets says why code cannot be bundled", async () => {
  await withTree({ ...FILES, "ui/demo/demo.ts": `import "./gone.ts";` }, async (root) => {
    const error = await assertRejects(() => buildAssets(root), Error, "Cannot bundle");
    assertStringIncludes(error.message, "gone.ts");
  });
});

Deno.test("assetsModule is a module that gives the assets back", async () => {
  const assets = await builtFrom(FILES);
  const url = `data:application/typescript,${encodeURIComponent(assetsModule(assets))}`;
  assertEquals((await import(url)).assets, assets);
});
