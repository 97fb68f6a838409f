/**
 * State of islands that is saved elsewhere: fetched before an island is shown, written behind its back.
 *
 * Of one key only the newest change is written. One that fails is reported, and the next one of that
 * key is another try.
 */
import type { IslandStorage } from "../ui/live_holder.ts";

/** Saved state of islands, where saving and loading take time. */
export interface AsyncIslandStates {
  /** What was saved under a key, unless its time is over. */
  load(key: string): Promise<string | undefined>;
  /** Replaces what is under the key, and keeps it for so many milliseconds. */
  save(key: string, text: string, keepMs: number): Promise<void>;
  /** Forgets what is under the key. */
  remove(key: string): Promise<void>;
  /** Removes what is too old or too much; called now and then. */
  trim(): Promise<void>;
}

/** A text, or nothing where a key is to be forgotten. */
interface Change {
  readonly text: string | undefined;
  readonly keepMs: number;
}

const NOTHING: ReadonlyMap<string, string | undefined> = new Map();

/** Makes such state look as if it were at hand. */
export class FetchedIslands implements IslandStorage {
  readonly #states: AsyncIslandStates;
  readonly #failed: (error: unknown) => void;
  /** What has come, for the work that is done with it. */
  #fetched: ReadonlyMap<string, string | undefined> = NOTHING;
  /** What is not written yet. */
  readonly #changes = new Map<string, Change>();

  constructor(states: AsyncIslandStates, failed: (error: unknown) => void) {
    this.#states = states;
    this.#failed = failed;
  }

  async fetch(keys: readonly string[]): Promise<(work: () => void) => void> {
    const loads = keys.map(async (key) => [key, await this.#states.load(key)] as const);
    const fetched = new Map(await Promise.all(loads));
    return (work) => {
      this.#fetched = fetched;
      try {
        work();
      } finally {
        this.#fetched = NOTHING;
      }
    };
  }

  load(key: string): string | undefined {
    const change = this.#changes.get(key);
    return change === undefined ? this.#fetched.get(key) : change.text;
  }

  save(key: string, text: string, keepMs: number): void {
    this.#change(key, { text, keepMs });
  }

  remove(key: string): void {
    this.#change(key, { text: undefined, keepMs: 0 });
  }

  #change(key: string, change: Change): void {
    const isBusy = this.#changes.has(key);
    this.#changes.set(key, change);
    if (!isBusy) this.#write(key, change);
  }

  #write(key: string, change: Change): void {
    const { text, keepMs } = change;
    const written = text === undefined
      ? this.#states.remove(key)
      : this.#states.save(key, text, keepMs);
    written.catch(this.#failed).then(() => {
      const newest = this.#changes.get(key);
      if (newest !== undefined && newest !== change) this.#write(key, newest);
      else this.#changes.delete(key);
    });
  }
}
