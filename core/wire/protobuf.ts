/**
 * Protocol Buffers in small: what the messages of `messages_gen.ts` are read and written with.
 *
 * Numbers are integers from 0 to 2^53 - 1; any other is written as one that every reader refuses.
 * A field that is absent reads as 0, "", false, empty bytes or list, or undefined for a message. Unknown
 * fields are passed over, groups are refused.
 */

import { copyOf } from "./small_arrays.ts";

/** How a value of one type stands in bytes. */
export interface Kind<T> {
  readonly wireType: number;
  /** What an absent field reads as; a field with this value is not written. */
  readonly absent: T | undefined;
  write(writer: Writer, value: T): void;
  /** Reads the next value; a message adds to the one that came `before`. */
  read(reader: Reader, before: T): T;
}

/** The kind of a message, which can also stand alone. */
export interface MessageKind<M> extends Kind<M> {
  /** A field that is not given is absent. */
  encode(value: Partial<M>): Uint8Array<ArrayBuffer>;
  /** @throws {TypeError} if the bytes are not such a message */
  decode(bytes: Uint8Array): M;
}

/** A field of a message: its name, its kind, and whether it is a list. */
export type Field<M> = { readonly [K in keyof M]-?: FieldOf<K, NonNullable<M[K]>> }[keyof M];

type FieldOf<K, V> = [V] extends [readonly (infer E)[]]
  ? readonly [name: K, kind: Kind<E>, isList: true]
  : readonly [name: K, kind: Kind<V>];

/** Bytes that fill up from their end: what is nested is there before its length is written. */
interface Writer {
  bytes: Uint8Array<ArrayBuffer>;
  /** How many bytes are written. */
  length: number;
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
  /** Where the innermost message ends. */
  end: number;
}

/** A field as the codec uses it. */
interface Row {
  readonly name: string;
  readonly kind: Kind<unknown>;
  readonly isList: boolean;
  /** Number and wire type, as they stand before each value. */
  readonly tag: number;
}

type AnyField = readonly [name: string, kind: Kind<unknown>, isList?: true];
type Values = Record<string, unknown>;

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;
const UINT32_MAX = 2 ** 32 - 1;
const UINT64_MAX = Number.MAX_SAFE_INTEGER;
/** What the last byte of a varint of 64 bits counts for. */
const LAST_UNIT = 2 ** 63;
const ASCII_MAX = 127;
/** For longer texts a call of the platform is faster than a loop over the bytes. */
const LOOP_UNITS_MAX = 64;
const UTF8_BYTES_PER_UNIT = 3;
const SCRATCH_BYTES = 1024;

const EMPTY: readonly unknown[] = [];

/** What absent bytes read as. */
export const NO_BYTES: Uint8Array = /* @__PURE__ */ new Uint8Array();

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Kept from one message to the next: nothing is encoded while another message is. */
const scratch: Writer = { bytes: /* @__PURE__ */ new Uint8Array(SCRATCH_BYTES), length: 0 };

export const uint32: Kind<number> = /* @__PURE__ */ unsigned(UINT32_MAX);

export const uint64: Kind<number> = /* @__PURE__ */ unsigned(UINT64_MAX);

export const bool: Kind<boolean> = {
  wireType: VARINT,
  absent: false,
  write: (writer, value) => writeVarint(writer, value ? 1 : 0),
  read: (reader) => readVarint(reader) > 0,
};

/** A lone surrogate is written as U+FFFD; bytes that are not UTF-8 are refused. */
export const string: Kind<string> = {
  wireType: LENGTH_DELIMITED,
  absent: "",
  write: writeText,
  read: readText,
};

/** What is read is a copy: messages do not hold on to the frame that they came in. */
export const bytes: Kind<Uint8Array> = {
  wireType: LENGTH_DELIMITED,
  absent: NO_BYTES,
  write(writer, value) {
    const at = reserve(writer, value.length);
    writer.bytes.set(value, at);
    writeVarint(writer, value.length);
  },
  read(reader) {
    const end = endOfValue(reader);
    const { at } = reader;
    reader.at = end;
    return copyOf(reader.bytes.subarray(at, end));
  },
};

/** The kind of a message that has these fields, by their numbers. */
export function message<M extends object>(
  fields: Readonly<Record<number, Field<M>>>,
): MessageKind<M> {
  const rows: Row[] = [];
  const byTag: (Row | undefined)[] = [];
  const blank: Values = {};
  for (const [number, field] of Object.entries(fields)) {
    const [name, kind, isList = false] = field as unknown as AnyField;
    const tag = Number(number) * 8 + kind.wireType;
    rows.push(byTag[tag] = { name, kind, isList, tag });
    blank[name] = isList ? EMPTY : kind.absent;
  }

  function writeFields(writer: Writer, values: Values): void {
    for (let index = rows.length; --index >= 0;) {
      const row = rows[index] as Row;
      const value = values[row.name];
      if (value === undefined) continue;
      if (row.isList) writeList(writer, row, value as readonly unknown[]);
      // Bytes are absent when there are none, whichever array says so.
      else if (value !== row.kind.absent && (value as Uint8Array).byteLength !== 0) {
        writeOne(writer, row, value);
      }
    }
  }

  function readFields(reader: Reader, values: Values): M {
    while (reader.at < reader.end) {
      const tag = readVarint(reader, UINT32_MAX);
      const row = byTag[tag];
      if (row) readField(reader, row, values);
      else skip(reader, tag);
    }
    return values as M;
  }

  return {
    wireType: LENGTH_DELIMITED,
    absent: undefined,
    write(writer, value) {
      const start = writer.length;
      writeFields(writer, value as Values);
      writeVarint(writer, writer.length - start);
    },
    read(reader, before) {
      const { end } = reader;
      reader.end = endOfValue(reader);
      const value = readFields(reader, before as Values ?? { ...blank });
      reader.end = end;
      return value;
    },
    encode(value) {
      scratch.length = 0;
      writeFields(scratch, value as Values);
      return copyOf(scratch.bytes.subarray(scratch.bytes.length - scratch.length));
    },
    decode(bytes) {
      return readFields({ bytes, at: 0, end: bytes.length }, { ...blank });
    },
  };
}

function unsigned(max: number): Kind<number> {
  return {
    wireType: VARINT,
    absent: 0,
    write: writeVarint,
    read: (reader) => readVarint(reader, max),
  };
}

function writeOne(writer: Writer, { kind, tag }: Row, value: unknown): void {
  kind.write(writer, value);
  writeVarint(writer, tag);
}

function writeList(writer: Writer, row: Row, values: readonly unknown[]): void {
  for (let index = values.length; --index >= 0;) writeOne(writer, row, values[index]);
}

function readField(reader: Reader, { name, kind, isList }: Row, values: Values): void {
  const before = values[name];
  if (!isList) values[name] = kind.read(reader, before);
  else {
    const value = kind.read(reader, undefined);
    if (before === EMPTY) values[name] = [value];
    else (before as unknown[]).push(value);
  }
}

/** Makes place for some bytes before those that are written, and says where. */
function reserve(writer: Writer, count: number): number {
  const { bytes, length } = writer;
  writer.length += count;
  if (writer.length > bytes.length) {
    writer.bytes = new Uint8Array(writer.length * 2);
    writer.bytes.set(bytes.subarray(bytes.length - length), writer.bytes.length - length);
  }
  return writer.bytes.length - writer.length;
}

function writeVarint(writer: Writer, value: number): void {
  let rest = value >= 0 && value <= UINT64_MAX ? value : UINT64_MAX + 1;
  let count = 1;
  for (let unit = 128; unit <= rest; unit *= 128) count++;
  let at = reserve(writer, count);
  for (; rest > 127; rest = Math.floor(rest / 128)) {
    writer.bytes[at++] = rest % 128 + 128;
  }
  writer.bytes[at] = rest;
}

function writeText(writer: Writer, text: string): void {
  const start = writer.length;
  if (text.length > LOOP_UNITS_MAX || !writeAscii(writer, text)) {
    writer.length = start;
    const room = text.length * UTF8_BYTES_PER_UNIT;
    const at = reserve(writer, room);
    const { written } = encoder.encodeInto(text, writer.bytes.subarray(at, at + room));
    writer.length = start + written;
    writer.bytes.copyWithin(at + room - written, at, at + written);
  }
  writeVarint(writer, writer.length - start);
}

/** Whether the text was ASCII. */
function writeAscii(writer: Writer, text: string): boolean {
  const at = reserve(writer, text.length);
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > ASCII_MAX) return false;
    writer.bytes[at + index] = unit;
  }
  return true;
}

function readVarint(reader: Reader, max = Infinity): number {
  let value = 0;
  for (let unit = 1; unit <= LAST_UNIT && reader.at < reader.end; unit *= 128) {
    const byte = reader.bytes[reader.at++] as number;
    value += (byte & 127) * unit;
    if (byte > 127) continue;
    if (value > max) throw malformed("a number is too large");
    return value;
  }
  throw malformed("a number is cut off");
}

/** Reads the length of a value, and says where it ends. */
function endOfValue(reader: Reader): number {
  const length = readVarint(reader);
  if (length > reader.end - reader.at) throw malformed("a value is cut off");
  return reader.at + length;
}

function readText(reader: Reader): string {
  const end = endOfValue(reader);
  const { bytes, at } = reader;
  reader.at = end;
  const units: number[] = [];
  if (end - at <= LOOP_UNITS_MAX) {
    for (let index = at; index < end; index++) {
      const byte = bytes[index] as number;
      if (byte > ASCII_MAX) break;
      units.push(byte);
    }
  }
  return units.length === end - at
    ? String.fromCharCode.apply(null, units)
    : decoder.decode(bytes.subarray(at, end));
}

/** Passes over a value that this version does not know. */
function skip(reader: Reader, tag: number): void {
  const wireType = tag & 7;
  if (tag < 8) throw malformed("a field has no number");
  if (wireType === VARINT) readVarint(reader);
  else if (wireType === LENGTH_DELIMITED) reader.at = endOfValue(reader);
  else if (wireType === FIXED_32) reader.at += 4;
  else if (wireType === FIXED_64) reader.at += 8;
  else throw malformed("a field has no known type");
  if (reader.at > reader.end) throw malformed("a value is cut off");
}

/** What reading throws. */
export function malformed(reason: string): TypeError {
  return new TypeError(`Cannot read the message: ${reason}`);
}
