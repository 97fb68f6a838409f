/** What the module of columns.wat and its twin both are, the memory they work on, and what fails. */

/**
 * The functions of columns.wat, which says what they do. Pointers are in bytes, counts in elements,
 * and nothing is checked.
 */
export interface ColumnKernel {
  sum_f64(at: number, count: number): number;
  dot_f64(x: number, y: number, count: number): number;
  /** Leaves 2 numbers at `out`. */
  minmax_f64(at: number, count: number, out: number): void;
  /** Leaves 5 numbers at `out`: sum, minimum, maximum, mean, variance. */
  stats_f64(at: number, count: number, out: number): void;
  correlation_f64(x: number, y: number, count: number): number;
  scale_f64(to: number, at: number, count: number, factor: number): void;
  clamp_f64(to: number, at: number, count: number, low: number, high: number): void;
  map_linear_f64(to: number, at: number, count: number, factor: number, term: number): void;
  normalize_f64(
    ...it: [to: number, at: number, count: number, factor: number, low: number, range: number]
  ): void;
  add_f64(to: number, x: number, y: number, count: number): void;
  sub_f64(to: number, x: number, y: number, count: number): void;
  mul_f64(to: number, x: number, y: number, count: number): void;
  sum_i32(at: number, count: number): bigint;
  total_i32(at: number, count: number): number;
}

/** A kernel that says which one it is. */
export interface LoadedColumnKernel {
  /** `simd` is the module, `plain` its twin in TypeScript. */
  readonly kind: "simd" | "plain";
  readonly calls: ColumnKernel;
}

/** Memory that grows by pages of 64 KiB, and is elsewhere then: what was seen of it is detached. */
export interface ColumnMemory {
  readonly buffer: ArrayBuffer;
  /** @throws {RangeError} when there is no more */
  grow(pages: number): unknown;
}

/** The least and the greatest of some numbers. */
export interface Bounds {
  /** NaN where there is none. */
  readonly min: number;
  /** NaN where there is none. */
  readonly max: number;
}

/** What `stats` finds. Without any numbers all but `count` and `sum` are NaN. */
export interface ColumnStats extends Bounds {
  /** How many numbers there are. */
  readonly count: number;
  /** Added up in four lanes: the last digits may differ from `sum()`. */
  readonly sum: number;
  /** The sum by the count. */
  readonly mean: number;
  /** The mean of the squares of the distances from the mean: of all there are, not of a sample. */
  readonly variance: number;
}

/**
 * What can be wrong with columns.
 *
 * - `length_mismatch`: two columns are not equally long
 * - `other_arena`: two columns are not of one `openColumns`
 * - `released`: the column was given back, or its arena was reset
 * - `detached`: the values given are a view of a buffer that is gone, as memory that has grown
 * - `out_of_memory`: the arena has reached its limit, or the machine its own
 * - `stale_mark`: the arena was restored to the mark already, or to one before it
 */
export type ColumnErrorCode =
  | "length_mismatch"
  | "other_arena"
  | "released"
  | "detached"
  | "out_of_memory"
  | "stale_mark";

/**
 * Thrown when columns cannot do what they are asked to.
 *
 * @example
 * ```ts
 * import { ColumnError, openColumns } from "@driftless/driftless/columns";
 *
 * const columns = openColumns();
 * let code = "";
 * try {
 *   columns.f64([1, 2, 3]).dot(columns.f64([1, 2]));
 * } catch (error) {
 *   if (error instanceof ColumnError) code = error.code;
 * }
 * if (code !== "length_mismatch") throw new Error(code);
 * ```
 */
export class ColumnError extends Error {
  /** Always `ColumnError`: the code tells errors apart. */
  override readonly name = "ColumnError";
  /** What went wrong, for programs. */
  readonly code: ColumnErrorCode;

  /** `message` says what could not be done, and why. */
  constructor(code: ColumnErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
