/** The weight of the clients: what is recorded, and what is said about it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bundle } from "../../scripts/build.ts";
import {
  type BundleSize,
  CLIENT_GZIP_BYTES_MAX,
  CLIENT_URL,
  DRIFT_BYTES_MAX,
  RECORD,
  recordText,
  sizeOf,
  sizeProblem,
  type SizeRecord,
  sizeText,
  SYNC_GZIP_BYTES_MAX,
  SYNC_URL,
} from "../../scripts/bundle_size.ts";
import { ROOT } from "../../scripts/steps.ts";

const sized = (gzipBytes: number): BundleSize => ({ bytes: 3 * gzipBytes, gzipBytes });

for (
  const [url, path] of [[CLIENT_URL, "mod.ts"], [SYNC_URL, "ui/client/sync_client.ts"]] as const
) {
  Deno.test(`${url} weighs what was recorded`, async () => {
    const recorded: SizeRecord = JSON.parse(await Deno.readTextFile(`${ROOT}/${RECORD}`));
    const size = sizeOf(await bundle(`${ROOT}/${path}`));
    assertEquals(sizeProblem(url, size, recorded), null, sizeText(url, size));
  });
}

Deno.test("the client that syncs and has nothing besides weighs no more than it may", async () => {
  const size = sizeOf(await bundle(`${ROOT}/ui/client/sync_client.ts`));
  assert(size.gzipBytes <= SYNC_GZIP_BYTES_MAX, sizeText(SYNC_URL, size));
});

Deno.test("sizeProblem speaks up when a size drifts further than is let pass", () => {
  const recorded = { "/a": sized(10_000) };
  for (const drift of [DRIFT_BYTES_MAX - 1, DRIFT_BYTES_MAX]) {
    assertEquals(sizeProblem("/a", sized(10_000 + drift), recorded), null);
    assertEquals(sizeProblem("/a", sized(10_000 - drift), recorded), null);
  }
  const problem = (gzipBytes: number) => sizeProblem("/a", sized(gzipBytes), recorded) ?? "";
  const drift = DRIFT_BYTES_MAX + 1;
  assertStringIncludes(problem(10_000 + drift), `grew by ${drift}`);
  assertStringIncludes(problem(10_000 - drift), `shrank by ${drift}`);
  assertStringIncludes(sizeProblem("/b", sized(10_000), recorded) ?? "", "grew by 10000");
});

Deno.test("sizeText says how far a client is from the budget", () => {
  const text = (gzipBytes: number) => sizeText("/a", sized(gzipBytes));
  assertStringIncludes(text(CLIENT_GZIP_BYTES_MAX - 1), ", 1 below the budget");
  assertStringIncludes(text(CLIENT_GZIP_BYTES_MAX), ", 0 below the budget");
  assertStringIncludes(text(CLIENT_GZIP_BYTES_MAX + 1), ", 1 over the budget");
});

Deno.test("sizeOf counts bytes, and as gzip what repeats is short", () => {
  const { bytes, gzipBytes } = sizeOf("ä".repeat(1_000));
  assertEquals([bytes, gzipBytes < 100], [2_000, true]);
  assertEquals(JSON.parse(recordText({ "/a": sized(1) })), { "/a": sized(1) });
});
