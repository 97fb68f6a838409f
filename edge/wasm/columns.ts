/**
 * The kernels of columns for modules: SIMD over numbers that lie in the module's own memory.
 *
 * A module imports them under the name `driftless_columns`. Pointers are in bytes, counts in numbers;
 * `to` may be where it is read from, or elsewhere, but must not overlap with that in part.
 *
 * ```
 * double  sum_f64(const double *at, uint32_t count)
 * double  dot_f64(const double *x, const double *y, uint32_t count)
 * double  correlation_f64(const double *x, const double *y, uint32_t count)
 * void    minmax_f64(const double *at, uint32_t count, double out[2])
 * void    stats_f64(const double *at, uint32_t count, double out[5])
 * void    scale_f64(double *to, const double *at, uint32_t count, double factor)
 * void    clamp_f64(double *to, const double *at, uint32_t count, double low, double high)
 * void    map_linear_f64(double *to, const double *at, uint32_t count, double factor, double term)
 * void    normalize_f64(double *to, const double *at, uint32_t count,
 *                       double factor, double low, double range)
 * void    add_f64, sub_f64, mul_f64(double *to, const double *x, const double *y, uint32_t count)
 * int64_t sum_i32(const int32_t *at, uint32_t count)
 * double  total_i32(const int32_t *at, uint32_t count)
 * ```
 * `out` gets minimum and maximum, or sum, minimum, maximum, mean and variance; a NaN is no bound, and
 * where there are no others the bounds are infinity and minus infinity. `normalize_f64` makes
 * `(x * factor - low) / range` of each number.
 */
import { columnKernel, ownModule } from "../../wasm/column_kernel.ts";
import type { ColumnKernel, ColumnMemory } from "../../wasm/column_port.ts";
import { WasmFault } from "./fault.ts";
import {
  FAULT_UNITS,
  type ImportSource,
  type InstanceImports,
  type WasmInstance,
} from "./instance.ts";

/** The name that modules import them under. */
const COLUMNS = "driftless_columns";
/** What one call costs a module, in instructions, beside one for each number. */
const CALL_UNITS = 50;

const F64_BYTES = 8;
const I32_BYTES = 4;
const BOUNDS = 2;
const STATS = 5;

/**
 * The functions for a module that imports them, `undefined` for any other.
 *
 * `compiled` is the compiled `columns.wasm`, for where a program may not compile bytes itself; without
 * it the twin in TypeScript does the work there.
 *
 * @throws {TypeError} when `compiled` is another module
 */
export function columnImports(
  module: WebAssembly.Module,
  compiled: WebAssembly.Module | null = ownModule(),
): ImportSource | undefined {
  const isWanted = WebAssembly.Module.imports(module).some((it) => it.module === COLUMNS);
  if (!isWanted) return undefined;
  // A module that is another one is found now, and not by the first request.
  columnKernel(new WebAssembly.Memory({ initial: 1 }) as ColumnMemory, compiled);
  return { name: COLUMNS, make: () => new ModuleColumns(compiled).instanceImports() };
}

/** The functions of one instance. */
class ModuleColumns {
  readonly #compiled: WebAssembly.Module | null;
  #instance: WasmInstance | undefined;
  #calls: ColumnKernel | undefined;

  constructor(compiled: WebAssembly.Module | null) {
    this.#compiled = compiled;
  }

  instanceImports(): InstanceImports {
    return {
      imports: { ...this.#sums(), ...this.#maps() },
      attach: (instance) => {
        this.#instance = instance;
      },
    };
  }

  /** What gives a number, or a few. */
  #sums(): WebAssembly.ModuleImports {
    return {
      sum_f64: (at: number, count: number) => this.#over(count, [at]).sum_f64(at, count),
      dot_f64: (x: number, y: number, count: number) =>
        this.#over(count, [x, y]).dot_f64(x, y, count),
      correlation_f64: (x: number, y: number, count: number) =>
        this.#over(count, [x, y]).correlation_f64(x, y, count),
      minmax_f64: (at: number, count: number, out: number) => {
        this.#check(out, BOUNDS * F64_BYTES);
        this.#over(count, [at]).minmax_f64(at, count, out);
      },
      stats_f64: (at: number, count: number, out: number) => {
        this.#check(out, STATS * F64_BYTES);
        this.#over(count, [at]).stats_f64(at, count, out);
      },
      sum_i32: (at: number, count: number) => this.#over(count, [at], I32_BYTES).sum_i32(at, count),
      total_i32: (at: number, count: number) =>
        this.#over(count, [at], I32_BYTES).total_i32(at, count),
    };
  }

  /** What writes as many numbers as it reads. */
  #maps(): WebAssembly.ModuleImports {
    type Map = [to: number, at: number, count: number, ...factors: [number, number, number]];
    type Zip = [to: number, x: number, y: number, count: number];
    return {
      scale_f64: (...[to, at, count, factor]: Map) =>
        this.#over(count, [to, at]).scale_f64(to, at, count, factor),
      clamp_f64: (...[to, at, count, low, high]: Map) =>
        this.#over(count, [to, at]).clamp_f64(to, at, count, low, high),
      map_linear_f64: (...[to, at, count, factor, term]: Map) =>
        this.#over(count, [to, at]).map_linear_f64(to, at, count, factor, term),
      normalize_f64: (...[to, at, count, factor, low, range]: Map) =>
        this.#over(count, [to, at]).normalize_f64(to, at, count, factor, low, range),
      add_f64: (...[to, x, y, count]: Zip) =>
        this.#over(count, [to, x, y]).add_f64(to, x, y, count),
      sub_f64: (...[to, x, y, count]: Zip) =>
        this.#over(count, [to, x, y]).sub_f64(to, x, y, count),
      mul_f64: (...[to, x, y, count]: Zip) =>
        this.#over(count, [to, x, y]).mul_f64(to, x, y, count),
    };
  }

  /** The kernel, once so many numbers are found to be at each address. @throws {WasmFault} */
  #over(count: number, addresses: readonly number[], elementBytes = F64_BYTES): ColumnKernel {
    for (const address of addresses) this.#check(address, (count >>> 0) * elementBytes);
    this.#instance?.spend(CALL_UNITS + (count >>> 0));
    return this.#calls ??= this.#kernel();
  }

  /** @throws {WasmFault} unless the module has these bytes; none may be anywhere */
  #check(given: number, bytes: number): void {
    const address = given >>> 0;
    const memory = this.#instance?.memory;
    memory?.refresh();
    if (memory === undefined || address + bytes > memory.byteLength) {
      // A module that catches this and goes on pays for it.
      this.#instance?.spend(FAULT_UNITS);
      throw new WasmFault("wasm_failed", `Cannot use ${bytes} bytes at ${address}: there are none`);
    }
  }

  /** Most requests get by without it, so it is there with the first call. */
  #kernel(): ColumnKernel {
    const { memory } = (this.#instance as WasmInstance).exports;
    return columnKernel(memory as ColumnMemory, this.#compiled).calls;
  }
}
