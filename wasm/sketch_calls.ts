/** Calls what `sketch.wat` exports: checks arguments, copies them in, and copies results out. */
import type { Kernel } from "./kernel_port.ts";
import { commonWords, isSurplus, numberCount, WORD_BYTES, wordsOf } from "./sketch_port.ts";

/** Where the module has what, and how much fits there: the maps of kernel.wat and sketch.wat. */
const SKETCH_AT = 0x1000;
const UPPER_AT = 0x1800;
const LOWER_AT = 0x1a00;
const SUM_AT = 0x7000;
const SUM_WORDS_MAX = 1_024;
const ELEMENTS_AT = 0x9000;
const ELEMENTS_MAX = 4_096;

interface SketchExports {
  sketch_add(words: number, from: number, count: number, negative: number): void;
  sketch_merge(words: number, negative: number): void;
  sketch_decode(words: number, surplus: number): number;
}

/** The three calls, on the exports of an instance and a view of its whole memory. */
export function sketchCalls(
  exports: WebAssembly.Exports,
  bytes: Uint8Array,
): Pick<Kernel, "addElements" | "addSketch" | "decode"> {
  const { sketch_add, sketch_merge, sketch_decode } = exports as unknown as SketchExports;
  const sums = prefixes(bytes.subarray(SUM_AT, ELEMENTS_AT));
  const sketches = prefixes(bytes.subarray(SKETCH_AT, UPPER_AT));
  return {
    addElements(sketch, elements, sign) {
      const words = wordsOf(sketch);
      const negative = sign < 0 ? 1 : 0;
      let left = numberCount(elements);
      bytes.set(sketch, SKETCH_AT);
      if (left <= ELEMENTS_MAX) {
        bytes.set(elements, ELEMENTS_AT);
      } else {
        for (let from = 0; left > ELEMENTS_MAX; left -= ELEMENTS_MAX) {
          bytes.set(elements.subarray(from, from += ELEMENTS_MAX * WORD_BYTES), ELEMENTS_AT);
          sketch_add(words, ELEMENTS_AT, ELEMENTS_MAX, negative);
        }
        bytes.set(elements.subarray(elements.length - left * WORD_BYTES), ELEMENTS_AT);
      }
      sketch_add(words, ELEMENTS_AT, left, negative);
      sketch.set(sketches(words));
    },
    addSketch(sketch, other, sign) {
      const words = commonWords(sketch, other);
      const negative = sign < 0 ? 1 : 0;
      for (let from = 0; from < words; from += SUM_WORDS_MAX) {
        const count = Math.min(words - from, SUM_WORDS_MAX);
        bytes.set(piece(sketch, from, count), SUM_AT);
        bytes.set(piece(other, from, count), ELEMENTS_AT);
        sketch_merge(count, negative);
        sketch.set(sums(count), from * WORD_BYTES);
      }
    },
    decode(sketch, surplus) {
      const words = wordsOf(sketch);
      if (!isSurplus(surplus, words)) return null;
      bytes.set(sketch, SKETCH_AT);
      const counts = sketch_decode(words, surplus);
      if (counts < 0) return null;
      const upper = bytes.slice(UPPER_AT, UPPER_AT + (counts & 255) * WORD_BYTES);
      const lower = bytes.slice(LOWER_AT, LOWER_AT + (counts >> 8) * WORD_BYTES);
      return surplus < 0 ? { plus: lower, minus: upper } : { plus: upper, minus: lower };
    },
  };
}

/** So many words of a sketch, and the sketch itself when that is all of them. */
function piece(sketch: Uint8Array, from: number, count: number): Uint8Array {
  if (count * WORD_BYTES === sketch.length) return sketch;
  return sketch.subarray(from * WORD_BYTES, (from + count) * WORD_BYTES);
}

/** Views of the first words, made only once: that takes as long as adding an element. */
function prefixes(bytes: Uint8Array): (words: number) => Uint8Array {
  const views: Uint8Array[] = [];
  return (words) => views[words] ??= bytes.subarray(0, words * WORD_BYTES);
}
