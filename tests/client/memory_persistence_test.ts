/** Storage in memory keeps every promise of the port. */
import { persistenceCases } from "../conformance/persistence_suite.ts";
import { MemoryPersistence } from "../../ui/client/memory_persistence.ts";

for (const { name, run } of persistenceCases) {
  Deno.test(`MemoryPersistence: ${name}`, async () => {
    const storage = new MemoryPersistence();
    await run(() => storage);
  });
}
