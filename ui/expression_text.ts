/** What values are to a page: whether they hold, which text they show, and whether an input shows them. */
import type { Tracker } from "./program.ts";

/** Levels of lists in lists that are shown. */
export const SHOWN_DEPTH_MAX = 8;

/** Truth as templates have it: of lists and maps whether something is in them. */
export function isTrue(value: unknown, tracker?: Tracker): boolean {
  if (value === null || typeof value !== "object") return Boolean(value);
  if (Array.isArray(value)) {
    tracker?.read(value, "length");
    return value.length > 0;
  }
  if (value instanceof Map || value instanceof Set) {
    tracker?.read(value, "size");
    return value.size > 0;
  }
  return true;
}

/**
 * The text that a value is shown as: nothing for null and undefined, lists and sets by their items,
 * times as ISO 8601 has them, other objects as JSON.
 */
export function shownText(value: unknown, tracker?: Tracker, depth = 0): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined || typeof value === "function") return "";
  if (typeof value !== "object") return String(value);
  if (depth >= SHOWN_DEPTH_MAX) return "…";
  if (Array.isArray(value)) {
    readWhole(value, tracker);
    return value.map((item) => shownText(item, tracker, depth + 1)).join(", ");
  }
  tracker?.opaque();
  if (value instanceof Set) {
    return [...value].map((item) => shownText(item, tracker, depth + 1)).join(", ");
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "" : value.toISOString();
  if (value instanceof Map) return jsonOf(Object.fromEntries(value));
  return jsonOf(value);
}

/** Whether an input that shows this text shows the value: numbers by value, so that "1." may be typed. */
export function inputShows(value: unknown, text: string): boolean {
  if (typeof value === "number") return numberOf(text, NaN) === value || String(value) === text;
  return shownText(value) === text;
}

/** The number that a text stands for: 0 for none, the other one for what is no number. */
export function numberOf(text: string, otherwise: number): number {
  const number = Number(text);
  return Number.isNaN(number) ? otherwise : number;
}

/** Tells the tracker of every item of a list. */
export function readWhole(list: readonly unknown[], tracker?: Tracker): void {
  if (tracker === undefined) return;
  tracker.read(list, "length");
  for (let index = 0; index < list.length; index++) tracker.read(list, String(index));
}

function jsonOf(value: object): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    // It contains itself, or numbers that JSON has not.
    return "";
  }
}
