/** The command line: what `driftless` understands, and what it does. */
import { createWriteStream, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import type { AnyApp } from "../core/app.ts";
import { checkScope, DEFAULT_SCOPE } from "../core/mutation.ts";
import type { Asset } from "./handler.ts";
import { issueToken, SECRET_UNITS_MIN } from "./identity.ts";
import { loadApp } from "./load_app.ts";
import { createLog, errorText, type Log, type LogLevel } from "./log.ts";
import { ProgressBar } from "./progress_bar.ts";
import { serve, SHUTDOWN_MS_MAX } from "./serve.ts";
import { openSqliteStore } from "./sqlite_store.ts";
import { exportJson, importJson } from "./transfer.ts";

/** What the program brings along. */
export interface Program {
  readonly version: string;
  /** Served when no app file is named, with its pages. */
  readonly demo: { readonly app: AnyApp; readonly assets: Readonly<Record<string, Asset>> };
}

const HELP = `driftless: an app that works offline, converges, and updates live

Usage:
  driftless serve [APP] [options]     serve an app file, or the built-in demo
  driftless import FILE [options]     bring the records of a JSON file into a data file
  driftless export [FILE] [options]   write the records of a scope as JSON
  driftless token SUBJECT [options]   print a bearer token for a principal

Serve:
  --host HOST         where to listen                        (127.0.0.1)
  --port PORT         which port; 0 takes a free one         (8000)
  --origin ORIGIN     also let pages of this origin in; may be repeated
  --log LEVEL         error, info or debug                   (info)

Import and export:
  --app APP           the app file that the data belongs to  (the built-in demo)
  --scope SCOPE       which scope                            (_default)
  --collection NAME   which collection; without it the file holds all of them
  --id FIELD          import: the field that is the record's id

Token:
  --days N            how long it is good for                (30)

Everywhere:
  --data FILE         the data file                          (./driftless.db)
  --help, --version

DRIFTLESS_SECRET, of at least ${SECRET_UNITS_MIN} characters, signs tokens. Without it the server is
open to everyone on this machine, and to nobody else.
`;

const OPTIONS = {
  app: { type: "string" },
  collection: { type: "string" },
  data: { type: "string", default: "./driftless.db" },
  days: { type: "string", default: "30" },
  help: { type: "boolean", default: false },
  host: { type: "string", default: "127.0.0.1" },
  id: { type: "string" },
  log: { type: "string", default: "info" },
  origin: { type: "string", multiple: true, default: [] as string[] },
  port: { type: "string", default: "8000" },
  scope: { type: "string", default: DEFAULT_SCOPE },
  version: { type: "boolean", default: false },
} as const;

type Values = ReturnType<typeof parse>["values"];

/** Runs the program; resolves to its exit status. What went wrong is one line on stderr. */
export async function run(args: readonly string[], program: Program): Promise<number> {
  try {
    const { values, positionals: [command, argument, ...rest] } = parse(args);
    if (values.version) return say(`driftless ${program.version}\n`);
    if (values.help) return say(HELP);
    if (rest.length > 0) throw new TypeError(`Cannot understand "${rest.join(" ")}"`);
    switch (command ?? "serve") {
      case "serve":
        return await serveCommand(argument, values, program);
      case "import":
        return await importCommand(argument, values, program);
      case "export":
        return await exportCommand(argument, values);
      case "token":
        return await tokenCommand(argument, values);
      default:
        throw new TypeError(`Cannot understand "${command}": see driftless --help`);
    }
  } catch (error) {
    process.stderr.write(`driftless: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

async function serveCommand(file: string | undefined, values: Values, program: Program) {
  const app = file === undefined ? program.demo.app : await loadApp(file);
  const secret = process.env.DRIFTLESS_SECRET;
  const log = createLog(logLevel(values.log));
  surviveApp(log);
  const server = await serve({
    app,
    hostname: values.host,
    port: integer(values.port, "--port", 0, 65_535),
    data: values.data,
    log,
    version: program.version,
    origins: values.origin.map(checkOrigin),
    ...(file === undefined ? { assets: program.demo.assets } : {}),
    ...(secret === undefined || secret === "" ? {} : { secret }),
  });
  say(`driftless ${program.version} serves "${app.name}" at ${server.url}\n`);
  say(`  data   ${values.data}\n`);
  if (server.open) {
    say(
      "  open   development mode: everyone on this machine may do everything; " +
        "set DRIFTLESS_SECRET for users\n",
    );
  }
  const signal = await stopSignal();
  process.stderr.write(`driftless: ${signal}, stopping\n`);
  // A second signal, or a shutdown that hangs, ends the process without further courtesy.
  void stopSignal().then(() => process.exit(130));
  const hung = setTimeout(() => process.exit(1), SHUTDOWN_MS_MAX + 500);
  await server.stop();
  clearTimeout(hung);
  return 0;
}

async function importCommand(file: string | undefined, values: Values, program: Program) {
  if (file === undefined) throw new TypeError("Cannot import: name a JSON file");
  const app = values.app === undefined ? program.demo.app : await loadApp(values.app);
  const scope = checkScope(values.scope);
  const text = await readText(file);
  const store = openSqliteStore(values.data);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const bar = new ProgressBar("importing");
  try {
    const report = await importJson(text, {
      app,
      store,
      scope,
      progress: (done, total) => bar.show(done, total),
      signal: stop.signal,
      ...(values.collection === undefined ? {} : { collection: values.collection }),
      ...(values.id === undefined ? {} : { idField: values.id }),
    }).finally(() => bar.end());
    const { imported, repeated, refused, refusedCount, finished, total } = report;
    say(`imported ${imported} of ${total} records into scope "${scope}"`);
    say(`${repeated > 0 ? `, ${repeated} were there` : ""}`);
    say(`${refusedCount > 0 ? `, ${refusedCount} refused` : ""}\n`);
    for (const { id, reason } of refused) process.stderr.write(`  ${id}: ${reason}\n`);
    if (!finished) process.stderr.write("driftless: stopped; the same command goes on from here\n");
    return finished && refusedCount === 0 ? 0 : 1;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    store.close();
  }
}

async function exportCommand(file: string | undefined, values: Values) {
  const scope = checkScope(values.scope);
  if (!existsSync(values.data)) {
    throw new TypeError(`Cannot export: there is no data file "${values.data}"`);
  }
  const store = openSqliteStore(values.data);
  try {
    let count = 0;
    const parts = Readable.from(
      exportJson(store, scope, values.collection, (rows) => count = rows),
    );
    if (file === undefined) await pipeline(parts, process.stdout, { end: false });
    else await pipeline(parts, createWriteStream(file));
    process.stderr.write(`exported ${count} records of scope "${scope}"\n`);
    return 0;
  } catch (error) {
    // Who reads through "head" or "less" has seen enough.
    if ((error as { code?: unknown }).code === "EPIPE") return 0;
    throw error;
  } finally {
    store.close();
  }
}

async function tokenCommand(subject: string | undefined, values: Values) {
  const secret = process.env.DRIFTLESS_SECRET ?? "";
  if (subject === undefined || subject === "") {
    throw new TypeError("Cannot make a token: for whom?");
  }
  if (secret.length < SECRET_UNITS_MIN) {
    throw new TypeError(
      `Cannot sign a token: set DRIFTLESS_SECRET to at least ${SECRET_UNITS_MIN} characters`,
    );
  }
  const days = integer(values.days, "--days", 1, 3_650);
  return say(`${await issueToken(subject, days * 24 * 60 * 60, secret)}\n`);
}

/** A file as text; bytes that are no text are refused, lest they be imported as question marks. */
async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    const reason = (cause as { code?: unknown }).code === "ENOENT"
      ? "there is no such file"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new Error(`Cannot read "${file}": ${reason}`, { cause });
  }
}

/** What an app's own code leaves behind, a rejected promise or a timer that throws, ends no server. */
function surviveApp(log: Log): void {
  process.on("unhandledRejection", (error) => {
    log.error("app failed", { where: "a promise", error: errorText(error) });
  });
  process.on("uncaughtException", (error) => {
    log.error("app failed", { where: "a callback", error: errorText(error) });
  });
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, strict: true });
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split(/\.\s/);
    throw new TypeError(`${reason}: see driftless --help`, { cause });
  }
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    const heard = (signal: string) => {
      process.off("SIGINT", heard).off("SIGTERM", heard);
      resolve(signal);
    };
    process.on("SIGINT", heard).on("SIGTERM", heard);
  });
}

function integer(text: string, option: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new TypeError(`Cannot use ${option} ${text}: give a number from ${min} to ${max}`);
  }
  return value;
}

function logLevel(text: string): LogLevel {
  if (text === "error" || text === "info" || text === "debug") return text;
  throw new TypeError(`Cannot use --log ${text}: give error, info or debug`);
}

function checkOrigin(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : "null";
  if (origin !== text || origin === "null") {
    throw new TypeError(`Cannot use --origin ${text}: write it like https://app.example`);
  }
  return origin;
}
