/** The items of a list in a block instance: found again by key or by place, and brought into order. */
import type { ListPlan } from "./blueprint.ts";
import { BlockInstance, type Part, type Rendering } from "./block_instance.ts";
import { isTrue } from "./expression_text.ts";
import { type ItemInputs, itemInputs } from "./item_inputs.ts";
import { doubledKey, placesOf, reorderOf } from "./list_diff.ts";
import { EMPTY, secondOf, type Source, sourceOf } from "./list_source.ts";
import type { Run } from "./expression_arithmetic.ts";
import type { Expression, Scope } from "./program.ts";
import { ANY, noteRead } from "./tracking.ts";

export class ListInstance implements Part {
  readonly owner: BlockInstance;
  readonly slot: ListPlan["slot"];
  readonly index: number;
  items: BlockInstance[] = [];
  /** Of the items, where the list has keys. */
  keys: unknown[] = [];
  readonly source = null;
  /** Variables to evaluate keys with, for as long as one look at the list takes. */
  #scratch: unknown[] = [];
  isDirty = false;
  isOpaque = false;
  readonly inputs: ItemInputs | null;
  readonly #plan: ListPlan;
  #isKeyOpaque = false;

  constructor(owner: BlockInstance, plan: ListPlan) {
    this.owner = owner;
    this.slot = plan.slot;
    this.index = plan.index;
    this.#plan = plan;
    this.inputs = itemInputs(this, plan.scan);
  }

  get order(): number {
    return this.owner.number + (this.index + 1) / (this.owner.blueprint.block.slots.length + 1);
  }

  get isDead(): boolean {
    return this.owner.isDead;
  }

  get isCheap(): boolean {
    return false;
  }

  get #rendering(): Rendering {
    return this.owner.rendering;
  }

  markDirty(): void {
    this.#rendering.markDirty(this);
  }

  markAll(): void {
    this.#rendering.markAll();
  }

  update(): void {
    this.sync(false);
  }

  /** The first items. */
  begin(): void {
    const source = this.#source() ?? EMPTY;
    const { length } = source.values;
    for (let at = 0; at < length; at++) {
      const item = this.#born(source, at);
      this.items.push(item);
      if (this.slot.key !== null) this.keys.push(this.#keyOf(item));
    }
    this.#reportDoubles();
    this.isOpaque ||= this.#isKeyOpaque;
    if (this.isOpaque) this.#rendering.opaque.add(this);
  }

  /** Looks at the list again; with `isDeep` at everything in its items too. */
  sync(isDeep: boolean): void {
    const wasOpaque = this.isOpaque;
    this.isDirty = false;
    this.isOpaque = false;
    const source = this.#source();
    this.#scratch = [];
    if (source !== null && this.slot.key === null) this.#syncByPlace(source, isDeep);
    else if (source !== null) this.#syncByKey(source, isDeep);
    this.isOpaque ||= this.#isKeyOpaque;
    this.#rendering.noteOpaque(this, wasOpaque);
  }

  /** Whether an item, whose data changed, still has the key that it goes by. */
  hasKey(item: BlockInstance): boolean {
    if (this.slot.key === null) return true;
    if (this.items[item.place] !== item) item.place = this.items.indexOf(item);
    return Object.is(this.keys[item.place], this.#keyOf(item));
  }

  end(): void {
    if (this.isOpaque) this.#rendering.opaque.delete(this);
    for (const item of this.items) item.end();
  }

  #syncByPlace(source: Source, isDeep: boolean): void {
    const { length } = source.values;
    const kept = Math.min(length, this.items.length);
    if (length !== this.items.length) this.inputs?.clear();
    if (kept < this.items.length) this.#remove(kept, this.items.length - kept);
    else if (kept < length) this.#insert(source, kept, length - kept);
    for (let at = this.#scanned(source, 0, kept, isDeep); at < kept;) {
      this.#renew(source, at, isDeep);
      at = this.#scanned(source, at + 1, kept, isDeep);
    }
  }

  /** The first place whose item has to be looked at. */
  #scanned(source: Source, at: number, end: number, isDeep: boolean): number {
    const { scan } = this.#plan;
    if (!isDeep || scan === null || this.#rendering.failed.size > 0) return at;
    return this.inputs?.next(source, at, end) ?? scan.scan(this, source, at, end);
  }

  /** With everything at its place, whatever may have changed is all that has to be looked at. */
  #syncInPlace(source: Source): boolean {
    const { length } = source.values;
    const changed: number[] = [];
    for (let at = this.#scanned(source, 0, length, true); at < length;) {
      if (!this.#isAt(source, at, at, false)) return false;
      changed.push(at);
      at = this.#scanned(source, at + 1, length, true);
    }
    for (const at of changed) this.#renew(source, at, true);
    return true;
  }

  #syncByKey(source: Source, isDeep: boolean): void {
    const before = this.items;
    const { length } = source.values;
    if (isDeep && length === before.length && this.#syncInPlace(source)) return;
    const isTrusted = !isDeep && !this.#isKeyOpaque;
    const shorter = Math.min(length, before.length);
    let start = 0;
    while (start < shorter && this.#isAt(source, start, start, isTrusted)) start++;
    let tail = 0;
    while (
      tail < shorter - start &&
      this.#isAt(source, length - 1 - tail, before.length - 1 - tail, isTrusted)
    ) tail++;
    if (start + tail < Math.max(length, before.length)) {
      this.#arrange(
        source,
        start,
        this.#keysOf(source, start, length - tail, isTrusted),
        before.length - tail,
      );
    }
    const { items } = this;
    for (let at = 0; at < items.length; at++) this.#renew(source, at, isDeep);
  }

  /** Whether the item that was at a place belongs to the value at a new place. */
  #isAt(source: Source, place: number, before: number, isTrusted: boolean): boolean {
    const item = this.items[before] as BlockInstance;
    if (isTrusted && this.#isOf(item, source, place)) return true;
    const isSame = item.variables[this.#depth] === source.values[place] &&
      (this.slot.variables === 1 || item.variables[this.#depth + 1] === secondOf(source, place));
    if (!isSame) return Object.is(this.keys[before], this.#keyAt(source, place));
    return Object.is(this.keys[before], this.#keyOf(item));
  }

  /**
   * Whether an item is that of the value at a place for certain: the key of the same value is the same,
   * since a write to what it is read from makes the item dirty.
   */
  #isOf(item: BlockInstance, source: Source, place: number): boolean {
    const depth = this.#depth;
    return item.variables[depth] === source.values[place] && !item.isDirty &&
      (this.slot.variables === 1 || item.variables[depth + 1] === secondOf(source, place));
  }

  /** Brings the items between `start` and `end` into line with these keys. */
  #arrange(source: Source, start: number, keys: readonly unknown[], end: number): void {
    this.inputs?.clear();
    const isSame = (place: number) => Object.is(this.keys[place], keys[place - start]);
    const found = placesOf(this.keys, start, end, isSame);
    const taken = new Uint8Array(end - start);
    const order: number[] = [];
    const fresh: number[] = [];
    for (let at = 0; at < keys.length; at++) {
      const isHere = start + at < end && isSame(start + at);
      const place = isHere ? start + at : found(keys[at]);
      if (place < 0) fresh.push(start + at);
      else {
        order.push(place - start);
        taken[place - start] = 1;
      }
    }
    /** For each old place, its place among those that stay. */
    const rank = new Uint32Array(end - start);
    let stay = 0;
    for (let at = 0; at < rank.length; at++) if (taken[at] === 1) rank[at] = stay++;
    this.#removeOthers(start, end, taken);
    this.#reorder(start, order.map((place) => rank[place] as number));
    if (fresh.length > 0) this.#insertAll(source, start, keys, fresh);
  }

  /** Removes the items from `start` to `end` that are not taken; the last first, so that places hold. */
  #removeOthers(start: number, end: number, taken: Uint8Array): void {
    const { writer } = this.#rendering;
    const isKept = (at: number) => at < start || at >= end || taken[at - start] === 1;
    let isAnyGone = false;
    for (let to = end; to > start;) {
      let from = to;
      while (from > start && !isKept(from - 1)) (this.items[--from] as BlockInstance).end();
      if (from < to) {
        writer.remove(this.owner.number, this.index, from, to - from);
        isAnyGone = true;
      }
      to = from - 1;
    }
    if (!isAnyGone) return;
    this.items = this.items.filter((_, at) => isKept(at));
    this.keys = this.keys.filter((_, at) => isKept(at));
  }

  /** Has items born at these places, from left to right; the keys are those from `start` on. */
  #insertAll(
    source: Source,
    start: number,
    keys: readonly unknown[],
    fresh: readonly number[],
  ): void {
    const { items, keys: keysBefore } = this;
    const isFirst = items.length === 0;
    this.items = [];
    this.keys = [];
    let taken = 0;
    const take = (count: number) => {
      for (; count > 0; count--, taken++) {
        this.items.push(items[taken] as BlockInstance);
        this.keys.push(keysBefore[taken]);
      }
    };
    for (let at = 0; at < fresh.length;) {
      const place = fresh[at] as number;
      let count = 1;
      while (fresh[at + count] === place + count) count++;
      take(place - this.items.length);
      for (let key = place; key < place + count; key++) this.keys.push(keys[key - start]);
      this.#insert(source, place, count);
      at += count;
    }
    take(items.length - taken);
    this.#reportDoubles(isFirst ? null : fresh);
  }

  #reorder(start: number, order: readonly number[]): void {
    const reorder = reorderOf(order, start);
    if (reorder.kind === "none") return;
    const { writer } = this.#rendering;
    const { number } = this.owner;
    if (reorder.kind === "moves") writer.move(number, this.index, reorder.moves);
    else writer.permute(number, this.index, reorder.at, reorder.order);
    const items = this.items.slice(start, start + order.length);
    const keys = this.keys.slice(start, start + order.length);
    order.forEach((from, to) => {
      this.items[start + to] = items[from] as BlockInstance;
      this.keys[start + to] = keys[from];
    });
  }

  #remove(at: number, count: number): void {
    for (const item of this.items.splice(at, count)) item.end();
    this.#rendering.writer.remove(this.owner.number, this.index, at, count);
  }

  /** Has items born at the end of those that are there. */
  #insert(source: Source, at: number, count: number): void {
    const { writer } = this.#rendering;
    for (let place = at; place < at + count; place++) {
      const item = this.#born(source, place);
      this.items.push(item);
      if (this.slot.key !== null) this.#keyOf(item);
    }
    writer.insert(this.owner.number, this.index, at, count);
    for (let place = at; place < at + count; place++) {
      (this.items[place] as BlockInstance).writeBirth(writer);
    }
  }

  /** Gives an item its value of now, and evaluates it if that is another. */
  #renew(source: Source, at: number, isDeep: boolean): void {
    const item = this.items[at] as BlockInstance;
    item.place = at;
    const depth = this.#depth;
    const isSame = item.variables[depth] === source.values[at] &&
      (this.slot.variables === 1 || item.variables[depth + 1] === secondOf(source, at));
    if (isSame && !isDeep) return;
    if (isSame && depth === 0) return item.evaluate(true);
    item.rebind(this.#variables(source, at));
    if (this.slot.key !== null) this.#keyOf(item);
  }

  #born(source: Source, at: number): BlockInstance {
    const variables = this.#variables(source, at);
    const item = new BlockInstance(this.#rendering, this.slot.block, variables, this);
    item.place = at;
    return item;
  }

  get #depth(): number {
    return this.owner.variables.length;
  }

  #variables(source: Source, at: number): readonly unknown[] {
    const { variables } = this.owner;
    const value = source.values[at];
    if (this.slot.variables === 1) return variables.length === 0 ? [value] : [...variables, value];
    return [...variables, value, secondOf(source, at)];
  }

  #keysOf(source: Source, start: number, end: number, isTrusted: boolean): unknown[] {
    const keys: unknown[] = [];
    for (let at = start; at < end; at++) {
      const item = isTrusted ? this.items[at] : undefined;
      keys.push(item && this.#isOf(item, source, at) ? this.keys[at] : this.#keyAt(source, at));
    }
    return keys;
  }

  /** The key of an item, which from now on hears of writes to what the key is read from. */
  #keyOf(item: BlockInstance): unknown {
    const wasOpaque = item.isOpaque;
    item.isOpaque = false;
    const key = this.#evaluatedKey(this.#rendering.scopeOf(item, item.variables));
    // Keys that the author's code gives are looked at by the list, every time.
    if (item.isOpaque) this.#isKeyOpaque = true;
    item.isOpaque = wasOpaque;
    return key;
  }

  /** The key of a value that may have no item yet. */
  #keyAt(source: Source, at: number): unknown {
    const variables = this.#scratch;
    const depth = this.#depth;
    if (variables.length === 0) variables.push(...this.owner.variables);
    variables[depth] = source.values[at];
    if (this.slot.variables === 2) variables[depth + 1] = secondOf(source, at);
    return this.#evaluatedKey(this.#rendering.bareScope(variables));
  }

  #evaluatedKey(scope: Scope): unknown {
    const key = this.slot.key as Expression;
    try {
      return (this.#plan.key as Run)(scope);
    } catch (error) {
      this.#rendering.report(error, key);
      // One of its own, so that such items are not taken for each other.
      return Symbol("no key");
    }
  }

  /** What the list shows now; `null` if the expression fails. */
  #source(): Source | null {
    const { items, filter } = this.#plan;
    const { variables } = this.owner;
    try {
      const value = items(this.#rendering.scopeOf(this, variables));
      if (value !== null && typeof value === "object") noteRead(this, value, ANY);
      const source = sourceOf(value);
      return filter === null ? source : this.#filtered(source, filter);
    } catch (error) {
      this.#rendering.report(error, this.slot.items);
      return null;
    }
  }

  #filtered(source: Source, filter: Run): Source {
    const values: unknown[] = [];
    const seconds: unknown[] = [];
    for (let at = 0; at < source.values.length; at++) {
      const scope = this.#rendering.scopeOf(this, this.#variables(source, at));
      if (!isTrue(filter(scope), scope.tracker)) continue;
      values.push(source.values[at]);
      seconds.push(secondOf(source, at));
    }
    return { values, seconds };
  }

  /** @param fresh places of the keys that are new, if the others are known to differ */
  #reportDoubles(fresh: readonly number[] | null = null): void {
    const { key } = this.slot;
    if (key === null) return;
    for (const double of doubledKey(this.keys, fresh)) {
      this.#rendering.report(
        new TypeError(`Two items of a list have the key ${String(double)}`),
        key,
      );
    }
  }
}
