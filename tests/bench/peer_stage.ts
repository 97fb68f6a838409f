/** The systems in the comparison on this machine: installed, served, measured, each in its own process. */
import { join } from "node:path";
import type { Figures } from "./measures.ts";
import { benchId, benchRecord, type Peer } from "./peers/peer.ts";

/** A server process of a system. */
export interface PeerServer {
  readonly port: number;
  /** Resident memory in bytes. */
  memory(): number;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

/** What a measure's process asks while it waits: it goes on when the answer is there. */
export type Answer = (word: string) => void | Promise<void>;

/** How a measure is run. */
export interface MeasureOptions {
  readonly answer?: Answer;
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may take, in milliseconds. */
  readonly limitMs?: number;
}

/** How a server is started. */
export interface ServerOptions {
  readonly origin?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Records that it has from the start. */
  readonly records?: number;
}

const ROOT = join(import.meta.dirname ?? ".", "..", "..");
/** Where peers are installed; not part of the repository. */
const CACHE = join(ROOT, "build", "bench");
const INSTALL_MS_MAX = 150_000;
const START_MS_MAX = 20_000;
/** How long bringing records to a server may take, in milliseconds. */
const FILL_MS_MAX = 45_000;
/** How long one measure may take, in milliseconds. */
const MEASURE_MS_MAX = 100_000;

/** Installs a system's packages, unless they are there; says how on standard error. */
export async function installPeer(peer: Peer): Promise<void> {
  const folder = folderOf(peer);
  await Deno.mkdir(folder, { recursive: true });
  const entry = "globalThis.benchLoad = (name) => import(name);\n" +
    `await import(${JSON.stringify(join(ROOT, "tests", "bench", "peer_process.ts"))});\n`;
  await Deno.writeTextFile(join(folder, "entry.mjs"), entry);
  const wanted = JSON.stringify({ private: true, type: "module", dependencies: peer.packages });
  const marker = join(folder, "installed.json");
  const present = await Deno.readTextFile(marker).catch(() => "");
  if (present === wanted || Object.keys(peer.packages).length === 0) return;
  await Deno.writeTextFile(join(folder, "package.json"), wanted);
  const list = Object.entries(peer.packages).map(([name, version]) => `${name}@${version}`);
  console.error(`npm install ${list.join(" ")}`);
  const npm = new Deno.Command("npm", {
    args: ["install", "--no-audit", "--no-fund", "--loglevel=error"],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(INSTALL_MS_MAX),
  });
  const { code, stderr } = await npm.output();
  if (code !== 0) {
    throw new Error(`npm cannot install it: ${lastLine(new TextDecoder().decode(stderr))}`);
  }
  await Deno.writeTextFile(marker, wanted);
}

/** Starts a system's server on a data folder, for clients that may come by way of another origin. */
export async function startPeer(
  peer: Peer,
  data: string,
  origin: string = "http://127.0.0.1:9",
  env: Readonly<Record<string, string>> = {},
): Promise<PeerServer> {
  const [program = "", ...args] = peer.command?.(data, origin) ??
    [...await bunWords(), "entry.mjs", peer.name, "serve", data];
  const child = new Deno.Command(program, {
    args,
    cwd: folderOf(peer),
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const { promise: started, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => reject(new Error("it does not answer")), START_MS_MAX);
  const reading = (async () => {
    let text = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      const port = /^(\d+)\n/m.exec(text)?.[1] ?? /https?:\/\/[^\s/]+:(\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    }
    reject(new Error(`it ended: ${lastLine(await errors)}`));
  })();
  const kill = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await Promise.all([child.status, reading, errors]);
  };
  try {
    return { port: await started, memory: () => memoryOf(child.pid), kill };
  } catch (error) {
    await kill();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a measure of a system in a process of its own. */
export async function measurePeer(
  peer: Peer,
  [measure, ...args]: readonly [measure: string, ...args: readonly number[]],
  options: MeasureOptions = {},
): Promise<Figures> {
  const { answer = () => {}, env = {}, limitMs = MEASURE_MS_MAX } = options;
  const [program = "", ...words] = await bunWords();
  const child = new Deno.Command(program, {
    args: [...words, "entry.mjs", peer.name, measure, ...args.map(String)],
    cwd: folderOf(peer),
    env: { ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, limitMs);
  const stdin = child.stdin.getWriter();
  let figures: Figures | undefined;
  let text = "";
  for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      if (line.startsWith("{")) figures = JSON.parse(line) as Figures;
      if (!/^[a-z]+$/.test(line)) continue;
      await answer(line);
      await stdin.write(new TextEncoder().encode("\n"));
    }
  }
  await child.status;
  clearTimeout(timer);
  await stdin.close().catch(() => {});
  if (figures === undefined) {
    const reason = isLate ? `it took more than ${limitMs / 1000} s` : lastLine(await errors);
    throw new Error(`${measure} came to nothing: ${reason}`);
  }
  return figures;
}

/** Runs some work on a fresh data folder and a server on it. */
export async function withPeer<T>(
  peer: Peer,
  work: (server: PeerServer) => Promise<T>,
  options: ServerOptions = {},
): Promise<T> {
  const { origin, env, records = 0 } = options;
  const data = await Deno.makeTempDir({ prefix: "driftless-bench-" });
  try {
    const isSeeded = records > 0 && peer.seed !== undefined;
    if (isSeeded) await seed(peer, data, records);
    const server = await startPeer(peer, data, origin, env);
    try {
      if (records > 0 && !isSeeded) {
        await measurePeer(peer, ["fill", server.port, records], { limitMs: FILL_MS_MAX });
      }
      return await work(server);
    } finally {
      await server.kill();
    }
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}

/** Brings records to where they are served from, by the system's own program. */
async function seed(peer: Peer, data: string, records: number): Promise<void> {
  const file = join(data, "records.json");
  const entries = Array.from({ length: records }, (_, n) => [benchId(n), benchRecord(n)]);
  await Deno.writeTextFile(file, JSON.stringify(Object.fromEntries(entries)));
  const [program = "", ...args] = peer.seed?.(file, data) ?? [];
  const command = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { success, stderr } = await command.output();
  if (!success) {
    throw new Error(`it takes no records: ${lastLine(new TextDecoder().decode(stderr))}`);
  }
}

let bun: Promise<readonly string[]> | undefined;

/** The words that start Bun; elsewhere it comes from npm. */
function bunWords(): Promise<readonly string[]> {
  const probe = async () => {
    const command = new Deno.Command("bun", {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    });
    const isThere = await command.output().then(({ success }) => success, () => false);
    return isThere ? ["bun"] : ["npx", "-y", "bun@1.4.5"];
  };
  return bun ??= probe();
}

function folderOf({ name }: Peer): string {
  return join(CACHE, name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_"));
}

function memoryOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}

/** What went wrong, in one line, without places of this machine and its network. */
function lastLine(text: string): string {
  const lines = text.trim().split("\n").filter((line) => !line.includes("complete log of"));
  const line = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? "";
  return line.replaceAll(/\w+:\/\/\S+|(?:\/[\w.@-]+){2,}/g, "…").slice(0, 160);
}
