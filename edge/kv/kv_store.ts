/**
 * The store on Deno KV: the engine reads it from memory, and what is not there suspends the run.
 *
 *     settle ── run ── missed: fetch, run again ── wrote: one commit that checks what it read ── done
 *                                                  └ somebody else wrote meanwhile: run again
 *
 * Any number of processes write the same database. Who reads finds out with one call whether
 * what it read is current; who writes needs none: the commit finds out.
 */
import { invariant } from "../../core/assert.ts";
import type { Change, LogHead } from "../../core/change.ts";
import { DriftlessError } from "../../core/errors.ts";
import { compareText } from "../../core/json.ts";
import { pagesOf } from "../../core/memory_store.ts";
import type { Kernel } from "../../core/ports.ts";
import type { RowTree } from "../../core/reconcile/row_tree.ts";
import type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  StoredRow,
} from "../../core/store.ts";
import type { SuspendingStore } from "../../core/suspend.ts";
import { prepareCommit } from "./commit.ts";
import { type KvConnection, kvFailure } from "./connection.ts";
import type { AsyncIslandStates } from "../fetched_islands.ts";
import { type KvLayout, rowsOf } from "./layout.ts";
import { KvLoader, type RunVersions } from "./loader.ts";
import { KvRedo } from "./redo.ts";
import { Run, type SettleState } from "./run.ts";
import { KvCache } from "./scope_cache.ts";
import { compareRows, type ScopeView } from "./scope_view.ts";
import { sweepLog, type TrimPlaces, trimScope } from "./trimming.ts";
import { KvTrees } from "./trees.ts";
import { CommitTurns } from "./turns.ts";
import { KvReader } from "./values.ts";
import { KvWatch } from "./watch.ts";

/** Runs of one settle that miss something. */
export const MISS_RUNS_MAX = 2_500;
/** Runs of one settle that somebody else's commits make void. */
export const CONFLICTS_MAX = 40;
/** How long to wait before a run that somebody else's commit has made void, in milliseconds: */
const CONFLICT_MS_MIN = 2;
/** it doubles up to this, and is as long as chance will have it. */
const CONFLICT_MS_MAX = 50;
/** Settles between two looks at how much is in memory. */
const EVICT_EVERY = 16;

/** How a run ended. */
type Ending<T> = { readonly value: T } | { readonly error: unknown };

/** What a {@linkcode KvFile} is made of. */
export interface KvStoreParts {
  readonly kv: KvConnection;
  readonly layout: KvLayout;
  readonly epoch: string;
  readonly kernel: Kernel | null;
  readonly cacheBytesMax: number;
  readonly pollMs: number;
  readonly islands: AsyncIslandStates;
  readonly now: () => number;
}

/** A store on a KV database that is set up. */
export class KvFile implements SuspendingStore {
  readonly epoch: string;
  readonly islands: AsyncIslandStates;
  readonly #kv: KvConnection;
  readonly #layout: KvLayout;
  readonly #reader: KvReader;
  readonly #redo: KvRedo;
  readonly #loader: KvLoader;
  readonly #cache: KvCache;
  readonly #trees: KvTrees;
  readonly #watch: KvWatch;
  readonly #turns = new CommitTurns();
  readonly #trimPlaces: TrimPlaces = new Map();
  #run: Run | undefined;
  #settles = 0;

  constructor(parts: KvStoreParts) {
    const { kv, layout, epoch, islands, kernel, cacheBytesMax, pollMs, now } = parts;
    this.epoch = epoch;
    this.islands = islands;
    this.#kv = kv;
    this.#layout = layout;
    this.#reader = new KvReader(kv, layout);
    this.#redo = new KvRedo(kv, this.#reader, layout, now);
    this.#loader = new KvLoader(this.#reader, layout, this.#redo);
    this.#cache = new KvCache(cacheBytesMax);
    this.#trees = new KvTrees(kernel, () => this.#running());
    this.#watch = new KvWatch(kv, layout, pollMs);
  }

  /** Brings to their end, or takes away, commits that somebody has left half done. */
  async sweep(): Promise<void> {
    await this.#redo.sweep();
  }

  async settle<T>(work: () => T): Promise<T> {
    const settle: SettleState = { began: this.#loader.tick(), nodeMisses: 0 };
    let [missed, conflicts] = [0, 0];
    let release: (() => void) | undefined;
    try {
      for (;;) {
        const run = new Run(settle, this.#layout, this.#cache);
        try {
          const ending = this.#attempt(run, work);
          if (run.hasMissed) {
            if (++missed > MISS_RUNS_MAX) throw tooManyMisses();
            await this.#loader.load(run);
            continue;
          }
          const versions = this.#loader.versionsOf(run);
          if (!run.hasWritten) {
            if (await this.#loader.isCurrent(versions, settle.began)) return valueOf(ending);
          } else if (release === undefined && !this.#turns.isFree) {
            // Whoever commits now would make this run void.
            release = await this.#turns.wait();
            continue;
          } else {
            release ??= this.#turns.take();
            if (await this.#commit(run, versions)) {
              release();
              await this.#sweepLogs(run);
              return valueOf(ending);
            }
          }
        } finally {
          run.release();
        }
        if (++conflicts > CONFLICTS_MAX) throw tooManyConflicts();
        if (conflicts > 1) await pause(conflicts);
      }
    } catch (error) {
      throw error instanceof WorkError ? error.cause : kvFailure(error);
    } finally {
      release?.();
      if (++this.#settles % EVICT_EVERY === 0) this.#cache.evict();
    }
  }

  follow(scopes: ReadonlySet<string>, grown: (scope: string) => void, signal: AbortSignal): void {
    this.#watch.follow(scopes, grown, signal);
  }

  appVersion(): number {
    const run = this.#running();
    if (run.appVersion !== undefined) return run.appVersion;
    run.storeKeys.add("meta");
    return this.#loader.state.meta?.appVersion ?? run.missKey("meta");
  }

  setAppVersion(version: number): void {
    const run = this.#writable();
    this.appVersion();
    run.appVersion = version;
  }

  transaction<T>(work: () => T): T {
    const run = this.#running();
    invariant(!run.isWriting, "a transaction is not nested");
    invariant(run.reads === 0, "a transaction does not begin inside a read");
    invariant(!run.hasWritten, "there is one transaction in what is settled");
    run.isWriting = true;
    try {
      const result = work();
      invariant(!(result instanceof Promise), "the work of a transaction is synchronous");
      this.#trees.finish(run.views.values());
      run.hasWritten = true;
      return result;
    } catch (error) {
      run.discard();
      throw error;
    } finally {
      run.isWriting = false;
    }
  }

  read<T>(work: () => T): T {
    const run = this.#running();
    run.reads++;
    try {
      const result = work();
      invariant(!(result instanceof Promise), "the work of a read is synchronous");
      return result;
    } finally {
      run.reads--;
    }
  }

  scopes(): readonly string[] {
    const run = this.#running();
    run.storeKeys.add("names");
    const stored = this.#loader.state.names ?? run.missKey("names");
    const known = new Set(stored);
    const fresh = [...run.views].flatMap(([name, { isWritten }]) =>
      isWritten && !known.has(name) ? [name] : []
    );
    return fresh.length === 0 ? stored : [...stored, ...fresh].sort(compareText);
  }

  head(scope: string): LogHead {
    const { cursor, floor, time } = this.#view(scope).head;
    return { cursor, floor, time };
  }

  row(scope: string, entity: string, id: string): StoredRow | undefined {
    return this.#view(scope).get<StoredRow>(rowsOf(entity), id);
  }

  rows(scope: string, entity: string): readonly StoredRow[] {
    return this.#view(scope).rows(entity).filter(({ live }) => live).sort(compareRows);
  }

  everyRow(scope: string): Iterable<StoredRow> {
    const run = this.#running();
    if (run.isWriting && run.storeKeys.has("names")) {
      // An upgrade will want those of all scopes.
      for (const name of this.#loader.state.names ?? []) run.view(name).noteEveryRow();
    }
    return run.view(scope).everyRow();
  }

  written(scope: string, after: number, limit: number): readonly StoredRow[] {
    const view = this.#view(scope);
    const size = Math.max(0, limit);
    const [dead, live] = [false, true].map((isLive) => view.byCursor(isLive, after, size));
    return [...dead ?? [], ...live ?? []]
      .sort((a, b) => a.cursor - b.cursor || compareRows(a, b)).slice(0, size);
  }

  tree(scope: string): RowTree | undefined {
    return this.#trees.tree(this.#view(scope));
  }

  append(scope: string, change: Change): void {
    const view = this.#written(scope);
    invariant(change.cursor === view.head.cursor + 1, "a change goes to the end of its log");
    invariant(change.time >= view.head.time, "time does not fall within a log");
    view.append(change);
  }

  putRow(scope: string, row: StoredRow): void {
    const view = this.#written(scope);
    view.putRow(row);
    const { entity, id, json, live } = row;
    this.#trees.change(view, { entity, id, json: live ? json : null });
  }

  changes(scope: string, after: number, limit: number): readonly Change[] {
    return this.#view(scope).changes(after, limit);
  }

  client(scope: string, client: string): ClientRecord | undefined {
    return this.#view(scope).get<ClientRecord>("client", client);
  }

  putClient(scope: string, record: ClientRecord): void {
    // Names that are too long are refused here and not with the whole commit.
    this.#layout.point(scope, "client", record.client);
    this.#written(scope).put("client", record.client, Object.freeze({ ...record }));
  }

  outcome(scope: string, mutation: string): Outcome | undefined {
    return this.#view(scope).get<Outcome>("outcome", mutation);
  }

  putOutcome(scope: string, outcome: Outcome): void {
    const view = this.#written(scope);
    view.putOutcome(outcome);
  }

  snapshot(scope: string): SnapshotReader {
    const view = this.#view(scope);
    const rows = view.exists ? view.everyRow().filter(({ live }) => live) : [];
    return pagesOf(view.head.cursor, rows);
  }

  trim(scope: string, retention: Retention): number {
    const run = this.#running();
    if (!run.isWriting) return this.transaction(() => this.trim(scope, retention));
    return trimScope(run.view(scope), this.#layout, retention, this.#trimPlaces);
  }

  /** Ends what follows scopes; who opened the database closes it. */
  close(): void {
    invariant(this.#run?.isWriting !== true, "a store is not closed inside a transaction");
    this.#watch.close();
  }

  #attempt<T>(run: Run, work: () => T): Ending<T> {
    invariant(this.#run === undefined, "what is settled does not settle");
    this.#run = run;
    try {
      return { value: work() };
    } catch (error) {
      return { error };
    } finally {
      this.#run = undefined;
    }
  }

  async #commit(run: Run, versions: RunVersions): Promise<boolean> {
    const { commit, done } = prepareCommit(this.#layout, this.#loader.state, run, versions);
    if (commit.heads.size === 0 && commit.first.length === 0) {
      return await this.#loader.isCurrent(versions, run.settle.began);
    }
    const tick = this.#loader.tick();
    const written = [...run.views.values()].filter(({ isWritten }) => isWritten);
    const moved = written.map(({ cache, head }) =>
      [cache.scope, cache.head.cursor, head.cursor] as const
    );
    const over = this.#watch.moving([...commit.heads.keys()]);
    let version: string | undefined;
    try {
      version = await this.#redo.commit(commit);
    } finally {
      over(version === undefined ? [] : moved);
    }
    if (version === undefined) {
      await this.#loader.isCurrent(versions, tick);
      return false;
    }
    if (version !== "") done(version, tick);
    return true;
  }

  async #sweepLogs(run: Run): Promise<void> {
    for (const { cache, head, isTrimmed } of run.views.values()) {
      if (!isTrimmed) continue;
      await sweepLog(this.#kv, this.#reader, this.#layout, cache.scope, head);
    }
  }

  #view(scope: string): ScopeView {
    return this.#running().view(scope);
  }

  /** As `#view`, for a write: a scope comes into being with its first. */
  #written(scope: string): ScopeView {
    const view = this.#writable().view(scope);
    view.write();
    return view;
  }

  #writable(): Run {
    const run = this.#running();
    invariant(run.isWriting, "a store is written inside a transaction");
    return run;
  }

  #running(): Run {
    invariant(this.#run !== undefined, "a store on KV is read and written inside settle()");
    return this.#run;
  }
}

/** Carries what the work has thrown past the failures of KV. */
class WorkError extends Error {}

function valueOf<T>(ending: Ending<T>): T {
  if ("error" in ending) throw new WorkError("", { cause: ending.error });
  return ending.value;
}

function tooManyMisses(): DriftlessError {
  return new DriftlessError(
    "store_failed",
    `Cannot run what misses something ${MISS_RUNS_MAX} times`,
  );
}

function tooManyConflicts(): DriftlessError {
  return new DriftlessError(
    "unavailable",
    `Cannot commit: others have written the same scope ${CONFLICTS_MAX} times meanwhile`,
  );
}

function pause(conflicts: number): Promise<void> {
  const most = Math.min(CONFLICT_MS_MAX, CONFLICT_MS_MIN * 2 ** conflicts);
  return new Promise((resolve) => setTimeout(resolve, Math.random() * most));
}
