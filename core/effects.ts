/** What a mutation did to records, as a reader of them sees it: before and after, row by row. */
import { equalJson, type JsonObject } from "./json.ts";
import { isLive, type RowState } from "./lww.ts";
import { rowKey, type Write } from "./transaction.ts";

/** A record before and after something happened to it; `undefined` where there is none. */
export interface Effect {
  /** The collection's name. */
  readonly entity: string;
  /** The record's id. */
  readonly id: string;
  /** The record as it was; frozen. */
  readonly before: JsonObject | undefined;
  /** The record as it is now; frozen. */
  readonly after: JsonObject | undefined;
}

/** The record that a reader sees in a row. */
export function recordOf(row: RowState | undefined): JsonObject | undefined {
  return row !== undefined && isLive(row) ? row.data : undefined;
}

/** The writes that a reader can see, in their order. */
export function visibleEffects(writes: Iterable<Write>): readonly Effect[] {
  const effects: Effect[] = [];
  for (const { entity, id, before, after } of writes) {
    const effect = { entity, id, before: recordOf(before), after: recordOf(after) };
    if (!equalJson(effect.before, effect.after)) effects.push(effect);
  }
  return effects;
}

/** True when two runs on the same ground left the same rows, touched in the same order. */
export function equalEffects(some: readonly Effect[], others: readonly Effect[]): boolean {
  return some.length === others.length && some.every(({ entity, id, after }, index) => {
    const other = others[index] as Effect;
    return entity === other.entity && id === other.id && equalJson(after, other.after);
  });
}

/** Several lists of effects as one: each record once, from its first state to its last. */
export function mergedEffects(lists: readonly (readonly Effect[])[]): readonly Effect[] {
  const merged = new Map<string, Effect>();
  for (const effect of lists.flat()) {
    const key = rowKey(effect.entity, effect.id);
    merged.set(key, { ...effect, before: (merged.get(key) ?? effect).before });
  }
  return [...merged.values()].filter(({ before, after }) => !equalJson(before, after));
}
