/** How the options of a client say that its server is reached. */
import type { ClientOptions } from "./create_client.ts";
import type { HttpOptions } from "./http_sync.ts";

/** How long the server may be silent unless an app says otherwise, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;

/** What requests are made with. */
export function httpOptions(
  { url, token, fetch: own, headers = {}, timeoutMs = REQUEST_TIMEOUT_MS }:
    & Omit<ClientOptions, "url">
    & { readonly url: string | undefined },
  appVersion: number,
): HttpOptions {
  return {
    url,
    fetch: own ?? ((...args) => fetch(...args)),
    token: async () => typeof token === "function" ? await token() : token,
    headers,
    timeoutMs,
    appVersion,
  };
}
