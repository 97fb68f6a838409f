/** Lists of which pages show a part: the newest rows of a stream, or those that are scrolled to. */

/** Rows of a stream that pages show, unless its author says otherwise. */
export const STREAM_ROWS_DEFAULT = 100;
/** Rows of a window, unless its author says otherwise. */
export const WINDOW_ROWS_DEFAULT = 50;

/**
 * The newest rows of something without an end: older ones go, from pages as well. It is no part of the
 * state that is saved. In a template: `g-for="line in log.rows"`.
 *
 * @example
 * ```ts
 * import { Stream } from "@driftless/driftless/ui";
 *
 * const log = new Stream<string>(2);
 * for (const line of ["a", "b", "c"]) log.push(line);
 * if (log.rows.join() !== "b,c") throw new Error();
 * ```
 */
export class Stream<T> {
  /** The newest last. */
  readonly rows: T[] = [];
  /** How many rows are kept. */
  readonly limit: number;

  /**
   * A stream that keeps so many rows.
   *
   * @throws {TypeError} when not even one is kept
   */
  constructor(limit: number = STREAM_ROWS_DEFAULT) {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new TypeError(`Cannot keep ${limit} rows: a stream keeps at least one`);
    }
    this.limit = limit;
  }

  /** Adds rows; the oldest go. */
  push(...rows: T[]): void {
    this.rows.push(...rows.slice(-this.limit));
    const excess = this.rows.length - this.limit;
    if (excess > 0) this.rows.splice(0, excess);
  }

  /** Forgets all rows. */
  clear(): void {
    this.rows.length = 0;
  }
}

/**
 * The part of a long list that a page shows. In a template: `g-for="row in part.of(rows)"`, between two
 * elements with the heights `part.above` and `part.below(rows)`.
 *
 * @example
 * ```ts
 * import { ListWindow } from "@driftless/driftless/ui";
 *
 * const part = new ListWindow({ rows: 2, rowHeight: 10, margin: 0 });
 * part.scroll(35);
 * if (part.of(["a", "b", "c", "d", "e"]).join() !== "d,e") throw new Error();
 * ```
 */
export class ListWindow {
  /** The first row that is shown. */
  start = 0;
  /** How many are. */
  readonly rows: number;
  /** Of one row, in pixels. */
  readonly rowHeight: number;
  /** Rows beyond the edges, so that scrolling a little needs no round trip. */
  readonly margin: number;

  /** How many rows are shown, how high each is, and how many more there are beyond either edge. */
  constructor(
    { rows = WINDOW_ROWS_DEFAULT, rowHeight = 24, margin = 10 }: {
      readonly rows?: number;
      readonly rowHeight?: number;
      readonly margin?: number;
    } = {},
  ) {
    this.rows = rows;
    this.rowHeight = rowHeight;
    this.margin = margin;
  }

  /** Shows what is at this height: the `scrollTop` of a scroll event, in pixels. */
  scroll(top: number): void {
    if (!Number.isFinite(top)) return;
    this.start = Math.max(0, Math.floor(top / this.rowHeight) - this.margin);
  }

  /** The rows of a list that are shown; the last ones when it has become shorter. */
  of<T>(list: readonly T[]): readonly T[] {
    const start = startIn(this, list);
    return list.slice(start, start + countOf(this));
  }

  /** The height of the rows before those that are shown. */
  above(list: readonly unknown[]): string {
    return `${startIn(this, list) * this.rowHeight}px`;
  }

  /** The height of the rows after those that are shown. */
  below(list: readonly unknown[]): string {
    const after = list.length - startIn(this, list) - countOf(this);
    return `${Math.max(0, after) * this.rowHeight}px`;
  }
}

function countOf({ rows, margin }: ListWindow): number {
  return rows + 2 * margin;
}

function startIn(part: ListWindow, list: readonly unknown[]): number {
  return Math.max(0, Math.min(part.start, list.length - countOf(part)));
}
