/**
 * Storage in a file, for clients on Deno and Bun.
 *
 *     PATH        magic │ start │ what was there when the file was made │ step │ step │ …
 *     PATH.new    the next such file while it is being made
 *     PATH.lock   empty; the client that uses PATH holds a lock on it
 *
 * The file only grows, by one frame for each step, and each is on the disk before the next is written:
 * so a crash can break the last one and no other. When the file is mostly past, and when a snapshot
 * replaces every row, a new one takes its place in one move.
 *
 * This is the one file of the client that needs a server runtime. It is an export of its own, which
 * nothing imports that a browser loads.
 *
 * @module
 */
import fs, { type FileHandle } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { DriftlessError } from "../../core/errors.ts";
import type {
  PersistBatch,
  PersistedClient,
  Persistence,
  Replica,
  ReplicaMove,
} from "../../core/persistence.ts";
import { type Entry, frameOf, readLog, startOf } from "./client_log.ts";
import { MemoryPersistence } from "./memory_persistence.ts";

/** A file is not made anew before it has grown by as much, in bytes. */
export const REWRITE_BYTES_MIN: number = 1024 * 1024;

/**
 * A {@linkcode Persistence} in one file, which survives a crash at any byte. Its folder must exist.
 *
 * Every client needs a file of its own: a second one that opens it, in whatever process, is told
 * `store_failed`. The lock ends with the process that holds it, however that ends.
 *
 * @example
 * ```ts
 * import { collection, createClient, defineApp } from "@driftless/driftless";
 * import { FilePersistence } from "@driftless/driftless/file";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } });
 *
 * const folder = await Deno.makeTempDir();
 * for (const id of ["n1", "n2"]) {
 *   const persistence = new FilePersistence(`${folder}/notes.log`);
 *   const client = createClient(app, { url: "http://127.0.0.1:8000", persistence });
 *   client.setOffline(true);
 *   await client.start();
 *   await client.mutate("note.create", { id, data: { text: "On the disk when this resolves" } });
 *   if (client.pending.length !== (id === "n1" ? 1 : 2)) throw new Error("It was forgotten");
 *   await client.stop();
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class FilePersistence implements Persistence {
  readonly #name: string;
  #path = "";
  #lock: DatabaseSync | null = null;
  #file: FileHandle | null = null;
  #state: MemoryPersistence = new MemoryPersistence();
  /** Bytes of the file that are known to be on the disk. */
  #size = 0;
  /** The size from which on the file is made anew. */
  #rewriteAt = 0;
  /** Part of a step that failed may stand behind the sound bytes. */
  #isTorn = false;
  /** The folder may not yet have on the disk that the file is a new one. */
  #isUnsettled = false;
  #last: Promise<unknown> = Promise.resolve();

  /** `path` names the file; nothing happens to it before {@linkcode FilePersistence.load}. */
  constructor(path: string) {
    this.#name = path;
  }

  /**
   * Opens the file, or makes it, and reads what is stored. What a crash left of a last step is cut.
   *
   * @throws {DriftlessError} `store_failed` when another client uses the file, it cannot be read or
   *   written, it is no such file, or it is damaged before its last step; then it is left as it is
   */
  load(): Promise<PersistedClient | null> {
    return this.#inTurn("open", async () => {
      if (this.#lock !== null) {
        throw new DriftlessError("store_failed", `Cannot open ${this.#name}: it is open already`);
      }
      this.#path = resolve(this.#name);
      this.#lock = takeLock(this.#path);
      try {
        await this.#read();
        return await this.#state.load();
      } catch (error) {
        await this.#letGo();
        throw error;
      }
    });
  }

  /**
   * Applies steps of the queue; on the disk when it resolves.
   *
   * @throws {DriftlessError} `store_failed` when the disk is full or refuses
   */
  saveQueue(batches: readonly PersistBatch[]): Promise<void> {
    return this.#inTurn("write", async () => {
      // Rows take their own way.
      const stored = batches.map(({ replica: _, ...batch }): PersistBatch => batch);
      const entry: Entry = { kind: "queue", batches: stored };
      await this.#save(entry, (state) => state.saveQueue(stored));
    });
  }

  /**
   * Applies moves of the rows; on the disk when it resolves.
   *
   * @throws {DriftlessError} `store_failed` when the disk is full or refuses
   */
  saveRows(moves: readonly ReplicaMove[]): Promise<void> {
    return this.#inTurn("write", async () => {
      // Programs of before take every snapshot in a step for all rows: those that repair are none.
      const isStep = moves.every(({ kind }) => kind === "changes");
      const entry: Entry | null = isStep ? { kind: "moves", moves } : null;
      await this.#save(entry, (state) => state.saveRows(moves));
    });
  }

  /**
   * Reads the rows again from the file.
   *
   * @throws {DriftlessError} `store_failed` when it cannot be read, or is damaged before its last step
   */
  readRows(): Promise<Replica | null> {
    return this.#inTurn("read", async () => {
      this.#opened();
      const { state } = await readLog(await readIfThere(this.#path), this.#name);
      return await state.readRows();
    });
  }

  /** Waits for what is being written, and lets go of the file and its lock. */
  close(): Promise<void> {
    return this.#inTurn("close", () => this.#letGo());
  }

  /** Runs one thing after the other: two at a time could break two steps in one crash. */
  #inTurn<T>(what: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      try {
        return await work();
      } catch (cause) {
        if (cause instanceof DriftlessError) throw cause;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new DriftlessError("store_failed", `Cannot ${what} ${this.#name}: ${reason}`, {
          cause,
        });
      }
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #read(): Promise<void> {
    await fs.rm(newPath(this.#path), { force: true });
    const bytes = await readIfThere(this.#path);
    if (bytes.length === 0) return await this.#rewrite(new MemoryPersistence());
    const { state, size, startBytes } = await readLog(bytes, this.#name);
    this.#file = await fs.open(this.#path, "r+");
    this.#state = state;
    this.#size = size;
    this.#rewriteAt = rewriteSize(startBytes);
    this.#isTorn = size < bytes.length;
    // A crash may have come between the move and its way to the disk.
    this.#isUnsettled = true;
    await this.#mend(this.#file);
  }

  /** Adds a step to the file, or makes a new one of what comes out where it is none, or too long. */
  async #save(
    entry: Entry | null,
    apply: (state: MemoryPersistence) => Promise<void>,
  ): Promise<void> {
    const file = this.#opened();
    await this.#mend(file);
    const frame = entry === null ? null : frameOf(entry);
    if (frame === null) {
      const next = await copyOf(this.#state);
      await apply(next);
      await this.#rewrite(next);
    } else {
      await this.#append(file, frame);
      await apply(this.#state);
    }
  }

  async #append(file: FileHandle, frame: Uint8Array): Promise<void> {
    try {
      await writeAll(file, frame, this.#size);
      await file.datasync();
    } catch (error) {
      this.#isTorn = true;
      await this.#mend(file).catch(() => {});
      throw error;
    }
    this.#size += frame.length;
    if (this.#size > this.#rewriteAt) this.#rewriteSoon();
  }

  /** Gets rid of the past, when the step that is being saved has been. */
  #rewriteSoon(): void {
    this.#rewriteAt = this.#size + REWRITE_BYTES_MIN;
    this.#inTurn("rewrite", () => this.#rewrite(this.#state)).catch(() => {
      // The file as it is holds everything; the next try comes when it has grown again.
    });
  }

  /** Makes a new file of a state, and moves it to the place of the old one. */
  async #rewrite(state: MemoryPersistence): Promise<void> {
    if (this.#lock === null) throw closed();
    const path = newPath(this.#path);
    const file = await fs.open(path, "w");
    let size = 0;
    try {
      for (const bytes of startOf(await state.load())) {
        await writeAll(file, bytes, size);
        size += bytes.length;
      }
      await file.sync();
      await fs.rename(path, this.#path);
    } catch (error) {
      await file.close().catch(() => {});
      await fs.rm(path, { force: true }).catch(() => {});
      throw error;
    }
    await this.#file?.close().catch(() => {});
    this.#file = file;
    this.#state = state;
    this.#size = size;
    this.#rewriteAt = rewriteSize(size);
    this.#isTorn = false;
    this.#isUnsettled = true;
    await this.#mend(file);
  }

  /** Brings the disk to where the next step may be written, if it is not there. */
  async #mend(file: FileHandle): Promise<void> {
    if (this.#isTorn) {
      await file.truncate(this.#size);
      await file.sync();
      this.#isTorn = false;
    }
    if (this.#isUnsettled) {
      await syncFolder(dirname(this.#path));
      this.#isUnsettled = false;
    }
  }

  #opened(): FileHandle {
    if (this.#file === null) throw closed();
    return this.#file;
  }

  async #letGo(): Promise<void> {
    await this.#file?.close().catch(() => {});
    this.#file = null;
    this.#state = new MemoryPersistence();
    this.#lock?.close();
    this.#lock = null;
  }
}

/** A state of its own, equal to this one. */
async function copyOf(state: MemoryPersistence): Promise<MemoryPersistence> {
  const copy = new MemoryPersistence();
  const stored = await state.load();
  if (stored === null) return copy;
  const { identity, pending: put, replica } = stored;
  if (identity !== null) await copy.saveQueue([{ token: 0, identity, put, drop: [] }]);
  if (replica.epoch !== "") await copy.saveRows([{ kind: "snapshot", ...replica }]);
  return copy;
}

/** How far a file may grow: with as much again, making it anew costs no more than writing did. */
function rewriteSize(startBytes: number): number {
  return 2 * startBytes + REWRITE_BYTES_MIN;
}

function newPath(path: string): string {
  return `${path}.new`;
}

/**
 * Locks a file that stands beside the path. SQLite is there on both runtimes, and its lock is the
 * kernel's: nothing is left of it when the process is killed, and no number of a process is guessed at.
 */
function takeLock(path: string): DatabaseSync {
  const lock = new DatabaseSync(`${path}.lock`);
  try {
    lock.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock.close();
    if (!(cause instanceof Error && /locked|busy/i.test(cause.message))) throw cause;
    throw new DriftlessError("store_failed", `Cannot open ${path}: another client uses it`, {
      cause,
    });
  }
}

async function readIfThere(path: string): Promise<Uint8Array> {
  try {
    return await fs.readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return new Uint8Array();
    }
    throw error;
  }
}

/** A system may take less at once than it is given. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

/** Puts a move of a file within a folder on the disk. */
async function syncFolder(path: string): Promise<void> {
  // Windows has no such thing, and does it by itself.
  if (process.platform === "win32") return;
  const folder = await fs.open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function closed(): DriftlessError {
  return new DriftlessError("store_failed", "The storage is closed");
}
