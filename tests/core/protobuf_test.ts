/** The codec in small, against protobufjs on the same schema and against broken bytes. */
import { assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import protobuf from "protobufjs";
import * as live from "../../core/wire/messages_gen.ts";
import {
  bool,
  bytes,
  message,
  type MessageKind,
  string,
  uint32,
  uint64,
} from "../../core/wire/protobuf.ts";
import { copyOf, smallArray } from "../../core/wire/small_arrays.ts";
import * as exchange from "../../core/wire/reconcile_gen.ts";
import { oracle, reflected } from "./messages_oracle.ts";

const INTEGER_MAX = Number.MAX_SAFE_INTEGER;
const UINT32_MAX = 2 ** 32 - 1;

const kinds = Object.entries({ ...live, ...exchange }) as unknown as [
  string,
  MessageKind<object>,
][];

const anyInteger = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 49, INTEGER_MAX),
);
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.string({ unit: "grapheme-ascii", minLength: 60, maxLength: 70 }),
  fc.constantFrom("\ufeffmark", "\0", "ä".repeat(64)),
);

/** Any value of a message, with all its fields but now and then an inner message. */
function anyValue(type: protobuf.Type): fc.Arbitrary<object> {
  const fields = type.fieldsArray.map((field) => {
    const one = anyOf(field);
    const value = field.repeated ? fc.array(one, { maxLength: 4 }) : one;
    return [field.name, value] as const;
  });
  const optional = type.fieldsArray.filter(isInner).map(({ name }) => name);
  const requiredKeys = fields.map(([name]) => name).filter((name) => !optional.includes(name));
  return fc.record(Object.fromEntries(fields), { requiredKeys, noNullPrototype: true });
}

function anyOf({ resolvedType, type }: protobuf.Field): fc.Arbitrary<unknown> {
  if (resolvedType instanceof protobuf.Type) return anyValue(resolvedType);
  if (resolvedType) return fc.constantFrom(...Object.values(resolvedType.values));
  if (type === "string") return anyText;
  if (type === "bytes") return fc.uint8Array({ maxLength: 200 });
  if (type === "bool") return fc.boolean();
  return type === "uint32" ? fc.integer({ min: 0, max: UINT32_MAX }) : anyInteger;
}

function isInner(field: protobuf.Field): boolean {
  return field.resolvedType instanceof protobuf.Type && !field.repeated;
}

function isOneOf(name: string): boolean {
  return reflected(name).oneofsArray.length > 0;
}

/** Without the fields that are undefined: an absent message, here or there. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  // Node's buffers, which protobufjs gives, are byte arrays of another class.
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined && item !== null);
  return Object.fromEntries(entries.map(([key, item]) => [key, bare(item)]));
}

const bytesOf = (...values: readonly number[]) => Uint8Array.from(values);

interface Sample {
  readonly number: number;
  readonly small: number;
  readonly text: string;
  readonly flag: boolean;
  readonly texts: readonly string[];
  readonly data: Uint8Array;
  readonly list: readonly Uint8Array[];
  readonly inner?: Sample["pair"];
  readonly pair?: { readonly a: number; readonly b: number };
}

const Pair: MessageKind<{ readonly a: number; readonly b: number }> = message({
  1: ["a", uint64],
  2: ["b", uint64],
});
const Sample: MessageKind<Sample> = message<Sample>({
  1: ["number", uint64],
  2: ["small", uint32],
  3: ["text", string],
  4: ["flag", bool],
  5: ["texts", string, true],
  6: ["inner", Pair],
  8: ["data", bytes],
  9: ["list", bytes, true],
  2_000: ["pair", Pair],
});
const BLANK: Sample = {
  number: 0,
  small: 0,
  text: "",
  flag: false,
  texts: [],
  data: new Uint8Array(),
  list: [],
};

const read = (...bytes: readonly number[]) => bare(Sample.decode(bytesOf(...bytes)));
const textBytes = (length: number) => {
  const varint = length < 128 ? [length] : [length % 128 + 128, Math.floor(length / 128)];
  return [0x1a, ...varint, ...Array.from({ length }, () => 0x61)];
};

Deno.test("protobuf writes every message as protobufjs does", () => {
  for (const [name, kind] of kinds) {
    const { encode } = oracle(name);
    fc.assert(fc.property(anyValue(reflected(name)), (value) => {
      assertEquals(kind.encode(value), Uint8Array.from(encode(value)));
    }));
  }
});

Deno.test("protobuf reads every message as protobufjs does", () => {
  for (const [name, kind] of kinds) {
    const { encode, decode } = oracle(name);
    fc.assert(fc.property(anyValue(reflected(name)), (value) => {
      const bytes = encode(value);
      // Of a oneof, protobufjs shows the last one; which one a frame means is for `messages.ts`.
      assertEquals(
        isOneOf(name) ? kind.encode(kind.decode(bytes)) : bare(kind.decode(bytes)),
        isOneOf(name) ? Uint8Array.from(bytes) : bare(decode(bytes)),
      );
    }));
  }
});

Deno.test("protobuf reads two messages in a row as one, as protobufjs does", () => {
  for (const [name, kind] of kinds) {
    const { encode, decode } = oracle(name);
    const any = anyValue(reflected(name));
    fc.assert(fc.property(any, any, (first, second) => {
      const bytes = bytesOf(...encode(first), ...encode(second));
      if (!isOneOf(name)) assertEquals(bare(kind.decode(bytes)), bare(decode(bytes)));
    }));
  }
});

Deno.test("protobuf reads an empty message as its defaults, with a list of its own", () => {
  assertEquals(read(), { ...BLANK });
  const one = Sample.decode(bytesOf(0x2a, 1, 0x61));
  const two = Sample.decode(bytesOf(0x2a, 1, 0x62, 0x2a, 0));
  assertEquals([one.texts, two.texts, Sample.decode(bytesOf()).texts], [["a"], ["b", ""], []]);
});

Deno.test("protobuf passes over unknown fields of every type", () => {
  const known = [0x08, 1];
  assertEquals(read(0x38, 0xff, 1, ...known), { ...BLANK, number: 1 });
  assertEquals(read(0x3a, 2, 8, 8, ...known), { ...BLANK, number: 1 });
  assertEquals(read(0x3d, 1, 2, 3, 4, ...known), { ...BLANK, number: 1 });
  assertEquals(read(0x39, 1, 2, 3, 4, 5, 6, 7, 8, ...known), { ...BLANK, number: 1 });
  // A known number with another type is unknown.
  assertEquals(read(0x0a, 1, 9, 0x18, 9, ...known), { ...BLANK, number: 1 });
});

Deno.test("protobuf refuses groups, field 0, and what is cut off", () => {
  const broken: readonly (readonly number[])[] = [
    ...[[0x3b, 0x3c], [0x3c], [0x3e], [0x3f], [0x00, 1], [0x02, 0], [0x80, 0]],
    ...[[0x08], [0x08, 0x80], [0x1a], [0x1a, 1], [0x32, 2, 8], [0x32, 3, 8, 1]],
    ...[[0x3d, 1, 2, 3], [0x39, 1, 2, 3, 4, 5, 6, 7], [0x3a, 1]],
    // An inner message does not read on in the outer one.
    ...[[0x32, 1, 0x08, 1], [0x32, 2, 0x1a, 1, 0x61]],
  ];
  for (const bytes of broken) {
    assertThrows(() => read(...bytes), TypeError, "Cannot read the message");
  }
});

Deno.test("protobuf refuses bytes that are not UTF-8, short and long", () => {
  const lone = [0xed, 0xa0, 0x80];
  for (const bytes of [[0x80], [0xc3], [0xc0, 0x80], [0xf5, 0x80, 0x80, 0x80], lone]) {
    const long = [...Array.from({ length: 80 }, () => 0x61), ...bytes];
    assertThrows(() => read(0x1a, bytes.length, ...bytes), TypeError);
    assertThrows(() => read(0x1a, long.length, ...long), TypeError);
  }
});

Deno.test("protobuf gives back bytes of any length, by themselves and in a list", () => {
  for (const length of [1, 127, 128, 1_023, 1_024, 70_000]) {
    const data = Uint8Array.from({ length }, (_, index) => index * 7);
    const sample = { ...BLANK, data, list: [data, new Uint8Array(), data.subarray(0, 1)] };
    assertEquals(bare(Sample.decode(Sample.encode(sample))), sample);
  }
});

Deno.test("protobuf writes no empty bytes, but keeps their place in a list", () => {
  assertEquals(Sample.encode(BLANK), bytesOf());
  assertEquals(Sample.encode({ ...BLANK, data: new Uint8Array(0) }), bytesOf());
  const list = [new Uint8Array(), bytesOf(1)];
  assertEquals(Sample.encode({ ...BLANK, list }), bytesOf(0x4a, 0, 0x4a, 1, 1));
  assertEquals(read(0x42, 0, 0x4a, 0, 0x4a, 1, 1), { ...BLANK, list });
});

Deno.test("protobuf reads bytes that do not follow the frame, the last of several", () => {
  const frame = bytesOf(0x42, 1, 9, 0x42, 2, 1, 2, 0x4a, 1, 3);
  const { data, list } = Sample.decode(frame);
  frame.fill(0);
  assertEquals([data, list], [bytesOf(1, 2), [bytesOf(3)]]);
});

Deno.test("protobuf refuses bytes that are cut off, whatever follows them", () => {
  for (const broken of [[0x42, 1], [0x42, 2, 1], [0x4a, 1], [0x4a, 0xff, 0xff, 0xff, 0xff, 0x0f]]) {
    assertThrows(() => read(...broken), TypeError, "cut off");
  }
});

Deno.test("protobuf writes a lone surrogate as the replacement character", () => {
  for (const text of ["\ud800", `${"a".repeat(80)}\udc00`]) {
    const decoded = Sample.decode(Sample.encode({ ...BLANK, text }));
    assertStrictEquals(decoded.text, text.toWellFormed());
  }
});

Deno.test("protobuf reads texts around the length where the platform takes over", () => {
  for (const length of [0, 1, 63, 64, 65, 127, 128]) {
    const bytes = textBytes(length);
    const text = "a".repeat(length);
    assertEquals(read(...bytes), { ...BLANK, text });
    assertEquals(Sample.encode({ ...BLANK, text }), length === 0 ? bytesOf() : bytesOf(...bytes));
  }
});

Deno.test("protobuf gives back numbers up to 2^53 - 1, and refuses larger ones", () => {
  for (const number of [INTEGER_MAX - 1, INTEGER_MAX]) {
    assertStrictEquals(Sample.decode(Sample.encode({ ...BLANK, number })).number, number);
  }
  for (const small of [UINT32_MAX - 1, UINT32_MAX]) {
    assertStrictEquals(Sample.decode(Sample.encode({ ...BLANK, small })).small, small);
  }
  const refused = [
    ...[INTEGER_MAX + 1, 2 ** 64, -1, Infinity, NaN].map((number) => ({ ...BLANK, number })),
    { ...BLANK, small: UINT32_MAX + 1 },
  ];
  for (const sample of refused) {
    assertThrows(() => Sample.decode(Sample.encode(sample)), TypeError, "too large");
  }
});

Deno.test("protobuf reads a number of ten bytes and refuses one of eleven", () => {
  const ten = [...Array.from({ length: 9 }, () => 0x80), 0x00];
  assertEquals(read(0x08, ...ten), BLANK);
  assertEquals(read(0x20, ...ten.slice(0, 9), 0x01), { ...BLANK, flag: true });
  assertThrows(() => read(0x08, 0x80, ...ten), TypeError, "a number is cut off");
});

Deno.test("protobuf writes messages of any size, one after another", () => {
  for (const length of [1_022, 1_023, 1_024, 1_025, 5_000, 70_000, 10]) {
    const texts = Array.from({ length: 3 }, (_, index) => String(index).repeat(length));
    const sample = { ...BLANK, texts, inner: { a: 1, b: 0 }, pair: { a: 0, b: 2 } };
    assertEquals(Sample.decode(Sample.encode(sample)), sample);
  }
});

Deno.test("protobuf gives bytes that stay as they are", () => {
  const texts = Array.from({ length: 300 }, (_, index) => `${index}`.repeat(index % 50));
  const all = texts.map((text) => Sample.encode({ ...BLANK, text }));
  const data = all.map((bytes) => Sample.decode(Sample.encode({ ...BLANK, data: bytes })).data);
  for (const [index, text] of texts.entries()) {
    for (const bytes of [all[index], data[index]]) {
      assertEquals(Sample.decode(bytes as Uint8Array).text, text);
    }
  }
});

Deno.test("small arrays share blocks, and large ones do not", () => {
  const block = smallArray(1_024).buffer;
  assertEquals(block.byteLength, 1_024);
  const arrays = [500, 524, 1].map(smallArray);
  const [first, second, third] = arrays;
  assertStrictEquals(second?.buffer, first?.buffer);
  assertNotStrictEquals(third?.buffer, first?.buffer);
  assertEquals(smallArray(1_025).buffer.byteLength, 1_025);
  first?.fill(1);
  assertEquals(second, new Uint8Array(524));
  assertEquals(copyOf(Uint8Array.of(1, 2, 3)), Uint8Array.of(1, 2, 3));
});
