/** The ways out of the core: time and randomness are handed in, never taken. */

/** Milliseconds since 1970. May jump in either direction; the core copes. */
export interface Clock {
  now(): number;
}

/** A source of unpredictable bytes, for ids. */
export interface Random {
  /** `length` fresh bytes. */
  bytes(length: number): Uint8Array;
}

/** A fresh identifier: `length` random bytes as lower-case hexadecimal. */
export function randomId(random: Random, length = 16): string {
  return Array.from(random.bytes(length), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
