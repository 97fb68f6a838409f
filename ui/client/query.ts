/**
 * A query: rows of a collection that match, in order, kept up to date by what changes.
 *
 *     change ── where ── out: O(log n) comparisons to the old place
 *                     └─ in:  O(log n) comparisons to the new one ── what of it shows below the limit
 *
 * It is attached to its client from the first follower or listener to the last one, and costs nothing
 * in between: read then, it looks at the collection again if anything has changed since.
 */
import { untracked } from "@preact/signals-core";
import { equalJson, type JsonObject } from "../../core/json.ts";
import type { ViewChange } from "../../core/view.ts";
import { callBack } from "./callbacks.ts";
import { type Accept, acceptOf, limitOf, orderOf, type QueryOptions } from "./query_options.ts";
import { type Attached, type Reactive, Source, type SourceOwner } from "./reactive.ts";
import { type Row, SortedRows } from "./sorted_rows.ts";

/** How a result differs from the one before. Rows are the same objects as in the result. */
export interface QueryChange<Rec> {
  /** The result as it is now. */
  readonly rows: readonly Row<Rec>[];
  /** Rows that are new in the result. */
  readonly added: readonly Row<Rec>[];
  /** Rows that are no longer in it, as they were. */
  readonly removed: readonly Row<Rec>[];
  /** Rows whose record is another one now. */
  readonly updated: readonly Row<Rec>[];
  /** Those of the updated ones that went past others. */
  readonly moved: readonly Row<Rec>[];
}

/**
 * A result that stays up to date. Empty until its client has started. It is attached to its client only
 * while it has followers or listeners, so one that is dropped without `dispose` leaks nothing.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp, effect } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const todo = collection("todo", v.object({ title: v.string(), done: v.boolean() }));
 * const client = createClient(defineApp({ name: "todos", collections: { todo } }), {
 *   url: "http://127.0.0.1:8000",
 *   persistence: "memory",
 * });
 * client.setOffline(true);
 * await client.start();
 *
 * const open = client.query("todo", { where: { done: false }, orderBy: "title", limit: 2 });
 * const shown: string[] = [];
 * const stop = effect(() => void shown.push(open.value.map(([, { title }]) => title).join("+")));
 * const todos = client.collection("todo");
 * for (const title of ["Cook", "Bake", "Clean"]) todos.create({ title, done: false });
 * if (shown.join() !== ",Cook,Bake+Cook,Bake+Clean") throw new Error(shown.join());
 * if (open.count !== 3) throw new Error();
 * stop();
 * await client.stop();
 * ```
 */
export interface Query<Rec> extends Disposable {
  /**
   * The rows; an effect that reads them runs again when they differ. As long as nothing differs it is
   * the same array, and a row that does not differ is the same object.
   */
  readonly value: readonly Row<Rec>[];
  /** How many records match, before the limit; can be followed as well. */
  readonly count: number;
  /** The rows, without following them. */
  peek(): readonly Row<Rec>[];
  /** Calls back when the result differs; returns how to stop. */
  subscribe(listener: (change: QueryChange<Rec>) => void): () => void;
  /** Stays as it is from now on, and calls nobody. Not needed where every follower stops by itself. */
  dispose(): void;
}

type AnyRow = Row<JsonObject>;
type Listener = (change: QueryChange<JsonObject>) => void;
type Difference = Omit<QueryChange<JsonObject>, "rows">;

/** A record that may belong to the result now; without one, it is gone from the collection. */
type Candidate = Pick<ViewChange, "id" | "after">;

/** What became of a row of the collection. */
interface Touched {
  readonly before: AnyRow | undefined;
  readonly after: AnyRow | undefined;
  isMoved: boolean;
}

/** The query over one collection of a client. */
export class RowQuery implements Query<JsonObject>, Attached, SourceOwner {
  readonly entity: string;
  readonly #reactive: Reactive;
  readonly #accepts: Accept<JsonObject>;
  readonly #limit: number;
  readonly #matches = new Map<string, AnyRow>();
  readonly #sorted: SortedRows<JsonObject>;
  readonly #rowsSource = new Source(this, "rows");
  readonly #countSource = new Source(this, "count");
  readonly #listeners = new Set<Listener>();
  #undelivered: Difference[] = [];
  #isDelivering = false;
  #isDisposed = false;
  #isAttached = false;
  #rows: readonly AnyRow[] | null = null;
  /** The epoch that the rows are of; -1 before the first look. */
  #epoch = -1;

  constructor(reactive: Reactive, entity: string, options: QueryOptions<JsonObject>) {
    this.entity = entity;
    this.#reactive = reactive;
    this.#accepts = acceptOf(options.where);
    this.#limit = limitOf(options.limit);
    this.#sorted = new SortedRows(orderOf(options.orderBy));
  }

  get value(): readonly AnyRow[] {
    this.#follow(this.#rowsSource);
    return this.peek();
  }

  get count(): number {
    this.#follow(this.#countSource);
    return this.#sorted.length;
  }

  peek(): readonly AnyRow[] {
    this.#update();
    return this.#rows ??= this.#sorted.first(this.#limit);
  }

  subscribe(listener: Listener): () => void {
    if (this.#isDisposed) return () => {};
    this.#attach();
    // Its own, so that one who subscribes the same function twice can stop one of them.
    const own: Listener = (change) => listener(change);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
      this.#detachIfIdle();
    };
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#listeners.clear();
    this.#undelivered = [];
    this.#detach();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  watched(): void {
    this.#attach();
  }

  unwatched(): void {
    this.#detachIfIdle();
  }

  apply(changes: readonly ViewChange[]): void {
    if (this.#epoch < 0) this.refresh();
    else this.#take(changes);
  }

  refresh(): void {
    const view = this.#reactive.view();
    if (view === null) return;
    const gone = new Set(this.#matches.keys());
    const changes: Candidate[] = view.all(this.entity).map(([id, after]) => {
      gone.delete(id);
      const before = this.#matches.get(id)?.[1];
      return { id, after: equalJson(before, after) ? before : after };
    });
    for (const id of gone) changes.push({ id, after: undefined });
    this.#take(changes);
  }

  deliver(): void {
    // A listener may mutate, which comes back here: its change has to wait for its turn.
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    for (let next = this.#undelivered.shift(); next; next = this.#undelivered.shift()) {
      const change = this.#changeOf(next);
      for (const listener of [...this.#listeners]) callBack(listener, change);
    }
    this.#isDelivering = false;
  }

  #follow(source: Source): void {
    this.#update();
    this.#reactive.follow(source);
  }

  #update(): void {
    if (this.#isDisposed || this.#epoch === this.#reactive.epoch) return;
    // It runs functions of the app, and what they read is not what the reader follows.
    untracked(() => this.refresh());
  }

  #attach(): void {
    if (this.#isAttached || this.#isDisposed) return;
    this.#update();
    this.#isAttached = true;
    this.#reactive.attached.add(this);
  }

  #detachIfIdle(): void {
    const isFollowed = this.#rowsSource.isWatched || this.#countSource.isWatched;
    if (!isFollowed && this.#listeners.size === 0) this.#detach();
  }

  #detach(): void {
    this.#isAttached = false;
    this.#reactive.attached.delete(this);
  }

  #take(changes: readonly Candidate[]): void {
    const boundary = this.#boundary();
    const count = this.#sorted.length;
    let touched: readonly Touched[];
    try {
      touched = this.#merge(changes);
    } catch (error) {
      // The app's own function failed. The next read looks at everything again, and tells its reader.
      this.#epoch = -1;
      this.#rowsSource.touch();
      throw error;
    }
    this.#epoch = this.#reactive.epoch;
    if (this.#sorted.length !== count) this.#countSource.touch();
    const difference = this.#differenceOf(touched, boundary);
    if (!Object.values(difference).some(({ length }) => length > 0)) return;
    this.#rows = null;
    this.#rowsSource.touch();
    if (this.#listeners.size > 0) this.#undelivered.push(difference);
  }

  #merge(candidates: readonly Candidate[]): readonly Touched[] {
    // `where` is asked about all of them before anything moves.
    const touched = candidates.map(({ id, after: record }): Touched => ({
      before: this.#matches.get(id),
      after: record && this.#accepts(record, id) ? [id, record] : undefined,
      isMoved: false,
    })).filter(({ before, after }) => before?.[1] !== after?.[1]);
    try {
      this.#place(touched);
    } catch (error) {
      // A comparison failed in the middle.
      this.#matches.clear();
      this.#sorted.load([]);
      throw error;
    }
    return touched;
  }

  #place(touched: readonly Touched[]): void {
    const isFirst = this.#sorted.length === 0;
    for (const one of touched) {
      const { before, after } = one;
      if (before && after) one.isMoved = this.#sorted.replace(before, after);
      else if (before) this.#sorted.remove(before);
      else if (after && !isFirst) this.#sorted.insert(after);
      if (after) this.#matches.set(after[0], after);
      else if (before) this.#matches.delete(before[0]);
    }
    // All at once, where there was nothing.
    if (isFirst) this.#sorted.load(this.#matches.values());
  }

  /** The last row below the limit; without one there is room for more. */
  #boundary(): AnyRow | undefined {
    return this.#limit === Infinity ? undefined : this.#sorted.at(this.#limit - 1);
  }

  #differenceOf(touched: readonly Touched[], boundary: AnyRow | undefined): Difference {
    const added: AnyRow[] = [];
    const removed: AnyRow[] = [];
    const updated: AnyRow[] = [];
    const moved: AnyRow[] = [];
    const limited = this.#boundary();
    for (const { before, after, isMoved } of touched) {
      const was = before !== undefined && this.#shows(before, boundary);
      const is = after !== undefined && this.#shows(after, limited);
      if (was && !is) removed.push(before);
      else if (is && !was) added.push(after);
      else if (is) {
        updated.push(after);
        if (isMoved) moved.push(after);
      }
    }
    // Rows that did nothing themselves, and were pushed over the limit, or came up from below it.
    const own = new Set(touched.map(({ after }) => after));
    const sweep = (at: number, step: number, did: boolean, into: AnyRow[]) => {
      for (let row = this.#sorted.at(at); row; row = this.#sorted.at(at += step)) {
        if (own.has(row)) continue;
        if (this.#shows(row, boundary) !== did) break;
        into.push(row);
      }
    };
    if (this.#limit !== Infinity) {
      sweep(this.#limit, 1, true, removed);
      sweep(Math.min(this.#limit, this.#sorted.length) - 1, -1, false, added);
    }
    return { added, removed, updated, moved };
  }

  /** Whether a row stands at or before the last one that shows. */
  #shows(row: AnyRow, boundary: AnyRow | undefined): boolean {
    if (boundary === undefined) return this.#limit > 0;
    return this.#sorted.compare(row, boundary) <= 0;
  }

  #changeOf(difference: Difference): QueryChange<JsonObject> {
    const peek = () => this.peek();
    return {
      ...difference,
      // An array of all rows is made for those who look at it.
      get rows() {
        return peek();
      },
    };
  }
}
