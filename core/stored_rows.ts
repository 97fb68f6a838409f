/** The rows of a scope as mutations read them, from where a store keeps them. */
import { frozenJson, type JsonObject } from "./json.ts";
import { decodeRow } from "./lww.ts";
import type { Store, StoredRow } from "./store.ts";
import type { RowSource } from "./transaction.ts";

/** What a transaction on a scope reads. */
export function rowsOf(store: Store, scope: string): RowSource {
  return {
    row: (entity, id) => {
      const stored = store.row(scope, entity, id);
      return stored && decodeRow(recordOf(stored), stored.stamps);
    },
    live: (entity) =>
      store.rows(scope, entity).map((stored) => [stored.id, recordOf(stored)] as const),
  };
}

function recordOf(stored: StoredRow): JsonObject {
  return frozenJson(stored.json) as JsonObject;
}
