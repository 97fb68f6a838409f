/** Puts the kernel of columns over a memory: the hand-written module where it can run, else its twin. */
import type { ColumnKernel, ColumnMemory, LoadedColumnKernel } from "./column_port.ts";
import { columnsBytes } from "./columns_gen.ts";
import { plainColumns } from "./plain_columns.ts";

/** Compiled once; `null` when it cannot be. */
let compiled: WebAssembly.Module | null | undefined;

/**
 * The kernel over a memory.
 *
 * `module` is the compiled `columns.wasm`, for where a program may not compile bytes itself.
 *
 * @throws {TypeError} when the module is another one
 */
export function columnKernel(
  memory: ColumnMemory,
  module: WebAssembly.Module | null = ownModule(),
): LoadedColumnKernel {
  // The memory of a twin is no WebAssembly.Memory.
  if (module === null || !(memory instanceof WebAssembly.Memory)) {
    return { kind: "plain", calls: plainColumns(memory) };
  }
  let exports: WebAssembly.Exports;
  try {
    ({ exports } = new WebAssembly.Instance(module, { driftless: { memory } }));
  } catch (cause) {
    throw new TypeError("Cannot use the module: it is not that of the columns", { cause });
  }
  if (typeof exports["correlation_f64"] !== "function") {
    throw new TypeError("Cannot use the module: it is not that of the columns");
  }
  return { kind: "simd", calls: exports as unknown as ColumnKernel };
}

/** The embedded module; `null` without SIMD, or where the policy or the platform forbids to compile. */
export function ownModule(): WebAssembly.Module | null {
  if (compiled === undefined) {
    try {
      const bytes = Uint8Array.from(atob(columnsBytes), (character) => character.charCodeAt(0));
      compiled = new WebAssembly.Module(bytes);
    } catch {
      compiled = null;
    }
  }
  return compiled;
}
