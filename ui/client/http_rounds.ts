/**
 * Sync over HTTP, for as long as there is no live connection: rounds of a push and then a pull.
 *
 * One thing at a time, and never beside a live connection: the effects of a mutation that arrive one way
 * while its answer is under way on the other would show twice.
 */
import type { SyncClient } from "../../core/client.ts";
import { DriftlessError } from "../../core/errors.ts";
import type { LoadedSnapshot } from "../../core/snapshot.ts";
import { type HttpSync, RefusedError } from "./http_sync.ts";
import { backoffMs } from "./live_connection.ts";

const PUSH_INTERVAL_MS = 1_000;
const PULL_INTERVAL_MS = 30_000;
/** How long a live connection that is open waits for a round to end, in milliseconds. */
const FINISH_MS_MAX = 2_000;

/** What the rounds need and tell. */
export interface RoundsOptions {
  readonly http: HttpSync;
  readonly scope: string;
  readonly pushIntervalMs?: number;
  readonly pullIntervalMs?: number;
  /** Whether a live connection is open. */
  readonly isConnected: () => boolean;
  /** Finds out what differs from the server's rows; `null` when all of them are to be loaded. */
  readonly repair?: ((signal: AbortSignal) => Promise<LoadedSnapshot | null>) | undefined;
  /** The server has decided on mutations. */
  readonly decided: () => void;
  /** A round by itself failed; another one follows. */
  readonly failed: (error: DriftlessError) => void;
}

/** The rounds of one client. */
export class HttpRounds {
  readonly #options: RoundsOptions;
  #machine: SyncClient | null = null;
  #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #job: Promise<void> | null = null;
  #pulledAt = -Infinity;
  #notBefore = -Infinity;
  #failures = 0;
  #needsSnapshot = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Rounds begin as soon as something waits, or a pull is due. */
  open(machine: SyncClient): void {
    this.#machine = machine;
    this.#abort = new AbortController();
    this.#pulledAt = -Infinity;
    this.hurry();
  }

  /** Calls off what is under way; no round begins any more. */
  close(): void {
    this.#machine = null;
    this.#needsSnapshot = false;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  /** Forgets earlier failures: the network may be back. */
  hurry(): void {
    if (this.#machine === null) return;
    this.#notBefore = -Infinity;
    this.#failures = 0;
    this.#wait();
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#job !== null) await this.#job.catch(() => {});
  }

  /** As `idle`, but calls off what takes too long. */
  async finish(): Promise<void> {
    const timer = setTimeout(() => {
      this.#abort.abort();
      if (this.#machine !== null) this.#abort = new AbortController();
    }, FINISH_MS_MAX);
    await this.idle();
    clearTimeout(timer);
  }

  /** The machine asks for a snapshot. */
  needSnapshot(): void {
    this.#needsSnapshot = true;
  }

  /** Whether a snapshot is needed that nobody is loading: then a live connection loads it. */
  get needsSnapshot(): boolean {
    return this.#needsSnapshot;
  }

  /** Pushes and pulls everything; joins a round that is under way. */
  sync(): Promise<void> {
    return this.#do((machine, signal) => this.#round(machine, signal));
  }

  /** Loads all rows, for a live connection that needs them. */
  loadSnapshot(): Promise<void> {
    return this.#do((machine, signal) => this.#replace(machine, signal));
  }

  #do(job: (machine: SyncClient, signal: AbortSignal) => Promise<void>): Promise<void> {
    const machine = this.#machine;
    if (machine === null) {
      return Promise.reject(new DriftlessError("unavailable", "The client uses no network"));
    }
    return this.#job ??= this.#counted(job(machine, this.#abort.signal), this.#abort.signal);
  }

  async #counted(work: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await work;
      this.#failures = 0;
    } catch (error) {
      const told = error instanceof RefusedError ? error.retryAfterMs : 0;
      const wait = Math.max(told, backoffMs(this.#failures, Math.random()));
      if (!signal.aborted) {
        this.#failures++;
        this.#notBefore = performance.now() + wait;
      }
      throw error;
    } finally {
      this.#job = null;
    }
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const { pushIntervalMs = PUSH_INTERVAL_MS } = this.#options;
    this.#timer = setTimeout(() => this.#tick(), pushIntervalMs);
  }

  async #tick(): Promise<void> {
    const { signal } = this.#abort;
    const machine = this.#machine;
    try {
      if (this.#isDue()) await this.sync();
    } catch (error) {
      if (!signal.aborted) this.#options.failed(error as DriftlessError);
    }
    if (machine !== null && machine === this.#machine) this.#wait();
  }

  #isDue(): boolean {
    const now = performance.now();
    const { isConnected, pullIntervalMs = PULL_INTERVAL_MS } = this.#options;
    if (isConnected() || this.#job !== null || now < this.#notBefore) return false;
    return now - this.#pulledAt >= pullIntervalMs ||
      this.#machine?.pending.some(({ state }) => state === "queued") === true;
  }

  async #round(machine: SyncClient, signal: AbortSignal): Promise<void> {
    this.#pulledAt = performance.now();
    await this.#push(machine, signal);
    if (!this.#needsSnapshot && machine.cursor > 0) await this.#pull(machine, signal);
    if (this.#needsSnapshot || machine.cursor === 0) await this.#replace(machine, signal);
  }

  async #push(machine: SyncClient, signal: AbortSignal): Promise<void> {
    let place = "";
    for (let batch = machine.takeBatch(); batch.length > 0; batch = machine.takeBatch()) {
      try {
        const [first] = batch;
        const before = place;
        place = `${first?.client} ${first?.seq}`;
        if (place === before) {
          throw new DriftlessError("unavailable", "The server takes mutations and decides none");
        }
        const { results, epoch } = await this.#options.http.push(batch, signal);
        machine.decided(results, epoch);
      } catch (error) {
        machine.pushFailed();
        throw error;
      }
      this.#options.decided();
    }
  }

  async #pull(machine: SyncClient, signal: AbortSignal): Promise<void> {
    const { http, scope } = this.#options;
    try {
      for (let from = -1; from < machine.cursor;) {
        from = machine.cursor;
        const page = await http.pull(scope, from, signal);
        machine.pulled(page);
        if (!page.more) break;
      }
    } catch (error) {
      if (!(error instanceof DriftlessError) || error.code !== "cursor_too_old") throw error;
      machine.cursorLost();
    }
  }

  async #replace(machine: SyncClient, signal: AbortSignal): Promise<void> {
    const { http, scope, repair } = this.#options;
    this.#needsSnapshot = false;
    const loaded = await repair?.(signal) ?? await http.snapshot(scope, signal);
    // A round that was called off must not move rows beside a live connection.
    if (signal.aborted) throw new DriftlessError("unavailable", "The round was called off");
    this.#needsSnapshot = false;
    machine.snapshotLoaded(loaded);
  }
}
