/** Leads what a client has stored up to the version of the app that it runs now. */
import type { AnyApp } from "./app.ts";
import { DriftlessError } from "./errors.ts";
import { canonicalText, frozenJson } from "./json.ts";
import type { PendingRecord, PersistedClient } from "./persistence.ts";
import type { SnapshotRow } from "./snapshot.ts";
import { upgradeCall, upgradeRecord } from "./upgrade.ts";

/**
 * What a client goes on from. Rows of `fromVersion` are led up; where that fails for one, it is left
 * out, and the cursor with it, so that the client syncs from the start. Queued mutations are each of
 * the version that they carry, 1 without one; one that has no place any more is refused, and kept.
 */
export function upgradePersisted(
  app: AnyApp,
  persisted: PersistedClient,
  fromVersion: number,
): PersistedClient {
  const { rows, lost } = upgradeRows(app, persisted.replica.rows, fromVersion);
  const { cursor } = persisted.replica;
  const pending = persisted.pending
    // Who starts over runs what is acknowledged on its rows, which hold it already.
    .filter(({ visibleAt }) => !lost || visibleAt === null || visibleAt > cursor)
    .map((record) => upgradePending(app, record));
  const replica = lost ? { rows, cursor: 0, epoch: "" } : { ...persisted.replica, rows };
  return { ...persisted, pending, replica };
}

function upgradeRows(
  app: AnyApp,
  rows: readonly SnapshotRow[],
  from: number,
): { readonly rows: readonly SnapshotRow[]; readonly lost: boolean } {
  if (from >= app.version) return { rows, lost: false };
  const upgraded: SnapshotRow[] = [];
  let lost = false;
  for (const row of rows) {
    if (!Object.hasOwn(app.collections, row.entity)) {
      upgraded.push(row);
      continue;
    }
    try {
      const record = upgradeRecord(app, row, from);
      if (record !== null) upgraded.push({ ...row, json: canonicalText(record) });
    } catch {
      lost = true;
    }
  }
  return { rows: upgraded, lost };
}

function upgradePending(app: AnyApp, record: PendingRecord): PendingRecord {
  const { appVersion: from = 1, name, args } = record;
  if (from >= app.version) return record;
  const next = { ...record, appVersion: app.version };
  try {
    const call = upgradeCall(app, { name, args: frozenJson(args) }, from);
    return { ...next, name: call.name, args: canonicalText(call.args) };
  } catch (error) {
    // What the server has accepted waits only for its effects.
    if (record.visibleAt !== null || !(error instanceof DriftlessError)) return record;
    const { code, message } = error;
    return { ...next, quarantine: { state: "refused", code, error: message } };
  }
}
