/**
 * The modules of an app behind their paths: requests in, responses out.
 *
 *     Request ─ read whole ─ an instance of the pool ─ written, run, read ─ Response ─ instance back
 *
 * A module that fails costs its own request and its own instance: 500 when it trapped, 502 when what
 * it answered makes no sense, 504 when it took too long, 503 when all instances are at work. What
 * happened is in the log, and not in the answer.
 */
import { DriftlessError } from "../../core/errors.ts";
import type { WasmMount } from "../../core/wasm_mount.ts";
import { notFound } from "../answers.ts";
import { errorText, type Log } from "../log.ts";
import type { Peer, Upgrade } from "../socket.ts";
import { HandlerError, WasmFault } from "./fault.ts";
import { type Caller, runExchange } from "./fetches.ts";
import type { Lease, WasmInstance } from "./instance.ts";
import { checkSize, requestFor, responseOf, streamOf } from "./messages.ts";
import { InstancePool } from "./pool.ts";
import { prepare, type PreparedMount } from "./prepare.ts";
import type { WasmRequest } from "./request_slots.ts";
import type { ReadResponse } from "./response_slots.ts";
import { ModuleSockets } from "./sockets.ts";
import type { StreamedResponse } from "./suspending.ts";

/** What mounts report to. */
export interface WasmMountsOptions {
  /** Hears of modules that fail, what they print, and of instances that go. */
  readonly log: Log;
}

/** One module at its path, and its instances. */
interface Mounted extends PreparedMount {
  readonly pool: InstancePool;
  /** Only a durable module has any. */
  readonly sockets: ModuleSockets | undefined;
}

/** What becomes of a response, while its instance is still there. */
interface Use<T> {
  readonly caller?: Caller | undefined;
  whole(response: ReadResponse): T;
  stream(response: StreamedResponse): T;
}

/** The server's own paths, which no module gets. */
export const OWN_PATH = /^\/(?:_|healthz$)/;

/**
 * The modules of an app, at work. A handler has its own; this is for programs that call modules
 * themselves.
 *
 * @example
 * ```ts
 * import { defineApp } from "@driftless/driftless";
 * import { createLog, WasmMounts } from "@driftless/driftless/server";
 *
 * // A handler that answers with the first item that it is given.
 * const text = "AGFzbQEAAAABBgFgAX8BfwMDAgAABQMBAAEGBwF/AUGAIAsHJAMGbWVtb3J5AgAGbWFsbG9jAAAO" +
 *   "aGFuZGxlX3plcm9idWYAAQozAgUAQYAICysBAX9BwABBAjYCAEHEAEHIATYCAEHgAEEENgIAQeQAIAAoAmQ2" +
 *   "AgBBwAAL";
 * const module = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
 * const app = defineApp({ name: "echo", collections: {} }).wasm("/echo", module);
 *
 * const mounts = new WasmMounts(app.mounts, { log: createLog("error") });
 * const request = { method: "GET", target: "/echo", headers: "", body: new Uint8Array() };
 * const answer = await mounts.call(
 *   "/echo",
 *   { ...request, fanout: ["Hello"] },
 *   ({ body }) => new TextDecoder().decode(body),
 * );
 * if (answer !== "Hello") throw new Error(answer);
 * mounts.close();
 * ```
 */
export class WasmMounts {
  /** The longest path first. */
  readonly #mounted: readonly Mounted[];
  readonly #log: Log;

  /**
   * Prepares the modules of an app: `app.mounts`.
   *
   * @throws {TypeError} when one of them cannot be used; the message names the mount
   */
  constructor(mounts: ReadonlyMap<string, WasmMount>, { log }: WasmMountsOptions) {
    this.#log = log;
    this.#mounted = [...mounts.values()]
      .toSorted((one, other) => other.path.length - one.path.length)
      .map((mount) => this.#mount(mount));
  }

  /** The mount that a path belongs to, if it is one's. */
  match(path: string): string | undefined {
    return this.#find(path)?.path;
  }

  /**
   * Answers a request.
   *
   * @throws {DriftlessError} when the module does not
   */
  async fetch(request: Request): Promise<Response> {
    const mounted = this.#find(new URL(request.url).pathname);
    if (mounted === undefined) throw notFound();
    const { method } = request;
    const sent = await requestFor(request, mounted.handler.limits.requestBytes);
    // Who leaves takes an instance along, if it was at work outside. A durable one has other callers.
    const caller = mounted.mode === "durable" ? undefined : request;
    return await this.#exchange(mounted, sent, {
      caller,
      whole: (response) => responseOf(response, method),
      stream: (response) => streamOf(response, method),
    });
  }

  /**
   * Takes the WebSocket of a durable mount in.
   *
   * @throws {DriftlessError} when there is no such mount, or it has too many
   */
  async upgrade(request: Request, { remoteAddress }: Peer): Promise<Upgrade> {
    const mounted = this.#find(new URL(request.url).pathname);
    if (mounted?.sockets === undefined) throw notFound();
    const opening = await requestFor(request, mounted.handler.limits.requestBytes);
    return mounted.sockets.upgrade(opening, remoteAddress);
  }

  /**
   * Asks the module of a mount from within the program. `use` sees the response where the module wrote
   * it: nothing is copied, and nothing of its body holds once `use` has returned.
   *
   * @throws {DriftlessError} when there is no such mount, or its module does not answer, or not whole
   */
  async call<T>(
    path: string,
    request: WasmRequest,
    use: (response: ReadResponse) => T,
  ): Promise<T> {
    const mounted = this.#find(path);
    if (mounted === undefined) throw notFound();
    checkSize(request, mounted.handler.limits.requestBytes);
    return await this.#exchange(mounted, request, {
      whole: use,
      stream: ({ body }) => {
        void body.cancel();
        throw new WasmFault("wasm_bad_response", "Cannot stream to a call");
      },
    });
  }

  /** Instances that there are of a mount, at work and idle. */
  instances(path: string): number {
    return this.#find(path)?.pool.size ?? 0;
  }

  /** Drops every instance, and refuses who waits for one. */
  close(): void {
    for (const { pool } of this.#mounted) pool.close();
  }

  async #exchange<T>(mounted: Mounted, request: WasmRequest, use: Use<T>): Promise<T> {
    const { path, pool } = mounted;
    let lease: Lease | undefined;
    let state: "good" | "broken" = "broken";
    try {
      const given = pool.acquire();
      lease = given instanceof Promise ? await given : given;
      if (given instanceof Promise && use.caller?.signal.aborted === true) {
        state = "good";
        throw gone();
      }
      const answer = answerOf(mounted, lease.instance, request, use.caller);
      const response = answer instanceof Promise ? await answer : answer;
      if (response.kind === "stream") {
        const { release } = lease;
        lease = undefined;
        void response.ended.then(release);
        return use.stream(response);
      }
      state = "good";
      return use.whole(response);
    } catch (error) {
      if (!(error instanceof WasmFault)) {
        throw use.caller?.signal.aborted === true ? gone() : error;
      }
      this.#log.error("handler failed", { path, error: errorText(error) });
      throw new HandlerError(error);
    } finally {
      lease?.release(state);
    }
  }

  #find(path: string): Mounted | undefined {
    if (OWN_PATH.test(path)) return undefined;
    return this.#mounted.find((it) =>
      it.path === "/" || path === it.path || path.startsWith(`${it.path}/`)
    );
  }

  #mount(mount: WasmMount): Mounted {
    const prepared = prepare(mount, this.#log);
    const { path, mode, handler } = prepared;
    const dropped = (reason: string, memoryBytes: number) =>
      this.#log.info("instance dropped", { path, reason, memory_bytes: memoryBytes });
    const sockets = mode === "durable"
      ? new ModuleSockets((request, use) => this.call(path, request, use), this.#log)
      : undefined;
    return { ...prepared, sockets, pool: new InstancePool(handler, { mode, dropped }) };
  }
}

/** A promise only where the module makes requests, or has files that are kept elsewhere. */
function answerOf(
  { outbound, suspending, system }: Mounted,
  instance: WasmInstance,
  request: WasmRequest,
  caller: Caller | undefined,
): ReadResponse | Promise<ReadResponse | StreamedResponse> {
  instance.refuel();
  const run = () =>
    suspending === undefined
      ? runExchange(instance, request, outbound, caller)
      : suspending.enter(instance, request, outbound, caller);
  const data = system.dataOf(instance);
  return data === undefined ? run() : data.settle<ReadResponse | StreamedResponse>(run);
}

/** Nobody hears it. */
function gone(): DriftlessError {
  return new DriftlessError("unavailable", "The caller has gone");
}
