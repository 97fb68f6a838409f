/** The shape of a mutation, field by field, as every door checks it. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DriftlessError, type ErrorCode } from "../../core/errors.ts";
import { ARGS_BYTES_MAX, INTEGER_MAX, NAME_UNITS_MAX } from "../../core/limits.ts";
import {
  checkInteger,
  checkMutation,
  checkName,
  checkObject,
  checkScope,
  DEFAULT_SCOPE,
  readInPlace,
} from "../../core/mutation.ts";

const complete = {
  id: "m1",
  name: "todo.toggle",
  scope: "home",
  client: "c1",
  seq: 3,
  args: { id: "a" },
  createdAt: 1_700_000_000_000,
};

function assertInvalid(value: object, reason: string, code: ErrorCode = "invalid_mutation"): void {
  const error = assertThrows(() => checkMutation(value), DriftlessError, reason);
  assertStrictEquals(error.code, code);
}

Deno.test("a mutation is read in its place: what it lacks is a defect, unless it is its place", () => {
  const place = { id: "m", client: "c", seq: 2, scope: "s" };
  const read = (value: object) => () => checkMutation({ ...place, ...value });
  assertEquals(readInPlace(place, read({ name: "x" })), checkMutation({ ...place, name: "x" }));
  const { defect, ...rest } = readInPlace(place, read({ name: "" }));
  assertStrictEquals(defect?.code, "invalid_mutation");
  assertEquals([rest.id, rest.client, rest.seq, rest.scope], ["m", "c", 2, "s"]);
  for (const bad of [{ id: "" }, { seq: -1 }, { client: "a\nb" }, { client: "", seq: 0 }]) {
    const unplaced = { ...place, ...bad };
    assertThrows(() => readInPlace(unplaced, read({ ...bad, name: "" })), DriftlessError);
  }
  assertThrows(() =>
    readInPlace(place, () => {
      throw new RangeError("a fault of the program");
    }), RangeError);
});

Deno.test("checkMutation passes a complete mutation on", () => {
  assertEquals(checkMutation(complete), complete);
});

Deno.test("checkMutation fills in what a caller without a queue leaves out", () => {
  const expected = {
    id: "m1",
    name: "n",
    scope: DEFAULT_SCOPE,
    client: "",
    seq: 0,
    args: null,
    createdAt: 0,
  };
  assertEquals(checkMutation({ id: "m1", name: "n" }), expected);
  const nulls = { scope: null, client: null, seq: null, args: null, createdAt: null };
  assertEquals(checkMutation({ id: "m1", name: "n", ...nulls }), expected);
  assertEquals(checkMutation({ id: "m1", name: "n", scope: "", client: "" }), expected);
});

Deno.test("checkMutation drops fields that it does not know", () => {
  assertEquals(checkMutation({ ...complete, principal: "root" } as object), complete);
});

Deno.test("checkMutation refuses a field of the wrong type, naming it [S15]", () => {
  const wrong = [null, undefined, 1, true, {}, [], ""];
  for (const id of wrong) assertInvalid({ ...complete, id }, `"id"`);
  for (const name of wrong) assertInvalid({ ...complete, name }, `"name"`);
  for (const scope of [1, true, {}, []]) assertInvalid({ ...complete, scope }, `"scope"`);
  for (const client of [1, true, {}, []]) assertInvalid({ ...complete, client }, `"client"`);
  for (const seq of ["1", true, {}, 1.5, -1, NaN]) assertInvalid({ ...complete, seq }, `"seq"`);
  for (const createdAt of ["1", {}, 1.5, -1, Infinity]) {
    assertInvalid({ ...complete, createdAt }, `"created_at"`);
  }
  assertInvalid({ ...complete, args: { a: 1n } }, "is not JSON");
});

Deno.test("checkMutation wants a client and a number together", () => {
  assertInvalid({ ...complete, seq: 0 }, "go together");
  assertInvalid({ ...complete, seq: undefined }, "go together");
  assertInvalid({ ...complete, client: "" }, "go together");
  assertInvalid({ ...complete, client: undefined }, "go together");
});

Deno.test("checkMutation freezes the arguments all the way down [S17]", () => {
  const { args } = checkMutation({ ...complete, args: { list: [{ a: 1 }] } });
  const { list } = args as { list: { a: number }[] };
  assert(Object.isFrozen(args) && Object.isFrozen(list) && Object.isFrozen(list[0]));
});

Deno.test("checkMutation takes arguments up to the limit and refuses one byte more [S11]", () => {
  const quotes = 2;
  for (const bytes of [ARGS_BYTES_MAX - 1, ARGS_BYTES_MAX]) {
    checkMutation({ ...complete, args: "x".repeat(bytes - quotes) });
  }
  const long = "x".repeat(ARGS_BYTES_MAX + 1 - quotes);
  assertInvalid({ ...complete, args: long }, "larger than 16384 bytes", "too_large");
  const wide = "é".repeat((ARGS_BYTES_MAX - quotes) / 2);
  checkMutation({ ...complete, args: wide });
  assertInvalid({ ...complete, args: [wide] }, "larger than", "too_large");
});

Deno.test("names are taken up to the limit and refused one unit longer [S11]", () => {
  for (const units of [1, NAME_UNITS_MAX - 1, NAME_UNITS_MAX]) checkName("x".repeat(units), "f");
  for (const units of [0, NAME_UNITS_MAX + 1]) {
    assertThrows(() => checkName("x".repeat(units), "f"), DriftlessError, `"f" must be a string`);
  }
});

Deno.test("names refuse control characters and halves of surrogate pairs [S15]", () => {
  for (const name of ["a\0b", "a\nb", "\u0085", "a\x7f", "\ud800", "a\udc00b"]) {
    assertThrows(() => checkName(name, "id"), DriftlessError, `"id" holds`);
  }
  for (const name of ["a b", "ä", "😀", "a/b", "…", "\u2028"]) checkName(name, "id");
});

Deno.test("integers are taken from 0 to the last exact one [S11]", () => {
  for (const value of [0, 1, INTEGER_MAX - 1, INTEGER_MAX]) {
    assertStrictEquals(checkInteger(value, "f"), value);
  }
  for (const value of [-1, INTEGER_MAX + 1, 0.5, NaN, Infinity, "1", null, undefined]) {
    assertThrows(() => checkInteger(value, "f"), DriftlessError, `"f" must be an integer`);
  }
});

Deno.test("checkScope names the default scope when nothing is given", () => {
  for (const value of [undefined, null, ""]) assertStrictEquals(checkScope(value), DEFAULT_SCOPE);
  assertStrictEquals(checkScope("home"), "home");
  assertThrows(() => checkScope(1), DriftlessError, `"scope"`);
});

Deno.test("checkObject refuses everything but an object, naming what it reads", () => {
  assertEquals(checkObject({ a: 1 }, "the body"), { a: 1 });
  for (const value of [null, undefined, [], "a", 1]) {
    assertThrows(() => checkObject(value, "the body"), DriftlessError, "the body must be");
  }
});

Deno.test("checkMutation gives a mutation or a coded error for any input [S15]", () => {
  const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true });
  const fields = {
    id: anything,
    name: anything,
    scope: anything,
    client: anything,
    seq: anything,
    args: anything,
    createdAt: anything,
  };
  fc.assert(
    fc.property(fc.record(fields, { requiredKeys: [] }), (value) => {
      try {
        checkMutation({ ...complete, ...value });
      } catch (error) {
        assert(error instanceof DriftlessError, String(error));
      }
    }),
    { numRuns: 1_000 },
  );
});
