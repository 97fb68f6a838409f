/**
 * Leads what an older version of an app left behind up to the version that runs: mutations that were
 * queued under it, and the rows of a store.
 */
import type { AnyApp, Collection } from "./app.ts";
import { DriftlessError, type ErrorCode } from "./errors.ts";
import { canonicalText, checkJson, isJsonObject, type Json, type JsonObject } from "./json.ts";
import { decodeRow, encodeStamps, removedRow } from "./lww.ts";
import type { Clock } from "./ports.ts";
import type { Store, StoredRow } from "./store.ts";
import { checkedRecord } from "./transaction.ts";

/** How long a client that is too old should stay away, in milliseconds: only new code helps it. */
export const TOO_OLD_RETRY_MS = 10 * 60 * 1000;
/** How long a client that is too new should stay away, in milliseconds: the server is next. */
export const TOO_NEW_RETRY_MS = 30 * 1000;

/** Client and server run versions that do not go together; says when to come back. */
export class VersionError extends DriftlessError {
  readonly retryAfterMs: number;

  constructor(code: ErrorCode, message: string, retryAfterMs: number) {
    super(code, message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** How far the rows of a store have come. */
export interface UpgradeProgress {
  readonly from: number;
  readonly to: number;
  /** Scopes that are done, and all of them. */
  readonly done: number;
  readonly total: number;
  /** Rows so far, and how many of them were changed or deleted. */
  readonly rows: number;
  readonly changed: number;
}

/** A mutation's name and arguments. */
export interface Call {
  readonly name: string;
  readonly args: Json;
}

/**
 * Checks that a client of a version can be served; one that does not say runs this version.
 *
 * @throws {VersionError} `upgrade_required` for one that is too old, `unavailable` for one too new
 */
export function checkAppVersion(app: AnyApp, version: number | undefined): void {
  if (version === undefined) return;
  if (version < app.minVersion) {
    throw new VersionError(
      "upgrade_required",
      `This server serves version ${app.minVersion} of the app and later, not version ${version}: ` +
        "load the app anew",
      TOO_OLD_RETRY_MS,
    );
  }
  if (version > app.version) {
    throw new VersionError(
      "unavailable",
      `This server runs version ${app.version} of the app, and not version ${version} yet`,
      TOO_NEW_RETRY_MS,
    );
  }
}

/**
 * What a mutation of an older version is today.
 *
 * @throws {DriftlessError} `upgrade_required` when a version has no place for it
 */
export function upgradeCall(app: AnyApp, call: Call, from: number): Call {
  let { name, args } = call;
  for (let version = from + 1; version <= app.version; version++) {
    const refusal = `Cannot bring "${name}" to version ${version} of the app`;
    let next: ReturnType<typeof stepOf>;
    try {
      next = stepOf(app, version, name, args);
      args = checkJson(next?.args ?? null, "invalid_mutation");
    } catch (cause) {
      throw new DriftlessError("upgrade_required", `${refusal}: its migration failed`, { cause });
    }
    if (next === null) throw new DriftlessError("upgrade_required", `${refusal}: it is gone`);
    ({ name } = next);
  }
  return { name, args };
}

/**
 * What a record of an older version is today, as its schema makes it; `null` when it is deleted.
 *
 * @throws {DriftlessError} `invalid_record`, naming the record
 */
export function upgradeRecord(
  app: AnyApp,
  row: { readonly entity: string; readonly id: string; readonly json: string },
  from: number,
): JsonObject | null {
  const { entity, id, json } = row;
  const collection = app.collections[entity] as Collection;
  try {
    let record: unknown = JSON.parse(json);
    for (let version = from + 1; version <= app.version && record !== null; version++) {
      const migrate = own(app.migrations.get(version)?.records, entity);
      if (migrate !== undefined) record = migrate(record as JsonObject, id);
    }
    return record === null ? null : checkedRecord(collection, record);
  } catch (cause) {
    const reason = cause instanceof DriftlessError ? `: ${cause.message}` : "";
    throw new DriftlessError(
      "invalid_record",
      `Cannot bring ${entity} "${id}" from version ${from} to version ${app.version} of the app` +
        reason,
      { cause },
    );
  }
}

/**
 * Leads every row of a store up to the app's version, and tells readers of the log about those that
 * changed. All of it is one transaction: an upgrade that fails or is cut short leaves the store as it
 * was, for the older program to go on with. Rows of collections that the app does not have stay.
 *
 * @throws {DriftlessError} `upgrade_required` when the rows are of a newer version, `invalid_record`
 *   when a migration fails on one or its schema refuses it
 */
export function upgradeStore(
  app: AnyApp,
  store: Store,
  clock: Clock,
  progress: (progress: UpgradeProgress) => void = () => {},
): void {
  if (store.appVersion() === app.version) return;
  store.transaction(() => {
    // Inside the transaction: another process may have upgraded it meanwhile.
    const from = store.appVersion();
    const to = app.version;
    if (from > to) {
      throw new DriftlessError(
        "upgrade_required",
        `Cannot serve the store: its rows are of version ${from} of the app, and this program has ` +
          `version ${to}`,
      );
    }
    const scopes = store.scopes();
    let [rows, changed] = [0, 0];
    for (const [index, scope] of scopes.entries()) {
      const counts = new ScopeUpgrade(app, store, scope, clock.now()).run(from);
      rows += counts.rows;
      changed += counts.changed;
      progress({ from, to, done: index + 1, total: scopes.length, rows, changed });
    }
    store.setAppVersion(to);
  });
}

class ScopeUpgrade {
  readonly #app: AnyApp;
  readonly #store: Store;
  readonly #scope: string;
  readonly #time: number;
  #cursor: number;

  constructor(app: AnyApp, store: Store, scope: string, now: number) {
    const { cursor, time } = store.head(scope);
    this.#app = app;
    this.#store = store;
    this.#scope = scope;
    this.#time = Math.max(now, time);
    this.#cursor = cursor;
  }

  run(from: number): { readonly rows: number; readonly changed: number } {
    const before = this.#cursor;
    let rows = 0;
    for (const row of this.#store.everyRow(this.#scope)) {
      if (!Object.hasOwn(this.#app.collections, row.entity)) continue;
      if (row.live) this.#upgrade(row, from);
      else this.#upgradeRemains(row, from);
      rows++;
    }
    return { rows, changed: this.#cursor - before };
  }

  #upgrade(row: StoredRow, from: number): void {
    const { entity, id } = row;
    const record = upgradeRecord(this.#app, row, from);
    const json = record === null ? null : canonicalText(record);
    if (json === row.json) return;
    const cursor = ++this.#cursor;
    const stamps = record === null ? removedStamps(row) : migratedStamps(row, record);
    const live = json !== null;
    this.#store.putRow(this.#scope, { entity, id, json: json ?? row.json, stamps, live, cursor });
    const op = live ? "update" : "delete";
    this.#store.append(this.#scope, { cursor, entity, id, op, json, time: this.#time });
  }

  /** The fields behind a tombstone: a late write may bring them back, and is checked then. */
  #upgradeRemains(row: StoredRow, from: number): void {
    let record: JsonObject | null;
    try {
      record = upgradeRecord(this.#app, row, from);
    } catch {
      return;
    }
    if (record === null) return;
    const [json, stamps] = [canonicalText(record), migratedStamps(row, record)];
    if (json !== row.json) this.#store.putRow(this.#scope, { ...row, json, stamps });
  }
}

/** One step of a mutation; a built-in `create` follows its record unless the app says more. */
function stepOf(
  app: AnyApp,
  version: number,
  name: string,
  args: Json,
): { readonly name: string; readonly args: unknown } | null {
  const { mutations, records } = app.migrations.get(version) ?? {};
  const migrate = own(mutations, name);
  // A copy: a migration may edit what it is given.
  if (migrate !== undefined) return migrate(JSON.parse(canonicalText(args)) as Json);
  const entity = name.endsWith(".create") ? name.slice(0, -".create".length) : "";
  const follow = own(records, entity);
  if (follow === undefined || !isJsonObject(args) || !isJsonObject(args.data)) {
    return { name, args };
  }
  const data = follow(JSON.parse(canonicalText(args.data)) as JsonObject, String(args.id));
  return data === null ? null : { name, args: { ...args, data } };
}

/**
 * The stamps of a migrated row. A migration is nobody's write, so it overrules none that is on its
 * way: a new field is as old as the newest of those that it may stem from.
 */
function migratedStamps(row: StoredRow, record: JsonObject): string {
  const state = decodeRow(JSON.parse(row.json) as JsonObject, row.stamps);
  const stampOf = (field: string) => own(state.fields, field) ?? state.base;
  const gone = Object.keys(state.data).filter((field) => !Object.hasOwn(record, field));
  const newest = gone.map(stampOf).sort().at(-1) ?? state.base;
  const fields: Record<string, string> = { ...state.fields };
  for (const field of Object.keys(record)) {
    if (!Object.hasOwn(state.data, field) && newest > stampOf(field)) fields[field] = newest;
  }
  return encodeStamps({ ...state, data: record, fields });
}

function removedStamps(row: StoredRow): string {
  return encodeStamps(removedRow(decodeRow(JSON.parse(row.json) as JsonObject, row.stamps), ""));
}

function own<T>(entries: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return entries !== undefined && Object.hasOwn(entries, key) ? entries[key] : undefined;
}
