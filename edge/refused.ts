/** What the servers of platforms answer when something is wrong before the handler has the request. */
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { type DriftlessError, ERROR_STATUS } from "../core/errors.ts";
import { json } from "./answers.ts";
import { publicError } from "./live.ts";
import type { Log } from "./log.ts";

/** The answer to a request that failed: `{code, error}`. */
export function refused(error: unknown, log: Log, headers: Record<string, string> = {}): Response {
  const { code, message }: DriftlessError = publicError(error, log);
  const status = ERROR_STATUS[code] as ContentfulStatusCode;
  return json(JSON.stringify({ code, error: message }), status, headers);
}
