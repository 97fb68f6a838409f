/** Commits so many transactions to a file that other processes write as well. */
import { openSqliteStore } from "../../edge/sqlite_store.ts";
import { change, row } from "../conformance/store_suite.ts";

const [path = "", name = "", transactions = "0"] = Deno.args;
const store = openSqliteStore(path, { busyTimeoutMs: 60_000 });
for (let n = 0; n < Number(transactions); n++) {
  store.transaction(() => {
    let { cursor } = store.head("s");
    for (let i = 0; i <= n % 3; i++) {
      cursor++;
      // Rows of one's own, and rows that the others write too.
      const id = i === 0 ? `row ${cursor % 257}` : `${name} ${n}`;
      const [live, json] = [n % 5 !== 4, JSON.stringify({ cursor, name })];
      store.append("s", change(cursor, { id, op: live ? "update" : "delete", json, time: cursor }));
      store.putRow("s", row(id, { live, json, cursor }));
    }
  });
}
store.close();
