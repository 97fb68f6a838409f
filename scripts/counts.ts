/** What a step of the checks has passed and failed, read from its output and its exit code. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** What is known of a step that has ended. */
export interface Ending {
  /** Everything it printed, colours included. */
  readonly output: string;
  /** Exit code. */
  readonly code: number;
}

// deno-lint-ignore no-control-regex -- a colour code begins with the escape character
const ANSI = /\x1b\[[0-9;]*m/g;

/** The line with which `deno test` ends, for example `ok | 3 passed (2 steps) | 0 failed (5ms)`. */
const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed\b/gm;

/** A test lane counts its tests. One that fails without naming a failed test counts as a failure. */
export function testCounts({ output, code }: Ending): Counts {
  const [, passed, failed] = [...output.replace(ANSI, "").matchAll(SUMMARY)].at(-1) ?? [];
  if (passed === undefined || failed === undefined) return { passed: 0, failed: 1 };
  const isUntold = code !== 0 && Number(failed) === 0;
  return { passed: Number(passed), failed: isUntold ? 1 : Number(failed) };
}

/** Any other step is one check. */
export function checkCounts({ code }: Pick<Ending, "code">): Counts {
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

export function sumOf(all: readonly Counts[]): Counts {
  return {
    passed: all.reduce((sum, { passed }) => sum + passed, 0),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/** The last line of a run, which machines read. */
export function totalLine({ passed, failed }: Counts): string {
  return `${passed} passed, ${failed} failed`;
}

/** A run that has passed nothing has proved nothing. */
export function isSuccess({ passed, failed }: Counts): boolean {
  return failed === 0 && passed > 0;
}
