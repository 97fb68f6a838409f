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

/** The elements of two sets that the other one does not have: 8 bytes each, little-endian. */
export interface Difference {
  /** Those of the set that was added. */
  readonly plus: Uint8Array;
  /** Those of the set that was taken away. */
  readonly minus: Uint8Array;
}

/**
 * The arithmetic of the tree: BLAKE3-256, and power sums over the integers modulo 2^61 - 1.
 *
 * An element is a number from 1 to 2^61 - 2; word k of a sketch, counted from 0, is the sum of the
 * elements' powers k + 1. Both are 8 bytes each, little-endian, and always fully reduced.
 */
export interface Kernel {
  /**
   * The digests, 32 bytes each, of messages that lie back to back: the first begins at 0, and `ends[i]`
   * is where message i ends. With a `key` of 32 bytes in the keyed mode.
   */
  hashAll(messages: Uint8Array, ends: Uint32Array, key?: Uint8Array): Uint8Array;
  /** A key of 32 bytes from any material, for one purpose that `context` names. */
  deriveKey(context: string, material: Uint8Array): Uint8Array;
  /** Adds elements to a sketch, in place; `sign` -1 takes them away. */
  addElements(sketch: Uint8Array, elements: Uint8Array, sign: 1 | -1): void;
  /** Adds a sketch of the same length to another, in place; `sign` -1 takes it away. */
  addSketch(sketch: Uint8Array, other: Uint8Array, sign: 1 | -1): void;
  /**
   * The difference that a sketch of m words stands for, if it has at most m elements in all; `surplus`
   * is how many more there are in `plus` than in `minus`. `null` when there is no such difference: the
   * sketch is overfull, or no sketch. What is returned always adds up to the sketch.
   */
  decode(sketch: Uint8Array, surplus: number): Difference | null;
}

/** A fresh identifier: `length` random bytes as lower-case hexadecimal. */
export function randomId(random: Random, length = 16): string {
  return Array.from(random.bytes(length), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
