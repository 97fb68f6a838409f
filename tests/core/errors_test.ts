/** The closed list of codes, the one error class, and the small ports beside them. */
import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { invariant, unreachable } from "../../core/assert.ts";
import {
  asRejection,
  DriftlessError,
  ERROR_STATUS,
  isErrorCode,
  Rejection,
} from "../../core/errors.ts";
import { randomId } from "../../core/ports.ts";

Deno.test("every code has the status of a refusal or a failure", () => {
  for (const [code, status] of Object.entries(ERROR_STATUS)) {
    assert(status >= 400 && status < 600, code);
    assert(/^[a-z]+(_[a-z]+)*$/.test(code), code);
  }
});

Deno.test("the codes of the documented HTTP protocol keep their statuses", () => {
  const { not_found, invalid_mutation, cursor_too_old, conflict, internal_error, forbidden } =
    ERROR_STATUS;
  assertEquals(
    [not_found, invalid_mutation, cursor_too_old, conflict, internal_error, forbidden],
    [404, 400, 410, 409, 500, 403],
  );
});

Deno.test("isErrorCode knows the listed codes and nothing else", () => {
  for (const code of Object.keys(ERROR_STATUS)) assert(isErrorCode(code));
  for (const code of ["", "Rejected", "toString", "constructor", "__proto__", 422, null]) {
    assertFalse(isErrorCode(code));
  }
});

Deno.test("DriftlessError carries its code, text and cause", () => {
  const cause = new Error("disk");
  const error = new DriftlessError("store_failed", "Cannot write", { cause });
  assertInstanceOf(error, Error);
  assertEquals([error.name, error.code, error.message], [
    "DriftlessError",
    "store_failed",
    "Cannot write",
  ]);
  assertStrictEquals(error.cause, cause);
});

Deno.test("Rejection is rejected unless it says more", () => {
  assertStrictEquals(new Rejection("no").code, "rejected");
  assertStrictEquals(new Rejection("no", "conflict").code, "conflict");
  assertInstanceOf(new Rejection("no"), DriftlessError);
});

Deno.test("invariant throws when its condition does not hold", () => {
  invariant(1, "one is true");
  assertThrows(() => invariant(0, "zero is true"), Error, "Broken invariant: zero is true");
});

Deno.test("unreachable names the value that the types had ruled out", () => {
  assertThrows(() => unreachable("odd" as never), Error, "Broken invariant: unexpected odd");
});

Deno.test("randomId is its bytes as lower-case hexadecimal", () => {
  const random = { bytes: (length: number) => Uint8Array.from({ length }, (_, i) => i * 17) };
  assertStrictEquals(randomId(random, 4), "00112233");
  assertStrictEquals(randomId(random).length, 32);
});

Deno.test("asRejection knows a rejection of another copy of the module, and nothing that poses as one", () => {
  const own = new Rejection("no");
  assertStrictEquals(asRejection(own), own);
  const brand = Symbol.for("driftless.rejection");
  const foreign = Object.assign(new Error("not today"), { [brand]: true, code: "conflict" });
  assertEquals([asRejection(foreign)?.code, asRejection(foreign)?.message], [
    "conflict",
    "not today",
  ]);
  for (const other of [new Error("x"), "x", null, { [brand]: true, code: "conflict" }]) {
    assertStrictEquals(asRejection(other), undefined);
  }
  const unknown = Object.assign(new Error("x"), { [brand]: true, code: "made_up" });
  assertStrictEquals(asRejection(unknown), undefined);
});
