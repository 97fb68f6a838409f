/** Storage for one version of an app: what another version has stored is left as it is. */
import type { AnyApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { PersistBatch, Persistence } from "../../core/persistence.ts";
import { markedMove, markText, readMark } from "./version_marks.ts";
import type { VersionSource } from "./versioned_persistence.ts";

/**
 * Makes storage whose `load` rejects with `upgrade_required` when it holds anything of another version
 * of the app; then nothing is touched. It is marked as {@linkcode VersionedPersistence} marks it, which
 * can take it over, and the other way round for the same version.
 */
export function pinnedPersistence(
  { version }: AnyApp,
  inner: Persistence,
  source: Pick<VersionSource, "serverVersion">,
): Persistence {
  const mark = markText({ code: version, server: version });
  let storesRows = true;
  return {
    async load() {
      const persisted = await inner.load();
      if (persisted === null) return null;
      const { replica, pending } = persisted;
      const { code, server, epoch } = readMark(replica.epoch);
      const versions = pending.map(({ appVersion = 1 }) => appVersion);
      if (epoch !== "") versions.push(code, server);
      const other = versions.find((one) => one !== version);
      if (other !== undefined) {
        throw new DriftlessError(
          "upgrade_required",
          `This device holds data of version ${other} of the app, and this is version ${version}`,
        );
      }
      return { ...persisted, replica: { ...replica, epoch } };
    },
    saveQueue: (batches) =>
      inner.saveQueue(batches.map((batch): PersistBatch => ({
        ...batch,
        put: batch.put.map((record) => ({ ...record, appVersion: version })),
      }))),
    async saveRows(moves) {
      // Rows of another server are not of this version, and what follows would leave a gap.
      storesRows &&= source.serverVersion() === version;
      if (storesRows) await inner.saveRows(moves.map((move) => markedMove(mark, move)));
    },
    close: () => inner.close(),
  };
}
