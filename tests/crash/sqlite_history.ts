/** A history that a writer can be killed in: the n-th transaction is the same in every process. */
import type { Json } from "../../core/json.ts";
import type { Store } from "../../core/store.ts";
import { change, client, contentsOf, outcome, row } from "../conformance/store_suite.ts";

const SCOPES = ["s", "t"];
/** More than a leaf of the tree has. */
const IDS = Array.from({ length: 301 }, (_, i) => `row ${i}`);
/** Changes that a trim leaves, so that a long history is a small file. */
const CHANGES_KEPT = 200;
const TRIM_EVERY = 64;

/** How many transactions of the history a store holds. */
export function lengthOf(store: Store): number {
  return store.client("s", "writer")?.lastSeq ?? 0;
}

/**
 * Writes the n-th transaction, counted from 1: one to five changes, or `times` as many, in two
 * scopes.
 */
export function writeNth(store: Store, n: number, times: number = 1): void {
  store.transaction(() => {
    for (const scope of SCOPES) {
      let { cursor } = store.head(scope);
      for (let i = 0; i < (1 + n % 5) * times; i++) {
        cursor++;
        const id = IDS[cursor % IDS.length] ?? "";
        const live = cursor % 7 !== 0;
        const json = JSON.stringify({ cursor, text: "x".repeat(n % 300) });
        store.append(scope, change(cursor, { id, op: live ? "update" : "delete", json, time: n }));
        store.putRow(scope, row(id, { json, live, cursor }));
      }
      store.putOutcome(scope, outcome(`m${n}`, { client: "writer", seq: n, cursor, time: n }));
      store.putClient(scope, client("writer", { lastSeq: n, time: n }));
      if (n % TRIM_EVERY === 0) {
        store.trim(scope, { changes: CHANGES_KEPT, before: 0, outcomes: 0 });
      }
    }
  });
}

/** Everything in a store that holds the first `n` transactions. */
export function historyOf(store: Store, n: number): Json {
  const mutations = Array.from({ length: n + 1 }, (_, i) => `m${i + 1}`);
  const names = { entities: ["todo"], ids: IDS, clients: ["writer"], mutations };
  return SCOPES.map((scope) => contentsOf(store, scope, names));
}
