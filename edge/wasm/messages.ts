/** Requests of the web as modules get them, and what modules answer as responses of the web. */
import { DriftlessError } from "../../core/errors.ts";
import { readBytes } from "../body.ts";
import { COOKIE_NAME } from "../identity.ts";
import { webHeaders } from "./header_cache.ts";
import type { WasmRequest } from "./request_slots.ts";
import type { ReadResponse } from "./response_slots.ts";
import type { StreamedResponse } from "./suspending.ts";

/** Statuses whose responses have no body. */
const NULL_BODY_STATUSES: readonly number[] = [204, 205, 304];
/** Methods of the host itself: bindings of modules, and what happens on a WebSocket. */
const OWN_METHOD = /^(?:__|WEBSOCKET)/i;
/** Deno's server leaves the address of a request as it was sent: with dots, or without a path. */
const UNRESOLVED = /\/(?:\.|%2e)|\\|^[^/]*\/\/[^/?#]*(?:[?#]|$)/i;
const NO_BYTES = new Uint8Array();

/**
 * A request as a module gets it, its body read; a promise only where there is one. The server's own
 * session cookie is left out: a module has no use for what signs its users in to everything.
 *
 * @throws {DriftlessError} `too_large` over `bytesMax` in all, `method_not_allowed` for a method that
 *   hosts alone send, `malformed` when the body is cut short
 */
export function requestFor(
  request: Request,
  target: string,
  bytesMax: number,
): WasmRequest | Promise<WasmRequest> {
  const { method, headers } = request;
  if (OWN_METHOD.test(method)) {
    throw new DriftlessError("method_not_allowed", `Cannot ${method} this path`);
  }
  const { lines, length } = seenIn(headers);
  const sent = { method, target, headers: lines, body: NO_BYTES };
  const bytesLeft = bytesMax - sizeOf(sent);
  if (bytesLeft < 0) throw tooLarge(bytesMax);
  if (method === "GET" || method === "HEAD") return sent;
  return withBody(sent, request, length, { bytesLeft, bytesMax });
}

/** @throws {DriftlessError} `too_large` when a request has more bytes than that */
export function checkSize(request: WasmRequest, bytesMax: number): void {
  if (sizeOf(request) > bytesMax) throw tooLarge(bytesMax);
}

/** A response of the web, which has a copy of the body: the module is free for the next request. */
export function responseOf(response: ReadResponse, method: string): Response {
  const { status, headers, body } = response;
  const hasNoBody = method === "HEAD" || hasNullBody(status);
  return new Response(hasNoBody ? null : body, { status, headers: webHeaders(headers) });
}

/** A response of the web whose body comes while the module goes on. */
export function streamOf(response: StreamedResponse, method: string): Response {
  const { status, headers, body } = response;
  const hasNoBody = method === "HEAD" || hasNullBody(status);
  if (hasNoBody) void body.cancel();
  return new Response(hasNoBody ? null : body, { status, headers: webHeaders(headers) });
}

function hasNullBody(status: number): boolean {
  return NULL_BODY_STATUSES.includes(status);
}

function sizeOf({ method, target, headers, body, fanout = [] }: WasmRequest): number {
  let size = method.length + target.length + headers.length + body.length;
  for (const item of fanout) size += typeof item === "number" ? 0 : item.length;
  return size;
}

async function withBody(
  { method, target, headers }: WasmRequest,
  request: Request,
  length: string | null,
  { bytesLeft, bytesMax }: { readonly bytesLeft: number; readonly bytesMax: number },
): Promise<WasmRequest> {
  if (length === null) {
    try {
      return { method, target, headers, body: await readBytes(request, bytesLeft) };
    } catch (error) {
      if (error instanceof DriftlessError && error.code === "too_large") throw tooLarge(bytesMax);
      throw error;
    }
  }
  if (Number(length) > bytesLeft) throw tooLarge(bytesMax);
  let body: Uint8Array;
  try {
    // Whole, where its length is known: a stream costs more than the rest of the exchange.
    body = new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    throw new DriftlessError("malformed", "Cannot read the body: it is cut short", { cause });
  }
  if (body.length > bytesLeft) throw tooLarge(bytesMax);
  return { method, target, headers, body };
}

function tooLarge(bytesMax: number): DriftlessError {
  return new DriftlessError("too_large", `The request is larger than ${bytesMax} bytes`);
}

/** The path of a path and query. */
export function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}

/** Path and query of a request's URL: to parse what is resolved already costs as much as a call. */
export function targetOf(given: string): string {
  const url = UNRESOLVED.test(given) ? new URL(given).href : given;
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const end = url.indexOf("#", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}

/** The headers as lines, and the body's length if it is told: all of them are looked at once. */
function seenIn(headers: Headers): { readonly lines: string; readonly length: string | null } {
  let lines = "";
  let length: string | null = null;
  let isChunked = false;
  headers.forEach((value, name) => {
    // What is no number is none: such a body is read bit by bit, and cut at its limit.
    if (name === "content-length") length = /^\d+$/.test(value) ? value : null;
    else if (name === "transfer-encoding") isChunked = true;
    if (name !== "cookie" || !value.includes(COOKIE_NAME)) lines += `${name}: ${value}\n`;
    else if (withoutSession(value) !== "") lines += `${name}: ${withoutSession(value)}\n`;
  });
  // The length of a body in chunks says nothing.
  return { lines, length: isChunked ? null : length };
}

function withoutSession(cookies: string): string {
  // However it is spaced, and whatever a proxy has put before it.
  return cookies.split(/; */).filter((cookie) => !cookie.includes(COOKIE_NAME)).join("; ");
}
