/**
 * How expressions and bound inputs reach into values: own data, and what the author's classes declare.
 * Never what every object inherits, so that no text from outside leads to a constructor or a prototype.
 */

/** Names that lead out of the data. */
const REFUSED: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Names that the engine calls, or offers: no event and no expression reaches them. */
export const ENGINE_WORDS: ReadonlySet<string> = new Set([
  "broadcast",
  "call",
  "cleanup",
  "connected",
  "disconnected",
  "execJS",
  "markRefresh",
  "mount",
  "navigate",
  "navigated",
  "received",
  "refresh",
  "unmount",
]);

/** Where a name was found. */
export type Member =
  /** Data that the class has for all of its objects, or a setter alone. */
  | { readonly kind: "field"; readonly value: unknown }
  | {
    readonly kind: "getter";
    readonly get: () => unknown;
    readonly set?: (value: never) => void;
  }
  | { readonly kind: "method"; readonly method: (...args: never[]) => unknown };

/** Members of classes do not change; looked for once. */
const members = new WeakMap<object, Map<string, Member | null>>();

/** Whether a name may be used at all. */
export function isReachable(name: string): boolean {
  return !REFUSED.has(name);
}

/** What the class of an object declares under a name, or one of the classes that it extends. */
export function classMember(object: object, name: string): Member | null {
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype === null || isBuiltIn(prototype) || !isReachable(name)) return null;
  let known = members.get(prototype);
  if (known === undefined) members.set(prototype, known = new Map());
  const found = known.get(name);
  if (found !== undefined) return found;
  const member = searchedMember(prototype, name);
  known.set(name, member);
  return member;
}

/** The names that the class of an object declares, with those of the classes that it extends. */
export function classMembers(object: object): readonly string[] {
  const names = new Set<string>();
  let prototype = Object.getPrototypeOf(object) as object | null;
  while (prototype !== null && !isBuiltIn(prototype)) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (isReachable(name)) names.add(name);
    }
    prototype = Object.getPrototypeOf(prototype);
  }
  return [...names];
}

/** Whether this is the prototype of plain objects or of a class of the platform. */
export function isBuiltIn(prototype: object): boolean {
  let known = builtIn.get(prototype);
  if (known === undefined) builtIn.set(prototype, known = isNative(prototype));
  return known;
}

const builtIn = new WeakMap<object, boolean>();

function isNative(prototype: object): boolean {
  const made = Object.getOwnPropertyDescriptor(prototype, "constructor");
  // A prototype without a constructor is one that an author made by hand.
  if (made === undefined) return false;
  // Prototypes of iterators have a getter, those of generators an object.
  if (typeof made.value !== "function") return true;
  return /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(made.value));
}

function searchedMember(start: object, name: string): Member | null {
  let prototype: object | null = start;
  while (prototype !== null && !isBuiltIn(prototype)) {
    const property = Object.getOwnPropertyDescriptor(prototype, name);
    if (property?.get !== undefined) {
      const { get, set } = property;
      return set === undefined ? { kind: "getter", get } : { kind: "getter", get, set };
    }
    if (typeof property?.value === "function") return { kind: "method", method: property.value };
    if (property !== undefined) return { kind: "field", value: property.value };
    prototype = Object.getPrototypeOf(prototype);
  }
  return null;
}
