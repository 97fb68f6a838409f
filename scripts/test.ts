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

const BROWSER_TESTS = "tests/browser";

/** Words that are no path choose tests by name, as `--filter` does. */
export function selectionOf(args: readonly string[], paths: readonly string[]): Selection {
  const isOption = (arg: string, at: number) => arg.startsWith("-") || args[at - 1] === "--filter";
  const options = args.filter(isOption);
  const words = args.filter((arg, at) => !isOption(arg, at) && !paths.includes(arg));
  const filter = words.length > 0 ? ["--filter", words.join(" ")] : [];
  return { paths, options: [...options, ...filter] };
}

async function stepsFor(args: readonly string[]): Promise<Step[]> {
  const browser = await presentOf([BROWSER_TESTS]).then(([path]) => path ? [browserStep] : []);
  if (args.length === 0) {
    const [types, examples] = [await browserTypesStep(), await examplesStep()];
    return [
      ...[buildStep, lintStep, typesStep, types, docsStep, publishStep],
      ...[examples, hostExamplesStep, unitStep, ...formSteps, ...browser],
    ];
  }
  const { paths, options } = selectionOf(args, await presentOf(args));
  return [buildStep, testLane("tests", ...options, ...(paths.length > 0 ? paths : ["tests"]))];
}

async function main(args: readonly string[]): Promise<Counts> {
  const results: Counts[] = [];
  const lines: string[] = [];
  const problem = await ensureChromium();
  if (problem !== null) {
    console.error(problem);
    results.push({ passed: 0, failed: 1 });
  }
  for (const step of await stepsFor(args)) {
    if (problem !== null && step === browserStep) continue;
    console.log(`\n── ${step.name}`);
    const result = await runStep(step, "always");
    results.push(result);
    lines.push(resultLine(result));
  }
  console.log(`\n${lines.join("\n")}\n`);
  return sumOf(results);
}

if (import.meta.main) {
  const total = await main(Deno.args);
  console.log(totalLine(total));
  Deno.exit(isSuccess(total) ? 0 : 1);
}
