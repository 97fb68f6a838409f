/** From a mount in an app file to a module that is ready to run: compiled, limited, checked. */
import type { WasmMode, WasmMount } from "../../core/wasm_mount.ts";
import { PAGE_BYTES, withLimits } from "../../wasm/fuel.ts";
import type { Log } from "../log.ts";
import { columnImports } from "./columns.ts";
import { cryptoImports } from "./crypto.ts";
import { HeaderCache } from "./header_cache.ts";
import { handlerFlaw, type HandlerModule } from "./instance.ts";
import { limitsOf } from "./limits.ts";
import { Outbound } from "./outbound.ts";
import { mayStream, type SuspendingImports, suspendingImports } from "./suspending.ts";
import { SystemImports } from "./system.ts";

/** A module that is ready to run. */
export interface PreparedMount {
  readonly path: string;
  readonly mode: WasmMode;
  readonly handler: HandlerModule;
  /** What the module may reach. */
  readonly outbound: Outbound;
  /** The way into a module that suspends. */
  readonly suspending: SuspendingImports | undefined;
  /** What a module that is compiled for a system imports. */
  readonly system: SystemImports;
}

const PATH = /^(?:\/|(?:\/[\w.~-]+)+)$/;
/** The server's own paths, which no module gets. */
export const OWN_PATH = /^\/(?:_|healthz$)/;
/** No request has them: they are resolved before. */
const DOTS = /\/\.\.?(?:\/|$)/;
const MODES: readonly WasmMode[] = ["pool", "instance", "durable"];

/**
 * Prepares a module. Bytes are given their limits before they are compiled; a module that is compiled
 * already has those that it was built with, and its memory is looked at after each request.
 *
 * @throws {TypeError} when the module or an option is unusable; the message names the mount
 */
export function prepare({ path, module: given, options }: WasmMount, log: Log): PreparedMount {
  try {
    if (!PATH.test(path) || DOTS.test(path)) {
      throw new TypeError('write "/", or "/name" of letters, digits and "._~-"');
    }
    if (OWN_PATH.test(path)) throw new TypeError("the path is the server's own");
    const { mode = "pool", bindings = {} } = options;
    if (!MODES.includes(mode)) throw new TypeError(`there is no mode "${mode}"`);
    const limits = limitsOf(options.limits);
    const module = given instanceof WebAssembly.Module ? given : compile(given, limits);
    const suspending = suspendingImports(module);
    if (bindings.files !== undefined && mayStream(module)) {
      throw new TypeError('it imports "respond", and what it changes in /data would be lost then');
    }
    const system = new SystemImports(path, bindings, log);
    const names = new Set(WebAssembly.Module.imports(module).map((it) => it.module));
    // Each instance gets imports of its own: only those that there is a use for.
    const sources = [
      system,
      suspending,
      cryptoImports(module),
      columnImports(module, bindings.columns),
    ].filter((it) => it !== undefined).filter((it) => names.has(it.name));
    const flaw = handlerFlaw(module, sources);
    if (flaw !== undefined) throw new TypeError(flaw);
    const outbound = new Outbound(bindings, limits);
    const handler = { module, sources, limits, cache: new HeaderCache() };
    return { path, mode, handler, outbound, suspending, system };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`Cannot mount the module at "${path}": ${reason}`, { cause });
  }
}

function compile(
  bytes: Uint8Array<ArrayBuffer>,
  { memoryBytes, fuel }: HandlerModule["limits"],
): WebAssembly.Module {
  if (!(bytes instanceof Uint8Array)) throw new TypeError("it is neither a module nor its bytes");
  const memoryPages = Math.floor(memoryBytes / PAGE_BYTES);
  checkCompiles(bytes);
  // One that says that it counts already is refused: nothing shows whether it does.
  const counter = Number.isFinite(fuel) ? { fuel: BigInt(fuel) } : {};
  return new WebAssembly.Module(withLimits(bytes, { memoryPages, ...counter }));
}

function checkCompiles(bytes: Uint8Array<ArrayBuffer>): void {
  try {
    new WebAssembly.Module(bytes);
  } catch (cause) {
    // As Workers say it.
    if (!/disallowed/.test(String(cause))) throw cause;
    throw new TypeError("this runtime takes a WebAssembly.Module only, not its bytes", { cause });
  }
}
