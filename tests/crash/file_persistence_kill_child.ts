/**
 * Goes on for ever with the history of `file_persistence_history.ts` in a client's file; a line on
 * standard output tells each step that is stored. It waits to be killed.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { FilePersistence } from "../../ui/client/file_persistence.ts";
import { saveNth, stepsOf } from "./file_persistence_history.ts";

const storage = new FilePersistence(process.argv[2] ?? "");
const found = stepsOf(await storage.load());
writeSync(1, `${found}\n`);
for (let k = found + 1;; k++) {
  await saveNth(storage, k);
  writeSync(1, `${k}\n`);
}
