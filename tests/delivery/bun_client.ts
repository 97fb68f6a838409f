/**
 * A client as a process, for `bun_test.ts`: does the main job, and says what it saw, a line each. A
 * line on stdin lets it go on.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { createClient } from "@driftless/driftless";
import app from "../browser/job_app.ts";

const [url = ""] = process.argv.slice(2);
const reasons: string[] = [];
const client = createClient(app, {
  url,
  persistence: "memory",
  pushIntervalMs: 100,
  heartbeatMs: 1_000,
  onRejected: ({ error }) => reasons.push(error.message),
});

const orders = createInterface(process.stdin)[Symbol.asyncIterator]();

function tell(what: string, value: unknown): void {
  process.stdout.write(`${JSON.stringify({ what, value })}\n`);
}

function until(isTrue: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!isTrue()) return;
      stop();
      resolve();
    };
    const stop = client.subscribe(check);
    queueMicrotask(check);
  });
}

const entries = () => client.collection("journal").get("j")?.entries ?? [];
const append = (entry: string) => client.mutate("journal.append", { id: "j", entry });

await client.start();
await append("client 1");
await until(() => client.pending.length === 0);
tell("confirmed", entries());

await until(() => entries().includes("other 1"));
client.setOffline(true);
await append("client 2");
for (const id of ["c1", "c2"]) await client.mutate("note.claim", { id, title: id, by: "Ada" });
tell("offline", { pending: client.pending.length, entries: entries() });

await orders.next();
client.setOffline(false);
await until(() => client.pending.length === 0 && entries().includes("other 2"));
tell("online", { entries: entries(), reasons, notes: client.collection("note").all() });

// The server is killed now, and started again at the same place.
await until(() => !client.isOnline);
await append("client 3");
tell("alone", entries());
await until(() => client.pending.length === 0);
tell("together", entries());
await client.stop();
orders.return?.();
tell("stopped", "Bun" in globalThis ? "Bun" : "Deno");
