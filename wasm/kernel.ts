/** Opens the kernel: the hand-written module where it can run, else its twin in TypeScript. */
import { blake3Calls } from "./blake3_calls.ts";
import { kernelBytes } from "./kernel_gen.ts";
import type { LoadedKernel } from "./kernel_port.ts";
import { plainKernel } from "./plain_kernel.ts";
import { sketchCalls } from "./sketch_calls.ts";

let opened: LoadedKernel | undefined;

/** The kernel, compiled at once: for Deno, Bun and Node. Everybody gets the same one. */
export function kernelSync(): LoadedKernel {
  if (opened !== undefined) return opened;
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(embeddedBytes());
  } catch {
    return plainKernel;
  }
  return opened = kernelOf(module);
}

/** The kernel for pages, compiled in the background: some browsers refuse to do it at once. */
export async function openKernel(): Promise<LoadedKernel> {
  if (opened !== undefined) return opened;
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(embeddedBytes());
  } catch {
    // There is no SIMD, or no WebAssembly, or the page's policy forbids it.
    return plainKernel;
  }
  return opened ??= kernelOf(module);
}

/** The kernel of a module that the platform has compiled: for Workers, from `kernel.wasm`. */
export function kernelOf(module: WebAssembly.Module): LoadedKernel {
  const { exports } = new WebAssembly.Instance(module);
  if (!(exports["memory"] instanceof WebAssembly.Memory)) {
    throw new TypeError("Cannot use the module: it is not the kernel");
  }
  // The memory never grows, so one view of it serves for good.
  const memory = new Uint8Array(exports["memory"].buffer);
  return {
    kind: "simd",
    ...blake3Calls(exports, memory),
    ...sketchCalls(exports, memory),
  };
}

function embeddedBytes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(kernelBytes), (character) => character.charCodeAt(0));
}
