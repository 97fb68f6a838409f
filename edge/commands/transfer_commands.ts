/** `driftless import` and `driftless export`: records between JSON files and a data file. */
import { createWriteStream, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { checkScope, DEFAULT_SCOPE } from "../../core/mutation.ts";
import { loadApp } from "../load_app.ts";
import { ProgressBar } from "../progress_bar.ts";
import { loadSqliteDriver, SQLITE_DRIVERS } from "../sqlite_driver.ts";
import { openSqliteStore, type SqliteStore } from "../sqlite_store.ts";
import { exportJson, importJson } from "../transfer.ts";
import {
  type Call,
  type Command,
  DATA,
  DONE,
  DRIVER,
  FAILED,
  type Option,
  STOPPED,
  UsageError,
  type Values,
} from "./command.ts";
import { interruptible } from "./interruption.ts";

const SCOPE: Option = { value: "SCOPE", help: "which scope", initial: DEFAULT_SCOPE };
const COLLECTION: Option = {
  value: "NAME",
  help: "which collection; without it the file holds all of them",
};

/** Brings records in. */
export const importCommand: Command = {
  name: "import",
  operands: "FILE",
  summary: "bring the records of a JSON file into a data file",
  about: `
Every record passes the app's schema and becomes a change in the log, so that clients that are
connected see it come. The file holds a list of records, or {"id": record}, or without --collection
{"collection": {"id": record}}, which is what "export" writes. A second run of the same file adds
nothing; one that was stopped goes on. A server may be running.`,
  options: {
    app: { value: "APP", help: "the app file the data belongs to; without it the built-in demo" },
    collection: COLLECTION,
    id: { value: "FIELD", help: 'the field that is a record\'s id; without it "id"' },
    scope: SCOPE,
    data: DATA,
    "sqlite-driver": DRIVER,
  },
  examples: [
    "driftless import todos.json --app app.ts --collection todo",
    "driftless import everything.json --app app.ts --scope anna",
  ],
  run: runImport,
};

/** Writes records out. */
export const exportCommand: Command = {
  name: "export",
  operands: "[FILE]",
  summary: "write the records of a scope as JSON",
  about: `
Writes what the scope holds at one moment, to FILE or to stdout; a server may go on writing. The
history is not in it: for all of a data file use "backup".`,
  options: { collection: COLLECTION, scope: SCOPE, data: DATA, "sqlite-driver": DRIVER },
  examples: [
    "driftless export todos.json --collection todo",
    "driftless export --scope anna | head",
  ],
  run: runExport,
};

async function runImport({ operands: [file], values, program }: Call): Promise<number> {
  if (file === undefined) throw new UsageError("Cannot import: name a JSON file");
  const scope = checkScope(values.text("scope"));
  const path = values.optional("app");
  const app = path === undefined ? program.demo.app : await loadApp(path);
  const collection = values.optional("collection");
  const idField = values.optional("id");
  const text = await readText(file);
  const store = await openStore(values);
  const bar = new ProgressBar("importing");
  try {
    const report = await interruptible((signal) =>
      importJson(text, {
        app,
        store,
        scope,
        progress: (done, total) => bar.show(done, total),
        signal,
        ...(collection === undefined ? {} : { collection }),
        ...(idField === undefined ? {} : { idField }),
      })
    ).finally(() => bar.end());
    const { imported, repeated, refused, refusedCount, finished, total } = report;
    process.stdout.write(
      `imported ${imported} of ${total} records into scope "${scope}"` +
        `${repeated > 0 ? `, ${repeated} were there` : ""}` +
        `${refusedCount > 0 ? `, ${refusedCount} refused` : ""}\n`,
    );
    for (const { id, reason } of refused) process.stderr.write(`  ${id}: ${reason}\n`);
    if (!finished) {
      process.stderr.write("driftless: stopped; the same command goes on from here\n");
      return STOPPED;
    }
    return refusedCount === 0 ? DONE : FAILED;
  } finally {
    store.close();
  }
}

async function runExport({ operands: [file], values }: Call): Promise<number> {
  const scope = checkScope(values.text("scope"));
  const data = values.text("data");
  if (!existsSync(data)) throw new Error(`Cannot export: there is no data file "${data}"`);
  const store = await openStore(values);
  try {
    let count = 0;
    await interruptible(async (signal) => {
      const parts = Readable.from(
        exportJson(store, scope, values.optional("collection"), (rows) => count = rows),
      );
      if (file === undefined) await pipeline(parts, process.stdout, { end: false, signal });
      else await pipeline(parts, createWriteStream(file), { signal });
    });
    process.stderr.write(`exported ${count} records of scope "${scope}"\n`);
    return DONE;
  } catch (error) {
    const { code, name } = error as { code?: unknown; name?: unknown };
    // Who reads through "head" or "less" has seen enough.
    if (code === "EPIPE") return DONE;
    if (name !== "AbortError") throw error;
    process.stderr.write("driftless: stopped; what was written is not whole\n");
    return STOPPED;
  } finally {
    store.close();
  }
}

async function openStore(values: Values): Promise<SqliteStore> {
  const open = await loadSqliteDriver(values.choice("sqlite-driver", SQLITE_DRIVERS));
  return openSqliteStore(values.text("data"), { open });
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
