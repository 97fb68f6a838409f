/** Token buckets: so many at once, so many a second, each key on its own. */
import { DriftlessError } from "../core/errors.ts";

/** How fast something may happen. */
export interface Rate {
  readonly perSecond: number;
  /** How many may come at once after a pause. */
  readonly burst: number;
}

/** Keys remembered at the most; a forgotten key starts with a full bucket. */
export const RATE_KEYS_MAX = 10_000;

/** Too many requests, and when to come back. */
export class RateLimitedError extends DriftlessError {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super("rate_limited", message);
    this.retryAfterMs = retryAfterMs;
  }
}

interface Bucket {
  tokens: number;
  at: number;
}

/** One bucket for each key. */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(rate: Rate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
  }

  /** Takes `count` tokens; returns 0, or how long to wait until they are there, in milliseconds. */
  take(key: string, count = 1): number {
    const { perSecond, burst } = this.#rate;
    const now = this.#now();
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.at) * perSecond / 1000);
    const short = count - tokens;
    // Re-inserted, so that the first key of the map is the one that was not used for longest.
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: short > 0 ? tokens : tokens - count, at: now });
    if (this.#buckets.size > RATE_KEYS_MAX) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return short > 0 ? Math.ceil(short * 1000 / perSecond) : 0;
  }
}
