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
import { checkSize, pathOf, requestFor, responseOf, streamOf, targetOf } from "./messages.ts";
import { InstancePool } from "./pool.ts";
import { OWN_PATH, prepare, type PreparedMount } from "./prepare.ts";
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
    const target = targetOf(request.url);
    const mounted = this.#find(pathOf(target));
    if (mounted === undefined) throw notFound();
    const { method } = request;
    const sent = await requestFor(request, target, mounted.handler.limits.requestBytes);
    // Who leaves takes an instance along, if it was at work outside. A durable one has other callers.
    const caller = mounted.mode === "durable" ? undefined : request;
    return this.#exchange(mounted, sent, {
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
    const target = targetOf(request.url);
    const mounted = this.#find(pathOf(target));
    if (mounted?.sockets === undefined) throw notFound();
    const opening = await requestFor(request, target, mounted.handler.limits.requestBytes);
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

  /** No promise where nothing has to be waited for: each costs as much as a part of the exchange. */
  #exchange<T>(mounted: Mounted, request: WasmRequest, use: Use<T>): T | Promise<T> {
    let given: Lease | Promise<Lease>;
    try {
      given = mounted.pool.acquire();
    } catch (error) {
      throw this.#told(mounted, error, use);
    }
    return given instanceof Promise
      ? this.#wait(mounted, given, request, use)
      : this.#run(mounted, given, request, use);
  }

  async #wait<T>(
    mounted: Mounted,
    given: Promise<Lease>,
    request: WasmRequest,
    use: Use<T>,
  ): Promise<T> {
    let lease: Lease;
    try {
      lease = await given;
    } catch (error) {
      throw this.#told(mounted, error, use);
    }
    if (use.caller?.signal.aborted === true) {
      lease.release("good");
      throw gone();
    }
    return await this.#run(mounted, lease, request, use);
  }

  #run<T>(mounted: Mounted, lease: Lease, request: WasmRequest, use: Use<T>): T | Promise<T> {
    let state: "good" | "broken" | "at work" = "broken";
    try {
      const answer = answerOf(mounted, lease.instance, request, use.caller);
      if (answer instanceof Promise) {
        state = "at work";
        return this.#finish(mounted, lease, answer, use);
      }
      state = "good";
      return use.whole(answer);
    } catch (error) {
      throw this.#told(mounted, error, use);
    } finally {
      if (state !== "at work") lease.release(state);
    }
  }

  async #finish<T>(
    mounted: Mounted,
    lease: Lease,
    answer: Promise<ReadResponse | StreamedResponse>,
    use: Use<T>,
  ): Promise<T> {
    let state: "good" | "broken" | "at work" = "broken";
    try {
      const response = await answer;
      if (response.kind === "stream") {
        state = "at work";
        response.ended.then(
          () => lease.release("good"),
          (error) => {
            this.#told(mounted, error, use);
            lease.release("broken");
          },
        );
        return use.stream(response);
      }
      state = "good";
      return use.whole(response);
    } catch (error) {
      throw this.#told(mounted, error, use);
    } finally {
      if (state !== "at work") lease.release(state);
    }
  }

  /** What the caller is told of an error; the log has the rest. */
  #told<T>({ path }: Mounted, error: unknown, { caller }: Use<T>): unknown {
    if (!(error instanceof WasmFault)) return caller?.signal.aborted === true ? gone() : error;
    this.#log.error("handler failed", { path, error: errorText(error) });
    return new HandlerError(error);
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
  { handler, outbound, suspending, system }: Mounted,
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
  if (data === undefined) return run();
  const patience = { msMax: handler.limits.fetchMs, signal: caller?.signal };
  return data.settle<ReadResponse | StreamedResponse>(run, patience);
}

/** Nobody hears it. */
function gone(): DriftlessError {
  return new DriftlessError("unavailable", "The caller has gone");
}
