/** The system that a module finds when it was compiled for one: WASI, by what its mount gives it. */
import type { WasmBindings } from "../../core/wasm_mount.ts";
import type { Log } from "../log.ts";
import { DataFiles } from "./data_files.ts";
import { WasmFault } from "./fault.ts";
import type { ImportSource, InstanceImports, WasmInstance } from "./instance.ts";
import { WasiExit, wasiSource } from "./wasi.ts";

/** The name that modules import it under. */
const WASI = "wasi_snapshot_preview1";

/** WASI for the instances of one mount. */
export class SystemImports implements ImportSource {
  readonly name = WASI;
  readonly #bindings: WasmBindings;
  readonly #print: (stream: string, line: string) => void;
  readonly #data = new WeakMap<WasmInstance, DataFiles>();

  constructor(path: string, bindings: WasmBindings, log: Log) {
    this.#bindings = bindings;
    this.#print = (stream, line) => log.info("handler printed", { path, stream, line });
  }

  make(): InstanceImports {
    const { env = {}, files } = this.#bindings;
    const data = files === undefined ? undefined : new DataFiles(files, Date.now);
    const options = { env, log: this.#print, ...(data === undefined ? {} : { data }) };
    const { imports, attach } = wasiSource(options).make();
    if (data === undefined) return { imports, ...(attach === undefined ? {} : { attach }) };
    return {
      imports,
      attach: (instance) => {
        attach?.(instance);
        this.#data.set(instance, data);
      },
      check() {
        // What it would ask others for, it asks for without having read the file.
        if (data.isMissing) throw new WasmFault("wasm_failed", "Cannot go on without the file");
      },
    };
  }

  isExit(error: unknown): boolean {
    return error instanceof WasiExit && error.code === 0;
  }

  /** The files of an instance that outlast it. */
  dataOf(instance: WasmInstance): DataFiles | undefined {
    return this.#data.get(instance);
  }
}
