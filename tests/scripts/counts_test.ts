/** How the output of a step becomes counts, on texts and on real runs of `deno test`. */
import { assertEquals } from "@std/assert";
import { checkCounts, isSuccess, sumOf, testCounts, totalLine } from "../../scripts/counts.ts";
import { runStep } from "../../scripts/steps.ts";
import { selectionOf } from "../../scripts/test.ts";

Deno.test("testCounts reads the summary of a lane", () => {
  const output = "a ... ok (1ms)\n\nok | 12 passed | 0 failed (5ms)\n";
  assertEquals(testCounts({ output, code: 0 }), { passed: 12, failed: 0 });
});

Deno.test("testCounts reads steps, ignored and filtered tests as no tests of their own", () => {
  const output =
    "FAILED | 3 passed (7 steps) | 2 failed (1 step) | 1 ignored | 4 filtered out (5ms)";
  assertEquals(testCounts({ output, code: 1 }), { passed: 3, failed: 2 });
});

Deno.test("testCounts reads a summary in colours", () => {
  const output = "\x1b[0m\x1b[31mFAILED\x1b[0m | 1 passed (1 step) | 1 failed " +
    "\x1b[0m\x1b[38;5;245m(5ms)\x1b[0m\n\n\x1b[0m\x1b[1m\x1b[31merror\x1b[0m: Test failed\n";
  assertEquals(testCounts({ output, code: 1 }), { passed: 1, failed: 1 });
});

Deno.test("testCounts takes the last summary when a test prints one", () => {
  const output = "ok | 90 passed | 0 failed (1ms)\nok | 2 passed | 0 failed (5ms)\n";
  assertEquals(testCounts({ output, code: 0 }), { passed: 2, failed: 0 });
});

Deno.test("testCounts counts a lane without a summary as one failure", () => {
  assertEquals(testCounts({ output: "error: Type checking failed.", code: 1 }), {
    passed: 0,
    failed: 1,
  });
  assertEquals(testCounts({ output: "", code: 0 }), { passed: 0, failed: 1 });
});

Deno.test("testCounts counts an exit code that no test explains as one failure", () => {
  const output = "ok | 5 passed | 0 failed (5ms)";
  assertEquals(testCounts({ output, code: 137 }), { passed: 5, failed: 1 });
});

Deno.test("checkCounts counts a step as one", () => {
  assertEquals(checkCounts({ code: 0 }), { passed: 1, failed: 0 });
  assertEquals(checkCounts({ code: 2 }), { passed: 0, failed: 1 });
});

Deno.test("totalLine states the sum over all steps", () => {
  const total = sumOf([{ passed: 2, failed: 0 }, { passed: 0, failed: 1 }, {
    passed: 40,
    failed: 3,
  }]);
  assertEquals(totalLine(total), "42 passed, 4 failed");
});

Deno.test("isSuccess refuses a run that has passed nothing", () => {
  assertEquals(isSuccess({ passed: 1, failed: 0 }), true);
  assertEquals(isSuccess({ passed: 1, failed: 1 }), false);
  assertEquals(isSuccess({ passed: 0, failed: 0 }), false);
});

/** Runs the sources as test files of one lane. */
async function runLane(...sources: readonly string[]) {
  const folder = await Deno.makeTempDir({ prefix: "driftless_lane_" });
  try {
    await Promise.all(
      sources.map((source, at) => Deno.writeTextFile(`${folder}/lane${at}_test.ts`, source)),
    );
    const args = ["test", "--no-config", "--no-lock", "--quiet", folder];
    const { passed, failed } = await runStep({ name: "lane", args, isTest: true }, "never");
    return { passed, failed };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runStep counts what a real lane passes and fails", async () => {
  const mixed = `Deno.test("a", () => {}); Deno.test("b", () => { throw new Error("b"); });`;
  assertEquals(await runLane(mixed, `Deno.test("c", () => {});`), { passed: 2, failed: 1 });
});

Deno.test("runStep counts a real lane that does not compile as one failure", async () => {
  assertEquals(await runLane(`const a: string = 1; a;`), { passed: 0, failed: 1 });
});

Deno.test("runStep counts a real lane that ends its own process as one failure", async () => {
  const exits = `Deno.test("a", () => {}); Deno.test("b", () => { Deno.kill(Deno.pid); });`;
  const { failed } = await runLane(exits);
  assertEquals(failed, 1);
});

Deno.test("selectionOf turns words into a filter and leaves paths and options alone", () => {
  assertEquals(selectionOf([], []), { paths: [], options: [] });
  assertEquals(selectionOf(["rebase", "keeps"], []), {
    paths: [],
    options: ["--filter", "rebase keeps"],
  });
  assertEquals(selectionOf(["tests/core", "--fail-fast"], ["tests/core"]), {
    paths: ["tests/core"],
    options: ["--fail-fast"],
  });
  assertEquals(selectionOf(["--filter", "rebase"], []), {
    paths: [],
    options: ["--filter", "rebase"],
  });
});
