/** Runs the cases of a module on other runtimes: on Bun, and on workerd through miniflare. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { bunCommand } from "../../scripts/compile_bun.ts";

/** What a script prints of its cases, as JSON. */
export interface Report {
  readonly kind: string;
  readonly problems: readonly string[];
  readonly opened?: unknown;
}

/** Which cases. */
export interface Run {
  readonly seed: number;
  readonly count: number;
}

const FOLDER = import.meta.dirname ?? ".";

/** What a script of this folder reports on Bun. */
export async function bunReport(script: string, run: Run): Promise<Report> {
  return await reportOf([...await bunCommand(), join(FOLDER, script)], run);
}

/** What a worker of this folder reports on workerd, which is given a compiled module. */
export async function workerdReport(worker: string, module: string, run: Run): Promise<Report> {
  const program = [Deno.execPath(), "run", "-A", "--no-check", join(FOLDER, "module_workerd.ts")];
  return await reportOf([...program, worker, module], run);
}

async function reportOf(words: readonly string[], { seed, count }: Run): Promise<Report> {
  const [program = "", ...args] = words;
  const { stdout, stderr } = await new Deno.Command(program, {
    args: [...args, `${seed}`, `${count}`],
    cwd: join(FOLDER, "..", ".."),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout);
  assertEquals(output.startsWith("{"), true, `${decoder.decode(stderr)}${output}`);
  return JSON.parse(output);
}
