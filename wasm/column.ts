/** A column: numbers in linear memory, and what can be done with all of them at once. */
import type { ColumnArena } from "./column_arena.ts";
import { type Bounds, ColumnError, type ColumnStats } from "./column_port.ts";

/** Half of how far the numbers of a column may be apart for their squares to be numbers as good. */
const [SPREAD_MIN, SPREAD_MAX] = [2 ** -450, 2 ** 480];

/** What columns of every kind have. */
export interface AnyColumn<Values> {
  /** How many numbers it has; that never changes. */
  readonly length: number;
  /**
   * The numbers themselves, to be read and written in place. The arena's memory is elsewhere after it
   * has grown, and a view from before is detached then, and has length 0: ask for `values` anew after
   * any column was made. A view must not be used when its column is released.
   *
   * @throws {ColumnError} `released`
   */
  readonly values: Values;
  /** Whether it was given back. */
  readonly isReleased: boolean;
  /** One number. @throws {RangeError} when there is none at `index` */
  get(index: number): number;
  /** Changes one number. @throws {RangeError} when there is none at `index` */
  set(index: number, value: number): void;
  /**
   * Copies numbers in, from `at` on.
   *
   * @throws {RangeError} when they do not fit
   * @throws {ColumnError} `detached`
   */
  write(values: ArrayLike<number>, at?: number): void;
  /** Gives the memory back, once and for all; does nothing the second time. */
  free(): void;
  /** The same as `free`, for `using`. */
  [Symbol.dispose](): void;
}

/**
 * A column of floating-point numbers of 64 bits.
 *
 * What makes new numbers writes them over the old ones, or into the column `to`, and returns the one
 * that it wrote. Columns that work together are of one arena, and equally long.
 *
 * @example
 * ```ts
 * import { openColumns } from "@driftless/driftless/columns";
 *
 * const columns = openColumns();
 * const prices = columns.f64([2.5, 4, 10]);
 * const held = columns.f64([4, 0, 1]);
 *
 * if (prices.sum() !== 16.5) throw new Error();
 * if (prices.weightedSum(held) !== 20) throw new Error();
 *
 * const dearer = prices.scale(1.5, columns.f64(prices.length));
 * if (dearer.values.join() !== "3.75,6,15") throw new Error();
 * if (prices.get(0) !== 2.5) throw new Error();
 * ```
 */
export interface Column extends AnyColumn<Float64Array<ArrayBuffer>> {
  /**
   * The sum; 0 of no numbers. Exact where all partial sums are integers below 2^53, else off by less
   * than 2^-43 of the sum of the magnitudes, however long the column is. A NaN makes it NaN, and so do
   * infinities of both signs.
   */
  sum(): number;
  /** The sum of the products with another column; as good as `sum`, of the products' magnitudes. */
  dot(other: Column): number;
  /** The sum of the numbers, each times its weight: the same as `dot`. */
  weightedSum(weights: Column): number;
  /** The least and the greatest; NaN is passed over. Both are NaN where there are no others. */
  minmax(): Bounds;
  /**
   * Sum, bounds, mean and variance in one pass, or two where the numbers are far from 0 and close to
   * each other: the variance is good then as well. A NaN or an infinity makes it NaN. This sum is taken
   * in four lanes, and may differ in its last digits from that of `sum`: it is off by less than
   * `count` * 2^-55 of the sum of the magnitudes, and by 2^-50 more.
   */
  stats(): ColumnStats;
  /**
   * Pearson's correlation, from -1 to 1; 0 where one of the columns does not vary, NaN where a number is
   * NaN or infinite. Numbers whose squares are too large or too small for a number are moved to 0 … 1
   * first, which takes as much memory as both columns for that moment.
   *
   * @throws {ColumnError} `length_mismatch`, `other_arena`, `released`, `out_of_memory`
   */
  correlation(other: Column): number;
  /** Times a factor. */
  scale(factor: number, to?: Column): Column;
  /** Times a factor, plus a term. */
  mapLinear(factor: number, term: number, to?: Column): Column;
  /** What is below `low` becomes `low`, what is above `high` becomes `high`; NaN stays. */
  clamp(low: number, high: number, to?: Column): Column;
  /**
   * Moves the numbers to 0 … 1: the least becomes 0, the greatest 1; all 0 where they are equal. NaN
   * stays; beside an infinity the others become 0 or NaN.
   */
  normalize(to?: Column): Column;
  /** Plus another column. */
  add(other: Column, to?: Column): Column;
  /** Minus another column. */
  sub(other: Column, to?: Column): Column;
  /** Times another column. */
  mul(other: Column, to?: Column): Column;
}

/**
 * A column of integers of 32 bits.
 *
 * @example
 * ```ts
 * import { openColumns } from "@driftless/driftless/columns";
 *
 * const counts = openColumns().i32([2_000_000_000, 2_000_000_000, 7]);
 * if (counts.sum() !== 4_000_000_007) throw new Error();
 * ```
 */
export interface IntegerColumn extends AnyColumn<Int32Array<ArrayBuffer>> {
  /** The sum: exact up to 2^53, and the nearest number beyond. */
  sum(): number;
  /** The sum, always exact. */
  exactSum(): bigint;
}

/** Float64Array or Int32Array. */
interface ViewClass<Values> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, at: number, length: number): Values;
}

/** What both kinds are made of. Address 0 is that of a column which was released. */
class ResidentColumn<Values extends Float64Array | Int32Array> {
  readonly length: number;
  protected readonly arena: ColumnArena;
  protected at: number;
  readonly #View: ViewClass<Values>;
  readonly #released: () => void;
  #values: Values;

  constructor(arena: ColumnArena, View: ViewClass<Values>, length: number, released: () => void) {
    this.arena = arena;
    this.length = length;
    this.#View = View;
    this.#released = released;
    this.at = arena.allocate(this.#bytes);
    this.#values = this.#view();
  }

  get values(): Values {
    if (this.at === 0) throw releasedError();
    // A detached view has no length.
    if (this.#values.length !== this.length) this.#values = this.#view();
    return this.#values;
  }

  get isReleased(): boolean {
    return this.at === 0;
  }

  get(index: number): number {
    const value = this.values[index];
    if (value === undefined) throw this.#noElement("read", index);
    return value;
  }

  set(index: number, value: number): void {
    const values = this.values;
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw this.#noElement("write", index);
    }
    values[index] = value;
  }

  write(values: ArrayLike<number>, at = 0): void {
    checkAttached(values);
    if (!Number.isInteger(at) || at < 0 || at + values.length > this.length) {
      throw new RangeError(
        `Cannot write ${values.length} numbers at ${at}: the column has ${this.length}`,
      );
    }
    this.values.set(values, at);
  }

  free(): void {
    if (this.at === 0) return;
    this.arena.release(this.at, this.#bytes);
    this.at = 0;
    this.#released();
  }

  [Symbol.dispose](): void {
    this.free();
  }

  /** Its own address. @throws {ColumnError} `released` */
  protected own(): number {
    if (this.at === 0) throw releasedError();
    return this.at;
  }

  get #bytes(): number {
    return this.length * this.#View.BYTES_PER_ELEMENT;
  }

  #view(): Values {
    return new this.#View(this.arena.buffer, this.at, this.length);
  }

  #noElement(verb: string, index: number): RangeError {
    return new RangeError(
      `Cannot ${verb} number ${index}: the column has ${this.length}, from 0 on`,
    );
  }
}

/** A {@linkcode Column} at work. */
export class FloatColumn extends ResidentColumn<Float64Array<ArrayBuffer>> implements Column {
  constructor(arena: ColumnArena, length: number, released: () => void) {
    super(arena, Float64Array, length, released);
  }

  sum(): number {
    return this.arena.calls.sum_f64(this.own(), this.length);
  }

  dot(other: Column): number {
    return this.arena.calls.dot_f64(this.own(), this.#beside(other), this.length);
  }

  weightedSum(weights: Column): number {
    return this.dot(weights);
  }

  minmax(): Bounds {
    const { calls, resultsAt } = this.arena;
    calls.minmax_f64(this.own(), this.length, resultsAt);
    const { results } = this.arena;
    return boundsOf(results[0] as number, results[1] as number);
  }

  stats(): ColumnStats {
    const { calls, resultsAt } = this.arena;
    calls.stats_f64(this.own(), this.length, resultsAt);
    // To take them apart as an iterable would cost more than to find them.
    const { results } = this.arena;
    const { min, max } = boundsOf(results[1] as number, results[2] as number);
    return {
      count: this.length,
      sum: results[0] as number,
      min,
      max,
      mean: results[3] as number,
      variance: results[4] as number,
    };
  }

  correlation(other: Column): number {
    const beside = this.#beside(other);
    if (this.length === 0) return 0;
    const found = this.arena.calls.correlation_f64(this.own(), beside, this.length);
    if (found !== 0 && !Number.isNaN(found)) return found;
    const isExtreme = isSpreadExtreme(this.minmax()) || isSpreadExtreme(other.minmax());
    return isExtreme ? this.#correlationMoved(other) : found;
  }

  scale(factor: number, to: Column = this): Column {
    this.arena.calls.scale_f64(this.#beside(to), this.own(), this.length, factor);
    return to;
  }

  mapLinear(factor: number, term: number, to: Column = this): Column {
    this.arena.calls.map_linear_f64(this.#beside(to), this.own(), this.length, factor, term);
    return to;
  }

  clamp(low: number, high: number, to: Column = this): Column {
    if (!(low <= high)) throw new RangeError(`Cannot clamp numbers to ${low} … ${high}`);
    this.arena.calls.clamp_f64(this.#beside(to), this.own(), this.length, low, high);
    return to;
  }

  normalize(to: Column = this): Column {
    const { min, max } = this.minmax();
    // Two finite numbers may be further apart than the greatest one.
    const factor = Number.isFinite(max - min) ? 1 : 0.5;
    const low = min * factor;
    // Where all are equal each difference is 0, whatever it is divided by.
    const range = max * factor - low || 1;
    const beside = this.#beside(to);
    this.arena.calls.normalize_f64(beside, this.own(), this.length, factor, low, range);
    return to;
  }

  add(other: Column, to: Column = this): Column {
    const beside = this.#beside(other);
    this.arena.calls.add_f64(this.#beside(to), this.own(), beside, this.length);
    return to;
  }

  sub(other: Column, to: Column = this): Column {
    const beside = this.#beside(other);
    this.arena.calls.sub_f64(this.#beside(to), this.own(), beside, this.length);
    return to;
  }

  mul(other: Column, to: Column = this): Column {
    const beside = this.#beside(other);
    this.arena.calls.mul_f64(this.#beside(to), this.own(), beside, this.length);
    return to;
  }

  /** Moving all numbers of a column in the same way does not change how it goes with another one. */
  #correlationMoved(other: Column): number {
    const moved: FloatColumn[] = [];
    const move = (column: Column) => {
      const to = new FloatColumn(this.arena, this.length, () => {});
      moved.push(to);
      column.normalize(to);
      return to;
    };
    try {
      const [x, y] = [move(this), move(other)];
      return this.arena.calls.correlation_f64(x.own(), y.own(), this.length);
    } finally {
      for (const column of moved) column.free();
    }
  }

  /** The address of a column that this one works with. */
  #beside(other: Column): number {
    if (!(other instanceof FloatColumn)) {
      throw new TypeError("Cannot use a column: it is not one of floating-point numbers");
    }
    if (other.arena !== this.arena) {
      throw new ColumnError("other_arena", "Cannot use two columns: they are not of one arena");
    }
    if (other.length !== this.length) {
      throw new ColumnError(
        "length_mismatch",
        `Cannot use two columns: one has ${this.length} numbers, the other ${other.length}`,
      );
    }
    return other.own();
  }
}

/** An {@linkcode IntegerColumn} at work. */
export class Int32Column extends ResidentColumn<Int32Array<ArrayBuffer>> implements IntegerColumn {
  constructor(arena: ColumnArena, length: number, released: () => void) {
    super(arena, Int32Array, length, released);
  }

  sum(): number {
    return this.arena.calls.total_i32(this.own(), this.length);
  }

  exactSum(): bigint {
    return this.arena.calls.sum_i32(this.own(), this.length);
  }
}

/** @throws {ColumnError} `detached` when the values are a view of a buffer that is gone */
export function checkAttached(values: ArrayLike<number>): void {
  if (ArrayBuffer.isView(values) && (values.buffer as ArrayBuffer).detached === true) {
    throw new ColumnError("detached", "Cannot read the values: their buffer is detached");
  }
}

/** Where nothing was found, the kernel leaves them the wrong way round. */
function boundsOf(min: number, max: number): Bounds {
  return min <= max ? { min, max } : { min: NaN, max: NaN };
}

/** Whether squares of such distances leave the range of numbers. */
function isSpreadExtreme({ min, max }: Bounds): boolean {
  const half = max / 2 - min / 2;
  return half > SPREAD_MAX && half < Infinity || half > 0 && half < SPREAD_MIN;
}

function releasedError(): ColumnError {
  return new ColumnError("released", "Cannot use the column: it was released");
}
