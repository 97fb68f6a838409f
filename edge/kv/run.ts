/** One run of a settle's work: what it touched, what it missed, and what its transaction wrote. */
import { Suspended } from "../../core/suspend.ts";
import type { KvEntry, KvSelector } from "./connection.ts";
import type { KvLayout } from "./layout.ts";
import type { KvCache, PointId, ScopeCache } from "./scope_cache.ts";
import { ScopeView } from "./scope_view.ts";

/** What a run asks of a scope, to be read for the next one. */
export type Wanted =
  | { readonly kind: "point"; readonly collection: string; readonly id: PointId }
  | { readonly kind: "collection"; readonly collection: string }
  | { readonly kind: "nodes"; readonly from: number; readonly count: number }
  | KvQuery;

/** A part of a list that is read anew at each version. */
export interface KvQuery {
  readonly kind: "query";
  /** Tells it from others. */
  readonly text: string;
  readonly selector: KvSelector;
  readonly limit: number;
  /** What an entry means. */
  readonly read: (entry: KvEntry) => unknown;
}

/** What the runs of one settle share. */
export interface SettleState {
  /** The tick at which it began. */
  readonly began: number;
  /** Runs that missed nodes of trees. */
  nodeMisses: number;
}

/** Things of the store as a whole, by the key that has their version. */
export type StoreKey = "meta" | "names";

/** One run. */
export class Run {
  readonly settle: SettleState;
  readonly layout: KvLayout;
  readonly views = new Map<string, ScopeView>();
  /** The keys of the store as a whole that it has read. */
  readonly storeKeys = new Set<StoreKey>();
  /** Those of them that have to be read. */
  readonly missingKeys = new Set<StoreKey>();
  readonly missing = new Map<ScopeCache, Map<string, Wanted>>();
  /** Whether its transaction is open. */
  isWriting = false;
  /** Whether it had one that came to its end. */
  hasWritten = false;
  reads = 0;
  /** The version of the app that its transaction has set. */
  appVersion: number | undefined;
  readonly #cache: KvCache;

  constructor(settle: SettleState, layout: KvLayout, cache: KvCache) {
    this.settle = settle;
    this.layout = layout;
    this.#cache = cache;
  }

  /** A scope as this run sees it. */
  view(scope: string): ScopeView {
    let view = this.views.get(scope);
    if (view === undefined) {
      const cache = this.#cache.of(scope);
      cache.users++;
      this.views.set(scope, view = new ScopeView(this, cache));
    }
    return view;
  }

  /** The run is over; nothing that it made is read any more. */
  release(): void {
    for (const { cache } of this.views.values()) cache.users--;
  }

  /** Whether something has to be read before the next run. */
  get hasMissed(): boolean {
    return this.missing.size > 0 || this.missingKeys.size > 0;
  }

  /** Notes what has to be read. */
  note(cache: ScopeCache, wanted: Wanted | undefined): void {
    let missing = this.missing.get(cache);
    if (missing === undefined) this.missing.set(cache, missing = new Map());
    if (wanted !== undefined) missing.set(nameOf(wanted), wanted);
  }

  /** Notes it, and ends the run. */
  miss(cache: ScopeCache, wanted: Wanted | undefined): never {
    this.note(cache, wanted);
    throw new Suspended("What is read is not in memory yet");
  }

  /** Notes a key of the store as a whole. */
  missKey(key: StoreKey): never {
    this.missingKeys.add(key);
    throw new Suspended("What is read is not in memory yet");
  }

  /** Undoes what the transaction has done. */
  discard(): void {
    this.appVersion = undefined;
    for (const view of this.views.values()) view.discard();
  }
}

function nameOf(wanted: Wanted): string {
  switch (wanted.kind) {
    case "point":
      return `point ${typeof wanted.id} ${wanted.collection}\0${wanted.id}`;
    case "collection":
      return `collection ${wanted.collection}`;
    case "nodes":
      return `nodes ${wanted.from} ${wanted.count}`;
    case "query":
      return `query ${wanted.text}`;
  }
}
