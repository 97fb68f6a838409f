/**
 * What the items of a list were last evaluated from. Where that is at hand, in one array, a look at a long
 * list touches nothing else of the items that are as they were.
 */
import type { BlockInstance } from "./block_instance.ts";
import type { ListInstance } from "./block_instance_list.ts";
import type { InputCode, Scan, ScanCode } from "./compiled_block.ts";
import type { Source } from "./list_source.ts";

/** Equal to nothing, itself included. */
const UNKNOWN = NaN;

/** The inputs of a new list's items; `null` where code cannot tell what they are. */
export function itemInputs(list: ListInstance, code: ScanCode | null): ItemInputs | null {
  if (code === null || code.inputs === null) return null;
  return new ItemInputs(list, code.inputs, code.scan);
}

/** The inputs of a list's items, from the second look on that finds most of them in place and as they were. */
export class ItemInputs {
  readonly #list: ListInstance;
  readonly #code: InputCode;
  readonly #scan: Scan;
  /** By place: the value that the item is bound to, then the properties of it that are read. */
  #rows: unknown[] | null = null;
  /** What is read of the state. */
  #shared: readonly unknown[] = [];
  /** What the items are evaluated from is put down as this look goes by. */
  #isFilling = false;
  /** Items that this look has found as they were, or the last one. */
  #passed = 0;

  constructor(list: ListInstance, code: InputCode, scan: Scan) {
    this.#list = list;
    this.#code = code;
    this.#scan = scan;
  }

  /** The first place, from `at` on, whose item has to be looked at. */
  next(source: Source, at: number, end: number): number {
    if (at === 0) this.#begin(source, end);
    const rows = this.#rows;
    if (rows === null || this.#isFilling) {
      const to = this.#scanned(source, at, end);
      this.#passed += to - at;
      if (rows === null) return to;
      for (let place = at; place < to; place++) this.#keep(rows, source.values[place], place);
      return to;
    }
    for (let from = at;;) {
      const to = this.#code.pass(rows, source.values, from, end);
      if (to === end || this.#scanned(source, to, to + 1) === to) return to;
      this.#keep(rows, source.values[to], to);
      from = to + 1;
    }
  }

  /** An item was evaluated: what from, is known when it has been looked at again. */
  forget(item: BlockInstance): void {
    if (this.#rows === null) return;
    if (this.#list.items[item.place] !== item) this.clear();
    else this.#rows[item.place * this.#width] = UNKNOWN;
  }

  /** The items are not those that they were, or in another order. */
  clear(): void {
    this.#rows = null;
    this.#isFilling = false;
    this.#passed = 0;
  }

  get #width(): number {
    return this.#code.names.length + 1;
  }

  /** A look begins, at so many items. */
  #begin({ seconds }: Source, size: number): void {
    const shared = this.#sharedNow();
    const isSame = shared?.every((value, at) =>
      isPlain(value) && Object.is(value, this.#shared[at])
    );
    this.#shared = shared ?? [];
    // Places are as they were while the order is; keys of a map may not be.
    const isByKey = seconds !== null && this.#list.slot.variables === 2;
    if (isSame !== true || isByKey) this.clear();
    this.#isFilling = this.#rows === null && this.#passed * 2 > size;
    if (this.#isFilling) this.#rows = new Array(size * this.#width).fill(UNKNOWN);
    this.#passed = 0;
  }

  /** `null` if a getter of the author throws. */
  #sharedNow(): readonly unknown[] | null {
    const { state } = this.#list.owner.rendering;
    try {
      return this.#code.stateNames.map((name) => Reflect.get(state, name));
    } catch {
      return null;
    }
  }

  /** The same by a look at the items themselves. */
  #scanned(source: Source, at: number, end: number): number {
    return this.#scan(this.#list, source, at, end);
  }

  /** For an item that is as it was. */
  #keep(rows: unknown[], value: unknown, place: number): void {
    const { names, isWhole } = this.#code;
    if (isWhole && !isPlain(value)) return;
    const first = place * this.#width;
    try {
      for (let at = 0; at < names.length; at++) {
        const input = (value as Readonly<Record<string, unknown>>)[names[at] as string];
        if (!isPlain(input)) return;
        rows[first + 1 + at] = input;
      }
    } catch {
      // A getter of the author: what reads it will tell.
      return;
    }
    rows[first] = value;
  }
}

/** Whether a value is all that can be read in it. */
function isPlain(value: unknown): boolean {
  return value === null || typeof value !== "object" && typeof value !== "function";
}
