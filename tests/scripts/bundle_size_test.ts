/** The weight of the client: what is recorded, and what is said about it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { bundle } from "../../scripts/build.ts";
import {
  type BundleSize,
  CLIENT_GZIP_BYTES_MAX,
  DRIFT_BYTES_MAX,
  RECORD,
  recordText,
  sizeOf,
  sizeProblem,
  sizeText,
} from "../../scripts/bundle_size.ts";
import { ROOT } from "../../scripts/steps.ts";

const sized = (gzipBytes: number): BundleSize => ({ bytes: 3 * gzipBytes, gzipBytes });

Deno.test("the client weighs what was recorded", async () => {
  const recorded: BundleSize = JSON.parse(await Deno.readTextFile(`${ROOT}/${RECORD}`));
  const size = sizeOf(await bundle(`${ROOT}/mod.ts`));
  assertEquals(sizeProblem(size, recorded), null, sizeText(size));
});

Deno.test("sizeProblem speaks up when the size drifts further than is let pass", () => {
  const recorded = sized(10_000);
  for (const drift of [DRIFT_BYTES_MAX - 1, DRIFT_BYTES_MAX]) {
    assertEquals(sizeProblem(sized(10_000 + drift), recorded), null);
    assertEquals(sizeProblem(sized(10_000 - drift), recorded), null);
  }
  const drift = DRIFT_BYTES_MAX + 1;
  assertStringIncludes(sizeProblem(sized(10_000 + drift), recorded) ?? "", `grew by ${drift}`);
  assertStringIncludes(sizeProblem(sized(10_000 - drift), recorded) ?? "", `shrank by ${drift}`);
});

Deno.test("sizeText says how far the client is from its budget", () => {
  assertStringIncludes(sizeText(sized(CLIENT_GZIP_BYTES_MAX - 1)), ", 1 below the budget");
  assertStringIncludes(sizeText(sized(CLIENT_GZIP_BYTES_MAX)), ", 0 below the budget");
  assertStringIncludes(sizeText(sized(CLIENT_GZIP_BYTES_MAX + 1)), ", 1 over the budget");
});

Deno.test("sizeOf counts bytes, and as gzip what repeats is short", () => {
  const { bytes, gzipBytes } = sizeOf("ä".repeat(1_000));
  assertEquals([bytes, gzipBytes < 100], [2_000, true]);
  assertEquals(JSON.parse(recordText(sized(1))), sized(1));
});
