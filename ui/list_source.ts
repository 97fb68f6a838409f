/** What lists go through: arrays, sets, maps, plain objects and whatever else can be gone through. */

/** What a list has to show: values, and for each its second variable if that is not its place. */
export interface Source {
  readonly values: readonly unknown[];
  readonly seconds: readonly unknown[] | null;
}

/** Nothing to show. */
export const EMPTY: Source = { values: [], seconds: null };
/** The second variable of a value: its index, or its key. */
export function secondOf({ seconds }: Source, at: number): unknown {
  return seconds === null ? at : seconds[at];
}

/**
 * The values of a list, set, map, plain object or any iterable.
 *
 * @throws {TypeError} when it is none of them
 */
export function sourceOf(value: unknown): Source {
  if (Array.isArray(value)) return { values: value, seconds: null };
  if (value === null || value === undefined) return EMPTY;
  if (value instanceof Map) return { values: [...value.values()], seconds: [...value.keys()] };
  if (typeof value === "object") {
    if (Symbol.iterator in value) {
      return { values: [...value as Iterable<unknown>], seconds: null };
    }
    return { values: Object.values(value), seconds: Object.keys(value) };
  }
  throw new TypeError(`A list is shown of something to go through, not of a ${typeof value}`);
}
