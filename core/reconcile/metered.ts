/** A step of the exchange as a server takes it: bounded in bytes, and counted in work for its caller. */
import { DriftlessError } from "../errors.ts";
import { RECONCILE_REQUEST_BYTES_MAX } from "../limits.ts";
import type { Store } from "../store.ts";
import { answerReconcile } from "./responder.ts";

/** Counts a caller's work, in microseconds; says how long until there is room for more, in milliseconds. */
export type Spend = (work: number) => number;

/** What every step costs, whatever it finds, in microseconds of work. */
export const STEP_WORK = 100;
/** Bytes of a request that cost one microsecond more: they are read before they make sense. */
export const WORK_BYTES = 64;

/**
 * The reply to a request; or how long to wait before the next one, in milliseconds. What a step costs is
 * known when it is done: who has room for any of it has room for all of it, and owes the rest. `owed`
 * says how long to wait, in milliseconds; `count` is told of work, in microseconds.
 *
 * @throws {DriftlessError} `too_large`, and whatever {@linkcode answerReconcile} throws
 */
export function answerMetered(
  store: Store,
  scope: string,
  request: Uint8Array,
  owed: () => number,
  count: (work: number) => void,
): Uint8Array | number {
  if (request.length > RECONCILE_REQUEST_BYTES_MAX) {
    const message = `Cannot take more than ${RECONCILE_REQUEST_BYTES_MAX} bytes at once`;
    throw new DriftlessError("too_large", message);
  }
  const wait = owed();
  if (wait > 0) return wait;
  count(STEP_WORK + Math.floor(request.length / WORK_BYTES));
  const { reply, work } = answerReconcile(store, scope, request);
  count(work);
  return reply;
}
