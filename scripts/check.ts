/**
 * What `deno task ok` runs: everything that has to hold before a change is handed in. A step that
 * fails does not stop the others; the run ends with all verdicts.
 */
import { join } from "node:path";
import { type Counts, isSuccess, sumOf, totalLine } from "./counts.ts";
import { ensureChromium } from "./setup.ts";
import {
  browserStep,
  browserTypesStep,
  buildStep,
  codecStep,
  docsStep,
  examplesStep,
  formatStep,
  formSteps,
  hostExamplesStep,
  lintStep,
  moduleStep,
  presentOf,
  publishStep,
  resultLine,
  ROOT,
  runStep,
  type Step,
  type StepResult,
  typesStep,
  unitStep,
} from "./steps.ts";

const COVERAGE = "coverage";

const PRODUCT = `^file://${RegExp.escape(encodeURI(ROOT))}/(?:core|edge|ui|wasm)/`;

/** What runs in Chromium, where Deno's counters do not reach, and what a generator wrote. */
const UNCOUNTED: readonly string[] = ["/ui/client/", "/ui/demo/", "_gen\\."];

/** How much has to be covered stands in `deno.json`. */
const coverageStep: Step = {
  name: "coverage",
  args: [
    ...["coverage", COVERAGE, `--include=${PRODUCT}`],
    ...UNCOUNTED.map((pattern) => `--exclude=${pattern}`),
  ],
  isTest: false,
};

function withCoverage(step: Step): Step {
  const [command = "", ...rest] = step.args;
  return {
    ...step,
    args: [command, `--coverage=${COVERAGE}`, "--coverage-raw-data-only", ...rest],
  };
}

async function steps(): Promise<Step[]> {
  const [browser] = await presentOf(["tests/browser"]);
  return [
    ...[buildStep, formatStep, lintStep, codecStep, moduleStep],
    ...[typesStep, await browserTypesStep()],
    ...[docsStep, publishStep, await examplesStep(), hostExamplesStep],
    ...[withCoverage(unitStep), ...formSteps],
    ...(browser ? [browserStep] : []),
    coverageStep,
  ];
}

async function main(): Promise<Counts> {
  await Deno.remove(join(ROOT, COVERAGE), { recursive: true }).catch(() => {});
  const problem = await ensureChromium();
  if (problem !== null) console.error(problem);
  const results: StepResult[] = [];
  for (const step of await steps()) {
    const result = await runStep(step, "failure");
    console.log(resultLine(result));
    results.push(result);
  }
  const failed = results.filter((result) => result.failed > 0).map(({ name }) => name);
  console.log(failed.length > 0 ? `\nFailed: ${failed.join(", ")}\n` : "\nAll steps hold\n");
  return sumOf(results);
}

if (import.meta.main) {
  const total = await main();
  console.log(totalLine(total));
  Deno.exit(isSuccess(total) ? 0 : 1);
}
