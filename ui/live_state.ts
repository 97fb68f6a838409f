/**
 * The state of an island as text, so that it outlives its server.
 *
 *     plain JSON        as it is
 *     everything else   {"$": kind, "v": value}: map, set, date, number, bigint, undefined, class
 *
 * Saved are the own fields of the island's object. A field that cannot be saved, or does not fit where it
 * comes back to, is left out, and somebody is told.
 */
import { STATE_DEPTH_MAX } from "./live_limits.ts";
import { isBuiltIn, isReachable } from "./properties.ts";

/** Classes that may stand within state, by their names. */
export type StateClasses = ReadonlyMap<string, abstract new (...args: never[]) => object>;

/** What saving and restoring need to know. */
export interface StateOptions {
  readonly classes: StateClasses;
  /** Whether an object is no part of the state: it belongs to several islands, or is not kept. */
  readonly isApart: (object: object) => boolean;
  /** Told of each field that is left out. */
  readonly dropped: (field: string, reason: string) => void;
}

/** JSON with its tags. */
type Tagged = null | boolean | number | string | Tagged[] | { [key: string]: Tagged };

const TAG = "$";

/** The state as something that JSON can carry. */
export function savedState(state: object, options: StateOptions): Tagged {
  const saved: { [key: string]: Tagged } = {};
  for (const [field, value] of Object.entries(state)) {
    if (isObject(value) && options.isApart(value)) continue;
    try {
      saved[field] = tagged(value, options.classes, []);
    } catch (error) {
      options.dropped(field, (error as Error).message);
    }
  }
  return saved;
}

/** Puts saved fields back into a fresh state. */
export function restoreState(state: object, saved: unknown, options: StateOptions): void {
  if (!isObject(saved) || Array.isArray(saved)) return;
  const fields = state as Record<string, unknown>;
  for (const [field, text] of Object.entries(saved)) {
    if (!isReachable(field) || !Object.hasOwn(state, field)) {
      options.dropped(field, "the class has no such field");
      continue;
    }
    try {
      const value = untagged(text, options.classes, 0);
      if (!fits(fields[field], value)) throw new TypeError("it is of another kind now");
      fields[field] = value;
    } catch (error) {
      options.dropped(field, (error as Error).message);
    }
  }
}

function tagged(value: unknown, classes: StateClasses, above: readonly object[]): Tagged {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") {
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : tag("number", numberText(value));
  }
  if (value === undefined) return tag("undefined", null);
  if (typeof value === "bigint") return tag("bigint", String(value));
  if (typeof value !== "object") throw new TypeError(`a ${typeof value} cannot be saved`);
  if (above.includes(value)) throw new TypeError("it contains itself");
  if (above.length >= STATE_DEPTH_MAX) {
    throw new TypeError(`it is nested deeper than ${STATE_DEPTH_MAX}`);
  }
  const path = [...above, value];
  const inside = (one: unknown) => tagged(one, classes, path);
  if (Array.isArray(value)) return Array.from(value, inside);
  if (value instanceof Map) {
    return tag("map", Array.from(value, ([key, one]) => [inside(key), inside(one)]));
  }
  if (value instanceof Set) return tag("set", Array.from(value, inside));
  if (value instanceof Date) return tag("date", inside(value.getTime()));
  const fields = Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, inside(one)] as const),
  );
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) {
    return Object.hasOwn(fields, TAG) ? tag("object", fields) : fields;
  }
  for (const [name, { prototype: known }] of classes) {
    if (known === prototype) return { ...tag("class", fields), n: name };
  }
  const { name } = value.constructor;
  const hint = isBuiltIn(prototype) ? "" : ": list the class in the island's `classes`";
  throw new TypeError(`a ${name} cannot be saved${hint}`);
}

function tag(kind: string, value: Tagged): { [key: string]: Tagged } {
  return { [TAG]: kind, v: value };
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function untagged(text: unknown, classes: StateClasses, depth: number): unknown {
  if (!isObject(text)) return text;
  if (depth > 3 * STATE_DEPTH_MAX) throw new TypeError("it is nested too deep");
  const inside = (one: unknown) => untagged(one, classes, depth + 1);
  if (Array.isArray(text)) return text.map(inside);
  const { [TAG]: kind, v: value, n: name } = text as Record<string, unknown>;
  switch (kind) {
    case undefined:
      return fieldsOf(text, {}, inside);
    case "object":
      return fieldsOf(value, {}, inside);
    case "class": {
      const known = classes.get(String(name));
      if (known === undefined) throw new TypeError(`the class ${name} is not known any more`);
      return fieldsOf(value, Object.create(known.prototype as object), inside);
    }
    case "map":
      return new Map(
        (value as [unknown, unknown][]).map(([key, one]) => [inside(key), inside(one)]),
      );
    case "set":
      return new Set((value as unknown[]).map(inside));
    case "date":
      return new Date(inside(value) as number);
    case "number":
      return Number(value);
    case "bigint":
      return BigInt(value as string);
    case "undefined":
      return undefined;
  }
  throw new TypeError("its kind is unknown");
}

function fieldsOf(text: unknown, object: object, inside: (one: unknown) => unknown): object {
  for (const [key, one] of Object.entries(text as object)) {
    if (isReachable(key)) (object as Record<string, unknown>)[key] = inside(one);
  }
  return object;
}

/** Whether a saved value can stand where this one stands; where nothing stands, anything can. */
function fits(before: unknown, value: unknown): boolean {
  if (before === null || before === undefined || value === null || value === undefined) return true;
  if (typeof before !== typeof value) return false;
  return !isObject(before) || Object.getPrototypeOf(before) === Object.getPrototypeOf(value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
