/**
 * Fetches what runs have missed, and keeps what is known of a scope at one version of its head.
 *
 *     heads ── what was missed ── heads again
 *
 * Each commit tells in a ring what it touched: where a head has moved on, that alone is
 * forgotten, and where the ring has gone round, all of the scope is. So a list that was read
 * while others wrote is put right by what they touched meanwhile.
 */
import { DriftlessError } from "../../core/errors.ts";
import { compareText } from "../../core/json.ts";
import type { KvEntry, KvKey } from "./connection.ts";
import {
  jsonOf,
  type KvHead,
  type KvLayout,
  type KvMeta,
  NO_KV_HEAD,
  pointOf,
  type PointValue,
  rowsOf,
} from "./layout.ts";
import { type KvRedo, markOf } from "./redo.ts";
import type { Run, StoreKey, Wanted } from "./run.ts";
import { ALL_ROWS, type PointId, type ScopeCache } from "./scope_cache.ts";
import type { KvReader, WholeEntry } from "./values.ts";

/** What a commit touched of a scope; `null` when that is too much to tell. */
export interface RingEntry {
  readonly commit: number;
  readonly touched: readonly (readonly [collection: string, id: PointId])[] | null;
}

/** Commits of a scope that the ring tells of. */
export const RING_COMMITS = 128;
/**
 * Times that heads are read because each time somebody's commit has to be brought to its end:
 * enough to wait for one that is still marking.
 */
const HEAD_ROUNDS_MAX = 1_000;

/** A head as it was read. */
interface ReadHead {
  readonly version: string | null;
  readonly head: KvHead;
}

/** The keys of the store as a whole, as they are known. */
export interface StoreState {
  meta: KvMeta | undefined;
  names: readonly string[] | undefined;
  readonly versions: Map<StoreKey, string | null>;
  readonly verified: Map<StoreKey, number>;
}

/** What heads and keys have been, at one moment or later. */
interface Look {
  readonly tick: number;
  readonly heads: ReadonlyMap<ScopeCache, ReadHead>;
  readonly keys: ReadonlyMap<StoreKey, KvEntry>;
}

/** The versions of all that a run has read. */
export interface RunVersions {
  readonly scopes: ReadonlyMap<ScopeCache, string | null>;
  readonly keys: ReadonlyMap<StoreKey, string | null>;
}

/** Fetches for the runs of one store. */
export class KvLoader {
  readonly state: StoreState = {
    meta: undefined,
    names: undefined,
    versions: new Map(),
    verified: new Map(),
  };
  readonly #reader: KvReader;
  readonly #layout: KvLayout;
  readonly #redo: KvRedo;
  #tick = 0;

  constructor(reader: KvReader, layout: KvLayout, redo: KvRedo) {
    this.#reader = reader;
    this.#layout = layout;
    this.#redo = redo;
  }

  /** Now, on the clock of looks at heads. */
  tick(): number {
    return ++this.#tick;
  }

  /** Fetches what a run has missed. */
  async load(run: Run): Promise<void> {
    // Whether the rest of what the run has read is current still is seen at its end.
    const caches = new Set(run.missing.keys());
    const keys = new Set(run.missingKeys);
    const before = await this.#look(caches, keys);
    await this.#takeIn(before);
    const wanted = [...run.missing].flatMap(([cache, list]) =>
      Array.from(list.values(), (wanted) => ({ cache, wanted }))
    );
    const needsNames = run.missingKeys.has("names");
    if (wanted.length === 0 && !needsNames && caches.size + keys.size <= 1) return;
    const [install, names] = await Promise.all([
      this.#fetch(wanted),
      needsNames ? this.#names() : undefined,
    ]);
    const after = await this.#look(caches, keys);
    for (const [cache, { version }] of before.heads) {
      if (cache.version !== version) continue;
      try {
        install(cache);
      } catch (error) {
        // Pieces of a value that was written meanwhile do not go together; it is read again.
        if (after.heads.get(cache)?.version === version) throw error;
      }
    }
    const version = before.keys.get("names")?.versionstamp;
    if (names !== undefined && after.keys.get("names")?.versionstamp === version) {
      this.state.names = names;
    }
    await this.#takeIn(after);
  }

  /** The versions of all that a run has read, right after it. */
  versionsOf(run: Run): RunVersions {
    const scopes = new Map<ScopeCache, string | null>();
    for (const { cache } of run.views.values()) {
      if (cache.version !== undefined) scopes.set(cache, cache.version);
    }
    const keys = new Map<StoreKey, string | null>();
    for (const key of run.storeKeys) keys.set(key, this.state.versions.get(key) ?? null);
    return { scopes, keys };
  }

  /**
   * Whether what was of these versions has been at one moment since a tick; else it is put
   * right.
   */
  async isCurrent({ scopes, keys }: RunVersions, since: number): Promise<boolean> {
    const looks = [
      ...Array.from(scopes.keys(), ({ verified }) => verified),
      ...Array.from(keys.keys(), (key) => this.state.verified.get(key) ?? 0),
    ];
    if (looks.length === 0) return true;
    // One look that found all of them is one moment.
    if (looks.every((tick) => tick >= since && tick === looks[0])) return true;
    const look = await this.#look(new Set(scopes.keys()), new Set(keys.keys()));
    const isCurrent =
      [...scopes].every(([cache, version]) => look.heads.get(cache)?.version === version) &&
      [...keys].every(([key, version]) => look.keys.get(key)?.versionstamp === version);
    await this.#takeIn(look);
    return isCurrent;
  }

  /** Reads heads and keys; first it brings to their end what it meets half done. */
  async #look(caches: ReadonlySet<ScopeCache>, keys: ReadonlySet<StoreKey>): Promise<Look> {
    const [scopes, names] = [[...caches], [...keys]];
    const all: KvKey[] = [
      ...scopes.map(({ scope }) => this.#layout.key("scope", scope)),
      ...names.map((name) => this.#layout.key(name)),
    ];
    for (let round = 0; round < HEAD_ROUNDS_MAX; round++) {
      const tick = this.tick();
      const entries = await this.#reader.raw(all);
      const heads = new Map<ScopeCache, ReadHead>();
      const halfDone = new Set<string>();
      for (const [index, cache] of scopes.entries()) {
        const { value, versionstamp } = entries[index] as KvEntry;
        const head = value === null ? NO_KV_HEAD : jsonOf<KvHead>(value);
        if (head.redo !== undefined) halfDone.add(head.redo);
        heads.set(cache, { version: versionstamp, head });
      }
      if (halfDone.size === 0) {
        const rest = entries.slice(scopes.length);
        const read = new Map(names.map((name, index) => [name, rest[index] as KvEntry]));
        return { tick, heads, keys: read };
      }
      for (const id of halfDone) await this.#redo.rollForward(id);
    }
    throw halfDoneForEver();
  }

  /** Makes what is known that of the newest versions. */
  async #takeIn({ tick, heads, keys }: Look): Promise<void> {
    for (const [name, { value, versionstamp }] of keys) {
      const known = this.state.versions.get(name);
      if (known !== undefined && known !== null && (versionstamp ?? "") < known) continue;
      if (known !== versionstamp && name === "names") this.state.names = undefined;
      if (name === "meta") this.state.meta = jsonOf<KvMeta>(value);
      this.state.versions.set(name, versionstamp);
      this.state.verified.set(name, tick);
    }
    await Promise.all(Array.from(heads, async ([cache, read]) => {
      await this.#refresh(cache, read);
      if (cache.version === read.version) cache.verified = Math.max(cache.verified, tick);
    }));
  }

  async #refresh(cache: ScopeCache, { version, head }: ReadHead): Promise<void> {
    const base = cache.version;
    // Versions only grow: what is known may be newer than what was read.
    if (base === version || typeof base === "string" && (version ?? "") < base) return;
    const commits = head.commits - cache.head.commits;
    if (typeof base !== "string" || commits < 0 || commits > RING_COMMITS) {
      cache.reset(version, head);
      return;
    }
    const numbers = Array.from({ length: commits }, (_, i) => cache.head.commits + 1 + i);
    const keys = numbers.map((number) =>
      this.#layout.key("ring", cache.scope, number % RING_COMMITS)
    );
    const entries = await this.#reader.many(keys);
    if (cache.version !== base) return;
    const touched: (readonly [string, PointId])[] = [];
    for (const [index, { value }] of entries.entries()) {
      const entry = value === null ? undefined : jsonOf<RingEntry>(value);
      if (entry === undefined || entry.commit !== numbers[index] || entry.touched === null) {
        cache.reset(version, head);
        return;
      }
      for (const point of entry.touched) touched.push(point);
    }
    cache.moveOn(version, head, touched);
  }

  /** Reads what is wanted; what is returned puts it into the cache of a scope. */
  async #fetch(
    wanted: readonly { readonly cache: ScopeCache; readonly wanted: Wanted }[],
  ): Promise<(cache: ScopeCache) => void> {
    const points = wanted.flatMap(({ cache, wanted }) =>
      wanted.kind === "point" ? [{ cache, ...wanted }] : []
    );
    const lists = wanted.filter(({ wanted }) => wanted.kind !== "point");
    const [entries, ...answers] = await Promise.all([
      this.#reader.many(
        points.map(({ cache, collection, id }) => this.#layout.point(cache.scope, collection, id)),
      ),
      ...lists.map(({ cache, wanted }) => this.#list(cache.scope, wanted)),
    ]);
    return (cache) => {
      for (const [index, point] of points.entries()) {
        if (point.cache !== cache) continue;
        setPoint(cache, point.collection, point.id, entries[index] as WholeEntry);
      }
      for (const [index, list] of lists.entries()) {
        if (list.cache !== cache) continue;
        installList(cache, list.wanted, answers[index] as readonly WholeEntry[]);
      }
    };
  }

  async #list(scope: string, wanted: Wanted): Promise<readonly WholeEntry[]> {
    switch (wanted.kind) {
      case "query":
        return await this.#reader.list(wanted.selector, wanted.limit);
      case "nodes": {
        const { from, count } = wanted;
        const [start, end] = [from, from + count].map((node) =>
          this.#layout.key("node", scope, node)
        ) as [KvKey, KvKey];
        return await this.#reader.list({ start, end });
      }
      case "collection":
        return await this.#reader.list({ prefix: this.#layout.points(scope, wanted.collection) });
      case "point":
        return [];
    }
  }

  async #names(): Promise<readonly string[]> {
    for (let round = 0; round < HEAD_ROUNDS_MAX; round++) {
      const entries = await this.#reader.list({ prefix: this.#layout.key("scope") });
      // A new scope may have a mark and not come to be.
      const halfDone = new Set(entries.flatMap(({ value }) => markOf(value) ?? []));
      if (halfDone.size === 0) {
        return entries.map(({ key }) => this.#layout.scopeOf(key)).sort(compareText);
      }
      for (const id of halfDone) await this.#redo.rollForward(id);
    }
    throw halfDoneForEver();
  }
}

function halfDoneForEver(): DriftlessError {
  return new DriftlessError("unavailable", "Cannot read: others' commits do not come to their end");
}

function installList(cache: ScopeCache, wanted: Wanted, entries: readonly WholeEntry[]): void {
  switch (wanted.kind) {
    case "query":
      cache.setQuery(wanted.text, entries.map(wanted.read));
      return;
    case "nodes":
      for (let node = wanted.from; node < wanted.from + wanted.count; node++) {
        cache.set("node", node, { value: null, chunks: 0 });
      }
      for (const entry of entries) setPoint(cache, "node", entry.key.at(-1) as number, entry);
      return;
    case "collection":
      for (const entry of entries) {
        const [entity, id] = entry.key.slice(-2) as [string, PointId];
        const isAnyRow = wanted.collection === ALL_ROWS;
        setPoint(cache, isAnyRow ? rowsOf(entity) : wanted.collection, id, entry);
      }
      cache.setWhole(wanted.collection);
  }
}

function setPoint(cache: ScopeCache, collection: string, id: PointId, entry: WholeEntry): void {
  const { value, chunks } = entry;
  const point: PointValue | null = value === null ? null : pointOf(collection, id, value);
  cache.set(collection, id, { value: point, chunks });
}
