/** What is known of a value before it is there: from the initial values of an island's fields. */
import { classMember, classMembers, isReachable } from "./properties.ts";
import { isOfAuthor, platformMethod } from "./expression_values.ts";

/** What a value probably is. */
export interface Shape {
  readonly kind:
    | "any"
    | "text"
    | "number"
    | "boolean"
    | "list"
    | "map"
    | "set"
    | "object"
    | "method";
  /** The value that it was found from, if there is one. */
  readonly sample?: unknown;
  /** Of lists, if it is known from elsewhere than the sample. */
  readonly item?: Shape;
}

/** Of this nothing is known. */
export const ANY: Shape = { kind: "any" };
export const TEXT: Shape = { kind: "text" };
export const NUMBER: Shape = { kind: "number" };
export const BOOLEAN: Shape = { kind: "boolean" };

/** How errors name what a value is. */
export const SHAPE_NAMES: Readonly<Record<Shape["kind"], string>> = {
  any: "a value",
  text: "a text",
  number: "a number",
  boolean: "true or false",
  list: "a list",
  map: "a map",
  set: "a set",
  object: "an object",
  method: "a method",
};

/** What a value is; a field that is empty at first may become anything. */
export function shapeOf(value: unknown): Shape {
  switch (typeof value) {
    case "string":
      return { kind: "text", sample: value };
    case "number":
    case "bigint":
      return { kind: "number", sample: value };
    case "boolean":
      return { kind: "boolean", sample: value };
    case "object":
      if (value === null) return ANY;
      if (Array.isArray(value)) return { kind: "list", sample: value };
      if (value instanceof Map) return { kind: "map", sample: value };
      if (value instanceof Set) return { kind: "set", sample: value };
      return { kind: "object", sample: value };
    default:
      return ANY;
  }
}

/** What a list or a map has in it; of the first item there is. */
export function itemShape({ kind, sample, item }: Shape): Shape {
  if (item !== undefined) return item;
  if (kind === "list") return firstShape(sample as readonly unknown[] | undefined ?? []);
  if (kind === "map" || kind === "set") {
    return firstShape((sample as Map<unknown, unknown> | undefined)?.values() ?? []);
  }
  if (kind !== "object" || sample === undefined) return ANY;
  if (isIterable(sample)) return ANY;
  return isOfAuthor(sample) ? ANY : firstShape(Object.values(sample as object));
}

/** What tells the items of a list or a map apart. */
export function keyShape({ kind, sample }: Shape): Shape {
  if (kind === "list" || kind === "set") return NUMBER;
  if (kind === "map") return firstShape((sample as Map<unknown, unknown>).keys());
  return kind === "object" && !isIterable(sample) ? TEXT : ANY;
}

/** What a value of a class or a plain object has under a name; null if nothing. */
export function memberShape(object: object, name: string): Shape | null {
  if (!isReachable(name)) return null;
  if (Object.hasOwn(object, name)) {
    const value = (object as Record<string, unknown>)[name];
    return typeof value === "function" ? { kind: "method", sample: value } : shapeOf(value);
  }
  const member = classMember(object, name);
  if (member === null) return null;
  if (member.kind === "method") return { kind: "method", sample: member.method };
  return member.kind === "field" ? shapeOf(member.value) : getterShape(object, member.get);
}

/** The names that an expression may use of a value of a class, or a plain object. */
export function memberNames(object: object): readonly string[] {
  return [...Object.keys(object), ...classMembers(object)].filter(isReachable);
}

/** Whether values of this shape have such a method of the platform; null if it is not known. */
export function hasPlatformMethod({ kind, sample }: Shape, name: string): boolean | null {
  const samples: Partial<Record<Shape["kind"], unknown>> = {
    text: "",
    number: 0,
    list: [],
    map: new Map(),
    set: new Set(),
  };
  if (kind === "any") return null;
  return platformMethod(sample ?? samples[kind], name) !== null;
}

/** Whether a loop can go over values of this shape; null if it is not known. */
export function isLoopable({ kind, sample }: Shape): boolean {
  if (kind !== "object") return ["any", "list", "map", "set"].includes(kind);
  return sample === undefined || isIterable(sample) || !isOfAuthor(sample);
}

function isIterable(value: unknown): boolean {
  return typeof (value as Partial<Iterable<unknown>> | undefined)?.[Symbol.iterator] === "function";
}

function firstShape(values: Iterable<unknown>): Shape {
  for (const value of values) return shapeOf(value);
  return ANY;
}

/** A getter that fails on the initial values, or needs a running island, tells nothing. */
function getterShape(object: object, get: () => unknown): Shape {
  try {
    return shapeOf(get.call(object));
  } catch {
    return ANY;
  }
}
