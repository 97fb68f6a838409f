/** Snapshots that are read while writes go on, for a store that keeps what changes under them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { SnapshotReader, Store, StoredRow } from "../../core/store.ts";
import { change, row, type StoreCase, using } from "../conformance/store_suite.ts";

/** Bytes that a reader of the store under test keeps. */
export const KEPT_BYTES = 64 * 1024;

const IDS = ["a", "b", "c", "d", "\ufffd", "\u{1f600}"];
const ENTITIES = ["note", "todo"];

/** A write of a row, or of none that is kept, or the reading of a page. */
type Step =
  | { readonly kind: "write"; readonly rows: readonly StoredRow[]; readonly isUndone: boolean }
  | { readonly kind: "next"; readonly limit: number };

/** Cases beyond those of every store. */
export const snapshotCases: readonly StoreCase[] = [
  {
    name: "a snapshot shows what was there, whatever is written between its pages",
    run(open) {
      fc.assert(
        fc.property(fc.array(rows(), { maxLength: 2 }), fc.array(steps()), (first, later) => {
          const store = open();
          for (const written of first) write(store, written);
          const before = store.snapshot("s");
          const expected = readAll(before, 1_000);
          const readers = [store.snapshot("s"), store.snapshot("s")];
          const seen: StoredRow[] = [];
          for (const step of later) {
            if (step.kind === "next") seen.push(...readers[0]?.next(step.limit) ?? []);
            else if (step.isUndone) assert.throws(() => write(store, step.rows, true), RangeError);
            else write(store, step.rows);
          }
          seen.push(...readAll(readers[0] as SnapshotReader, 2));
          assert.deepEqual(seen, expected);
          assert.deepEqual(readAll(readers[1] as SnapshotReader, 3), expected);
          store.close();
        }),
        { numRuns: 150 },
      );
    },
  },
  ...[-1, 0, 1].map((more): StoreCase => ({
    name: `a snapshot keeps ${KEPT_BYTES + more} bytes of what changes, or says that it cannot`,
    run: using((store) => {
      // Its place and its stamps count as well: "todo", 0, "a" and "s".
      const json = `"${"x".repeat(KEPT_BYTES + more - 2 - 7)}"`;
      write(store, [row("a", { json })]);
      const reader = store.snapshot("s");
      write(store, [row("a", { json: "{}" })]);
      if (more <= 0) assert.deepEqual(reader.next(10).map((one) => one.json), [json]);
      else assert.throws(() => reader.next(10), { code: "unavailable" });
      reader.close();
    }),
  })),
];

function write(store: Store, written: readonly StoredRow[], isUndone = false): void {
  store.transaction(() => {
    for (const one of written) {
      const cursor = store.head("s").cursor + 1;
      store.append("s", change(cursor, { entity: one.entity, id: one.id, time: 1 }));
      store.putRow("s", { ...one, cursor });
    }
    if (isUndone) throw new RangeError("undone");
  });
}

function readAll(reader: SnapshotReader, limit: number): readonly StoredRow[] {
  const read: StoredRow[] = [];
  for (let page = reader.next(limit); page.length > 0; page = reader.next(limit)) {
    assert.ok(page.length <= limit);
    read.push(...page);
  }
  reader.close();
  return read;
}

function rows(): fc.Arbitrary<readonly StoredRow[]> {
  const one = fc.record({
    entity: fc.constantFrom(...ENTITIES),
    id: fc.constantFrom(...IDS),
    live: fc.boolean(),
    json: fc.constantFrom("{}", `{"n":1}`),
  });
  return fc.array(one.map(({ id, ...more }) => row(id, more)), { maxLength: 6 });
}

function steps(): fc.Arbitrary<Step> {
  return fc.oneof(
    fc.record({ kind: fc.constant("write" as const), rows: rows(), isUndone: fc.boolean() }),
    fc.record({ kind: fc.constant("next" as const), limit: fc.integer({ min: 0, max: 4 }) }),
  );
}
