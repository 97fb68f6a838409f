/**
 * Trims the logs now and then, where instances come and go: whichever is asked something when it is
 * time again does it, and no other one.
 */
import { type KvConnection, kvFailure } from "../kv/connection.ts";
import { jsonBytes, jsonOf, type KvLayout } from "../kv/layout.ts";

/** What trimming needs. */
export interface TrimmingParts {
  readonly kv: KvConnection;
  readonly layout: KvLayout;
  /** Trims; its failures are its own affair. */
  readonly trim: () => Promise<void>;
  /** How long after a trim the next one is due, in milliseconds. */
  readonly everyMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly failed: (error: unknown) => void;
}

/** When to trim. */
export class Trimming {
  readonly #parts: TrimmingParts;
  /** When to ask the database again. */
  #next = 0;
  #running: Promise<void> | undefined;

  constructor(parts: TrimmingParts) {
    this.#parts = parts;
  }

  /** A request has come: trims when it is time, and keeps nobody waiting. */
  asked(): void {
    if (this.#running !== undefined || this.#parts.now() < this.#next) return;
    this.#running = this.#trimIfDue()
      .catch((error) => this.#parts.failed(kvFailure(error)))
      .finally(() => this.#running = undefined);
  }

  /** Resolves when a trim that is going on has ended. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #trimIfDue(): Promise<void> {
    const { kv, layout, trim, everyMs, now } = this.#parts;
    const time = now();
    this.#next = time + everyMs;
    const key = layout.key("trimmed");
    const [entry] = await kv.getMany([key]);
    const last = entry === undefined || entry.value === null ? 0 : jsonOf<number>(entry.value);
    if (time - last < everyMs) {
      this.#next = last + everyMs;
      return;
    }
    const atomic = kv.atomic();
    atomic.check({ key, versionstamp: entry?.versionstamp ?? null });
    atomic.set(key, jsonBytes(time));
    if ((await atomic.commit()).ok) await trim();
  }
}
