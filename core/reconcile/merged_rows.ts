/** Changes in the order of their hashes, and what they make of the rows of a leaf. */
import { DIGEST_BYTES, HASH_BYTES, highAt, type RowTable } from "./node_bytes.ts";
import type { HashedChanges } from "./row_hash.ts";

/** Changes in the order of their hashes; where those are equal, as they came. */
export interface SortedChanges {
  readonly rows: HashedChanges;
  /** Which row stands at each place. */
  readonly order: Int32Array;
  /** The first 32 bits of the hash at each place. */
  readonly highs: Uint32Array;
}

/** The rows of a leaf, and of changes of it. */
export interface MergedRows {
  /** A row of the changes as its number p, a row of the leaf as ~p. */
  readonly picks: Int32Array;
  /** The first 32 bits of the hash of each pick. */
  readonly highs: Uint32Array;
  /** Rows of the leaf that are not picked. */
  readonly dropped: readonly number[];
}

/** Changes that are sorted at once: their numbers and 32 bits of hash fit one float. */
export const SORTED_ROWS_MAX = 2 ** 20;

/** Sorts changes, at most SORTED_ROWS_MAX. */
export function sortedChanges(rows: HashedChanges): SortedChanges {
  const { count, hashes } = rows;
  const keys = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    keys[row] = highAt(hashes, row * HASH_BYTES) * SORTED_ROWS_MAX + row;
  }
  keys.sort();
  const order = new Int32Array(count);
  const highs = new Uint32Array(count);
  for (let place = 0, tied = 0; place < count; place++) {
    const key = keys[place] as number;
    const high = Math.floor(key / SORTED_ROWS_MAX);
    order[place] = key - high * SORTED_ROWS_MAX;
    highs[place] = high;
    if (high !== highs[tied]) tied = place;
    const isLastTied = place + 1 === count ||
      keys[place + 1] as number >= (high + 1) * SORTED_ROWS_MAX;
    if (isLastTied && place > tied) {
      order.subarray(tied, place + 1).sort((a, b) => lowOf(rows, a) - lowOf(rows, b) || a - b);
    }
  }
  return { rows, order, highs };
}

/**
 * The rows of a leaf with the changes at places `from` to `to`, in order; `undefined` when that
 * makes no difference.
 */
export function mergedRows(
  changes: SortedChanges,
  from: number,
  to: number,
  kept: RowTable,
): MergedRows | undefined {
  const { rows, order, highs } = changes;
  const keptCount = kept.keyStarts.length - 1;
  const picks = new Int32Array(to - from + keptCount);
  const pickHighs = new Uint32Array(picks.length);
  const dropped: number[] = [];
  let length = 0;
  let fresh = 0;
  let at = 0;
  for (let place = from; place < to;) {
    const change = order[place] as number;
    const high = highs[place] as number;
    for (; at < keptCount && compareHashes(kept, at, rows, change) < 0; at++) {
      pickHighs[length] = highAt(kept.hashes, at * HASH_BYTES);
      picks[length++] = ~at;
    }
    let end = place + 1;
    while (
      end < to && highs[end] === high &&
      compareHashes(rows, order[end] as number, rows, change) === 0
    ) end++;
    let keptEnd = at;
    while (keptEnd < keptCount && compareHashes(kept, keptEnd, rows, change) === 0) keptEnd++;
    const tied = tiedPicks(changes, place, end, kept, at, keptEnd, dropped);
    for (const pick of tied) {
      if (pick >= 0) fresh++;
      pickHighs[length] = high;
      picks[length++] = pick;
    }
    [place, at] = [end, keptEnd];
  }
  if (fresh === 0 && dropped.length === 0) return undefined;
  for (; at < keptCount; at++) {
    pickHighs[length] = highAt(kept.hashes, at * HASH_BYTES);
    picks[length++] = ~at;
  }
  return { picks: picks.subarray(0, length), highs: pickHighs.subarray(0, length), dropped };
}

/** The picks among changes and kept rows of one and the same hash, nearly always of one key. */
function tiedPicks(
  { rows, order }: SortedChanges,
  from: number,
  to: number,
  kept: RowTable,
  keptFrom: number,
  keptTo: number,
  dropped: number[],
): number[] {
  /** One change of each key: the last. */
  const last: number[] = [];
  for (let place = to - 1; place >= from; place--) {
    const row = order[place] as number;
    if (!last.some((other) => hasSameKey(rows, other, rows, row))) last.push(row);
  }
  const picks: number[] = [];
  for (let row = keptFrom; row < keptTo; row++) {
    const at = last.findIndex((change) => hasSameKey(rows, change, kept, row));
    const change = last[at];
    const isSame = change === undefined ||
      rows.gone[change] === 0 && compareDigests(rows, change, kept, row) === 0;
    if (isSame) picks.push(~row);
    else dropped.push(row);
    if (change !== undefined && isSame) last.splice(at, 1);
  }
  for (const change of last) if (rows.gone[change] === 0) picks.push(change);
  const tableOf = (pick: number) => pick < 0 ? kept : rows;
  const rowOf = (pick: number) => pick < 0 ? ~pick : pick;
  return picks.length < 2
    ? picks
    : picks.sort((a, b) => compareDigests(tableOf(a), rowOf(a), tableOf(b), rowOf(b)));
}

function lowOf({ hashes }: RowTable, row: number): number {
  return highAt(hashes, row * HASH_BYTES + 4);
}

function compareHashes(a: RowTable, rowA: number, b: RowTable, rowB: number): number {
  return compareBytes(a.hashes, rowA * HASH_BYTES, b.hashes, rowB * HASH_BYTES, HASH_BYTES);
}

function compareDigests(a: RowTable, rowA: number, b: RowTable, rowB: number): number {
  const [atA, atB] = [rowA * DIGEST_BYTES, rowB * DIGEST_BYTES];
  return compareBytes(a.digests, atA, b.digests, atB, DIGEST_BYTES);
}

function hasSameKey(a: RowTable, rowA: number, b: RowTable, rowB: number): boolean {
  const [atA, atB] = [a.keyStarts[rowA] as number, b.keyStarts[rowB] as number];
  const length = (a.keyStarts[rowA + 1] as number) - atA;
  return length === (b.keyStarts[rowB + 1] as number) - atB &&
    compareBytes(a.keys, atA, b.keys, atB, length) === 0;
}

function compareBytes(
  a: Uint8Array,
  atA: number,
  b: Uint8Array,
  atB: number,
  length: number,
): number {
  for (let i = 0; i < length; i++) {
    const difference = (a[atA + i] as number) - (b[atB + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
