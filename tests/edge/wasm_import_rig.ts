/** Imports of modules without a module: a memory, and a counter of what was spent. */
import type { ImportSource, WasmInstance } from "../../edge/wasm/instance.ts";
import { ModuleMemory } from "../../edge/wasm/memory.ts";

/** What calls the imports. */
export interface ImportHost {
  readonly imports: WebAssembly.ModuleImports;
  /** Bytes of the memory. */
  readonly size: number;
  write(at: number, bytes: Uint8Array): void;
  read(at: number, length: number): Uint8Array;
  grow(pages: number): void;
  /** Instructions that the imports took away. */
  spent(): number;
}

/** The imports of a source, over a memory of so many pages. */
export function hostOf(source: ImportSource, pages = 1): ImportHost {
  const memory = new WebAssembly.Memory({ initial: pages });
  let spent = 0;
  const { imports, attach } = source.make();
  const spend = (units: number) => {
    if (!Number.isSafeInteger(units) || units < 0) throw new Error(`Cannot spend ${units}`);
    spent += units;
  };
  // Of an instance, imports use its memory and its counter.
  attach?.({ memory: new ModuleMemory(memory), spend } as unknown as WasmInstance);
  const bytes = () => new Uint8Array(memory.buffer);
  return {
    imports,
    size: memory.buffer.byteLength,
    write: (at, data) => bytes().set(data, at),
    read: (at, length) => bytes().slice(at, at + length),
    grow: (more) => void memory.grow(more),
    spent: () => spent,
  };
}
