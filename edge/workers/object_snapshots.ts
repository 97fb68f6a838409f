/**
 * Snapshots of an object's store, read in pages while writes go on.
 *
 * There is no second connection whose view could stay behind. Instead, a row that is about to change is
 * kept as it was by each reader that has not come to it, and put back into its place in the page.
 */
import { invariant } from "../../core/assert.ts";
import { DriftlessError } from "../../core/errors.ts";
import { compareText, utf8Length } from "../../core/json.ts";
import type { SnapshotReader, StoredRow } from "../../core/store.ts";
import type { SqlDatabase } from "../sql.ts";
import type { Snapshots } from "../sqlite_file.ts";
import { headOf, prepareReads, readPage, type Reads, storedRow } from "../sqlite_statements.ts";

/** UTF-8 bytes of rows that one reader keeps; of an object's memory there are 128 MB. */
export const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** The place of a row. */
interface Key {
  readonly entity: string;
  readonly id: string;
}

/** A row as it was; `row` is `null` for one that was not there. */
interface Kept extends Key {
  readonly row: StoredRow | null;
}

/** The open snapshots of one object. */
export class ObjectSnapshots implements Snapshots {
  readonly #reads: Reads;
  readonly #bytesMax: number;
  readonly #open = new Set<ObjectReader>();

  constructor(db: SqlDatabase, bytesMax: number = KEPT_BYTES_MAX) {
    this.#reads = prepareReads(db);
    this.#bytesMax = bytesMax;
  }

  open(scope: string): SnapshotReader {
    const row = this.#reads.head.get(scope);
    const head = row && headOf(row, scope);
    const reader = new ObjectReader(this.#reads, head?.scope, head?.cursor ?? 0, this.#bytesMax);
    if (head !== undefined) this.#open.add(reader);
    reader.closed = () => this.#open.delete(reader);
    return reader;
  }

  keep(scope: number, entity: string, id: string): void {
    for (const reader of this.#open) {
      if (reader.scope === scope && reader.wants(entity, id)) {
        const row = this.#reads.row.get(scope, entity, id);
        const was = row && storedRow(row, entity, id);
        reader.keep({ entity, id, row: was?.live === true ? was : null });
      }
    }
  }

  close(): void {
    for (const reader of this.#open) reader.close();
  }
}

class ObjectReader implements SnapshotReader {
  readonly scope: number | undefined;
  readonly cursor: number;
  closed: () => void = () => {};
  readonly #reads: Reads;
  readonly #bytesMax: number;
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  #last: Key = { entity: "", id: "" };
  #isClosed = false;

  constructor(reads: Reads, scope: number | undefined, cursor: number, bytesMax: number) {
    this.#reads = reads;
    this.scope = scope;
    this.cursor = cursor;
    this.#bytesMax = bytesMax;
  }

  /** Whether it has yet to read this place, and does not know what was there. */
  wants(entity: string, id: string): boolean {
    const key = { entity, id };
    return !this.#isOver && compareKeys(key, this.#last) > 0 && !this.#kept.has(textOf(key));
  }

  keep(kept: Kept): void {
    this.#kept.set(textOf(kept), kept);
    this.#bytes += utf8Length(textOf(kept)) + utf8Length(kept.row?.json ?? "") +
      utf8Length(kept.row?.stamps ?? "");
    // Its next page fails: it must not cost the object its memory.
    if (this.#isOver) this.#kept.clear();
  }

  next(limit: number): readonly StoredRow[] {
    invariant(!this.#isClosed, "a snapshot is not read after its close");
    if (this.#isOver) {
      throw new DriftlessError("unavailable", "Cannot read on: too much was written meanwhile");
    }
    if (this.scope === undefined || limit <= 0) return [];
    const rows: StoredRow[] = [];
    for (let isEnd = false; !isEnd && rows.length < limit;) {
      const page = readPage(this.#reads, this.scope, this.#last, limit);
      isEnd = page.length < limit;
      const end = page.at(-1);
      rows.push(...this.#asTheyWere(page, isEnd).slice(0, limit - rows.length));
      this.#last = (rows.length === limit || isEnd ? rows.at(-1) : end) ?? this.#last;
    }
    return rows;
  }

  close(): void {
    this.#isClosed = true;
    this.#kept.clear();
    this.closed();
  }

  get #isOver(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  #asTheyWere(page: readonly StoredRow[], isEnd: boolean): readonly StoredRow[] {
    if (this.#kept.size === 0) return page;
    const end = page.at(-1);
    const rows = page.filter((row) => !this.#kept.has(textOf(row)));
    for (const { row } of this.#kept.values()) {
      if (row === null || compareKeys(row, this.#last) <= 0) continue;
      if (isEnd || (end !== undefined && compareKeys(row, end) <= 0)) rows.push(row);
    }
    return rows.sort(compareKeys);
  }
}

function compareKeys(a: Key, b: Key): number {
  return compareText(a.entity, b.entity) || compareText(a.id, b.id);
}

/** No name holds a control character. */
function textOf({ entity, id }: Key): string {
  return `${entity}\0${id}`;
}
