/** A store whose storage fails at a statement: whichever it is, nothing of the transaction is left. */
import assert from "node:assert/strict";
import type { ObjectStorage } from "../../edge/workers/object_types.ts";
import { assertTree } from "../conformance/store_tree_suite.ts";
import {
  change,
  client,
  contentsOf,
  outcome,
  row,
  type StoreCase,
  using,
} from "../conformance/store_suite.ts";

const NAMES = { entities: ["todo"], ids: ["a", "b"], clients: ["c"], mutations: ["m", "n"] };

/** Statements that run before one fails. */
let left = Infinity;

/** A storage that fails when a case says so, as a disk would. */
export function strikable(storage: ObjectStorage): ObjectStorage {
  return {
    sql: {
      exec(query, ...bindings) {
        if (left-- === 0) throw new Error("disk I/O error: SQLITE_IOERR");
        return storage.sql.exec(query, ...bindings);
      },
    },
    transactionSync: (work) => storage.transactionSync(work),
    getAlarm: () => storage.getAlarm(),
    setAlarm: (time) => storage.setAlarm(time),
  };
}

/** Cases beyond those of every store. */
export const strikeCases: readonly StoreCase[] = [
  {
    name:
      "a statement that fails undoes its transaction, whichever it is, and the next one is whole",
    run: using((store) => {
      const write = (cursor: number) =>
        store.transaction(() => {
          store.append("s", change(cursor, { id: "a" }));
          store.putRow("s", row("a", { cursor, json: `{"n":${cursor}}` }));
          store.putRow("s", row("b", { cursor, live: cursor % 2 === 0 }));
          store.putClient("s", client("c", { lastSeq: cursor }));
          store.putOutcome("s", outcome("m", { cursor, time: cursor }));
          store.trim("s", { changes: 2, before: 0, outcomes: 1 });
        });
      write(1);
      let strikes = 0;
      for (let isDone = false; !isDone; strikes++) {
        const before = contentsOf(store, "s", NAMES);
        const cursor = store.head("s").cursor + 1;
        left = strikes;
        try {
          write(cursor);
          isDone = true;
        } catch (error) {
          assert.equal((error as { readonly code?: unknown }).code, "store_failed");
        } finally {
          left = Infinity;
        }
        if (!isDone) assert.deepEqual(contentsOf(store, "s", NAMES), before);
        assertTree(store, "s");
        if (!isDone) write(cursor);
      }
      assert.ok(strikes > 8, `there were only ${strikes} statements`);
    }),
  },
];
