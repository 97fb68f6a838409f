/** Fetches collections that are elsewhere: each once at a time, and again if it changes meanwhile. */
import type { Json } from "../core/json.ts";

/** The records of a collection with their ids, frozen. */
export type LiveRecords = Iterable<readonly [id: string, record: Json]>;

interface Load {
  isOutdated: boolean;
  done: Promise<void>;
}

/** What is on its way. */
export class CollectionLoads {
  readonly #fetch: (scope: string, collection: string) => Promise<LiveRecords>;
  readonly #running = new Map<string, Load>();

  constructor(fetch: (scope: string, collection: string) => Promise<LiveRecords>) {
    this.#fetch = fetch;
  }

  /** Fetches a collection and gives its records to `arrived`, unless it is on its way already. */
  run(scope: string, name: string, arrived: (records: LiveRecords) => void): Promise<void> {
    const key = keyOf(scope, name);
    const running = this.#running.get(key);
    if (running !== undefined) return running.done;
    const load: Load = { isOutdated: false, done: Promise.resolve() };
    this.#running.set(key, load);
    load.done = this.#load(scope, name, load, arrived);
    return load.done;
  }

  /** A collection has changed: what is on its way of it may be too old. */
  changed(scope: string, name: string): void {
    const load = this.#running.get(keyOf(scope, name));
    if (load !== undefined) load.isOutdated = true;
  }

  async #load(
    scope: string,
    name: string,
    load: Load,
    arrived: (records: LiveRecords) => void,
  ): Promise<void> {
    let records: LiveRecords;
    try {
      do {
        load.isOutdated = false;
        records = await this.#fetch(scope, name);
      } while (load.isOutdated);
    } finally {
      this.#running.delete(keyOf(scope, name));
    }
    arrived(records);
  }
}

function keyOf(scope: string, name: string): string {
  return JSON.stringify([scope, name]);
}
