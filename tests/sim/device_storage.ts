/**
 * A device's storage: two lanes that write in order, each in groups that are whole or not at all.
 *
 * The queue and the rows are written independently, so a crash keeps some length of the one and some
 * other length of the other, as IndexedDB does with two transactions.
 */
import type { Change } from "../../core/change.ts";
import { DriftlessError } from "../../core/errors.ts";
import { canonicalText, type JsonObject } from "../../core/json.ts";
import type {
  ClientIdentity,
  PendingRecord,
  PersistBatch,
  PersistedClient,
  ReplicaMove,
} from "../../core/persistence.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import { rowKey } from "../../core/transaction.ts";
import type { SimOptions } from "./options.ts";
import type { Prng } from "./prng.ts";
import type { World } from "./world.ts";

/** One kind of write: what waits goes in one group, one group at a time. */
class Lane<Step> {
  readonly #world: World;
  readonly #label: string;
  readonly #delay: () => number;
  readonly #apply: (steps: readonly Step[]) => void;
  readonly #done: (steps: readonly Step[], error: DriftlessError | null) => void;
  readonly #isFull: () => boolean;
  #waiting: Step[] = [];
  #running: readonly Step[] | null = null;
  #generation = 0;

  constructor(parts: {
    readonly world: World;
    readonly label: string;
    readonly delay: () => number;
    readonly isFull: () => boolean;
    readonly apply: (steps: readonly Step[]) => void;
    readonly done: (steps: readonly Step[], error: DriftlessError | null) => void;
  }) {
    ({
      world: this.#world,
      label: this.#label,
      delay: this.#delay,
      isFull: this.#isFull,
      apply: this.#apply,
      done: this.#done,
    } = parts);
  }

  get isIdle(): boolean {
    return this.#running === null && this.#waiting.length === 0;
  }

  add(step: Step): void {
    this.#waiting.push(step);
    if (this.#running === null) this.#start();
  }

  /** The process is gone: the group being written may have reached the disk, the others did not. */
  crash(): void {
    this.#generation++;
    if (this.#running !== null && this.#world.prng.chance(0.5)) this.#apply(this.#running);
    this.#running = null;
    this.#waiting = [];
  }

  #start(): void {
    const generation = this.#generation;
    // Steps of the same turn go together.
    this.#running = [];
    this.#world.after(0, this.#label, () => {
      if (generation !== this.#generation) return;
      this.#running = this.#waiting;
      this.#waiting = [];
      this.#world.after(this.#delay(), this.#label, () => this.#finish(generation));
    });
  }

  #finish(generation: number): void {
    if (generation !== this.#generation) return;
    const steps = this.#running ?? [];
    this.#running = null;
    const error = this.#isFull() ? new DriftlessError("store_failed", "The device is full") : null;
    if (error === null) this.#apply(steps);
    if (this.#waiting.length > 0) this.#start();
    this.#done(steps, error);
  }
}

/** The row, as valid as it was, with something else in it. */
function tampered(row: SnapshotRow): SnapshotRow {
  const record = { ...JSON.parse(row.json) as JsonObject, scope: "of nobody" };
  return { ...row, json: canonicalText(record) };
}

/** What the storage tells. */
export interface StorageEvents {
  /** Batches of the queue are durable, or refused. */
  stored(batches: readonly PersistBatch[], error: DriftlessError | null): void;
}

/** The storage of one device; it outlives the program. */
export class DeviceStorage {
  identity: ClientIdentity | null = null;
  readonly queue = new Map<number, PendingRecord>();
  /** The rows may be others than those that the cursor stands for. */
  isTainted = false;
  /** After the faults: the device has room again. */
  healed = false;
  #rows = new Map<string, SnapshotRow>();
  #cursor = 0;
  #epoch = "";
  /** A step of the rows was refused: they are not those of the program. */
  #isBehind = false;
  readonly #garbled = new WeakSet<Change>();
  readonly #queueLane: Lane<PersistBatch>;
  readonly #rowsLane: Lane<ReplicaMove>;

  constructor(world: World, options: SimOptions, name: string, events: StorageEvents) {
    const delay = () => world.prng.between(1, options.storageDelayMs);
    const isFull = () => !this.healed && world.prng.chance(options.storageFailChance);
    this.#queueLane = new Lane({
      world,
      label: `${name} queue lane`,
      delay,
      isFull,
      apply: (batches) => batches.forEach((batch) => this.#applyBatch(batch)),
      done: (batches, error) => events.stored(batches, error),
    });
    this.#rowsLane = new Lane({
      world,
      label: `${name} rows lane`,
      delay,
      isFull,
      apply: (moves) => moves.forEach((move) => this.#applyMove(move)),
      done: (_moves, error) => this.#isBehind ||= error !== null,
    });
  }

  get isIdle(): boolean {
    return this.#queueLane.isIdle && this.#rowsLane.isIdle;
  }

  get rows(): Iterable<SnapshotRow> {
    return this.#rows.values();
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** The cursor of the stored rows. */
  get cursor(): number {
    return this.#cursor;
  }

  save(batch: PersistBatch): void {
    this.#queueLane.add(batch);
    if (batch.replica !== undefined) this.#rowsLane.add(batch.replica);
  }

  crash(): void {
    this.#queueLane.crash();
    this.#rowsLane.crash();
  }

  /** The browser takes everything away. */
  wipe(): void {
    this.crash();
    this.identity = null;
    this.queue.clear();
    this.#rows.clear();
    this.#cursor = 0;
    this.#epoch = "";
    this.isTainted = false;
  }

  /**
   * Some of the rows are not as they were written, and nothing tells: lost by the browser, rotten, or
   * put there by a fault of the program. Says whether there was anything to damage.
   */
  damage(prng: Prng): boolean {
    const keys = [...this.#rows.keys()];
    if (keys.length === 0) return false;
    const kind = prng.pick(["half", "some", "all", "changed", "invented", "all of it"]);
    const lost = { half: 0.5, some: 0.1, all: 1 }[kind] ?? 0;
    for (const key of keys) if (prng.chance(lost)) this.#rows.delete(key);
    const victim = prng.pick(keys as [string, ...string[]]);
    const row = this.#rows.get(victim);
    if (kind === "some") this.#rows.delete(victim);
    if (kind === "changed" && row !== undefined) this.#rows.set(victim, tampered(row));
    if (kind === "invented" && row !== undefined) this.#invent(row);
    if (kind === "all of it") this.#damageAll(keys, prng);
    this.isTainted = true;
    return true;
  }

  #damageAll(keys: readonly string[], prng: Prng): void {
    for (const key of keys) {
      const row = this.#rows.get(key) as SnapshotRow;
      const roll = prng.float();
      if (roll < 0.1) this.#rows.delete(key);
      else if (roll < 0.2) this.#rows.set(key, tampered(row));
      else if (roll < 0.3) this.#invent(row);
    }
  }

  #invent(row: SnapshotRow): void {
    const id = `ghost-${row.id}`;
    this.#rows.set(rowKey(row.entity, id), { ...row, id });
  }

  /** Another slot of the same device takes over: its queue moves, its numbers do not. */
  adopt(): void {
    this.identity = null;
    for (const [order, record] of this.queue) this.queue.set(order, { ...record, visibleAt: null });
  }

  /** Another change than this one, which the program believes in its place. */
  garble(change: Change, prng: Prng): Change {
    const { entity, id, json } = change;
    const roll = prng.float();
    const garbled: Change = json === null || roll < 0.3
      ? { ...change, id: `ghost-${id}` }
      : roll < 0.7
      ? { ...change, json: tampered({ entity, id, json }).json }
      : { ...change, op: "delete", json: null };
    this.#garbled.add(garbled);
    return garbled;
  }

  load(): PersistedClient | null {
    this.#isBehind = false;
    if (this.identity === null && this.#epoch === "" && this.queue.size === 0) return null;
    return {
      identity: this.identity,
      pending: [...this.queue.values()].sort((a, b) => a.order - b.order),
      replica: { rows: [...this.#rows.values()], cursor: this.#cursor, epoch: this.#epoch },
    };
  }

  #applyBatch({ identity, put, drop }: PersistBatch): void {
    this.identity = identity;
    for (const record of put) this.queue.set(record.order, record);
    for (const order of drop) this.queue.delete(order);
  }

  #applyMove(move: ReplicaMove): void {
    if (move.kind === "snapshot") return this.#replace(move);
    if (move.from > this.#cursor || (this.#epoch !== "" && this.#epoch !== move.epoch)) return;
    for (const change of move.changes) {
      const { cursor, entity, id, json } = change;
      if (cursor <= this.#cursor) continue;
      this.isTainted ||= this.#garbled.has(change);
      if (json === null) this.#rows.delete(rowKey(entity, id));
      else this.#rows.set(rowKey(entity, id), { entity, id, json });
      this.#cursor = cursor;
    }
    this.#epoch = move.epoch;
  }

  #replace(move: ReplicaMove & { readonly kind: "snapshot" }): void {
    const { rows, gone, onto, cursor, epoch } = move;
    const isElsewhere = onto?.cursor !== this.#cursor || onto.epoch !== this.#epoch;
    if (gone !== undefined && isElsewhere) return;
    if (gone === undefined) this.#rows.clear();
    for (const row of gone ?? []) this.#rows.delete(rowKey(row.entity, row.id));
    for (const row of rows) this.#rows.set(rowKey(row.entity, row.id), row);
    this.#cursor = cursor;
    this.#epoch = epoch;
    if (gone === undefined) this.#isBehind = false;
    // On rows that are not those of the program, what differs from those mends nothing for sure.
    if (!this.#isBehind) this.isTainted = false;
  }
}
