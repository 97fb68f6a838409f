/**
 * Groups that an exchange asks for: which are still open, what those that came differ by, and into how
 * many to split those that differ by more than a sketch can tell.
 */
import type { Groups, GroupSketches } from "../wire/reconcile_gen.ts";
import { elementsIn } from "./elements.ts";
import { bitsFor, isTooMuch, unpackGroups } from "./group_sketches.ts";
import { GROUPS_OPEN_MAX, SKETCH_WORDS_MAX } from "./reconcile_limits.ts";
import { ELEMENT_PREFIX_BITS } from "./row_hash.ts";
import { GROUP_BITS_MAX, prefixOfElement, type RowTree } from "./row_tree.ts";

/** A group by its bits and their value. */
export interface GroupName {
  /** How many bits its rows' hashes begin with in common. */
  readonly bits: number;
  /** These bits as a number. */
  readonly index: number;
}

/** What a group differs by. */
export interface GroupDifference extends GroupName {
  /** Elements that only the server has. */
  readonly plus: readonly Uint8Array[];
  /** Elements that only the client has. */
  readonly minus: readonly Uint8Array[];
}

/** A group that differs by more than its sketch tells. */
interface Failure extends GroupName {
  readonly surplus: number;
  /** Rows on both sides. */
  readonly rows: number;
}

/** The groups of one exchange. */
export class GroupSearch {
  #open: Groups[] = [];
  #failures: Failure[] = [];
  /** Elements found so far, and in which share of all keys. */
  #found = 0;
  #share = 0;
  /** Whether there are differences that no sketch tells: elements that collide. */
  isBlind = false;

  /** Begins anew, with groups that are to be asked for. */
  begin(groups: readonly Groups[]): void {
    this.#open = [...groups];
    this.#failures = [];
    this.#found = 0;
    this.#share = 0;
  }

  /** Opens what is behind the last group of a reply to a probe. */
  continueAfter({ bits, from, count }: Groups): void {
    const next = from + count;
    if (next < 2 ** bits) this.#open.push({ bits, from: next, count: 2 ** bits - next });
  }

  /** What groups of a reply differ by; `isAsked` false for those that came with a probe. */
  received(
    tree: RowTree,
    message: GroupSketches,
    isAsked: boolean,
  ): { readonly groups: Groups; readonly differences: GroupDifference[] } {
    const { bits, from } = message;
    const { counts, sketches } = unpackGroups(message);
    const groups = { bits, from, count: counts.length };
    const differences: GroupDifference[] = [];
    if (isAsked && !this.#close(groups)) return { groups, differences };
    const own = tree.groups(bits, from, groups.count);
    for (let at = 0; at < groups.count; at++) {
      const theirs = sketches[at] as Uint8Array;
      tree.kernel.addSketch(theirs, own.sketches[at] as Uint8Array, -1);
      const [theirCount, ownCount] = [counts[at] as number, own.counts[at] as number];
      const index = from + at;
      const surplus = theirCount - ownCount;
      const difference = decoded(tree, { bits, index }, theirs, surplus);
      if (difference === undefined) {
        this.#failures.push({ bits, index, surplus, rows: theirCount + ownCount });
        continue;
      }
      const elements = difference.plus.length + difference.minus.length;
      this.#found += elements;
      this.#share += 2 ** -bits;
      if (elements > 0) differences.push(difference);
    }
    return { groups, differences };
  }

  /** Groups to ask for now; `undefined` when they are too many. */
  next(rows: number): readonly Groups[] | undefined {
    const perKey = this.#share === 0 ? 0 : 1 / this.#share;
    // Updates come in pairs, so what was found is within twice this of what was to be expected.
    const doubt = 2 * Math.sqrt(2 * this.#found);
    let surely = this.#found;
    for (const { bits, index, surplus, rows } of this.#failures) {
      if (bits === GROUP_BITS_MAX || rows <= SKETCH_WORDS_MAX) {
        this.isBlind = true;
        continue;
      }
      const share = perKey * 2 ** -bits;
      const least = Math.max(SKETCH_WORDS_MAX + 1, Math.abs(surplus));
      surely += Math.max(least, (this.#found - doubt) * share);
      const deeper = Math.min(GROUP_BITS_MAX, bits + bitsFor(Math.max(least, this.#found * share)));
      const count = 2 ** (deeper - bits);
      this.#open.push({ bits: deeper, from: index * count, count });
    }
    this.#failures = [];
    const open = this.#open.reduce((sum, { count }) => sum + count, 0);
    return open > GROUPS_OPEN_MAX || isTooMuch(surely, rows) ? undefined : this.#open;
  }

  /** Takes groups out of those that are open; false when they are not. */
  #close({ bits, from, count }: Groups): boolean {
    const at = this.#open.findIndex((range) =>
      range.bits === bits && range.from <= from && from + count <= range.from + range.count
    );
    const range = this.#open[at];
    if (range === undefined) return false;
    const end = range.from + range.count;
    const rest = [
      { bits, from: range.from, count: from - range.from },
      { bits, from: from + count, count: end - from - count },
    ];
    this.#open.splice(at, 1, ...rest.filter((part) => part.count > 0));
    return true;
  }
}

/** What a difference of sketches stands for, if that can be of this group. */
function decoded(
  tree: RowTree,
  { bits, index }: GroupName,
  sketch: Uint8Array,
  surplus: number,
): GroupDifference | undefined {
  const difference = Math.abs(surplus) > SKETCH_WORDS_MAX
    ? null
    : tree.kernel.decode(sketch, surplus);
  if (difference === null) return undefined;
  const plus = elementsIn(difference.plus);
  const minus = elementsIn(difference.minus);
  const isOfGroup = [...plus, ...minus].every((element) =>
    prefixOfElement(element) >>> ELEMENT_PREFIX_BITS - bits === index
  );
  if (!isOfGroup || minus.some((element) => tree.find(element).length === 0)) return undefined;
  return { bits, index, plus, minus };
}
