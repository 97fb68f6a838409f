/** The chart says what the results say, on light and dark pages, and stays small. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { chartOf } from "./chart.ts";
import type { Results } from "./table.ts";

const CHART_BYTES_MAX = 32 * 1024;
const results: Results = {
  date: "2026-01-02",
  machine: "a machine <of tests>",
  quick: false,
  systems: [],
  rows: Array.from({ length: 25 }, (_, n) => ({
    name: `row ${n}`,
    unit: "ms",
    better: "less",
    group: "g",
    driftless: 1,
    others: [
      { system: "ahead", value: 4, ratio: 4 },
      { system: "behind", value: 0.5, ratio: 0.5 },
      { system: "absent", value: null, ratio: null, why: "it is not there" },
    ],
  })),
};

Deno.test("chart has a bar for each ratio, and none where there is none", () => {
  const chart = chartOf(results);
  assertEquals(chart.match(/<title>/g)?.length, 50);
  assertStringIncludes(chart, "<title>ahead: 4×</title>");
  assertStringIncludes(chart, "<title>behind: 0.5×</title>");
  assert(!chart.includes("<title>absent"));
});

Deno.test("chart suits dark pages, has a name, escapes texts, and is small", () => {
  const chart = chartOf(results);
  assertStringIncludes(chart, "prefers-color-scheme:dark");
  assertStringIncludes(chart, `role="img" aria-labelledby="t"><title id="t">`);
  assertStringIncludes(chart, "a machine &lt;of tests>");
  assert(new TextEncoder().encode(chart).length <= CHART_BYTES_MAX);
  assertEquals(chart, chartOf(results));
});
