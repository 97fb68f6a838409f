/** The storage of one running client: its two lanes, and those who wait for a step to be durable. */
import type { DriftlessError } from "../../core/errors.ts";
import type {
  PersistBatch,
  PersistedClient,
  Persistence,
  Replica,
  ReplicaMove,
} from "../../core/persistence.ts";
import { StorageLane } from "./storage_lanes.ts";

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: DriftlessError) => void;
}

/** Takes the machine's batches to a {@linkcode Persistence}; the rows do not hold up the queue. */
export class ClientStorage {
  readonly #persistence: Persistence;
  readonly #queueLane: StorageLane<PersistBatch>;
  readonly #rowsLane: StorageLane<ReplicaMove>;
  readonly #waiters = new Map<number, Waiter>();

  /**
   * `stored` hears which batches are durable, or why they are not, before those who wait for them do;
   * `failed` hears why rows were not stored.
   */
  constructor(
    persistence: Persistence,
    stored: (tokens: readonly number[], error: DriftlessError | null) => void,
    failed: (error: DriftlessError) => void,
  ) {
    this.#persistence = persistence;
    this.#queueLane = new StorageLane(
      (batches) => persistence.saveQueue(batches),
      (batches, error) => {
        const tokens = batches.map(({ token }) => token);
        stored(tokens, error);
        for (const token of tokens) this.#settle(token, error);
      },
    );
    this.#rowsLane = new StorageLane(
      (moves) => persistence.saveRows(moves),
      (_moves, error) => error && failed(error),
    );
  }

  /** What is stored. Lets go of the storage when that cannot be read. */
  async load(): Promise<PersistedClient | null> {
    try {
      return await this.#persistence.load();
    } catch (error) {
      await this.#persistence.close().catch(() => {});
      throw error;
    }
  }

  /** Takes a batch. */
  add(batch: PersistBatch): void {
    this.#queueLane.add(batch);
    if (batch.replica !== undefined) this.move(batch.replica);
  }

  /** Takes a move of the rows. */
  move(move: ReplicaMove): void {
    this.#rowsLane.add(move);
  }

  /** Resolves when a batch is durable, and rejects when storage refused it. Ask in the batch's turn. */
  durable(token: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.set(token, { resolve, reject }));
  }

  /** Resolves when the queue is stored as far as it goes now. */
  queued(): Promise<void> {
    return this.#queueLane.idle();
  }

  /** The rows as storage has them, when all are written; `undefined` where nothing can differ. */
  async rows(): Promise<Replica | null | undefined> {
    await this.#rowsLane.idle();
    return await this.#persistence.readRows?.();
  }

  /** Finishes writing, and lets go of the storage. */
  async close(): Promise<void> {
    await Promise.all([this.#queueLane.idle(), this.#rowsLane.idle()]);
    await this.#persistence.close();
  }

  #settle(token: number, error: DriftlessError | null): void {
    const waiter = this.#waiters.get(token);
    this.#waiters.delete(token);
    if (error === null) waiter?.resolve();
    else waiter?.reject(error);
  }
}
