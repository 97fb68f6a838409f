/** Calls what an app handed in, so that a fault in it stays its own. */

/** Calls back, if there is anything to call. What it throws goes to the console, and no further. */
export function callBack<Args extends unknown[]>(
  callback: ((...args: Args) => unknown) | undefined,
  ...args: Args
): void {
  try {
    const result = callback?.(...args);
    if (result instanceof Promise) result.catch(complain);
  } catch (error) {
    complain(error);
  }
}

function complain(error: unknown): void {
  // `reportError` would be the place in a browser, but it ends a program on Deno.
  console.error("Driftless: a callback of the app failed", error);
}
