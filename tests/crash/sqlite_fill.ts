/** Writes to a store until there is no room, makes room, and writes on. */
import type { DriftlessError } from "../../core/errors.ts";
import { equalJson } from "../../core/json.ts";
import type { MemoryStore } from "../../core/memory_store.ts";
import type { Store } from "../../core/store.ts";
import { assertTreesRight } from "../edge/tree_oracle.ts";
import { historyOf, lengthOf, writeNth } from "./sqlite_history.ts";

/** What happened when the room ran out. */
export interface FillReport {
  /** Transactions until then. */
  readonly committed: number;
  readonly code: string;
  readonly message: string;
  /** Whether the failed transaction left nothing, so that the store still equals the model. */
  readonly isWhole: boolean;
  /** Whether it failed in the same way, and left nothing, as long as there was no room. */
  readonly isSteady: boolean;
  /** Whether the store took more, and equalled the model, when there was room again. */
  readonly isRecovered: boolean;
}

/** The most transactions to write until the room must have run out. */
const TRANSACTIONS_MAX = 20_000;

/** Fills a new store, with a model beside it. */
export function fillStore(store: Store, model: MemoryStore, makeRoom: () => void): FillReport {
  const failure = writeOn(store, model, TRANSACTIONS_MAX);
  const isWhole = isEqual(store, model);
  const again = writeOn(store, model, TRANSACTIONS_MAX);
  const isSteady = again?.message === failure?.message && isEqual(store, model);
  const committed = lengthOf(model);
  makeRoom();
  const later = writeOn(store, model, 10);
  return {
    committed,
    code: failure?.code ?? "none",
    message: failure?.message ?? "none",
    isWhole,
    isSteady,
    isRecovered: later === undefined && lengthOf(store) === committed + 10 && isEqual(store, model),
  };
}

/** Writes transactions until one fails; its error. */
function writeOn(store: Store, model: MemoryStore, count: number): DriftlessError | undefined {
  for (let i = 0; i < count; i++) {
    const n = lengthOf(model) + 1;
    try {
      writeNth(store, n);
    } catch (error) {
      return error as DriftlessError;
    }
    writeNth(model, n);
  }
  return undefined;
}

function isEqual(store: Store, model: MemoryStore): boolean {
  const n = lengthOf(model);
  assertTreesRight(store);
  return equalJson(historyOf(store, n), historyOf(model, n));
}
