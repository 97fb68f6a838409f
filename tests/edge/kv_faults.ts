/** A KV database whose calls can be counted, held up, and made to fail from one of them on. */
import type { KvAtomic, KvConnection } from "../../edge/kv/connection.ts";

/** What a database does wrong. */
export interface KvFaults {
  /** Calls that still go well; `Infinity` unless told otherwise. */
  left: number;
  /** Whether the call that fails is done all the same, as when its answer is lost. */
  isDone: boolean;
  /** Whether commits alone count: no other call leaves anything behind. */
  ofCommits?: boolean;
  /** Runs before each call. */
  before?: ((name: "getMany" | "list" | "commit") => Promise<void> | void) | undefined;
  /** Runs before each answer. */
  after?: ((name: "getMany" | "list" | "commit") => Promise<void> | void) | undefined;
}

/** A database without faults yet. */
export function noFaults(): KvFaults {
  return { left: Infinity, isDone: false };
}

/** The database as who uses it sees it, with its faults. */
export function faulty(kv: Deno.Kv, faults: KvFaults): KvConnection {
  const strike = async <T>(
    name: "getMany" | "list" | "commit",
    call: () => Promise<T>,
  ): Promise<T> => {
    await faults.before?.(name);
    const counts = faults.ofCommits !== true || name === "commit" || faults.left < 0;
    const left = counts ? faults.left-- : faults.left + 1;
    if (left > 0) {
      const answer = await call();
      await faults.after?.(name);
      return answer;
    }
    // After the first failure the process is as good as dead.
    if (left === 0 && faults.isDone) await call();
    throw new TypeError("the connection is gone");
  };
  return {
    getMany: (keys) => strike("getMany", () => kv.getMany([...keys])),
    async *list(selector, options) {
      yield* await strike("list", () => Array.fromAsync(kv.list(selector, options)));
    },
    atomic(): KvAtomic {
      const atomic = kv.atomic();
      return {
        check: (...checks) => atomic.check(...checks),
        set: (key, value) => atomic.set(key, value),
        delete: (key) => atomic.delete(key),
        commit: () => strike("commit", () => atomic.commit()),
      };
    },
    watch: (keys) => kv.watch([...keys]),
  };
}
