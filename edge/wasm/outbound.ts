/**
 * Outbound requests of modules: every hop is checked, and their number, bytes and time are bounded.
 *
 * ```
 * Outbound ─ one of a mount: what it allows
 *   begin(signal) → OutboundTurn ─ one of a request: what is left of its bounds
 *      run(calls) → results ─ whatever happens out there is a result, never an error
 * ```
 *
 * The host's own results are plain text, and say why in a header `x-driftless-error`:
 *
 *     403  refused      the mount does not allow the address, or the request is none
 *     502  failed       no answer: no connection, no such host, an answer that breaks off
 *     502  redirects    more than {@linkcode REDIRECTS_MAX} redirects
 *     502  too_large    more bytes than the request has left
 *     504  timeout      more time than the request has left
 *
 * A module that asks again after its time is up, or more often than it may, has failed (504).
 */
import type { WasmBindings, WasmLimits } from "../../core/wasm_mount.ts";
import { answerBinding, isBindingCall, textResult } from "./bindings.ts";
import { WasmFault } from "./fault.ts";
import { FetchPolicy, FetchRefused, systemLookup } from "./fetch_policy.ts";
import { type FetchResult, headerLines } from "./fetch_result.ts";

/** One outbound request, in the host's own memory. */
export interface OutboundRequest {
  readonly method: string;
  /** The address; for a call to a binding, the key. */
  readonly url: string;
  /** Lines of `Name: value`. */
  readonly headers: string;
  /** Of the body; empty for none. */
  readonly contentType: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Redirects of one outbound request. */
export const REDIRECTS_MAX = 10;
/** Bytes of the headers of one outbound request, and how many: runtimes look at each for each other. */
export const REQUEST_HEADER_BYTES_MAX = 64 * 1024;
export const REQUEST_HEADERS_MAX = 256;
/** Outbound requests after which others get their turn, also where no answer takes time. */
const CALLS_PER_TURN = 16;

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/;
const METHODS_REFUSED = /^(?:connect|trace|track)$/i;
/** The connection's own, which `fetch` writes. */
const REQUEST_HEADERS_REFUSED =
  /^(?:host|connection|content-length|transfer-encoding|upgrade|keep-alive|te|trailer|expect|proxy-.*)$/i;
/** What must not go along to another origin. */
const SECRET_HEADERS: readonly string[] = ["authorization", "cookie"];
const ERROR_HEADER = "x-driftless-error";
const BODY_DECODED = /^(?:x-)?(?:gzip|deflate|br|zstd)$/i;

const ERROR_TEXTS = {
  failed: [502, "The request failed"],
  redirects: [502, "Too many redirects"],
  refused: [403, "The request is not allowed"],
  timeout: [504, "The request took too long"],
  too_large: [502, "The answer is too large"],
} as const;

type FetchError = keyof typeof ERROR_TEXTS;

/** What a mount lets its module reach. */
export class Outbound {
  readonly #bindings: WasmBindings;
  readonly #limits: WasmLimits;
  readonly #policy: FetchPolicy;

  /** @throws {TypeError} when `bindings.fetch.allow` has what is no host */
  constructor(bindings: WasmBindings, limits: WasmLimits) {
    this.#bindings = bindings;
    this.#limits = limits;
    const { allow = [], privateAddresses = false, fetch: own, lookup } = bindings.fetch ?? {};
    this.#policy = new FetchPolicy({
      allow,
      privateAddresses,
      // Whoever brings a `fetch` of their own knows what it reaches.
      lookup: lookup ?? (own === undefined && allow.length > 0 ? systemLookup() : undefined),
    });
  }

  /** For one request; `signal` aborts when its caller is gone. */
  begin(signal?: AbortSignal): OutboundTurn {
    return new OutboundTurn(this.#bindings, this.#limits, this.#policy, signal);
  }
}

/** The outbound requests of one request. */
export class OutboundTurn {
  readonly #bindings: WasmBindings;
  readonly #policy: FetchPolicy;
  readonly #caller: AbortSignal | undefined;
  readonly #limits: WasmLimits;
  #calls = 0;
  #bytesLeft: number;
  #msLeft: number;

  constructor(
    bindings: WasmBindings,
    limits: WasmLimits,
    policy: FetchPolicy,
    caller: AbortSignal | undefined,
  ) {
    this.#bindings = bindings;
    this.#policy = policy;
    this.#caller = caller;
    this.#limits = limits;
    this.#bytesLeft = limits.fetchBytes;
    this.#msLeft = limits.fetchMs;
  }

  /** Aborts when the caller of the module is gone. */
  get caller(): AbortSignal | undefined {
    return this.#caller;
  }

  /**
   * Runs requests at once; their results are in the same order.
   *
   * @throws {WasmFault} `wasm_timeout` after too many requests, or too much time
   * @throws what the caller's signal was aborted with
   */
  async run(requests: readonly OutboundRequest[]): Promise<readonly FetchResult[]> {
    this.#caller?.throwIfAborted();
    const { fetchRounds } = this.#limits;
    const before = this.#calls;
    this.#calls += requests.length;
    if (this.#calls > fetchRounds) {
      throw new WasmFault("wasm_timeout", `Cannot send more than ${fetchRounds} requests`);
    }
    if (this.#msLeft <= 0) {
      throw new WasmFault("wasm_timeout", `Cannot wait more than ${this.#limits.fetchMs} ms`);
    }
    const turns = (calls: number) => Math.floor(calls / CALLS_PER_TURN);
    if (turns(before) !== turns(this.#calls)) {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      this.#caller?.throwIfAborted();
    }
    return await this.#within(requests);
  }

  async #within(requests: readonly OutboundRequest[]): Promise<readonly FetchResult[]> {
    const started = performance.now();
    const ending = new AbortController();
    const ended = Promise.withResolvers<never>();
    // Also when nobody waits for it any more.
    ended.promise.catch(() => {});
    const end = (reason: unknown) => {
      ending.abort(reason);
      ended.reject(reason);
    };
    const late = new DOMException("The time is up", "TimeoutError");
    const timer = setTimeout(() => end(late), this.#msLeft);
    const leave = () => end(this.#caller?.reason);
    this.#caller?.addEventListener("abort", leave);
    try {
      const results = requests.map((request) =>
        // A `fetch` or a store that does not heed the signal is left behind.
        Promise.race([this.#answer(request, ending.signal), ended.promise]).catch((error) => {
          this.#caller?.throwIfAborted();
          return errorResult(error === late ? "timeout" : "failed");
        })
      );
      return await Promise.all(results);
    } finally {
      clearTimeout(timer);
      this.#caller?.removeEventListener("abort", leave);
      this.#msLeft -= performance.now() - started;
      ending.abort(late);
    }
  }

  async #answer(request: OutboundRequest, signal: AbortSignal): Promise<FetchResult> {
    const { method, url, body } = request;
    if (isBindingCall(method)) {
      const result = await answerBinding(this.#bindings.kv, method, url, body);
      return this.#take(result.body.length) ? result : errorResult("too_large");
    }
    try {
      return await this.#fetch(request, signal);
    } catch (error) {
      if (error instanceof FetchRefused) return errorResult("refused", error.message);
      throw error;
    }
  }

  async #fetch(request: OutboundRequest, signal: AbortSignal): Promise<FetchResult> {
    let { method, body } = request;
    if (!METHOD.test(method) || METHODS_REFUSED.test(method)) {
      return errorResult("refused", "This method is not allowed");
    }
    const headers = requestHeaders(request);
    let url = this.#policy.check(request.url);
    const send = this.#bindings.fetch?.fetch ?? fetch;
    for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
      await this.#policy.checkAddresses(url);
      signal.throwIfAborted();
      const carries = !/^(?:get|head)$/i.test(method) && body.length > 0;
      const init: RequestInit = { method, headers, redirect: "manual", signal };
      const response = await send(url.href, carries ? { ...init, body } : init);
      const next = redirectOf(response);
      if (next === undefined) return await this.#read(response);
      response.body?.cancel().catch(() => {});
      const { origin } = url;
      url = this.#policy.check(next, url);
      if (url.origin !== origin) { for (const name of SECRET_HEADERS) headers.delete(name); }
      if (becomesGet(response.status, method)) {
        method = "GET";
        body = new Uint8Array();
        headers.delete("content-type");
      }
    }
    return errorResult("redirects");
  }

  async #read(response: Response): Promise<FetchResult> {
    const encoding = response.headers.get("content-encoding") ?? "";
    const headers = headerLines(
      response.headers,
      (name) =>
        name === ERROR_HEADER ||
        (BODY_DECODED.test(encoding) && /^content-(?:encoding|length)$/.test(name)),
    );
    const chunks: Uint8Array[] = [];
    let fits = this.#take(headers.length);
    if (response.body !== null) {
      const reader = response.body.getReader();
      for (let part = await reader.read(); fits && !part.done; part = await reader.read()) {
        chunks.push(part.value);
        fits = this.#take(part.value.length);
        if (!fits) break;
      }
      if (!fits) reader.cancel().catch(() => {});
    }
    if (!fits) return errorResult("too_large");
    const contentType = response.headers.get("content-type") ?? "";
    return { status: response.status, contentType, headers, body: concatenated(chunks) };
  }

  /** Counts bytes; `false` when there are no such many left. */
  #take(bytes: number): boolean {
    if (bytes > this.#bytesLeft) return false;
    this.#bytesLeft -= bytes;
    return true;
  }
}

function errorResult(error: FetchError, text: string = ERROR_TEXTS[error][1]): FetchResult {
  return textResult(ERROR_TEXTS[error][0], text, `${ERROR_HEADER}: ${error}\n`);
}

/** @throws {FetchRefused} when a line is no header, or there are too many */
function requestHeaders({ headers: text, contentType, body }: OutboundRequest): Headers {
  const headers = new Headers();
  const isLarge = text.length + contentType.length > REQUEST_HEADER_BYTES_MAX;
  const lines = isLarge ? [] : text.split("\n").filter((line) => line !== "");
  if (isLarge || lines.length > REQUEST_HEADERS_MAX) {
    throw new FetchRefused("The request has too many headers");
  }
  try {
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, Math.max(0, colon)).trim();
      if (name === "" || REQUEST_HEADERS_REFUSED.test(name)) continue;
      headers.append(name, line.slice(colon + 1).trim());
    }
    if (contentType !== "" && body.length > 0) headers.set("content-type", contentType);
  } catch {
    throw new FetchRefused("A header of the request is not valid");
  }
  return headers;
}

function redirectOf({ status, headers }: Response): string | undefined {
  if (![301, 302, 303, 307, 308].includes(status)) return undefined;
  return headers.get("location") ?? undefined;
}

/** As browsers do, and the Fetch standard says. */
function becomesGet(status: number, method: string): boolean {
  if (status === 303) return !/^(?:get|head)$/i.test(method);
  return (status === 301 || status === 302) && /^post$/i.test(method);
}

function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
