/** Calls what `sketch.wat` exports: checks arguments, copies them in, and copies results out. */
import type { Kernel } from "./kernel_port.ts";
import { commonWords, isSurplus, numberCount, WORD_BYTES, wordsOf } from "./sketch_port.ts";

/** Where the module has what, and how much fits there; see the maps of kernel.wat and sketch.wat. */
const SKETCH_AT = 0x1000;
const UPPER_AT = 0x1800;
const LOWER_AT = 0x1a00;
const SUM_AT = 0x7000;
const SUM_BYTES_MAX = 0x2000;
const ELEMENTS_AT = 0x9000;
const ELEMENTS_BYTES_MAX = 0x8000;

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
  return {
    addElements(sketch, elements, sign) {
      const words = wordsOf(sketch);
      numberCount(elements);
      bytes.set(sketch, SKETCH_AT);
      for (let from = 0; from < elements.length; from += ELEMENTS_BYTES_MAX) {
        const piece = from === 0 && elements.length <= ELEMENTS_BYTES_MAX
          ? elements
          : elements.subarray(from, from + ELEMENTS_BYTES_MAX);
        bytes.set(piece, ELEMENTS_AT);
        sketch_add(words, ELEMENTS_AT, piece.length / WORD_BYTES, sign < 0 ? 1 : 0);
      }
      if (elements.length === 0) sketch_add(words, ELEMENTS_AT, 0, 0);
      sketch.set(bytes.subarray(SKETCH_AT, SKETCH_AT + sketch.length));
    },
    addSketch(sketch, other, sign) {
      commonWords(sketch, other);
      for (let from = 0; from < sketch.length; from += SUM_BYTES_MAX) {
        const piece = sketch.subarray(from, from + SUM_BYTES_MAX);
        bytes.set(piece, SUM_AT);
        bytes.set(other.subarray(from, from + SUM_BYTES_MAX), ELEMENTS_AT);
        sketch_merge(piece.length / WORD_BYTES, sign < 0 ? 1 : 0);
        piece.set(bytes.subarray(SUM_AT, SUM_AT + piece.length));
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
