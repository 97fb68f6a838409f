/**
 * What a client shares with the same client in other tabs: the connection, the stored rows, and the
 * queues that closed tabs have left.
 *
 * The leader alone stores rows. What it did not store when it ended, the next one does.
 */
import type { SyncClient } from "../../core/client.ts";
import type { PendingRecord, Persistence, ReplicaMove } from "../../core/persistence.ts";
import { IdbPersistence } from "./idb_persistence.ts";
import { type Connection, LiveConnection, type LiveOptions } from "./live_connection.ts";
import { TabConnection } from "./tab_connection.ts";

/** Raised when tabs of two versions of this program could misunderstand each other. */
const TABS_VERSION = 1;

/** What a share is made of. */
export interface ShareOptions extends LiveOptions {
  /** The server. */
  readonly url: string;
  /** The version of the app: queues of another one are left to tabs of that. */
  readonly appVersion: number;
  /** `null` before the start and after the end. */
  readonly machine: () => SyncClient | null;
  /** Stores a move behind all that wait. */
  readonly store: (move: ReplicaMove) => void;
}

/** A client's connection and storage, shared or not. */
export interface Share {
  readonly connection: Connection;
  readonly persistence: Persistence;
}

/** Shares with other tabs where they have the same storage, and a browser that lets them talk. */
export function shareTabs(persistence: Persistence, options: ShareOptions): Share {
  const canShare = persistence instanceof IdbPersistence && "BroadcastChannel" in globalThis &&
    globalThis.navigator?.locks !== undefined;
  if (canShare) return new TabShare(persistence, options);
  return { connection: new LiveConnection(options), persistence };
}

class TabShare implements Share {
  readonly connection: TabConnection;
  readonly persistence: Persistence;
  readonly #stored: IdbPersistence;
  readonly #options: ShareOptions;
  /** Whether storage may stand behind what this tab, as a follower, did not store. */
  #isUnsure = false;
  #mayLevel = true;

  constructor(stored: IdbPersistence, options: ShareOptions) {
    this.#stored = stored;
    this.#options = options;
    this.connection = new TabConnection({
      ...options,
      name: `tabs${TABS_VERSION} ${stored.name} ${options.url}`,
      received: (message, channel) => {
        options.received(message, channel);
        if (message.kind === "welcome") this.#greeted();
      },
      led: () => this.#isUnsure = this.#mayLevel = true,
      left: () => this.#greeted(),
    });
    this.persistence = {
      load: () => stored.load(),
      saveQueue: (batches) => stored.saveQueue(batches),
      saveRows: (moves) => this.#saveRows(moves),
      readRows: () => stored.readRows(),
      close: () => stored.close(),
    };
  }

  /** The leader talks to the server: what others left is its business now. */
  #greeted(): void {
    const { machine: running, store, failed } = this.#options;
    const machine = running();
    if (!this.connection.isLeader || !machine?.isLive) return;
    this.#adopt(machine).catch(failed);
    if (!this.#isUnsure) return;
    this.#isUnsure = false;
    store({ kind: "changes", from: machine.cursor, changes: [], epoch: machine.epoch });
  }

  /** Takes in what tabs had queued that are gone; it is sent as soon as it is stored here. */
  async #adopt(machine: SyncClient): Promise<void> {
    const { appVersion } = this.#options;
    const isOurs = (record: PendingRecord) => (record.appVersion ?? 1) === appVersion;
    const orphans = await this.#stored.orphans(isOurs);
    // It may have been stopped meanwhile; then its storage is closed, and has let go of them.
    if (orphans.length > 0 && machine === this.#options.machine()) machine.adopt(orphans);
  }

  async #saveRows(moves: readonly ReplicaMove[]): Promise<void> {
    const last = moves.at(-1);
    if (last === undefined || this.connection.isFollower) return;
    await this.#stored.saveRows(moves);
    const { cursor, epoch } = this.#stored.standing;
    const end = last.kind === "snapshot" ? last.cursor : last.changes.at(-1)?.cursor ?? last.from;
    const machine = this.#options.machine();
    if (epoch === last.epoch && cursor >= end || machine === null || !this.#mayLevel) return;
    // Once for each lead: not again and again on a device that is full, or beside another history.
    this.#mayLevel = false;
    await this.#stored.saveRows([{ kind: "snapshot", ...machine.replica, epoch: last.epoch }]);
  }
}
