/**
 * What work on a store has to do besides: it is done once the work counts, however often it was run.
 */
import { type AnyStore, isSuspending } from "./suspend.ts";

/** Puts effects off while work may run again. */
export class Afterwards {
  readonly #store: AnyStore;
  /** What the run that is going on has to do; `null` when none may be repeated. */
  #effects: (() => void)[] | null = null;

  constructor(store: AnyStore) {
    this.#store = store;
  }

  /** Runs work, as `settled` of `core/suspend.ts`; then what the last run of it has to do. */
  settled<T>(work: () => T): T | Promise<T> {
    const store = this.#store;
    if (!isSuspending(store)) return work();
    let effects: (() => void)[] = [];
    let thrown: unknown;
    const run = (): T => {
      this.#effects = effects = [];
      thrown = undefined;
      try {
        return work();
      } catch (error) {
        thrown = error;
        throw error;
      } finally {
        this.#effects = null;
      }
    };
    const finish = () => effects.forEach((effect) => effect());
    return store.settle(run).then((value) => {
      finish();
      return value;
    }, (error) => {
      // Another error is the store's: then no run has counted.
      if (error === thrown) finish();
      throw error;
    });
  }

  /** Does that, at once or afterwards. */
  do(effect: () => void): void {
    if (this.#effects === null) effect();
    else this.#effects.push(effect);
  }
}
