/**
 * What the author's handlers get in place of the data: proxies that see writes, at any time, and take
 * them back when a handler throws.
 *
 * What they cannot see (objects with private fields, dates and other classes of the platform) leads to a
 * full look instead, when a handler gets hold of it.
 */
import { plainValue } from "./plain_value.ts";
import {
  ANY,
  isFollowed,
  isWhole,
  noteHandedOut,
  noteProxy,
  noteWrite,
  originalOf,
} from "./tracking.ts";

/** Whom the proxies of an island tell. */
export interface WriteWatcher {
  /** Something was written. */
  written(): void;
  /** Something was handed out whose writes cannot be seen. */
  lost(): void;
}

/** What was written, what undoes it, and the write before. */
interface Write {
  readonly object: object;
  readonly key: PropertyKey;
  readonly takeBack: () => void;
  readonly before: Write | null;
}

/** The proxies of one island. */
export class Writables {
  readonly #watcher: WriteWatcher;
  readonly #proxies = new WeakMap<object, object>();
  readonly #object = new ObjectHandler(this);
  readonly #list = new ListHandler(this);
  readonly #map = new MapHandler(this);
  readonly #set = new SetHandler(this);
  /** The last write of the code that runs. */
  #journal: Write | null = null;
  /** How many pieces of code of the author run, one within the other. */
  #depth = 0;

  constructor(watcher: WriteWatcher) {
    this.#watcher = watcher;
  }

  /** What a handler gets for a value: a proxy that sees writes, also to what is inside. */
  of<T>(value: T): T {
    if (value === null || typeof value !== "object") return value;
    const known = this.#proxies.get(value);
    if (known !== undefined) return known as T;
    if (originalOf(value) !== value) return value;
    if (!isFollowed(value)) {
      this.handedOut(value);
      return value;
    }
    const proxy = new Proxy<object>(value, this.#handlerOf(value));
    this.#proxies.set(value, proxy);
    noteProxy(proxy, value);
    return proxy as T;
  }

  /** Runs code of the author; what it wrote through these proxies is taken back if it throws. */
  undoing<T>(run: () => T): T {
    const before = this.#journal;
    this.#depth++;
    try {
      return run();
    } catch (error) {
      for (let write = this.#journal; write !== null && write !== before; write = write.before) {
        write.takeBack();
        noteWrite(write.object, write.key);
      }
      this.#journal = before;
      throw error;
    } finally {
      if (--this.#depth === 0) this.#journal = null;
    }
  }

  /** Something is about to be written; `takeBack` undoes it. */
  writes(object: object, key: PropertyKey, takeBack: () => void): void {
    if (this.#depth > 0) this.#journal = { object, key, takeBack, before: this.#journal };
    noteWrite(object, key);
    this.#watcher.written();
  }

  /** A list, map or set is about to be written, in whatever way. */
  writesAny(target: object): void {
    this.writes(target, ANY, this.#depth === 0 ? nothing : contentRestorer(target));
  }

  handedOut(value: object): void {
    noteHandedOut(value);
    this.#watcher.lost();
  }

  #handlerOf(value: object): ProxyHandler<object> {
    if (Array.isArray(value)) return this.#list;
    if (value instanceof Map) return this.#map;
    return value instanceof Set ? this.#set : this.#object;
  }
}

class ObjectHandler implements ProxyHandler<object> {
  protected readonly all: Writables;

  constructor(all: Writables) {
    this.all = all;
  }

  get(target: object, key: PropertyKey, receiver: unknown): unknown {
    const value = Reflect.get(target, key, receiver);
    if (value === null || typeof value !== "object") return value;
    if (!isFixed(target, key)) return this.all.of(value);
    if (!Object.isFrozen(value)) this.all.handedOut(value);
    return value;
  }

  set(target: object, key: PropertyKey, value: unknown, receiver: unknown): boolean {
    const wasThere = Object.hasOwn(target, key);
    const before: unknown = wasThere ? Reflect.get(target, key) : undefined;
    const plain = plainValue(value);
    if (wasThere && before === plain) return true;
    // A setter of the class runs with the proxy as its `this`, so that what it writes is seen.
    if (!wasThere && hasSetter(target, key)) return Reflect.set(target, key, plain, receiver);
    this.all.writes(target, key, () => {
      if (wasThere) Reflect.set(target, key, before);
      else Reflect.deleteProperty(target, key);
    });
    return Reflect.set(target, key, plain);
  }

  deleteProperty(target: object, key: PropertyKey): boolean {
    this.#redefines(target, key);
    return Reflect.deleteProperty(target, key);
  }

  defineProperty(target: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    this.#redefines(target, key);
    if (!("value" in descriptor)) return Reflect.defineProperty(target, key, descriptor);
    return Reflect.defineProperty(target, key, {
      ...descriptor,
      value: plainValue(descriptor.value),
    });
  }

  #redefines(target: object, key: PropertyKey): void {
    const before = Object.getOwnPropertyDescriptor(target, key);
    this.all.writes(target, isWhole(target) ? ANY : key, () => {
      if (before === undefined) Reflect.deleteProperty(target, key);
      else Object.defineProperty(target, key, before);
    });
  }
}

/** The code unit of "9"; no method's name begins with one as low. */
const DIGIT_MAX = 57;
/** Methods that change a list: run on the list itself, so that sorting is not slow, and noted once. */
const LIST_CHANGES: ReadonlySet<PropertyKey> = new Set([
  "copyWithin",
  "fill",
  "pop",
  "push",
  "reverse",
  "shift",
  "sort",
  "splice",
  "unshift",
]);

class ListHandler extends ObjectHandler {
  override get(target: object, key: PropertyKey, receiver: unknown): unknown {
    // Most keys are places, and those are no names of methods: this says so in half the time.
    if (!isPlace(key) && LIST_CHANGES.has(key) && !Object.isFrozen(target)) {
      return this.#change(target as unknown[], key as "push");
    }
    return super.get(target, key, receiver);
  }

  override set(object: object, key: PropertyKey, value: unknown): boolean {
    const target = object as unknown[];
    const { length } = target;
    const wasThere = Object.hasOwn(target, key);
    const before: unknown = Reflect.get(target, key);
    const plain = plainValue(value);
    if (wasThere && before === plain) return true;
    if (key === "length") this.all.writesAny(target);
    else {
      this.all.writes(target, ANY, () => {
        if (wasThere) Reflect.set(target, key, before);
        else Reflect.deleteProperty(target, key);
        target.length = length;
      });
    }
    return Reflect.set(target, key, plain);
  }

  #change(target: unknown[], name: "push"): (...args: unknown[]) => unknown {
    return (...args) => {
      const { length } = target;
      if (name !== "push") this.all.writesAny(target);
      else this.all.writes(target, ANY, () => target.length = length);
      const result: unknown = target[name](...args.map((arg) => plainValue(arg)));
      return this.all.of(result);
    };
  }
}

/** Whether a key begins with a digit. */
function isPlace(key: PropertyKey): boolean {
  return typeof key === "string" && key.charCodeAt(0) <= DIGIT_MAX;
}

class MapHandler implements ProxyHandler<object> {
  readonly #all: Writables;

  constructor(all: Writables) {
    this.#all = all;
  }

  get(object: object, key: PropertyKey): unknown {
    const map = object as Map<unknown, unknown>;
    const all = this.#all;
    switch (key) {
      case "get":
        return (name: unknown) => all.of(map.get(plainValue(name)));
      case "has":
        return (name: unknown) => map.has(plainValue(name));
      case "set":
        return (name: unknown, value: unknown) => {
          const plain = plainValue(name);
          const before = map.has(plain) ? { value: map.get(plain) } : null;
          all.writes(map, ANY, () => {
            if (before === null) map.delete(plain);
            else map.set(plain, before.value);
          });
          map.set(plain, plainValue(value));
          return all.of(map);
        };
      case "forEach":
        return (visit: (value: unknown, key: unknown, map: unknown) => void) =>
          map.forEach((value, name) => visit(all.of(value), all.of(name), all.of(map)));
      case "values":
        return () => map.values().map((value) => all.of(value));
      case "keys":
        return () => map.keys().map((value) => all.of(value));
      case "entries":
      case Symbol.iterator:
        return () => map.entries().map(([name, value]) => [all.of(name), all.of(value)]);
    }
    return collectionMember(map, key, all);
  }
}

class SetHandler implements ProxyHandler<object> {
  readonly #all: Writables;

  constructor(all: Writables) {
    this.#all = all;
  }

  get(object: object, key: PropertyKey): unknown {
    const set = object as Set<unknown>;
    const all = this.#all;
    switch (key) {
      case "has":
        return (value: unknown) => set.has(plainValue(value));
      case "add":
        return (value: unknown) => {
          const plain = plainValue(value);
          if (!set.has(plain)) {
            all.writes(set, ANY, () => void set.delete(plain));
            set.add(plain);
          }
          return all.of(set);
        };
      case "forEach":
        return (visit: (value: unknown, key: unknown, set: unknown) => void) =>
          set.forEach((value) => visit(all.of(value), all.of(value), all.of(set)));
      case "entries":
        return () => set.values().map((value) => [all.of(value), all.of(value)]);
      case "keys":
      case "values":
      case Symbol.iterator:
        return () => set.values().map((value) => all.of(value));
    }
    return collectionMember(set, key, all);
  }
}

/** What maps and sets have in common. */
function collectionMember(
  collection: Map<unknown, unknown> | Set<unknown>,
  key: PropertyKey,
  all: Writables,
): unknown {
  if (key === "delete" || key === "clear") {
    return (name?: unknown) => {
      all.writesAny(collection);
      return key === "clear" ? collection.clear() : collection.delete(plainValue(name));
    };
  }
  const member = Reflect.get(collection, key, collection) as unknown;
  return typeof member === "function" ? member.bind(collection) : member;
}

function hasSetter(target: object, key: PropertyKey): boolean {
  for (let one = Object.getPrototypeOf(target); one !== null; one = Object.getPrototypeOf(one)) {
    const property = Object.getOwnPropertyDescriptor(one, key);
    if (property !== undefined) return property.set !== undefined;
  }
  return false;
}

/** Whether a proxy must give back a property as it is. */
function isFixed(target: object, key: PropertyKey): boolean {
  if (Object.isExtensible(target)) return false;
  const property = Object.getOwnPropertyDescriptor(target, key);
  return property?.configurable === false && property.writable === false;
}

/** Puts back everything that is in a list, map or set now. */
function contentRestorer(target: object): () => void {
  if (Array.isArray(target)) {
    const items = target.slice();
    return () => {
      target.length = 0;
      for (const item of items) target.push(item);
    };
  }
  const collection = target as Map<unknown, unknown> | Set<unknown>;
  const entries = [...collection.entries()];
  return () => {
    collection.clear();
    for (const [key, value] of entries) {
      if (collection instanceof Map) collection.set(key, value);
      else collection.add(value);
    }
  };
}

function nothing(): void {}
