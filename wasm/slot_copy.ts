/** Copies of what is in slots, which need no memory any more; and what an accessor stands for. */
import {
  BLOCK_HEAD_BYTES,
  ENTRY_BYTES,
  ENTRY_VALUE_OFFSET,
  SLOT_BYTES,
  TAG_ARRAY,
  TAG_BYTES,
  TAG_OBJECT,
  TAG_STRING,
  WORD_BYTES,
  WORD_OFFSET,
} from "./slot_layout.ts";
import { flatOf } from "./slot_schema.ts";
import type { SlotStore } from "./slot_store.ts";
import { readKey } from "./slot_text.ts";

/** What an accessor stands for. */
export interface SlotOrigin {
  readonly store: SlotStore;
  readonly isArray: boolean;
  /** Its handle. @throws {TypeError} when it was given back */
  address(): number;
}

/** What copying has left. */
interface Budget {
  bytes: number;
}

/** Values within values. */
export const SLOT_DEPTH_MAX = 256;

const origins = Symbol("slots");

/** The name of the property by which an accessor tells its origin, to whoever has this symbol. */
export const ORIGIN: typeof origins = origins;

/** What the value stands for, if it is an accessor. */
export function originOf(value: object): SlotOrigin | undefined {
  return (value as { readonly [origins]?: SlotOrigin })[origins];
}

/** A copy of what is in slots; any other object as it is. */
export function plainOf(value: object): object {
  const origin = originOf(value);
  if (origin === undefined) return flatOf(value)?.toJS() ?? value;
  const { store, isArray } = origin;
  return copyOf(store, origin.address(), isArray, budgetOf(store), 0);
}

/** What is in a slot, with a copy in place of an accessor. */
export function copyOfSlot(store: SlotStore, at: number): unknown {
  return copySlot(store, at, budgetOf(store), 0);
}

/** The keys of an object, each once. */
export function keysOf(store: SlotStore, handle: number): readonly string[] {
  const keys = new Set<string>();
  const budget = budgetOf(store);
  const first = store.block(handle, ENTRY_BYTES) + BLOCK_HEAD_BYTES;
  const end = first + ENTRY_BYTES * store.count(first - BLOCK_HEAD_BYTES);
  for (let entry = first; entry < end; entry += ENTRY_BYTES) keys.add(keyAt(store, entry, budget));
  return [...keys];
}

function budgetOf({ arena }: SlotStore): Budget {
  return { bytes: arena.view.byteLength };
}

/** The key of an entry, which lies in the memory. */
function keyAt(store: SlotStore, entry: number, budget: Budget): string {
  const { view, bytes } = store.arena;
  const at = view.getUint32(entry, true);
  const length = view.getUint32(entry + WORD_BYTES, true);
  if (at + length > view.byteLength) {
    throw new RangeError(`Cannot read the key at ${at}: it leaves the memory`);
  }
  spend(budget, length);
  return readKey(bytes, at, length);
}

function copySlot(store: SlotStore, at: number, budget: Budget, depth: number): unknown {
  const { view } = store.arena;
  const tag = view.getUint8(at);
  spend(budget, SLOT_BYTES);
  if (tag !== TAG_ARRAY && tag !== TAG_OBJECT) {
    if (tag === TAG_STRING || tag === TAG_BYTES) {
      spend(budget, store.lengthAt(view.getUint32(at + WORD_OFFSET, true)));
    }
    return store.read(at);
  }
  return copyOf(
    store,
    view.getUint32(at + WORD_OFFSET, true),
    tag === TAG_ARRAY,
    budget,
    depth + 1,
  );
}

function copyOf(
  store: SlotStore,
  handle: number,
  isArray: boolean,
  budget: Budget,
  depth: number,
): object {
  if (depth >= SLOT_DEPTH_MAX) {
    throw new RangeError(
      `Cannot copy more than ${SLOT_DEPTH_MAX} levels: does it contain itself?`,
    );
  }
  if (isArray) {
    const block = store.block(handle, SLOT_BYTES);
    const values: unknown[] = [];
    const end = block + BLOCK_HEAD_BYTES + SLOT_BYTES * store.count(block);
    for (let at = block + BLOCK_HEAD_BYTES; at < end; at += SLOT_BYTES) {
      values.push(copySlot(store, at, budget, depth));
    }
    return values;
  }
  const object: Record<string, unknown> = {};
  const first = store.block(handle, ENTRY_BYTES) + BLOCK_HEAD_BYTES;
  const end = first + ENTRY_BYTES * store.count(first - BLOCK_HEAD_BYTES);
  for (let entry = first; entry < end; entry += ENTRY_BYTES) {
    const key = keyAt(store, entry, budget);
    // Of two with one key the first counts, as when it is looked up. Nothing is stored as undefined.
    if (object[key] !== undefined && Object.hasOwn(object, key)) continue;
    const value = copySlot(store, entry + ENTRY_VALUE_OFFSET, budget, depth);
    if (key !== "__proto__") object[key] = value;
    else {
      const data = { value, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(object, key, data);
    }
  }
  return object;
}

/** What is kept once takes no more than its memory; so does what a hostile memory refers to often. */
function spend(budget: Budget, bytes: number): void {
  budget.bytes -= bytes;
  if (budget.bytes >= 0) return;
  throw new RangeError("Cannot copy more than the memory holds: parts of it are there many times");
}
