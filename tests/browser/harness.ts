/**
 * The real server as a process and a real Chromium, for the tests of this folder.
 *
 *     browserTest(name, async ({ server, browser, folder }) => …)   both, and a folder, cleaned up
 *     startServer({ data })                                         another server, or one restarted
 *     eventually(() => read(), expected)                            waits for what a page must come to
 */
import type { AxeResults } from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { chromiumPath } from "../../scripts/setup.ts";
import { programCommand, wantedForm } from "../delivery/programs.ts";

/** A server process that answers. */
export interface RunningServer {
  /** Its origin, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it as a crash would, with SIGKILL. */
  kill(): Promise<void>;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
}

/** How to start a server. */
export interface ServerOptions {
  /** The database file. */
  readonly data: string;
  /** The app file; without it the server has the built-in demo. */
  readonly app?: string;
  /** @default {0} any free port */
  readonly port?: number;
  /** More arguments of `serve`. */
  readonly args?: readonly string[];
  /** The words that start the program. @default {what `DRIFTLESS_FORM` asks for} */
  readonly program?: readonly string[];
}

/** What a browser test works with. All of it is gone when the test ends. */
export interface Stage {
  /** On a database of its own. */
  readonly server: RunningServer;
  readonly browser: Browser;
  /** An empty folder. */
  readonly folder: string;
}

const ROOT = join(import.meta.dirname ?? ".", "..", "..");

export const CHROMIUM_ARGS: readonly string[] = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A page whose file a test provides counts as public, and may not reach this machine otherwise.
  "--disable-features=LocalNetworkAccessChecks",
];

/** How long a server may take to answer, in milliseconds. */
const SERVER_START_MS_MAX = 60_000;

/** How long a page may take to come to what is expected of it, in milliseconds. */
const EVENTUALLY_MS_MAX = 60_000;
const POLL_MS = 50;

/** Declares a test that gets a server with an empty database, and a browser. */
export function browserTest(name: string, run: (stage: Stage) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "driftless_browser_" });
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    const server = await startServer({ data: join(folder, "data.db") });
    cleanup.defer(() => server.stop());
    const browser = await launchBrowser();
    cleanup.defer(() => browser.close());
    await run({ server, browser, folder });
  });
}

/** Starts the server program; resolves when it answers. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { data, app, port = 0, args = [] } = options;
  const [program = "", ...words] = options.program ?? await programCommand(wantedForm());
  const child = new Deno.Command(program, {
    args: [
      ...[...words, "serve", ...(app === undefined ? [] : [app])],
      ...["--port", `${port}`, "--data", data, ...args],
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = textOf(child.stderr);
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  const output = { text: "" };
  const { promise: started, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error("it did not answer")), SERVER_START_MS_MAX);
  const reading = (async () => {
    for await (const part of lines) {
      output.text += part;
      const url = /https?:\/\/[^\s/]+:\d+/.exec(output.text)?.[0];
      if (url !== undefined && output.text.includes("\n")) resolve(url);
    }
    reject(new Error("it ended"));
  })();
  const end = async (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch (error) {
      // It has ended already.
      if (!(error instanceof TypeError)) throw error;
    }
    await Promise.all([child.status, reading, errors]);
  };
  try {
    const url = await started;
    return {
      url,
      port: Number(new URL(url).port),
      pid: child.pid,
      kill: () => end("SIGKILL"),
      stop: () => end("SIGTERM"),
    };
  } catch (error) {
    await end("SIGKILL");
    throw new Error(`Cannot start the server: ${await errors}${output.text}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Starts Chromium. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: chromiumPath(), args: [...CHROMIUM_ARGS] });
}

/** Collects what a page complains about: console errors, uncaught exceptions, CSP violations. */
export function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return complaints;
}

/** Waits until `read` gives the expected value; fails with the last value that it gave. */
export async function eventually<T>(read: () => Promise<T>, expected: T): Promise<void> {
  const end = performance.now() + EVENTUALLY_MS_MAX;
  let actual = await read();
  while (!isSame(actual, expected) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    actual = await read();
  }
  assertEquals(actual, expected);
}

/** True when two values are the same as JSON. */
export function isSame(actual: unknown, expected: unknown): boolean {
  return JSON.stringify(actual) === JSON.stringify(expected);
}

async function textOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  return await new Response(stream).text();
}

/** What axe finds on a page that is serious or worse: each rule with the elements that break it. */
export async function seriousIssuesOf(page: Page): Promise<string[]> {
  await page.evaluate(await Deno.readTextFile(new URL(import.meta.resolve("axe-core"))));
  const { violations } = await page.evaluate(
    () => (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`);
}
