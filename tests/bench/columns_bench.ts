/**
 * What columns gain, beside loops in JavaScript, a simpler kernel, and what the machine can do at all.
 *
 *     deno task bench columns
 *
 * On Deno and on Bun, each in a process of its own; all others take turns with it, round by round, and a
 * ratio is the median of those of the rounds. The simpler kernel is columns_peer.wat: one accumulator of
 * two lanes, as compilers make of a plain loop over vectors. The limit of the machine is
 * columns_native.c, which is compiled here. A ratio says how many times as long the other one takes.
 *
 * columns_peer.wat stands for the kernels that targets are about, GoMode's. With COLUMNS_PEER=FILE it is
 * those themselves: its `zig-abi`, built with `--import-memory`.
 *
 * A target that even the native program would miss is `beyond` this machine, not missed: what memory
 * does not give no kernel has.
 */
import { join } from "node:path";
import { assemble } from "../../scripts/build_wasm.ts";
import { bunCommand } from "../../scripts/compile_bun.ts";
import type { ColumnRow, ContestOptions, Limit } from "./columns_contest.ts";

/** What is asked for, by count, from the second on; `undefined` asks for nothing. */
type Wanted = readonly (number | undefined)[];

const FOLDER = import.meta.dirname ?? ".";
const COUNTS: readonly number[] = [64, 1_024, 65_536, 1_048_576, 16_777_216];
const COMPILERS: readonly string[] = ["cc", "gcc", "clang"];
/** What engines use of a processor as well; vectors are no wider for it. */
const FLAGS: readonly string[] = Deno.build.arch === "x86_64" ? ["-mavx"] : [];
const PEER_BYTES_MAX = 2_048;
/** Characters of a column of the table. */
const CELL = 20;

/** Of the first count, where a call is most of it: ours may take 1.3 times as long. */
const CALL_BOUND = 1 / 1.3;
/** How many times as long the simpler kernel has to take. */
const BESIDE_PEER: Readonly<Record<string, Wanted>> = {
  sum: [2.8, 3.3, 2.7, 1.3],
  dot: [1.3, 1.3, 1.3, 1],
  minmax: [1.8, 1.9, 1.9, 1.15],
  scale: [1.6, 1.5, 1.4, 1.05],
  add: [1.1, 1.05, 1.5, 1],
  sum_i32: [1.5, 1.7, 1.7, 1.25],
  stats: [2.2, 2.8, 2.8, 2.6],
  correlation: [3.4, 3.7, 3.7, 3.3],
};
/** The same on Bun, where it differs. */
const BESIDE_PEER_ON_BUN: Readonly<Record<string, Wanted>> = { minmax: [1.3, 1.9, 1.9, 1.15] };

/** How many times as long a loop has to take. Beyond the caches only some are asked for anything. */
const BESIDE_LOOP: Readonly<Record<string, Wanted>> = {
  sum: [6, 6, 6, 2.4],
  dot: [2.5, 2.5, 2.5, undefined],
  minmax: [4.4, 4.4, 4.4, undefined],
  scale: [3.2, 3.2, 3.2, undefined],
  add: [1.6, 1.6, 1.6, 1],
};
const BESIDE_LOOP_ON_BUN: Readonly<Record<string, Wanted>> = {
  minmax: [3.3, 3.3, 3.3, undefined],
  scale: [1.6, 1.6, 1.6, undefined],
};

/** The share of the speed that the machine has with vectors as wide as ours. */
const OF_LIMIT: Readonly<Record<string, Wanted>> = {
  sum: [undefined, 0.9, 0.9, undefined],
  dot: [undefined, 0.85, 0.85, 0.85],
  scale: [undefined, 0.85, 0.85, 0.85],
  add: [undefined, 0.85, 0.85, 0.85],
};
/** Of that with vectors as wide as its own. */
const OF_WIDE_LIMIT: Readonly<Record<string, Wanted>> = {
  sum: [undefined, undefined, undefined, 0.9],
};

if (import.meta.main) {
  const scratch = await Deno.makeTempDir();
  try {
    const peer = Deno.env.get("COLUMNS_PEER") ?? await standIn(join(scratch, "peer.wasm"));
    const programs = await compiled(scratch);
    const runtimes = {
      Deno: [Deno.execPath(), "run", "-A", "--no-check"],
      Bun: [...await bunCommand()],
    };
    const counts: Verdicts = { ok: 0, beyond: 0, MISSED: 0 };
    for (const [name, command] of Object.entries(runtimes)) {
      const { rows, small } = await contest(command, peer, programs, join(scratch, name));
      printRows(name, rows, counts);
      printSmall(name, small);
    }
    const { ok, beyond, MISSED } = counts;
    console.log(`\n${ok} targets hold, ${MISSED} are missed, ${beyond} are beyond this machine`);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** @returns the path */
async function standIn(path: string): Promise<string> {
  const text = await Deno.readTextFile(join(FOLDER, "columns_peer.wat"));
  await Deno.writeFile(path, assemble([text], PEER_BYTES_MAX));
  return path;
}

interface Contest {
  readonly rows: readonly ColumnRow[];
  readonly small: readonly ColumnRow[];
}

type Verdicts = Record<"ok" | "beyond" | "MISSED", number>;

/** A native program, and how wide its vectors are. */
interface Program {
  readonly name: string;
  readonly path: string;
}

/** Runs the contest beside the programs, each of which ends with it. */
async function contest(
  command: readonly string[],
  peer: string,
  programs: readonly Program[],
  pipes: string,
): Promise<Contest> {
  const limits = programs.map(({ name }, at): Limit => {
    return { name, input: `${pipes}${at}i`, output: `${pipes}${at}o` };
  });
  const running: Promise<unknown>[] = [];
  for (const [at, { input, output }] of limits.entries()) {
    await ran(["mkfifo", input, output]);
    const { path } = programs[at] as Program;
    running.push(ran(["sh", "-c", 'exec "$0" < "$1" > "$2"', path, input, output]));
  }
  const options: ContestOptions = { peer, counts: COUNTS, limits };
  const script = join(FOLDER, "columns_contest.ts");
  const printed = await ran([...command, script, JSON.stringify(options)]);
  await Promise.all(running);
  return JSON.parse(printed);
}

/** The native program, with vectors of 16 bytes and with the widest; nothing without a compiler. */
async function compiled(scratch: string): Promise<readonly Program[]> {
  const source = join(FOLDER, "columns_native.c");
  const ways = { "limit, 16 B": FLAGS, "limit, widest": ["-march=native", "-DNATIVE_WIDTH"] };
  for (const compiler of COMPILERS) {
    try {
      const programs: Program[] = [];
      for (const [name, flags] of Object.entries(ways)) {
        const path = join(scratch, `native${programs.length}`);
        await ran([compiler, "-O3", ...flags, "-o", path, source]);
        programs.push({ name, path });
      }
      return programs;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  console.log(`there is no compiler (${COMPILERS.join(", ")}): no limit of the machine is shown`);
  return [];
}

/** What a program prints. */
async function ran([program = "", ...args]: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot run ${program}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Prints ratios beside what is asked for, and counts how many hold. */
function printRows(runtime: string, rows: readonly ColumnRow[], counts: Verdicts): void {
  const isBun = runtime === "Bun";
  const peerWanted = isBun ? { ...BESIDE_PEER, ...BESIDE_PEER_ON_BUN } : BESIDE_PEER;
  const loopWanted = isBun ? { ...BESIDE_LOOP, ...BESIDE_LOOP_ON_BUN } : BESIDE_LOOP;
  console.log(`\n${runtime}: medians of ours; how many times as long others take (target);`);
  console.log("of the machine's limit the share that is reached (target)\n");
  const limits = ["limit, 16 B", "limit, widest"];
  line("", "ours", ...["one accumulator", "loop", "loop of 4", ...limits]);
  for (const { op, count, ns, ratios } of rows) {
    const { peer, js, js4 } = ratios;
    const [limit, widest] = limits.map((name) => ratios[name]);
    const at = COUNTS.indexOf(count) - 1;
    // What the native program would have in our place.
    const best = Math.min(limit ?? 1, 1);
    const judged = (ratio: number | undefined, wanted?: number, reach = Infinity) => {
      if (ratio === undefined) return "";
      const figure = ratio.toFixed(2);
      if (wanted === undefined) return figure;
      const verdict = ratio >= wanted ? "ok" : reach < wanted ? "beyond" : "MISSED";
      counts[verdict]++;
      return `${figure} (${wanted.toFixed(2)}) ${verdict}`;
    };
    const beside = (ratio: number | undefined, wanted?: number) =>
      judged(ratio, wanted, limit === undefined ? Infinity : (ratio ?? NaN) / best);
    line(
      `${op} ${count}`,
      duration(ns["ours"] ?? NaN),
      beside(peer, at < 0 ? CALL_BOUND : peerWanted[op]?.[at]),
      beside(js, loopWanted[op]?.[at]),
      beside(js4),
      judged(limit, OF_LIMIT[op]?.[at]),
      judged(widest, OF_WIDE_LIMIT[op]?.[at]),
    );
    const far = ns["ours far from 0"];
    if (far !== undefined) {
      line("  … far from 0", duration(far), ((ns["peer"] ?? NaN) / far).toFixed(2));
    }
  }
}

function line(name: string, ours: string, ...cells: readonly string[]): void {
  const text = cells.map((cell) => cell.padEnd(CELL)).join("");
  console.log(`${name.padEnd(22)}${ours.padStart(11)}  ${text}`.trimEnd());
}

/** What a call and a copy cost, in nanoseconds. */
function printSmall(runtime: string, rows: readonly ColumnRow[]): void {
  console.log(`\n${runtime}: nanoseconds of few numbers, in the column or copied in (and out)\n`);
  const names = ["resident", "copied in", "js", "js4"];
  line("", "", ...names);
  for (const { op, count, ns } of rows) {
    line(`${op} ${count}`, "", ...names.map((name) => (ns[name] ?? NaN).toFixed(0)));
  }
}

function duration(ns: number): string {
  if (ns < 10_000) return `${ns.toFixed(0)} ns`;
  return ns < 1e7 ? `${(ns / 1e3).toFixed(1)} µs` : `${(ns / 1e6).toFixed(2)} ms`;
}
