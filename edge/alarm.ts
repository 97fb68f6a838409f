/** Calls back once after the shortest of the waits that were asked for. */
export class Alarm {
  readonly #now: () => number;
  readonly #ring: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Infinity;

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(now: () => number, ring: () => void) {
    this.#now = now;
    this.#ring = ring;
  }

  set(afterMs: number): void {
    const due = this.#now() + afterMs;
    if (due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#due = Infinity;
      this.#ring();
    }, afterMs);
  }

  /** Never calls back any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#due = -Infinity;
  }
}
