/**
 * Writes a KV database for ever, and says after each transaction how far it is; it waits to be
 * killed. With `rival` it stops after so many, which go into rows that other processes write
 * too.
 */
import { openKvStore } from "../../edge/kv/open.ts";
import { change, client, row } from "../conformance/store_suite.ts";
import { lengthOf, writeNth } from "./sqlite_history.ts";

const [path = "", mode = "", name = "", transactions = "0"] = Deno.args;
const kv = await Deno.openKv(path);
const store = await openKvStore(kv);
const encoder = new TextEncoder();
const say = (text: string) => Deno.stdout.writeSync(encoder.encode(`${text}\n`));

if (mode === "rival") {
  for (let n = 1; n <= Number(transactions); n++) {
    await store.settle(() =>
      store.transaction(() => {
        let { cursor } = store.head("s");
        // Counts all transactions of all processes, and those of this one.
        const count = Number(JSON.parse(store.row("s", "todo", "count")?.json ?? "0")) + 1;
        for (const [id, json] of [["count", `${count}`], [`${name} ${n % 40}`, `${n}`]] as const) {
          cursor++;
          store.append("s", change(cursor, { id, json, time: cursor }));
          store.putRow("s", row(id, { json, cursor, live: n % 5 !== 0 || id === "count" }));
        }
        store.putClient("s", client(name, { lastSeq: n }));
      })
    );
    say(`${n}`);
  }
  store.close();
  kv.close();
} else {
  for (let n = await store.settle(() => lengthOf(store)) + 1;; n++) {
    await store.settle(() => writeNth(store, n, mode === "large" ? 40 : 1));
    say(`${n}`);
  }
}
