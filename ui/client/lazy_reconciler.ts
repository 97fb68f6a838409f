/**
 * What keeps a client's rows equal to the server's, for the client that is loaded: it only holds the
 * place. The rest comes when there is something to compare or to repair, and a client whose server
 * keeps no digests never loads it.
 */
import type { SyncClient } from "../../core/client.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { ReplicaMove, Standing } from "../../core/persistence.ts";
import type { LoadedSnapshot } from "../../core/snapshot.ts";
import type { DownMessage } from "../../core/wire/messages.ts";
import type { ClientStorage } from "./client_storage.ts";
import type { HttpRounds } from "./http_rounds.ts";
import type { HttpSync } from "./http_sync.ts";
import type { Connection } from "./live_connection.ts";
import type { ReconcileClient } from "./reconcile_client.ts";
import type { AuditReport, Integrity, ReconcileProgress } from "./reconcile_report.ts";

/** What the engine gives to it. */
export interface ReconcilerOptions {
  readonly scope: string;
  readonly http: Pick<HttpSync, "send" | "timeoutMs">;
  readonly rounds: Pick<HttpRounds, "idle" | "sync">;
  readonly live: Pick<Connection, "send">;
  readonly storage: Pick<ClientStorage, "rows" | "move">;
  /** Of the client that runs. */
  readonly machine: () => SyncClient;
  readonly isNetworking: () => boolean;
  /** Whether the machine knows of a live connection. */
  readonly isGreeted: () => boolean;
  /** Has the rows replaced, which the live connection does not bring; tells of a failure itself. */
  readonly replace: () => Promise<void>;
  readonly show: (integrity: Integrity) => void;
}

/** What the loaded part is given. */
export interface ReconcileClientOptions extends ReconcilerOptions {
  /** Hears of each step. */
  readonly told: (progress: ReconcileProgress) => void;
  /** What the live connection began with, if there is one. */
  readonly welcome: () => Welcome | null;
}

/** All rows at a place have this digest, says the server. */
export interface Claim extends Standing {
  readonly root: Uint8Array;
}

/** What the live connection's server has said of itself. */
export type Welcome = DownMessage & { readonly kind: "welcome" };

/** As the engine sees it. */
export interface Reconciler {
  /** The server claims a digest for the rows at a cursor, where they stand. */
  rooted(cursor: number, root: Uint8Array): void;
  /** The rows move. */
  moved(move: ReplicaMove): void;
  /** The live connection brought a message; returns whether it was for nobody else. */
  received(message: DownMessage): boolean;
  /** The live connection is gone. */
  closed(): void;
  /** Finds what differs; `null` when all rows are to be loaded. */
  repair(signal: AbortSignal): Promise<LoadedSnapshot | null>;
  /** Ends with the machine. */
  stop(): Promise<void>;
}

/** Loads the rest of it when it is needed. */
export class LazyReconciler implements Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #told: (progress: ReconcileProgress) => void;
  #welcome: Welcome | null = null;
  #client: ReconcileClient | null = null;
  #opening: Promise<ReconcileClient | null> | null = null;
  /** Counts the machines that were stopped. */
  #runs = 0;

  /** `told` hears of each step. */
  constructor(options: ReconcilerOptions, told: (progress: ReconcileProgress) => void) {
    this.#options = options;
    this.#told = told;
  }

  rooted(cursor: number, root: Uint8Array): void {
    const { epoch } = this.#options.machine();
    this.#open().then((client) => client?.claimed({ cursor, epoch, root }));
  }

  moved(move: ReplicaMove): void {
    this.#client?.moved(move);
  }

  received(message: DownMessage): boolean {
    if (message.kind === "welcome") this.#welcome = message;
    return this.#client?.received(message) ?? false;
  }

  closed(): void {
    this.#welcome = null;
    this.#client?.closed();
  }

  async repair(signal: AbortSignal): Promise<LoadedSnapshot | null> {
    // Without rows there is nothing to keep; a server that keeps no digests has said so.
    if (this.#options.machine().cursor === 0) return null;
    if (this.#welcome !== null && this.#welcome.root === undefined) return null;
    return await (await this.#open())?.repair(signal) ?? null;
  }

  /** @throws {DriftlessError} `unavailable` when it cannot be loaded, and what storage fails with */
  async audit(): Promise<AuditReport> {
    const client = await this.#open();
    if (client === null) throw new DriftlessError("unavailable", "Cannot load what audits need");
    return await client.audit();
  }

  async stop(): Promise<void> {
    // What is being loaded, perhaps for long, is of no use any more.
    this.#runs++;
    this.#opening = null;
    await this.#client?.stop();
    this.#client = null;
  }

  #open(): Promise<ReconcileClient | null> {
    const runs = this.#runs;
    return this.#opening ??= this.#load(runs).catch(() => {
      // The next claim tries again.
      if (runs === this.#runs) this.#opening = null;
      return null;
    });
  }

  async #load(runs: number): Promise<ReconcileClient | null> {
    const { openReconcileClient } = await import("./reconcile_client.ts");
    const client = await openReconcileClient({
      ...this.#options,
      told: this.#told,
      welcome: () => this.#welcome,
    });
    if (runs !== this.#runs) return null;
    return this.#client = client;
  }
}
