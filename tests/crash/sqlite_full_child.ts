/**
 * Fills the file system of a folder with the history of `sqlite_history.ts`, frees room, goes on;
 * one line of JSON tells what happened.
 */
import { join } from "node:path";
import { MemoryStore } from "../../core/memory_store.ts";
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { fillStore } from "./sqlite_fill.ts";

const [folder = ""] = Deno.args;
const ballast = join(folder, "ballast");
Deno.writeFileSync(ballast, new Uint8Array(3 * 1024 * 1024));
const store = openSqliteStore(join(folder, "store.db"));
const report = fillStore(store, new MemoryStore("model"), () => Deno.removeSync(ballast));
store.close();
console.log(JSON.stringify(report));
