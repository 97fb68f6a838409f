/**
 * Opens files that do not exist yet, each at the same moment as other processes that do the same,
 * and commits one change to each; one line of JSON lists the epochs.
 */
import { join } from "node:path";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { change } from "../conformance/store_suite.ts";

/** Between two files, in milliseconds. */
const STEP_MS = 40;

const [folder = "", start = "0", files = "0"] = Deno.args;
const epochs: string[] = [];
for (let i = 0; i < Number(files); i++) {
  while (Date.now() < Number(start) + i * STEP_MS);
  const store = openSqliteStore(join(folder, `${i}.db`));
  store.transaction(() => store.append("s", change(store.head("s").cursor + 1)));
  epochs.push(store.epoch);
  store.close();
}
console.log(JSON.stringify(epochs));
