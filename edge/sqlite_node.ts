/** The built-in driver of the SQL port: `node:sqlite`, which Deno and Bun have inside. */
import { DatabaseSync } from "node:sqlite";
import type { SqlDatabase } from "./sql.ts";

/** Opens, or creates, a database file with the built-in driver. */
export function openSqlite(path: string): SqlDatabase {
  return new DatabaseSync(path);
}
