/** Calls of functions of one page: answered by that page alone, in time, or not at all. */
import { DriftlessError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { CALL_TIMEOUT_MS, CALLS_PENDING_MAX } from "./live_limits.ts";

interface PendingCall {
  readonly end: number;
  readonly resolve: (data: Json) => void;
  readonly reject: (error: DriftlessError) => void;
}

/** The calls of one connection. */
export class LiveCalls {
  readonly #pending = new Map<number, PendingCall>();
  #last = 0;

  get size(): number {
    return this.#pending.size;
  }

  /**
   * Notes a call, and gives its number.
   *
   * @throws {DriftlessError} `rate_limited` when too many wait
   */
  add(now: number): { readonly call: number; readonly result: Promise<Json> } {
    if (this.#pending.size >= CALLS_PENDING_MAX) {
      throw new DriftlessError(
        "rate_limited",
        `Cannot call the page: ${CALLS_PENDING_MAX} calls wait for it`,
      );
    }
    const call = ++this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    // A handler that does not care for the result must not end the process.
    promise.catch(() => {});
    this.#pending.set(call, { end: now + CALL_TIMEOUT_MS, resolve, reject });
    return { call, result: promise };
  }

  /** The page's answer; one that was not asked for means nothing. */
  answered(call: number, data: Json, error: string): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    this.#pending.delete(call);
    if (error === "") pending.resolve(data);
    else pending.reject(new DriftlessError("rejected", error));
  }

  /** Gives up those whose time is over; says when the next one's is, or Infinity. */
  expire(now: number): number {
    for (const [call, { end, reject }] of this.#pending) {
      if (end > now) return end;
      this.#pending.delete(call);
      reject(new DriftlessError("unavailable", "The page did not answer"));
    }
    return Infinity;
  }

  /** The page is gone. */
  close(): void {
    for (const { reject } of this.#pending.values()) {
      reject(new DriftlessError("unavailable", "The page is gone"));
    }
    this.#pending.clear();
  }
}
