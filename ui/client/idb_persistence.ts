/**
 * Storage in IndexedDB, shared by the tabs of one origin.
 *
 *     rows    one confirmed row each, with the cursor they stand at in `meta`: shared by all tabs
 *     queues  one entry for each pending mutation, under the slot of the tab that made it
 *     slots   the identity of each tab's client
 *
 * A tab works in a slot that it holds a Web Lock on, so two tabs never number mutations for one client.
 * A slot that nobody holds belongs to a closed or crashed tab: the next tab to start takes it over, and
 * takes in the queues of the others.
 */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, unwrap } from "idb";
import { DriftlessError } from "../../core/errors.ts";
import type {
  ClientIdentity,
  PendingRecord,
  PersistBatch,
  PersistedClient,
  Persistence,
  ReplicaMove,
} from "../../core/persistence.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";

interface Schema extends DBSchema {
  rows: { key: [entity: string, id: string]; value: SnapshotRow };
  queues: { key: [slot: string, order: number]; value: PendingRecord & { slot: string } };
  slots: { key: string; value: ClientIdentity };
  meta: { key: "replica"; value: { cursor: number; epoch: string } };
}

type StoreName = "rows" | "queues" | "slots" | "meta";
type Release = () => Promise<void>;

/** The version of the layout above. */
const LAYOUT_VERSION = 1;

/** Storage of one tab's client in the IndexedDB database `name`. */
export class IdbPersistence implements Persistence {
  readonly #name: string;
  #db: IDBPDatabase<Schema> | null = null;
  #slot = "";
  #release: Release = () => Promise.resolve();

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Opens the database, takes a slot, and reads what is stored.
   *
   * @throws {DriftlessError} `store_failed` when the browser refuses storage
   */
  async load(): Promise<PersistedClient | null> {
    return await guarded("open", async () => {
      // Both are there only for pages that come over HTTPS, or from this very machine.
      if (globalThis.indexedDB === undefined || globalThis.navigator?.locks === undefined) {
        throw new TypeError("there is no IndexedDB, or there are no Web Locks");
      }
      try {
        this.#db = await this.#openDatabase();
        const orphans = await this.#takeSlots();
        if (orphans.length > 0) await this.#adopt(orphans);
        return await this.#read();
      } catch (error) {
        await this.close();
        throw error;
      }
    });
  }

  /** Applies steps of this tab's queue; durable on the device when it resolves. */
  async saveQueue(batches: readonly PersistBatch[]): Promise<void> {
    await this.#write(["queues", "slots"], "strict", (tx) => {
      const queues = unwrap(tx.objectStore("queues"));
      for (const { put, drop } of batches) {
        for (const record of put) queues.put({ ...record, slot: this.#slot });
        for (const order of drop) queues.delete([this.#slot, order]);
      }
      const last = batches.at(-1);
      if (last !== undefined) unwrap(tx.objectStore("slots")).put(last.identity, this.#slot);
    });
  }

  /** Applies moves of the rows. Another tab may have stored further ones: those stay. */
  async saveRows(moves: readonly ReplicaMove[]): Promise<void> {
    await this.#write(["rows", "meta"], "default", async (tx) => {
      const meta = tx.objectStore("meta");
      let { cursor, epoch } = await meta.get("replica") ?? { cursor: 0, epoch: "" };
      const rows = unwrap(tx.objectStore("rows"));
      for (const move of moves) {
        if (move.kind === "snapshot") {
          rows.clear();
          for (const row of move.rows) rows.put(row);
          ({ cursor, epoch } = move);
          continue;
        }
        if (move.from > cursor || (epoch !== "" && epoch !== move.epoch)) continue;
        for (const change of move.changes) {
          if (change.cursor <= cursor) continue;
          const { entity, id, json } = change;
          if (json === null) rows.delete([entity, id]);
          else rows.put({ entity, id, json });
          ({ cursor } = change);
        }
        ({ epoch } = move);
      }
      unwrap(meta).put({ cursor, epoch }, "replica");
    });
  }

  /** Closes the database and frees the slot for the next tab. */
  async close(): Promise<void> {
    this.#db?.close();
    this.#db = null;
    await this.#release();
    this.#release = () => Promise.resolve();
  }

  async #openDatabase(): Promise<IDBPDatabase<Schema>> {
    const gone = () => {
      this.#db?.close();
      this.#db = null;
    };
    return await openDB<Schema>(this.#name, LAYOUT_VERSION, {
      upgrade(db) {
        db.createObjectStore("rows", { keyPath: ["entity", "id"] });
        db.createObjectStore("queues", { keyPath: ["slot", "order"] });
        db.createObjectStore("slots");
        db.createObjectStore("meta");
      },
      // A tab with a newer layout, or whoever clears this site's data, must not wait for this tab.
      blocking: gone,
      terminated: gone,
    });
  }

  /** Stores all that the work writes, or nothing of it. */
  async #write(
    stores: StoreName[],
    durability: IDBTransactionDurability,
    work: (tx: IDBPTransaction<Schema, StoreName[], "readwrite">) => void | Promise<void>,
  ): Promise<void> {
    await guarded("write", async () => {
      const tx = this.#open().transaction(stores, "readwrite", { durability });
      try {
        await work(tx);
      } catch (error) {
        tx.done.catch(() => {});
        abort(tx);
        throw error;
      }
      await tx.done;
    });
  }

  /** Locks one slot for this tab; returns the others that nobody holds, locked too. */
  async #takeSlots(): Promise<readonly string[]> {
    const known = await this.#open().getAllKeys("slots");
    const releases: Release[] = [];
    this.#release = async () => {
      await Promise.all(releases.map((release) => release()));
    };
    const free: string[] = [];
    for (const slot of known) {
      const release = await lock(`${this.#name}/${slot}`);
      if (release === null) continue;
      free.push(slot);
      releases.push(release);
    }
    const [mine, ...orphans] = free;
    if (mine === undefined) {
      this.#slot = crypto.randomUUID();
      const release = await lock(`${this.#name}/${this.#slot}`);
      if (release !== null) releases.push(release);
    } else {
      this.#slot = mine;
    }
    return orphans;
  }

  /** Moves the queues of closed tabs behind this tab's own, in one step. */
  async #adopt(orphans: readonly string[]): Promise<void> {
    await this.#write(["queues", "slots"], "strict", async (tx) => {
      const queues = tx.objectStore("queues");
      const own = await queues.getAll(slotRange(this.#slot));
      let order = own.at(-1)?.order ?? 0;
      for (const slot of orphans) {
        for (const record of await queues.getAll(slotRange(slot))) {
          unwrap(queues).delete([slot, record.order]);
          // Its number was another client's, so it counts as undecided; its id tells the server.
          unwrap(queues).put({ ...record, slot: this.#slot, order: ++order, visibleAt: null });
        }
        unwrap(tx.objectStore("slots")).delete(slot);
      }
    });
  }

  async #read(): Promise<PersistedClient | null> {
    const tx = this.#open().transaction(["rows", "queues", "slots", "meta"]);
    const [identity, queued, rows, meta] = await Promise.all([
      tx.objectStore("slots").get(this.#slot),
      tx.objectStore("queues").getAll(slotRange(this.#slot)),
      tx.objectStore("rows").getAll(),
      tx.objectStore("meta").get("replica"),
    ]);
    if (identity === undefined && meta === undefined) return null;
    const pending = queued.map(({ slot: _, ...record }): PendingRecord => record);
    const replica = { rows, cursor: meta?.cursor ?? 0, epoch: meta?.epoch ?? "" };
    return { identity: identity ?? null, pending, replica };
  }

  #open(): IDBPDatabase<Schema> {
    if (this.#db === null) throw new DriftlessError("store_failed", "The storage is closed");
    return this.#db;
  }
}

function slotRange(slot: string): IDBKeyRange {
  return IDBKeyRange.bound([slot, 0], [slot, Infinity]);
}

/** Takes a Web Lock until the returned function is called; `null` when somebody holds it. */
function lock(name: string): Promise<Release | null> {
  return new Promise((resolve, reject) => {
    const { promise: held, resolve: free } = Promise.withResolvers<void>();
    const request = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) return resolve(null);
      resolve(async () => {
        free();
        await request;
      });
      return held;
    });
    request.catch(reject);
  });
}

function abort(tx: { abort(): void }): void {
  try {
    tx.abort();
  } catch {
    // It has failed by itself, which is why the work did.
  }
}

async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof DriftlessError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DriftlessError("store_failed", `Cannot ${what} the device's storage: ${reason}`, {
      cause,
    });
  }
}
