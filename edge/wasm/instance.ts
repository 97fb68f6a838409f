/**
 * Modules and their instances: what a module must export, what it may import, and one instance at work.
 *
 *     handlerFlaw(module) ─ once per mount: exports and imports are checked
 *     new WasmInstance ─ memory, `_start` once
 *        write(request) → address ─ run(address) → address ─ read(address) → answer
 *
 * Whatever a module does wrong is a {@linkcode WasmFault}, and the end of its instance.
 */
import type { WasmLimits } from "../../core/wasm_mount.ts";
import { counterStart, FUEL_EXPORT } from "../../wasm/fuel.ts";
import { WasmFault } from "./fault.ts";
import type { HeaderCache } from "./header_cache.ts";
import { ModuleMemory } from "./memory.ts";
import { RequestWriter, type WasmRequest } from "./request_slots.ts";
import { type ModuleAnswer, type OutboundCall, readAnswer, readCalls } from "./response_slots.ts";

/** What one instance gets of a source of imports. */
export interface InstanceImports {
  readonly imports: WebAssembly.ModuleImports;
  /** Called when there is an instance, before any of its code runs. */
  attach?(instance: WasmInstance): void;
  /** Called before an answer is read; throws where it counts for nothing. */
  check?(): void;
}

/** Functions that modules may import, all under one name. */
export interface ImportSource {
  /** The name of the module that they are imported from. */
  readonly name: string;
  /** Makes them for one instance. */
  make(): InstanceImports;
  /** Whether what `_start` threw is its regular end. */
  isExit?(error: unknown): boolean;
}

/** A module that can be run. */
export interface HandlerModule {
  readonly module: WebAssembly.Module;
  readonly sources: readonly ImportSource[];
  readonly limits: WasmLimits;
  readonly cache: HeaderCache;
}

/** One instance, for one request. */
export interface Lease {
  readonly instance: WasmInstance;
  /** Ends it; a `broken` instance is never used again. Only the first call counts. */
  release(state: "good" | "broken"): void;
}

/** What the host calls of a module. */
export interface HandlerExports {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): unknown;
  handle_zerobuf(address: number): unknown;
}

/**
 * What it costs a module, in instructions, that a function of the host throws: exceptions take long, and
 * a module may catch one and go on.
 */
export const FAULT_UNITS = 10_000;
const REQUIRED: Readonly<Record<string, WebAssembly.ImportExportKind>> = {
  memory: "memory",
  malloc: "function",
  handle_zerobuf: "function",
};

/** Why a module is no handler, or cannot have what it imports; `undefined` when it can be used. */
export function handlerFlaw(
  module: WebAssembly.Module,
  sources: readonly ImportSource[],
): string | undefined {
  const exports = new Map(WebAssembly.Module.exports(module).map(({ name, kind }) => [name, kind]));
  for (const [name, kind] of Object.entries(REQUIRED)) {
    if (exports.get(name) !== kind) return `it does not export the ${kind} "${name}"`;
  }
  const made = new Map(sources.map((source) => [source.name, source.make().imports]));
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const imports = made.get(from);
    if (kind !== "function" || imports === undefined || !Object.hasOwn(imports, name)) {
      return `it imports the ${kind} "${name}" of "${from}", and there is none`;
    }
  }
  return undefined;
}

/** What a module counts down. */
interface Counter {
  value: bigint;
}

/** A module at work. */
export class WasmInstance {
  readonly memory: ModuleMemory;
  readonly exports: HandlerExports & Readonly<Record<string, unknown>>;
  readonly #handler: HandlerModule;
  readonly #handle: HandlerExports["handle_zerobuf"];
  readonly #fuel: Counter | undefined;
  readonly #writer: RequestWriter;
  readonly #checks: readonly (() => void)[];
  #hasFailed = false;

  /** @throws {WasmFault} when it does not start */
  constructor(handler: HandlerModule) {
    this.#handler = handler;
    const made = handler.sources.map((source) => [source.name, source.make()] as const);
    const imports: WebAssembly.Imports = Object.fromEntries(
      made.map(([name, its]) => [name, its.imports]),
    );
    const { exports } = guarded("start", () => new WebAssembly.Instance(handler.module, imports));
    this.exports = exports as unknown as this["exports"];
    this.#handle = this.exports.handle_zerobuf;
    this.memory = guarded("start", () => new ModuleMemory(this.exports.memory));
    if (this.memoryBytes > handler.limits.memoryBytes) {
      const { memoryBytes } = handler.limits;
      throw new WasmFault("wasm_failed", `Cannot use more than ${memoryBytes} bytes of memory`);
    }
    this.#fuel = counterOf(exports[FUEL_EXPORT]);
    this.#writer = new RequestWriter(
      this.memory,
      (bytes) => this.malloc(bytes),
      (address) => this.free(address),
    );
    this.#checks = made.flatMap(([, { check }]) => check ?? []);
    for (const [, { attach }] of made) attach?.(this);
    this.#start();
  }

  /** Whether a call into it did not return: what is in its memory may be half done. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Bytes of its memory now. */
  get memoryBytes(): number {
    return this.memory.byteLength;
  }

  /** Gives it a whole request's worth of instructions. */
  refuel(): void {
    if (this.#fuel === undefined) return;
    this.#fuel.value = counterStart(this.#handler.limits.fuel);
  }

  /**
   * Takes instructions away, for work that the host does in place of the module.
   *
   * @throws {WasmFault} `wasm_timeout` when none are left
   */
  spend(units: number): void {
    if (this.#fuel === undefined) return;
    const left = this.#fuel.value - BigInt(units);
    this.#fuel.value = left;
    if (left < 0n) throw new WasmFault("wasm_timeout", "Cannot go on: no fuel is left");
  }

  /** Writes a request; returns its address. @throws {WasmFault} */
  write(request: WasmRequest): number {
    return this.#writer.write(request);
  }

  /** Adds the result of an outbound request to the request that was written last. */
  setResult(address: number, index: number): void {
    this.#writer.setResult(address, index);
  }

  /** Calls the handler; returns the address of its answer. @throws {WasmFault} */
  run(address: number): number {
    // As `guarded` does, without a function for each call.
    const handle = this.#handle;
    try {
      return addressOf(handle(address));
    } catch (error) {
      throw this.#faultOf(error);
    } finally {
      this.memory.refresh();
    }
  }

  /** Reads an answer. @throws {WasmFault} `wasm_bad_response` */
  read(address: number): ModuleAnswer {
    for (const check of this.#checks) check();
    const { limits: { responseBytes }, cache } = this.#handler;
    return readAnswer(this.memory, address, { bytesMax: responseBytes, cache });
  }

  /** Reads so many outbound calls, one after the other. @throws {WasmFault} `wasm_bad_response` */
  readCalls(address: number, count: number): readonly OutboundCall[] {
    const { limits: { responseBytes }, cache } = this.#handler;
    return readCalls(this.memory, address, count, { bytesMax: responseBytes, cache });
  }

  /**
   * A block of its memory, of its own allocator.
   *
   * @throws {WasmFault} `wasm_failed` when there is none, `wasm_bad_response` when it is none
   */
  malloc(bytes: number): number {
    const address = addressOf(this.guarded(() => this.exports.malloc(bytes)));
    if (address === 0) {
      throw new WasmFault("wasm_failed", `Cannot get ${bytes} bytes of the module`);
    }
    if (address % 4 !== 0) {
      throw new WasmFault(
        "wasm_bad_response",
        `Cannot use the address ${address}: 4 divides it not`,
      );
    }
    this.memory.check(address, bytes);
    return address;
  }

  /** Gives a block back, where the module has a way to take it. @throws {WasmFault} */
  free(address: number): void {
    const { free } = this.exports;
    if (typeof free === "function") this.guarded(() => free(address));
  }

  /** Runs what runs the module. @throws {WasmFault} whatever it throws */
  guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#faultOf(error);
    } finally {
      this.memory.refresh();
    }
  }

  /** Whether it has used up what it had. */
  get isOutOfFuel(): boolean {
    return this.#fuel !== undefined && this.#fuel.value < 0n;
  }

  #faultOf(error: unknown): WasmFault {
    this.#hasFailed = true;
    return this.isOutOfFuel ? outOfFuel(error) : faultOf("go on", error);
  }

  #start(): void {
    const { _start: start = this.exports._initialize } = this.exports;
    if (typeof start !== "function") return;
    this.refuel();
    try {
      start();
    } catch (cause) {
      if (this.isOutOfFuel) throw outOfFuel(cause);
      if (!this.#handler.sources.some((source) => source.isExit?.(cause) === true)) {
        throw new WasmFault("wasm_failed", "Cannot start the module", { cause });
      }
    } finally {
      this.memory.refresh();
    }
  }
}

/** A module may export anything under that name: a counter is a number that can be set. */
function counterOf(value: unknown): Counter | undefined {
  if (!(value instanceof WebAssembly.Global)) return undefined;
  try {
    value.value = 0n;
    return value.value === 0n ? value : undefined;
  } catch {
    return undefined;
  }
}

function outOfFuel(cause: unknown): WasmFault {
  return new WasmFault("wasm_timeout", "Cannot go on: no fuel is left", { cause });
}

/** An address is an i32 to JavaScript, and so negative from 2 GiB on; 0 for what is none. */
export function addressOf(value: unknown): number {
  return typeof value === "number" ? value >>> 0 : 0;
}

function guarded<T>(verb: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw faultOf(verb, error);
  }
}

function faultOf(verb: string, cause: unknown): WasmFault {
  if (cause instanceof WasmFault) return cause;
  return new WasmFault("wasm_failed", `Cannot ${verb}: the module failed`, { cause });
}
