/** What the cases of slots are made of: comparisons that see every kind of value, and a way to fail. */
import type { Outcome } from "./duty_world.ts";

/** One thing that slots do: throws when they do not. */
export interface SlotCase {
  readonly title: string;
  /** The platform that has not the memory for it. */
  readonly notOn?: "workerd";
  run(): void;
}

/** Runs every case that this platform has the memory for. */
export function runSlotCases(cases: readonly SlotCase[], platform?: "workerd"): Outcome[] {
  return cases.filter(({ notOn }) => notOn === undefined || notOn !== platform).map((it) => {
    try {
      it.run();
      return { title: it.title, problem: null };
    } catch (error) {
      return { title: it.title, problem: error instanceof Error ? `${error.stack}` : `${error}` };
    }
  });
}

/** The cases run where no library for assertions is. */
export function equal(actual: unknown, wanted: unknown): void {
  const [one, other] = [shown(actual), shown(wanted)];
  if (one !== other) throw new Error(`${one} is not ${other}`);
}

/** Asks for an error of this class with these words. */
export function throws(
  work: () => unknown,
  kind: new (message?: string) => Error,
  words: string,
): void {
  try {
    work();
  } catch (error) {
    if (error instanceof kind && error.message.includes(words)) return;
    throw new Error(`it threw ${error}, not ${kind.name} of "${words}"`);
  }
  throw new Error(`it threw nothing, not "${words}"`);
}

/** A value as text: the kind of each part shows. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${Array.from(value, shown).join()}]`;
  if (value instanceof Uint8Array) return `bytes(${value.join()})`;
  if (typeof value === "object" && value !== null) {
    const parts = Object.entries(value).map(([key, it]) => `${JSON.stringify(key)}:${shown(it)}`);
    return `{${parts.join()}}`;
  }
  if (Object.is(value, -0)) return "-0";
  return typeof value === "string" ? JSON.stringify(value) : `${String(value)}:${typeof value}`;
}
