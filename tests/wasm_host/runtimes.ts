/** Runs lists of cases on the other runtimes: Bun, and workerd through miniflare. */
import { join } from "node:path";
import { bunCommand } from "../../scripts/compile_bun.ts";
import type { Outcome } from "./duty_world.ts";

/** The lists. */
export type Cases =
  | "system"
  | "duties"
  | "broken"
  | "examples"
  | "fuzz"
  | "sockets"
  | "slots"
  | "rules";

const FOLDER = import.meta.dirname ?? ".";

/** The module of the duties. */
export const DUTIES = join(FOLDER, "duties.wasm");
/** The module that does everything wrong. */
export const BROKEN = join(FOLDER, "broken", "broken.wasm");

/** The outcomes on Bun. */
export async function bunReport(cases: Cases): Promise<Outcome[]> {
  return await report([...await bunCommand(), join(FOLDER, "host_bun.ts"), cases]);
}

/** The outcomes on workerd, where `limited` is the broken module: nothing is limited at run time. */
export async function workerdReport(cases: Cases, limited: Uint8Array): Promise<Outcome[]> {
  const path = await Deno.makeTempFile({ suffix: ".wasm" });
  try {
    await Deno.writeFile(path, limited);
    const script = join(FOLDER, "host_workerd.ts");
    return await report([Deno.execPath(), "run", "-A", "--no-check", script, `/${cases}`, path]);
  } finally {
    await Deno.remove(path);
  }
}

async function report([program = "", ...args]: readonly string[]): Promise<Outcome[]> {
  const { stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd: join(FOLDER, "..", ".."),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout);
  if (!output.startsWith("[")) throw new Error(`${decoder.decode(stderr)}${output}`);
  return JSON.parse(output);
}
