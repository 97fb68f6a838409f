/**
 * What is known of scopes, in memory: all of a scope is of one version of its head.
 *
 * Points are rows, clients, outcomes and nodes, absent ones too; of a collection that was read
 * whole what is not there is absent. What others have changed since is stale until it is read
 * again.
 */
import type { RowTree } from "../../core/reconcile/row_tree.ts";
import { hasRows, type KvHead, NO_KV_HEAD, type PointValue } from "./layout.ts";

/** A name within a collection. */
export type PointId = string | number;

/** A point; `null` when it is known to be absent. */
export interface CachedPoint {
  readonly value: PointValue | null;
  /** The pieces that its value is in; 0 when it is whole. */
  readonly chunks: number;
}

/** Bytes of memory that a point takes beside its contents, roughly. */
const POINT_BYTES = 100;
/** For all rows, whatever their collection. */
export const ALL_ROWS = "row";

/** What is known of one scope. */
export class ScopeCache {
  readonly scope: string;
  /** Of the head; `undefined` when nothing is known, `null` when the scope does not exist. */
  version: string | null | undefined;
  head: KvHead = NO_KV_HEAD;
  /** The tick of the newest look at the head that found this version. */
  verified = 0;
  /** How many that run need it. */
  users = 0;
  /** Bytes of memory, roughly. */
  bytes = 0;
  /** Reads through whatever run there is. */
  tree: RowTree | undefined;
  readonly #points = new Map<string, Map<PointId, CachedPoint>>();
  readonly #whole = new Set<string>();
  readonly #stale = new Map<string, Set<PointId>>();
  readonly #queries = new Map<string, readonly unknown[]>();

  constructor(scope: string) {
    this.scope = scope;
  }

  /** A point; `undefined` when it has to be read. */
  get(collection: string, id: PointId): CachedPoint | undefined {
    const point = this.#points.get(collection)?.get(id);
    if (point !== undefined) return point;
    if (this.#stale.get(collection)?.has(id) === true) return undefined;
    return this.#isWhole(collection) ? ABSENT : undefined;
  }

  /** All points of a collection; `undefined` when it has to be read. */
  all(collection: string): ReadonlyMap<PointId, CachedPoint> | undefined {
    if (!this.#isWhole(collection)) return undefined;
    return this.#points.get(collection) ?? NO_POINTS;
  }

  /** The collections of rows; `undefined` when they have to be read. */
  allRows(): readonly string[] | undefined {
    if (!this.#whole.has(ALL_ROWS)) return undefined;
    // What others have added may be of a collection that was not there.
    return [...new Set([...this.#points.keys(), ...this.#stale.keys()])].filter(hasRows);
  }

  /** What has to be read again of a collection that was read whole. */
  stale(collection: string): Iterable<PointId> {
    return this.#stale.get(collection) ?? [];
  }

  /** The answer to a query at this version. */
  query(text: string): readonly unknown[] | undefined {
    return this.#queries.get(text);
  }

  set(collection: string, id: PointId, point: CachedPoint): void {
    this.#forget(collection, id);
    let points = this.#points.get(collection);
    if (points === undefined) this.#points.set(collection, points = new Map());
    points.set(id, point);
    this.bytes += sizeOf(point);
    const stale = this.#stale.get(collection);
    if (stale?.delete(id) === true && stale.size === 0) this.#stale.delete(collection);
  }

  setWhole(collection: string): void {
    this.#whole.add(collection);
  }

  setQuery(text: string, answer: readonly unknown[]): void {
    this.#queries.set(text, answer);
    this.bytes += POINT_BYTES * (1 + answer.length);
  }

  /** Moves on to another version in which these points differ. */
  moveOn(
    version: string | null,
    head: KvHead,
    touched: Iterable<readonly [collection: string, id: PointId]> = [],
  ): void {
    this.version = version;
    this.head = head;
    for (const answer of this.#queries.values()) this.bytes -= POINT_BYTES * (1 + answer.length);
    this.#queries.clear();
    for (const [collection, id] of touched) {
      this.#forget(collection, id);
      if (!this.#isWhole(collection)) continue;
      const stale = this.#stale.get(collection);
      if (stale === undefined) this.#stale.set(collection, new Set([id]));
      else stale.add(id);
    }
  }

  /** Forgets all of it, and begins at a version. */
  reset(version: string | null | undefined, head: KvHead): void {
    this.#points.clear();
    this.#whole.clear();
    this.#stale.clear();
    this.#queries.clear();
    this.bytes = 0;
    this.version = version;
    this.head = head;
    // What does not exist has nothing.
    if (version === null) {
      for (const collection of [ALL_ROWS, "client", "outcome", "node"]) this.setWhole(collection);
    }
  }

  #isWhole(collection: string): boolean {
    return this.#whole.has(collection) || hasRows(collection) && this.#whole.has(ALL_ROWS);
  }

  #forget(collection: string, id: PointId): void {
    const points = this.#points.get(collection);
    const point = points?.get(id);
    if (points === undefined || point === undefined) return;
    points.delete(id);
    this.bytes -= sizeOf(point);
  }
}

/** The scopes of a store, the one that was used longest ago first. */
export class KvCache {
  readonly #bytesMax: number;
  readonly #scopes = new Map<string, ScopeCache>();

  /** @param bytesMax bytes of all scopes together, but for those that are in use */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is known of a scope. */
  of(scope: string): ScopeCache {
    const cache = this.#scopes.get(scope) ?? new ScopeCache(scope);
    this.#scopes.delete(scope);
    this.#scopes.set(scope, cache);
    return cache;
  }

  /** Bytes of all scopes. */
  get bytes(): number {
    let bytes = 0;
    for (const cache of this.#scopes.values()) bytes += cache.bytes + POINT_BYTES;
    return bytes;
  }

  /** Forgets scopes until the rest fits. */
  evict(): void {
    let { bytes } = this;
    for (const [scope, cache] of this.#scopes) {
      if (bytes <= this.#bytesMax) return;
      if (cache.users > 0) continue;
      this.#scopes.delete(scope);
      bytes -= cache.bytes + POINT_BYTES;
    }
  }
}

const ABSENT: CachedPoint = Object.freeze({ value: null, chunks: 0 });
const NO_POINTS: ReadonlyMap<PointId, CachedPoint> = new Map();

function sizeOf({ value }: CachedPoint): number {
  if (value === null) return POINT_BYTES;
  if (value instanceof Uint8Array) return POINT_BYTES + value.length;
  if (!("stamps" in value)) return POINT_BYTES * 3;
  return POINT_BYTES * 2 + 2 * (value.json.length + value.stamps.length);
}
