/** Writes a client's steps to storage: in order, one write at a time, whatever waits in one go. */
import { DriftlessError } from "../../core/errors.ts";

/** A queue of steps in front of one kind of write. */
export class StorageLane<Step> {
  readonly #save: (steps: readonly Step[]) => Promise<void>;
  readonly #done: (steps: readonly Step[], error: DriftlessError | null) => void;
  #waiting: Step[] = [];
  #running: Promise<void> | null = null;

  /** `done` hears of each group of steps, once they are stored or refused. */
  constructor(
    save: (steps: readonly Step[]) => Promise<void>,
    done: (steps: readonly Step[], error: DriftlessError | null) => void,
  ) {
    this.#save = save;
    this.#done = done;
  }

  /** Adds a step. */
  add(step: Step): void {
    this.#waiting.push(step);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // Steps of the same turn go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const steps = this.#waiting;
      this.#waiting = [];
      let failure: DriftlessError | null = null;
      try {
        await this.#save(steps);
      } catch (error) {
        failure = error instanceof DriftlessError
          ? error
          : new DriftlessError("store_failed", `Cannot write to storage: ${String(error)}`, {
            cause: error,
          });
      }
      this.#done(steps, failure);
    }
    this.#running = null;
  }
}
