/** Waits for states that come about by events. */

/** Conditions that somebody waits for. */
export class Conditions {
  readonly #waiting = new Map<() => boolean, () => void>();

  /** Resolves once the condition holds. */
  async met(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => this.#waiting.set(condition, resolve));
  }

  /** Looks again: something happened. */
  review(): void {
    for (const [condition, resolve] of this.#waiting) {
      if (!condition()) continue;
      this.#waiting.delete(condition);
      resolve();
    }
  }
}
