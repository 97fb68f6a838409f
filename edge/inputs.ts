/**
 * The inputs of one connection, one after the other: while one waits for the store, the others wait for
 * it, within bounds.
 *
 *     input ── reads ── at hand ──────────────────── goes on, at once
 *                         └ elsewhere … fetched ──── goes on ── then those that came meanwhile
 */

/** Inputs that wait behind one: what a connection may say at once, with the commits of as long. */
export const INPUTS_WAITING_MAX = 4_000;
/** Bytes of messages among them. */
export const INPUT_BYTES_WAITING_MAX = 4 * 1024 * 1024;

/** Whom inputs tell of what cannot go on. */
export interface InputsOptions {
  /** Told once when too many wait; nothing of them runs any more. */
  readonly overflowed: () => void;
  /** Told what an input threw that did not run at once. */
  readonly failed: (error: unknown) => void;
}

interface Waiting {
  readonly input: () => void;
  readonly bytes: number;
}

/** The order of inputs. */
export class Inputs {
  readonly #options: InputsOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Reads that the input which runs waits for. */
  #reads = 0;
  #isClosed = false;

  constructor(options: InputsOptions) {
    this.#options = options;
  }

  /** Runs an input, at once if none is before it. `bytes` is what it keeps in memory until then. */
  take(input: () => void, bytes = 0): void {
    if (this.#isClosed) return;
    if (this.#reads === 0 && this.#waiting.length === 0) return input();
    const isFull = this.#waiting.length >= INPUTS_WAITING_MAX ||
      this.#waitingBytes + bytes > INPUT_BYTES_WAITING_MAX;
    if (isFull) {
      this.close();
      return this.#options.overflowed();
    }
    this.#waiting.push({ input, bytes });
    this.#waitingBytes += bytes;
  }

  /** The input that runs goes on when this is settled. */
  wait<T>(
    result: Promise<T>,
    then: (value: T) => void,
    failed: (error: unknown) => void,
  ): void {
    this.#reads++;
    result.then(
      (value) => this.#goOn(() => then(value)),
      (error) => this.#goOn(() => failed(error)),
    );
  }

  /** Drops what waits, for good. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #goOn(rest: () => void): void {
    if (this.#isClosed) return;
    this.#guarded(rest);
    this.#reads--;
    let next = this.#next();
    while (next !== undefined) {
      this.#guarded(next.input);
      next = this.#next();
    }
  }

  #next(): Waiting | undefined {
    if (this.#reads > 0) return undefined;
    const next = this.#waiting.shift();
    this.#waitingBytes -= next?.bytes ?? 0;
    return next;
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#options.failed(error);
    }
  }
}
