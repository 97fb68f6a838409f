/** Signals that ask the program to end. */
import process from "node:process";

/** Resolves to the name of the next signal that asks the program to end. */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    const heard = (signal: string) => {
      process.off("SIGINT", heard).off("SIGTERM", heard);
      resolve(signal);
    };
    process.on("SIGINT", heard).on("SIGTERM", heard);
  });
}

/** Does work that a signal asks to end early: at a place of its own choosing, where all is whole. */
export async function interruptible<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const heard = () => stop.abort();
  process.on("SIGINT", heard).on("SIGTERM", heard);
  try {
    return await work(stop.signal);
  } finally {
    process.off("SIGINT", heard).off("SIGTERM", heard);
  }
}
