/**
 * The bytes of a WebAssembly module: reading and writing its sections and numbers.
 *
 * Whatever the bytes are, reading ends: every step takes at least one of them, and the end of a
 * section is never passed.
 */

/** One section; `start` and `end` bound what follows its size. */
export interface Section {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** Numbers of sections, and of kinds of imports and exports. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

export const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;

/** The order in which sections stand; a custom one may stand anywhere. */
const ORDER: readonly number[] = [
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.memory,
  SECTION.tag,
  SECTION.global,
  SECTION.export,
  SECTION.start,
  SECTION.element,
  SECTION.dataCount,
  SECTION.code,
  SECTION.data,
];

/** "\0asm" and version 1. */
const PREAMBLE: readonly number[] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** Value types with a heap type behind them: `(ref null …)` and `(ref …)`. */
const REF_NULL = 0x63;
const REF = 0x64;

/** Reads on, from one byte to the next. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Where the next byte is. */
  at: number;
  #end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  byte(): number {
    if (this.at >= this.#end) this.fail("it ends too early");
    return this.bytes[this.at++] as number;
  }

  /** Passes over `length` bytes; gives where they began. */
  skip(length: number): number {
    const start = this.at;
    if (length > this.#end - start) this.fail("it ends too early");
    this.at = start + length;
    return start;
  }

  /** An unsigned number of at most 32 bits. */
  u32(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    const start = this.at - 1;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return this.fail("a number is too long", start);
  }

  /** Passes over a number of at most `bits` bits, signed or not. */
  number(bits: number): void {
    const start = this.at;
    for (let read = 0; read < bits; read += 7) if (this.byte() < 0x80) return;
    this.fail("a number is too long", start);
  }

  /** Passes over a value type; gives its first byte. */
  valueType(): number {
    const type = this.byte();
    if (type === REF_NULL || type === REF) this.number(33);
    return type;
  }

  /** Passes over the type of a block: none, a value type, or the index of a function type. */
  blockType(): void {
    const first = this.bytes[this.at];
    if (first === REF_NULL || first === REF) this.valueType();
    else this.number(33);
  }

  /** A name, as its text; names of foreign modules may be no UTF-8. */
  name(): string {
    const length = this.u32();
    const start = this.skip(length);
    return new TextDecoder().decode(this.bytes.subarray(start, this.at));
  }

  fail(reason: string, at: number = this.at): never {
    throw new TypeError(`Cannot read the module: ${reason}, at byte ${at}`);
  }
}

/** Collects bytes. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  append(bytes: Uint8Array | readonly number[]): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  u32(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  s64(value: bigint): void {
    let rest = value;
    while (rest < -64n || rest > 63n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  /** A name: its length, and its text. */
  name(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u32(bytes.length);
    this.append(bytes);
  }

  /** What was written, as a view that the next write may overwrite. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.view());
    this.#bytes = grown;
  }
}

/**
 * The sections of a module, in their order.
 *
 * @throws {TypeError} when the bytes are no module, or a section is unknown, repeated or misplaced
 */
export function sectionsOf(bytes: Uint8Array): readonly Section[] {
  const reader = new ByteReader(bytes);
  for (const expected of PREAMBLE) {
    if (reader.isAtEnd || reader.byte() !== expected) {
      reader.fail("it does not begin as a module of version 1", 0);
    }
  }
  const sections: Section[] = [];
  let rank = -1;
  while (!reader.isAtEnd) {
    const at = reader.at;
    const id = reader.byte();
    const size = reader.u32();
    const start = reader.skip(size);
    if (id !== SECTION.custom) {
      const next = ORDER.indexOf(id);
      if (next < 0) reader.fail(`there is no section ${id}`, at);
      if (next <= rank) reader.fail(`section ${id} is not in its place`, at);
      rank = next;
    }
    sections.push({ id, start, end: start + size });
  }
  return sections;
}

/** Whether a section comes before another one; false for custom ones, which come anywhere. */
export function precedes(id: number, other: number): boolean {
  return ORDER.indexOf(id) < ORDER.indexOf(other);
}

/** Writes a module of sections; each takes what `replaced` has for it, else its old bytes. */
export function moduleOf(
  bytes: Uint8Array,
  sections: readonly Section[],
  replaced: ReadonlyMap<number, Uint8Array>,
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(bytes.length + (bytes.length >> 2) + 256);
  writer.append(PREAMBLE);
  const pending = [...replaced.keys()].filter((id) => !sections.some((it) => it.id === id))
    .sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
  const put = (id: number, content: Uint8Array) => {
    writer.byte(id);
    writer.u32(content.length);
    writer.append(content);
  };
  for (const { id, start, end } of sections) {
    while (pending[0] !== undefined && precedes(pending[0], id)) {
      const added = pending.shift() as number;
      put(added, replaced.get(added) as Uint8Array);
    }
    put(id, replaced.get(id) ?? bytes.subarray(start, end));
  }
  for (const id of pending) put(id, replaced.get(id) as Uint8Array);
  return writer.view().slice();
}
