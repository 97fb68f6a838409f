/** The steps that prove the repository, and how one of them is run. */
import { dirname, join } from "node:path";
import config from "../deno.json" with { type: "json" };
import { checkCounts, type Counts, type Ending, testCounts } from "./counts.ts";

/** One run of `deno`. */
export interface Step {
  readonly name: string;
  readonly args: readonly string[];
  /** Whether it counts tests, or is one check as a whole. */
  readonly isTest: boolean;
  /** More variables for its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface StepResult extends Counts {
  readonly name: string;
  readonly elapsedMs: number;
}

export const ROOT = dirname(import.meta.dirname ?? ".");

/** All: tests start servers, browsers and other runtimes, and read `/proc`, which nothing less allows. */
const TEST_PERMISSIONS: readonly string[] = ["--allow-all"];

/** What browsers get, checked with their types alone. */
const BROWSER_ROOTS: readonly string[] = ["core", "mod.ts", "ui/client", "ui/demo"];

/** `ui` goes first: Deno 2.9 forgets what is to be ignored below a later folder. */
const DOCUMENTED_ROOTS: readonly string[] = ["ui", "core", "mod.ts", "wasm", "README.md"];
/** Its examples write files and open ports. */
const DOCUMENTED_HOST_ROOTS: readonly string[] = ["edge", "ui/client/file_persistence.ts"];

export const buildStep: Step = check("build", "task", "build");
export const formatStep: Step = check("format", "fmt", "--check");
export const lintStep: Step = check("lint", "lint");
export const codecStep: Step = check("codec", "run", "-A", "scripts/build_proto.ts", "--check");
export const moduleStep: Step = check("module", "run", "-A", "scripts/build_wasm.ts", "--check");
export const typesStep: Step = check("types", "check", "--quiet");

/** Runs after `typesStep`: it reads the packages that the main lock has put into place. */
export async function browserTypesStep(): Promise<Step> {
  return check(
    "browser types",
    ...["check", "--quiet", "--config=scripts/browser.json", "--import-map=deno.json", "--no-lock"],
    ...await presentOf(BROWSER_ROOTS),
  );
}

/** The examples in the comments; they get no permission but to ask what React and Vue ask. */
export async function examplesStep(): Promise<Step> {
  return {
    name: "examples",
    args: [
      ...["test", "--doc", "--allow-env=NODE_ENV", `--ignore=${DOCUMENTED_HOST_ROOTS.join()}`],
      ...await presentOf(DOCUMENTED_ROOTS),
    ],
    isTest: true,
  };
}

/** The examples that need a machine: they get a port on loopback and files. */
export const hostExamplesStep: Step = {
  name: "host examples",
  args: [
    ...["test", "--doc", "--allow-env", "--allow-net=127.0.0.1", "--allow-read", "--allow-write"],
    ...DOCUMENTED_HOST_ROOTS,
  ],
  isTest: true,
};

/** Every public name and every member of it has a docstring, and names no type that is not public. */
export const docsStep: Step = check("docs", "doc", "--lint", ...Object.values(config.exports));

/** All that JSR will check before it takes a release; nothing leaves the machine. */
export const publishStep: Step = check("publish", "publish", "--dry-run", "--allow-dirty");

export const unitStep: Step = testLane("tests", "--ignore=tests/browser", "tests");
export const browserStep: Step = testLane("browser tests", "tests/browser");

/** The command line once more, in the other forms in which the program is handed out. */
export const formSteps: readonly Step[] = ["bundle", "bun"].map((form) => ({
  ...testLane(`as ${form}`, ...["cli", "backup", "doctor"].map((it) => `tests/edge/${it}_test.ts`)),
  env: { DRIFTLESS_FORM: form },
}));

/** A lane without its own type check: `typesStep` has done that for all of them. */
export function testLane(name: string, ...args: readonly string[]): Step {
  return { name, args: ["test", "--no-check", ...TEST_PERMISSIONS, ...args], isTest: true };
}

/** Runs a step and shows what it prints: as it comes, at its end, after a failure only, or not at all. */
export async function runStep(
  step: Step,
  shows: "always" | "afterwards" | "failure" | "never",
): Promise<StepResult> {
  const start = performance.now();
  const ending = await runDeno(step, shows === "always");
  const counts = step.isTest ? testCounts(ending) : checkCounts(ending);
  if (shows === "afterwards") console.log(`\n── ${step.name}`);
  if (shows === "afterwards" || shows === "failure" && counts.failed > 0) {
    console.log(ending.output.trimEnd());
  }
  return { name: step.name, ...counts, elapsedMs: performance.now() - start };
}

export function resultLine({ name, passed, failed, elapsedMs }: StepResult): string {
  const verdict = failed === 0 ? "ok    " : "FAILED";
  const seconds = `${(elapsedMs / 1000).toFixed(1)} s`.padStart(8);
  return `${verdict} ${name.padEnd(14)} ${seconds}   ${passed} passed, ${failed} failed`;
}

function check(name: string, ...args: readonly string[]): Step {
  return { name, args, isTest: false };
}

async function runDeno({ args, env = {} }: Step, isShown: boolean): Promise<Ending> {
  const wantsColour = Deno.stdout.isTerminal() && !Deno.env.has("NO_COLOR");
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: wantsColour ? { FORCE_COLOR: "1", ...env } : { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err, { code }] = await Promise.all([
    textOf(child.stdout, isShown ? Deno.stdout : null),
    textOf(child.stderr, isShown ? Deno.stderr : null),
    child.status,
  ]);
  return { output: `${err}\n${out}`, code };
}

/** Reads a stream to its end, and copies it to a second one on the way. */
async function textOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  copy: { writeSync(bytes: Uint8Array): number } | null,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    for (let at = 0; copy && at < bytes.length;) at += copy.writeSync(bytes.subarray(at));
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}

/** The files that exist, and the folders that hold something. */
export async function presentOf(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if (await isPresent(join(ROOT, path))) found.push(path);
  }
  return found;
}

async function isPresent(path: string): Promise<boolean> {
  try {
    if ((await Deno.stat(path)).isFile) return true;
    return (await Array.fromAsync(Deno.readDir(path))).length > 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
