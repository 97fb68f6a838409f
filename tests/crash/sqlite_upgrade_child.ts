/**
 * Opens a file from before the trees; when it has been told so many times how far their building is,
 * it says so and waits to be killed.
 */
import { openSqliteStore } from "../../edge/sqlite_store.ts";

const [path = "", times = "0"] = Deno.args;
let left = Number(times);
openSqliteStore(path, {
  building(scope, rows) {
    if (--left > 0) return;
    Deno.stdout.writeSync(new TextEncoder().encode(`${scope} ${rows}\n`));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
}).close();
