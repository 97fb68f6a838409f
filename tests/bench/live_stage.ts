/** Processes of the live UI's benchmarks: a server on Deno or on Bun, and what drives it, on Bun. */
import { join } from "node:path";
import { bunCommand } from "../../scripts/compile_bun.ts";
import { BENCH_SECRET } from "./live_tab.ts";

/** What a server runs on. */
export type Runtime = "Deno" | "Bun";

/** A program with one line on standard output for each line that it is told. */
export interface Driver {
  /** Tells it something, and waits for the answer. */
  ask<Answer>(request: unknown): Promise<Answer>;
}

/** The server of the bench app. */
export interface LiveServer {
  readonly port: number;
  /** Resident memory in bytes. */
  memory(): number;
  /** Has it collect its garbage. */
  collect(): void;
}

const ROOT = join(import.meta.dirname ?? ".", "..", "..");
const APP = join(import.meta.dirname ?? ".", "live_app.ts");
/** How long a process may be silent, in milliseconds. */
const SILENCE_MS_MAX = 60_000;

/** Runs some work against a server of the bench app with an empty data file. */
export async function withServer<T>(
  runtime: Runtime,
  work: (server: LiveServer) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "driftless-bench-" });
  const program = runtime === "Bun"
    ? await bunCommand()
    : [Deno.execPath(), "run", "--quiet", "--no-check", "-A", "--v8-flags=--expose-gc"];
  const args = ["serve", APP, "--port", "0", "--log", "error", "--data", join(folder, "data.db")];
  const child = spawned([...program, join(ROOT, "main.ts"), ...args]);
  try {
    const port = Number(/http:\/\/[^\s/]+:(\d+)/.exec(await child.line())?.[1]);
    const collect = () => Deno.kill(child.pid, "SIGUSR2");
    return await work({ port, memory: () => memoryOf(child.pid), collect });
  } finally {
    await child.kill();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs some work with a file of this folder as a process on Bun. */
export async function withDriver<T>(
  file: string,
  args: readonly string[],
  work: (driver: Driver) => Promise<T>,
): Promise<T> {
  const child = spawned([...await bunCommand(), join(import.meta.dirname ?? ".", file), ...args]);
  try {
    return await work({
      async ask<Answer>(request: unknown): Promise<Answer> {
        await child.say(JSON.stringify(request));
        return JSON.parse(await child.line()) as Answer;
      },
    });
  } finally {
    await child.kill();
  }
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface Spawned {
  readonly pid: number;
  line(): Promise<string>;
  say(line: string): Promise<void>;
  kill(): Promise<void>;
}

function spawned([file = "", ...args]: readonly string[]): Spawned {
  const child = new Deno.Command(file, {
    args,
    cwd: ROOT,
    env: { DRIFTLESS_SECRET: BENCH_SECRET },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const stdin = child.stdin.getWriter();
  const stdout = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    pid: child.pid,
    async line() {
      while (!text.includes("\n")) {
        const timer = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS_MAX);
        const { value, done } = await stdout.read();
        clearTimeout(timer);
        if (done) throw new Error(`${file} has ended`);
        text += value;
      }
      const end = text.indexOf("\n");
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      return line;
    },
    say: (line) => stdin.write(new TextEncoder().encode(`${line}\n`)),
    async kill() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await stdin.close().catch(() => {});
      await stdout.cancel();
      await child.status;
    },
  };
}

function memoryOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}
