/** Storage that lasts as long as the page: for tests, servers and throw-away clients. */
import type {
  ClientIdentity,
  PendingRecord,
  PersistBatch,
  PersistedClient,
  Persistence,
  Replica,
  ReplicaMove,
} from "../../core/persistence.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";
import { isAt } from "./standing.ts";

/**
 * A {@linkcode Persistence} in memory. Give the same object to a new client to go on from it.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp, MemoryPersistence } from "@driftless/driftless";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } });
 * const persistence = new MemoryPersistence();
 *
 * for (const id of ["n1", "n2"]) {
 *   const client = createClient(app, { url: "http://127.0.0.1:8000", persistence });
 *   client.setOffline(true);
 *   await client.start();
 *   await client.mutate("note.create", { id, data: { text: "Waits for the server" } });
 *   await client.stop();
 * }
 * const stored = await persistence.load();
 * if (stored?.pending.length !== 2) throw new Error();
 * ```
 */
export class MemoryPersistence implements Persistence {
  #identity: ClientIdentity | null = null;
  readonly #queue = new Map<number, PendingRecord>();
  readonly #rows = new Map<string, SnapshotRow>();
  #cursor = 0;
  #epoch = "";

  /** What is stored. */
  load(): Promise<PersistedClient | null> {
    if (this.#identity === null && this.#epoch === "") return Promise.resolve(null);
    return Promise.resolve({
      identity: this.#identity,
      pending: [...this.#queue.values()].sort((a, b) => a.order - b.order),
      replica: this.#replica,
    });
  }

  /** The rows as they are now. */
  readRows(): Promise<Replica | null> {
    return Promise.resolve(this.#epoch === "" ? null : this.#replica);
  }

  /** Applies steps of the queue. */
  saveQueue(batches: readonly PersistBatch[]): Promise<void> {
    for (const { identity, put, drop } of batches) {
      this.#identity = identity;
      for (const record of put) this.#queue.set(record.order, record);
      for (const order of drop) this.#queue.delete(order);
    }
    return Promise.resolve();
  }

  /** Applies moves of the rows. */
  saveRows(moves: readonly ReplicaMove[]): Promise<void> {
    for (const move of moves) this.#move(move);
    return Promise.resolve();
  }

  /** Nothing to let go of. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  get #replica(): Replica {
    return { rows: [...this.#rows.values()], cursor: this.#cursor, epoch: this.#epoch };
  }

  #move(move: ReplicaMove): void {
    if (move.kind === "snapshot") {
      if (move.gone === undefined) this.#rows.clear();
      else if (!isAt({ cursor: this.#cursor, epoch: this.#epoch }, move.onto)) return;
      for (const row of move.rows) this.#rows.set(`${row.entity}\0${row.id}`, row);
      for (const { entity, id } of move.gone ?? []) this.#rows.delete(`${entity}\0${id}`);
      this.#cursor = move.cursor;
    } else {
      const isElsewhere = this.#epoch !== "" && this.#epoch !== move.epoch;
      if (move.from > this.#cursor || isElsewhere) return;
      for (const { cursor, entity, id, json } of move.changes) {
        if (cursor <= this.#cursor) continue;
        if (json === null) this.#rows.delete(`${entity}\0${id}`);
        else this.#rows.set(`${entity}\0${id}`, { entity, id, json });
        this.#cursor = cursor;
      }
    }
    this.#epoch = move.epoch;
  }
}
