/** `driftless backup` and `driftless restore`: a whole data file, with its history. */
import process from "node:process";
import { backup, type CopyReport, restore } from "../backup.ts";
import { ProgressBar } from "../progress_bar.ts";
import { loadSqliteDriver, SQLITE_DRIVERS } from "../sqlite_driver.ts";
import {
  type Call,
  type Command,
  DATA,
  DONE,
  DRIVER,
  type Option,
  STOPPED,
  UsageError,
} from "./command.ts";
import { interruptible } from "./interruption.ts";

const FORCE: Option = { help: "take the place of a backup that exists" };

/** Copies a data file that may be in use. */
export const backupCommand: Command = {
  name: "backup",
  operands: "FILE",
  summary: "copy a data file while a server writes it",
  about: `
Copies all that was committed at one moment: rows, history, clients. No server has to stop, and none
waits. The copy is checked and on the disk before FILE has its name, so that FILE is whole or not
there. A signal ends it between two steps.`,
  options: { force: FORCE, data: DATA, "sqlite-driver": DRIVER },
  examples: [
    "driftless backup monday.db",
    "driftless backup /mnt/backups/app.db --data app.db --force",
  ],
  run: ({ operands: [file], values }) => {
    if (file === undefined) throw new UsageError("Cannot back up: name the file to write");
    const data = values.text("data");
    return copying("backing up", values, async (options) => {
      const report = await backup(data, file, { ...options, isForced: values.has("force") });
      return `backed up "${data}" to "${file}": ${factsOf(report)}\n`;
    });
  },
};

/** Puts a backup in place. */
export const restoreCommand: Command = {
  name: "restore",
  operands: "FILE",
  summary: "put a backup in the place of the data file",
  about: `
Stop the server first: a file in use is refused. The old data file is kept beside it under another
name. Clients notice that the history is another one: they load it anew, and send what the backup
does not know of and the server has not confirmed.`,
  options: { data: DATA, "sqlite-driver": DRIVER },
  examples: [
    "driftless restore monday.db",
    "driftless restore /mnt/backups/app.db --data app.db",
  ],
  run: ({ operands: [file], values }) => {
    if (file === undefined) throw new UsageError("Cannot restore: name the backup");
    const data = values.text("data");
    return copying("restoring", values, async (options) => {
      const report = await restore(file, data, { ...options, now: Date.now() });
      const kept = report.aside === undefined ? "" : `the old file is "${report.aside}"\n`;
      return `restored "${data}" from "${file}": ${factsOf(report)}\n${kept}`;
    });
  },
};

async function copying(
  label: string,
  values: Call["values"],
  work: (options: Parameters<typeof backup>[2]) => Promise<string>,
): Promise<number> {
  const open = await loadSqliteDriver(values.choice("sqlite-driver", SQLITE_DRIVERS));
  const bar = new ProgressBar(label);
  const progress = (done: number, total: number) => bar.show(done, total);
  let text: string;
  try {
    text = await interruptible((signal) => work({ open, progress, signal }))
      .finally(() => bar.end());
  } catch (error) {
    if ((error as { name?: unknown }).name !== "AbortError") throw error;
    process.stderr.write("driftless: stopped; nothing was changed\n");
    return STOPPED;
  }
  process.stdout.write(text);
  return DONE;
}

function factsOf({ bytes, scopes, rows }: CopyReport): string {
  return `${scopes} scopes, ${rows} rows, ${(bytes / 1e6).toFixed(1)} MB`;
}
