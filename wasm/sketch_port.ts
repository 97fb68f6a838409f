/** The arguments that the arithmetic of sketches refuses, in the module as in its twin. */

/** Of a word of a sketch, and of an element. */
export const WORD_BYTES = 8;

/** Words of the longest sketch that elements are added to, or that is decoded. */
export const SKETCH_WORDS_MAX = 64;

/** The number of words of a sketch. */
export function wordsOf(sketch: Uint8Array): number {
  const words = numberCount(sketch);
  if (words < 1 || words > SKETCH_WORDS_MAX) {
    throw new TypeError(`Cannot use sketch: it must have 1 to ${SKETCH_WORDS_MAX} words`);
  }
  return words;
}

/** How many numbers of 8 bytes there are, which has to be a whole number. */
export function numberCount(bytes: Uint8Array): number {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError("Cannot read numbers: they are not a Uint8Array");
  }
  if (bytes.length % WORD_BYTES !== 0) {
    throw new TypeError(`Cannot read numbers: ${bytes.length} bytes are no multiple of 8`);
  }
  return bytes.length / WORD_BYTES;
}

/** Throws unless two sketches have the same number of words; gives it. */
export function commonWords(sketch: Uint8Array, other: Uint8Array): number {
  const words = numberCount(sketch);
  if (numberCount(other) !== words) {
    throw new TypeError("Cannot add sketches: their lengths differ");
  }
  return words;
}

/** Whether a sketch of so many words can have this surplus at all. */
export function isSurplus(surplus: number, words: number): boolean {
  return Number.isInteger(surplus) && Math.abs(surplus) <= words;
}
