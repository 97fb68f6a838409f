/** The conformance suite for the SQLite store, on Bun: one line of JSON for each case. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { modelCase, treeModelCase } from "../conformance/store_model.ts";
import { type StoreCase, storeCases } from "../conformance/store_suite.ts";
import { treeCases } from "../conformance/store_tree_suite.ts";

for (const { name, run } of [...storeCases, modelCase, ...treeCases, treeModelCase]) {
  report(`in memory: ${name}`, () => run(() => openSqliteStore(":memory:")));
  report(`in a file: ${name}`, () => inFiles(run));
}

function report(name: string, work: () => void): void {
  let error: string | null = null;
  try {
    work();
  } catch (thrown) {
    error = thrown instanceof Error ? `${thrown.message}\n${thrown.stack}` : String(thrown);
  }
  console.log(JSON.stringify({ name, error }));
}

function inFiles(run: StoreCase["run"]): void {
  const folder = mkdtempSync(join(tmpdir(), "driftless-sqlite-"));
  try {
    let opened = 0;
    run(() => openSqliteStore(join(folder, `${++opened}.db`)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
