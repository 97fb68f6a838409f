/**
 * What each form of the program costs: its size, the time to its first answer, its memory at rest.
 *
 *     deno task bench programs
 *
 * The rounds alternate, so that a busy machine slows all; each figure is a median. The time counts
 * from the start of the process to an answer to `GET /healthz`. Memory is what is resident after one
 * page and a second of rest.
 */
import { join } from "node:path";
import { bundleProgram } from "../../scripts/compile_bundle.ts";
import { type Form, FORMS, programCommand } from "../delivery/programs.ts";
import { startServer } from "../browser/harness.ts";

interface Figures {
  readonly startMs: number;
  readonly residentBytes: number;
}

const ROUNDS = 11;
const REST_MS = 1_000;
const NAMES: Readonly<Record<Form, string>> = {
  source: "`deno run main.ts`",
  bundle: "the bundle on Deno",
  bun: "the Bun binary",
};

/** Bytes that have to be there; for the first two, Deno is one of them. */
async function sizeOf(form: Form): Promise<number> {
  const command = await programCommand(form);
  const program = await Deno.stat(command[0] ?? "");
  if (form === "bun") return program.size;
  const folder = await Deno.makeTempDir();
  const bundle = join(folder, "driftless.js");
  await bundleProgram(bundle);
  const { size } = await Deno.stat(bundle);
  await Deno.remove(folder, { recursive: true });
  return program.size + size;
}

async function measure(form: Form, folder: string): Promise<Figures> {
  const data = join(folder, `${form}.db`);
  const program = await programCommand(form);
  const start = performance.now();
  const server = await startServer({ data, program });
  try {
    await (await fetch(`${server.url}/healthz`)).text();
    const startMs = performance.now() - start;
    await (await fetch(server.url)).text();
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const status = await Deno.readTextFile(`/proc/${server.pid}/status`);
    const residentBytes = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    return { startMs, residentBytes };
  } finally {
    await server.kill();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "driftless_programs_" });
  try {
    const figures: Record<Form, Figures[]> = { source: [], bundle: [], bun: [] };
    // The first round warms caches of the file system, and of Deno's own compiler.
    for (let round = 0; round <= ROUNDS; round++) {
      for (const form of FORMS) {
        const one = await measure(form, folder);
        if (round > 0) figures[form].push(one);
      }
    }
    console.log("|  | size, MB | first answer, ms | memory at rest, MiB |");
    console.log("| --- | ---: | ---: | ---: |");
    for (const form of FORMS) {
      const size = (await sizeOf(form) / 1e6).toFixed(0);
      const start = median(figures[form].map(({ startMs }) => startMs)).toFixed(0);
      const memory = median(figures[form].map((it) => it.residentBytes / 2 ** 20)).toFixed(0);
      console.log(`| ${NAMES[form]} | ${size} | ${start} | ${memory} |`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
