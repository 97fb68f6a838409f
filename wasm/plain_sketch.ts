/**
 * Sketches of sets in plain TypeScript: the fallback for engines without SIMD, and the oracle of
 * `sketch.wat`, which takes the same steps in the same order.
 *
 * The way is that of Minsky, Trachtenberg and Zippel, "Set reconciliation with nearly optimal
 * communication complexity" (IEEE Trans. Inf. Theory 49(9), 2003), with power sums in the place of
 * values. p = 2^61 - 1; the words of a sketch are s_1, s_2, …: s_k is the sum of x^k over plus less
 * the sum over minus.
 *
 * 1. exp(-sum s_k z^k / k) = A(z) / B(z), where A is the product of (1 - x z) over plus and B that
 *    over minus: Newton's identities give the series, Berlekamp and Massey's shortest recurrence is
 *    B, and A is the series times B. The degrees differ by the surplus.
 * 2. Turned round, each is a monic polynomial f with the elements as its roots. x^p = x modulo f
 *    holds exactly when f has only distinct roots in the field. One step before, h = x^((p-1)/2) is
 *    1 at about half of them: gcd(f, h - 1) splits f (Cantor and Zassenhaus). Before each attempt
 *    all roots move up by one. Degree 2 is a square root, as p = 3 modulo 4.
 * 3. What was found is summed again and must give every word of the sketch.
 *
 * The work is bounded: an attempt to split degree d costs d^2, and a decoding of m words may spend
 * WORK_BASE + WORK_SQUARE * m^2. Honest elements need half of it at the most; elements that were
 * searched for to resist every attempt end in `null`, like an overfull sketch.
 */
import type { Difference } from "./kernel_port.ts";
import { commonWords, isSurplus, numberCount, WORD_BYTES, wordsOf } from "./sketch_port.ts";

const PRIME = (1n << 61n) - 1n;
/** Squarings from x to x^(p-1)/2; one more gives x^p. */
const SQUARINGS = 59;
const WORK_BASE = 1_024;
const WORK_SQUARE = 4;

/** Coefficients, or other numbers of the field, the lowest power first. */
type Numbers = bigint[];

/** A monic polynomial that is still to be split, with all its roots `moved` up by so much. */
interface Factor {
  readonly polynomial: Numbers;
  readonly moved: bigint;
}

interface Work {
  left: number;
}

/**
 * Adds elements to a sketch of 1 to 64 words, in place; `sign` -1 takes them away. Elements and
 * words count modulo 2^61 - 1, the words come out reduced, and an element 0 adds nothing. Another
 * length, or elements that are no multiple of 8 bytes, are a `TypeError`.
 */
export function addElements(sketch: Uint8Array, elements: Uint8Array, sign: 1 | -1): void {
  wordsOf(sketch);
  const sums = numbersOf(sketch);
  for (const element of numbersOf(elements)) addPowers(sums, element, sign);
  store(sketch, sums);
}

/**
 * Adds a sketch of any number of words to another, in place; `sign` -1 takes it away. Words count
 * modulo 2^61 - 1 and come out reduced. Lengths that differ, or are no multiple of 8, are a
 * `TypeError`.
 */
export function addSketch(sketch: Uint8Array, other: Uint8Array, sign: 1 | -1): void {
  commonWords(sketch, other);
  const others = numbersOf(other);
  store(sketch, numbersOf(sketch).map((sum, at) => modulo(sum + BigInt(sign) * others[at]!)));
}

/**
 * The difference that a sketch of 1 to 64 words stands for (another length is a `TypeError`), both
 * sides ascending.
 *
 * `null` when the sketch is overfull or none at all: words that are not reduced, a `surplus` that
 * is no integer or larger than the number of words, everything that no difference of at most m
 * elements adds up to, and what is too much work. By chance an overfull sketch of m words is also
 * that of a difference of m elements, a in plus and b in minus, once in about a! b! times: 576 for
 * 8 words, 10^9 for 16. Whoever decodes so few has to look up the elements of a result that uses
 * every word.
 */
export function decode(sketch: Uint8Array, surplus: number): Difference | null {
  const words = wordsOf(sketch);
  if (!isSurplus(surplus, words)) return null;
  const view = new DataView(sketch.buffer, sketch.byteOffset, sketch.length);
  const sums = Array.from({ length: words }, (_, at) => view.getBigUint64(at * WORD_BYTES, true));
  if (sums.some((sum) => sum >= PRIME)) return null;
  // The larger side is always the numerator: with a negative surplus the sides change places.
  const turned = surplus < 0;
  const fraction = fractionOf(turned ? sums.map((sum) => modulo(-sum)) : sums, Math.abs(surplus));
  if (fraction === null) return null;
  const work = { left: WORK_BASE + WORK_SQUARE * words * words };
  // The smaller one first: an overfull sketch is found out on it for less.
  const lower = rootsOf(fraction.lower, work);
  const upper = lower && rootsOf(fraction.upper, work);
  if (lower === null || upper === null) return null;
  const [plus, minus] = turned ? [lower, upper] : [upper, lower];
  for (const element of plus) addPowers(sums, element, -1);
  for (const element of minus) addPowers(sums, element, 1);
  if (sums.some((sum) => sum !== 0n)) return null;
  return { plus: bytesOf(plus), minus: bytesOf(minus) };
}

/** The two monic polynomials whose roots are the elements, if the degrees come out right. */
function fractionOf(sums: Numbers, surplus: number): { upper: Numbers; lower: Numbers } | null {
  const series = seriesOf(sums);
  const recurrence = recurrenceOf(series, surplus);
  if (recurrence === null) return null;
  const degree = recurrence.length - 1 + surplus;
  const upper = Array.from({ length: degree + 1 }, (_, at) => product(recurrence, series, at));
  // Beyond the constant term of the turned polynomial lies the root 0, which is no element.
  if (upper.at(-1) === 0n || recurrence.at(-1) === 0n) return null;
  return { upper: upper.reverse(), lower: recurrence.reverse() };
}

/** exp(-sum s_k z^k / k), as many terms as there are sums, and the 1 in front. */
function seriesOf(sums: Numbers): Numbers {
  const series = [1n];
  const inverses = [0n, 1n];
  const powers = [0n, ...sums];
  for (let at = 1; at <= sums.length; at++) {
    const count = BigInt(at);
    inverses[at] ??= modulo(-(PRIME / count) * inverses[Number(PRIME % count)]!);
    series.push(modulo(-inverses[at]! * product(powers, series, at)));
  }
  return series;
}

/**
 * The shortest recurrence of the series behind its term `surplus`, scaled to begin with 1; `null`
 * when the terms do not determine it. Without divisions: until the end it is only known up to a
 * factor.
 */
function recurrenceOf(series: Numbers, surplus: number): Numbers | null {
  const terms = series.slice(surplus + 1);
  let recurrence = [1n];
  let former = [1n];
  let formerMiss = 1n;
  let order = 0;
  let gap = 1;
  for (let at = 0; at < terms.length; at++, gap++) {
    const miss = product(recurrence, terms, at);
    if (miss === 0n) continue;
    const longer = 2 * order <= at;
    const next = Array.from(
      { length: Math.max(recurrence.length, former.length + gap) },
      (_, power) =>
        modulo(formerMiss * (recurrence[power] ?? 0n) - miss * (former[power - gap] ?? 0n)),
    );
    if (longer) {
      order = at + 1 - order;
      if (2 * order > terms.length) return null;
      [former, formerMiss, gap] = [recurrence, miss, 0];
    }
    recurrence = next;
  }
  const scale = inverse(recurrence[0]!);
  return Array.from({ length: order + 1 }, (_, at) => modulo(scale * (recurrence[at] ?? 0n)));
}

/** All roots of a monic polynomial, ascending; `null` unless they are distinct and in the field. */
function rootsOf(polynomial: Numbers, work: Work): Numbers | null {
  const roots: Numbers = [];
  const factors: Factor[] = polynomial.length > 1 ? [{ polynomial, moved: 0n }] : [];
  for (let factor = factors.pop(); factor !== undefined; factor = factors.pop()) {
    const { polynomial, moved } = factor;
    if (polynomial.length > 3) {
      const parts = split(factor, work);
      if (parts === null) return null;
      factors.push(...parts);
    } else if (polynomial.length === 3) {
      const [constant, linear] = polynomial as [bigint, bigint];
      const square = modulo(linear * linear - 4n * constant);
      let root = square;
      for (let times = 0; times < SQUARINGS; times++) root = root * root % PRIME;
      if (root === 0n || root * root % PRIME !== square) return null;
      const half = (PRIME + 1n) / 2n;
      roots.push(modulo((root - linear) * half - moved), modulo((-root - linear) * half - moved));
    } else {
      roots.push(modulo(-polynomial[0]! - moved));
    }
  }
  return roots.sort((one, other) => one < other ? -1 : 1);
}

/** One attempt to split a polynomial; `null` when it has not its roots, or the work is spent. */
function split({ polynomial, moved }: Factor, work: Work): Factor[] | null {
  const degree = polynomial.length - 1;
  work.left -= degree * degree;
  if (work.left < 0) return null;
  const f = [...polynomial];
  for (let low = 0; low < degree; low++) {
    for (let at = degree - 1; at >= low; at--) f[at] = modulo(f[at]! - f[at + 1]!);
  }
  let half: Numbers = Array.from({ length: degree }, (_, power) => power === 1 ? 1n : 0n);
  for (let times = 0; times < SQUARINGS; times++) half = squareTimesX(half, f);
  if (squareTimesX(half, f).some((value, power) => value !== (power === 1 ? 1n : 0n))) return null;
  half[0] = modulo(half[0]! - 1n);
  const part = divisorOf(f, half);
  const parts = part.length === 1 || part.length === f.length ? [f] : [part, quotient(f, part)];
  return parts.map((polynomial) => ({ polynomial, moved: moved + 1n }));
}

/** h^2 x modulo f, which has one coefficient more than h. */
function squareTimesX(h: Numbers, f: Numbers): Numbers {
  const degree = h.length;
  const values: Numbers = [];
  // From the top down: what lies at f's degree or above is the quotient, the rest what remains.
  const over: Numbers = new Array(2 * degree).fill(0n);
  for (let at = 2 * degree - 1; at >= 0; at--) {
    let sum = 0n;
    for (let low = Math.max(0, at - degree); low <= Math.min(at - 1, degree - 1); low++) {
      sum += h[low]! * h[at - 1 - low]!;
    }
    for (let power = Math.max(0, at - degree + 1); power < degree && power <= at; power++) {
      sum -= f[power]! * over[at - power]!;
    }
    if (at >= degree) over[at - degree] = modulo(sum);
    else values[at] = modulo(sum);
  }
  return values;
}

/** The monic greatest common divisor; `other` may be zero. */
function divisorOf(polynomial: Numbers, other: Numbers): Numbers {
  let [large, small] = [polynomial, trimmed(other)];
  while (small.length > 0) {
    let rest = large;
    while (rest.length >= small.length) {
      const [top, scale, gap] = [rest.at(-1)!, small.at(-1)!, rest.length - small.length];
      rest = trimmed(
        rest.map((value, at) => modulo(scale * value - top * (small[at - gap] ?? 0n))),
      );
    }
    [large, small] = [small, rest];
  }
  const scale = inverse(large.at(-1)!);
  return large.map((value) => modulo(scale * value));
}

/** What a monic polynomial is when it is divided by a monic divisor of it. */
function quotient(polynomial: Numbers, divisor: Numbers): Numbers {
  const rest = [...polynomial];
  const result: Numbers = [];
  for (let at = polynomial.length - divisor.length; at >= 0; at--) {
    const factor = rest[at + divisor.length - 1]!;
    result[at] = factor;
    divisor.forEach((value, power) =>
      rest[at + power] = modulo(rest[at + power]! - factor * value)
    );
  }
  return result;
}

/** Coefficient `at` of the product of two polynomials. */
function product(one: Numbers, other: Numbers, at: number): bigint {
  let sum = 0n;
  for (let power = Math.max(0, at - other.length + 1); power <= at && power < one.length; power++) {
    sum += one[power]! * other[at - power]!;
  }
  return modulo(sum);
}

function trimmed(polynomial: Numbers): Numbers {
  let length = polynomial.length;
  while (length > 0 && polynomial[length - 1] === 0n) length--;
  return polynomial.slice(0, length);
}

function addPowers(sums: Numbers, element: bigint, sign: 1 | -1): void {
  let power = BigInt(sign);
  for (let at = 0; at < sums.length; at++) {
    power = power * element % PRIME;
    sums[at] = modulo(sums[at]! + power);
  }
}

/** x^(p-2): the exponent is 59 ones, a zero and a one. */
function inverse(value: bigint): bigint {
  let power = value;
  for (let times = 1; times < 59; times++) power = power * power % PRIME * value % PRIME;
  return power ** 4n % PRIME * value % PRIME;
}

function modulo(value: bigint): bigint {
  const rest = value % PRIME;
  return rest < 0n ? rest + PRIME : rest;
}

/** The numbers of a sketch or of elements, reduced. */
function numbersOf(bytes: Uint8Array): Numbers {
  const length = numberCount(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length }, (_, at) => view.getBigUint64(at * WORD_BYTES, true) % PRIME);
}

function bytesOf(numbers: Numbers): Uint8Array {
  const bytes = new Uint8Array(numbers.length * WORD_BYTES);
  store(bytes, numbers);
  return bytes;
}

function store(bytes: Uint8Array, numbers: Numbers): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  numbers.forEach((value, at) => view.setBigUint64(at * WORD_BYTES, value, true));
}
