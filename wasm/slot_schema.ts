/** Flat records: slots in a row, which properties of a prototype read and write. */
import { copyOfSlot, plainOf } from "./slot_copy.ts";
import { SLOT_BYTES, TAG_F64, WIDE_OFFSET } from "./slot_layout.ts";
import type { SlotStore } from "./slot_store.ts";

/** One record, as a program holds it: its properties are those of the shape's prototype. */
class Flat {
  readonly #store: SlotStore;
  readonly #names: readonly string[];
  readonly #address: number;
  #generation: number;

  constructor(store: SlotStore, names: readonly string[], address: number) {
    this.#store = store;
    this.#names = names;
    this.#address = address;
    this.#generation = store.arena.generation;
  }

  static is(value: unknown): value is Flat {
    return typeof value === "object" && value !== null && #address in value;
  }

  /** Gives a prototype a property. What is read and written most often takes no call. */
  static define(prototype: Flat, name: string, offset: number, store: SlotStore): void {
    const { arena } = store;
    Object.defineProperty(prototype, name, {
      get(this: Flat): unknown {
        const isKnown = this.#generation === arena.generation;
        const at = (isKnown ? this.#address : Flat.addressIn(this)) + offset;
        const { view } = arena;
        return view.getUint8(at) === TAG_F64
          ? view.getFloat64(at + WIDE_OFFSET, true)
          : store.read(at);
      },
      set(this: Flat, value: unknown) {
        // An integer, and negative zero, may be stored otherwise.
        if (
          typeof value === "number" && (value | 0) !== value &&
          this.#generation === arena.generation && this.#address >= arena.mark
        ) {
          const { view } = arena;
          const at = this.#address + offset;
          view.setUint32(at, TAG_F64, true);
          view.setFloat64(at + WIDE_OFFSET, value, true);
        } else store.write(Flat.addressIn(this) + offset, value);
      },
      enumerable: true,
      configurable: false,
    });
  }

  static addressIn(flat: Flat): number {
    const { arena } = flat.#store;
    if (flat.#generation !== arena.generation) {
      flat.#generation = arena.renewed(flat.#address, flat.#generation, "a record");
    }
    return flat.#address;
  }

  static copyOf(flat: Flat): Record<string, unknown> {
    let at = Flat.addressIn(flat);
    const entries = flat.#names.map((name): [string, unknown] => {
      const value = copyOfSlot(flat.#store, at);
      at += SLOT_BYTES;
      return [name, value];
    });
    return Object.fromEntries(entries);
  }
}

/** The flat record that a value is. */
export function flatOf(
  value: unknown,
): { readonly address: number; toJS(): Record<string, unknown> } | undefined {
  if (!Flat.is(value)) return undefined;
  return { address: Flat.addressIn(value), toJS: () => Flat.copyOf(value) };
}

/**
 * How records of one kind stand in memory.
 *
 * @example A record that a module has made, by its address
 * ```ts
 * import { type FlatShape, openSlots } from "@driftless/driftless/slots";
 *
 * const slots = openSlots(new ArrayBuffer(1024));
 * const point: FlatShape<"x" | "y"> = slots.shape(["x", "y"]);
 * const address = slots.addressOf(point.create({ x: 3, y: 4 }));
 *
 * const there = point.wrap<number>(address);
 * if (Math.hypot(there.x, there.y) !== 5 || point.byteLength !== 32) throw new Error();
 * ```
 */
export class FlatShape<K extends string> {
  /** The names, in the order of the slots. */
  readonly names: readonly K[];
  /** Bytes of one record. */
  readonly byteLength: number;
  readonly #store: SlotStore;
  /** Names that every object has something under. */
  readonly #common: ReadonlySet<string>;
  /** As `names`, which engines go through slower: it is frozen. */
  readonly #fields: readonly string[];
  readonly #Record: new (store: SlotStore, names: readonly string[], address: number) => Flat;

  /** Made by `Slots.shape`. */
  constructor(store: SlotStore, names: readonly K[]) {
    if (new Set(names).size !== names.length) {
      throw new TypeError(`Cannot use the names ${names.join(", ")}: one is there twice`);
    }
    this.#store = store;
    this.names = Object.freeze([...names]);
    this.#fields = [...names];
    this.byteLength = names.length * SLOT_BYTES;
    this.#common = new Set(names.filter((name) => name in Object.prototype));
    this.#Record = class extends Flat {};
    for (const [index, name] of names.entries()) {
      Flat.define(this.#Record.prototype, name, index * SLOT_BYTES, store);
    }
  }

  /**
   * Stores a record; a name without a value is null.
   *
   * @throws {TypeError} when a value cannot be stored
   * @throws {RangeError} when there is no memory
   */
  create<V = unknown>(values: { readonly [N in K]?: V } = {}): Record<K, V> {
    const given = plainOf(values) as Readonly<Record<string, unknown>>;
    const store = this.#store;
    const fields = this.#fields;
    const { length } = fields;
    const { offset } = store.arena;
    // As `whole` does, without a function for each record.
    try {
      const start = store.arena.take(length * SLOT_BYTES);
      for (let index = 0; index < length; index++) {
        const name = fields[index] as string;
        const isOwn = this.#common.size === 0 || this.#isOwn(given, name);
        store.putFresh(start + index * SLOT_BYTES, isOwn ? given[name] : null);
      }
      return this.#at<V>(start);
    } catch (error) {
      store.arena.undo(offset);
      throw error;
    }
  }

  /** The record at an address. @throws {RangeError} when it leaves the memory */
  wrap<V = unknown>(address: number): Record<K, V> {
    const at = address >>> 0;
    if (Number.isInteger(address) && at + this.byteLength <= this.#store.arena.bytes.length) {
      return this.#at(at);
    }
    throw new RangeError(`Cannot use a record at ${address}: it leaves the memory`);
  }

  #isOwn(given: object, name: string): boolean {
    return !this.#common.has(name) || Object.hasOwn(given, name);
  }

  #at<V>(address: number): Record<K, V> {
    return new this.#Record(this.#store, this.names, address) as unknown as Record<K, V>;
  }
}
