/** Values for the data itself: without proxies, also inside what a handler just made. */
import { isFollowed, isKnown, originalOf } from "./tracking.ts";

/** The value, or what is behind it if it is a proxy; proxies in new lists and objects are replaced. */
export function plainValue<T>(value: T, seen?: Set<object>): T {
  if (value === null || typeof value !== "object") return value;
  const original = originalOf(value);
  // What has a proxy of its own, or readers, was cleaned when it came in.
  if (original !== value || isKnown(value) || seen?.has(value)) return original;
  const known = (seen ?? new Set()).add(value);
  if (Array.isArray(value)) cleanItems(value, known);
  else if (value instanceof Map || value instanceof Set) cleanCollection(value, known);
  else if (isFollowed(value) && !Object.isFrozen(value)) {
    cleanFields(value as Record<string, unknown>, known);
  }
  return value;
}

function cleanItems(value: unknown[], seen: Set<object>): void {
  if (Object.isFrozen(value)) return;
  for (let index = 0; index < value.length; index++) {
    const item = value[index];
    const plain = plainValue(item, seen);
    if (plain !== item) value[index] = plain;
  }
}

function cleanCollection(value: Map<unknown, unknown> | Set<unknown>, seen: Set<object>): void {
  const entries = [...value.entries()];
  const isClean = entries.every((pair) => pair.every((one) => plainValue(one, seen) === one));
  if (isClean) return;
  value.clear();
  for (const [key, item] of entries) {
    if (value instanceof Map) value.set(plainValue(key, seen), plainValue(item, seen));
    else value.add(plainValue(item, seen));
  }
}

function cleanFields(value: Record<string, unknown>, seen: Set<object>): void {
  for (const [key, item] of Object.entries(value)) {
    const plain = plainValue(item, seen);
    if (plain !== item) value[key] = plain;
  }
}
