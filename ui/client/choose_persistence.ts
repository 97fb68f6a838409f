/** Where a client keeps its data, when the app says no more than it has to. */
import type { Persistence } from "../../core/persistence.ts";
import type { ClientOptions } from "./create_client.ts";
import { IdbPersistence } from "./idb_persistence.ts";
import { MemoryPersistence } from "./memory_persistence.ts";

/** The storage that the options of a client ask for; each user, scope and name has its own. */
export function choosePersistence(app: string, scope: string, options: ClientOptions): Persistence {
  const { persistence, user = "", storageName = "" } = options;
  if (typeof persistence === "object") return persistence;
  const indexeddb = persistence === "indexeddb" ||
    (persistence === undefined && typeof indexedDB !== "undefined");
  if (!indexeddb) return new MemoryPersistence();
  const parts = [app, user, scope, storageName].map(encodeURIComponent);
  return new IdbPersistence(`driftless/${parts.join("/")}`);
}
