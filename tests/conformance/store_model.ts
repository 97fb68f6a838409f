/** Random histories, with rollbacks: whatever is done to a store, it equals the model in memory. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryStore } from "../../core/memory_store.ts";
import type { Kernel } from "../../core/ports.ts";
import type { Store, StoredRow } from "../../core/store.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { change, client, contentsOf, outcome, row, type StoreCase } from "./store_suite.ts";
import { nodesOf } from "./store_tree_suite.ts";

const ENTITIES = ["todo", "__proto__"];
const IDS = ["a", "b", "\ufffd", "\u{1f600}", "'"];
const CLIENTS = ["", "c", "d"];
const MUTATIONS = ["m", "n", "o", "p", "q"];
const JSON_TEXTS = ["{}", '{"a":1}', "\u{1f600}"];
/** The scopes of random operations. */
export const MODEL_SCOPES: readonly string[] = ["s", "\ufffd", "\u{1f600}"];
/** What else they name. */
export const MODEL_NAMES = {
  entities: ENTITIES,
  ids: IDS,
  clients: CLIENTS,
  mutations: MUTATIONS,
};

/** One call on a store; numbers are relative to its state, so that any sequence makes sense. */
export type Operation = (store: Store) => void;

interface Attempt {
  readonly operations: readonly Operation[];
  readonly isUndone: boolean;
  /** Whether a snapshot is taken before it, to be read after it. */
  readonly isWatched: boolean;
}

/** How often, and from which seed on; a failure prints both. */
const RUNS = 150;

/** The model test, as one more case of the suite. */
export const modelCase: StoreCase = caseOf("random histories equal the model");

/** The same for stores with trees, which must be the model's, byte by byte. */
export const treeModelCase: StoreCase = caseOf(
  "random histories leave the model's trees",
  plainKernel,
);

function caseOf(name: string, kernel?: Kernel): StoreCase {
  const run = (open: () => Store) =>
    fc.assert(
      fc.property(fc.array(attempts(), { maxLength: 12 }), (history) => {
        const store = open();
        const memory = new MemoryStore("model", kernel);
        try {
          for (const attempt of history) {
            const [seen, expected] = [attempted(store, attempt), attempted(memory, attempt)];
            assert.deepEqual(seen, expected);
            assert.deepEqual(store.scopes(), memory.scopes());
            for (const scope of MODEL_SCOPES) {
              const contents = contentsOf(store, scope, MODEL_NAMES);
              assert.deepEqual(contents, contentsOf(memory, scope, MODEL_NAMES));
              if (kernel !== undefined) {
                assert.deepEqual(nodesOf(store, scope), nodesOf(memory, scope));
              }
            }
          }
        } finally {
          store.close();
        }
      }),
      { numRuns: RUNS },
    );
  return { name, run };
}

/** Runs one transaction; what a snapshot from before it reads afterwards. */
function attempted(store: Store, { operations, isUndone, isWatched }: Attempt): unknown {
  const readers = isWatched ? MODEL_SCOPES.map((scope) => store.snapshot(scope)) : [];
  const work = () => {
    for (const operation of operations) operation(store);
    if (isUndone) throw new RangeError("undone");
  };
  if (isUndone) assert.throws(() => store.transaction(work), RangeError);
  else store.transaction(work);
  return readers.map((reader) => {
    const pages: (readonly StoredRow[])[] = [];
    for (let page = reader.next(2); page.length > 0; page = reader.next(2)) pages.push(page);
    reader.close();
    return [reader.cursor, pages];
  });
}

function attempts(): fc.Arbitrary<Attempt> {
  return fc.record({
    operations: fc.array(operations(), { maxLength: 12 }),
    isUndone: fc.boolean(),
    isWatched: fc.boolean(),
  });
}

/** Any call, whose rows have one of these texts. */
export function operations(texts: readonly string[] = JSON_TEXTS): fc.Arbitrary<Operation> {
  const scope = fc.constantFrom(...MODEL_SCOPES);
  const entity = fc.constantFrom(...ENTITIES);
  const id = fc.constantFrom(...IDS);
  const small = fc.nat(6);
  const json = fc.constantFrom(...texts);
  return fc.oneof(
    fc.tuple(scope, entity, id, small, json).map(
      ([scope, entity, id, wait, json]): Operation => (store) => {
        const { cursor, time } = store.head(scope);
        store.append(scope, change(cursor + 1, { entity, id, json, time: time + wait }));
      },
    ),
    fc.tuple(scope, entity, id, fc.boolean(), json).map(
      ([scope, entity, id, live, json]): Operation => (store) => {
        const { cursor } = store.head(scope);
        store.putRow(scope, row(id, { entity, live, json, cursor }));
      },
    ),
    fc.tuple(scope, fc.constantFrom(...CLIENTS), small).map(
      ([scope, id, lastSeq]): Operation => (store) =>
        store.putClient(scope, client(id, { lastSeq })),
    ),
    fc.tuple(scope, fc.constantFrom(...CLIENTS), fc.constantFrom(...MUTATIONS), small, small).map(
      ([scope, client, mutation, seq, time]): Operation => (store) =>
        store.putOutcome(scope, outcome(mutation, { client, seq, time })),
    ),
    fc.tuple(scope, small, fc.integer({ min: 0, max: 20 }), small).map(
      ([scope, changes, before, outcomes]): Operation => (store) =>
        store.trim(scope, { changes, before, outcomes }),
    ),
  );
}
