/**
 * The upkeep of a handler's store: its rows are of the app's version before anybody is served, and its
 * logs are cut to their retention.
 *
 * Where the data is elsewhere nothing is done before the first request: some platforms allow no input
 * or output earlier.
 */
import type { AnyApp } from "../core/app.ts";
import type { Clock } from "../core/ports.ts";
import type { SyncServer } from "../core/server.ts";
import { type AnyStore, isSuspending, whenSettled } from "../core/suspend.ts";
import { type UpgradeProgress, upgradeStore } from "../core/upgrade.ts";
import { errorText, type Log } from "./log.ts";

/** What {@linkcode Upkeep} is about. */
export interface UpkeepOptions {
  readonly app: AnyApp;
  readonly store: AnyStore;
  readonly server: SyncServer;
  readonly clock: Clock;
  readonly log: Log;
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
}

/** How often an upgrade of the rows tells how far it is, in milliseconds. */
const UPGRADE_LOG_MS = 1_000;

/** Looks after one store. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #isUpgraded = false;
  #upgrading: Promise<void> | undefined;

  /** @throws {DriftlessError} as {@linkcode upgradeStore}, where the store has all its data at hand */
  constructor(options: UpkeepOptions) {
    this.#options = options;
    const { app, store, clock, log, now } = options;
    if (isSuspending(store)) return;
    let loggedAt = -Infinity;
    upgradeStore(app, store, clock, (progress) => {
      if (progress.done < progress.total && now() - loggedAt < UPGRADE_LOG_MS) return;
      loggedAt = now();
      log.info("rows upgraded", { ...progress });
    });
    this.#isUpgraded = true;
  }

  /**
   * The rows are of the app's version when this resolves; undefined when they are already. Rejects as
   * {@linkcode upgradeStore} throws; the next call tries again.
   */
  ready(): Promise<void> | undefined {
    if (this.#isUpgraded) return undefined;
    this.#upgrading ??= this.#upgrade().finally(() => this.#upgrading = undefined);
    return this.#upgrading;
  }

  /** Trims the logs, those at hand in this turn; failures go to the log. */
  async trim(): Promise<void> {
    const { server, store, log } = this.#options;
    try {
      const trimmed = isSuspending(store) ? this.#trimEach() : server.trim();
      await whenSettled(trimmed, (changes) => {
        if (changes > 0) log.info("log trimmed", { changes });
      });
    } catch (error) {
      log.error("trim failed", { error: errorText(error) });
    }
  }

  async #upgrade(): Promise<void> {
    const { app, store, server, clock, log } = this.#options;
    let last: UpgradeProgress | undefined;
    await server.settled(() => upgradeStore(app, store, clock, (progress) => last = progress));
    if (last !== undefined) log.info("rows upgraded", { ...last });
    this.#isUpgraded = true;
  }

  /** Scope by scope: what is trimmed together has to be fetched together. */
  async #trimEach(): Promise<number> {
    const { server, store } = this.#options;
    let changes = 0;
    for (const scope of await server.settled(() => store.scopes())) {
      changes += await server.settled(() => server.trim(scope));
    }
    return changes;
  }
}
