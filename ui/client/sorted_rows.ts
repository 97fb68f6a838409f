/**
 * Rows in order, in chunks: a place is found by O(log n) comparisons, and an insertion moves the rows of
 * one chunk, not of the whole list.
 */
import { compareText } from "../../core/json.ts";

/** A record with its id, as `all()` gives it. */
export type Row<Rec> = readonly [id: string, record: Rec];

/** Orders two records; 0 leaves it to their ids. */
export type Order<Rec> = (a: Rec, b: Rec) => number;

/** Rows of a chunk at the most. */
const CHUNK_ROWS_MAX = 512;

/** A sorted list of rows, no two with the same id. */
export class SortedRows<Rec> {
  readonly #order: Order<Rec>;
  #chunks: Row<Rec>[][] = [];
  #length = 0;

  constructor(order: Order<Rec>) {
    this.#order = order;
  }

  get length(): number {
    return this.#length;
  }

  /** Negative when `a` stands before `b`. */
  compare(a: Row<Rec>, b: Row<Rec>): number {
    return this.#order(a[1], b[1]) || compareText(a[0], b[0]);
  }

  /** Starts over with these rows, in any order. */
  load(rows: Iterable<Row<Rec>>): void {
    const sorted = [...rows].sort((a, b) => this.compare(a, b));
    this.#length = sorted.length;
    this.#chunks = [];
    for (let at = 0; at < sorted.length; at += CHUNK_ROWS_MAX / 2) {
      this.#chunks.push(sorted.slice(at, at + CHUNK_ROWS_MAX / 2));
    }
  }

  at(index: number): Row<Rec> | undefined {
    for (const chunk of this.#chunks) {
      if (index < chunk.length) return chunk[index];
      index -= chunk.length;
    }
    return undefined;
  }

  /** The first rows, as a new array. */
  first(count: number): readonly Row<Rec>[] {
    const rows: Row<Rec>[] = [];
    for (const chunk of this.#chunks) {
      for (const row of chunk) {
        if (rows.length >= count) return rows;
        rows.push(row);
      }
    }
    return rows;
  }

  insert(row: Row<Rec>): void {
    const last = this.#chunks.length - 1;
    const [where, place] = this.#find(row);
    const chunk = this.#chunks[Math.min(where, last)];
    this.#length++;
    if (chunk === undefined) this.#chunks = [[row]];
    else if (where > last) chunk.push(row);
    else chunk.splice(place, 0, row);
    if (chunk !== undefined && chunk.length > CHUNK_ROWS_MAX) {
      this.#chunks.splice(Math.min(where, last) + 1, 0, chunk.splice(CHUNK_ROWS_MAX / 2));
    }
  }

  remove(row: Row<Rec>): void {
    this.#removeAt(...this.#placeOf(row));
  }

  /** Puts a row in place of another with the same id; returns whether its place is another now. */
  replace(row: Row<Rec>, by: Row<Rec>): boolean {
    const [where, place] = this.#placeOf(row);
    const chunk = this.#chunks[where] ?? [];
    if (this.compare(row, by) === 0 || this.#fits(by, where, place)) {
      chunk[place] = by;
      return false;
    }
    this.#removeAt(where, place);
    this.insert(by);
    return true;
  }

  #removeAt(where: number, place: number): void {
    const chunk = this.#chunks[where] ?? [];
    chunk.splice(place, 1);
    this.#length--;
    if (chunk.length === 0) this.#chunks.splice(where, 1);
  }

  /** Whether a row stands right between the neighbours of a place. */
  #fits(row: Row<Rec>, where: number, place: number): boolean {
    const chunk = this.#chunks[where] ?? [];
    const before = chunk[place - 1] ?? this.#chunks[where - 1]?.at(-1);
    const after = chunk[place + 1] ?? this.#chunks[where + 1]?.[0];
    return (before === undefined || this.compare(before, row) < 0) &&
      (after === undefined || this.compare(row, after) < 0);
  }

  #placeOf(row: Row<Rec>): [where: number, place: number] {
    const found = this.#find(row);
    if (this.#chunks[found[0]]?.[found[1]] === row) return found;
    // The app's order contradicts itself, and the row stands where nobody would look.
    const where = this.#chunks.findIndex((chunk) => chunk.includes(row));
    return [where, this.#chunks[where]?.indexOf(row) ?? -1];
  }

  /** The first place whose row does not stand before this one. */
  #find(row: Row<Rec>): [where: number, place: number] {
    const where = bisect(this.#chunks, (chunk) => this.#isBefore(chunk.at(-1), row));
    return [where, bisect(this.#chunks[where] ?? [], (other) => this.#isBefore(other, row))];
  }

  #isBefore(row: Row<Rec> | undefined, other: Row<Rec>): boolean {
    return row !== undefined && this.compare(row, other) < 0;
  }
}

/** How many items at the beginning have a property that none of the others has. */
function bisect<T>(items: readonly T[], has: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (has(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}
