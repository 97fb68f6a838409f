/**
 * Commits the history of `sqlite_history.ts` to a file for ever, and says so after each
 * transaction; with `checkpoint` it also copies the log into the file all the time. It waits to be
 * killed.
 */
import { openSqlite } from "../../edge/sqlite_node.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { lengthOf, writeNth } from "./sqlite_history.ts";

const [path = "", mode = ""] = Deno.args;
const store = openSqliteStore(path);
const copier = mode === "checkpoint" ? openSqlite(path) : undefined;
const encoder = new TextEncoder();
for (let n = lengthOf(store) + 1;; n++) {
  writeNth(store, n);
  Deno.stdout.writeSync(encoder.encode(`${n}\n`));
  if (n % 4 === 0) copier?.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}
