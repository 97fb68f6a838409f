/**
 * The fewest moves that bring a list into another order: items of a longest increasing subsequence stay.
 */
import type { Move } from "./patch_writer.ts";

/** Above this share of moved items, an order is shorter than its moves. */
const MOVED_PART = 8;
/** Each move looks for its place; above so many the order is sent instead. */
const MOVES_MAX = 256;
/** So many new keys are looked for one by one among the old; for more a set is made. */
const NEW_KEYS_SEARCHED_MAX = 8;

/** How to bring items into another order. */
export type Reorder =
  | { readonly kind: "none" }
  | { readonly kind: "moves"; readonly moves: readonly Move[] }
  | { readonly kind: "order"; readonly at: number; readonly order: readonly number[] };

/**
 * How to bring the items 0, …, n - 1 into an order.
 *
 * @param order for each place, which item stands there in the end
 * @param before so many items stand before them, and count in the places of what is returned
 */
export function reorderOf(order: readonly number[], before = 0): Reorder {
  let start = 0;
  while (start < order.length && order[start] === start) start++;
  if (start === order.length) return { kind: "none" };
  let end = order.length;
  while (order[end - 1] === end - 1) end--;
  const middle = order.slice(start, end).map((item) => item - start);
  const stays = longestIncreasing(middle);
  let moved = 0;
  for (const stay of stays) if (stay === 0) moved++;
  if (moved > order.length / MOVED_PART || moved > MOVES_MAX) {
    // A single move, or a swap, is shorter than any order, however short the list is.
    if (moved > 2) return { kind: "order", at: before + start, order: middle };
  }
  const first = before + start;
  const moves = movesOf(middle, stays);
  return {
    kind: "moves",
    moves: moves.map(({ from, to, count }) => ({ from: from + first, to: to + first, count })),
  };
}

/**
 * A key that is there twice; nothing if none is.
 *
 * @param fresh places of the keys that are new, if the others are known to differ
 */
export function doubledKey(
  keys: readonly unknown[],
  fresh: readonly number[] | null,
): readonly unknown[] {
  if (fresh !== null && fresh.length <= NEW_KEYS_SEARCHED_MAX) {
    const place = fresh.find((at) =>
      keys.indexOf(keys[at]) !== at || keys.lastIndexOf(keys[at]) !== at
    );
    return place === undefined ? [] : [keys[place]];
  }
  if (isRising(keys) || new Set(keys).size === keys.length) return [];
  const seen = new Set();
  return [keys.find((key) => seen.has(key) || !seen.add(key))];
}

/** Whether keys, all numbers or all texts, rise, so that none of them is there twice. */
function isRising(keys: readonly unknown[]): boolean {
  const [first] = keys;
  return typeof first === "string" ? areTextsRising(keys, first) : areNumbersRising(keys);
}

function areNumbersRising(keys: readonly unknown[]): boolean {
  let before = -Infinity;
  for (const key of keys) {
    if (typeof key !== "number" || !(key > before)) return false;
    before = key;
  }
  return true;
}

/** Longer texts are above shorter ones, so that numbers as texts rise as well. */
function areTextsRising(keys: readonly unknown[], first: string): boolean {
  let before = first;
  for (let at = 1; at < keys.length; at++) {
    const key = keys[at];
    if (typeof key !== "string" || key.length < before.length) return false;
    if (key.length === before.length && key <= before) return false;
    before = key;
  }
  return true;
}

/** Finds the places of keys, each place once; places of equal keys from left to right. */
export function placesOf(
  keys: readonly unknown[],
  start: number,
  end: number,
  isPassedOver: (place: number) => boolean,
): (key: unknown) => number {
  const places = new Map<unknown, number>();
  const next = new Int32Array(end - start);
  for (let at = end - 1; at >= start; at--) {
    if (isPassedOver(at)) continue;
    next[at - start] = places.get(keys[at]) ?? -1;
    places.set(keys[at], at);
  }
  return (key) => {
    const place = places.get(key) ?? -1;
    if (place >= 0) places.set(key, next[place - start] as number);
    return place;
  };
}

/** For each place of an order 1 if its item is of one longest increasing subsequence, else 0. */
export function longestIncreasing(order: readonly number[]): Uint8Array {
  /** At each length, the place where the lowest subsequence of it ends. */
  const ends = new Uint32Array(order.length);
  const before = new Int32Array(order.length);
  let length = 0;
  for (let place = 0; place < order.length; place++) {
    const item = order[place] as number;
    let low = 0;
    let high = length;
    if (length > 0 && (order[ends[length - 1] as number] as number) < item) low = length;
    while (low < high) {
      const half = low + high >> 1;
      if ((order[ends[half] as number] as number) < item) low = half + 1;
      else high = half;
    }
    before[place] = low > 0 ? ends[low - 1] as number : -1;
    ends[low] = place;
    if (low === length) length++;
  }
  const stays = new Uint8Array(order.length);
  for (let at = length > 0 ? ends[length - 1] as number : -1; at >= 0; at = before[at] as number) {
    stays[at] = 1;
  }
  return stays;
}

/** Moves of what does not stay, from left to right; neighbours that go together are one move. */
function movesOf(order: readonly number[], stays: Uint8Array): Move[] {
  const list = Array.from({ length: order.length }, (_, index) => index);
  const moves: Move[] = [];
  for (let place = 0; place < order.length; place++) {
    if (stays[place] === 1) continue;
    const from = list.indexOf(order[place] as number);
    let count = 1;
    while (
      place + count < order.length && stays[place + count] === 0 &&
      list[from + count] === order[place + count]
    ) count++;
    const items = list.splice(from, count);
    const to = place === 0 ? 0 : list.indexOf(order[place - 1] as number) + 1;
    list.splice(to, 0, ...items);
    if (to !== from) moves.push({ from, to, count });
    place += count - 1;
  }
  return moves;
}
