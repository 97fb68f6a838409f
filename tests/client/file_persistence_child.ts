/** Opens a client's file: prints the ids of the queue, or why it cannot. For Deno and Bun. */
import process from "node:process";
import { DriftlessError } from "../../core/errors.ts";
import { FilePersistence } from "../../ui/client/file_persistence.ts";

const storage = new FilePersistence(process.argv[2] ?? "");
try {
  const { pending = [] } = await storage.load() ?? {};
  console.log(pending.map(({ id }) => id).join(" "));
  await storage.close();
} catch (error) {
  if (!(error instanceof DriftlessError)) throw error;
  console.log(error.code, error.message);
}
