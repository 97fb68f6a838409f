/** Collections of the sync engine as islands read them: decoded once for all, and kept up to date. */
import type { Principal } from "../core/app.ts";
import type { Change } from "../core/change.ts";
import type { DriftlessError } from "../core/errors.ts";
import { compareText, frozenJson, type Json, type JsonObject } from "../core/json.ts";
import type { LiveCollection, LiveRow } from "./island.ts";
import type { LiveInstance } from "./live_instance.ts";

/** What islands need of the sync engine. */
export interface LiveSync {
  /** The records of a collection with their ids, frozen. */
  rows(scope: string, collection: string): Iterable<readonly [id: string, record: Json]>;
  mayRead(principal: Principal | null, scope: string): boolean;
  /** Makes a mutation; `decided` is told when it is durable, or refused. */
  mutate(
    principal: Principal | null,
    scope: string,
    name: string,
    args: unknown,
    decided: (error: DriftlessError | null) => void,
  ): void;
}

/** One collection in one scope. */
class SharedCollection implements LiveCollection {
  readonly readers = new Set<LiveInstance>();
  #rows: LiveRow[] = [];

  constructor(records: Iterable<readonly [id: string, record: Json]>) {
    this.replace(records);
  }

  /** Has these records from now on. */
  replace(records: Iterable<readonly [id: string, record: Json]>): void {
    const rows = Array.from(records, ([id, record]) => rowOf(id, record));
    this.#rows = rows.sort((a, b) => compareText(a.id, b.id));
  }

  get size(): number {
    return this.#rows.length;
  }

  get(id: string): LiveRow | undefined {
    const row = this.#rows[placeOf(this.#rows, id)];
    return row?.id === id ? row : undefined;
  }

  rows(): readonly LiveRow[] {
    return this.#rows;
  }

  /** A list that somebody has is not changed: it may be what an island shows. */
  apply(changes: readonly Change[]): void {
    const rows = this.#rows.slice();
    for (const { id, json } of changes) {
      const at = placeOf(rows, id);
      const known = rows[at]?.id === id ? 1 : 0;
      if (json === null) rows.splice(at, known);
      else rows.splice(at, known, rowOf(id, frozenJson(json)));
    }
    this.#rows = rows;
  }
}

/** The collections that islands of one process read. */
export class LiveCollections {
  readonly #sync: LiveSync;
  /** By scope, then by name. */
  readonly #scopes = new Map<string, Map<string, SharedCollection>>();

  constructor(sync: LiveSync) {
    this.#sync = sync;
  }

  /** A collection; from now on the instance is told of its changes. */
  read(reader: LiveInstance, scope: string, name: string): LiveCollection {
    let collections = this.#scopes.get(scope);
    if (collections === undefined) this.#scopes.set(scope, collections = new Map());
    let collection = collections.get(name);
    if (collection === undefined) {
      collection = new SharedCollection(this.#sync.rows(scope, name));
      collections.set(name, collection);
    }
    collection.readers.add(reader);
    return collection;
  }

  /** Changes are durable; the instances that read what they are of look again. */
  committed(scope: string, changes: readonly Change[]): void {
    const collections = this.#scopes.get(scope);
    if (collections === undefined) return;
    for (const [name, collection] of collections) {
      const own = changes.filter(({ entity }) => entity === name);
      if (own.length === 0) continue;
      collection.apply(own);
      for (const reader of collection.readers) reader.refresh();
    }
  }

  /** Reads everything anew. */
  reread(): void {
    for (const [scope, collections] of this.#scopes) {
      for (const [name, collection] of collections) {
        collection.replace(this.#sync.rows(scope, name));
        for (const reader of collection.readers) reader.refresh();
      }
    }
  }

  /** The instance reads nothing any more. */
  left(reader: LiveInstance): void {
    for (const [scope, collections] of this.#scopes) {
      for (const [name, collection] of collections) {
        collection.readers.delete(reader);
        if (collection.readers.size === 0) collections.delete(name);
      }
      if (collections.size === 0) this.#scopes.delete(scope);
    }
  }
}

function rowOf(id: string, record: Json): LiveRow {
  return Object.freeze({ ...record as JsonObject, id });
}

/** Where the row of this id is, or belongs. */
function placeOf(rows: readonly LiveRow[], id: string): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareText((rows[middle] as LiveRow).id, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
