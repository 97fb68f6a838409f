/** What the doors' answers have in common. */
import { secureHeaders } from "hono/secure-headers";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { DriftlessError } from "../core/errors.ts";

/** For answers that are data. */
export const DATA_HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/** For pages; the doors answer data, and their answers stay small. */
export const pageHeaders: ReturnType<typeof secureHeaders> = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'self'"],
    // The client's kernel is WebAssembly, which a page may only compile with this.
    scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
    objectSrc: ["'none'"],
  },
  strictTransportSecurity: false,
});

/** An answer of data. */
export function json(
  body: string | ReadableStream<Uint8Array>,
  status: ContentfulStatusCode = 200,
  headers: Record<string, string> = {},
): Response {
  return new Response(body as BodyInit, {
    status,
    headers: { "content-type": "application/json", ...DATA_HEADERS, ...headers },
  });
}

/** Whether the caller has this version already. */
export function holds(request: Request, etag: string): boolean {
  const held = (request.headers.get("if-none-match") ?? "").split(",").map((tag) => tag.trim());
  return held.includes("*") || held.some((tag) => tag.replace(/^W\//, "") === etag);
}

/** The answer to a path that nobody knows. */
export function notFound(): DriftlessError {
  return new DriftlessError("not_found", "There is nothing at this path");
}
