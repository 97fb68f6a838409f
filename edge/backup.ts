/**
 * Backup and restore of a data file.
 *
 *     backup    data file ─ VACUUM INTO ─→ FILE.partial ─ check, fsync ─ rename ─→ FILE
 *     restore   FILE ─ VACUUM INTO ─→ data file.restoring ─ new epoch, check, fsync ─ rename ─→ data file
 *
 * `VACUUM INTO` copies what was committed at one moment, in a read transaction that keeps no writer
 * waiting. A name that is there is a copy that was checked and is on the disk: what is not whole yet
 * has another name, and the next run removes it.
 *
 * A restored file is another history: it gets a new epoch, by which clients notice that their cursor
 * means nothing in it, take a snapshot, and push what is still theirs.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { backup as backupPages, DatabaseSync } from "node:sqlite";
import { DriftlessError } from "../core/errors.ts";
import { type CheckedDatabase, closingOnFailure, openChecked } from "./sql.ts";
import type { OpenSqlite } from "./sqlite_driver.ts";
import { checkDatabase } from "./sqlite_migrations.ts";

/** What both need. */
export interface CopyOptions {
  readonly open: OpenSqlite;
  /** Told after every step. */
  readonly progress?: (done: number, total: number) => void;
  /** Stops between two steps; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/** What to restore. */
export interface RestoreOptions extends CopyOptions {
  /** Milliseconds since 1970: part of the name that the old file is kept under. */
  readonly now: number;
}

/** A copy that was made. */
export interface CopyReport {
  readonly bytes: number;
  readonly scopes: number;
  readonly rows: number;
  /** Where the file lies that was there before; undefined when there was none. */
  readonly aside?: string;
}

/** Steps of a copy: copy, check, make durable, rename. */
export const COPY_STEPS = 4;
/** How long a copy waits for the lock of another process, in milliseconds. */
const BUSY_MS = 5_000;
/** As many pages as a file of SQLite can have fit into 32 bits, with a sign. */
const PAGES_MAX = 2 ** 31 - 1;

/**
 * Copies a data file, while servers write it or not, to a file that is whole or not there.
 *
 * @throws {Error} when `to` exists and `isForced` is false, or the copy is not good
 * @throws {DriftlessError} `store_failed` when `from` is no data file of Driftless
 */
export async function backup(
  from: string,
  to: string,
  options: CopyOptions & { readonly isForced?: boolean },
): Promise<CopyReport> {
  const { isForced = false } = options;
  if (!existsSync(from)) throw new Error(`Cannot back up: there is no data file "${from}"`);
  if (isSame(from, to)) throw new Error(`Cannot back up "${from}" into itself`);
  if (!isForced && existsSync(to)) {
    throw new Error(`Cannot back up to "${to}": it exists; name another file, or use --force`);
  }
  if (existsSync(`${to}-wal`)) {
    throw new Error(`Cannot back up to "${to}": a program uses that file as a database`);
  }
  const partial = `${to}.partial`;
  return await discarding(partial, async () => {
    const report = await copyChecked(from, partial, options, () => {});
    place(partial, to, isForced);
    options.progress?.(COPY_STEPS, COPY_STEPS);
    return report;
  });
}

/**
 * Puts a backup in the place of a data file that nobody uses. The old file is kept aside.
 *
 * @throws {Error} when a server or another command uses the data file
 * @throws {DriftlessError} `store_failed` when `from` is no data file of Driftless, or is damaged
 */
export async function restore(
  from: string,
  to: string,
  options: RestoreOptions,
): Promise<CopyReport> {
  if (!existsSync(from)) throw new Error(`Cannot restore: there is no file "${from}"`);
  if (isSame(from, to)) throw new Error(`Cannot restore "${from}" from itself`);
  const partial = `${to}.restoring`;
  return await discarding(partial, async () => {
    // Asked first as well, so that nobody waits for a copy in vain.
    exclusively(to, options.open, () => {});
    const report = await copyChecked(from, partial, options, beginHistory);
    const done = () => options.progress?.(COPY_STEPS, COPY_STEPS);
    if (!existsSync(to)) {
      place(partial, to, false);
      done();
      return report;
    }
    const stamp = new Date(options.now).toISOString().replace(/\.\d+Z$/, "Z").replaceAll(":", "-");
    const aside = `${to}.before-${stamp}`;
    exclusively(to, options.open, () => {
      keepAside(to, aside);
      place(partial, to, true);
    });
    done();
    return { ...report, aside };
  });
}

/** The four steps but the last; `change` is made to the copy before it is checked. */
async function copyChecked(
  from: string,
  partial: string,
  { open, progress = () => {}, signal }: CopyOptions,
  change: (db: CheckedDatabase) => void,
): Promise<CopyReport> {
  const step = async (done: number) => {
    if (done > 0) progress(done, COPY_STEPS);
    // Lets a signal in.
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
  };
  await step(0);
  const isCopied = withDatabase(from, open, (db) => {
    checkOwn(db, from);
    return isVacuumed(db, partial);
  });
  if (!isCopied) {
    await copyPages(from, partial);
    // Pages are copied whatever is in them.
    withDatabase(partial, open, (db) => checkWhole(db, from));
  }
  await step(1);
  const { scopes, rows } = withDatabase(partial, open, (db) => {
    change(db);
    checkOwn(db, partial);
    checkWhole(db, from);
    return {
      scopes: Number(db.prepare("SELECT count(*) AS n FROM scopes").get()?.n),
      rows: Number(db.prepare("SELECT count(*) AS n FROM rows WHERE live = 1").get()?.n),
    };
  });
  await step(2);
  syncPath(partial);
  await step(3);
  return { bytes: statSync(partial).size, scopes, rows };
}

/** False on Deno with less than all permissions: a file that SQL names would go round them. */
function isVacuumed(db: CheckedDatabase, partial: string): boolean {
  try {
    db.exec(`VACUUM INTO '${partial.replaceAll("'", "''")}'`);
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.includes("too many attached databases")) {
      return false;
    }
    throw error;
  }
}

/** The same without SQL, empty pages included: all in one step, so that no writer starts it anew. */
async function copyPages(from: string, partial: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true, timeout: BUSY_MS });
  try {
    await backupPages(source, partial, { rate: PAGES_MAX });
  } finally {
    source.close();
  }
}

function withDatabase<T>(path: string, open: OpenSqlite, work: (db: CheckedDatabase) => T): T {
  const db = openChecked(open, path);
  const result = closingOnFailure(db, () => {
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    return work(db);
  });
  db.close();
  return result;
}

/** Older is good: a server that opens it takes it forward. Empty is not. */
function checkOwn(db: CheckedDatabase, path: string): void {
  const version = checkDatabase(db);
  if (version > 0) return;
  throw new DriftlessError("store_failed", `Cannot use "${path}": it is empty, no data file`);
}

function checkWhole(db: CheckedDatabase, path: string): void {
  const result = db.prepare("PRAGMA integrity_check(1)").get()?.integrity_check;
  if (result === "ok") return;
  const text = String(result).replaceAll("\n", " ");
  throw new DriftlessError("store_failed", `Cannot use a copy of "${path}": SQLite says ${text}`);
}

function beginHistory(db: CheckedDatabase): void {
  db.exec("UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'epoch'");
}

/**
 * Does something to a data file that no other connection has open. SQLite leaves the write-ahead log
 * for whoever is alone, and only for them; the log is then part of the file.
 */
function exclusively(path: string, open: OpenSqlite, work: () => void): void {
  if (!existsSync(path)) return;
  const db = openChecked(open, path);
  try {
    lockAlone(db, path);
    // Windows renames no file that is open.
    if (process.platform === "win32") db.close();
    work();
  } finally {
    if (process.platform !== "win32") db.close();
  }
}

/** The lock is held until the connection closes. */
function lockAlone(db: CheckedDatabase, path: string): void {
  try {
    db.exec("PRAGMA busy_timeout = 0");
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    checkDatabase(db);
    db.prepare("PRAGMA journal_mode = DELETE").get();
    db.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    const reason = cause instanceof DriftlessError ? cause.message : "";
    // To replace such a file is what a backup is for.
    if (/is damaged|is not a SQLite database/.test(reason)) return;
    if (!/keeps the file locked/.test(reason)) throw cause;
    throw new Error(
      `Cannot restore "${path}": a server, or another command, uses it; stop that first`,
      { cause },
    );
  }
}

/** A second name for the old file, so that there is a data file at every moment. */
function keepAside(path: string, aside: string): void {
  if (existsSync(aside)) throw new Error(`Cannot keep the old file: "${aside}" exists`);
  try {
    linkSync(path, aside);
  } catch {
    copyFileSync(path, aside, constants.COPYFILE_EXCL);
  }
  // A damaged file still has its log: with the new file it would be worse than lost.
  for (const end of ["-wal", "-shm"]) {
    if (existsSync(path + end)) renameSync(path + end, aside + end);
  }
}

/** Renames what is durable, and makes the new name durable. */
function place(partial: string, to: string, isForced: boolean): void {
  if (isForced) renameSync(partial, to);
  else placeNew(partial, to);
  syncPath(dirname(resolve(to)));
}

/** Unlike a rename this never takes the place of a file that came into being meanwhile. */
function placeNew(partial: string, to: string): void {
  try {
    linkSync(partial, to);
    rmSync(partial);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code === "EEXIST") throw new Error(`Cannot write "${to}": it exists`, { cause: error });
    // A file system without hard links.
    if (existsSync(to)) throw error;
    renameSync(partial, to);
  }
}

/** A directory cannot be opened everywhere; there the file system sees to it. */
function syncPath(path: string): void {
  let file: number;
  try {
    file = openSync(path, statSync(path).isDirectory() ? "r" : "r+");
  } catch (error) {
    if (statSync(path).isDirectory()) return;
    throw error;
  }
  try {
    fsyncSync(file);
  } catch (error) {
    if (!statSync(path).isDirectory()) throw error;
  } finally {
    closeSync(file);
  }
}

/** Removes what an earlier run left, and what this one leaves when it fails. */
async function discarding<T>(partial: string, work: () => Promise<T>): Promise<T> {
  const discard = () => {
    for (const end of ["", "-journal", "-wal", "-shm"]) rmSync(partial + end, { force: true });
  };
  discard();
  try {
    return await work();
  } finally {
    discard();
  }
}

function isSame(a: string, b: string): boolean {
  if (resolve(a) === resolve(b)) return true;
  if (!existsSync(a) || !existsSync(b)) return false;
  const [one, two] = [statSync(a, { bigint: true }), statSync(b, { bigint: true })];
  return one.ino === two.ino && one.dev === two.dev;
}
