/** The page of the version tests: the storage of a tab, as the code of one version of an app uses it. */
import type { AnyApp } from "../../core/app.ts";
import type { PersistedClient } from "../../core/persistence.ts";
import { IdbPersistence } from "../../ui/client/idb_persistence.ts";
import { VersionedPersistence } from "../../ui/client/versioned_persistence.ts";
import { changes, queued, row, snapshot, step } from "../conformance/persistence_suite.ts";
import { versionOne, versionTwo } from "../core/versions_app.ts";

type Replica = PersistedClient["replica"];

/** What a page offers to its test. */
export interface VersionPage {
  /** Loads the shared storage with the code of a version; the rows' JSON and the waiting mutations. */
  load(version: 1 | 2): Promise<{ rows: readonly string[]; names: readonly string[] }>;
  /** The code of what a load rejects with. */
  refusal(version: 1 | 2): Promise<string>;
  /** Stores a note at a cursor, as the whole of the rows or as a change of them. */
  save(kind: "snapshot" | "changes", cursor: number, json: string): Promise<void>;
  queue(name: string, args: string): Promise<void>;
}

declare global {
  var versionPage: VersionPage;
}

let storage: VersionedPersistence | undefined;
let replica: Replica = { rows: [], cursor: 0, epoch: "" };

function storageOf(app: AnyApp): VersionedPersistence {
  return storage = new VersionedPersistence(app, new IdbPersistence("versions"), {
    serverVersion: () => app.version,
    replica: () => replica,
  });
}

async function load(version: 1 | 2): ReturnType<VersionPage["load"]> {
  const stored = await storageOf(version === 1 ? versionOne : versionTwo).load();
  const rows = stored?.replica.rows.map(({ json }) => json) ?? [];
  return { rows, names: stored?.pending.map(({ name }) => name) ?? [] };
}

globalThis.versionPage = {
  load,
  async refusal(version) {
    const code = await load(version).then(() => "none", (error) => `${error.code ?? error}`);
    await storage?.close();
    return code;
  },
  async save(kind, cursor, json) {
    const note = row("a", json);
    replica = { rows: [note], cursor, epoch: "e" };
    const move = kind === "snapshot"
      ? snapshot(cursor, [note], "e")
      : changes(cursor - 1, [["a", json]], "e");
    await storage?.saveRows([move]);
  },
  async queue(name, args) {
    await storage?.saveQueue([step({ put: [queued(1, { name, args })] })]);
  },
};
document.title = "ready";
