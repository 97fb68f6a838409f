/** Import and export: whole collections between a JSON file and a store. */
import { createHash } from "node:crypto";
import { type AnyApp, type Collections, defineApp } from "../core/app.ts";
import { DriftlessError } from "../core/errors.ts";
import { checkJson, freezeJson, isJsonObject, type JsonObject } from "../core/json.ts";
import type { Mutation } from "../core/mutation.ts";
import { SyncServer } from "../core/server.ts";
import type { Store } from "../core/store.ts";
import { upgradeStore } from "../core/upgrade.ts";

/** What to import. */
export interface ImportOptions {
  readonly app: AnyApp;
  readonly store: Store;
  readonly scope: string;
  /** Absent: the file holds `{ collection: { id: record } }`, as an export without one does. */
  readonly collection?: string;
  /** The field of a record that is its id. @default {"id", where a record has one} */
  readonly idField?: string;
  /** Told after every transaction. */
  readonly progress?: (done: number, total: number) => void;
  /** Stops between two transactions. */
  readonly signal?: AbortSignal;
}

/** What an import did. */
export interface ImportReport {
  readonly total: number;
  /** Newly written. */
  readonly imported: number;
  /** Brought by an earlier run of the same file. */
  readonly repeated: number;
  /** Refused records, with the reason; at most {@linkcode REFUSALS_MAX} of them. */
  readonly refused: readonly { readonly id: string; readonly reason: string }[];
  readonly refusedCount: number;
  /** False when it was stopped; the next run of the same file goes on. */
  readonly finished: boolean;
}

/** Refusals that a report lists. */
export const REFUSALS_MAX = 20;
/** Records in one transaction: short enough that a running server is not kept waiting. */
export const IMPORT_BATCH = 500;

interface Item {
  readonly collection: string;
  readonly id: string;
  readonly record: JsonObject;
  /** Its place in the file: of two records with one id the second is refused, not overlooked. */
  readonly index: number;
}

type Refusal = ImportReport["refused"][number];

/**
 * Imports a JSON text: a list of records, or `{ id: record }`, or with no collection named
 * `{ collection: { id: record } }`. Every record passes the app's schema and becomes a `create`
 * mutation whose id comes from the file's content, so that a second run adds nothing.
 *
 * @throws {DriftlessError} `malformed` when the text is not such JSON, `upgrade_required` when the
 *   store has rows of another version of the app; nothing was imported
 */
export async function importJson(text: string, options: ImportOptions): Promise<ImportReport> {
  const { app, store, scope, progress = () => {}, signal } = options;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const items = readItems(text, options, digest);
  matchVersions(app, store);
  const server = operatorServer(app, store);
  const refused: Refusal[] = [];
  let imported = 0;
  let repeated = 0;
  let done = 0;
  while (done < items.length && signal?.aborted !== true) {
    const batch = items.slice(done, done + IMPORT_BATCH);
    const good = batch.filter((item) => {
      const refusal = refusalOf(item);
      if (refusal !== undefined) refused.push(refusal);
      return refusal === undefined;
    });
    const mutations = good.map((item) => mutationOf(item, scope, digest));
    const [results = []] = server.push([{ principal: null, mutations }]).results;
    results.forEach((result, index) => {
      if (result.ok && result.changes.length > 0) imported++;
      else if (result.ok) repeated++;
      else refused.push({ id: good[index]?.id ?? "", reason: result.error ?? "" });
    });
    done += batch.length;
    progress(done, items.length);
    // Lets a signal in, and another process's transaction.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return {
    total: items.length,
    imported,
    repeated,
    refused: refused.slice(0, REFUSALS_MAX),
    refusedCount: refused.length,
    finished: done === items.length,
  };
}

/**
 * The rows of a scope as parts of one JSON text: `{ id: record }`, or with no collection named
 * `{ collection: { id: record } }`. `progress` is told how many rows there were so far.
 */
export function* exportJson(
  store: Store,
  scope: string,
  collection?: string,
  progress: (rows: number) => void = () => {},
): Generator<string, void, void> {
  const reader = store.snapshot(scope);
  let open = collection === undefined ? null : collection;
  let first = true;
  let count = 0;
  try {
    yield "{";
    for (let rows = reader.next(1_000); rows.length > 0; rows = reader.next(1_000)) {
      let text = "";
      for (const { entity, id, json } of rows) {
        if (collection !== undefined && entity !== collection) continue;
        if (entity !== open) {
          text += `${open === null ? "" : "\n},"}\n${JSON.stringify(entity)}: {`;
          open = entity;
          first = true;
        }
        text += `${first ? "" : ","}\n${JSON.stringify(id)}: ${json}`;
        first = false;
        count++;
      }
      progress(count);
      yield text;
    }
    yield collection === undefined && open !== null ? "\n}\n}\n" : "\n}\n";
  } finally {
    reader.close();
  }
}

/** What is wrong with a record before any schema is asked. */
function refusalOf({ id, record }: Item): Refusal | undefined {
  try {
    checkJson(record, "invalid_record");
    return undefined;
  } catch (error) {
    if (error instanceof DriftlessError) return { id, reason: error.message };
    throw error;
  }
}

/** A store without rows takes the app's version; rows are migrated by the server, which has a say. */
function matchVersions(app: AnyApp, store: Store): void {
  const rows = store.appVersion();
  if (rows === app.version) return;
  if (store.scopes().length === 0) return upgradeStore(app, store, { now: () => Date.now() });
  throw new DriftlessError(
    "upgrade_required",
    `Cannot import: the rows are of version ${rows} of the app, and the app file has version ` +
      `${app.version}${rows < app.version ? "; serve it first, which migrates them" : ""}`,
  );
}

/** Not by `checkMutation`: the bound of its arguments is for users, and lower than a record's. */
function mutationOf(
  { collection, id, record, index }: Item,
  scope: string,
  digest: string,
): Mutation {
  const item = createHash("sha256").update(`${collection}\0${index}\0${id}`).digest("hex");
  return {
    id: `import-${digest}-${item}`,
    name: `${collection}.create`,
    scope,
    client: "",
    seq: 0,
    args: freezeJson({ id, data: record }),
    createdAt: 0,
  };
}

/** The operator is no user of the app: its rules for users do not apply, its schemas do. */
function operatorServer(app: AnyApp, store: Store): SyncServer {
  const collections: Collections = Object.fromEntries(
    Object.entries(app.collections).map(([name, it]) => [name, { ...it, builtins: true }]),
  );
  return new SyncServer({
    app: defineApp({ name: app.name, version: app.version, collections }),
    store,
    clock: { now: () => Date.now() },
    open: true,
  });
}

function readItems(text: string, options: ImportOptions, digest: string): readonly Item[] {
  const { app, collection } = options;
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (cause) {
    throw new DriftlessError("malformed", "Cannot read the file: it is not JSON", { cause });
  }
  if (collection !== undefined) return itemsOf(collection, root, options, digest);
  if (!isJsonObject(root)) {
    throw new DriftlessError("malformed", "Cannot read the file: name a collection for a list");
  }
  for (const name of Object.keys(root)) {
    if (Object.hasOwn(app.collections, name)) continue;
    throw new DriftlessError(
      "not_found",
      `Cannot import "${name}": the app has no such collection`,
    );
  }
  return Object.entries(root).flatMap(([name, records]) => itemsOf(name, records, options, digest));
}

function itemsOf(
  collection: string,
  records: unknown,
  { app, idField }: ImportOptions,
  digest: string,
): readonly Item[] {
  if (!Object.hasOwn(app.collections, collection)) {
    const known = Object.keys(app.collections).join(", ");
    throw new DriftlessError(
      "not_found",
      `Cannot import into "${collection}": the app has ${known}`,
    );
  }
  if (Array.isArray(records)) {
    const field = idField ?? "id";
    return records.map((record: unknown, index) => {
      const object = recordOf(record, `record ${index}`);
      const given = Object.hasOwn(object, field) ? object[field] : undefined;
      const own = typeof given === "string" || typeof given === "number";
      if (idField !== undefined && !own) {
        const reason = `Record ${index} has no text or number in its field "${idField}"`;
        throw new DriftlessError("malformed", reason);
      }
      const id = own ? String(given) : `${digest.slice(0, 8)}-${index}`;
      return { collection, id, record: object, index };
    });
  }
  if (!isJsonObject(records)) {
    throw new DriftlessError("malformed", "Cannot read the file: it holds no records");
  }
  return Object.entries(records).map(([id, record], index) => ({
    collection,
    id,
    record: recordOf(record, `record "${id}"`),
    index,
  }));
}

function recordOf(value: unknown, what: string): JsonObject {
  if (!isJsonObject(value)) throw new DriftlessError("malformed", `The ${what} is not an object`);
  return value;
}
