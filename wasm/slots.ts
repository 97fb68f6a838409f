/**
 * Typed values in the memory of WebAssembly: objects, arrays and flat records that JavaScript and a
 * module share, without a copy.
 *
 * A value is a slot of 16 bytes. Objects and arrays are read where they stand, each time they are
 * asked, so that what the module has written is there. `wasm/slot_layout.ts` draws the bytes.
 *
 * @example
 * ```ts
 * import { openSlots } from "@driftless/driftless/slots";
 *
 * const memory = new WebAssembly.Memory({ initial: 1 });
 * const slots = openSlots(memory);
 *
 * const order = slots.create({ id: 7, lines: [{ name: "tea", price: 3.5 }], note: "" });
 * order.note = "no sugar";
 * order.lines.push({ name: "cake", price: 4 });
 * const total = order.lines.reduce((sum, { price }) => sum + price, 0);
 * if (total !== 7.5) throw new Error(`${total}`);
 *
 * // What a module needs: the address of the object.
 * if (slots.addressOf(order) === 0) throw new Error();
 * // And a copy that needs no memory any more.
 * if (slots.toJS(order).note !== "no sugar") throw new Error();
 * ```
 *
 * @module
 */
import { accessorOf } from "./slot_accessors.ts";
import { originOf, plainOf } from "./slot_copy.ts";
import { SlotArena, type SlotCheckpoint, type SlotMemory } from "./slot_arena.ts";
import { SLOT_BYTES, TAG_NULL } from "./slot_layout.ts";
import { flatOf, FlatShape } from "./slot_schema.ts";
import { SlotStore } from "./slot_store.ts";

export type { FlatShape } from "./slot_schema.ts";
export type { SlotCheckpoint, SlotMemory } from "./slot_arena.ts";

/** Which part of a memory slots may take. */
export interface SlotsOptions {
  /**
   * The first address: what a module calls `__heap_base`, or that of a block of its `malloc`.
   *
   * @default {16}
   */
  readonly start?: number;
  /** Where they have to end. Up to here the memory is made to grow. @default {4294967296} */
  readonly end?: number;
}

/** What a value is after it was stored: dates are numbers then, and what was undefined is null. */
export type Stored<T> = T extends Date ? number
  : T extends undefined ? null
  : T extends Uint8Array | bigint | boolean | null | number | string ? T
  : T extends readonly (infer E)[] ? Stored<E>[]
  : T extends object ? { -readonly [K in keyof T]: Stored<T[K]> }
  : unknown;

/** A plain copy of a value. */
export type Plain<T> = T extends object ? { -readonly [K in keyof T]: T[K] } : T;

/**
 * Opens a memory for slots. Not two at once for the same part of it, and none where the module's own
 * allocator works.
 *
 * @example What a module answered, from the address that it returned
 * ```ts
 * import { openSlots } from "@driftless/driftless/slots";
 *
 * const memory = new WebAssembly.Memory({ initial: 1 });
 * const slots = openSlots(memory, { start: 1024, end: 32_768 });
 * const answer = slots.take(2);
 * slots.write(answer, 200);
 * slots.write(answer + 16, "done");
 * if (slots.read(answer) !== 200 || slots.read(answer + 16) !== "done") throw new Error();
 * ```
 *
 * @throws {TypeError} when the memory is shared between threads
 * @throws {RangeError} when `start` or `end` is no address
 */
export function openSlots(memory: SlotMemory, options: SlotsOptions = {}): Slots {
  return new Slots(memory, options);
}

/**
 * Slots in one part of a memory.
 *
 * Numbers, booleans, text, `null`, `bigint` of 64 bits, `Uint8Array` (read as a copy), `Date` (read as
 * its milliseconds), arrays and plain objects of these can be stored, 256 levels deep; everything else
 * is refused with a `TypeError` that names it, and leaves everything as it was. A text or bytes that
 * are written over an older one use its room; what is no longer referred to is given back by
 * {@linkcode restore} and {@linkcode reset} alone.
 *
 * Reading never leaves the memory, and never goes on for ever, whatever the module has written.
 *
 * @example One request after the other in the same room
 * ```ts
 * import { Slots } from "@driftless/driftless/slots";
 *
 * const slots = new Slots(new WebAssembly.Memory({ initial: 1 }));
 * const settings = slots.create({ language: "en" });
 * const start = slots.save();
 * for (const path of ["/", "/about"]) {
 *   const request = slots.create({ path, settings });
 *   if (request.settings.language !== "en") throw new Error();
 *   slots.restore(start);
 * }
 * if (slots.offset !== start.offset) throw new Error();
 * ```
 */
export class Slots {
  readonly #arena: SlotArena;
  readonly #store: SlotStore;

  /** As {@linkcode openSlots}. */
  constructor(memory: SlotMemory, options: SlotsOptions = {}) {
    this.#arena = new SlotArena(memory, options);
    this.#store = new SlotStore(this.#arena, accessorOf);
  }

  /** The address up to which memory is taken. */
  get offset(): number {
    return this.#arena.offset;
  }

  /** Bytes that can be taken without growing the memory. */
  get remaining(): number {
    const { bytes, end, offset } = this.#arena;
    return Math.max(0, Math.min(bytes.length, end) - offset);
  }

  /**
   * Stores an object or an array; returns its accessor.
   *
   * @throws {TypeError} when a part of it cannot be stored
   * @throws {RangeError} when there is no memory
   */
  create<T extends object>(value: T): Stored<T> {
    if (typeof value !== "object" || value === null) {
      throw new TypeError(
        `Cannot create ${value === null ? "null" : `a ${typeof value}`} in slots`,
      );
    }
    const plain = plainOf(value);
    const handle = this.#store.build(plain);
    return accessorOf(this.#store, handle, Array.isArray(plain)) as Stored<T>;
  }

  /** The accessor of an object that a module made, by its handle. */
  wrapObject<T extends object = Record<string, unknown>>(handle: number): T {
    return accessorOf(this.#store, checkedAddress(handle), false) as T;
  }

  /** The accessor of an array that a module made, by its handle. */
  wrapArray<E = unknown>(handle: number): E[] {
    return accessorOf(this.#store, checkedAddress(handle), true) as E[];
  }

  /** The handle of an object or array, or the address of a flat record. */
  addressOf(accessor: object): number {
    const address = originOf(accessor)?.address() ?? flatOf(accessor)?.address;
    if (address === undefined) throw new TypeError("Cannot tell the address: it is not in slots");
    return address;
  }

  /** A copy of an object, array or record, or of any value that was read, that needs no memory. */
  toJS<T>(value: T): Plain<T> {
    if (typeof value !== "object" || value === null) return value as Plain<T>;
    return plainOf(value) as Plain<T>;
  }

  /** Takes slots in a row, all of them null; returns the address of the first one. */
  take(count: number): number {
    const at = this.#arena.take(count * SLOT_BYTES);
    this.#arena.bytes.fill(TAG_NULL, at, at + count * SLOT_BYTES);
    return at;
  }

  /** Takes bytes at an address that 4 divides. @throws {RangeError} when there are none */
  takeBytes(bytes: number): number {
    return this.#arena.take(bytes);
  }

  /** What is in the slot at an address. @throws {RangeError} when it leaves the memory */
  read(address: number): unknown {
    this.#check(address);
    return this.#store.read(address);
  }

  /** Writes over the slot at an address. @throws {RangeError} when it leaves the memory */
  write(address: number, value: unknown): void {
    this.#check(address);
    this.#store.write(address, value);
  }

  /**
   * Prepares flat records: slots in a row under these names, without a key in memory and without a
   * proxy, for what is read most often.
   *
   * @example
   * ```ts
   * import { openSlots } from "@driftless/driftless/slots";
   *
   * const slots = openSlots(new ArrayBuffer(1024));
   * const point = slots.shape(["x", "y"]);
   * const here = point.create({ x: 3, y: 4 });
   * here.x += 0.5;
   * if (here.x !== 3.5) throw new Error();
   * ```
   *
   * @throws {TypeError} when a name is there twice
   */
  shape<const K extends string>(names: readonly K[]): FlatShape<K> {
    return new FlatShape(this.#store, names);
  }

  /** Remembers how much is taken, and from then on what is written over. */
  save(): SlotCheckpoint {
    return this.#arena.save();
  }

  /**
   * Gives back what was taken since. Objects that were made since cannot be used any more; older ones
   * are what they were, except for what the module itself has written into them.
   *
   * @throws {RangeError} when the checkpoint is of other slots, or of what was given back itself
   */
  restore(checkpoint: SlotCheckpoint): void {
    this.#arena.restore(checkpoint);
    this.#store.forgetRooms();
  }

  /** Gives back everything. */
  reset(): void {
    this.#arena.reset();
    this.#store.forgetRooms();
  }

  #check(address: number): void {
    const { length } = this.#arena.bytes;
    if (Number.isInteger(address) && address >= 0 && address + SLOT_BYTES <= length) return;
    throw new RangeError(`Cannot use a slot at ${address}: the memory has ${length} bytes`);
  }
}

/** Modules give addresses as i32, which are negative from 2 GiB on. */
function checkedAddress(address: number): number {
  if (Number.isInteger(address)) return address >>> 0;
  throw new RangeError(`Cannot use ${address}: it is no address`);
}
