/**
 * Values in slots: reads and writes them, and everything behind their handles.
 *
 * What is written is made whole before anything that can be seen points to it. So whoever is refused
 * finds everything as it was. What is read is doubted: addresses and lengths have to lie inside of the
 * memory, and what contains itself ends at a limit.
 */
import type { SlotArena } from "./slot_arena.ts";
import {
  BLOCK_HEAD_BYTES,
  CAPACITY_MIN,
  ENTRY_BYTES,
  ENTRY_VALUE_OFFSET,
  SLOT_BYTES,
  TAG_ARRAY,
  TAG_BIGINT,
  TAG_BOOL,
  TAG_BYTES,
  TAG_F64,
  TAG_I32,
  TAG_NULL,
  TAG_OBJECT,
  TAG_STRING,
  WIDE_OFFSET,
  WORD_BYTES,
  WORD_OFFSET,
} from "./slot_layout.ts";
import { originOf, plainOf, SLOT_DEPTH_MAX } from "./slot_copy.ts";
import { SlotRooms } from "./slot_rooms.ts";
import { keyBytes, readText, textBytes, writeText } from "./slot_text.ts";

/** Makes the accessor of a handle. */
export type Accessors = (store: SlotStore, handle: number, isArray: boolean) => object;

const I64_BITS = 64;

/** What a value is within that is within nothing. */
const NOTHING: object[] = [];

/** The slots of one arena. */
export class SlotStore {
  readonly arena: SlotArena;
  readonly #accessors: Accessors;
  readonly #rooms: SlotRooms;

  constructor(arena: SlotArena, accessors: Accessors) {
    this.arena = arena;
    this.#accessors = accessors;
    this.#rooms = new SlotRooms(arena);
  }

  /** What is in a slot; objects and arrays as accessors. */
  read(at: number): unknown {
    const { view } = this.arena;
    switch (view.getUint8(at)) {
      case TAG_NULL:
        return null;
      case TAG_BOOL:
        return view.getUint32(at + WORD_OFFSET, true) !== 0;
      case TAG_I32:
        return view.getInt32(at + WORD_OFFSET, true);
      case TAG_F64:
        return view.getFloat64(at + WIDE_OFFSET, true);
      case TAG_STRING: {
        const block = view.getUint32(at + WORD_OFFSET, true);
        return readText(this.arena.bytes, block + WORD_BYTES, this.lengthAt(block));
      }
      case TAG_ARRAY:
        return this.#accessors(this, view.getUint32(at + WORD_OFFSET, true), true);
      case TAG_OBJECT:
        return this.#accessors(this, view.getUint32(at + WORD_OFFSET, true), false);
      case TAG_BIGINT:
        return view.getBigInt64(at + WIDE_OFFSET, true);
      case TAG_BYTES: {
        const block = view.getUint32(at + WORD_OFFSET, true);
        const start = block + WORD_BYTES;
        return this.arena.bytes.slice(start, start + this.lengthAt(block));
      }
      default:
        throw new TypeError(`Cannot read the slot at ${at}: its tag is ${view.getUint8(at)}`);
    }
  }

  /** Writes over a slot; a text that fits takes the room of the one before. */
  write(at: number, value: unknown): void {
    this.arena.keep(at, SLOT_BYTES);
    if (typeof value === "number") this.#putNumber(at, value);
    else if (typeof value === "object") this.whole(() => this.#put(at, value, true, NOTHING));
    else this.#put(at, value, true, NOTHING);
  }

  /** Does what takes room, and gives it back when it fails. */
  whole<T>(work: () => T): T {
    const { offset } = this.arena;
    try {
      return work();
    } catch (error) {
      this.arena.undo(offset);
      throw error;
    }
  }

  /** Makes an object or an array; returns its handle. */
  build(value: object): number {
    return this.whole(() => this.#build(value, NOTHING));
  }

  /** The address of what a handle points to: all of it is in the memory. */
  block(handle: number, unit: number): number {
    const { view } = this.arena;
    const block = view.getUint32(handle, true);
    const capacity = view.getUint32(block, true);
    const isWhole = view.getUint32(block + WORD_BYTES, true) <= capacity &&
      block + BLOCK_HEAD_BYTES + unit * capacity <= view.byteLength;
    if (!isWhole) throw new RangeError(`Cannot use what is at ${handle}: it leaves the memory`);
    return block;
  }

  /** Elements or entries of a block. */
  count(block: number): number {
    return this.arena.view.getUint32(block + WORD_BYTES, true);
  }

  setCount(block: number, count: number): void {
    this.arena.keep(block + WORD_BYTES, WORD_BYTES);
    this.arena.view.setUint32(block + WORD_BYTES, count, true);
  }

  /** The block of a handle, with room for so many: a larger copy, linked by `link`, if it has less. */
  roomy(handle: number, unit: number, count: number): number {
    const block = this.block(handle, unit);
    const capacity = this.arena.view.getUint32(block, true);
    if (count <= capacity) return block;
    const more = Math.max(count, capacity * 2, CAPACITY_MIN);
    const copy = this.#newBlock(more, unit, this.count(block));
    this.arena.bytes.copyWithin(
      copy + BLOCK_HEAD_BYTES,
      block + BLOCK_HEAD_BYTES,
      block + BLOCK_HEAD_BYTES + unit * capacity,
    );
    return copy;
  }

  /** Has a handle point to a block. */
  link(handle: number, block: number): void {
    this.arena.keep(handle, WORD_BYTES);
    this.arena.view.setUint32(handle, block, true);
  }

  /** The entry of a key; 0 when there is none. */
  find(handle: number, key: string): number {
    const block = this.block(handle, ENTRY_BYTES);
    const wanted = keyBytes(key);
    const { view, bytes } = this.arena;
    const end = block + BLOCK_HEAD_BYTES + ENTRY_BYTES * this.count(block);
    for (let entry = block + BLOCK_HEAD_BYTES; entry < end; entry += ENTRY_BYTES) {
      if (view.getUint32(entry + WORD_BYTES, true) !== wanted.length) continue;
      const at = view.getUint32(entry, true);
      let same = 0;
      while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
      if (same === wanted.length) return entry;
    }
    return 0;
  }

  /** Adds a key, or writes over its value. */
  set(handle: number, key: string, value: unknown): void {
    const found = this.find(handle, key);
    if (found !== 0) return this.write(found + ENTRY_VALUE_OFFSET, value);
    this.whole(() => {
      const count = this.count(this.block(handle, ENTRY_BYTES));
      const block = this.roomy(handle, ENTRY_BYTES, count + 1);
      this.#putEntry(block + BLOCK_HEAD_BYTES + ENTRY_BYTES * count, key, value, NOTHING);
      this.setCount(block, count + 1);
      this.link(handle, block);
    });
  }

  /** Adds elements at the end of an array. */
  append(handle: number, values: readonly unknown[]): number {
    return this.whole(() => {
      const count = this.count(this.block(handle, SLOT_BYTES));
      const block = this.roomy(handle, SLOT_BYTES, count + values.length);
      for (const [index, value] of values.entries()) {
        const at = block + BLOCK_HEAD_BYTES + SLOT_BYTES * (count + index);
        // It may have held an element before the array was shortened.
        this.arena.keep(at, SLOT_BYTES);
        this.#put(at, value, false, NOTHING);
      }
      this.setCount(block, count + values.length);
      this.link(handle, block);
      return count + values.length;
    });
  }

  /** Writes into a slot that has held nothing yet. */
  putFresh(at: number, value: unknown): void {
    this.#put(at, value, false, NOTHING);
  }

  /** Forgets the room of what was given back. */
  forgetRooms(): void {
    this.#rooms.forget();
  }

  /** Bytes of a text or of bytes, all of them in the memory. */
  lengthAt(block: number): number {
    const { view } = this.arena;
    const length = view.getUint32(block, true);
    if (block + WORD_BYTES + length <= view.byteLength) return length;
    throw new RangeError(`Cannot read ${length} bytes at ${block}: they leave the memory`);
  }

  #put(at: number, value: unknown, isOver: boolean, within: object[]): void {
    switch (typeof value) {
      case "number":
        return this.#putNumber(at, value);
      case "string": {
        const short = isOver ? 0 : this.#rooms.takeShort(value, WORD_BYTES);
        if (short !== 0) {
          this.arena.view.setUint32(short, value.length, true);
          return this.#putWord(at, TAG_STRING, short);
        }
        const length = textBytes(value);
        const block = this.#rooms.blockFor(at, length, isOver);
        writeText(this.arena.bytes, block + WORD_BYTES, value, length);
        return this.#putWord(at, TAG_STRING, block);
      }
      case "boolean":
        return this.#putWord(at, TAG_BOOL, value ? 1 : 0);
      case "undefined":
        return this.#putWord(at, TAG_NULL, 0);
      case "bigint":
        if (BigInt.asIntN(I64_BITS, value) !== value) {
          throw new RangeError(`Cannot store ${value}: it has more than ${I64_BITS} bits`);
        }
        this.#putWord(at, TAG_BIGINT, 0);
        return this.arena.view.setBigInt64(at + WIDE_OFFSET, value, true);
      case "object":
        return this.#putObject(at, value, isOver, within);
      default:
        throw new TypeError(`Cannot store a ${typeof value}`);
    }
  }

  #putNumber(at: number, value: number): void {
    const { view } = this.arena;
    // An integer of 32 bits has no negative zero.
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      view.setUint32(at, TAG_I32, true);
      view.setInt32(at + WORD_OFFSET, value, true);
    } else {
      view.setUint32(at, TAG_F64, true);
      view.setFloat64(at + WIDE_OFFSET, value, true);
    }
  }

  #putWord(at: number, tag: number, word: number): void {
    const { view } = this.arena;
    view.setUint32(at, tag, true);
    view.setUint32(at + WORD_OFFSET, word, true);
  }

  #putObject(
    at: number,
    value: object | null,
    isOver: boolean,
    within: object[],
  ): void {
    if (value === null) return this.#putWord(at, TAG_NULL, 0);
    if (Object.getPrototypeOf(value) === Object.prototype) {
      return this.#putWord(at, TAG_OBJECT, this.#build(value, within));
    }
    if (value instanceof Date) return this.#putNumber(at, value.getTime());
    if (value instanceof Uint8Array) {
      // A view of this very memory is lost when the memory grows.
      const bytes = value.buffer === this.arena.view.buffer ? value.slice() : value;
      const block = this.#rooms.blockFor(at, bytes.length, isOver);
      this.arena.bytes.set(bytes, block + WORD_BYTES);
      return this.#putWord(at, TAG_BYTES, block);
    }
    const origin = originOf(value);
    if (origin?.store === this) {
      return this.#putWord(at, origin.isArray ? TAG_ARRAY : TAG_OBJECT, origin.address());
    }
    const source = Array.isArray(value) && origin === undefined ? value : plainOf(value);
    this.#putWord(
      at,
      Array.isArray(source) ? TAG_ARRAY : TAG_OBJECT,
      this.#build(source, within),
    );
  }

  /** Whoever calls it undoes what it took when it fails. */
  #build(value: object, within: object[]): number {
    for (let level = within.length - 1; level >= 0; level--) {
      if (within[level] === value) throw new TypeError("Cannot store what contains itself");
    }
    if (within.length >= SLOT_DEPTH_MAX) {
      throw new TypeError(`Cannot store more than ${SLOT_DEPTH_MAX} levels`);
    }
    const inside = within === NOTHING ? [] : within;
    inside.push(value);
    const handle = this.#fill(value, inside);
    inside.pop();
    return handle;
  }

  #fill(value: object, inside: object[]): number {
    if (Array.isArray(value)) {
      // Once: a getter among the elements may make the array longer.
      const { length } = value;
      const handle = this.#newHandle(Math.max(CAPACITY_MIN, length), SLOT_BYTES, length);
      const block = handle + WORD_BYTES;
      for (let index = 0; index < length; index++) {
        this.#put(block + BLOCK_HEAD_BYTES + SLOT_BYTES * index, value[index], false, inside);
      }
      return handle;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    const isPlain = prototype === Object.prototype || prototype === null;
    if (!isPlain && Object.getPrototypeOf(prototype) !== null) {
      const { constructor } = value;
      throw new TypeError(`Cannot store a ${constructor?.name}: store what it holds`);
    }
    const names = Object.keys(value);
    const { length } = names;
    const handle = this.#newHandle(Math.max(CAPACITY_MIN, length), ENTRY_BYTES, length);
    const first = handle + WORD_BYTES + BLOCK_HEAD_BYTES;
    for (let index = 0; index < length; index++) {
      const name = names[index] as string;
      const entry = first + ENTRY_BYTES * index;
      this.#putEntry(entry, name, (value as Record<string, unknown>)[name], inside);
    }
    return handle;
  }

  /** A handle, and the block that it points to right behind it. */
  #newHandle(capacity: number, unit: number, count: number): number {
    const handle = this.arena.take(WORD_BYTES + BLOCK_HEAD_BYTES + unit * capacity);
    const { view } = this.arena;
    view.setUint32(handle, handle + WORD_BYTES, true);
    view.setUint32(handle + WORD_BYTES, capacity, true);
    view.setUint32(handle + 2 * WORD_BYTES, count, true);
    return handle;
  }

  #newBlock(capacity: number, unit: number, count: number): number {
    const block = this.arena.take(BLOCK_HEAD_BYTES + unit * capacity);
    const { view } = this.arena;
    view.setUint32(block, capacity, true);
    view.setUint32(block + WORD_BYTES, count, true);
    return block;
  }

  #putEntry(entry: number, key: string, value: unknown, within: object[]): void {
    let at = this.#rooms.takeShort(key, 0);
    let { length } = key;
    if (at === 0) {
      const bytes = keyBytes(key);
      ({ length } = bytes);
      at = this.arena.takePacked(length);
      this.arena.bytes.set(bytes, at);
    }
    const { view } = this.arena;
    view.setUint32(entry, at, true);
    view.setUint32(entry + WORD_BYTES, length, true);
    if (typeof value === "number") this.#putNumber(entry + ENTRY_VALUE_OFFSET, value);
    else this.#put(entry + ENTRY_VALUE_OFFSET, value, false, within);
  }
}
