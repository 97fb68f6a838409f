/**
 * The program as one file of JavaScript, with everything it needs in it: what the binaries are made
 * of, how it is proven to run, and the checksums of what is handed out.
 *
 *     main.ts ── deno bundle ──▶ driftless.js ──┬── deno compile ──────▶ driftless-TARGET
 *                                               ├── bun build --compile ▶ driftless-bun-TARGET
 *                                               └── deno run --no-config, as it is
 */
import { basename, dirname, join } from "node:path";

/** What a child process left behind. */
export interface Ended {
  readonly isSuccess: boolean;
  /** Both streams, without colours. */
  readonly output: string;
}

export const ROOT: string = dirname(import.meta.dirname ?? ".");
/** Where all that is handed out comes to lie. */
export const FOLDER: string = join(ROOT, "build", "bin");
export const BUNDLE_NAME = "driftless.js";
export const CHECKSUMS_NAME = "SHA256SUMS";

/**
 * What the program may do, whoever runs it: listen and call where `--host` and the app say, read and
 * write the files that the command line names, and see these variables. No other program, no native
 * library, little about the machine; and it never asks for more.
 */
export const PERMISSIONS: readonly string[] = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  `--allow-env=${
    [
      "DRIFTLESS_SECRET",
      // The package "ws" reads these when it is loaded.
      "WS_NO_BUFFER_UTIL",
      "WS_NO_UTF_8_VALIDATE",
    ].join(",")
  }`,
  // Whose the data folder is, and how much space it has: `doctor` asks.
  "--allow-sys=uid,gid,statfs",
  "--no-prompt",
];

/** How long a program may take to answer, and then to end, in milliseconds. */
const PROOF_MS_MAX = 60_000;

/** Bundles the program. `edge/assets_gen.ts` must be there: `deno task build` makes it. */
export async function bundleProgram(out: string): Promise<void> {
  // Not minified: a stack trace in a bug report should name what it passes through.
  const args = ["bundle", "--quiet", "--platform", "deno", "--output", out, join(ROOT, "main.ts")];
  await Deno.mkdir(dirname(out), { recursive: true });
  const { isSuccess, output } = await runToEnd(Deno.execPath(), args);
  if (!isSuccess) throw new Error(`Cannot bundle the program: ${output.trim()}`);
}

/** The command that runs a bundle as a binary of `deno compile` runs it. */
export function bundleCommand(bundle: string): readonly string[] {
  return [Deno.execPath(), "run", "--quiet", "--no-config", "--no-lock", ...PERMISSIONS, bundle];
}

/**
 * Runs the program in an empty folder, with no configuration: it has to give its page, take a
 * mutation, and end when it is told to.
 *
 * @returns milliseconds until it had answered for the first time
 * @throws {Error} when it does not
 */
export async function prove(command: readonly string[]): Promise<number> {
  const [program = "", ...args] = command;
  const folder = await Deno.makeTempDir({ prefix: "driftless_proof_" });
  try {
    const start = performance.now();
    const child = new Deno.Command(program, {
      args: [...args, "serve", "--port", "0", "--data", "proof.db"],
      cwd: folder,
      env: { DRIFTLESS_SECRET: "", NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const complaints = new Response(child.stderr).text();
    const timer = setTimeout(() => killIfRunning(child), PROOF_MS_MAX);
    try {
      const { url, rest } = await firstLine(child.stdout);
      await askForWork(url);
      const elapsedMs = performance.now() - start;
      child.kill("SIGTERM");
      const [{ code }] = await Promise.all([child.status, rest]);
      if (code !== 0) throw new Error(`it ended with ${code}`);
      return elapsedMs;
    } catch (cause) {
      killIfRunning(child);
      await child.status;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `Cannot run ${basename(command.at(-1) ?? program)}: ${reason}: ${await complaints}`,
        {
          cause,
        },
      );
    } finally {
      clearTimeout(timer);
      await complaints;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes the checksums of everything in the folder, as `sha256sum --check` reads them. */
export async function writeChecksums(folder: string): Promise<void> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && name !== CHECKSUMS_NAME) names.push(name);
  }
  let text = "";
  for (const name of names.sort()) {
    const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(join(folder, name)));
    text += `${new Uint8Array(hash).toHex()}  ${name}\n`;
  }
  await Deno.writeTextFile(join(folder, CHECKSUMS_NAME), text);
}

/** One line about a file that was made. */
export async function describe(path: string, note: string): Promise<string> {
  const { size } = await Deno.stat(path);
  return `${basename(path).padEnd(44)} ${(size / 1e6).toFixed(1).padStart(6)} MB   ${note}`;
}

/** Runs a program to its end, in the repository, and shows nothing of it. */
export async function runToEnd(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { isSuccess: success, output: decoder.decode(stderr) + decoder.decode(stdout) };
}

/** Reads until the program has said where it serves; the rest is read and dropped. */
async function firstLine(
  stdout: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<{ readonly url: string; readonly rest: Promise<void> }> {
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error("it ended before it served");
    text += value;
  }
  const url = /http:\/\/\S+/.exec(text)?.[0];
  if (url === undefined) throw new Error(`it said "${text.trim()}"`);
  const rest = (async () => {
    while (!(await reader.read()).done);
  })();
  return { url, rest };
}

async function askForWork(url: string): Promise<void> {
  const page = await (await fetch(url)).text();
  if (!page.startsWith("<!doctype html>")) throw new Error("it gave no page");
  const body = JSON.stringify({
    mutations: [{ id: "proof", name: "task.add", args: { title: "Proof" } }],
  });
  const { results } = await (await fetch(`${url}/_sync/push`, { method: "POST", body })).json();
  if (results?.[0]?.ok !== true) throw new Error("it took no mutation");
}

function killIfRunning(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended already.
    if (!(error instanceof TypeError)) throw error;
  }
}
