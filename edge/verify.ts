/**
 * Verification of a data file: everything that can be derived is derived again, and compared.
 *
 *     SQLite's own check → per scope: head and log → every row → every digest of the tree
 *
 * All of it reads one moment, in one transaction, while a server may go on writing; its write-ahead
 * log grows until the end. What is wrong in a tree can be repaired: the rows decide. What is wrong in
 * rows or in the log cannot, for nothing else knows better; that is what backups are for.
 */
import { existsSync } from "node:fs";
import { canonicalText, type Json } from "../core/json.ts";
import type { RowChange } from "../core/reconcile/row_hash.ts";
import { RowTree } from "../core/reconcile/row_tree.ts";
import { MemoryNodes } from "../core/reconcile/tree_nodes.ts";
import type { StoredRow } from "../core/store.ts";
import { kernelSync } from "../wasm/kernel.ts";
import { type CheckedDatabase, closingOnFailure, openChecked } from "./sql.ts";
import type { OpenSqlite } from "./sqlite_driver.ts";
import { checkDatabase, MIGRATIONS } from "./sqlite_migrations.ts";
import { firstNodeOf, SCOPE_NODES } from "./sqlite_nodes.ts";
import { headOf, prepareReads, readPage, type Reads, type ScopeHead } from "./sqlite_statements.ts";
import { openSqliteStore } from "./sqlite_store.ts";
import { type Fault, Faults } from "./verify_faults.ts";
import { verifyBelonging, verifyLog } from "./verify_log.ts";
import { strayTrees, verifyTree } from "./verify_tree.ts";

/** How to verify. */
export interface VerifyOptions {
  readonly open: OpenSqlite;
  /** Told how many rows are done, of how many. */
  readonly progress?: (done: number, total: number) => void;
  /** Stops between two pages of rows; nothing was changed. */
  readonly signal?: AbortSignal;
}

/** What a verification found. */
export interface VerifyReport {
  readonly scopes: number;
  /** Live rows. */
  readonly rows: number;
  readonly nodes: number;
  /** As many as are told in full. */
  readonly faults: readonly Fault[];
  readonly faultCount: number;
  /** Scopes whose tree is not the tree of their rows. */
  readonly wrongTrees: readonly string[];
  /** Numbers of scopes that do not exist, and have nodes. */
  readonly strayTrees: readonly number[];
}

/** Faults that SQLite's own check tells. */
const INTEGRITY_FAULTS_MAX = 20;
const PAGE_ROWS = 1_000;
/** Rows that go into a tree at once: many, because each time touches nearly every leaf. */
const BATCH_ROWS = 200_000;
const BUSY_MS = 5_000;

/**
 * Verifies a data file. It changes nothing.
 *
 * @throws {Error} when there is no such file, or its schema is not the newest
 * @throws {DriftlessError} `store_failed` when it is no data file of Driftless
 */
export async function verify(path: string, options: VerifyOptions): Promise<VerifyReport> {
  const db = openToRead(path, options.open);
  try {
    db.exec("BEGIN");
    const version = checkDatabase(db);
    if (version < MIGRATIONS.length) {
      throw new Error(
        `Cannot verify "${path}": it has schema version ${version} of ${MIGRATIONS.length}; ` +
          "driftless serve, or verify --repair, leads it forward",
      );
    }
    return await new Verification(db, options).run();
  } finally {
    db.close();
  }
}

/**
 * Takes a file from an older schema to the newest, trees included; another one stays as it is.
 *
 * @throws {Error} as {@linkcode verify}
 */
export function leadForward(path: string, open: OpenSqlite): void {
  const db = openToRead(path, open);
  const version = closingOnFailure(db, () => checkDatabase(db));
  db.close();
  if (version < MIGRATIONS.length) openSqliteStore(path, { open }).close();
}

/**
 * Builds the trees anew that a report names, from the rows. A server may be running: it goes on with
 * the new ones.
 */
export function repairTrees(path: string, open: OpenSqlite, report: VerifyReport): void {
  const db = openChecked(open, path);
  try {
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    db.exec("BEGIN IMMEDIATE");
    const mark = db.prepare("UPDATE scopes SET tree = -1 WHERE name = ?");
    for (const scope of report.wrongTrees) mark.run(scope);
    const drop = db.prepare("DELETE FROM nodes WHERE node >= ? AND node < ?");
    for (const scope of report.strayTrees) {
      drop.run(firstNodeOf(scope), firstNodeOf(scope) + SCOPE_NODES);
    }
    db.exec("COMMIT");
  } finally {
    db.close();
  }
  // Opening a store builds what is marked.
  openSqliteStore(path, { open }).close();
}

class Verification {
  readonly #db: CheckedDatabase;
  readonly #options: VerifyOptions;
  readonly #faults = new Faults();
  #total = 0;
  #rows = 0;
  #nodes = 0;

  constructor(db: CheckedDatabase, options: VerifyOptions) {
    this.#db = db;
    this.#options = options;
  }

  async run(): Promise<VerifyReport> {
    const heads: ScopeHead[] = [];
    let strays: readonly number[] = [];
    try {
      this.#checkIntegrity();
      const reads = prepareReads(this.#db);
      for (const { name } of reads.scopes.all()) {
        const row = reads.head.get(name as string);
        if (row !== undefined) heads.push(headOf(row, name as string));
      }
      this.#total = Number(
        this.#db.prepare("SELECT count(*) AS n FROM rows WHERE live = 1").get()?.n,
      );
      verifyBelonging(this.#db, this.#faults);
      strays = strayTrees(reads, new Set(heads.map(({ scope }) => scope)));
      for (const scope of strays) {
        this.#addToFile(`there are nodes of a scope number ${scope}, which does not exist`);
      }
      for (const head of heads) await this.#verifyScope(reads, head);
    } catch (error) {
      // What is damaged cannot be read to its end.
      if ((error as { code?: unknown }).code !== "store_failed") throw error;
      this.#addToFile((error as Error).message);
    }
    return {
      scopes: heads.length,
      rows: this.#rows,
      nodes: this.#nodes,
      faults: this.#faults.told,
      faultCount: this.#faults.count,
      wrongTrees: this.#faults.wrongTrees,
      strayTrees: strays,
    };
  }

  #checkIntegrity(): void {
    const answers = this.#db.prepare(`PRAGMA integrity_check(${INTEGRITY_FAULTS_MAX})`).all();
    for (const { integrity_check: text } of answers) {
      if (text !== "ok") this.#addToFile(`SQLite says: ${String(text).replaceAll("\n", " ")}`);
    }
  }

  async #verifyScope(reads: Reads, head: ScopeHead): Promise<void> {
    verifyLog(this.#db, head, this.#faults);
    const right = new MemoryNodes();
    const tree = new RowTree(kernelSync(), head.name, right);
    let batch: RowChange[] = [];
    let after = { entity: "", id: "" };
    for (let size = PAGE_ROWS; size === PAGE_ROWS;) {
      const page = readPage(reads, head.scope, after, PAGE_ROWS, "every");
      for (const row of page) {
        this.#checkJson(head, row);
        if (row.live) batch.push(row);
      }
      if (batch.length >= BATCH_ROWS) {
        tree.update(batch);
        batch = [];
      }
      size = page.length;
      after = page.at(-1) ?? after;
      this.#rows += page.filter(({ live }) => live).length;
      await this.#step();
    }
    tree.update(batch);
    this.#nodes += verifyTree(reads, head, right, this.#faults);
  }

  #checkJson({ name: scope }: ScopeHead, { entity, id, json }: StoredRow): void {
    let text: string | undefined;
    try {
      text = canonicalText(JSON.parse(json) as Json);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    if (text === json) return;
    const what = text === undefined ? "is not JSON" : "is JSON, and not canonical";
    this.#faults.add({ kind: "row", scope, text: what, entity, id });
  }

  #addToFile(text: string): void {
    this.#faults.add({ kind: "file", scope: null, text });
  }

  async #step(): Promise<void> {
    this.#options.progress?.(this.#rows, this.#total);
    // Lets a signal in.
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#options.signal?.throwIfAborted();
  }
}

/** A connection that changes nothing; like every other it may have to recover or empty the log. */
function openToRead(path: string, open: OpenSqlite): CheckedDatabase {
  if (!existsSync(path)) throw new Error(`Cannot verify: there is no data file "${path}"`);
  const db = openChecked(open, path);
  return closingOnFailure(db, () => {
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    db.exec("PRAGMA query_only = ON");
    return db;
  });
}
