/** What came from the other side, read with errors that have a code. */
import { DriftlessError } from "../errors.ts";

/**
 * What `read` returns.
 *
 * @throws {DriftlessError} `malformed` where it throws a TypeError, `too_large` for a RangeError
 */
export function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof TypeError) throw new DriftlessError("malformed", cause.message, { cause });
    if (!(cause instanceof RangeError)) throw cause;
    throw new DriftlessError("too_large", `Cannot reconcile: ${cause.message}`, { cause });
  }
}

/** True when both have the same bytes. */
export function areEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
