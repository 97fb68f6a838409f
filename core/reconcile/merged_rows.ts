/** Changes in the order of their hashes, and what they make of the rows of a leaf. */
import {
  DIGEST_BYTES,
  HASH_BYTES,
  highAt,
  LEAF_ROWS_MAX,
  rowsOf,
  type RowTable,
} from "./node_bytes.ts";
import { grown, HashedChanges } from "./row_hash.ts";

/** Changes that are sorted at once: their numbers and 32 bits of hash fit one float. */
export const SORTED_ROWS_MAX = 2 ** 20;

const FIRST_ROWS = 8;
const NO_ROWS: RowTable = /* @__PURE__ */ rowsOf(new Uint8Array(8));

/** Changes in the order of their hashes; where those are equal, as they came. */
export class SortedChanges {
  readonly rows = new HashedChanges();
  /** Which row stands at each place. */
  order = new Int32Array(FIRST_ROWS);
  /** The first 32 bits of the hash at each place. */
  highs = new Uint32Array(FIRST_ROWS);

  /** Sorts the rows, at most SORTED_ROWS_MAX. */
  sort(): void {
    const { count, hashes } = this.rows;
    if (count > this.order.length) {
      this.order = grown(this.order, count);
      this.highs = grown(this.highs, count);
    }
    const keys = new Float64Array(count);
    for (let row = 0; row < count; row++) {
      keys[row] = highAt(hashes, row * HASH_BYTES) * SORTED_ROWS_MAX + row;
    }
    keys.sort();
    let tied = 0;
    for (let place = 0; place < count; place++) {
      const key = keys[place] as number;
      const high = Math.floor(key / SORTED_ROWS_MAX);
      this.order[place] = key - high * SORTED_ROWS_MAX;
      this.highs[place] = high;
      if (high === this.highs[tied]) continue;
      this.#sortTied(tied, place);
      tied = place;
    }
    this.#sortTied(tied, count);
  }

  /** Sorts places with equal 32 bits by the other 32; a sort keeps the order of what is equal. */
  #sortTied(from: number, to: number): void {
    if (to - from < 2) return;
    const { hashes } = this.rows;
    const lowOf = (row: number) => highAt(hashes, row * HASH_BYTES + 4);
    this.order.subarray(from, to).sort((a, b) => lowOf(a) - lowOf(b));
  }
}

/** The rows of a leaf with changes, one leaf at a time. */
export class MergedRows {
  /** A row of the changes as its number p, a row of the leaf as ~p; so many as `count`. */
  picks = new Int32Array(LEAF_ROWS_MAX * 2);
  /** The first 32 bits of the hash of each pick. */
  highs = new Uint32Array(LEAF_ROWS_MAX * 2);
  count = 0;
  /** The rows of the leaf. */
  kept = NO_ROWS;
  /** Those that are not picked. */
  readonly dropped: number[] = [];
  readonly #keptStarts = new Uint32Array(LEAF_ROWS_MAX + 1);
  /** How many picks are changes. */
  #fresh = 0;

  /** Merges the rows of a leaf with the changes at places `from` to `to`; false if nothing differs. */
  merge(changes: SortedChanges, from: number, to: number, leaf: Uint8Array | undefined): boolean {
    const { rows, order, highs } = changes;
    const kept = this.kept = leaf === undefined ? NO_ROWS : rowsOf(leaf, this.#keptStarts);
    this.count = 0;
    this.#fresh = 0;
    this.dropped.length = 0;
    const most = to - from + kept.count;
    if (most > this.picks.length) {
      this.picks = grown(this.picks, most);
      this.highs = grown(this.highs, most);
    }
    let at = 0;
    for (let place = from; place < to;) {
      const change = order[place] as number;
      const high = highs[place] as number;
      let comparison = 1;
      for (; at < kept.count; at++) {
        comparison = compareHashes(kept, at, rows, change);
        if (comparison >= 0) break;
        this.#pick(~at, highAt(kept.hashes, at * HASH_BYTES));
      }
      const isTied = place + 1 < to && highs[place + 1] === high;
      if (comparison !== 0 && !isTied) {
        if (rows.gone[change] === 0) this.#pick(change, high);
        place++;
        continue;
      }
      let end = place + 1;
      const isSame = (row: number) => compareHashes(rows, row, rows, change) === 0;
      while (end < to && highs[end] === high && isSame(order[end] as number)) end++;
      let keptEnd = at;
      while (keptEnd < kept.count && compareHashes(kept, keptEnd, rows, change) === 0) keptEnd++;
      for (const pick of this.#tied(changes, place, end, at, keptEnd)) this.#pick(pick, high);
      [place, at] = [end, keptEnd];
    }
    for (; at < kept.count; at++) this.#pick(~at, highAt(kept.hashes, at * HASH_BYTES));
    return this.#fresh > 0 || this.dropped.length > 0;
  }

  /** The picks among changes and kept rows of one and the same hash, nearly always of one key. */
  #tied(
    { rows, order }: SortedChanges,
    from: number,
    to: number,
    keptFrom: number,
    keptTo: number,
  ): number[] {
    const { kept, dropped } = this;
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
    if (picks.length < 2) return picks;
    const tableOf = (pick: number) => pick < 0 ? kept : rows;
    const rowOf = (pick: number) => pick < 0 ? ~pick : pick;
    return picks.sort((a, b) => compareDigests(tableOf(a), rowOf(a), tableOf(b), rowOf(b)));
  }

  #pick(pick: number, high: number): void {
    if (pick >= 0) this.#fresh++;
    this.highs[this.count] = high;
    this.picks[this.count++] = pick;
  }
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
