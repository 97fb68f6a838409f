/**
 * The platforms, each as a server that runs: `tests/e2e_site` on Deno, on Bun's executable, as Deno
 * Deploy would run it, and in workerd.
 */
import { basename, join } from "node:path";
import { ROOT } from "../../scripts/compile_bundle.ts";
import { programCommand } from "../delivery/programs.ts";
import { RunningProgram, runProgram } from "../edge/program.ts";
import { eventually, inTime } from "../edge/raw_peer.ts";
import { bundleWorker, startWorkerd } from "../workers/workerd_stage.ts";
import type { Platform } from "./platforms.ts";

/** A server that runs on a platform. */
export interface Stage extends AsyncDisposable {
  readonly platform: Platform;
  readonly url: string;
  /** Ends it as a crash does, and starts it again at the same address, on the same data. */
  restart(): Promise<void>;
  /** Starts another server on the same data, where a platform may have several; returns its address. */
  another(): Promise<string>;
}

/** One run of a server. */
export interface Running {
  readonly url: string;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server at a port, or at a free one. */
type Start = (port: number) => Promise<Running>;

/** Signs the tokens of callers. */
export const SECRET = "0123456789abcdef0123456789abcdef";

const SITE = join(ROOT, "tests/e2e_site");
const MODULES = ["wasm/handlers/stats.wasm", "tests/wasm_host/duties.wasm"];

/** Starts a platform, with nothing stored yet. */
export async function startStage(platform: Platform): Promise<Stage> {
  await Deno.mkdir(join(ROOT, "build"), { recursive: true });
  // Below the repository, whose configuration says what the names of packages mean.
  const folder = await Deno.makeTempDir({ dir: join(ROOT, "build"), prefix: "e2e_" });
  try {
    await copySite(folder);
    const start = await STARTS[platform](folder);
    let running = await start(0);
    const others: Running[] = [];
    return {
      platform,
      get url() {
        return running.url;
      },
      async restart() {
        const port = Number(new URL(running.url).port);
        await running.kill();
        running = await start(port);
      },
      async another() {
        const other = await start(0);
        others.push(other);
        return other.url;
      },
      async [Symbol.asyncDispose]() {
        await Promise.all([running, ...others].map((one) => one.stop()));
        await Deno.remove(folder, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

const STARTS: Readonly<Record<Platform, (folder: string) => Promise<Start>>> = {
  deno: (folder) => programOn("source", folder),
  bun: (folder) => programOn("bun", folder),
  deploy: (folder) => Promise.resolve((port) => serveDeploy(folder, port)),
  workers: async (folder) => {
    await embed(folder);
    const out = join(folder, "out");
    await Deno.mkdir(out);
    await bundleWorker(join(folder, "worker.ts"), out, "entry.js");
    for (const name of ["stats.wasm", "duties.wasm"]) {
      await Deno.copyFile(join(folder, name), join(out, name));
    }
    return async (port) => {
      const bindings = { DRIFTLESS_SECRET: SECRET };
      const workerd = await startWorkerd({ folder: out, port, bindings });
      return {
        url: workerd.url,
        kill: workerd.kill,
        stop: async () => await workerd[Symbol.asyncDispose](),
      };
    };
  },
};

async function copySite(folder: string): Promise<void> {
  for (const part of ["", "public", "templates"]) {
    await Deno.mkdir(join(folder, part), { recursive: true });
    for await (const { name, isFile } of Deno.readDir(join(SITE, part))) {
      if (isFile) await Deno.copyFile(join(SITE, part, name), join(folder, part, name));
    }
  }
  for (const path of MODULES) await Deno.copyFile(join(ROOT, path), join(folder, basename(path)));
}

async function programOn(form: "source" | "bun", folder: string): Promise<Start> {
  const program = await programCommand(form);
  return async (port) => {
    const args = ["serve.ts", "--port", `${port}`, "--data", join(folder, "data.db")];
    const server = await RunningProgram.serve(args, { folder, secret: SECRET, program });
    return {
      url: server.url,
      kill: async () => void await server.stop("SIGKILL"),
      stop: async () => void await server.stop(),
    };
  };
}

async function embed(folder: string): Promise<void> {
  const program = await programCommand("source");
  const args = ["embed", "app.ts", "-o", "embedded.ts"];
  const { code, stderr } = await runProgram(args, { folder, program });
  if (code !== 0) throw new Error(stderr);
}

function serveDeploy(folder: string, port: number): Promise<Running> {
  const env = { DRIFTLESS_SECRET: SECRET, KV_FILE: join(folder, "kv.db") };
  return denoServe(join(folder, "deploy.ts"), { cwd: folder, port, env });
}

/** What `deno serve` is told. */
interface DenoServeOptions {
  readonly cwd: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs a file with `deno serve`, which is what stands in for Deno Deploy. */
export async function denoServe(
  file: string,
  { cwd, port, env }: DenoServeOptions,
): Promise<Running> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["serve", "-A", "--no-check", "--host", "127.0.0.1", "--port", `${port}`, file],
    cwd,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  let isOver = false;
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) text += decoder.decode(bytes, { stream: true });
    isOver = true;
  };
  const output = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const end = async (signal: Deno.Signal) => {
    if (!isOver) child.kill(signal);
    await inTime(child.status, "the end of deno serve");
    await output;
  };
  const address = () => /Listening on (http:\/\/[^\s/]+)/.exec(text)?.[1];
  await eventually(() => address() !== undefined || isOver, "the first line");
  const url = address();
  if (url === undefined) throw new Error(text);
  return { url, kill: () => end("SIGKILL"), stop: () => end("SIGKILL") };
}
