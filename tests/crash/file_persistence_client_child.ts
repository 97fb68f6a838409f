/**
 * A client with its data in a file, which says what it was told is durable, one entry a line:
 * `file_persistence_client_child.ts FILE URL JOURNAL` appends to a journal until it is killed, and with
 * `-` for the journal sends everything that waits, prints the journals, and ends.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { createClient } from "../../ui/client/create_client.ts";
import { FilePersistence } from "../../ui/client/file_persistence.ts";
import app from "../browser/job_app.ts";

/** Entries of one run; a record has room for no more. */
const ENTRIES_MAX = 500;
/** Mutations under way at a time. */
const WINDOW = 4;

const [, , path = "", url = "", journal = "-"] = process.argv;
const client = createClient(app, { url, persistence: new FilePersistence(path) });
await client.start();
if (journal === "-") {
  while (client.pending.length > 0 || !client.isOnline) {
    await client.sync().catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
  }
  const journals = client.collection("journal").all().map(([id, { entries }]) => [id, entries]);
  await client.stop();
  writeSync(1, JSON.stringify(Object.fromEntries(journals)));
} else {
  writeSync(1, "started\n");
  for (let n = 1; n <= ENTRIES_MAX; n += WINDOW) {
    await Promise.all(Array.from({ length: WINDOW }, async (_, i) => {
      await client.mutate("journal.append", { id: journal, entry: `${n + i}` });
      writeSync(1, `${n + i}\n`);
    }));
  }
  // It is killed all the same.
  setInterval(() => {}, 1_000);
}
