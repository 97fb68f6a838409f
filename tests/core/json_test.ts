/** JSON at the doors: its limits, its canonical text, and the order and length of texts. */
import {
  assert,
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { DriftlessError } from "../../core/errors.ts";
import {
  canonicalText,
  checkJson,
  compareText,
  equalJson,
  freezeJson,
  frozenJson,
  isJsonObject,
  type Json,
  parseJson,
  utf8Length,
} from "../../core/json.ts";
import { JSON_DEPTH_MAX, JSON_KEYS_MAX, JSON_STRING_UNITS_MAX } from "../../core/limits.ts";

/** JSON within the limits, with keys that a careless engine trips over. */
const anyJson = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: "grapheme" }),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("constructor", "toString", "10")),
      tie("json"),
      { maxKeys: 4 },
    ).filter((object) => !Object.hasOwn(object, "__proto__")),
  ),
})).json;

function nested(depth: number, innermost: unknown = 1): unknown {
  let value = innermost;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { in: value };
  return value;
}

function objectOf(keys: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: keys }, (_, i) => [`k${i}`, i]));
}

function assertRefused(value: unknown, reason: string): void {
  const error = assertThrows(() => checkJson(value), DriftlessError, reason);
  assertStrictEquals(error.code, "malformed");
}

Deno.test("checkJson accepts nesting up to the limit and refuses one level more [S11]", () => {
  for (const depth of [JSON_DEPTH_MAX - 1, JSON_DEPTH_MAX]) checkJson(nested(depth));
  assertRefused(nested(JSON_DEPTH_MAX + 1), "nested deeper than 32");
  assertRefused(nested(JSON_DEPTH_MAX, []), "nested deeper than 32");
});

Deno.test("checkJson accepts keys up to the limit and refuses one more [S11]", () => {
  for (const keys of [JSON_KEYS_MAX - 1, JSON_KEYS_MAX]) checkJson(objectOf(keys));
  assertRefused(objectOf(JSON_KEYS_MAX + 1), "more than 1000 keys");
});

Deno.test("checkJson accepts strings up to the limit and refuses one unit more [S11]", () => {
  for (const units of [JSON_STRING_UNITS_MAX - 1, JSON_STRING_UNITS_MAX]) {
    checkJson("x".repeat(units));
    checkJson({ ["x".repeat(units)]: 1 });
  }
  assertRefused("x".repeat(JSON_STRING_UNITS_MAX + 1), "longer than");
  assertRefused({ ["x".repeat(JSON_STRING_UNITS_MAX + 1)]: 1 }, "longer than");
});

Deno.test("parseJson refuses hostile depth without overflowing the stack [S11]", () => {
  const depth = 30_000;
  const text = "[".repeat(depth) + "]".repeat(depth);
  assertThrows(() => parseJson(text), DriftlessError, "nested deeper");
});

Deno.test("checkJson refuses a cycle [S11]", () => {
  const cycle: Record<string, unknown> = { leaf: 1 };
  cycle.self = cycle;
  assertRefused(cycle, "nested deeper");
  const list: unknown[] = [];
  list.push(list);
  assertRefused(list, "nested deeper");
});

Deno.test("parseJson refuses the key that pollutes prototypes at any depth [S15]", () => {
  assertThrows(() => parseJson(`{"__proto__":{"admin":true}}`), DriftlessError, "__proto__");
  assertThrows(() => parseJson(`[{"a":{"__proto__":1}}]`), DriftlessError, "__proto__");
});

Deno.test("parseJson accepts keys that name members of Object.prototype", () => {
  const text = `{"constructor":1,"hasOwnProperty":2,"toString":3}`;
  assertStrictEquals(canonicalText(parseJson(text)), text);
});

Deno.test("parseJson refuses numbers that do not fit a double [S15]", () => {
  assertThrows(() => parseJson("1e999"), DriftlessError, "not finite");
  assertThrows(() => parseJson(`{"a":[-1e999]}`), DriftlessError, "not finite");
  for (const value of [NaN, Infinity, -Infinity]) assertRefused(value, "not finite");
});

Deno.test("parseJson refuses half of a surrogate pair in values and keys [S15]", () => {
  assertThrows(() => parseJson(`"\\ud800"`), DriftlessError, "surrogate");
  assertThrows(() => parseJson(`{"\\udc00":1}`), DriftlessError, "surrogate");
  assertStrictEquals(parseJson(`"\\ud83d\\ude00"`), "😀");
});

Deno.test("parseJson refuses what is not JSON, with the code that it was given [S15]", () => {
  for (const text of ["", "{", "undefined", "[1,]", "{a:1}", "'a'", "01", "1 2", "\u0000"]) {
    const error = assertThrows(() => parseJson(text, "invalid_mutation"), DriftlessError);
    assertStrictEquals(error.code, "invalid_mutation");
  }
  assertStrictEquals(assertThrows(() => parseJson("{"), DriftlessError).code, "malformed");
});

Deno.test("checkJson refuses values that JSON does not have", () => {
  for (const value of [undefined, 1n, Symbol("a"), () => 1, [undefined], Array(1)]) {
    assertRefused(value, "is not JSON");
  }
  assertRefused({ a: [() => 1] }, "type function is not JSON");
});

Deno.test("checkJson refuses class instances", () => {
  class Point {
    x = 1;
  }
  for (const value of [new Date(0), new Map(), new Set(), /a/, new Point(), new Uint8Array(1)]) {
    assertRefused(value, "not a plain JSON object");
    assertRefused([value], "not a plain JSON object");
  }
  checkJson(Object.assign(Object.create(null), { a: 1 }));
});

Deno.test("checkJson takes an undefined member for an absent one", () => {
  const value = checkJson({ a: 1, b: undefined }) as Json;
  assertStrictEquals(canonicalText(value), `{"a":1}`);
});

Deno.test("canonicalText is the same for every order of the keys", () => {
  const reversed = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(reversed);
    if (!isJsonObject(value)) return value;
    const entries = Object.entries(value).reverse();
    return Object.fromEntries(entries.map(([key, member]) => [key, reversed(member)]));
  };
  fc.assert(fc.property(anyJson, (value) => {
    assertStrictEquals(canonicalText(reversed(value)), canonicalText(value));
  }));
});

Deno.test("canonicalText parses to an equal value, whose canonical text is the same", () => {
  fc.assert(fc.property(anyJson, (value) => {
    const text = canonicalText(value);
    assertEquals(JSON.parse(text), JSON.parse(JSON.stringify(value)));
    assertStrictEquals(canonicalText(parseJson(text)), text);
  }));
});

Deno.test("equalJson agrees with canonical texts", () => {
  fc.assert(fc.property(anyJson, anyJson, (a, b) => {
    assertStrictEquals(equalJson(a, b), canonicalText(a) === canonicalText(b));
    assert(equalJson(a, JSON.parse(canonicalText(a)) as Json));
  }));
});

Deno.test("equalJson tells undefined from every value", () => {
  assert(equalJson(undefined, undefined));
  for (const value of [null, false, 0, "", [], {}]) {
    assertFalse(equalJson(value, undefined));
    assertFalse(equalJson(undefined, value));
  }
});

Deno.test("freezeJson freezes all the way down, also below what is frozen already", () => {
  const value = Object.freeze({ a: { b: [{ c: 1 }] } });
  freezeJson(value);
  assert(Object.isFrozen(value.a) && Object.isFrozen(value.a.b) && Object.isFrozen(value.a.b[0]));
});

Deno.test("frozenJson freezes every object of any value", () => {
  const frozen = (value: unknown): boolean =>
    typeof value !== "object" || value === null ||
    (Object.isFrozen(value) && Object.values(value).every(frozen));
  fc.assert(fc.property(anyJson, (value) => assert(frozen(frozenJson(canonicalText(value))))));
});

Deno.test("isJsonObject is true for objects alone", () => {
  assert(isJsonObject({}));
  for (const value of [null, [], "a", 1, undefined]) assertFalse(isJsonObject(value));
});

/** Texts that cross every boundary of UTF-8 and UTF-16. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom("a", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff"),
    fc.constantFrom("\u{10000}", "\u{10ffff}", "😀"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
});

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

Deno.test("compareText orders texts as their UTF-8 bytes", () => {
  const encoder = new TextEncoder();
  fc.assert(
    fc.property(anyText, anyText, anyText, (head, a, b) => {
      const [x, y] = [head + a, head + b];
      const bytes = compareBytes(encoder.encode(x), encoder.encode(y));
      assertStrictEquals(Math.sign(compareText(x, y)), Math.sign(bytes));
      assertEquals(Math.sign(compareText(y, x)), -Math.sign(compareText(x, y)));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("compareText puts astral characters after the last of the basic plane", () => {
  assert("\u{10000}" < "\uffff");
  assert(compareText("\u{10000}", "\uffff") > 0);
  assert(compareText("a\uffff", "a\u{10ffff}b") < 0);
  assertStrictEquals(compareText("ab", "ab"), 0);
});

Deno.test("utf8Length equals the length of the encoded bytes", () => {
  const encoder = new TextEncoder();
  fc.assert(
    fc.property(anyText, (text) => {
      assertStrictEquals(utf8Length(text), encoder.encode(text).length);
    }),
    { numRuns: 2_000 },
  );
  assertNotEquals(utf8Length("😀"), "😀".length);
});
