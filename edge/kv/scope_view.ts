/**
 * A scope as one run sees it: what is known of it, and on top what the run's transaction wrote.
 *
 * What is not known is noted and suspends the run; a write that needs to know what it replaces
 * is only noted, so that one run finds out as much as it can.
 */
import { invariant } from "../../core/assert.ts";
import type { Change } from "../../core/change.ts";
import { compareText } from "../../core/json.ts";
import type { RowChange } from "../../core/reconcile/row_hash.ts";
import type { Outcome, StoredRow } from "../../core/store.ts";
import type { KvKey } from "./connection.ts";
import {
  changeBytes,
  changeOf,
  checkedKey,
  hasRows,
  jsonBytes,
  type KvHead,
  type PointValue,
  rowsOf,
} from "./layout.ts";
import type { KvQuery, Run } from "./run.ts";
import { ALL_ROWS, type CachedPoint, type PointId, type ScopeCache } from "./scope_cache.ts";

/** A write of something that is not a point. */
export interface KvMark {
  readonly key: KvKey;
  /** `null` removes it. */
  readonly bytes: Uint8Array | null;
}

/** A place among rows by cursor. */
interface RowPlace {
  readonly cursor: number;
  readonly entity: string;
  readonly id: string;
}

/** Of the key of a log's chunk, and of an index, beside that of the names in it. */
const MORE_KEY_BYTES = 30;

/** One scope in one run. */
export class ScopeView {
  readonly cache: ScopeCache;
  readonly #run: Run;
  /** What the transaction wrote; `null` for what it removed. */
  readonly written = new Map<string, Map<PointId, PointValue | null>>();
  /** Keys that are no points, by their text. */
  readonly marks = new Map<string, KvMark>();
  /** The changes that the transaction added. */
  appended: Change[] = [];
  /** What it did to rows that the tree does not have yet. */
  pending: RowChange[] = [];
  /** Whether the transaction has raised the floor of the log. */
  isTrimmed = false;
  /** Whether its tree, which was behind the rows, has been built anew. */
  isRebuilt = false;
  #head: KvHead | undefined;

  constructor(run: Run, cache: ScopeCache) {
    this.#run = run;
    this.cache = cache;
  }

  /** Whether the transaction has written to the scope. */
  get isWritten(): boolean {
    return this.#head !== undefined;
  }

  /** Whether the scope exists. */
  get exists(): boolean {
    return this.isWritten || this.#known().version !== null;
  }

  /** The head as it is now. */
  get head(): KvHead {
    return this.#head ?? this.#known().head;
  }

  /** Changes the head; a scope comes into being with the first time. */
  write(change: Partial<KvHead> = {}): void {
    this.#head = { ...this.head, ...change };
  }

  /** A point as it is now. */
  get<T extends PointValue>(collection: string, id: PointId): T | undefined {
    const written = this.written.get(collection)?.get(id);
    if (written !== undefined) return (written ?? undefined) as T | undefined;
    const point = this.peek(collection, id);
    if (point === undefined) this.#run.miss(this.cache, { kind: "point", collection, id });
    return (point.value ?? undefined) as T | undefined;
  }

  /** What is known of a point below the transaction; `undefined` when it has to be read. */
  peek(collection: string, id: PointId): CachedPoint | undefined {
    return this.cache.version === undefined ? undefined : this.cache.get(collection, id);
  }

  /** Writes a point. */
  put(collection: string, id: PointId, value: PointValue | null): void {
    this.write();
    let written = this.written.get(collection);
    if (written === undefined) this.written.set(collection, written = new Map());
    written.set(id, value);
  }

  /** Every row of a collection, tombstones too, in no order. */
  rows(entity: string): readonly StoredRow[] {
    return this.#merged(rowsOf(entity));
  }

  /** Every row, by entity and id. */
  everyRow(): readonly StoredRow[] {
    const stored = this.#known().allRows();
    if (stored === undefined) {
      this.#run.miss(this.cache, { kind: "collection", collection: ALL_ROWS });
    }
    const collections = new Set([...stored, ...[...this.written.keys()].filter(hasRows)]);
    // Whatever is stale is noted, before the first one ends the run.
    for (const collection of collections) this.#noteStale(collection);
    return [...collections].flatMap((collection) => this.#merged(collection)).sort(compareRows);
  }

  /** Notes that every row will be read. */
  noteEveryRow(): void {
    if (this.cache.version !== undefined && this.cache.allRows() !== undefined) return;
    this.#run.note(this.cache, { kind: "collection", collection: ALL_ROWS });
  }

  /** Every node that there is below the transaction, by number. */
  nodeNumbers(): Iterable<PointId> {
    const nodes = this.#known().all("node");
    if (nodes === undefined) {
      this.#run.miss(this.cache, { kind: "collection", collection: "node" });
    }
    return [...nodes.keys()];
  }

  /** Writes a row, and where it stands by its cursor. */
  putRow(row: StoredRow): void {
    const collection = rowsOf(row.entity);
    const { layout } = this.#run;
    const at = checkedKey(layout.at(this.cache.scope, row), 0);
    this.#known();
    const earlier = this.#replaced<StoredRow>(collection, row.id);
    if (earlier !== undefined) this.#mark(layout.at(this.cache.scope, earlier), null);
    this.#mark(at, NOTHING);
    this.put(collection, row.id, Object.freeze({ ...row }));
  }

  /** Takes a row away. */
  dropRow(row: StoredRow): void {
    this.#mark(this.#run.layout.at(this.cache.scope, row), null);
    this.put(rowsOf(row.entity), row.id, null);
  }

  /** Adds a change to the log. */
  append(change: Change): void {
    const { scope } = this.cache;
    const { cursor, time } = change;
    const key = checkedKey(this.#run.layout.key("log", scope, cursor), MORE_KEY_BYTES);
    const copy = Object.freeze({ ...change });
    this.write({ cursor, time });
    this.#mark(key, changeBytes(copy));
    this.appended.push(copy);
  }

  /** Writes an outcome, and where it stands by its time. */
  putOutcome(outcome: Outcome): void {
    const { mutation, client, seq } = outcome;
    this.#known();
    const earlier = this.#replaced<Outcome>("outcome", mutation);
    if (earlier !== undefined) this.#mark(this.#oldKey(earlier), null);
    this.#mark(checkedKey(this.#oldKey(outcome), 0), jsonBytes([client, seq]));
    this.put("outcome", mutation, Object.freeze({ ...outcome }));
  }

  /** Takes an outcome away. */
  dropOutcome(outcome: Pick<Outcome, "time" | "mutation">): void {
    this.#mark(this.#oldKey(outcome), null);
    this.put("outcome", outcome.mutation, null);
  }

  /** Changes after a cursor and above the floor. */
  changes(after: number, limit: number): readonly Change[] {
    const { floor } = this.head;
    const stored = this.#known().head.cursor;
    const from = Math.max(after, floor);
    const size = Math.max(0, Math.min(limit, stored - from));
    const read = size === 0 ? [] : this.query<Change>({
      kind: "query",
      text: `log ${from} ${size}`,
      selector: {
        prefix: this.#run.layout.key("log", this.cache.scope),
        start: this.#run.layout.key("log", this.cache.scope, from + 1),
      },
      limit: size,
      read: ({ key, value }) => changeOf(key.at(-1) as number, value as Uint8Array),
    });
    const fresh = this.appended.filter(({ cursor }) => cursor > from);
    return [...read, ...fresh].slice(0, Math.max(0, limit));
  }

  /** Rows with a cursor after that one and at most `to`, by cursor, entity and id. */
  byCursor(live: boolean, after: number, limit: number, to: number = Infinity): StoredRow[] {
    const written = [...this.written].flatMap(([collection, rows]) =>
      hasRows(collection) ? [...rows] as [string, StoredRow | null][] : []
    );
    const size = limit + written.length;
    const { layout } = this.#run;
    const prefix = layout.key("at", this.cache.scope, live ? 1 : 0);
    const places = limit <= 0 ? [] : this.query<RowPlace>({
      kind: "query",
      text: `at ${live} ${after} ${size}`,
      selector: { prefix, start: [...prefix, nextNumber(after)] },
      limit: size,
      read: ({ key }) => {
        const [cursor, entity, id] = key.slice(-3) as [number, string, string];
        return { cursor, entity, id };
      },
    });
    const isWritten = (entity: string, id: string) =>
      this.written.get(rowsOf(entity))?.has(id) === true;
    const names = places.filter(({ cursor, entity, id }) => cursor <= to && !isWritten(entity, id));
    for (const { entity, id } of names) this.#notePoint(rowsOf(entity), id);
    const stored = names.map(({ entity, id }) => this.get<StoredRow>(rowsOf(entity), id));
    const fresh = written.map(([, row]) => row).filter((row) =>
      row !== null && row.live === live && row.cursor > after && row.cursor <= to
    );
    return ([...stored, ...fresh] as StoredRow[]).sort(compareCursors).slice(0, limit);
  }

  /** The answer to a query, of what is below the transaction. */
  query<T>(query: KvQuery): readonly T[] {
    const answer = this.#known().query(query.text);
    if (answer === undefined) this.#run.miss(this.cache, query);
    return answer as readonly T[];
  }

  /** Forgets what the transaction wrote. */
  discard(): void {
    this.written.clear();
    this.marks.clear();
    this.appended = [];
    this.pending = [];
    this.isRebuilt = false;
    this.isTrimmed = false;
    this.#head = undefined;
  }

  #oldKey({ time, mutation }: Pick<Outcome, "time" | "mutation">): KvKey {
    return this.#run.layout.key("old", this.cache.scope, time, mutation);
  }

  /** What a write replaces; what is not known is only noted. */
  #replaced<T extends PointValue>(collection: string, id: PointId): T | undefined {
    const written = this.written.get(collection)?.get(id);
    if (written !== undefined) return (written ?? undefined) as T | undefined;
    this.#notePoint(collection, id);
    return (this.peek(collection, id)?.value ?? undefined) as T | undefined;
  }

  #merged(collection: string): readonly StoredRow[] {
    const stored = this.#known().all(collection);
    if (stored === undefined) this.#run.miss(this.cache, { kind: "collection", collection });
    this.#noteStale(collection);
    if ([...this.cache.stale(collection)].length > 0) this.#run.miss(this.cache, undefined);
    const written = this.written.get(collection);
    const rows: StoredRow[] = [];
    for (const [id, { value }] of stored) {
      if (value !== null && written?.has(id) !== true) rows.push(value as StoredRow);
    }
    for (const value of written?.values() ?? []) if (value !== null) rows.push(value as StoredRow);
    return rows;
  }

  #noteStale(collection: string): void {
    for (const id of this.cache.stale(collection)) this.#notePoint(collection, id);
  }

  #notePoint(collection: string, id: PointId): void {
    if (this.peek(collection, id) !== undefined) return;
    this.#run.note(this.cache, { kind: "point", collection, id });
  }

  #mark(key: KvKey, bytes: Uint8Array | null): void {
    this.marks.set(JSON.stringify(key), { key, bytes });
  }

  /** What is known, when anything is. */
  #known(): ScopeCache {
    if (this.cache.version === undefined) this.#run.miss(this.cache, undefined);
    return this.cache;
  }
}

const NOTHING = new Uint8Array();

/** By entity and id, as UTF-8. */
export function compareRows(a: StoredRow, b: StoredRow): number {
  return compareText(a.entity, b.entity) || compareText(a.id, b.id);
}

function compareCursors(a: StoredRow, b: StoredRow): number {
  return a.cursor - b.cursor || compareRows(a, b);
}

/** Of the keys with a number the first ones behind this one. */
function nextNumber(number: number): number {
  invariant(Number.isInteger(number), "a cursor is an integer");
  return number + 1;
}
