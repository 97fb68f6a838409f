/** Work in slices, so that a page answers its user in between. */

/** How long one slice is to take, in milliseconds: half of a frame. */
const SLICE_MS = 8;
/** Items of the first slice, and of one that took too long. */
const SLICE_ITEMS_MIN = 64;
/** How long idle work may be put off, in milliseconds. */
const IDLE_MS_MAX = 1_000;

/** Lets others go first; then says how many milliseconds nobody else is going to want. */
export type Pause = () => Promise<() => number>;

/** Waits until the page has nothing else to do. */
export function idle(): Promise<() => number> {
  if (typeof requestIdleCallback === "undefined") return soon();
  return new Promise((resolve) => {
    const work = (deadline: IdleDeadline) => resolve(() => deadline.timeRemaining());
    requestIdleCallback(work, { timeout: IDLE_MS_MAX });
  });
}

/** Waits until what has happened meanwhile has been answered. */
export function soon(): Promise<() => number> {
  return new Promise((resolve) => setTimeout(resolve, 0, () => 0));
}

/** Takes steps of as many items as fit a slice, until one says that it was the last. */
export async function inSlices(pause: Pause, step: (itemsMax: number) => boolean): Promise<void> {
  let items = SLICE_ITEMS_MIN;
  for (let timeLeft = await pause();;) {
    // A page that nobody sees gets few turns, and has nobody to wait for it.
    if (globalThis.document?.visibilityState === "hidden") items = Infinity;
    const start = performance.now();
    if (step(items)) return;
    // At most twice as many: one quick slice says little of the next.
    const elapsed = Math.max(performance.now() - start, SLICE_MS / 2);
    items = Math.max(SLICE_ITEMS_MIN, Math.floor(items * SLICE_MS / elapsed));
    if (timeLeft() < SLICE_MS) timeLeft = await pause();
  }
}
