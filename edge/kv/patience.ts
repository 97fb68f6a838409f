/**
 * A KV database that waits for its turn: in a file that several processes write, a call of one that
 * comes at the wrong moment fails, with nothing done, and is made again.
 */
import type { KvAtomic, KvCheck, KvConnection, KvEntry, KvKey, KvSelector } from "./connection.ts";

/** How long a call is made again and again while the file is locked, in milliseconds. */
export const LOCKED_MS_MAX = 10_000;
/** How long to wait in between at the most, in milliseconds. */
const WAIT_MS_MAX = 20;
const LOCKED = "database is locked";

/** The same database, whose calls wait as long as others keep it locked. */
export class PatientKv implements KvConnection {
  readonly #kv: KvConnection;

  constructor(kv: KvConnection) {
    this.#kv = kv;
  }

  getMany(keys: readonly KvKey[]): Promise<readonly KvEntry[]> {
    return patiently(() => this.#kv.getMany(keys));
  }

  async *list(
    selector: KvSelector,
    options?: { limit?: number; batchSize?: number },
  ): AsyncIterable<KvEntry> {
    // A list that has begun goes on: only its beginning takes the lock.
    const [entries, first] = await patiently(async () => {
      const iterator = this.#kv.list(selector, options)[Symbol.asyncIterator]();
      return [iterator, await iterator.next()] as const;
    });
    for (let next = first; next.done !== true; next = await entries.next()) yield next.value;
  }

  atomic(): KvAtomic {
    const atomic = this.#kv.atomic();
    return {
      check: (...checks: KvCheck[]) => atomic.check(...checks),
      set: (key: KvKey, value: unknown, options?: { expireIn?: number }) =>
        atomic.set(key, value, options),
      delete: (key: KvKey) => atomic.delete(key),
      commit: () => patiently(() => atomic.commit()),
    };
  }

  watch(keys: readonly KvKey[]): ReadableStream<readonly KvEntry[]> {
    return this.#kv.watch(keys);
  }
}

async function patiently<T>(call: () => Promise<T>): Promise<T> {
  const start = performance.now();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isLocked = error instanceof Error && error.message.includes(LOCKED);
      if (!isLocked || performance.now() - start > LOCKED_MS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * WAIT_MS_MAX));
    }
  }
}
