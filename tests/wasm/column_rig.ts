/** What tests of columns have in common. */
import { assert } from "@std/assert";
import { type Column, ColumnError } from "../../wasm/columns.ts";

/** What an arena keeps for itself, in bytes. */
export const OWN_BYTES = 64;

/** The code of the error that something throws; "none" when it throws none. */
export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert(error instanceof ColumnError, String(error));
    return error.code;
  }
  return "none";
}

/** The numbers of a column. */
export function listOf(column: Column): readonly number[] {
  return [...column.values];
}
