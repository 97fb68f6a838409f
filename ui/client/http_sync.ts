/** The HTTP doors as a client uses them: push, pull, snapshot, ticket. */
import { type Change, CHANGE_OPS, type ChangeOp, type LogPage } from "../../core/change.ts";
import { DriftlessError, type ErrorCode, errorCode } from "../../core/errors.ts";
import { canonicalText, isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { PULL_LIMIT_MAX } from "../../core/limits.ts";
import type { Mutation } from "../../core/mutation.ts";
import type { LoadedSnapshot, SnapshotRow } from "../../core/snapshot.ts";
import type { WireResult } from "../../core/wire/messages.ts";

/** How to reach the server. */
export interface HttpOptions {
  /** Its address; a path in it stands before those of the doors. */
  readonly url: string | undefined;
  readonly fetch: typeof fetch;
  /** The bearer token, or nothing where a cookie signs the user in. */
  readonly token: () => Promise<string | undefined>;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the server may be silent during a request, in milliseconds. */
  readonly timeoutMs: number;
  /** The version of the app that runs here. */
  readonly appVersion: number;
}

/** The server answered, and refused. */
export class RefusedError extends DriftlessError {
  /** How long it wants to be left alone, in milliseconds; 0 when it does not say. */
  readonly retryAfterMs: number;

  constructor(code: ErrorCode, message: string, retryAfterMs: number) {
    super(code, message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a status means where a proxy answers in the server's place. */
const STATUS_CODES: Readonly<Partial<Record<number, ErrorCode>>> = {
  401: "unauthenticated",
  403: "forbidden",
  413: "too_large",
  429: "rate_limited",
};

/** Requests to the sync doors; every failure is a {@linkcode DriftlessError}. */
export class HttpSync {
  readonly #options: HttpOptions;
  readonly #base: URL;
  #serverVersion: number;

  /** @throws {TypeError} when the address is none */
  constructor(options: HttpOptions) {
    this.#options = options;
    this.#serverVersion = options.appVersion;
    this.#base = baseOf(options.url);
  }

  /** The version of the app that the server runs, once it has said so. */
  get serverVersion(): number {
    return this.#serverVersion;
  }

  /** How long the server may be silent, in milliseconds. */
  get timeoutMs(): number {
    return this.#options.timeoutMs;
  }

  /** Sends a batch; a result for each mutation, in order, and the history that cursors in them count in. */
  async push(
    mutations: readonly Mutation[],
    signal: AbortSignal,
  ): Promise<{ readonly results: readonly WireResult[]; readonly epoch: string }> {
    const body = {
      mutations: mutations.map(({ createdAt, ...rest }) => ({ ...rest, created_at: createdAt })),
      app_version: this.#options.appVersion,
    };
    return await this.#post("/_sync/push", body, signal, ({ results, epoch }) => ({
      results: list(results).map(resultOf),
      epoch: text(epoch),
    }));
  }

  /** Asks for the changes after a cursor. */
  async pull(scope: string, cursor: number, signal: AbortSignal): Promise<LogPage> {
    const body = { scope, cursor, limit: PULL_LIMIT_MAX, app_version: this.#options.appVersion };
    return await this.#post("/_sync/pull", body, signal, ({ changes, has_more, epoch, root }) => ({
      epoch: text(epoch),
      from: cursor,
      changes: list(changes).map((change, index) => changeOf(change, cursor + index + 1)),
      more: has_more === true,
      root: bytesOf(root),
    }));
  }

  /** Asks for all rows. */
  async snapshot(scope: string, signal: AbortSignal): Promise<LoadedSnapshot> {
    const body = { scope, app_version: this.#options.appVersion, columns: true };
    return await this.#post("/_sync/snapshot", body, signal, (answer) => {
      const { cursor, epoch, time, pages } = answer;
      // An older server knows no columns.
      const rows = pages === undefined ? rowsOf(answer.data) : list(pages).flatMap(rowsOfPage);
      return { epoch: text(epoch), cursor: integer(cursor), time: integer(time), rows };
    });
  }

  /** Gets the address of one live connection; it works once, and for a short time. */
  async liveUrl(signal: AbortSignal, scope?: string): Promise<string> {
    // A server with a host of its own for each scope has to know whom to ask.
    const body = { scope };
    const ticket = await this.#post("/_live/ticket", body, signal, (answer) => text(answer.ticket));
    const url = new URL("./_live", this.#base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("ticket", ticket);
    return url.href;
  }

  /** Sends a body to a door as it is; the answer is read by the caller, whatever it says. */
  async send(
    path: string,
    type: string,
    body: BodyInit,
    signal: AbortSignal,
  ): Promise<Response> {
    const { fetch } = this.#options;
    const headers = await this.#headers();
    headers.set("content-type", type);
    return await fetch(new URL(`.${path}`, this.#base), { method: "POST", headers, body, signal });
  }

  async #post<T>(
    path: string,
    body: unknown,
    signal: AbortSignal,
    read: (answer: JsonObject) => T,
  ): Promise<T> {
    const { url, timeoutMs } = this.#options;
    const silence = new AbortController();
    const limit = AbortSignal.any([signal, silence.signal]);
    const expire = () => silence.abort(new DOMException("The server is silent", "TimeoutError"));
    let timer = setTimeout(expire, timeoutMs);
    const heard = () => {
      clearTimeout(timer);
      if (!limit.aborted) timer = setTimeout(expire, timeoutMs);
    };
    let response: Response;
    let answer: unknown;
    try {
      ({ response, answer } = await within(limit, () => this.#exchange(path, body, limit, heard)));
    } catch (cause) {
      if (cause instanceof DriftlessError) throw cause;
      throw new DriftlessError("unavailable", `Cannot reach ${url}`, { cause });
    } finally {
      clearTimeout(timer);
    }
    if (!response.ok) throw this.#refusal(response, isJsonObject(answer) ? answer : {});
    try {
      const { app_version: version } = object(answer);
      if (version !== undefined) this.#serverVersion = integer(version);
      return read(object(answer));
    } catch (cause) {
      const message = `Cannot use ${url}: what it answers is no answer of a Driftless server`;
      throw new DriftlessError("unavailable", message, { cause });
    }
  }

  async #exchange(
    path: string,
    body: unknown,
    signal: AbortSignal,
    heard: () => void,
  ): Promise<{ readonly response: Response; readonly answer: unknown }> {
    const response = await this.send(path, "application/json", JSON.stringify(body), signal);
    return { response, answer: parsed(await textOf(response, heard)) };
  }

  async #headers(): Promise<Headers> {
    try {
      const bearer = await this.#options.token();
      const headers = new Headers(this.#options.headers);
      if (bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
      return headers;
    } catch (cause) {
      throw new DriftlessError("unauthenticated", "Cannot get a token to send", { cause });
    }
  }

  #refusal({ status, headers }: Response, answer: JsonObject): RefusedError {
    const { code, error, retry_after_ms: told } = answer;
    const header = Number(headers.get("retry-after")) * 1000;
    const wait = typeof told === "number" ? told : header;
    return new RefusedError(
      errorCode(code, STATUS_CODES[status] ?? "unavailable"),
      typeof error === "string" ? error : `Cannot use ${this.#options.url}: it answers ${status}`,
      Number.isFinite(wait) ? wait : 0,
    );
  }
}

/** The address that the doors' paths are relative to. */
function baseOf(url: string | undefined): URL {
  const base = URL.parse(url ?? "");
  if (base?.protocol !== "http:" && base?.protocol !== "https:") {
    throw new TypeError(
      `Cannot reach a server at "${url ?? ""}": "url" must be its http(s) address`,
    );
  }
  base.search = base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

/** What the work gives, unless the signal ends it: an app's `fetch` or `token` may not listen to one. */
async function within<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return await Promise.race([work(), promise]);
}

/** The body; `heard` is called for each part of it, for a large one may take long to arrive. */
async function textOf({ body }: Response, heard: () => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = body?.getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    heard();
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

function rowsOf(data: Json | undefined): readonly SnapshotRow[] {
  return Object.entries(object(data)).flatMap(([entity, records]) =>
    Object.entries(object(records)).map(([id, record]) => {
      return { entity, id, json: canonicalText(record) };
    })
  );
}

function rowsOfPage(page: Json): readonly SnapshotRow[] {
  const { entity, keys, ids, columns } = object(page);
  const names = list(keys).map(text);
  const values = list(columns).map(list);
  return list(ids).map((id, row) => {
    const record = names.map((name, column) => {
      const value = values[column]?.[row];
      if (value === undefined) throw new TypeError("a column is too short");
      return [name, value] as const;
    });
    return { entity: text(entity), id: text(id), json: canonicalText(Object.fromEntries(record)) };
  });
}

function resultOf(value: Json): WireResult {
  const { ok, id, cursor, last_seq, code, error, changes } = object(value);
  return {
    id: text(id),
    cursor: integer(cursor),
    lastSeq: integer(last_seq),
    code: ok === true ? null : errorCode(code),
    error: ok === true ? null : typeof error === "string" ? error : "",
    // The answer to a repeated mutation lists none, whatever it did.
    ...(Array.isArray(changes) && changes.length > 0 ? { changeCount: changes.length } : {}),
  };
}

function changeOf(value: Json, expected: number): Change {
  const { cursor, entity, id, op, data, time } = object(value);
  if (cursor !== expected || !CHANGE_OPS.includes(op as ChangeOp)) {
    throw new TypeError("a change is out of order");
  }
  return {
    cursor: expected,
    entity: text(entity),
    id: text(id),
    op: op as ChangeOp,
    json: op === "delete" ? null : canonicalText(object(data)),
    time: integer(Date.parse(text(time))),
  };
}

/** Of base64url; `undefined` where there is none. */
function bytesOf(value: Json | undefined): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  const binary = atob(value.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (unit) => unit.charCodeAt(0));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function object(value: unknown): JsonObject {
  if (!isJsonObject(value)) throw new TypeError("an object is missing");
  return value;
}

function list(value: unknown): readonly Json[] {
  if (!Array.isArray(value)) throw new TypeError("a list is missing");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string" || value === "") throw new TypeError("a text is missing");
  return value;
}

function integer(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new TypeError("a number is missing");
  }
  return value as number;
}
