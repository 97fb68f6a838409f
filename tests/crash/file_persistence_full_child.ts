/** Fills the file system of a folder with a client's file, frees room, goes on; prints what happened. */
import { join } from "node:path";
import { DriftlessError } from "../../core/errors.ts";
import type { Persistence } from "../../core/persistence.ts";
import { FilePersistence } from "../../ui/client/file_persistence.ts";
import { queued, row, snapshot, step } from "../conformance/persistence_suite.ts";
import { textOf } from "./file_persistence_history.ts";

const STEPS_MAX = 1_000;
const ARGS = "x".repeat(15_000);

const [folder = ""] = Deno.args;
const path = join(folder, "client.log");
const ballast = join(folder, "ballast");
await Deno.writeFile(ballast, new Uint8Array(3 * 1024 * 1024));
const storage = new FilePersistence(path);
await storage.load();

let stored = 0;
const codes = [await fill(storage)];
const rows = Array.from({ length: 100 }, (_, n) => row(`${n}`, ARGS));
codes.push(await codeOf(storage.saveRows([snapshot(1, rows)])));
await storage.close();
const found = await storage.load();
const isWhole = found?.pending.length === stored && found.replica.rows.length === 0;
await Deno.remove(ballast);
await storage.saveRows([snapshot(1, rows)]);
await storage.saveQueue([step({ put: [queued(0)] })]);
await storage.close();
const later = await storage.load();
const isRecovered = later?.pending.length === stored + 1 && later.replica.rows.length === 100 &&
  textOf(later).includes(ARGS);
await storage.close();
console.log(JSON.stringify({ stored, codes, isWhole, isRecovered }));

/** Saves until that fails; the code. */
async function fill(storage: Persistence): Promise<string> {
  for (let n = 1; n <= STEPS_MAX; n++) {
    const code = await codeOf(storage.saveQueue([step({ put: [queued(n, { args: ARGS })] })]));
    if (code !== "") return code;
    stored++;
  }
  return "";
}

async function codeOf(saving: Promise<void>): Promise<string> {
  try {
    await saving;
    return "";
  } catch (error) {
    return error instanceof DriftlessError ? error.code : String(error);
  }
}
