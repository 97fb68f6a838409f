/** Writes the operations of a patch, as `patch_ops.ts` describes them. */
import { smallArray } from "../core/wire/small_arrays.ts";
import {
  ABSENT,
  bitsFor,
  BRANCH,
  CODE_BITS,
  FALSE,
  INSERT,
  JSON_TEXT,
  MOVE,
  PERMUTE,
  REMOVE,
  SET,
  SPLICE,
  TEXTS,
  TRUE,
} from "./patch_ops.ts";

/** JSON that a slot shows: compared by its text. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a slot shows. A number is a safe integer. */
export type Shown = string | number | boolean | null | JsonText;

/** A bound input of an instance, and what it shows. */
export interface BoundValue {
  readonly instance: number;
  readonly slot: number;
  readonly value: Shown;
}

/** Operations as they travel. */
export interface Ops {
  readonly ops: Uint8Array<ArrayBuffer>;
  readonly texts: readonly string[];
}

/** What changed since the last patch. */
export interface Patch extends Ops {
  /** Bound inputs that show something else; not among the operations, as each page knows its own. */
  readonly bound: readonly BoundValue[];
  /** The instance of the last operation. */
  readonly lastInstance: number;
}

/** A move of some items of a list: taken out at `from`, put at `to` of what is left. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** A text is spliced when that saves more units than the operation's own bytes. */
const SPLICE_UNITS_MIN = 4;
const BYTE_BITS = 8;

/** Tokens that a writer, of which each island has one, keeps room for; after more it begins anew. */
const TOKENS_KEPT_MAX = 64;
/** What patches without them share; never written to. */
const NO_TEXTS: string[] = [];
const NO_VALUES: BoundValue[] = [];

export class PatchWriter {
  /**
   * Numbers to write as varints; a byte that stands for itself as -1 - byte. The first `#count` of them
   * count: the list stays for the next patch, since to grow a new one takes as long as to fill it.
   */
  #tokens: number[] = [];
  #count = 0;
  #texts = NO_TEXTS;
  #bound = NO_VALUES;
  #instance = 0;
  /** Where the head of the run of texts stands that is still open, or -1. */
  #run = -1;

  get isEmpty(): boolean {
    return this.#count === 0 && this.#bound.length === 0;
  }

  set(instance: number, slot: number, value: Shown): void {
    this.#op(SET, instance, slot);
    this.value(value);
  }

  /** Sets a text, by what differs if that is shorter. */
  setText(instance: number, slot: number, before: string, text: string): void {
    const { at, removed, inserted } = difference(before, text);
    if (text.length - inserted.length < SPLICE_UNITS_MIN) return this.set(instance, slot, text);
    this.#op(SPLICE, instance, slot);
    this.#put(at);
    this.#put(removed);
    this.value(inserted);
  }

  setBound(instance: number, slot: number, value: Shown): void {
    if (this.#bound === NO_VALUES) this.#bound = [{ instance, slot, value }];
    else this.#bound.push({ instance, slot, value });
  }

  /** The newborns follow. */
  insert(instance: number, slot: number, at: number, count: number): void {
    this.#op(INSERT, instance, slot);
    this.#put(at);
    this.#put(count);
  }

  remove(instance: number, slot: number, at: number, count: number): void {
    this.#op(REMOVE, instance, slot);
    this.#put(at);
    this.#put(count);
  }

  move(instance: number, slot: number, moves: readonly Move[]): void {
    this.#op(MOVE, instance, slot);
    this.#put(moves.length);
    for (const { from, to, count } of moves) {
      this.#put(from * 2 + (count > 1 ? 1 : 0));
      if (count > 1) this.#put(count);
      this.#put(to);
    }
  }

  /** The order says for each place, from `at` on, which of the old items (from 0) stands there. */
  permute(instance: number, slot: number, at: number, order: ArrayLike<number>): void {
    this.#op(PERMUTE, instance, slot);
    this.#put(at);
    this.#put(order.length);
    this.#bits(order);
  }

  /** The newborn follows, if there is one. */
  branch(instance: number, slot: number, which: number): void {
    this.#op(BRANCH, instance, slot);
    this.#put(which);
  }

  /** A number of a newborn: how many items, or which branch. */
  count(count: number): void {
    this.#put(count);
  }

  value(value: Shown): void {
    if (typeof value === "string") {
      this.#text(value);
      if (this.#run >= 0) {
        this.#tokens[this.#run] = this.#tokens[this.#run] as number + 2;
      } else {
        this.#run = this.#count;
        this.#put(TEXTS * 2);
      }
      return;
    }
    this.#run = -1;
    if (typeof value === "number") this.#put(zigZag(value) * 2 + 1);
    else if (value === null) this.#put(ABSENT * 2);
    else if (typeof value === "boolean") this.#put((value ? TRUE : FALSE) * 2);
    else {
      this.#put(JSON_TEXT * 2);
      this.#text(value.text);
    }
  }

  /** The patch so far; the writer is empty afterwards. */
  take(): Patch {
    const patch = {
      ops: varints(this.#tokens, this.#count),
      texts: this.#texts,
      bound: this.#bound,
      lastInstance: this.#instance,
    };
    if (this.#count > TOKENS_KEPT_MAX) this.#tokens = [];
    this.#count = 0;
    this.#texts = NO_TEXTS;
    this.#bound = NO_VALUES;
    this.#instance = 0;
    this.#run = -1;
    return patch;
  }

  /** Goes on behind operations that end at this instance. */
  continueAt(instance: number): void {
    this.#instance = instance;
  }

  #put(token: number): void {
    this.#tokens[this.#count++] = token;
  }

  /** Most patches have one text: a list of that is a third of one that grows. */
  #text(text: string): void {
    if (this.#texts === NO_TEXTS) this.#texts = [text];
    else this.#texts.push(text);
  }

  #op(code: number, instance: number, slot: number): void {
    this.#put(code + slot * 2 ** CODE_BITS);
    this.#put(zigZag(instance - this.#instance));
    this.#instance = instance;
  }

  #bits(order: ArrayLike<number>): void {
    const count = order.length;
    const items = Uint32Array.from({ length: count }, (_, index) => index);
    const places = items.slice();
    let byte = 0;
    let filled = 0;
    for (let i = 0; i < count - 1; i++) {
      const item = order[i] as number;
      const j = places[item] as number;
      const other = items[i] as number;
      items[j] = other;
      places[other] = j;
      let rest = j - i;
      for (let width = bitsFor(count - 1 - i); width > 0; width--, rest >>= 1) {
        byte |= (rest & 1) << filled;
        if (++filled < BYTE_BITS) continue;
        this.#put(-1 - byte);
        byte = 0;
        filled = 0;
      }
    }
    if (filled > 0) this.#put(-1 - byte);
  }
}

/** A patch with the values of bound inputs that one page needs. */
export function withValues(patch: Patch, values: readonly BoundValue[]): Ops {
  if (values.length === 0) return patch;
  const writer = new PatchWriter();
  writer.continueAt(patch.lastInstance);
  for (const { instance, slot, value } of values) writer.set(instance, slot, value);
  const more = writer.take();
  const ops = new Uint8Array(patch.ops.length + more.ops.length);
  ops.set(patch.ops);
  ops.set(more.ops, patch.ops.length);
  return { ops, texts: [...patch.texts, ...more.texts] };
}

/** Numbers as varints; a byte that stands for itself is given as -1 - byte. */
export function varints(
  tokens: readonly number[],
  count = tokens.length,
): Uint8Array<ArrayBuffer> {
  let length = count;
  for (let index = 0; index < count; index++) {
    for (let rest = tokens[index] as number; rest > 127; rest = Math.floor(rest / 128)) length++;
  }
  const bytes = smallArray(length);
  let at = 0;
  for (let index = 0; index < count; index++) {
    const token = tokens[index] as number;
    let rest = token < 0 ? -1 - token : token;
    if (token >= 0) {
      for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = rest % 128 + 128;
    }
    bytes[at++] = rest;
  }
  return bytes;
}

/** 0, 1, 2, 3, … for 0, -1, 1, -2, … */
export function zigZag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** What is between the common beginning and the common end of two texts; surrogates stay together. */
function difference(
  before: string,
  text: string,
): { readonly at: number; readonly removed: number; readonly inserted: string } {
  const shorter = Math.min(before.length, text.length);
  let at = 0;
  while (at < shorter && before.charCodeAt(at) === text.charCodeAt(at)) at++;
  if (at > 0 && isHigh(text.charCodeAt(at - 1))) at--;
  let end = 0;
  const most = shorter - at;
  while (
    end < most &&
    before.charCodeAt(before.length - 1 - end) === text.charCodeAt(text.length - 1 - end)
  ) end++;
  if (end > 0 && isLow(text.charCodeAt(text.length - end))) end--;
  return { at, removed: before.length - end - at, inserted: text.slice(at, text.length - end) };
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
