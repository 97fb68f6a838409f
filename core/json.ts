/**
 * JSON as it enters and leaves the engine: bounded, frozen, and canonical.
 *
 * Canonical text has its keys in code-unit order and no white space, so equal values are equal text.
 * `__proto__` is refused as a key: a naive `target[key] = value` in an app pollutes prototypes with it.
 */
import { DriftlessError, type ErrorCode } from "./errors.ts";
import { JSON_DEPTH_MAX, JSON_KEYS_MAX, JSON_STRING_UNITS_MAX } from "./limits.ts";

/** A value that JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/**
 * Parses JSON from outside and checks it against the limits of `core/limits.ts`.
 *
 * @throws {DriftlessError} with `code` when it is not JSON or is over a limit
 */
export function parseJson(text: string, code: ErrorCode = "malformed"): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DriftlessError(code, "Cannot parse JSON: the text is not well-formed");
  }
  return checkJson(value, code);
}

/**
 * Checks that a value is JSON within the limits. Iterative: a hostile depth must not become a
 * stack overflow, and a cycle runs into the depth limit. A member that is `undefined` counts as absent.
 *
 * @throws {DriftlessError} with `code`, naming what is wrong
 */
export function checkJson(root: unknown, code: ErrorCode = "malformed"): Json {
  const stack: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { value, depth } = item;
    if (value === null || typeof value === "boolean") continue;
    if (typeof value === "string") {
      checkString(value, code);
    } else if (typeof value === "number") {
      if (!Number.isFinite(value)) throw new DriftlessError(code, "A number is not finite");
    } else if (typeof value === "object") {
      if (depth >= JSON_DEPTH_MAX) {
        throw new DriftlessError(code, `JSON is nested deeper than ${JSON_DEPTH_MAX}`);
      }
      for (const child of childrenOf(value, code)) stack.push({ value: child, depth: depth + 1 });
    } else {
      throw new DriftlessError(code, `A value of type ${typeof value} is not JSON`);
    }
  }
  return root as Json;
}

/** The canonical text of a value that {@linkcode checkJson} accepts. */
export function canonicalText(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isJsonObject(value)) {
    const members: string[] = [];
    for (const key of Object.keys(value).sort()) {
      const member = value[key];
      if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalText(member)}`);
    }
    return `{${members.join(",")}}`;
  }
  return `[${value.map(canonicalText).join(",")}]`;
}

/** Freezes a checked value all the way down, in place. */
export function freezeJson<T extends Json>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    for (const child of Object.values(value)) freezeJson(child as Json);
  }
  return value;
}

/** The value of a text that the engine itself wrote, frozen all the way down. */
export function frozenJson(text: string): Json {
  return freezeJson(JSON.parse(text) as Json);
}

/** True when two JSON values are equal, whatever the order of their keys. */
export function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (typeof a !== "object" || typeof b !== "object") return false;
  return canonicalText(a) === canonicalText(b);
}

/** True for an object that is neither null nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field of the object itself: a record may well have a field named "constructor". */
export function own<T>(object: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** UTF-8 bytes of a text, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes: each half adds one.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** Orders text as its UTF-8 bytes, which is how SQLite orders it; `<` orders UTF-16 units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above U+FFFF, so they sort after U+E000…U+FFFF.
    if (x >= 0xd800 && y >= 0xd800) {
      x += x >= 0xe000 ? -0x800 : 0x2000;
      y += y >= 0xe000 ? -0x800 : 0x2000;
    }
    return x - y;
  }
  return a.length - b.length;
}

function childrenOf(value: object, code: ErrorCode): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A class instance (Date, Map, …) would turn into something else on its way through JSON.
  if (prototype !== null && Object.getPrototypeOf(prototype as object) !== null) {
    throw new DriftlessError(code, "An object is not a plain JSON object");
  }
  const keys = Object.keys(value);
  if (keys.length > JSON_KEYS_MAX) {
    throw new DriftlessError(code, `An object has more than ${JSON_KEYS_MAX} keys`);
  }
  for (const key of keys) {
    if (key === "__proto__") throw new DriftlessError(code, `The key "__proto__" is not allowed`);
    checkString(key, code);
  }
  return Object.values(value).filter((member) => member !== undefined);
}

function checkString(text: string, code: ErrorCode): void {
  if (text.length > JSON_STRING_UNITS_MAX) {
    throw new DriftlessError(code, `A string is longer than ${JSON_STRING_UNITS_MAX} characters`);
  }
  if (!text.isWellFormed()) {
    throw new DriftlessError(code, "A string holds half of a surrogate pair");
  }
}
