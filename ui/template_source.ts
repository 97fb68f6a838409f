/** The text of a template, and where each of its parts stands in the file: for errors that name the place. */
import { parseFragment } from "parse5";
import type { SourcePlace } from "./program.ts";

/** A part of a template as it reads after decoding, which still knows where each unit came from. */
export interface SourceText {
  readonly text: string;
  /** @param offset in UTF-16 units of `text` */
  placeAt(offset: number): SourcePlace;
}

/** Entities as they stand in a file; the last `;` may be missing from old ones. */
const ENTITY = /&(?:#\d+|#[xX][\da-fA-F]+|[A-Za-z][A-Za-z\d]*);?/y;

/** A file of templates. */
export class SourceFile {
  readonly name: string;
  readonly content: string;
  readonly #lineStarts: readonly number[];

  constructor(name: string, content: string) {
    this.name = name;
    this.content = content;
    this.#lineStarts = [
      0,
      ...content.matchAll(/\r\n?|\n/g).map((end) => end.index + end[0].length),
    ];
  }

  /** @param offset in UTF-16 units of the file */
  placeAt(offset: number): SourcePlace {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lineStarts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return {
      file: this.name,
      line: low + 1,
      column: offset - (this.#lineStarts[low] as number) + 1,
    };
  }

  /** What stands between two offsets, as a parser decoded it. */
  decoded(from: number, to: number, text: string): SourceText {
    let offsets: readonly number[] | undefined;
    return {
      text,
      placeAt: (offset) => {
        offsets ??= offsetsOf(this.content.slice(from, to), text);
        return this.placeAt(from + (offsets[Math.min(offset, text.length)] as number));
      },
    };
  }
}

/** Text that stands in no file, or of which only the beginning is known. */
export function plainSource(text: string, start: SourcePlace): SourceText {
  return {
    text,
    placeAt(offset) {
      const lines = text.slice(0, offset).split("\n");
      const last = (lines.at(-1) as string).length;
      return {
        file: start.file,
        line: start.line + lines.length - 1,
        column: lines.length === 1 ? start.column + last : last + 1,
      };
    },
  };
}

/** A part of a text. */
export function sliceOf(source: SourceText, from: number, to?: number): SourceText {
  return {
    text: source.text.slice(from, to),
    placeAt: (offset) => source.placeAt(from + offset),
  };
}

/** For each unit of a decoded text, and its end, where it begins in the raw one. */
function offsetsOf(raw: string, text: string): readonly number[] {
  const offsets = alignedFrom(raw, text, 0);
  if (offsets.at(-1) === raw.length || !/^[\r\n]/.test(raw)) return offsets;
  // A parser leaves out the first line break of a `pre`.
  return alignedFrom(raw, text, raw.startsWith("\r\n") ? 2 : 1);
}

function alignedFrom(raw: string, text: string, from: number): readonly number[] {
  const offsets: number[] = [];
  let at = from;
  while (offsets.length < text.length) {
    const entity = raw[at] === "&" ? entityAt(raw, at) : null;
    if (entity !== null && text.startsWith(entity.text, offsets.length)) {
      for (let unit = 0; unit < entity.text.length; unit++) offsets.push(at);
      at += entity.length;
      continue;
    }
    offsets.push(Math.min(at, raw.length));
    at += raw.startsWith("\r\n", at) ? 2 : 1;
  }
  return [...offsets, Math.min(at, raw.length)];
}

function entityAt(raw: string, at: number): { text: string; length: number } | null {
  ENTITY.lastIndex = at;
  const entity = ENTITY.exec(raw)?.[0];
  if (entity === undefined) return null;
  const [node] = parseFragment(entity).childNodes;
  return node !== undefined && "value" in node ? { text: node.value, length: entity.length } : null;
}
