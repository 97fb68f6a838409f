/** The conformance suite for storage in a file, on Bun: one line of JSON for each case. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FilePersistence } from "../../ui/client/file_persistence.ts";
import { persistenceCases } from "../conformance/persistence_suite.ts";

for (const { name, run } of persistenceCases) {
  const folder = mkdtempSync(join(tmpdir(), "driftless-file-"));
  let error: string | null = null;
  try {
    await run(() => new FilePersistence(join(folder, "client.log")));
  } catch (thrown) {
    error = thrown instanceof Error ? `${thrown.message}\n${thrown.stack}` : String(thrown);
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(JSON.stringify({ name, error }));
}
