/**
 * Collections of the sync engine as islands read them: decoded once for all, and kept up to date.
 *
 * Where the rows are elsewhere an island is not mounted before all that it may read has been fetched,
 * and that stays for as long as the island does: nothing of the author's code ever waits.
 */
import type { Principal } from "../core/app.ts";
import type { Change } from "../core/change.ts";
import type { DriftlessError } from "../core/errors.ts";
import { compareText, frozenJson, type Json, type JsonObject } from "../core/json.ts";
import type { LiveCollection, LiveRow } from "./island.ts";
import type { LiveInstance } from "./live_instance.ts";
import { CollectionLoads, type LiveRecords } from "./live_loads.ts";

/** What islands need of the sync engine. */
export interface LiveSync {
  /** The records of a collection; not asked where there is `elsewhere`. */
  rows(scope: string, collection: string): LiveRecords;
  /** Where the rows are when they are not at hand. */
  readonly elsewhere?: ElsewhereRows;
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

/** Rows that are fetched. */
export interface ElsewhereRows {
  /** The names of all collections. */
  readonly names: readonly string[];
  /** The records of a collection as they are then. */
  fetch(scope: string, collection: string): Promise<LiveRecords>;
  /** From now on `LiveHost.reread` is to be called when others have written there. */
  follow(scope: string): void;
  /** Nobody looks at the scope any more. */
  unfollow(scope: string): void;
  /** Told of a collection that could not be fetched anew: islands show it as it was. */
  failed(error: unknown): void;
}

/** Collections of one scope. */
export interface WantedCollections {
  readonly scope: string;
  readonly names: readonly string[];
}

/** One collection in one scope. */
class SharedCollection implements LiveCollection {
  readonly readers = new Set<LiveInstance>();
  /** Those that may read it at any time. */
  readonly keepers = new Set<LiveInstance>();
  #rows: LiveRow[] = [];

  constructor(records: LiveRecords) {
    this.replace(records);
  }

  /** Has these records from now on. */
  replace(records: LiveRecords): void {
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
  readonly #loads: CollectionLoads | undefined;
  /** By scope, then by name. */
  readonly #scopes = new Map<string, Map<string, SharedCollection>>();

  constructor(sync: LiveSync) {
    this.#sync = sync;
    const { elsewhere } = sync;
    this.#loads = elsewhere === undefined
      ? undefined
      : new CollectionLoads((scope, name) => elsewhere.fetch(scope, name));
  }

  /**
   * Calls back when all that islands may read is here, or with the reason why not: at once where it
   * always is. What nobody keeps until the call returns is dropped.
   */
  prepare(wanted: readonly WantedCollections[], then: (error: unknown) => void): void {
    const loads = this.#loads;
    const all = this.#all(wanted);
    const missing = all.filter(([scope, name]) => this.#find(scope, name) === undefined);
    if (loads === undefined || missing.length === 0) {
      then(null);
      for (const [scope, name] of all) this.#drop(scope, name);
      return;
    }
    const fetched = missing.map(([scope, name]) => {
      this.#sync.elsewhere?.follow(scope);
      return loads.run(scope, name, (records) => this.#put(scope, name, records));
    });
    Promise.allSettled(fetched).then((results) => {
      const failed = results.find(({ status }) => status === "rejected");
      if (failed === undefined) return this.prepare(wanted, then);
      then((failed as PromiseRejectedResult).reason);
      for (const [scope, name] of all) this.#drop(scope, name);
    });
  }

  /** From now on the instance may read these at any time, where they have to be fetched for that. */
  keep(keeper: LiveInstance, wanted: WantedCollections): void {
    for (const [scope, name] of this.#all([wanted])) {
      this.#find(scope, name)?.keepers.add(keeper);
    }
  }

  /** A collection; from now on the instance is told of its changes. */
  read(reader: LiveInstance, scope: string, name: string): LiveCollection {
    let collection = this.#find(scope, name);
    if (collection === undefined) {
      if (this.#loads !== undefined) throw new TypeError(`Cannot read "${name}": it is not here`);
      collection = this.#put(scope, name, this.#sync.rows(scope, name));
    }
    collection.readers.add(reader);
    return collection;
  }

  /** Changes are durable; the instances that read what they are of look again. */
  committed(scope: string, changes: readonly Change[]): void {
    for (const { entity } of changes) this.#loads?.changed(scope, entity);
    for (const [name, collection] of this.#scopes.get(scope) ?? []) {
      const own = changes.filter(({ entity }) => entity === name);
      if (own.length === 0) continue;
      collection.apply(own);
      for (const reader of collection.readers) reader.refresh();
    }
  }

  /** Reads everything anew, or what is of one scope. */
  reread(one?: string): void {
    for (const [scope, collections] of this.#scopes) {
      if (one !== undefined && one !== scope) continue;
      for (const name of collections.keys()) this.#reread(scope, name);
    }
  }

  /** The instance reads nothing any more. */
  left(reader: LiveInstance): void {
    for (const [scope, collections] of this.#scopes) {
      for (const [name, { readers, keepers }] of collections) {
        readers.delete(reader);
        keepers.delete(reader);
        this.#drop(scope, name);
      }
    }
  }

  #reread(scope: string, name: string): void {
    const loads = this.#loads;
    if (loads === undefined) return void this.#put(scope, name, this.#sync.rows(scope, name));
    loads.changed(scope, name);
    const arrived = (records: LiveRecords) => {
      // Everybody may have left meanwhile.
      if (this.#find(scope, name) !== undefined) this.#put(scope, name, records);
    };
    loads.run(scope, name, arrived).catch((error) => this.#sync.elsewhere?.failed(error));
  }

  #find(scope: string, name: string): SharedCollection | undefined {
    return this.#scopes.get(scope)?.get(name);
  }

  /** Has these records from now on. */
  #put(scope: string, name: string, records: LiveRecords): SharedCollection {
    let collections = this.#scopes.get(scope);
    if (collections === undefined) {
      this.#scopes.set(scope, collections = new Map());
      this.#sync.elsewhere?.follow(scope);
    }
    let collection = collections.get(name);
    if (collection === undefined) {
      collections.set(name, collection = new SharedCollection(records));
    } else {
      collection.replace(records);
      for (const reader of collection.readers) reader.refresh();
    }
    return collection;
  }

  /** Forgets a collection that nobody needs. */
  #drop(scope: string, name: string): void {
    const collections = this.#scopes.get(scope);
    const collection = collections?.get(name);
    const isNeeded = collection !== undefined &&
      collection.readers.size + collection.keepers.size > 0;
    if (isNeeded) return;
    collections?.delete(name);
    if (collections !== undefined && collections.size > 0) return;
    this.#scopes.delete(scope);
    this.#sync.elsewhere?.unfollow(scope);
  }

  #all(wanted: readonly WantedCollections[]): readonly (readonly [string, string])[] {
    return wanted.flatMap(({ scope, names }) => names.map((name) => [scope, name] as const));
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
