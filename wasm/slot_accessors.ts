/** Objects and arrays in memory that look like those of JavaScript: read when asked, never kept. */
import { BLOCK_HEAD_BYTES, ENTRY_VALUE_OFFSET, SLOT_BYTES } from "./slot_layout.ts";
import { keysOf, ORIGIN, originOf, type SlotOrigin } from "./slot_copy.ts";
import type { SlotStore } from "./slot_store.ts";

/** A function of arrays that has a way of its own here. */
type ArrayMethod = (this: object, ...args: never[]) => unknown;

/** What methods of arrays call with each element. */
type ElementCallback = (value: unknown, index: number, list: object) => unknown;

/** Digits of an index that memory has room for. */
const INDEX_DIGITS_MAX = 10;

/** What stands behind all accessors. Nothing is ever put into it, so one of each kind will do. */
const EMPTY_ARRAY: unknown[] = [];
const EMPTY_OBJECT: object = Object.create(null);

/** The accessor of a handle. */
export function accessorOf(store: SlotStore, handle: number, isArray: boolean): object {
  return isArray
    ? new Proxy<unknown[]>(EMPTY_ARRAY, new ArrayAccess(store, handle))
    : new Proxy<object>(EMPTY_OBJECT, new ObjectAccess(store, handle));
}

/** The part that both have. */
abstract class Access implements SlotOrigin {
  readonly store: SlotStore;
  abstract readonly isArray: boolean;
  readonly #handle: number;
  #generation: number;

  constructor(store: SlotStore, handle: number) {
    this.store = store;
    this.#handle = handle;
    this.#generation = store.arena.generation;
  }

  address(): number {
    const { arena } = this.store;
    if (this.#generation !== arena.generation) {
      this.#generation = arena.renewed(this.#handle, this.#generation, "an object");
    }
    return this.#handle;
  }

  deleteProperty(): boolean {
    throw new TypeError("Cannot delete from slots: write null, or shorten the array");
  }

  defineProperty(): boolean {
    throw new TypeError("Cannot define a property in slots: assign a value");
  }

  preventExtensions(): boolean {
    throw new TypeError("Cannot freeze slots: they are memory");
  }

  setPrototypeOf(): boolean {
    throw new TypeError("Cannot give slots a prototype: they are memory");
  }
}

class ObjectAccess extends Access implements ProxyHandler<object> {
  readonly isArray = false;

  get(_target: object, key: string | symbol): unknown {
    if (typeof key === "symbol") return key === ORIGIN ? this : undefined;
    const entry = this.store.find(this.address(), key);
    return entry === 0 ? undefined : this.store.read(entry + ENTRY_VALUE_OFFSET);
  }

  set(_target: object, key: string | symbol, value: unknown): boolean {
    if (typeof key === "symbol") throw new TypeError("Cannot store a symbol");
    this.store.set(this.address(), key, value);
    return true;
  }

  has(_target: object, key: string | symbol): boolean {
    return typeof key === "string" && this.store.find(this.address(), key) !== 0;
  }

  ownKeys(): string[] {
    return [...keysOf(this.store, this.address())];
  }

  getOwnPropertyDescriptor(target: object, key: string | symbol): PropertyDescriptor | undefined {
    if (!this.has(target, key)) return undefined;
    return { value: this.get(target, key), writable: true, enumerable: true, configurable: true };
  }
}

class ArrayAccess extends Access implements ProxyHandler<unknown[]> {
  readonly isArray = true;

  get length(): number {
    return this.store.count(this.#block());
  }

  set length(length: number) {
    const block = this.#block();
    const had = this.store.count(block);
    if (!Number.isInteger(length) || length < 0 || length > had) {
      throw new RangeError(`Cannot give the array the length ${length}: it has ${had} elements`);
    }
    this.store.setCount(block, length);
  }

  at(index: number): unknown {
    const slot = this.slotAt(index);
    return slot === 0 ? undefined : this.store.read(slot);
  }

  /** Where an element is; 0 when there is none. */
  slotAt(index: number): number {
    const block = this.#block();
    if (index < 0 || index >= this.store.count(block)) return 0;
    return block + BLOCK_HEAD_BYTES + SLOT_BYTES * index;
  }

  get(_target: unknown[], key: string | symbol): unknown {
    if (typeof key === "symbol") {
      if (key === ORIGIN) return this;
      return key === Symbol.iterator ? METHODS["values"] : Reflect.get(Array.prototype, key);
    }
    const index = indexOf(key);
    if (index >= 0) return this.at(index);
    if (key === "length") return this.length;
    return Object.hasOwn(METHODS, key) ? METHODS[key] : Reflect.get(Array.prototype, key);
  }

  set(_target: unknown[], key: string | symbol, value: unknown): boolean {
    const index = typeof key === "string" ? indexOf(key) : -1;
    if (key === "length") {
      this.length = value as number;
      return true;
    }
    if (index < 0) throw new TypeError(`Cannot store "${String(key)}" in an array`);
    const block = this.#block();
    const length = this.store.count(block);
    if (index > length) {
      throw new RangeError(`Cannot store element ${index}: the array has ${length} elements`);
    }
    if (index === length) this.store.append(this.address(), [value]);
    else this.store.write(block + BLOCK_HEAD_BYTES + SLOT_BYTES * index, value);
    return true;
  }

  has(_target: unknown[], key: string | symbol): boolean {
    const index = typeof key === "string" ? indexOf(key) : -1;
    return index >= 0 ? index < this.length : key in Array.prototype;
  }

  ownKeys(): string[] {
    return [...Array.from({ length: this.length }, (_, index) => `${index}`), "length"];
  }

  getOwnPropertyDescriptor(
    _target: unknown[],
    key: string | symbol,
  ): PropertyDescriptor | undefined {
    if (key === "length") {
      return { value: this.length, writable: true, enumerable: false, configurable: false };
    }
    const index = typeof key === "string" ? indexOf(key) : -1;
    if (index < 0 || index >= this.length) return undefined;
    return { value: this.at(index), writable: true, enumerable: true, configurable: true };
  }

  /** Replaces elements by others: all is made before anything moves. */
  splice(start: number, removed: number, values: readonly unknown[]): void {
    const { store } = this;
    store.whole(() => {
      const made = store.arena.take(SLOT_BYTES * values.length);
      for (const [index, value] of values.entries()) {
        store.putFresh(made + SLOT_BYTES * index, value);
      }
      const length = this.length;
      const handle = this.address();
      const count = length - removed + values.length;
      const block = store.roomy(handle, SLOT_BYTES, count);
      const first = block + BLOCK_HEAD_BYTES;
      const slotAt = (index: number) => first + SLOT_BYTES * index;
      const { arena } = store;
      // Of an array that stood in front of the mark, and did not have to move.
      if (first < arena.mark) {
        for (let index = start; index < count; index++) arena.keep(slotAt(index), SLOT_BYTES);
      }
      const { bytes } = arena;
      bytes.copyWithin(slotAt(start + values.length), slotAt(start + removed), slotAt(length));
      bytes.copyWithin(slotAt(start), made, made + SLOT_BYTES * values.length);
      store.setCount(block, count);
      store.link(handle, block);
    });
  }

  #block(): number {
    return this.store.block(this.address(), SLOT_BYTES);
  }
}

/** What arrays do in a way of their own; all else of arrays works through their elements. */
const METHODS: Readonly<Record<string, ArrayMethod>> = {
  push(...values: unknown[]): number {
    const { store, access } = arrayIn(this);
    return store.append(access.address(), values);
  },
  pop(): unknown {
    const { access } = arrayIn(this);
    const { length } = access;
    if (length === 0) return undefined;
    const value = access.at(length - 1);
    access.length = length - 1;
    return value;
  },
  shift(): unknown {
    const { access } = arrayIn(this);
    const first = access.at(0);
    if (access.length > 0) access.splice(0, 1, []);
    return first;
  },
  unshift(...values: unknown[]): number {
    const { access } = arrayIn(this);
    access.splice(0, 0, values);
    return access.length;
  },
  splice(...args: unknown[]): unknown[] {
    const { access } = arrayIn(this);
    const [from = 0, count = access.length, ...values] = args;
    const start = clamped(Number(from), access.length);
    const asked = Math.trunc(Number(count)) || 0;
    const removed = args.length === 0 ? 0 : Math.min(Math.max(asked, 0), access.length - start);
    const gone = Array.from({ length: removed }, (_, index) => access.at(start + index));
    access.splice(start, removed, values);
    return gone;
  },
  *values(): Generator<unknown> {
    const { store, access } = arrayIn(this);
    for (let index = 0;; index++) {
      const slot = access.slotAt(index);
      if (slot === 0) return;
      yield store.read(slot);
    }
  },
  // Those that follow would work as arrays have them, but ask the accessor three times an element.
  at(position: number): unknown {
    const { access } = arrayIn(this);
    const index = Math.trunc(position) || 0;
    return access.at(index < 0 ? access.length + index : index);
  },
  forEach(use: ElementCallback, within?: unknown): void {
    through(this, use, within, () => false);
  },
  map(use: ElementCallback, within?: unknown): unknown[] {
    const results: unknown[] = new Array(arrayIn(this).access.length);
    through(this, use, within, (result, index) => {
      results[index] = result;
      return false;
    });
    return results;
  },
  filter(use: ElementCallback, within?: unknown): unknown[] {
    const found: unknown[] = [];
    through(this, use, within, (result, _, value) => {
      if (result) found.push(value);
      return false;
    });
    return found;
  },
  some(use: ElementCallback, within?: unknown): boolean {
    return through(this, use, within, (result) => Boolean(result));
  },
  every(use: ElementCallback, within?: unknown): boolean {
    return !through(this, use, within, (result) => !result);
  },
  reduce(use: (so: unknown, ...of: Parameters<ElementCallback>) => unknown, ...first: unknown[]) {
    const { store, access } = arrayIn(this);
    const { length } = access;
    if (length === 0 && first.length === 0) {
      throw new TypeError("Cannot reduce an empty array to nothing");
    }
    const start = first.length === 0 ? 1 : 0;
    let result = start === 1 ? access.at(0) : first[0];
    for (let index = start; index < length; index++) {
      const slot = access.slotAt(index);
      if (slot === 0) break;
      result = use(result, store.read(slot), index, this);
    }
    return result;
  },
};

/**
 * Calls with each element that an array has now, as long as it is there: the call may shorten the array.
 * Ends, and returns `true`, when `isLast` says so of a result.
 */
function through(
  accessor: object,
  use: ElementCallback,
  within: unknown,
  isLast: (result: unknown, index: number, value: unknown) => boolean,
): boolean {
  const { store, access } = arrayIn(accessor);
  const { length } = access;
  for (let index = 0; index < length; index++) {
    const slot = access.slotAt(index);
    if (slot === 0) break;
    const value = store.read(slot);
    if (isLast(use.call(within, value, index, accessor), index, value)) return true;
  }
  return false;
}

function arrayIn(accessor: object): { readonly store: SlotStore; readonly access: ArrayAccess } {
  const access = originOf(accessor);
  if (!(access instanceof ArrayAccess)) {
    throw new TypeError("Cannot do that: it is no array of slots");
  }
  return { store: access.store, access };
}

/** The index that a name of a property is; −1 when it is none. By hand: this is asked for each element. */
function indexOf(key: string): number {
  if (key.length > INDEX_DIGITS_MAX || key === "") return -1;
  let index = 0;
  for (let at = 0; at < key.length; at++) {
    const digit = key.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9) || (digit === 0 && at === 0 && key.length > 1)) return -1;
    index = index * 10 + digit;
  }
  return index;
}

/** As `splice` reads where to start: from the end, if negative. */
function clamped(value: number, length: number): number {
  const index = Math.trunc(value) || 0;
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length);
}
