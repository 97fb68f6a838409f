/** Where a client keeps its data, when the app says no more than it has to. */
import type { Persistence } from "../../core/persistence.ts";
import type { ClientOptions } from "./create_client.ts";
import { IdbPersistence } from "./idb_persistence.ts";
import { MemoryPersistence } from "./memory_persistence.ts";
import type { StorageReport } from "./storage_report.ts";

/** The storage that the options of a client ask for. */
export interface ChosenPersistence {
  readonly persistence: Persistence;
  readonly kind: StorageReport["kind"];
  /** Each user, scope and name has its own. */
  readonly name: string;
}

/** Chooses: what the app brings, else IndexedDB where that exists, else memory. */
export function choosePersistence(
  app: string,
  scope: string,
  { persistence, user = "", storageName = "" }: ClientOptions,
): ChosenPersistence {
  const name = `driftless/${[app, user, scope, storageName].map(encodeURIComponent).join("/")}`;
  if (typeof persistence === "object") return { persistence, kind: "custom", name };
  const kind = persistence ?? (typeof indexedDB === "undefined" ? "memory" : "indexeddb");
  const made = kind === "memory" ? new MemoryPersistence() : new IdbPersistence(name);
  return { persistence: made, kind, name };
}
