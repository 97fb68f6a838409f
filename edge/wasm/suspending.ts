/**
 * Outbound requests and streamed bodies by suspension: a module calls the host, sleeps until there is
 * an answer, and goes on where it was. Its handler runs once, however many requests it makes.
 *
 * A module imports what it needs of these, from `driftless`; addresses and results are i32:
 *
 *     fetch(call) → result             sends one request
 *     fetch_all(calls, count) → result sends 1 to 16 at once
 *     respond(response) → 0            begins the response; once, before the first `write`
 *     write(address, length) → 0       sends so many bytes of its body, and waits for a slow reader
 *
 * `call` is four slots, as those of an answer of status -1 in `fetches.ts` (the number is not used);
 * `calls` are so many in a row. `result` is four slots, as `fetch_result.ts` has them, or so many in a
 * row; they stay until the instance's next request, where the module exports `free`, else for ever.
 * `response` is the four slots of a response, whose body is sent first. After `respond` what the handler
 * returns does not count: its return is the end of the body.
 *
 * One request has the instance for itself until the handler returns, suspended or not. When its caller
 * goes, or does not read for {@linkcode STREAM_STALL_MS_MAX}, what the module waits for fails, which ends
 * the module as a trap does: a module in durable mode that streams begins anew then.
 */
import { type Caller, freeResults, keepResults, replay, requestOf } from "./fetches.ts";
import { WasmFault } from "./fault.ts";
import { writeResults } from "./fetch_result.ts";
import {
  addressOf,
  FAULT_UNITS,
  type ImportSource,
  type InstanceImports,
  type WasmInstance,
} from "./instance.ts";
import type { Outbound, OutboundTurn } from "./outbound.ts";
import type { WasmRequest } from "./request_slots.ts";
import type { ReadResponse } from "./response_slots.ts";

/** A response whose body comes while the module goes on. */
export interface StreamedResponse {
  readonly kind: "stream";
  readonly status: number;
  readonly headers: ReadResponse["headers"];
  /** Errors when the module fails. Must be read to its end, or cancelled. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Resolves when the instance can be used again; rejects with the reason when it cannot. */
  readonly ended: Promise<void>;
}

/** The name that modules import from. */
export const SUSPENDING_IMPORTS = "driftless";
/** How long a module waits for who does not read its body, in milliseconds. */
export const STREAM_STALL_MS_MAX = 30_000;

/** What each call of the host costs a module, in instructions: as much as one that is refused. */
const CALL_UNITS = FAULT_UNITS;
/** Bytes that the host copies for as much as one instruction costs. */
const BYTES_A_UNIT = 8;

type Import = (...numbers: number[]) => number | Promise<number>;
type Entry = (address: number) => Promise<number>;

interface Suspension {
  readonly Suspending: new (run: Import) => WebAssembly.ExportValue;
  promising(run: unknown): Entry;
}

/**
 * The imports for a module that suspends; `undefined` when it imports none of them. A body whose
 * reader takes nothing for `stallMs` is given up.
 *
 * @throws {TypeError} when this runtime cannot suspend a module
 */
export function suspendingImports(
  module: WebAssembly.Module,
  stallMs: number = STREAM_STALL_MS_MAX,
): SuspendingImports | undefined {
  const used = WebAssembly.Module.imports(module).find((it) => it.module === SUSPENDING_IMPORTS);
  if (used === undefined) return undefined;
  const engine: object = WebAssembly;
  if (hasSuspension(engine)) return new SuspendingImports(engine, stallMs);
  throw new TypeError(
    `it imports "${used.name}" of "${SUSPENDING_IMPORTS}", ` +
      "and this runtime has no WebAssembly.Suspending",
  );
}

/** Whether a module's responses may begin before it has ended. */
export function mayStream(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.imports(module).some((it) =>
    it.module === SUSPENDING_IMPORTS && it.name === "respond"
  );
}

/** The imports of one module, and the way into its instances. */
export class SuspendingImports implements ImportSource {
  readonly name = SUSPENDING_IMPORTS;
  readonly #suspension: Suspension;
  readonly #stallMs: number;
  readonly #doors = new WeakMap<WasmInstance, Door>();

  constructor(suspension: Suspension, stallMs: number) {
    this.#suspension = suspension;
    this.#stallMs = stallMs;
  }

  make(): InstanceImports {
    const door = new Door();
    const { Suspending } = this.#suspension;
    const imports = {
      fetch: new Suspending((call = 0) => door.visit.fetch(call, 1)),
      fetch_all: new Suspending((calls = 0, count = 0) => door.visit.fetch(calls, count)),
      respond: (response: number) => door.visit.respond(response),
      write: new Suspending((address = 0, length = 0) => door.visit.write(address, length)),
    };
    const attach = (instance: WasmInstance) => {
      door.instance = instance;
      this.#doors.set(instance, door);
    };
    return { imports, attach };
  }

  /**
   * Has an instance answer a request. Resolves with the response, or when its body begins to come.
   *
   * @throws {WasmFault}
   * @throws what the caller's signal was aborted with
   */
  enter(
    instance: WasmInstance,
    request: WasmRequest,
    outbound: Outbound,
    caller?: Caller,
  ): Promise<ReadResponse | StreamedResponse> {
    const door = this.#doors.get(instance);
    if (door === undefined) throw new TypeError("Cannot enter an instance of another module");
    door.entry ??= this.#suspension.promising(instance.exports.handle_zerobuf);
    const visit = new Visit(instance, outbound, this.#stallMs, caller?.signal);
    door.open(visit);
    return visit.begin(request, door.entry, () => door.close());
  }
}

/** What leads from an instance's imports to the request that it works on. */
class Door {
  instance: WasmInstance | undefined;
  entry: Entry | undefined;
  #visit: Visit | undefined;

  get visit(): Visit {
    if (this.#visit !== undefined) return this.#visit;
    this.instance?.spend(CALL_UNITS);
    throw new WasmFault("wasm_failed", "Cannot call the host: there is no request");
  }

  open(visit: Visit): void {
    if (this.#visit !== undefined) throw new TypeError("Cannot enter an instance that is at work");
    this.#visit = visit;
  }

  close(): void {
    this.#visit = undefined;
  }
}

/** One request in one instance. */
class Visit {
  readonly #instance: WasmInstance;
  readonly #stallMs: number;
  readonly #turn: OutboundTurn;
  /** Aborts when nobody waits for the module any more. */
  readonly #gone = new AbortController();
  readonly #answered = Promise.withResolvers<ReadResponse | StreamedResponse>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #caller: AbortSignal | undefined;
  #stream: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  /** Called when the reader wants more. */
  #wake = () => {};

  constructor(
    instance: WasmInstance,
    outbound: Outbound,
    stallMs: number,
    caller: AbortSignal | undefined,
  ) {
    this.#instance = instance;
    this.#stallMs = stallMs;
    this.#caller = caller;
    this.#turn = outbound.begin(this.#gone.signal);
    // Only who got a body asks.
    this.#ended.promise.catch(() => {});
  }

  begin(
    request: WasmRequest,
    entry: Entry,
    over: () => void,
  ): Promise<ReadResponse | StreamedResponse> {
    const leave = () => this.#gone.abort(this.#caller?.reason);
    if (this.#caller?.aborted === true) leave();
    this.#caller?.addEventListener("abort", leave);
    // The instance is free before anybody hears of the end: it may be entered again at once.
    const end = () => {
      this.#caller?.removeEventListener("abort", leave);
      over();
    };
    this.#run(request, entry).then((response) => {
      end();
      this.#finish(response);
    }, (error) => {
      end();
      this.#fail(error);
    });
    return this.#answered.promise;
  }

  async fetch(address: number, count: number): Promise<number> {
    this.#resume();
    const calls = this.#instance.readCalls(address >>> 0, count);
    for (const { content, head, headers } of calls) {
      this.#spend((content.length + head.length + headers.length) / BYTES_A_UNIT);
    }
    const results = await this.#turn.run(calls.map(requestOf));
    return keepResults(this.#instance, writeResults(this.#instance, results)) | 0;
  }

  respond(address: number): number {
    this.#resume();
    const head = this.#instance.read(address >>> 0);
    if (head.kind !== "response" || this.#stream !== undefined) {
      throw new WasmFault("wasm_bad_response", "Cannot begin a response like this");
    }
    this.#spend(head.body.length / BYTES_A_UNIT);
    const first = head.body.slice();
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        this.#stream = controller;
        if (first.length > 0) controller.enqueue(first);
      },
      pull: () => this.#wake(),
      cancel: () => this.#gone.abort(new DOMException("The reader is gone", "AbortError")),
    });
    const { status, headers } = head;
    this.#answered.resolve({ kind: "stream", status, headers, body, ended: this.#ended.promise });
    return 0;
  }

  async write(address: number, length: number): Promise<number> {
    this.#resume();
    const stream = this.#stream;
    if (stream === undefined) {
      throw new WasmFault("wasm_bad_response", "Cannot write before the response has begun");
    }
    this.#spend((length >>> 0) / BYTES_A_UNIT);
    const bytes = this.#instance.memory.at(address >>> 0, length >>> 0).slice();
    await this.#wanted(stream);
    if (bytes.length > 0) stream.enqueue(bytes);
    return 0;
  }

  async #run(request: WasmRequest, entry: Entry): Promise<ReadResponse | undefined> {
    const instance = this.#instance;
    freeResults(instance);
    const run = async (address: number) => {
      let answer: number;
      try {
        answer = await entry(address);
      } catch (error) {
        this.#gone.signal.throwIfAborted();
        answer = instance.guarded(() => {
          throw error;
        });
      }
      instance.memory.refresh();
      return addressOf(answer);
    };
    const address = await run(instance.write(request));
    this.#gone.signal.throwIfAborted();
    if (this.#stream !== undefined) return undefined;
    const answer = instance.read(address);
    if (answer.kind === "response") return answer;
    return await replay(instance, request, answer, this.#turn, run);
  }

  #finish(response: ReadResponse | undefined): void {
    if (response !== undefined) this.#answered.resolve(response);
    // A reader may have gone at the very last moment; closing would throw then.
    if (!this.#gone.signal.aborted) this.#stream?.close();
    this.#ended.resolve();
  }

  #fail(error: unknown): void {
    this.#answered.reject(error);
    // Harmless when the reader has gone.
    this.#stream?.error(new TypeError("The handler failed"));
    this.#ended.reject(error);
  }

  /** The module has run, and has come to the host. */
  #resume(): void {
    this.#instance.memory.refresh();
    this.#spend(CALL_UNITS);
    this.#gone.signal.throwIfAborted();
  }

  #spend(units: number): void {
    this.#instance.spend(Math.ceil(units));
  }

  /** Waits until the reader has room. */
  async #wanted(stream: ReadableStreamDefaultController): Promise<void> {
    if ((stream.desiredSize ?? 0) > 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { signal } = this.#gone;
    // Who takes nothing has gone, as far as the module goes.
    const timer = setTimeout(() => {
      this.#gone.abort(new DOMException("The reader takes nothing", "TimeoutError"));
    }, this.#stallMs);
    const left = () => reject(signal.reason);
    signal.addEventListener("abort", left);
    this.#wake = resolve;
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", left);
    }
  }
}

function hasSuspension(value: object): value is Suspension {
  return typeof Reflect.get(value, "Suspending") === "function" &&
    typeof Reflect.get(value, "promising") === "function";
}
