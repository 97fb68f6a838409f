/** What the exchanges of one caller may cost, over HTTP and on live channels together. */
import type { Identity } from "./identity.ts";
import { type Rate, RateLimiter } from "./rate.ts";

/** Microseconds of work: a fifth of one core, and what healing a large scope takes at once. */
export const RECONCILE_RATE: Rate = { perSecond: 200_000, burst: 2_000_000 };

/**
 * Counts the work of whoever this is, in microseconds; returns how long to wait until there is room
 * for more, in milliseconds, or 0.
 */
export type SpendWork = (identity: Identity, address: string, work: number) => number;

/** Counts by principal; where callers have no name, by address. */
export function countWork(now: () => number): SpendWork {
  const limiter = new RateLimiter(RECONCILE_RATE, now);
  return ({ principal }, address, work) =>
    limiter.charge(principal === null ? address : `principal ${principal.id}`, work);
}
