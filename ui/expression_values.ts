/** How expressions read, call and write values; each read is reported to the scope's tracker. */
import type { Run } from "./expression_arithmetic.ts";
import { numberOf, readWhole } from "./expression_text.ts";
import { FUNCTIONS, VALUE_METHODS } from "./functions.ts";
import type { InputKind, Scope } from "./program.ts";
import { classMember, isBuiltIn, isReachable } from "./properties.ts";

/** Functions and methods that need of a list only its length. */
const LENGTH_ONLY: ReadonlySet<string> = new Set(["len"]);

/** A member of a value: its own data, or what its class declares. */
export function memberOf(object: unknown, name: string, scope: Scope): unknown {
  if (object === null || object === undefined) {
    throw new TypeError(`Cannot read "${name}" of ${object}`);
  }
  if (!isReachable(name)) throw new TypeError(`Cannot read "${name}": it is not data`);
  const { tracker } = scope;
  if (typeof object === "string") return name === "length" ? object.length : undefined;
  if (typeof object !== "object") return undefined;
  if (Object.hasOwn(object, name)) {
    tracker?.read(object, name);
    return (object as Record<string, unknown>)[name];
  }
  if (name === "size" && (object instanceof Map || object instanceof Set)) {
    tracker?.read(object, name);
    return object.size;
  }
  const member = classMember(object, name);
  if (member?.kind === "getter") {
    tracker?.opaque();
    return member.get.call(object);
  }
  // A field that is not there yet may come.
  tracker?.read(object, name);
  return member?.kind === "field" ? member.value : undefined;
}

/** `object[index]`; of a map its entry. */
export function itemOf(object: unknown, index: unknown, scope: Scope): unknown {
  if (object instanceof Map) {
    scope.tracker?.read(object, String(index));
    return object.get(index);
  }
  if (typeof object === "string") return object[Number(index)];
  return memberOf(object, String(index), scope);
}

/** Calls a method of the island, or a function of the grammar if it has none of that name. */
export function calledFunction(name: string, args: readonly Run[], scope: Scope): unknown {
  const { state, tracker } = scope;
  const member = classMember(state, name);
  if (member?.kind === "method") {
    tracker?.opaque();
    return member.method.apply(state, args.map((arg) => arg(scope)) as never[]);
  }
  const pure = FUNCTIONS.get(name);
  if (pure === undefined) throw new TypeError(`Cannot call "${name}": it is no method`);
  const values = args.map((arg) => arg(scope));
  if (LENGTH_ONLY.has(name) && Array.isArray(values[0])) tracker?.read(values[0], "length");
  else values.forEach((value) => watch(value, scope));
  return pure.call(...values as never[]);
}

/** Calls a method of a value: one of its class, or one of the harmless ones of the platform. */
export function calledMethod(
  receiver: unknown,
  name: string,
  args: readonly unknown[],
  scope: Scope,
): unknown {
  if (receiver === null || receiver === undefined) {
    throw new TypeError(`Cannot call "${name}" of ${receiver}`);
  }
  const member = typeof receiver === "object" ? classMember(receiver, name) : null;
  if (member?.kind === "method") {
    scope.tracker?.opaque();
    return member.method.apply(receiver, args as never[]);
  }
  const method = VALUE_METHODS.has(name) ? platformMethod(receiver, name) : null;
  if (method === null) {
    throw new TypeError(`Cannot call "${name}": it is no method that expressions may use`);
  }
  watch(receiver, scope);
  return method.apply(receiver, args as never[]);
}

/** A method of the class of the platform that a value is of; plain objects have none. */
export function platformMethod(
  value: unknown,
  name: string,
): ((...args: never[]) => unknown) | null {
  for (const { prototype } of [String, Number, Array, Map, Set]) {
    const isOne = typeof value === "object"
      ? Object.prototype.isPrototypeOf.call(prototype, value as object)
      : typeof value === typeof prototype.valueOf();
    const method = isOne ? Object.getOwnPropertyDescriptor(prototype, name)?.value : null;
    if (typeof method === "function") return method;
  }
  return null;
}

/**
 * Writes what an input says. Its kind is made that of what is there now: numbers, truths and sets stay
 * what they are, and a text that is no number leaves a number as it was. What is cleared is `null` where
 * an input of numbers or dates has a field that is a number or `null`; a text input's "" is 0 there.
 *
 * @throws {TypeError} when there is no such place
 */
export function written(
  object: unknown,
  key: unknown,
  value: unknown,
  input?: InputKind,
): void {
  if (!isInput(value)) throw new TypeError("Cannot write this: no input has such a value");
  if (object instanceof Map) {
    object.set(key, sameKind(object.get(key), value, input));
    return;
  }
  const name = String(key);
  if (object === null || typeof object !== "object" || !isReachable(name)) {
    throw new TypeError(`Cannot write "${name}": there is nothing to write it to`);
  }
  const known = object as Record<string, unknown>;
  // An input never makes a field: the class, or the author's code, has it before.
  if (Object.hasOwn(known, name)) {
    known[name] = sameKind(known[name], value, input);
    return;
  }
  const member = classMember(object, name);
  if (member?.kind !== "getter" || member.set === undefined) {
    throw new TypeError(`Cannot write "${name}": there is no such field`);
  }
  member.set.call(object, sameKind(member.get.call(object), value, input) as never);
}

function isInput(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value) ||
    Array.isArray(value) && value.every((item) => ["string", "number"].includes(typeof item));
}

function sameKind(before: unknown, value: unknown, input?: InputKind): unknown {
  const isOfNumbersOnly = input === "number" || input === "range";
  const isNothing = before === null || before === undefined;
  if (typeof value === "string" && (typeof before === "number" || isNothing && isOfNumbersOnly)) {
    if (value === "" && (isOfNumbersOnly || input === "date")) return null;
    return isNothing ? Number(value) : numberOf(value, before as number);
  }
  if (value === "" && isNothing && input === "date") return null;
  if (typeof before === "boolean" && typeof value === "string") return value === "true";
  if (!Array.isArray(value)) return value;
  const known = before instanceof Set ? [...before] : before;
  const isOfNumbers = Array.isArray(known) && typeof known[0] === "number";
  const items = isOfNumbers ? value.map(Number) : value;
  return before instanceof Set ? new Set(items) : items;
}

/** Reports a value that is read as a whole by code which reports nothing. */
function watch(value: unknown, { tracker }: Scope): void {
  if (tracker === undefined || value === null || typeof value !== "object") return;
  if (Array.isArray(value)) readWhole(value, tracker);
  else tracker.opaque();
}

/** Whether a value is of a class of the author's. */
export function isOfAuthor(value: unknown): value is object {
  if (value === null || typeof value !== "object") return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype !== null && !isBuiltIn(prototype);
}
