/**
 * What is wrong with a data file: its place, SQLite's own check, and whether what Driftless keeps in
 * it fits together. Reads only, in one read transaction; a server may be writing meanwhile.
 */
import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { type CheckedDatabase, openChecked } from "./sql.ts";
import type { OpenSqlite } from "./sqlite_driver.ts";
import { APPLICATION_ID, MIGRATIONS, pragma } from "./sqlite_migrations.ts";

/** How bad it is. */
export type Level = "ok" | "warn" | "fail";

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  readonly subject: string;
  readonly text: string;
  /** What to do about it, where it is not "ok". */
  readonly advice?: string;
}

/** What the file says about itself. */
export interface DataFacts {
  readonly findings: readonly Finding[];
  /** The version of the app that its rows are of; undefined when it says none. */
  readonly appVersion?: number;
  /** When its newest change was made, in milliseconds since 1970; 0 without one. */
  readonly newestMs: number;
}

/** Free bytes below which a write may fail soon, and below which it is bound to. */
export const FREE_BYTES_WARN = 256 * 1024 * 1024;
export const FREE_BYTES_MIN = 16 * 1024 * 1024;
/** Bytes of the write-ahead log above which something keeps it from being emptied. */
export const WAL_BYTES_WARN = 256 * 1024 * 1024;
const BUSY_MS = 5_000;
const SYNCHRONOUS_FULL = 2;
/** Anybody may write. */
const MODE_WORLD_WRITABLE = 0o002;

const RESTORE = `take a copy of the file, then put a backup in its place: driftless restore FILE`;

/** A question whose answer is the number of things that do not fit. */
interface Question {
  readonly subject: string;
  readonly good: string;
  readonly bad: string;
  readonly sql: string;
}

/** Each row of a result is one fault. */
const QUESTIONS: readonly Question[] = [
  {
    subject: "scopes",
    good: "every row, change, client and outcome belongs to a scope",
    bad: "belong to no scope",
    sql: ["rows", "changes", "clients", "outcomes"].map((table) =>
      `SELECT 1 FROM ${table} t WHERE NOT EXISTS (SELECT 1 FROM scopes s WHERE s.scope = t.scope)`
    ).join(" UNION ALL "),
  },
  {
    subject: "log",
    good: "every log goes from its floor to its cursor without a gap",
    bad: "scopes have a log with a gap or a wrong end",
    sql: `SELECT 1 FROM scopes s LEFT JOIN
        (SELECT scope, count(*) AS n, min(cursor) AS low, max(cursor) AS high
         FROM changes GROUP BY scope) c ON c.scope = s.scope
      WHERE s.floor < 0 OR s.floor > s.cursor OR coalesce(c.n, 0) <> s.cursor - s.floor
        OR (c.n > 0 AND (c.low <> s.floor + 1 OR c.high <> s.cursor))`,
  },
  {
    subject: "time",
    good: "no log goes back in time",
    bad: "changes are older than the one before",
    sql: `SELECT 1 FROM changes a JOIN changes b ON b.scope = a.scope AND b.cursor = a.cursor + 1
      WHERE b.time < a.time`,
  },
  {
    subject: "rows",
    good: "every row stands where the log says",
    bad: "rows and the log disagree",
    sql: `SELECT 1 FROM rows r JOIN scopes s ON s.scope = r.scope WHERE r.cursor > s.cursor
      UNION ALL
      SELECT 1 FROM (SELECT scope, entity, id, max(cursor) AS cursor, op FROM changes
        GROUP BY scope, entity, id) c
      LEFT JOIN rows r ON r.scope = c.scope AND r.entity = c.entity AND r.id = c.id
      WHERE r.cursor IS NULL OR r.cursor <> c.cursor OR r.live <> (c.op <> 2)`,
  },
  {
    subject: "json",
    good: "every record is JSON",
    bad: "records are not JSON",
    sql: `SELECT 1 FROM rows WHERE NOT json_valid(json)
      UNION ALL SELECT 1 FROM changes WHERE json IS NOT NULL AND NOT json_valid(json)`,
  },
  {
    subject: "clients",
    good: "every outcome belongs to what its client has sent",
    bad: "outcomes are beyond their client or their log",
    sql: `SELECT 1 FROM outcomes o JOIN scopes s ON s.scope = o.scope
      LEFT JOIN clients c ON c.scope = o.scope AND c.client = o.client
      WHERE o.cursor > s.cursor OR (o.client <> '' AND (c.client IS NULL OR o.seq > c.last_seq))`,
  },
];

/** How many questions there are: for a bar. */
export const DATA_STEPS: number = QUESTIONS.length + 2;

/** Examines a data file. Never throws for what is wrong with it. */
export async function examineData(
  path: string,
  open: OpenSqlite,
  progress: (done: number) => Promise<void>,
): Promise<DataFacts> {
  const place = examinePlace(path);
  if (!existsSync(path) || place.some(({ level }) => level === "fail")) {
    return { findings: place, newestMs: 0 };
  }
  let db: CheckedDatabase | undefined;
  const findings: Finding[] = [...place];
  const facts: { appVersion?: number; newestMs: number } = { newestMs: 0 };
  try {
    db = openChecked(open, path);
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    findings.push(...examineSettings(db));
    db.exec("PRAGMA query_only = ON");
    db.exec("BEGIN");
    const format = examineFormat(db);
    findings.push(format);
    if (format.level !== "fail") {
      findings.push(examineWhole(db));
      await progress(1);
      for (const [i, question] of QUESTIONS.entries()) {
        findings.push(answer(db, question));
        await progress(i + 2);
      }
      // An older schema has no trees yet.
      if (format.level === "ok") findings.push(examineTrees(db));
      await progress(DATA_STEPS);
      facts.newestMs = Number(db.prepare("SELECT max(time) AS t FROM scopes").get()?.t ?? 0);
      const version = db.prepare("SELECT value FROM meta WHERE name = 'app_version'").get();
      if (version !== undefined) facts.appVersion = Number(version.value);
    }
    db.exec("ROLLBACK");
  } catch (error) {
    if (error instanceof DOMException) throw error;
    const text = error instanceof Error ? error.message : String(error);
    findings.push({ level: "fail", subject: "file", text, advice: RESTORE });
  } finally {
    db?.close();
  }
  return { findings, ...facts };
}

function examinePlace(path: string): Finding[] {
  const folder = dirname(resolve(path));
  const findings: Finding[] = [];
  if (!existsSync(folder)) {
    const advice = `make it: mkdir -p ${folder}`;
    return [{ level: "fail", subject: "folder", text: `there is no folder ${folder}`, advice }];
  }
  const isThere = existsSync(path);
  const closed = [folder, ...(isThere ? [path] : [])].find((it) => !mayUse(it));
  if (closed !== undefined) {
    const text = `this user may not read and write ${closed}`;
    const advice = "give it to the user that runs the server; SQLite writes beside the file too";
    return [{ level: "fail", subject: "permissions", text, advice }];
  }
  const isOpenToAll = isThere && process.platform !== "win32" &&
    (statSync(path).mode & MODE_WORLD_WRITABLE) !== 0;
  findings.push(
    isOpenToAll
      ? {
        level: "warn",
        subject: "permissions",
        text: "every user of this machine may write the data file",
        advice: `chmod o-w ${path}`,
      }
      : { level: "ok", subject: "permissions", text: "the file and its folder can be written" },
  );
  findings.push(examineSpace(folder, path));
  if (!isThere) {
    findings.push({
      level: "ok",
      subject: "file",
      text: `there is no ${path} yet: serve makes one`,
    });
  } else if (existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > WAL_BYTES_WARN) {
    const size = megabytes(statSync(`${path}-wal`).size);
    findings.push({
      level: "warn",
      subject: "write-ahead log",
      text: `it has grown to ${size}: a reader keeps SQLite from emptying it`,
      advice: "end what reads the file for a long time, or restart the server",
    });
  }
  return findings;
}

function examineSpace(folder: string, path: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const size = existsSync(path) ? statSync(path).size : 0;
  const text = `${megabytes(free)} free, the file has ${megabytes(size)}`;
  const advice = "make room: a full disk refuses every write, and a backup needs as much again";
  if (free < FREE_BYTES_MIN) return { level: "fail", subject: "disk", text, advice };
  const isLow = free < FREE_BYTES_WARN + size;
  return isLow
    ? { level: "warn", subject: "disk", text, advice }
    : { level: "ok", subject: "disk", text };
}

function examineSettings(db: CheckedDatabase): Finding[] {
  db.exec("PRAGMA synchronous = FULL");
  const synchronous = pragma(db, "synchronous");
  const mode = db.prepare("PRAGMA journal_mode").get()?.journal_mode;
  return [
    synchronous === SYNCHRONOUS_FULL
      ? {
        level: "ok",
        subject: "synchronous",
        text: "SQLite takes FULL: acknowledged is on the disk",
      }
      : {
        level: "fail",
        subject: "synchronous",
        text: `SQLite does not take FULL (it reads ${synchronous})`,
        advice: "use the built-in driver: --sqlite-driver node",
      },
    {
      level: "ok",
      subject: "journal",
      text: mode === "wal" ? "write-ahead log" : `"${mode}"; serve turns the write-ahead log on`,
    },
  ];
}

function examineFormat(db: CheckedDatabase): Finding {
  const subject = "schema";
  const owner = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  if (owner !== APPLICATION_ID) {
    const text = "this is no data file of Driftless";
    return { level: "fail", subject, text, advice: "name another file: --data FILE" };
  }
  if (version > MIGRATIONS.length) {
    const text = `version ${version}, and this program knows versions up to ${MIGRATIONS.length}`;
    return { level: "fail", subject, text, advice: "use a newer Driftless" };
  }
  if (version < MIGRATIONS.length) {
    const text = `version ${version} of ${MIGRATIONS.length}`;
    const advice = "take a backup; the next serve leads the file forward, and there is no way back";
    return { level: "warn", subject, text, advice };
  }
  return { level: "ok", subject, text: `version ${version}, the newest` };
}

function examineWhole(db: CheckedDatabase): Finding {
  const faults = db.prepare("PRAGMA integrity_check(3)").all().map((row) => row.integrity_check);
  if (faults.length === 1 && faults[0] === "ok") {
    return { level: "ok", subject: "integrity", text: "SQLite finds the file whole" };
  }
  const text = `SQLite says: ${faults.join("; ").replaceAll("\n", " ")}`;
  return { level: "fail", subject: "integrity", text, advice: RESTORE };
}

/** Whether every tree is at its scope's cursor; whether it is right, `verify` says. */
function examineTrees(db: CheckedDatabase): Finding {
  const subject = "trees";
  const behind = "SELECT count(*) AS n FROM scopes WHERE tree <> cursor";
  const count = Number(db.prepare(behind).get()?.n);
  if (count === 0) {
    const text = "every tree is at its scope's cursor; driftless verify derives each digest again";
    return { level: "ok", subject, text };
  }
  const text = `${count} scopes have a tree that is not at their cursor`;
  const advice = "the next serve builds them, and so does, now: driftless verify --repair";
  return { level: "warn", subject, text, advice };
}

function answer(db: CheckedDatabase, { subject, good, bad, sql }: Question): Finding {
  const faults = Number(db.prepare(`SELECT count(*) AS n FROM (${sql})`).get()?.n);
  if (faults === 0) return { level: "ok", subject, text: good };
  return { level: "fail", subject, text: `${faults} ${bad}`, advice: RESTORE };
}

function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
