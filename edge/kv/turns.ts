/** Commits of one process, one after another: two at once would only make each other void. */

/** Who commits, and who waits for it. */
export class CommitTurns {
  #last: Promise<void> = Promise.resolve();
  #taken = 0;

  /** Whether nobody commits, nor waits to. */
  get isFree(): boolean {
    return this.#taken === 0;
  }

  /** Takes the next turn, and waits for it; what is returned ends it, and may be called twice. */
  async wait(): Promise<() => void> {
    const before = this.#last;
    const end = this.take();
    await before;
    return end;
  }

  /** Takes a turn that is free. */
  take(): () => void {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = before.then(() => promise);
    this.#taken++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#taken--;
      resolve();
    };
  }
}
