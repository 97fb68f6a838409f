/** Sketches in the module and in its twin: adding, decoding, and what hostile sketches may do. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { kernelSync } from "../../wasm/kernel.ts";
import type { LoadedKernel } from "../../wasm/kernel_port.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { Prng } from "../sim/prng.ts";
import {
  ascending,
  bytesOf,
  elements,
  isSquare,
  numbersOf,
  PRIME,
  resisting,
  sketchOf,
  sketchOfPolynomial,
} from "./sketch_rig.ts";

const module = kernelSync();
const KERNELS: readonly LoadedKernel[] = [module, plainKernel];

const SEED = 20_261_122;
/** Up to here every shape of a difference is decoded. */
const SHAPE_WORDS_MAX = 32;
/** Words of the longest sketch. */
const WORDS_MAX = 64;
/** From here on chance does not bring forth a sketch that looks like another one's. */
const CERTAIN_WORDS = 16;

type Found = { plus: bigint[]; minus: bigint[] } | null;

function decoded(kernel: LoadedKernel, sketch: Uint8Array, surplus: number): Found {
  const found = kernel.decode(sketch, surplus);
  return found && { plus: numbersOf(found.plus), minus: numbersOf(found.minus) };
}

/** What both kernels find, which has to be the same. */
function decodedByBoth(sketch: Uint8Array, surplus: number): Found {
  const [found, other] = KERNELS.map((kernel) => decoded(kernel, sketch, surplus)) as [
    Found,
    Found,
  ];
  assertEquals(found, other);
  return found;
}

/** Fails unless what was found is a difference that fits the sketch; tells whether anything was. */
function assertFits(found: Found, sketch: Uint8Array, surplus: number): boolean {
  if (found === null) return false;
  const { plus, minus } = found;
  assertEquals(plus.length - minus.length, surplus);
  assert(plus.length + minus.length <= sketch.length / 8);
  assertEquals(sketchOf(plus, minus, sketch.length / 8), sketch);
  for (const side of [plus, minus]) assertEquals(side, ascending(new Set(side)));
  const all = new Set([...plus, ...minus]);
  assertEquals(all.size, plus.length + minus.length);
  assert([...all].every((element) => element > 0n && element < PRIME));
  return true;
}

for (const kernel of KERNELS) {
  const { kind } = kernel;

  Deno.test(`the ${kind} kernel adds signed powers of elements`, () => {
    const sketch = sketchOf([], [], 5);
    kernel.addElements(sketch, bytesOf([2n, PRIME - 1n]), 1);
    assertEquals(numbersOf(sketch), [1n, 5n, 7n, 17n, 31n]);
    kernel.addElements(sketch, bytesOf([3n]), -1);
    assertEquals(numbersOf(sketch), [
      PRIME - 2n,
      PRIME - 4n,
      PRIME - 20n,
      PRIME - 64n,
      PRIME - 212n,
    ]);
    kernel.addElements(sketch, bytesOf([]), 1);
    assertEquals(numbersOf(sketch), [
      PRIME - 2n,
      PRIME - 4n,
      PRIME - 20n,
      PRIME - 64n,
      PRIME - 212n,
    ]);
  });

  Deno.test(`the ${kind} kernel adds what the definition says for every number of words`, () => {
    const prng = new Prng(SEED);
    for (let words = 1; words <= WORDS_MAX; words++) {
      const plus = elements(prng, prng.between(0, 9));
      const minus = elements(prng, prng.between(0, 9));
      const sketch = sketchOf([], [], words);
      kernel.addElements(sketch, bytesOf(plus), 1);
      kernel.addElements(sketch, bytesOf(minus), -1);
      assertEquals(sketch, sketchOf(plus, minus, words));
    }
  });

  Deno.test(`the ${kind} kernel counts modulo p and leaves reduced words`, () => {
    const top = (1n << 64n) - 1n;
    const numbers = [0n, PRIME, top, PRIME - 1n, PRIME + 5n];
    const modulo = (number: bigint) => (number % PRIME + PRIME) % PRIME;
    for (const sign of [1, -1] as const) {
      const merged = bytesOf(numbers);
      kernel.addSketch(merged, bytesOf(numbers.map(() => top)), sign);
      const sums = numbers.map((number) => modulo(number + BigInt(sign) * top));
      assertEquals(numbersOf(merged), sums);
      const kept = bytesOf(numbers);
      kernel.addElements(kept, bytesOf([PRIME, 0n]), sign);
      assertEquals(numbersOf(kept), numbers.map(modulo));
      const word = bytesOf([top]);
      kernel.addElements(word, bytesOf([top, PRIME + 1n]), sign);
      assertEquals(numbersOf(word), [modulo(top + BigInt(sign) * (top + 1n))]);
    }
  });

  Deno.test(`the ${kind} kernel takes 1 to 64 words, and no broken ones`, () => {
    for (const bytes of [0, 7, 9, WORDS_MAX * 8 + 8]) {
      assertThrows(() => kernel.addElements(new Uint8Array(bytes), bytesOf([1n]), 1), TypeError);
      assertThrows(() => kernel.decode(new Uint8Array(bytes), 0), TypeError);
    }
    for (const words of [1, WORDS_MAX - 1, WORDS_MAX]) {
      const sketch = new Uint8Array(words * 8);
      kernel.addElements(sketch, bytesOf([7n]), 1);
      assertEquals(decoded(kernel, sketch, 1), { plus: [7n], minus: [] });
    }
    assertThrows(() => kernel.addElements(new Uint8Array(8), new Uint8Array(7), 1), TypeError);
    assertThrows(() => kernel.addSketch(new Uint8Array(8), new Uint8Array(16), 1), TypeError);
    assertThrows(() => kernel.addSketch(new Uint8Array(7), new Uint8Array(7), 1), TypeError);
  });

  Deno.test(`the ${kind} kernel decodes nothing from a surplus that cannot be`, () => {
    const [element] = elements(new Prng(SEED), 1) as [bigint];
    const sketch = sketchOf([element], [], 16);
    for (const surplus of [NaN, 0.5, 1.5, Infinity, 2 ** 32 + 1, 17, -17]) {
      assertEquals(kernel.decode(sketch, surplus), null);
    }
    for (let surplus = -16; surplus <= 16; surplus++) {
      const expected = surplus === 1 ? { plus: [element], minus: [] } : null;
      assertEquals(decoded(kernel, sketch, surplus), expected);
    }
  });

  Deno.test(`the ${kind} kernel leaves the sketch it decodes alone`, () => {
    const sketch = sketchOf([5n, 9n], [4n], 8);
    const before = sketch.slice();
    assertEquals(decoded(kernel, sketch, 1), { plus: [5n, 9n], minus: [4n] });
    assertEquals(sketch, before);
  });
}

Deno.test("sketches of any length are added alike by both kernels", () => {
  const prng = new Prng(SEED + 1);
  for (const words of [0, 1, 2, 33, 1023, 1024, 1025, 3000]) {
    const [one, other] = [elements(prng, words), elements(prng, words)];
    const expected = one.map((sum, at) => (sum + other[at]! * 2n) % PRIME);
    for (const kernel of KERNELS) {
      const sketch = bytesOf(one);
      kernel.addSketch(sketch, bytesOf(other), 1);
      kernel.addSketch(sketch, bytesOf(other), 1);
      assertEquals(numbersOf(sketch), expected);
      kernel.addSketch(sketch, sketch, -1);
      assertEquals(numbersOf(sketch), one.map(() => 0n));
    }
  }
});

Deno.test("a million elements are added alike by both kernels, in batches of every size", () => {
  assertEquals(KERNELS.map((kernel) => kernel.kind), ["simd", "plain"]);
  const prng = new Prng(SEED + 2);
  const batches = [1, 2, 3, 31, 4095, 4096, 4097, 9000] as const;
  for (let left = 1_000_000; left > 0;) {
    const words = prng.pick([1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 32]);
    const count = prng.pick(batches);
    const batch = prng.bytes(count * 8);
    const sign = prng.pick<1 | -1>([1, -1]);
    const [sketch, other] = [bytesOf(elements(prng, words)), new Uint8Array(words * 8)];
    other.set(sketch);
    module.addElements(sketch, batch, sign);
    plainKernel.addElements(other, batch, sign);
    assert(sketch.every((byte, at) => byte === other[at]), `${count} elements, ${words} words`);
    left -= count;
  }
});

Deno.test("the module decodes every shape of difference up to 32 words, and of 64 words", () => {
  const prng = new Prng(SEED + 3);
  const check = (plus: number, minus: number, words: number) => {
    const all = elements(prng, plus + minus);
    const sides = { plus: [] as bigint[], minus: [] as bigint[] };
    for (const element of all) {
      const left = { plus: plus - sides.plus.length, minus: minus - sides.minus.length };
      const side = prng.between(1, left.plus + left.minus) <= left.plus ? "plus" : "minus";
      sides[side].push(element);
    }
    const sketch = new Uint8Array(words * 8);
    module.addElements(sketch, bytesOf(sides.plus), 1);
    module.addElements(sketch, bytesOf(sides.minus), -1);
    assertEquals(decoded(module, sketch, plus - minus), sides);
    return { sketch, sides };
  };
  for (let words = 1; words <= SHAPE_WORDS_MAX; words++) {
    for (let plus = 0; plus <= words; plus++) {
      for (let minus = 0; minus <= words - plus; minus++) {
        for (let again = 0; again < 2; again++) check(plus, minus, words);
        const { sketch, sides } = check(plus, minus, words);
        if (words > 8 && prng.chance(0.9)) continue;
        assertEquals(decoded(plainKernel, sketch, plus - minus), sides);
      }
    }
  }
  for (let plus = 0; plus <= WORDS_MAX; plus += 8) {
    const { sketch, sides } = check(plus, WORDS_MAX - plus, WORDS_MAX);
    assertEquals(decoded(plainKernel, sketch, 2 * plus - WORDS_MAX), sides);
  }
});

Deno.test("the difference of two sets is decoded whatever they have in common", () => {
  const element = fc.bigInt({ min: 1n, max: PRIME - 1n });
  const small = fc.bigInt({ min: 1n, max: 40n });
  const set = fc.uniqueArray(fc.oneof(element, small), { maxLength: 40 });
  fc.assert(
    fc.property(set, set, set, fc.integer({ min: 1, max: 40 }), (common, one, other, words) => {
      const mine = new Set([...common, ...one]);
      const theirs = new Set([...common, ...other]);
      const plus = ascending([...mine].filter((it) => !theirs.has(it)));
      const minus = ascending([...theirs].filter((it) => !mine.has(it)));
      for (const kernel of KERNELS) {
        const sketch = new Uint8Array(40 * 8);
        const away = new Uint8Array(40 * 8);
        kernel.addElements(sketch, bytesOf([...mine]), 1);
        kernel.addElements(away, bytesOf([...theirs]), 1);
        kernel.addSketch(sketch, away, -1);
        // The first words of a sketch are a sketch.
        const prefix = sketch.subarray(0, words * 8);
        const found = decoded(kernel, prefix, plus.length - minus.length);
        if (plus.length + minus.length <= words) assertEquals(found, { plus, minus });
        else assertFits(found, prefix, plus.length - minus.length);
      }
    }),
    { numRuns: 150, seed: SEED },
  );
});

Deno.test("an overfull sketch is never taken for a difference", () => {
  const prng = new Prng(SEED + 4);
  for (let words = 8; words <= SHAPE_WORDS_MAX; words++) {
    for (let round = 0; round < 2000; round++) {
      const surplus = prng.between(-4, 4);
      const more = prng.between(1, prng.pick([4, 40]));
      const minus = Math.max(0, Math.ceil((words + more - surplus) / 2));
      const sketch = new Uint8Array(words * 8);
      module.addElements(sketch, bytesOf(elements(prng, minus + surplus)), 1);
      module.addElements(sketch, bytesOf(elements(prng, minus)), -1);
      const found = decoded(module, sketch, surplus);
      if (assertFits(found, sketch, surplus)) {
        // Another difference has the same sketch: it can only be one that uses every word.
        assert(found !== null && words < CERTAIN_WORDS);
        assertEquals(found.plus.length + found.minus.length, words);
        assertEquals(decoded(plainKernel, sketch, surplus), found);
      } else if (round < 8) {
        assertEquals(decoded(plainKernel, sketch, surplus), null);
      }
    }
  }
});

Deno.test("the same sum of powers from other elements is as good", () => {
  // p - 1 is a multiple of 9: the other eight numbers with the ninth power of x, taken away, are x.
  for (const kernel of KERNELS) {
    const sketch = sketchOf([5n], [], 8);
    const found = decoded(kernel, sketch, -8);
    assert(assertFits(found, sketch, -8));
    assertEquals(found?.minus.length, 8);
    assertEquals(decoded(kernel, sketch, 1), { plus: [5n], minus: [] });
  }
});

Deno.test("random words are no sketch, or one that adds up [S15]", () => {
  const prng = new Prng(SEED + 5);
  for (let words = 1; words <= WORDS_MAX; words++) {
    for (let round = 0; round < (words < 8 ? 200 : 4); round++) {
      const sketch = bytesOf(elements(prng, words));
      const surplus = prng.between(-words, words);
      const found = words < 24 ? decodedByBoth(sketch, surplus) : decoded(module, sketch, surplus);
      assertFits(found, sketch, surplus);
      if (words >= CERTAIN_WORDS) assertEquals(found, null);
    }
  }
});

Deno.test("an empty sketch is an empty difference, and nothing else", () => {
  for (const words of [1, 2, 7, 8, 32, 64]) {
    const sketch = new Uint8Array(words * 8);
    assertEquals(decodedByBoth(sketch, 0), { plus: [], minus: [] });
    for (let surplus = 1; surplus <= words; surplus++) {
      assertEquals(decodedByBoth(sketch, surplus), null);
      assertEquals(decodedByBoth(sketch, -surplus), null);
    }
  }
});

Deno.test("a word that is not reduced makes a sketch none [S15]", () => {
  const prng = new Prng(SEED + 6);
  const plus = elements(prng, 3);
  for (let at = 0; at < 8; at++) {
    const words = numbersOf(sketchOf(plus, [], 8));
    for (const wrong of [words[at]! + PRIME, PRIME, (1n << 64n) - 1n, 1n << 61n]) {
      assertEquals(decodedByBoth(bytesOf(words.with(at, wrong)), 3), null);
    }
  }
  // What is 0 modulo p is not 0 here.
  assertEquals(decodedByBoth(bytesOf([PRIME, 0n]), 0), null);
});

Deno.test("one wrong bit anywhere in a sketch leaves no difference [S15]", () => {
  const prng = new Prng(SEED + 7);
  for (const words of [16, 32]) {
    const sketch = sketchOf(elements(prng, 7), elements(prng, 7), words);
    for (let bit = 0; bit < sketch.length * 8; bit++) {
      const wrong = sketch.slice();
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      assertEquals(decoded(module, wrong, 0), null);
      if (bit % 16 === 0) assertEquals(decoded(plainKernel, wrong, 0), null);
    }
  }
});

Deno.test("an element that is there twice is no set", () => {
  const prng = new Prng(SEED + 8);
  for (let others = 0; others <= 12; others++) {
    for (const times of [2, 3]) {
      const plus = elements(prng, others + 1);
      const minus = elements(prng, others);
      const repeated = [...plus, ...new Array(times - 1).fill(plus[0])];
      for (const words of [2 * others + 1 + times, 32]) {
        assertEquals(decodedByBoth(sketchOf(repeated, minus, words), times), null);
        assertEquals(decodedByBoth(sketchOf(minus, repeated, words), -times), null);
      }
      // Taken away as often but once, it is.
      const once = sketchOf(repeated, [...minus, ...repeated.slice(others + 1)], 32);
      assertEquals(decodedByBoth(once, 1), { plus, minus });
    }
  }
});

Deno.test("a polynomial that has not all its roots in the field is no set", () => {
  const prng = new Prng(SEED + 9);
  let squares = 0;
  for (let round = 0; round < 60; round++) {
    // x^2 - a x + b has roots in the field when a^2 - 4 b is a square, as it is half the time.
    const [a, b] = elements(prng, 2) as [bigint, bigint];
    const square = isSquare(((a * a - 4n * b) % PRIME + PRIME) % PRIME);
    if (square) squares++;
    for (const words of [2, 3, 16]) {
      const sketch = sketchOfPolynomial([a, b], words);
      assertEquals(assertFits(decodedByBoth(sketch, 2), sketch, 2), square);
      // The same beside roots that are there.
      const beside = sketchOf(elements(prng, 3), [], words + 4);
      plainKernel.addSketch(beside, sketchOfPolynomial([a, b], words + 4), -1);
      assertEquals(assertFits(decodedByBoth(beside, 1), beside, 1), square);
    }
  }
  assert(squares > 10 && squares < 50);
  for (let degree = 12; degree <= 32; degree++) {
    const sketch = sketchOfPolynomial(elements(prng, degree), 32);
    assertEquals(decodedByBoth(sketch, degree), null);
  }
});

Deno.test("elements that resist attempts to split them are found while the work lasts", () => {
  const prng = new Prng(SEED + 10);
  // m words pay four or five attempts at m elements; the parts of the last one cost another.
  for (
    const [words, attempts, expected] of [[32, 2, true], [32, 4, false], [64, 1, true], [
      64,
      3,
      false,
    ], [64, 9, false]] as const
  ) {
    const plus = resisting(prng, words, attempts);
    const found = decodedByBoth(sketchOf(plus, [], words), words);
    assertEquals(found, expected ? { plus, minus: [] } : null);
    assertEquals(decodedByBoth(sketchOf([], plus, words), -words) !== null, expected);
  }
  // Few elements cost little: they may resist for longer than anybody can find such ones.
  const three = resisting(prng, 3, 9);
  assertEquals(decodedByBoth(sketchOf(three, [], 3), 3), { plus: three, minus: [] });
});

Deno.test("roots that are their own moves are found", () => {
  // p - k becomes 0 when all roots have moved up by k.
  for (const count of [3, 4, 7, 16]) {
    const plus = Array.from({ length: count }, (_, at) => PRIME - BigInt(count - at));
    const minus = Array.from({ length: count }, (_, at) => BigInt(at + 1));
    assertEquals(decodedByBoth(sketchOf(plus, minus, 2 * count), 0), { plus, minus });
  }
});
