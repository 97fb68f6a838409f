/**
 * The state of islands in the SQLite file, beside the rows: bounded in age and in bytes.
 *
 * It outlives the process and not a power cut: a save waits for no disk, so that one can follow every
 * event. The next durable commit takes it along.
 */
import { utf8Length } from "../core/json.ts";
import type { IslandStorage } from "../ui/live_holder.ts";
import type { SqlDatabase, SqlStatement } from "./sql.ts";

/** Bytes of all saved state together; the one that was saved longest ago goes first. */
export const ISLAND_STATES_BYTES_MAX = 256 * 1024 * 1024;

/** Saved state, and what keeps it bounded. */
export interface IslandStates extends IslandStorage {
  /** Removes what is too old; call it now and then. */
  trim(): void;
}

/** What may differ from the defaults. */
export interface IslandStatesOptions {
  /** Milliseconds since 1970. @default {Date.now} */
  readonly now?: () => number;
  /** @default {ISLAND_STATES_BYTES_MAX} */
  readonly bytesMax?: number;
}

const STATEMENTS = {
  lax: "PRAGMA synchronous = NORMAL",
  strict: "PRAGMA synchronous = FULL",
  load: "SELECT text FROM island_states WHERE key = ? AND expires > ?",
  bytes: "SELECT bytes FROM island_states WHERE key = ?",
  total: "SELECT coalesce(sum(bytes), 0) AS bytes FROM island_states",
  save: `INSERT OR REPLACE INTO island_states (key, saved, expires, bytes, text)
    VALUES (?, ?, ?, ?, ?)`,
  remove: "DELETE FROM island_states WHERE key = ?",
  expire: "DELETE FROM island_states WHERE expires <= ?",
  oldest: "SELECT key, bytes FROM island_states ORDER BY saved, key LIMIT 1",
} as const;

/** For a connection that knows no pragma. */
const STATEMENTS_ALONE = { ...STATEMENTS, lax: "SELECT 0", strict: "SELECT 0" };

/** The saved state in a file, on the connection that writes it. */
export class SqliteIslands implements IslandStates {
  readonly #statements: Readonly<Record<keyof typeof STATEMENTS, SqlStatement>>;
  readonly #now: () => number;
  readonly #bytesMax: number;
  /** Of all; other processes may make it wrong, until it is trimmed. */
  #bytes = 0;

  constructor(db: SqlDatabase, options: IslandStatesOptions = {}) {
    const texts = db.transact === undefined ? STATEMENTS : STATEMENTS_ALONE;
    this.#statements = Object.fromEntries(
      Object.entries(texts).map(([name, sql]) => [name, db.prepare(sql)]),
    ) as Record<keyof typeof STATEMENTS, SqlStatement>;
    this.#now = options.now ?? Date.now;
    this.#bytesMax = options.bytesMax ?? ISLAND_STATES_BYTES_MAX;
    this.#bytes = this.#total();
  }

  load(key: string): string | undefined {
    return this.#statements.load.get(key, this.#now())?.text as string | undefined;
  }

  save(key: string, text: string, keepMs: number): void {
    const now = this.#now();
    const bytes = utf8Length(text);
    this.#written(() => {
      this.#bytes += bytes - this.#bytesOf(key);
      this.#statements.save.run(key, now, now + keepMs, bytes, text);
      while (this.#bytes > this.#bytesMax) {
        const oldest = this.#statements.oldest.get();
        if (oldest === undefined) break;
        this.#statements.remove.run(oldest.key as string);
        this.#bytes -= oldest.bytes as number;
      }
    });
  }

  remove(key: string): void {
    this.#written(() => {
      this.#bytes -= this.#bytesOf(key);
      this.#statements.remove.run(key);
    });
  }

  trim(): void {
    this.#written(() => this.#statements.expire.run(this.#now()));
    this.#bytes = this.#total();
  }

  #written(work: () => void): void {
    this.#statements.lax.run();
    try {
      work();
    } finally {
      this.#statements.strict.run();
    }
  }

  #bytesOf(key: string): number {
    return (this.#statements.bytes.get(key)?.bytes ?? 0) as number;
  }

  #total(): number {
    return this.#statements.total.get()?.bytes as number;
  }
}
