/** How a worker asks an object: the caller's request, with the name of the scope. */
import { checkScope } from "../../core/mutation.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { ObjectNamespace } from "./object_types.ts";

/** Where the worker names the scope; whatever a caller writes there is replaced. */
const SCOPE_HEADER = "x-driftless-scope";

/**
 * Sends a request to the object of a scope.
 *
 * @param body in place of the request's own, when that is read already
 * @throws {DriftlessError} `unavailable` when the object does not answer
 */
export async function askObject(
  objects: ObjectNamespace,
  scope: string,
  request: Request,
  parts: { readonly url?: URL; readonly body?: BodyInit } = {},
): Promise<Response> {
  const headers = new Headers(request.headers);
  headers.set(SCOPE_HEADER, encodeURIComponent(scope));
  // Between the two nothing is gained by it, and on the way out the platform does it.
  headers.delete("accept-encoding");
  const { url = request.url, body } = parts;
  const { method } = request;
  const init: RequestInit = { method, headers, redirect: "manual" };
  if (body !== undefined) init.body = body;
  else if (method !== "GET" && method !== "HEAD") init.body = request.body;
  try {
    const stub = objects.get(objects.idFromName(scope) as never);
    return await stub.fetch(new Request(url, init));
  } catch (cause) {
    throw new DriftlessError("unavailable", "The scope cannot be reached now", { cause });
  }
}

/** The scope of the object that is asked. */
export function scopeIn(request: Request): string {
  return checkScope(decodeURIComponent(request.headers.get(SCOPE_HEADER) ?? ""));
}

/** The address of the caller, as Cloudflare tells it; `""` when unknown. */
export function addressOf(request: Request): string {
  return request.headers.get("cf-connecting-ip") ?? "";
}
