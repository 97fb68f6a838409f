/** The stand-in for `@std/assert`: each assertion passes where it should and throws where it should. */
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

/** Whether the assertion throws an AssertionError; other errors pass through. */
function refuses(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof AssertionError) return true;
    throw error;
  }
}

async function refusesLater(run: () => Promise<unknown>): Promise<boolean> {
  try {
    await run();
    return false;
  } catch (error) {
    if (error instanceof AssertionError) return true;
    throw error;
  }
}

class Point {
  readonly x: number;
  readonly #factor = 2;

  constructor(x: number) {
    this.x = x;
  }

  get double(): number {
    return this.x * this.#factor;
  }
}

class Pixel {
  readonly x: number;

  constructor(x: number) {
    this.x = x;
  }
}

function nullPrototype(fields: object): object {
  return Object.assign(Object.create(null), fields);
}

function circle(): object {
  const node: { self?: object } = {};
  node.self = node;
  return node;
}

const EQUAL: ReadonlyArray<[name: string, a: unknown, b: unknown]> = [
  ["texts", "a", "a"],
  ["NaN", NaN, NaN],
  ["zero of either sign", 0, -0],
  ["nested objects", { a: [1, { b: null }] }, { a: [1, { b: null }] }],
  ["keys in another order", { a: 1, b: 2 }, { b: 2, a: 1 }],
  ["a null prototype and a plain object", nullPrototype({ a: 1 }), { a: 1 }],
  ["dates", new Date(5), new Date(5)],
  ["patterns", /a/g, /a/g],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["buffers", new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).buffer],
  [
    "sets of objects in another order",
    new Set([{ a: 1 }, { b: 1 }]),
    new Set([{ b: 1 }, { a: 1 }]),
  ],
  ["maps", new Map([["a", { b: 1 }]]), new Map([["a", { b: 1 }]])],
  ["instances", new Point(3), new Point(3)],
  ["circles", circle(), circle()],
];

const DIFFERENT: ReadonlyArray<[name: string, a: unknown, b: unknown]> = [
  ["a number and its text", 1, "1"],
  ["null and undefined", null, undefined],
  ["a missing and an undefined field", {}, { a: undefined }],
  ["an inherited and an own field", {}, { constructor: Object }],
  ["arrays of other order", [1, 2], [2, 1]],
  ["an array and an object", [1], { 0: 1 }],
  ["instances of other classes", new Point(3), new Pixel(3)],
  ["an instance and a plain object", new Pixel(3), { x: 3 }],
  ["instances of other state", new Point(3), new Point(4)],
  ["dates", new Date(5), new Date(6)],
  ["patterns of other flags", /a/g, /a/i],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  ["bytes of other kinds", new Uint8Array([1]), new Int8Array([1])],
  ["buffers", new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
  ["sets", new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }, { a: 2 }])],
  ["maps of other values", new Map([["a", 1]]), new Map([["a", 2]])],
  ["functions", () => 1, () => 1],
];

for (const [name, a, b] of EQUAL) {
  Deno.test(`assertEquals takes ${name} as equal`, () => {
    assertEquals(a, b);
    assertEquals(b, a);
    assert(refuses(() => assertNotEquals(a, b)));
  });
}

for (const [name, a, b] of DIFFERENT) {
  Deno.test(`assertEquals takes ${name} as different`, () => {
    assert(refuses(() => assertEquals(a, b)));
    assert(refuses(() => assertEquals(b, a)));
    assertNotEquals(a, b);
  });
}

Deno.test("assertEquals shows both values and the message", () => {
  const error = assertThrows(
    () => assertEquals({ a: 1 }, { a: 2 }, "rows"),
    AssertionError,
    "rows",
  );
  assertMatch(error.message, /a: 1[\s\S]*a: 2/);
});

Deno.test("assert and assertFalse follow truth", () => {
  assert("text");
  assertFalse("");
  assert(refuses(() => assert(0)));
  assert(refuses(() => assertFalse("text")));
});

Deno.test("assertStrictEquals compares identities", () => {
  const row = { a: 1 };
  assertStrictEquals(row, row);
  assertNotStrictEquals(row, { a: 1 });
  assert(refuses(() => assertStrictEquals({ a: 1 }, row)));
  assert(refuses(() => assertStrictEquals(0, -0)));
  assert(refuses(() => assertNotStrictEquals(row, row)));
});

Deno.test("assertExists and assertInstanceOf narrow what they are given", () => {
  const value: Point | undefined = [new Point(1)][0];
  assertExists(value);
  assertEquals(value.double, 2);
  const thing: unknown = value;
  assertInstanceOf(thing, Point);
  assertEquals(thing.x, 1);
  assert(refuses(() => assertExists(null)));
  assert(refuses(() => assertInstanceOf(value, Pixel)));
});

Deno.test("assertions on texts look inside them", () => {
  assertMatch("abc", /b/);
  assertStringIncludes("abc", "bc");
  assert(refuses(() => assertMatch("abc", /x/)));
  assert(refuses(() => assertStringIncludes("abc", "cb")));
});

Deno.test("assertArrayIncludes compares deeply", () => {
  assertArrayIncludes([{ a: 1 }, { a: 2 }], [{ a: 2 }]);
  assert(refuses(() => assertArrayIncludes([{ a: 1 }], [{ a: 1 }, { a: 2 }])));
});

Deno.test("assertObjectMatch ignores what is not expected", () => {
  assertObjectMatch({ a: 1, b: { c: [1, { d: 2, e: 3 }], f: 4 } }, { b: { c: [1, { d: 2 }] } });
  assertObjectMatch({ a: new Map([["k", { b: 1, c: 2 }]]) }, { a: new Map([["k", { b: 1 }]]) });
  assert(refuses(() => assertObjectMatch({ a: 1 }, { a: 2 })));
  assert(refuses(() => assertObjectMatch({ a: 1 }, { b: undefined })));
  assert(refuses(() => assertObjectMatch({ a: { b: 1 } }, { a: { b: 1, c: 2 } })));
  assert(refuses(() => assertObjectMatch({ a: new Date(1) }, { a: new Date(2) })));
});

Deno.test("assertions on order and distance compare numbers", () => {
  assertGreater(2, 1);
  assertGreaterOrEqual(2, 2);
  assertLess(1, 2);
  assertLessOrEqual(2, 2);
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertAlmostEquals(1, 1.4, 0.5);
  assert(refuses(() => assertGreater(2, 2)));
  assert(refuses(() => assertGreaterOrEqual(NaN, NaN)));
  assert(refuses(() => assertLess(2, 2)));
  assert(refuses(() => assertLessOrEqual(3, 2)));
  assert(refuses(() => assertAlmostEquals(1, 1.001)));
});

Deno.test("assertThrows checks the class and the message, and gives the error back", () => {
  const thrown = new RangeError("too far");
  const throws = () => {
    throw thrown;
  };
  assertStrictEquals(assertThrows(throws), thrown);
  assertStrictEquals(assertThrows(throws, RangeError, "far"), thrown);
  assert(refuses(() => assertThrows(throws, TypeError)));
  assert(refuses(() => assertThrows(throws, RangeError, "near")));
  assert(refuses(() => assertThrows(() => 1)));
});

Deno.test("assertRejects takes a rejection, and neither a value nor a synchronous throw", async () => {
  const rejects = () => Promise.reject(new RangeError("too far"));
  const error = await assertRejects(rejects, RangeError, "far");
  assertEquals(error.message, "too far");
  assert(await refusesLater(() => assertRejects(rejects, TypeError)));
  assert(await refusesLater(() => assertRejects(() => Promise.resolve(1))));
  assert(await refusesLater(() => assertRejects(() => fail("at once"))));
});

Deno.test("fail and unreachable always throw", () => {
  assertThrows(() => fail("why"), AssertionError, "why");
  assertThrows(() => unreachable(), AssertionError);
});
