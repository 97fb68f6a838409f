/** Errors that cross a boundary: a closed list of codes, the HTTP status of each, and one class. */

/**
 * Every code that a Driftless door or client may report, with its HTTP status. Codes are only ever
 * added.
 *
 * @example
 * ```ts
 * import { ERROR_STATUS } from "@driftless/driftless";
 *
 * if (ERROR_STATUS.forbidden !== 403) throw new Error();
 * ```
 */
export const ERROR_STATUS = {
  /** The message, or a mutation in it, does not have the documented shape. */
  invalid_mutation: 400,
  /** The bytes are not the JSON or the protobuf that the door expects. */
  malformed: 400,
  /** No principal: the credentials are missing, wrong or expired. */
  unauthenticated: 401,
  /** The principal may not do this in this scope. */
  forbidden: 403,
  /** The record, mutator or page does not exist. */
  not_found: 404,
  /** The HTTP method is not one that the path has. */
  method_not_allowed: 405,
  /** A record with this id exists already. */
  conflict: 409,
  /** The client's numbering and the server's disagree; `last_seq` tells the server's. */
  sequence_gap: 409,
  /** The log no longer reaches back to the cursor, or never reached it: take a snapshot. */
  cursor_too_old: 410,
  /** A record or an argument does not satisfy the app's schema. */
  invalid_record: 422,
  /** A mutator refused, by the app's own rule. */
  rejected: 422,
  /** The message is larger than the door's limit. */
  too_large: 413,
  /** The client speaks a protocol version that this server does not. */
  upgrade_required: 426,
  /** Too many requests; wait `retry_after_ms`. */
  rate_limited: 429,
  /** The client's own queue is full; nothing was dropped. */
  queue_full: 429,
  /** A mutator threw something that is not a rejection. */
  mutator_failed: 500,
  /** The server failed; the details are in its log. */
  internal_error: 500,
  /**
   * A module of WebAssembly failed; the details are in the server's log. The status is 502 when its
   * answer makes no sense, and 504 when it took too long.
   */
  wasm_failed: 500,
  /** The disk or the client's storage refused the write; nothing was acknowledged. */
  store_failed: 503,
  /** The device's storage was cleared since the last start; what was not sent is lost. */
  storage_evicted: 503,
  /** The server is stopping or full; try again. */
  unavailable: 503,
} as const;

/** One of the closed list of codes. */
export type ErrorCode = keyof typeof ERROR_STATUS;

/**
 * An error with a code that a program may act on.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp, DriftlessError } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } });
 * const client = createClient(app, { url: "http://127.0.0.1:8000", persistence: "memory" });
 * client.setOffline(true);
 * await client.start();
 *
 * let code = "";
 * try {
 *   await client.mutate("note.update", { id: "n1", data: { text: "There is no such note" } });
 * } catch (error) {
 *   if (error instanceof DriftlessError) code = error.code;
 * }
 * if (code !== "not_found") throw new Error(code);
 * await client.stop();
 * ```
 */
export class DriftlessError extends Error {
  /** Always `DriftlessError`, for a {@linkcode Rejection} too: only the code tells errors apart. */
  override readonly name = "DriftlessError";
  /** What went wrong, for programs. */
  readonly code: ErrorCode;

  /** `message` says what could not be done and why; a server shows it to its callers. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const REJECTION = Symbol.for("driftless.rejection");

/**
 * Thrown by a mutator to refuse: the mutation leaves no effect, and its author is told the reason.
 *
 * @example
 * ```ts
 * import { Rejection } from "@driftless/driftless";
 *
 * function spend(balance: number, amount: number): number {
 *   if (amount > balance) throw new Rejection("Not enough money");
 *   return balance - amount;
 * }
 * spend(10, 5);
 * ```
 */
export class Rejection extends DriftlessError {
  /** Known to every copy of this module: an app file may come with a copy of its own. */
  readonly [REJECTION] = true;

  /** `message` is shown to the author of the mutation; `code` may say more than `rejected`. */
  constructor(message: string, code: ErrorCode = "rejected") {
    super(code, message);
  }
}

/** The rejection that `error` is, whichever copy of this module made it. */
export function asRejection(error: unknown): Rejection | undefined {
  if (error instanceof Rejection) return error;
  if (!(error instanceof Error) || !(REJECTION in error) || !("code" in error)) return undefined;
  return isErrorCode(error.code) ? new Rejection(error.message, error.code) : undefined;
}

/** A newer peer may know more codes: an unknown one still means "refused". */
export function errorCode(code: unknown, otherwise: ErrorCode = "rejected"): ErrorCode {
  return isErrorCode(code) ? code : otherwise;
}

/** True when `value` is one of the documented codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_STATUS, value);
}
