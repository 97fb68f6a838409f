/** The versions of an app: what leads records and mutations of one version to the next. */
import type { Json, JsonObject } from "./json.ts";

/** The highest version: the wire has 32 bits for it. */
export const APP_VERSION_MAX = 2 ** 32 - 1;

/**
 * Makes a record of the next version from a copy of one of the last, or `null` to delete it. A
 * synchronous, pure function; what it returns is checked by the collection's schema at the end.
 */
export type RecordMigration = {
  migrate(record: JsonObject, id: string): object | null;
}["migrate"];

/** What a mutation is in the next version; `null` refuses it with `upgrade_required`. */
export type MutationMigration = {
  migrate(args: Json): { readonly name: string; readonly args: unknown } | null;
}["migrate"];

/**
 * One step from a version to the next; whatever it does not name stays as it is.
 *
 * @example
 * ```ts
 * import type { Migration } from "@driftless/driftless";
 *
 * const toVersion2: Migration = {
 *   records: { todo: ({ title = "", state = "" }) => ({ title, done: state === "done" }) },
 *   mutations: { "todo.finish": (args) => ({ name: "todo.toggle", args }) },
 * };
 * const record = toVersion2.records?.todo?.({ title: "Sleep", state: "done" }, "t1");
 * if (JSON.stringify(record) !== `{"title":"Sleep","done":true}`) throw new Error();
 * ```
 */
export interface Migration {
  /** By collection. A queued built-in `create` without an entry below follows its record. */
  readonly records?: { readonly [collection: string]: RecordMigration };
  /** By the mutator's name in the last version, built-in ones included. */
  readonly mutations?: { readonly [mutator: string]: MutationMigration };
}

/** The part of an app's definition that is about versions. */
export interface VersionedDefinition {
  readonly collections: Readonly<Record<string, unknown>>;
  readonly version?: number;
  readonly minVersion?: number;
  readonly migrations?: { readonly [version: number]: Migration };
}

/** What {@linkcode checkedVersions} makes of it. */
export interface CheckedVersions {
  readonly version: number;
  readonly minVersion: number;
  readonly migrations: ReadonlyMap<number, Migration>;
}

/**
 * Checks what a definition says about versions.
 *
 * @throws {TypeError} naming what is wrong
 */
export function checkedVersions(definition: VersionedDefinition): CheckedVersions {
  const { version = 1, minVersion = 1, collections } = definition;
  if (!isWithin(version, APP_VERSION_MAX)) {
    throw new TypeError(`Cannot use the version ${version}: it is a whole number from 1`);
  }
  if (!isWithin(minVersion, version)) {
    throw new TypeError(`Cannot serve from version ${minVersion} on: use 1 to ${version}`);
  }
  const migrations = new Map<number, Migration>();
  for (const [key, migration] of Object.entries(definition.migrations ?? {})) {
    const step = Number(key);
    if (!isWithin(step, version) || step === 1) {
      throw new TypeError(`Cannot migrate to version "${key}": use versions from 2 to ${version}`);
    }
    const { records = {}, mutations = {} } = migration;
    for (const [name, migrate] of [...Object.entries(records), ...Object.entries(mutations)]) {
      if (typeof migrate === "function") continue;
      throw new TypeError(`Cannot migrate "${name}" to version ${step}: it has no function`);
    }
    for (const name of Object.keys(records)) {
      if (Object.hasOwn(collections, name)) continue;
      throw new TypeError(
        `Cannot migrate "${name}" to version ${step}: there is no such collection`,
      );
    }
    migrations.set(step, migration);
  }
  return { version, minVersion, migrations };
}

function isWithin(version: number, max: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= max;
}
