/** `driftless verify`: derives every digest of a data file again, and says what is wrong. */
import process from "node:process";
import { ProgressBar } from "../progress_bar.ts";
import { loadSqliteDriver, type OpenSqlite, SQLITE_DRIVERS } from "../sqlite_driver.ts";
import { leadForward, repairTrees, verify, type VerifyReport } from "../verify.ts";
import type { Fault } from "../verify_faults.ts";
import { type Call, type Command, DATA, DONE, DRIVER, FAILED, STOPPED } from "./command.ts";
import { interruptible } from "./interruption.ts";

/** Verifies a data file, and repairs its trees. */
export const verifyCommand: Command = {
  name: "verify",
  operands: "",
  summary: "rebuild every digest of a data file and say what is wrong",
  about: `
Runs SQLite's own check, then compares heads, logs and rows of every scope with each other, and every
node of its tree with the one that its rows make. It changes nothing, and a server may be running.
With --repair, trees that are wrong are built anew from the rows; what is wrong elsewhere stays, for
that see "restore".`,
  options: {
    json: { help: "the report as one JSON object" },
    repair: { help: "build wrong trees anew from their rows" },
    data: DATA,
    "sqlite-driver": DRIVER,
  },
  examples: ["driftless verify --data /var/lib/app.db", "driftless verify --repair --json"],
  statuses: `Exit status:
  0    all is well, after repairs if need be
  1    something is wrong, or the file cannot be verified
  2    the command line is wrong; nothing was done
  130  stopped by a signal before it was done
`,
  run: runVerify,
};

async function runVerify({ values }: Call): Promise<number> {
  const data = values.text("data");
  const open = await loadSqliteDriver(values.choice("sqlite-driver", SQLITE_DRIVERS));
  let report: VerifyReport;
  let repaired: VerifyReport | undefined;
  try {
    if (values.has("repair")) leadForward(data, open);
    report = await verifying(data, open);
    if (values.has("repair") && report.wrongTrees.length + report.strayTrees.length > 0) {
      repairTrees(data, open, report);
      repaired = await verifying(data, open);
    }
  } catch (error) {
    if ((error as { name?: unknown }).name !== "AbortError") throw error;
    process.stderr.write("driftless: stopped\n");
    return STOPPED;
  }
  const last = repaired ?? report;
  process.stdout.write(
    values.has("json")
      ? `${JSON.stringify(repaired === undefined ? report : { ...report, repaired }, null, 2)}\n`
      : textOf(data, report) + (repaired === undefined ? "" : repairText(data, report, repaired)),
  );
  return last.faultCount === 0 ? DONE : FAILED;
}

async function verifying(data: string, open: OpenSqlite): Promise<VerifyReport> {
  const bar = new ProgressBar("verifying");
  return await interruptible((signal) =>
    verify(data, { open, progress: (done, total) => bar.show(done, total), signal })
  ).finally(() => bar.end());
}

function textOf(data: string, report: VerifyReport): string {
  const { scopes, rows, nodes, faults, faultCount, wrongTrees } = report;
  const facts = `${scopes} scopes, ${rows} rows, ${nodes} nodes`;
  if (faultCount === 0) return `verified "${data}": all is well; ${facts}\n`;
  const more = faultCount - faults.length;
  const advice = wrongTrees.length === 0
    ? "→ driftless doctor says more; driftless restore FILE puts a backup in its place"
    : "→ driftless verify --repair builds trees anew from their rows";
  return `verified "${data}": ${faultCount} faults; ${facts}\n` +
    faults.map(lineOf).join("") +
    (more > 0 ? `  and ${more} more\n` : "") + `${advice}\n`;
}

function repairText(data: string, before: VerifyReport, after: VerifyReport): string {
  const trees = before.wrongTrees.length + before.strayTrees.length;
  return `built ${trees} trees anew\n${textOf(data, after)}`;
}

function lineOf({ kind, scope, text, entity, id }: Fault): string {
  const place = scope === null ? "" : `scope ${JSON.stringify(scope)}: `;
  const row = id === undefined ? "" : `${entity} ${JSON.stringify(id)} `;
  return `  ${kind.padEnd(4)}  ${place}${row}${text}\n`;
}
