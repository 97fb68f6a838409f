/**
 * The view: the snapshot with the pending mutations on top, kept right by rebasing.
 *
 *     view = snapshot ◁ run(pending[0]) ◁ run(pending[1]) ◁ …
 *
 * Each run remembers what it read and wrote. When the snapshot moves, only those runs are repeated that
 * a moved row could make come out differently.
 */
import type { AnyApp, Principal } from "./app.ts";
import { dependants, type Footprint, FootprintIndex } from "./dependants.ts";
import { type Effect, recordOf, visibleEffects } from "./effects.ts";
import { compareText, equalJson, type JsonObject } from "./json.ts";
import { confirmedRow, isLive } from "./lww.ts";
import type { Mutation } from "./mutation.ts";
import type { Snapshot } from "./snapshot.ts";
import { rowKey, type RowSource, runMutation, type Write } from "./transaction.ts";

/** A record that a reader sees differently now. */
export type ViewChange = Effect;

/** A row that somebody is about to change, or has changed. */
export interface RowRef {
  readonly entity: string;
  readonly id: string;
}

/** What a mutation did on the ground that it stands on. */
export interface Run extends Footprint {
  readonly mutation: Mutation;
  readonly writes: ReadonlyMap<string, Write>;
  /** Why it has no effect on this ground. */
  readonly refusal?: unknown;
}

/** A row as it looked before a move. */
interface Look extends RowRef {
  readonly record: JsonObject | undefined;
}

/** What one user of one client sees. */
export class View {
  readonly #app: AnyApp;
  readonly #snapshot: Snapshot;
  readonly #principal: Principal | null;
  #runs: Run[] = [];
  #overlay = new Map<string, Write>();
  #index = new FootprintIndex();

  constructor(app: AnyApp, snapshot: Snapshot, principal: Principal | null) {
    this.#app = app;
    this.#snapshot = snapshot;
    this.#principal = principal;
  }

  get(entity: string, id: string): JsonObject | undefined {
    const written = this.#overlay.get(rowKey(entity, id));
    if (written === undefined) return this.#snapshot.get(entity, id);
    return recordOf(written.after);
  }

  /** Every record of a collection with its id, by id in UTF-8 order. */
  all(entity: string): readonly (readonly [id: string, record: JsonObject])[] {
    return [...this.#live(entity)].sort(([a], [b]) => compareText(a, b));
  }

  count(entity: string): number {
    let count = this.#snapshot.count(entity);
    for (const written of this.#overlay.values()) {
      if (written.entity !== entity) continue;
      count += Number(isLive(written.after)) -
        Number(this.#snapshot.get(entity, written.id) !== undefined);
    }
    return count;
  }

  /**
   * Runs a new mutation on top.
   *
   * @throws {DriftlessError} the reason when its mutator refuses; then nothing has changed
   */
  append(mutation: Mutation): readonly ViewChange[] {
    const run = this.#run(mutation);
    if (run.refusal !== undefined) throw run.refusal;
    const before = this.#look(run.writes.values());
    this.#push(run);
    return this.#compare(before);
  }

  /**
   * Moves the ground: `move` changes the snapshot at `rows`, and the mutations in `dropped` leave.
   * Returns what a reader sees differently, and nothing that comes out the same.
   */
  rebase(
    rows: Iterable<RowRef>,
    dropped: ReadonlySet<string>,
    move: () => void,
  ): readonly ViewChange[] {
    const moved = new Map<string, RowRef>();
    for (const row of rows) moved.set(rowKey(row.entity, row.id), row);
    const kept: Run[] = [];
    const left = new Map<string, Write>();
    let isFirst = true;
    for (const run of this.#runs) {
      if (!dropped.has(run.mutation.id)) {
        kept.push(run);
        continue;
      }
      isFirst &&= kept.length === 0;
      this.#index.remove(run);
      for (const [key, row] of run.writes) {
        moved.set(key, row);
        left.set(key, row);
      }
    }
    this.#runs = kept;
    const before = this.#look(moved.values());
    move();
    if (isFirst) this.#keepGround(moved, left);
    if (!this.#index.isTouchedBy(moved)) {
      for (const key of moved.keys()) this.#overlay.delete(key);
      return this.#compare(before);
    }
    for (const [key, { entity, id, after }] of this.#overlay) {
      if (!before.has(key)) before.set(key, { entity, id, record: recordOf(after) });
    }
    this.#repeatDependants(moved);
    for (const [key, row] of this.#overlay) {
      // What nobody touched before has not moved: the snapshot still says how it looked.
      if (!before.has(key)) {
        const { entity, id } = row;
        before.set(key, { entity, id, record: this.#snapshot.get(entity, id) });
      }
    }
    return this.#compare(before);
  }

  /** The runs of the pending mutations, oldest first, as they stand; a later move makes another list. */
  get runs(): readonly Run[] {
    return this.#runs;
  }

  /** What a pending mutation does to the records as they are, or `undefined` when it is not pending. */
  effectsOf(id: string): readonly Effect[] | undefined {
    const run = this.#runs.find(({ mutation }) => mutation.id === id);
    return run && visibleEffects(run.writes.values());
  }

  /** Starts over after the snapshot was replaced as a whole, with these mutations pending. */
  reset(pending: readonly Mutation[]): void {
    this.#repeatAll(pending);
  }

  /**
   * Takes out of the moved rows those that are confirmed as the first runs, which leave, had left them:
   * for who comes behind nothing has moved. A deleted row is another one than none.
   */
  #keepGround(moved: Map<string, RowRef>, left: ReadonlyMap<string, Write>): void {
    for (const [key, write] of left) {
      const { entity, id, after } = write;
      const record = recordOf(after);
      if (record === undefined || !equalJson(record, this.#snapshot.get(entity, id))) continue;
      moved.delete(key);
      if (this.#overlay.get(key) === write) this.#overlay.delete(key);
    }
  }

  #repeatAll(mutations: readonly Mutation[]): void {
    this.#runs = [];
    this.#overlay.clear();
    this.#index = new FootprintIndex();
    // One that is refused on this ground shows nothing; the server has the last word on it.
    for (const mutation of mutations) this.#push(this.#run(mutation));
  }

  #repeatDependants(moved: ReadonlyMap<string, RowRef>): void {
    const again = dependants(this.#runs, moved);
    for (const key of moved.keys()) this.#overlay.delete(key);
    for (const run of again) {
      this.#index.remove(run);
      for (const key of run.writes.keys()) this.#overlay.delete(key);
    }
    const repeated: Run[] = [];
    const all: Run[] = [];
    for (const run of this.#runs) {
      if (!again.has(run)) {
        all.push(run);
        continue;
      }
      const fresh = this.#run(run.mutation);
      // It went another way this time, to rows of a run that was to stay.
      if (this.#index.meets(fresh)) {
        return this.#repeatAll(this.#runs.map(({ mutation }) => mutation));
      }
      repeated.push(fresh);
      all.push(fresh);
      for (const [key, row] of fresh.writes) this.#overlay.set(key, row);
    }
    for (const run of repeated) this.#index.add(run);
    this.#runs = all;
  }

  #run(mutation: Mutation): Run {
    const reads = new Set<string>();
    const scans = new Set<string>();
    const source: RowSource = {
      row: (entity, id) => {
        reads.add(rowKey(entity, id));
        const written = this.#overlay.get(rowKey(entity, id));
        if (written !== undefined) return written.after;
        const data = this.#snapshot.get(entity, id);
        return data && confirmedRow(data);
      },
      live: (entity) => {
        scans.add(entity);
        return this.#live(entity);
      },
    };
    const writes = new Map<string, Write>();
    try {
      for (const write of runMutation(this.#app, source, mutation, this.#principal)) {
        writes.set(rowKey(write.entity, write.id), write);
      }
      return { mutation, writes, reads, scans };
    } catch (refusal) {
      return { mutation, writes, reads, scans, refusal };
    }
  }

  #push(run: Run): void {
    this.#runs.push(run);
    this.#index.add(run);
    for (const [key, row] of run.writes) this.#overlay.set(key, row);
  }

  *#live(entity: string): Iterable<readonly [string, JsonObject]> {
    for (const id of this.#snapshot.ids(entity)) {
      const record = this.get(entity, id);
      if (record !== undefined) yield [id, record];
    }
    for (const { entity: other, id, after } of this.#overlay.values()) {
      if (other !== entity || !isLive(after)) continue;
      if (this.#snapshot.get(entity, id) === undefined) yield [id, after.data];
    }
  }

  #look(rows: Iterable<RowRef>): Map<string, Look> {
    const seen = new Map<string, Look>();
    for (const { entity, id } of rows) {
      seen.set(rowKey(entity, id), { entity, id, record: this.get(entity, id) });
    }
    return seen;
  }

  #compare(
    looks: ReadonlyMap<string, Look>,
  ): readonly ViewChange[] {
    const changes: ViewChange[] = [];
    for (const { entity, id, record: before } of looks.values()) {
      const after = this.get(entity, id);
      if (!equalJson(before, after)) changes.push({ entity, id, before, after });
    }
    return changes;
  }
}
