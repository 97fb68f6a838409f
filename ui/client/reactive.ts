/**
 * Which reads of the view somebody follows, and who is told when it changes.
 *
 *     get, has   one record       all, find   one collection       count   one number
 *
 * A source is held here only while something follows it, so reads that nobody follows leave nothing
 * behind. A computed value that nobody follows is never told; it depends on the epoch instead, and
 * looks again when it is read after any change.
 */
import { batch, Signal, signal, type SignalOptions, untracked } from "@preact/signals-core";
import { rowKey } from "../../core/transaction.ts";
import type { View, ViewChange } from "../../core/view.ts";
import { callBack } from "./callbacks.ts";
import type { Changes } from "./create_client.ts";
import { collectionKey, countKey } from "./view_keys.ts";

/** Hears when its source gets its first follower, and when the last one has left. */
export interface SourceOwner {
  watched(source: Source): void;
  unwatched(source: Source): void;
}

/** Something that is kept up to date while it is attached. */
export interface Attached {
  readonly entity: string;
  /** Takes what differs in its collection. */
  apply(changes: readonly ViewChange[]): void;
  /** Looks at the whole collection again. */
  refresh(): void;
  /** Tells its listeners. */
  deliver(): void;
}

/** Hooks for all sources: a read that nobody follows makes one object, and no function. */
const HOOKS: SignalOptions<number> = {
  watched() {
    const source = this as Source;
    source.isWatched = true;
    source.owner.watched(source);
  },
  unwatched() {
    const source = this as Source;
    source.isWatched = false;
    source.owner.unwatched(source);
    // Nobody tells it from now on: one who read it before must not take it for unchanged.
    source.touch();
  },
};

/** What can be followed. Its value counts its changes. */
export class Source extends Signal<number> {
  readonly owner: SourceOwner;
  readonly key: string;
  isWatched = false;

  constructor(owner: SourceOwner, key: string) {
    super(0, HOOKS);
    this.owner = owner;
    this.key = key;
  }

  touch(): void {
    this.value = this.peek() + 1;
  }
}

/** The followers of one client's view. */
export class Reactive implements SourceOwner {
  /** What the client shows; `null` while it does not run. */
  readonly view: () => View | null;
  /** Queries that somebody follows. */
  readonly attached = new Set<Attached>();
  readonly #epoch = signal(0);
  readonly #sources = new Map<string, Source>();

  constructor(view: () => View | null) {
    this.view = view;
  }

  /** Counts the changes of the view. */
  get epoch(): number {
    return this.#epoch.peek();
  }

  /** How many sources and queries are held. */
  get size(): number {
    return this.#sources.size + this.attached.size;
  }

  /** Notes that whoever reads now wants to hear of this source. */
  follow(source: Source): void {
    void source.value;
    if (!source.isWatched) void this.#epoch.value;
  }

  /** The same for what has this key: a record, a collection, or a count. */
  followKey(key: string): void {
    this.follow(this.#sources.get(key) ?? new Source(this, key));
  }

  watched(source: Source): void {
    // A second one of the same key is left out: who follows that follows the epoch too.
    if (!this.#sources.has(source.key)) this.#sources.set(source.key, source);
  }

  unwatched(source: Source): void {
    if (this.#sources.get(source.key) === source) this.#sources.delete(source.key);
  }

  /** The view has changed: tells everyone whom it concerns, as one batch. */
  changed(changes: Changes): void {
    try {
      untracked(() => batch(() => this.#spread(changes)));
    } finally {
      for (const query of [...this.attached]) query.deliver();
    }
  }

  #spread(changes: Changes): void {
    this.#epoch.value = this.epoch + 1;
    if (changes === "everything") {
      for (const source of this.#sources.values()) source.touch();
      for (const query of this.attached) callBack(() => query.refresh());
      return;
    }
    const entities = Map.groupBy(changes, ({ entity }) => entity);
    for (const [entity, own] of entities) {
      this.#touch(collectionKey(entity));
      let growth = 0;
      for (const { id, before, after } of own) {
        this.#touch(rowKey(entity, id));
        growth += Number(after !== undefined) - Number(before !== undefined);
      }
      if (growth !== 0) this.#touch(countKey(entity));
    }
    for (const query of this.attached) {
      const own = entities.get(query.entity);
      if (own !== undefined) callBack(() => query.apply(own));
    }
  }

  #touch(key: string): void {
    this.#sources.get(key)?.touch();
  }
}
