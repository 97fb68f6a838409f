/**
 * Storage in IndexedDB, shared by the tabs of one origin.
 *
 *     blocks, log, meta  the confirmed rows and the cursor they stand at: shared by all tabs
 *     queues             one entry for each pending mutation, under the slot of the tab that made it
 *     slots              the identity of each tab's client
 *
 * A tab works in a slot that it holds a Web Lock on, so two tabs never number mutations for one client.
 * A slot that nobody holds belongs to a closed or crashed tab: the next tab to start takes it over, and
 * takes in the queues of the others. A tab that runs may ask for those too.
 */
import { DriftlessError } from "../../core/errors.ts";
import type {
  ClientIdentity,
  PendingRecord,
  PersistBatch,
  PersistedClient,
  Persistence,
  Replica,
  ReplicaMove,
  Standing,
} from "../../core/persistence.ts";
import { answered, within } from "./idb_requests.ts";
import { createRowStores, moveRows, readRows, ROW_STORES } from "./stored_rows.ts";

type StoredRecord = PendingRecord & { readonly slot: string };
type Release = () => Promise<void>;

/** What tabs that are gone had queued, held until a step of this tab's queue has it. */
interface Orphans {
  readonly records: readonly StoredRecord[];
  readonly ids: ReadonlySet<string>;
  readonly release: Release;
}

/** The version of the layout above; in the first one each row was an entry. */
const LAYOUT_VERSION = 2;
const QUEUE_STORES = ["queues", "slots"] as const;

/**
 * Storage of one tab's client in the IndexedDB database `name`. `createClient` makes one by itself; an
 * app that keeps several databases makes its own. It needs a page that came over HTTPS, or from this
 * machine: elsewhere its start fails.
 *
 * @example
 * ```ts
 * import { DriftlessError, IdbPersistence } from "@driftless/driftless";
 *
 * const persistence = new IdbPersistence("notes/drafts");
 * try {
 *   const stored = await persistence.load();
 *   console.log(stored?.pending.length ?? 0, "mutations wait");
 * } catch (error) {
 *   // There is no IndexedDB here, as on a server.
 *   if (!(error instanceof DriftlessError) || error.code !== "store_failed") throw error;
 * }
 * await persistence.close();
 * ```
 */
export class IdbPersistence implements Persistence {
  /** The database. */
  readonly name: string;
  /** `null` while the browser has closed it, and before the start. */
  #db: Promise<IDBDatabase> | null = null;
  /** Nothing may be read or written: not started, closed, or made way for a newer layout. */
  #isShut = true;
  #slot = "";
  #release: Release = () => Promise.resolve();
  #orphans: Orphans | null = null;
  #standing: Standing = { cursor: 0, epoch: "" };

  /** `name` names the database; nothing is opened before {@linkcode IdbPersistence.load}. */
  constructor(name: string) {
    this.name = name;
  }

  /** Where the stored rows stood when this tab last looked. */
  get standing(): Standing {
    return this.#standing;
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
        this.#isShut = false;
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
    const orphans = this.#orphans;
    const isTakenIn = orphans !== null &&
      batches.some(({ put }) => put.some(({ id }) => orphans.ids.has(id)));
    try {
      await this.#write(QUEUE_STORES, "strict", (tx) => {
        const queues = tx.objectStore("queues");
        for (const { put, drop } of batches) {
          for (const record of put) queues.put({ ...record, slot: this.#slot });
          for (const order of drop) queues.delete([this.#slot, order]);
        }
        const last = batches.at(-1);
        if (last !== undefined) tx.objectStore("slots").put(last.identity, this.#slot);
        if (isTakenIn) {
          for (const { slot, order } of orphans.records) queues.delete([slot, order]);
        }
      });
    } finally {
      if (isTakenIn) {
        this.#orphans = null;
        await orphans.release();
      }
    }
  }

  /** Applies moves of the rows. Another tab may have stored further ones: those stay. */
  async saveRows(moves: readonly ReplicaMove[]): Promise<void> {
    this.#standing = await this.#write(ROW_STORES, "default", (tx) => moveRows(tx, moves));
  }

  /** Reads the rows of all tabs once more. */
  async readRows(): Promise<Replica | null> {
    return await guarded("read", async () => await readRows(await this.#transaction(ROW_STORES)));
  }

  /**
   * What tabs that are gone had in line, in order, of each whose line `accept` takes as a whole. It
   * moves to this tab in the step of `saveQueue` that puts the mutations under new orders; until then
   * it is theirs, and nobody else takes it.
   *
   * @throws {DriftlessError} `store_failed`
   */
  async orphans(accept: (record: PendingRecord) => boolean): Promise<readonly PendingRecord[]> {
    return await guarded("read", async () => {
      const queues = (await this.#transaction(QUEUE_STORES)).objectStore("queues");
      const keys = await answered(queues.getAllKeys());
      const others = new Set(keys.map((key) => (key as string[])[0] ?? ""));
      others.delete(this.#slot);
      const { held, release } = await this.#lockFree([...others]);
      try {
        const tx = await this.#transaction(QUEUE_STORES);
        const asked = Promise.all(held.map((slot) => readQueue(tx, slot)));
        tx.commit();
        const lines = (await asked).map((queue) =>
          queue.filter(({ quarantine }) => quarantine === undefined)
        );
        const records = lines.filter((line) => line.every(accept)).flat();
        // Somebody may have asked at the same time.
        if (records.length === 0 || this.#orphans !== null) {
          await release();
          return [];
        }
        this.#orphans = { records, ids: new Set(records.map(({ id }) => id)), release };
        return records.map(bare);
      } catch (error) {
        await release();
        throw error;
      }
    });
  }

  /** Closes the database and frees the slot for the next tab. */
  async close(): Promise<void> {
    this.#isShut = true;
    const db = await this.#db?.catch(() => null);
    this.#db = null;
    db?.close();
    await this.#orphans?.release();
    this.#orphans = null;
    await this.#release();
    this.#release = () => Promise.resolve();
  }

  async #openDatabase(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.name, LAYOUT_VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      const { result: db, transaction: tx } = request;
      if (oldVersion < 1) {
        db.createObjectStore("queues", { keyPath: ["slot", "order"] });
        db.createObjectStore("slots");
        db.createObjectStore("meta");
      }
      if (tx !== null) createRowStores(tx, oldVersion).catch(() => abort(tx));
    };
    const db = await answered(request);
    // A tab with a newer layout, or whoever clears this site's data, must not wait for this tab.
    db.onversionchange = () => {
      this.#isShut = true;
      this.#db = null;
      db.close();
    };
    // The browser took it away; the next write asks for it again.
    db.onclose = () => this.#db = null;
    return db;
  }

  async #transaction(
    stores: readonly string[],
    mode: IDBTransactionMode = "readonly",
    options: IDBTransactionOptions = {},
  ): Promise<IDBTransaction> {
    if (this.#isShut) throw new DriftlessError("store_failed", "The storage is closed");
    const opening = this.#db ??= this.#openDatabase();
    try {
      return (await opening).transaction(stores, mode, options);
    } catch (error) {
      // Whether it did not open or is closing: what comes next tries anew.
      if (this.#db === opening) this.#db = null;
      throw error;
    }
  }

  /** Stores all that the work writes, or nothing of it. */
  async #write<T>(
    stores: readonly string[],
    durability: IDBTransactionDurability,
    work: (tx: IDBTransaction) => T | Promise<T>,
  ): Promise<T> {
    return await guarded("write", async () => {
      return await within(await this.#transaction(stores, "readwrite", { durability }), work);
    });
  }

  /** Locks one slot for this tab; returns the others that nobody holds, locked too. */
  async #takeSlots(): Promise<readonly string[]> {
    const slots = (await this.#transaction(QUEUE_STORES)).objectStore("slots");
    const { held, release } = await this.#lockFree(await answered(slots.getAllKeys()) as string[]);
    this.#release = release;
    const [mine, ...orphans] = held;
    this.#slot = mine ?? crypto.randomUUID();
    if (mine === undefined) this.#release = (await this.#lockFree([this.#slot])).release;
    return orphans;
  }

  /** Locks those of the slots that nobody holds. */
  async #lockFree(slots: readonly string[]): Promise<{ held: string[]; release: Release }> {
    const releases: Release[] = [];
    const held: string[] = [];
    for (const slot of slots) {
      const release = await lock(`${this.name}/${slot}`);
      if (release === null) continue;
      held.push(slot);
      releases.push(release);
    }
    const release = async () => void await Promise.all(releases.map((release) => release()));
    return { held, release };
  }

  /** Moves the queues of closed tabs behind this tab's own, in one step. */
  async #adopt(orphans: readonly string[]): Promise<void> {
    await this.#write(QUEUE_STORES, "strict", async (tx) => {
      const queues = tx.objectStore("queues");
      let order = (await readQueue(tx, this.#slot)).at(-1)?.order ?? 0;
      for (const slot of orphans) {
        for (const record of await readQueue(tx, slot)) {
          queues.delete([slot, record.order]);
          // Its number was another client's, so it counts as undecided; its id tells the server.
          queues.put({ ...record, slot: this.#slot, order: ++order, visibleAt: null });
        }
        tx.objectStore("slots").delete(slot);
      }
    });
  }

  async #read(): Promise<PersistedClient | null> {
    const tx = await this.#transaction([...QUEUE_STORES, ...ROW_STORES]);
    const asked = Promise.all([
      answered<ClientIdentity | undefined>(tx.objectStore("slots").get(this.#slot)),
      readQueue(tx, this.#slot),
      readRows(tx),
    ]);
    tx.commit();
    const [identity, queued, rows] = await asked;
    if (identity === undefined && rows === null) return null;
    const replica = rows ?? { rows: [], cursor: 0, epoch: "" };
    this.#standing = { cursor: replica.cursor, epoch: replica.epoch };
    return { identity: identity ?? null, pending: queued.map(bare), replica };
  }
}

function readQueue(tx: IDBTransaction, slot: string): Promise<readonly StoredRecord[]> {
  return answered(tx.objectStore("queues").getAll(slotRange(slot)));
}

function bare({ slot: _, ...record }: StoredRecord): PendingRecord {
  return record;
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

function abort(tx: IDBTransaction): void {
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
