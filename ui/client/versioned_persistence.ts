/**
 * Storage that knows which version of the app its contents are of.
 *
 * Rows carry two versions in front of the epoch that they are stored with: that of the code which
 * stored them, and that of the server they came from, whose rows may be newer. So rows of another
 * version count as of another history, and tabs with old and new code never mix theirs. Queued
 * mutations carry the version that they are written for.
 */
import type { AnyApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { upgradePersisted } from "../../core/persisted_upgrade.ts";
import type {
  PersistBatch,
  PersistedClient,
  Persistence,
  Replica,
  ReplicaMove,
} from "../../core/persistence.ts";
import { markedMove, markText, readMark } from "./version_marks.ts";

/** What the storage asks of the running client. */
export interface VersionSource {
  /** The version of the app that the server runs, as far as it is known; else the client's. */
  serverVersion(): number;
  /** The confirmed rows as they are now. */
  replica(): Replica;
}

/** A {@linkcode Persistence} whose contents are led up to the app's version when they are loaded. */
export class VersionedPersistence implements Persistence {
  readonly #app: AnyApp;
  readonly #inner: Persistence;
  readonly #source: VersionSource;
  /** What the stored rows are marked with, without their epoch. */
  #stored = "";

  constructor(app: AnyApp, inner: Persistence, source: VersionSource) {
    this.#app = app;
    this.#inner = inner;
    this.#source = source;
    this.#stored = markText({ code: app.version, server: app.version });
  }

  /**
   * What is stored, as this version of the app has it.
   *
   * @throws {DriftlessError} `upgrade_required` when newer code has stored it: nothing is touched
   */
  async load(): Promise<PersistedClient | null> {
    const { version } = this.#app;
    const persisted = await this.#inner.load();
    if (persisted === null) return null;
    const { replica, pending } = persisted;
    const { code, server, epoch } = readMark(replica.epoch);
    const newest = pending.reduce((max, { appVersion = 1 }) => Math.max(max, appVersion), code);
    if (newest > version) {
      throw new DriftlessError(
        "upgrade_required",
        `This device holds data of version ${newest} of the app, and this is version ${version}: ` +
          "load the app anew",
      );
    }
    this.#stored = markText({ code, server });
    const from = Math.max(code, server);
    const upgraded = upgradePersisted(
      this.#app,
      { ...persisted, replica: { ...replica, epoch } },
      from,
    );
    await this.#keep(persisted, upgraded);
    return upgraded;
  }

  /** As the inner storage's; what is put carries this version. */
  saveQueue(batches: readonly PersistBatch[]): Promise<void> {
    return this.#inner.saveQueue(batches.map((batch) => this.#marked(batch)));
  }

  /** As the inner storage's; rows of another version there are replaced as a whole. */
  async saveRows(moves: readonly ReplicaMove[]): Promise<void> {
    const { version } = this.#app;
    const server = Math.max(version, this.#source.serverVersion());
    const mark = markText({ code: version, server });
    const isWhole = (move: ReplicaMove) => move.kind === "snapshot" && move.gone === undefined;
    const isFitting = mark === this.#stored || moves.some(isWhole);
    const fitting: readonly ReplicaMove[] = isFitting
      ? moves
      : [{ kind: "snapshot", ...this.#source.replica() }];
    await this.#inner.saveRows(fitting.map((move) => markedMove(mark, move)));
    this.#stored = mark;
  }

  /** The rows as they are stored; those of other code keep its mark, so as to stand elsewhere. */
  async readRows(): Promise<Replica | null | undefined> {
    const replica = await this.#inner.readRows?.();
    if (!replica) return replica;
    const { code, epoch } = readMark(replica.epoch);
    return code === this.#app.version ? { ...replica, epoch } : replica;
  }

  /** Lets go of the storage. */
  close(): Promise<void> {
    return this.#inner.close();
  }

  /** Stores the queue as it was led up, so that what is refused now is refused once. */
  async #keep(before: PersistedClient, { pending }: PersistedClient): Promise<void> {
    const known = new Set(before.pending);
    const put = pending.filter((record) => !known.has(record));
    const { identity } = before;
    if (put.length > 0 && identity !== null) {
      await this.#inner.saveQueue([{ token: 0, identity, put, drop: [] }]);
    }
  }

  #marked(batch: PersistBatch): PersistBatch {
    const { version: appVersion } = this.#app;
    if (appVersion === 1) return batch;
    return { ...batch, put: batch.put.map((record) => ({ ...record, appVersion })) };
  }
}
