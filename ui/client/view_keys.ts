/** What reads of a view are followed by: the key of a record is that of its row. */
import { rowKey } from "../../core/transaction.ts";

/** The key of a collection. No record has it, as no id is empty. */
export function collectionKey(entity: string): string {
  return rowKey(entity, "");
}

/** The key of the number of records. No record has it: an id holds no control characters. */
export function countKey(entity: string): string {
  return rowKey(entity, "\0");
}
