/** The newest entries of a scope's change log, read as any program would: over HTTP, in JSON. */

/** One entry, as `POST /_sync/pull` gives it. */
export interface LogEntry {
  readonly cursor: number;
  readonly entity: string;
  readonly id: string;
  readonly op: "create" | "update" | "delete";
  /** The record; absent or `null` for a delete. */
  readonly data?: Readonly<Record<string, unknown>> | null;
  /** Milliseconds since 1970, or a date in text. */
  readonly time?: number | string;
}

interface LogPage {
  readonly changes: readonly LogEntry[];
  readonly has_more: boolean;
  readonly next_cursor: number;
}

/** Entries that are kept. */
export const LOG_ENTRIES_MAX = 40;

/** A window on the end of the log. */
export class ChangeLog {
  readonly #scope: string;
  readonly #changed: () => void;
  #entries: readonly LogEntry[] = [];
  #cursor = -1;
  #target = 0;
  #isReading = false;

  constructor(scope: string, changed: () => void) {
    this.#scope = scope;
    this.#changed = changed;
  }

  /** Newest first. */
  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** The log is known to reach to this cursor. */
  async follow(cursor: number): Promise<void> {
    if (cursor < this.#cursor) this.#restart();
    this.#target = cursor;
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#cursor < this.#target && await this.#readPage());
    } finally {
      this.#isReading = false;
    }
  }

  /** Reads on; false when that must wait for the next call. */
  async #readPage(): Promise<boolean> {
    const from = Math.max(this.#cursor, this.#target - LOG_ENTRIES_MAX, 0);
    const page = await pull(this.#scope, from);
    if (page === "gone") this.#cursor = this.#target;
    if (typeof page === "string") return false;
    this.#cursor = page.next_cursor;
    this.#entries = [...page.changes.toReversed(), ...this.#entries].slice(0, LOG_ENTRIES_MAX);
    this.#changed();
    return page.changes.length > 0;
  }

  /** Another history: a server that was restored counts from elsewhere. */
  #restart(): void {
    this.#cursor = -1;
    this.#entries = [];
  }
}

/** A page of the log; `"gone"` when the log begins later, `"failed"` when nobody answers. */
async function pull(scope: string, cursor: number): Promise<LogPage | "gone" | "failed"> {
  try {
    const response = await fetch("/_sync/pull", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ scope, cursor, limit: LOG_ENTRIES_MAX }),
    });
    if (response.ok) return await response.json() as LogPage;
    return response.status === 410 ? "gone" : "failed";
  } catch {
    return "failed";
  }
}
