/** `driftless doctor`: says what is well, what may go wrong, and what is broken. */
import process from "node:process";
import type { AnyApp } from "../../core/app.ts";
import { examine, worst } from "../doctor.ts";
import type { Finding } from "../doctor_data.ts";
import { compileIslands, readTemplates, templateFolderOf } from "../island_templates.ts";
import { loadApp } from "../load_app.ts";
import { ProgressBar } from "../progress_bar.ts";
import { loadSqliteDriver, SQLITE_DRIVERS } from "../sqlite_driver.ts";
import { type Call, type Command, DATA, DRIVER, STOPPED } from "./command.ts";
import { interruptible } from "./interruption.ts";

const STATUS = { ok: 0, warn: 1, fail: 2 } as const;

/** Examines a data file, an app file and the machine. */
export const doctorCommand: Command = {
  name: "doctor",
  operands: "[APP]",
  summary: "examine the data file, the machine and an app file",
  about: `
One line for each thing that was looked at: ok, warn or fail, and what to do. It changes nothing, and
a server may be running. The data file: permissions, room on the disk, SQLite's integrity check, the
versions of schema and app, logs without gaps, rows that fit the log. The machine: versions, port,
clock, secret. APP: whether it loads, and the templates of its islands.`,
  options: {
    json: { help: "the findings as one JSON object" },
    host: { value: "HOST", help: "where the server is to listen", initial: "127.0.0.1" },
    port: { value: "PORT", help: "and on which port", initial: "8000" },
    data: DATA,
    "sqlite-driver": DRIVER,
  },
  examples: ["driftless doctor app.ts", "driftless doctor --data /var/lib/app.db --json"],
  statuses: `Exit status:
  0    all is well
  1    there are warnings
  2    something is broken, or the command line is wrong
  130  stopped by a signal before it was done
`,
  run: runDoctor,
};

async function runDoctor({ operands: [file], values, program }: Call): Promise<number> {
  const port = values.integer("port", 0, 65_535);
  const open = await loadSqliteDriver(values.choice("sqlite-driver", SQLITE_DRIVERS));
  const bar = new ProgressBar("examining");
  let findings: readonly Finding[];
  try {
    findings = await interruptible((signal) =>
      examine({
        version: program.version,
        data: values.text("data"),
        open,
        hostname: values.text("host"),
        port,
        secret: process.env.DRIFTLESS_SECRET ?? "",
        loadApp: file === undefined ? undefined : () => loadWhole(file),
        now: Date.now(),
        progress: (done, total) => bar.show(done, total),
        signal,
      })
    ).finally(() => bar.end());
  } catch (error) {
    if ((error as { name?: unknown }).name !== "AbortError") throw error;
    process.stderr.write("driftless: stopped\n");
    return STOPPED;
  }
  const level = worst(findings);
  process.stdout.write(
    values.has("json") ? `${JSON.stringify({ level, findings }, null, 2)}\n` : linesOf(findings),
  );
  return STATUS[level];
}

async function loadWhole(file: string): Promise<AnyApp> {
  const app = await loadApp(file);
  compileIslands(app.islands, await readTemplates(templateFolderOf(file)));
  return app;
}

function linesOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  return findings.map(({ level, subject, text, advice }) => {
    const line = `${level.padEnd(4)}  ${subject.padEnd(width)}  ${text}\n`;
    return advice === undefined ? line : `${line}${" ".repeat(width + 8)}→ ${advice}\n`;
  }).join("");
}
