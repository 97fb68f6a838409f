/**
 * A stand-in for `jsr:@std/assert`, used where JSR cannot be reached: the same names, signatures and
 * verdicts. Where releases of the real package differ, the stand-in takes the stricter one, so a
 * test that passes here passes there. Failure texts are drawn by `node:assert` and may differ.
 */
import { AssertionError as NodeAssertionError } from "node:assert";
import { inspect } from "node:util";

type Falsy = false | 0 | 0n | "" | null | undefined;
type ErrorClass<E extends Error> = new (...args: never[]) => E;
type AbstractClass<T> = abstract new (...args: never[]) => T;
type Keyed = Map<unknown, unknown> | Set<unknown>;
type Seen = Map<object, object>;

/** Thrown by every assertion of this module. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) {
    failWith(difference(actual, expected, "deepStrictEqual"), msg);
  }
}

export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) {
    failWith(`Values are equal: ${inspect(actual)}`, msg);
  }
}

export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (!Object.is(actual, expected)) {
    failWith(difference(actual, expected, "strictEqual"), msg);
  }
}

export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (Object.is(actual, expected)) {
    failWith(`Values are the same: ${inspect(actual)}`, msg);
  }
}

export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    failWith(`Value is ${actual}`, msg);
  }
}

export function assertInstanceOf<T>(
  actual: unknown,
  expectedType: AbstractClass<T>,
  msg?: string,
): asserts actual is T {
  if (actual instanceof expectedType) return;
  failWith(
    `Value is not an instance of ${expectedType.name}: ${inspect(actual)}`,
    msg,
  );
}

export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (!expected.test(actual)) {
    failWith(`Text ${inspect(actual)} does not match ${expected}`, msg);
  }
}

export function assertNotMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (expected.test(actual)) {
    failWith(`Text ${inspect(actual)} matches ${expected}`, msg);
  }
}

export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  failWith(
    `Text ${inspect(actual)} does not contain ${inspect(expected)}`,
    msg,
  );
}

export function assertArrayIncludes<T>(
  actual: ArrayLike<T> & object,
  expected: ArrayLike<T> & object,
  msg?: string,
): void {
  const present = Array.from(actual);
  const missing = Array.from(expected).filter((want) => !present.some((have) => equal(have, want)));
  if (missing.length > 0) {
    failWith(`Array ${inspect(actual)} lacks ${inspect(missing)}`, msg);
  }
}

/** Every key of `expected` must be in `actual` with a matching value; other keys are ignored. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- the real signature; `object` would take what it refuses
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (matches(actual, expected, new Map())) return;
  failWith(difference(actual, expected, "deepStrictEqual"), msg);
}

/** The default tolerance is one ten-millionth of `expected`. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Math.abs(expected - actual) <= allowed) return;
  failWith(`${actual} differs from ${expected} by more than ${allowed}`, msg);
}

export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) {
    failWith(`${inspect(actual)} is not > ${inspect(expected)}`, msg);
  }
}

export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual >= expected)) {
    failWith(`${inspect(actual)} is not >= ${inspect(expected)}`, msg);
  }
}

export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) {
    failWith(`${inspect(actual)} is not < ${inspect(expected)}`, msg);
  }
}

export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual <= expected)) {
    failWith(`${inspect(actual)} is not <= ${inspect(expected)}`, msg);
  }
}

export function assertIsError<E extends Error = Error>(
  error: unknown,
  expectedClass?: abstract new (...args: never[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    failWith(`Value is not an Error: ${inspect(error)}`, msg);
  }
  if (expectedClass && !(error instanceof expectedClass)) {
    failWith(`Error is not a ${expectedClass.name}: ${inspect(error)}`, msg);
  }
  const found = msgMatches instanceof RegExp
    ? msgMatches.test(error.message)
    : error.message.includes(msgMatches ?? "");
  if (!found) {
    failWith(
      `Error message ${inspect(error.message)} does not match ${inspect(msgMatches)}`,
      msg,
    );
  }
}

export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const [errorClass, context] = typeof classOrMsg === "string"
    ? [undefined, classOrMsg]
    : [classOrMsg, msg];
  try {
    fn();
  } catch (error) {
    if (errorClass) assertIsError(error, errorClass, msgIncludes, context);
    return error;
  }
  return failWith("Function did not throw", context);
}

export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const [errorClass, context] = typeof classOrMsg === "string"
    ? [undefined, classOrMsg]
    : [classOrMsg, msg];
  const promise = promiseOf(fn, context);
  try {
    await promise;
  } catch (error) {
    if (errorClass) assertIsError(error, errorClass, msgIncludes, context);
    return error;
  }
  return failWith("Function did not reject", context);
}

export function fail(msg?: string): never {
  failWith("Failed assertion", msg);
}

export function unreachable(reason?: string): never {
  failWith("Unreachable code was reached", reason);
}

/** Deep equality: 0 equals -0, NaN equals NaN, a null prototype equals a plain one. */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

function compare(a: unknown, b: unknown, seen: Seen): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b) || !samePrototype(a, b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof URLSearchParams) return String(a) === String(b);
  if (a instanceof ArrayBuffer || a instanceof SharedArrayBuffer) {
    return sameNumbers(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  }
  if (ArrayBuffer.isView(a) && !(a instanceof DataView)) {
    return sameNumbers(a as Uint8Array, b as Uint8Array);
  }
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  if (a instanceof WeakRef) {
    return compare(a.deref(), (b as WeakRef<object>).deref(), seen);
  }
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Map || a instanceof Set) {
    return sameEntries(a, b as Keyed, seen);
  }
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  const keys = comparedKeys(a).union(comparedKeys(b));
  return [...keys].every((key) =>
    key in a && key in b &&
    compare(Reflect.get(a, key), Reflect.get(b, key), seen)
  );
}

/** Plain objects by what they own and enumerate; instances also by their getters and methods. */
function comparedKeys(value: object): Set<PropertyKey> {
  const isPlain = Array.isArray(value) ||
    Object.getPrototypeOf(value) === null ||
    Object.getPrototypeOf(value) === Object.prototype;
  if (isPlain) return new Set(Reflect.ownKeys({ ...value }));
  const keys = new Set<PropertyKey>();
  for (
    let layer: object | null = value;
    layer !== null && layer !== Object.prototype && layer !== Array.prototype;
    layer = Object.getPrototypeOf(layer)
  ) Reflect.ownKeys(layer).forEach((key) => keys.add(key));
  return keys;
}

function sameEntries(a: Keyed, b: Keyed, seen: Seen): boolean {
  if (a.size !== b.size) return false;
  const left = [...b.entries()];
  return [...a.entries()].every(([key, value]) => {
    const at = left.findIndex(([otherKey, otherValue]) =>
      compare(key, otherKey, seen) && compare(value, otherValue, seen)
    );
    if (at < 0) return false;
    left.splice(at, 1);
    return true;
  });
}

function sameNumbers(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length &&
    a.every((value, index) => compare(value, b[index], new Map()));
}

function samePrototype(a: object, b: object): boolean {
  const plain = (prototype: object | null) => prototype === null || prototype === Object.prototype;
  const [ofA, ofB] = [Object.getPrototypeOf(a), Object.getPrototypeOf(b)];
  return ofA === ofB || (plain(ofA) && plain(ofB));
}

function matches(actual: unknown, expected: unknown, seen: Seen): boolean {
  const isLeaf = !isObject(actual) || !isObject(expected) ||
    expected instanceof RegExp ||
    expected instanceof Date || ArrayBuffer.isView(expected);
  if (isLeaf) return equal(actual, expected);
  if (seen.get(expected) === actual) return true;
  seen.set(expected, actual);
  if (expected instanceof Map) {
    return actual instanceof Map &&
      [...expected].every(([key, value]) =>
        actual.has(key) && matches(actual.get(key), value, seen)
      );
  }
  if (expected instanceof Set) {
    return actual instanceof Set &&
      [...expected].every((value) => actual.has(value));
  }
  const isLength = (key: PropertyKey) => Array.isArray(expected) && key === "length";
  return Array.isArray(actual) === Array.isArray(expected) &&
    Reflect.ownKeys(expected).every((key) =>
      isLength(key) ||
      Object.hasOwn(actual, key) &&
        matches(Reflect.get(actual, key), Reflect.get(expected, key), seen)
    );
}

function promiseOf(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): PromiseLike<unknown> {
  try {
    const promise = fn();
    if (typeof promise?.then === "function") return promise;
  } catch {
    // A synchronous throw is not a rejection: the real package refuses it as well.
  }
  return failWith("Function returned no promise that could reject", msg);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function difference(
  actual: unknown,
  expected: unknown,
  operator: "deepStrictEqual" | "strictEqual",
): string {
  return new NodeAssertionError({ actual, expected, operator }).message;
}

function failWith(reason: string, msg?: string): never {
  throw new AssertionError(msg ? `${reason}: ${msg}` : reason);
}
