/** The program as its users run it: a process of its own, in a folder of its own. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { programCommand, wantedForm } from "../delivery/programs.ts";
import { eventually, inTime } from "./raw_peer.ts";

/** The program's file. */
export const MAIN: string = new URL("../../main.ts", import.meta.url).pathname;

/** The words that start the program, in the form under test. */
export const PROGRAM: readonly string[] = await programCommand(wantedForm());

/** What a run of the program left behind. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Where it runs. */
  readonly folder: string;
  readonly secret?: string;
  /** The words that start it. @default {PROGRAM} */
  readonly program?: readonly string[];
}

/** An app file in TypeScript. */
export const TODO_APP = `
import { collection, defineApp } from "@driftless/driftless";
import * as v from "valibot";
const todo = collection("todo", v.object({ title: v.pipe(v.string(), v.minLength(1)), done: v.boolean() }));
export default defineApp({
  name: "todos",
  collections: { todo },
  authorize: ({ principal, scope }): boolean => principal === null || principal.id === scope,
});
`;

/** Programs that a test started and has not ended. */
const running = new Set<RunningProgram>();

/** Runs a test in a folder that is gone afterwards, as is every program that the test started. */
export async function inFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "driftless-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(join(folder, name), bytes);
    }
    await test(folder);
  } finally {
    for (const program of running) await program.stop("SIGKILL");
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs the program to its end. */
export async function runProgram(args: readonly string[], options: RunOptions): Promise<Run> {
  const { code, stdout, stderr } = await inTime(command(args, options).output(), "the program");
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Expects a run that fails with one line that says why; 2 is for a wrong command line. */
export function assertFailed({ code, stdout, stderr }: Run, reason: RegExp, status = 1): void {
  assertEquals([code, stdout], [status, ""], stderr);
  assertMatch(stderr, /^driftless: [^\n]+\n$/);
  assertMatch(stderr, reason);
}

/** A program that runs while the test goes on. */
export class RunningProgram {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<unknown>;
  stdout = "";
  stderr = "";
  isOver = false;

  constructor(args: readonly string[], options: RunOptions) {
    this.#child = command(args, options).spawn();
    running.add(this);
    this.#output = Promise.all([
      this.#collect(this.#child.stdout, (text) => this.stdout += text),
      this.#collect(this.#child.stderr, (text) => this.stderr += text),
    ]);
  }

  /** Starts a server and waits until it says where it is. */
  static async serve(args: readonly string[], options: RunOptions): Promise<RunningProgram> {
    const program = new RunningProgram(["serve", ...args], options);
    await eventually(() => program.stdout.includes("\n") || program.isOver, "the first line");
    assert(!program.isOver, program.stderr);
    return program;
  }

  /** Where it serves, as its first line says. */
  get url(): string {
    const [line = ""] = this.stdout.split("\n");
    const url = /http:\/\/\S+/.exec(line)?.[0];
    assert(url !== undefined, line);
    return url;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  kill(signal: Deno.Signal): void {
    if (!this.isOver) this.#child.kill(signal);
  }

  /** Waits for its end. */
  async end(): Promise<number> {
    const { code } = await inTime(this.#child.status, "the end of the program");
    await this.#output;
    running.delete(this);
    return code;
  }

  /** Ends it as an operator does. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.kill(signal);
    return await this.end();
  }

  async #collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
    this.isOver = true;
  }
}

function command(args: readonly string[], options: RunOptions): Deno.Command {
  const { folder, secret = "", program = PROGRAM } = options;
  const [file = "", ...words] = program;
  return new Deno.Command(file, {
    args: [...words, ...args],
    cwd: folder,
    env: { DRIFTLESS_SECRET: secret, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}
