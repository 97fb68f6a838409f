/** The client as a server hands it out: a module that pages of its own and of listed origins load. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { CLIENT_URL, RECONCILE_URL, SYNC_URL } from "../../scripts/bundle_size.ts";
import { buildAssets } from "../../scripts/build.ts";
import { ROOT } from "../../scripts/steps.ts";
import { ORIGIN, withDoors } from "./served_app.ts";

const { assets } = await buildAssets(ROOT);

const MODULES = [
  [CLIENT_URL, "createClient"],
  [SYNC_URL, "createSyncClient"],
  [RECONCILE_URL, "openReconcileClient"],
] as const;

for (const [url, name] of MODULES) {
  Deno.test(`${url} is a script that is checked for news, and is no other type`, async () => {
    await withDoors({ assets }, async ({ get }) => {
      const response = await get(url);
      assertEquals(response.status, 200);
      assertEquals(response.headers.get("content-type"), "text/javascript; charset=utf-8");
      assertEquals(response.headers.get("x-content-type-options"), "nosniff");
      assertEquals(response.headers.get("cache-control"), "no-cache");
      assertEquals(response.headers.get("etag"), assets[url]?.etag);
      assertStringIncludes(await response.text(), name);
      const headers = { "if-none-match": response.headers.get("etag") ?? "" };
      assertEquals((await get(url, { headers })).status, 304);
    });
  });
}

Deno.test("a page of a listed origin may import the client, another one may not", async () => {
  await withDoors({ assets }, async ({ get }) => {
    const listed = await get(CLIENT_URL, { headers: { origin: ORIGIN } });
    assertEquals(listed.status, 200);
    assertEquals(listed.headers.get("access-control-allow-origin"), ORIGIN);
    assertStringIncludes(listed.headers.get("vary") ?? "", "Origin");
    await listed.body?.cancel();
    const other = await get(CLIENT_URL, { headers: { origin: "https://other.example" } });
    assertEquals(other.status, 403);
    assertEquals(other.headers.get("access-control-allow-origin"), null);
    await other.body?.cancel();
  });
});

Deno.test("what compares with the server is a module of its own, which only the whole client loads", () => {
  const loads = (url: string) =>
    Array.from(
      assets[url]?.body.matchAll(/\bimport\("([^"]*)"\)/g) ?? [],
      ([, path = ""]) => new URL(path, `https://app.example${url}`).pathname,
    );
  for (const url of [CLIENT_URL, "/demo.js"]) assertEquals(loads(url), [RECONCILE_URL]);
  for (const url of [SYNC_URL, RECONCILE_URL]) assertEquals(loads(url), []);
  // The tree's domain, which whoever hashes has to name.
  const hashes = [CLIENT_URL, SYNC_URL, "/demo.js", RECONCILE_URL]
    .map((url) => assets[url]?.body.includes("driftless reconcile 1"));
  assertEquals(hashes, [false, false, false, true]);
});
