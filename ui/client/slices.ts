/** Work in slices, so that a page answers its user in between. */

/** How long one slice is to take, in milliseconds: half of a frame. */
const SLICE_MS = 8;
/** Items of the first slice, and of one that took too long. */
const SLICE_ITEMS_MIN = 64;
/** How long idle work may be put off, in milliseconds. */
const IDLE_MS_MAX = 1_000;

/** Lets others go first, until there is time. */
export type Pause = () => Promise<void>;

/** Waits until the page has nothing else to do. */
export function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === "undefined") setTimeout(resolve, 0);
    else requestIdleCallback(() => resolve(), { timeout: IDLE_MS_MAX });
  });
}

/** Waits until what has happened meanwhile has been answered. */
export function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Takes steps of as many items as fit a slice, until one says that it was the last. */
export async function inSlices(pause: Pause, step: (itemsMax: number) => boolean): Promise<void> {
  let items = SLICE_ITEMS_MIN;
  for (;;) {
    await pause();
    // A page that nobody sees gets few turns, and has nobody to wait for it.
    if (globalThis.document?.visibilityState === "hidden") items = Infinity;
    const start = performance.now();
    if (step(items)) return;
    const elapsed = Math.max(performance.now() - start, SLICE_MS / 2);
    items = Math.max(SLICE_ITEMS_MIN, Math.floor(items * SLICE_MS / elapsed));
  }
}
