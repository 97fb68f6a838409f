/**
 * Columns: numbers that stay in linear memory, where SIMD adds them up.
 *
 * A kernel is several times faster than a loop over an array, but copying numbers to it costs more than
 * that gains. So they live here: write them where they are, through `values`, `set` or `write`, and ask
 * for sums as often as you like. Everything is synchronous, and works in pages, on servers and in
 * Workers; without SIMD a twin in TypeScript gives the same bits.
 *
 * @example
 * ```ts
 * import { openColumns } from "@driftless/driftless/columns";
 *
 * const columns = openColumns();
 * const height = columns.f64([1.62, 1.75, 1.81]);
 * const weight = columns.f64([58, 72, 80]);
 *
 * const { count, min, max } = height.stats();
 * if (count !== 3 || min !== 1.62 || max !== 1.81) throw new Error();
 * if (height.correlation(weight) < 0.99) throw new Error();
 *
 * height.values[0] = 1.92;
 * if (height.minmax().max !== 1.92) throw new Error();
 * ```
 *
 * @module
 */
import {
  checkAttached,
  type Column,
  FloatColumn,
  Int32Column,
  type IntegerColumn,
} from "./column.ts";
import { ARENA_BYTES_LIMIT, ARENA_BYTES_MAX, ColumnArena } from "./column_arena.ts";
import { ColumnError } from "./column_port.ts";

export type { AnyColumn, Column, IntegerColumn } from "./column.ts";
export { type Bounds, ColumnError, type ColumnErrorCode, type ColumnStats } from "./column_port.ts";

/** How columns are opened. */
export interface ColumnsOptions {
  /**
   * What their memory may grow to, in bytes: 256 MiB unless given, and 4 GiB less 64 KiB at most. The
   * arena keeps 64 bytes of it for itself.
   */
  readonly bytesMax?: number;
  /**
   * The compiled `wasm/columns.wasm`: for Workers, whose programs may not compile bytes themselves.
   * Without it the twin in TypeScript does the work there.
   */
  readonly module?: WebAssembly.Module;
}

/** A moment in the life of an arena, to go back to. */
export interface ColumnMark {
  /** How many columns there had been by then. */
  readonly made: number;
}

/**
 * The columns of one linear memory. A column may work with those of the same memory alone.
 *
 * A column takes up to 4 KiB more than its numbers.
 *
 * @example
 * ```ts
 * import { openColumns } from "@driftless/driftless/columns";
 *
 * const columns = openColumns({ bytesMax: 1024 * 1024 });
 * const kept = columns.f64(100);
 *
 * const mark = columns.save();
 * const squares = kept.mul(kept, columns.f64(100));
 * if (squares.sum() !== 0) throw new Error();
 * columns.restore(mark);
 *
 * if (!squares.isReleased || kept.isReleased) throw new Error();
 * ```
 */
export interface Columns {
  /** `simd` is the hand-written module, `plain` its twin in TypeScript. */
  readonly kind: "simd" | "plain";
  /** Bytes of the memory, in use or not; it never shrinks. */
  readonly memoryBytes: number;
  /** How many columns there are. */
  readonly count: number;
  /**
   * A column of these numbers, or of so many zeros.
   *
   * @throws {RangeError} when the length is no whole number
   * @throws {ColumnError} `out_of_memory`, `detached`
   */
  f64(valuesOrLength: ArrayLike<number> | number): Column;
  /**
   * A column of these integers, or of so many zeros. What is no integer of 32 bits becomes one as in an
   * `Int32Array`.
   *
   * @throws {RangeError} when the length is no whole number
   * @throws {ColumnError} `out_of_memory`, `detached`
   */
  i32(valuesOrLength: ArrayLike<number> | number): IntegerColumn;
  /** Remembers which columns there are. */
  save(): ColumnMark;
  /**
   * Releases all columns that were made since.
   *
   * @throws {ColumnError} `stale_mark` when that was done, or an earlier mark was restored
   */
  restore(mark: ColumnMark): void;
  /** Releases all columns. */
  reset(): void;
}

/**
 * Opens an arena, which has no columns yet.
 *
 * @throws {RangeError} when `bytesMax` is out of range
 * @throws {TypeError} when `module` is another one
 *
 * @example
 * ```ts
 * import { openColumns } from "@driftless/driftless/columns";
 *
 * const columns = openColumns();
 * const { mean, variance } = columns.f64([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]).stats();
 * if (mean !== 1e9 + 10 || variance !== 22.5) throw new Error();
 * ```
 */
export function openColumns({ bytesMax = ARENA_BYTES_MAX, module }: ColumnsOptions = {}): Columns {
  if (!Number.isSafeInteger(bytesMax) || bytesMax < 64 || bytesMax > ARENA_BYTES_LIMIT) {
    throw new RangeError(`Cannot open columns of ${bytesMax} bytes: 64 to ${ARENA_BYTES_LIMIT}`);
  }
  return new OpenColumns(new ColumnArena(bytesMax, module));
}

class OpenColumns implements Columns {
  readonly #arena: ColumnArena;
  /** By number, in the order in which they were made. */
  readonly #columns = new Map<number, { free(): void }>();
  readonly #marks: ColumnMark[] = [];
  #made = 0;

  constructor(arena: ColumnArena) {
    this.#arena = arena;
  }

  get kind(): "simd" | "plain" {
    return this.#arena.kind;
  }

  get memoryBytes(): number {
    return this.#arena.memoryBytes;
  }

  get count(): number {
    return this.#columns.size;
  }

  f64(valuesOrLength: ArrayLike<number> | number): Column {
    const length = lengthOf(valuesOrLength);
    return this.#filled(valuesOrLength, (gone) => new FloatColumn(this.#arena, length, gone));
  }

  i32(valuesOrLength: ArrayLike<number> | number): IntegerColumn {
    const length = lengthOf(valuesOrLength);
    return this.#filled(valuesOrLength, (gone) => new Int32Column(this.#arena, length, gone));
  }

  save(): ColumnMark {
    const mark = { made: this.#made };
    this.#marks.push(mark);
    return mark;
  }

  restore(mark: ColumnMark): void {
    const index = this.#marks.indexOf(mark);
    if (index < 0) {
      throw new ColumnError("stale_mark", "Cannot restore columns: the mark is of no use any more");
    }
    this.#marks.length = index;
    for (const [number, column] of [...this.#columns]) if (number >= mark.made) column.free();
  }

  reset(): void {
    this.#marks.length = 0;
    for (const column of [...this.#columns.values()]) column.free();
  }

  #filled<C extends FloatColumn | Int32Column>(
    from: ArrayLike<number> | number,
    make: (gone: () => void) => C,
  ): C {
    const number = this.#made;
    // What is a view of this very memory has to be seen anew if the memory grows for its copy.
    const before = typeof from === "number" ? undefined : this.#placeOf(from);
    const column = make(() => this.#columns.delete(number));
    this.#columns.set(number, column);
    this.#made++;
    try {
      if (typeof from === "number") column.values.fill(0);
      else column.values.set(before?.() ?? from);
    } catch (error) {
      // Nobody will have it.
      column.free();
      throw error;
    }
    return column;
  }

  #placeOf(values: ArrayLike<number>): (() => ArrayLike<number>) | undefined {
    const { buffer } = this.#arena;
    if (!ArrayBuffer.isView(values) || values.buffer !== buffer) return undefined;
    const { byteOffset, length, constructor } = values as Float64Array<ArrayBuffer>;
    const View = constructor as Float64ArrayConstructor;
    return () => new View(this.#arena.buffer, byteOffset, length);
  }
}

function lengthOf(valuesOrLength: ArrayLike<number> | number): number {
  if (typeof valuesOrLength === "number") {
    if (Number.isSafeInteger(valuesOrLength) && valuesOrLength >= 0) return valuesOrLength;
    throw new RangeError(`Cannot make a column of ${valuesOrLength} numbers`);
  }
  checkAttached(valuesOrLength);
  return valuesOrLength.length;
}
