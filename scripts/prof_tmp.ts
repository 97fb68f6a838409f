import app from "/tmp/outapp/app.ts";
import { SyncServer } from "../core/server.ts";
import { openSqliteStore } from "../edge/sqlite_store.ts";
import { checkMutation } from "../core/mutation.ts";
for (const f of ["/tmp/outapp/p.db","/tmp/outapp/p.db-wal","/tmp/outapp/p.db-shm"]) try { Deno.removeSync(f); } catch {}
const store = openSqliteStore("/tmp/outapp/p.db");
const s = new SyncServer({ app, store, clock: { now: () => Date.now() }, open: true });
let seq = 0;
for (const n of [1, 10, 100, 500]) {
  const t = performance.now(); let k = 0;
  while (performance.now() - t < 1500) {
    const mutations = Array.from({ length: n }, () => checkMutation({ id: crypto.randomUUID(), name: "note.create", scope: "s", client: "c", seq: ++seq, args: { id: "n" + seq, data: { text: "x".repeat(60) } }, createdAt: Date.now() }));
    s.push([{ principal: null, mutations }]); k += n;
  }
  console.log(n, Math.round(k / ((performance.now() - t) / 1000)), "mutations/s");
}
store.close();
