/**
 * How the operations of a patch are written: shared by the engine that writes them and the bridge that
 * applies them; it imports nothing.
 *
 * A patch is `ops`, varints (7 bits a byte, lowest first), and `texts`, which are taken in order. Each
 * operation is
 *
 *     word       code | slot << 4
 *     instance   zig-zag of its number minus the number of the operation before (0 before the first)
 *     arguments
 *
 *     SET      value                       what the slot shows now
 *     SPLICE   at, removed, value          a text slot's text, in UTF-16 units; the value is a text
 *     INSERT   at, count, newborns         items of a list, before the item at that place
 *     REMOVE   at, count
 *     MOVE     moves, each: from << 1 | several, [count if several], to
 *                                          takes items out, puts them at `to` of what is left
 *     PERMUTE  at, count, bits             reorders the items at, …, at + count - 1
 *     BRANCH   which, [newborn]            0 shows nothing, n the nth block of the condition
 *
 * A newborn has, for each slot in the order of its block (`ClientTable`): a value for text, attr, prop,
 * class, style, show, html, bind and plugin; for a list how many items, then these newborns; for a
 * condition which block (as in BRANCH), then that newborn; nothing for on, drag, drop, island, upload.
 * Its number is the next one, taken before its slots are read.
 *
 * A value begins with a varint, its head; n = head >> 1:
 *
 *     head is odd   the integer whose zig-zag is n
 *     0  absent     no attribute, no style, null; also the false of nothing else
 *     1  false      2  true
 *     3  JSON       the next text, parsed
 *     4, 5, …       a run: this value and the next n - 4 values of the patch, across operations, are
 *                   the next texts; those later values have no head
 *
 * What values are: text a text or an integer; attr and style a text, an integer or absent; class and
 * show true or false; html a text; prop anything; bind a text or an integer, for a checkbox and a radio
 * button true or false, for a select with several choices JSON, a list of texts; plugin anything.
 *
 * The bits of PERMUTE are a shuffle: of the list [0, …, count - 1], for each place i the number j of as
 * many bits as count - 1 - i needs (lowest first, packed from the lowest bit of each byte) says that the
 * items at i and i + j change places. The last place has none. Place i of the result then holds which of
 * the old items stands there.
 */

export const SET = 0;
export const SPLICE = 1;
export const INSERT = 2;
export const REMOVE = 3;
export const MOVE = 4;
export const PERMUTE = 5;
export const BRANCH = 6;

/** Bits of a word that are the code. */
export const CODE_BITS = 4;

/** Heads of values, above their lowest bit. */
export const ABSENT = 0;
export const FALSE = 1;
export const TRUE = 2;
export const JSON_TEXT = 3;
/** The head of a run of one text; each further text adds one. */
export const TEXTS = 4;

/** What a slot may be told to show; other than texts, numbers and truth it is what JSON has. */
export type WireValue = unknown;

/** Reads a patch from its start. */
export class PatchReader {
  #at = 0;
  #text = 0;
  #run = 0;
  #instance = 0;
  readonly #ops: Uint8Array;
  readonly #texts: readonly string[];

  constructor(ops: Uint8Array, texts: readonly string[]) {
    this.#ops = ops;
    this.#texts = texts;
  }

  /** Whether there is another operation. */
  hasMore(): boolean {
    return this.#at < this.#ops.length;
  }

  /** A number from 0. */
  uint(): number {
    let value = 0;
    for (let unit = 1;; unit *= 128) {
      const byte = this.#ops[this.#at++];
      if (byte === undefined) throw new TypeError("Cannot read the patch: it is cut off");
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  }

  /** The instance of the next operation; read after its word. */
  instance(): number {
    return this.#instance += unZigZag(this.uint());
  }

  value(): WireValue {
    if (this.#run > 0) {
      this.#run--;
      return this.#nextText();
    }
    const head = this.uint();
    const n = Math.floor(head / 2);
    if (head % 2 === 1) return unZigZag(n);
    if (n === ABSENT) return null;
    if (n < JSON_TEXT) return n === TRUE;
    if (n > JSON_TEXT) this.#run = n - TEXTS;
    const text = this.#nextText();
    return n === JSON_TEXT ? JSON.parse(text) : text;
  }

  /** The order that a PERMUTE of so many items makes: at each place, which of the old items. */
  order(count: number): number[] {
    const order = Array.from({ length: count }, (_, index) => index);
    let bit = 0;
    for (let i = 0; i < count - 1; i++) {
      let j = i;
      const width = bitsFor(count - 1 - i);
      for (let k = 0; k < width; k++, bit++) {
        const byte = this.#ops[this.#at + (bit >> 3)] as number;
        j += (byte >> (bit & 7) & 1) << k;
      }
      [order[i], order[j]] = [order[j] as number, order[i] as number];
    }
    this.#at += bit + 7 >> 3;
    return order;
  }

  #nextText(): string {
    const text = this.#texts[this.#text++];
    if (text === undefined) throw new TypeError("Cannot read the patch: a text is missing");
    return text;
  }
}

/** How many bits the numbers 0, …, max need. */
export function bitsFor(max: number): number {
  return 32 - Math.clz32(max);
}

/** 0, -1, 1, -2, … from 0, 1, 2, 3, … */
export function unZigZag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}
