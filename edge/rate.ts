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

interface Filled {
  tokens: number;
  at: number;
}

/** A single bucket, for what there are many of. */
export class Bucket {
  #tokens: number;
  #at: number;

  /** A full one, at a time in milliseconds of a clock that never goes back. */
  constructor({ burst }: Rate, now: number) {
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes a token; returns 0, or how long to wait until there is one, in milliseconds. */
  take({ perSecond, burst }: Rate, now: number): number {
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#at) * perSecond / 1000);
    this.#at = now;
    if (this.#tokens < 1) return Math.ceil((1 - this.#tokens) * 1000 / perSecond);
    this.#tokens--;
    return 0;
  }
}

/** One bucket for each key. */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Filled>();

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(rate: Rate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
  }

  /** Takes `count` tokens; returns 0, or how long to wait until they are there, in milliseconds. */
  take(key: string, count = 1): number {
    const tokens = this.#tokens(key);
    const short = count - tokens;
    this.#keep(key, short > 0 ? tokens : tokens - count);
    return this.#wait(short);
  }

  /**
   * Takes `count` tokens where there are fewer as well: for what is paid when it is done. Returns 0, or
   * how long to wait until none is owed, in milliseconds.
   */
  charge(key: string, count: number): number {
    const tokens = this.#tokens(key) - count;
    this.#keep(key, tokens);
    return this.#wait(-tokens);
  }

  #tokens(key: string): number {
    const { perSecond, burst } = this.#rate;
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.tokens + (this.#now() - bucket.at) * perSecond / 1000);
  }

  #keep(key: string, tokens: number): void {
    // Re-inserted, so that the first key of the map is the one that was not used for longest.
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens, at: this.#now() });
    if (this.#buckets.size <= RATE_KEYS_MAX) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }

  #wait(short: number): number {
    return short > 0 ? Math.ceil(short * 1000 / this.#rate.perSecond) : 0;
  }
}
