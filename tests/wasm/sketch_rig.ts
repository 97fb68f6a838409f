/** Sets, sketches of them and of what is no set, for the tests of sketches. */
import type { Prng } from "../sim/prng.ts";

/** The field of sketches. */
export const PRIME = (1n << 61n) - 1n;

/** Distinct elements, ascending as a decoder gives them. */
export function elements(prng: Prng, count: number): bigint[] {
  const found = new Set<bigint>();
  while (found.size < count) {
    const value = (BigInt(prng.next()) << 32n | BigInt(prng.next())) % PRIME;
    if (value !== 0n) found.add(value);
  }
  return ascending(found);
}

/** Smaller numbers first. */
export function ascending(numbers: Iterable<bigint>): bigint[] {
  return [...numbers].sort((one, other) => one < other ? -1 : 1);
}

/** 8 bytes each, little-endian, at an odd place of their buffer. */
export function bytesOf(numbers: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 8 + 3).subarray(3);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  numbers.forEach((value, at) => view.setBigUint64(at * 8, value, true));
  return bytes;
}

/** The numbers that bytes stand for. */
export function numbersOf(bytes: Uint8Array): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, at) => view.getBigUint64(at * 8, true));
}

/** The definition of a sketch, word for word: signed sums of powers, of numbers of any kind. */
export function sketchOf(
  plus: readonly bigint[],
  minus: readonly bigint[],
  words: number,
): Uint8Array {
  const sums: bigint[] = [];
  for (let power = 1n; power <= words; power++) {
    let sum = 0n;
    for (const x of plus) sum += powerOf(x, power);
    for (const x of minus) sum -= powerOf(x, power);
    sums.push((sum % PRIME + PRIME) % PRIME);
  }
  return bytesOf(sums);
}

/**
 * Power sums of the roots of x^n - e_1 x^(n-1) + e_2 x^(n-2) - …, wherever they lie: what a sketch
 * of a polynomial without roots in the field would be.
 */
export function sketchOfPolynomial(symmetric: readonly bigint[], words: number): Uint8Array {
  const sums: bigint[] = [];
  for (let power = 1; power <= words; power++) {
    let sum = 0n;
    let sign = 1n;
    for (let at = 1; at <= Math.min(power, symmetric.length); at++, sign = -sign) {
      const former = at === power ? BigInt(power) : sums[power - at - 1]!;
      sum += sign * symmetric[at - 1]! * former;
    }
    sums.push((sum % PRIME + PRIME) % PRIME);
  }
  return bytesOf(sums);
}

/** Whether a number other than 0 is a square of the field. */
export function isSquare(value: bigint): boolean {
  return powerOf(value, (PRIME - 1n) / 2n) === 1n;
}

/**
 * Elements that so many attempts cannot tell apart: moved up by 1, by 2 and so on, each of them is
 * a square every time, and with the next move about half of them are.
 */
export function resisting(prng: Prng, count: number, attempts: number): bigint[] {
  const found = new Set<bigint>();
  while (found.size < count) {
    const [value] = elements(prng, 1) as [bigint];
    let moved = 1n;
    while (moved <= attempts && isSquare((value + moved) % PRIME)) moved++;
    if (moved > attempts) found.add(value);
  }
  return ascending(found);
}

function powerOf(value: bigint, exponent: bigint): bigint {
  let result = 1n;
  let base = value % PRIME;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = result * base % PRIME;
    base = base * base % PRIME;
  }
  return result;
}
