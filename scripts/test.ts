/**
 * What `deno task test` runs: on a fresh machine it fetches what it needs, builds, checks types and
 * style, and runs every test. The last line is `N passed, N failed`, a check counting as one.
 *
 *     deno task test                         everything
 *     deno task test rebase                  the tests with "rebase" in their names
 *     deno task test tests/core --fail-fast  one folder, and any option of `deno test`
 */
import { type Counts, isSuccess, sumOf, totalLine } from "./counts.ts";
import { ensureChromium } from "./setup.ts";
import {
  browserStep,
  browserTypesStep,
  buildStep,
  docsStep,
  examplesStep,
  formSteps,
  hostExamplesStep,
  lintStep,
  presentOf,
  publishStep,
  resultLine,
  runStep,
  type Step,
  type StepResult,
  testLane,
  typesStep,
  unitStep,
} from "./steps.ts";

/** What the caller asked for instead of everything. */
export interface Selection {
  readonly paths: readonly string[];
  /** Options for `deno test`. */
  readonly options: readonly string[];
}

/** What is run, and when. */
interface Steps {
  /** One after the other, before all tests. */
  readonly first: readonly Step[];
  /** The tests, in turn as well. */
  readonly tests: readonly Step[];
  /** What runs beside those: a browser waits much, and shares nothing with them. */
  readonly beside: readonly Step[];
}

const BROWSER_TESTS = "tests/browser";

/** Words that are no path choose tests by name, as `--filter` does. */
export function selectionOf(args: readonly string[], paths: readonly string[]): Selection {
  const isOption = (arg: string, at: number) => arg.startsWith("-") || args[at - 1] === "--filter";
  const options = args.filter(isOption);
  const words = args.filter((arg, at) => !isOption(arg, at) && !paths.includes(arg));
  const filter = words.length > 0 ? ["--filter", words.join(" ")] : [];
  return { paths, options: [...options, ...filter] };
}

async function stepsFor(args: readonly string[]): Promise<Steps> {
  if (args.length === 0) {
    const [types, examples] = [await browserTypesStep(), await examplesStep()];
    const [browser] = await presentOf([BROWSER_TESTS]);
    return {
      first: [
        ...[buildStep, lintStep, typesStep, types, docsStep, publishStep],
        ...[examples, hostExamplesStep],
      ],
      tests: [unitStep, ...formSteps],
      beside: browser === undefined ? [] : [browserStep],
    };
  }
  const { paths, options } = selectionOf(args, await presentOf(args));
  const lane = testLane("tests", ...options, ...(paths.length > 0 ? paths : ["tests"]));
  return { first: [buildStep], tests: [lane], beside: [] };
}

async function main(args: readonly string[]): Promise<Counts> {
  const problem = await ensureChromium();
  if (problem !== null) console.error(problem);
  const { first, tests, beside } = await stepsFor(args);
  const results = await runInTurn(first, "always");
  const lanes = await Promise.all([
    runInTurn(tests, "always"),
    runInTurn(problem === null ? beside : [], "afterwards"),
  ]);
  results.push(...lanes.flat());
  console.log(`\n${results.map(resultLine).join("\n")}\n`);
  return sumOf(problem === null ? results : [...results, { passed: 0, failed: 1 }]);
}

async function runInTurn(
  steps: readonly Step[],
  shows: "always" | "afterwards",
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    if (shows === "always") console.log(`\n── ${step.name}`);
    results.push(await runStep(step, shows));
  }
  return results;
}

if (import.meta.main) {
  const total = await main(Deno.args);
  console.log(totalLine(total));
  Deno.exit(isSuccess(total) ? 0 : 1);
}
