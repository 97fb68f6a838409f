/**
 * What every store promises, sentence by sentence of the port: cases for any store on any runtime.
 *
 * Needs nothing but `node:assert` and the core, so that it runs on Deno, on Bun and in workerd.
 */
import assert from "node:assert/strict";
import type { Change } from "../../core/change.ts";
import { compareText, type Json } from "../../core/json.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type {
  ClientRecord,
  Outcome,
  Retention,
  SnapshotReader,
  Store,
  StoredRow,
} from "../../core/store.ts";

/** One behaviour; `open` gives a new, empty store of its own, which the case closes. */
export interface StoreCase {
  readonly name: string;
  run(open: () => Store): void;
}

/** A row; what the test is not about has a value all the same. */
export function row(id: string, more: Partial<StoredRow> = {}): StoredRow {
  return { entity: "todo", id, json: "{}", stamps: "s", live: true, cursor: 1, ...more };
}

/** A change. */
export function change(cursor: number, more: Partial<Change> = {}): Change {
  return { cursor, entity: "todo", id: "a", op: "update", json: "{}", time: cursor, ...more };
}

/** An accepted outcome. */
export function outcome(mutation: string, more: Partial<Outcome> = {}): Outcome {
  return { mutation, client: "c", seq: 1, cursor: 1, code: null, error: null, time: 1, ...more };
}

/** A client's record. */
export function client(id: string, more: Partial<ClientRecord> = {}): ClientRecord {
  return { client: id, principal: "ada", lastSeq: 1, time: 1, ...more };
}

/** Everything that the port shows of a scope, to compare two stores or two moments. */
export function contentsOf(
  store: Store,
  scope: string,
  names: {
    readonly entities: readonly string[];
    readonly ids: readonly string[];
    readonly clients: readonly string[];
    readonly mutations: readonly string[];
  },
): Json {
  const { entities, ids, clients, mutations } = names;
  const reader = store.snapshot(scope);
  const contents = {
    exists: store.scopes().includes(scope),
    appVersion: store.appVersion(),
    head: store.head(scope),
    changes: store.changes(scope, 0, 1_000_000),
    collections: entities.map((entity) => store.rows(scope, entity)),
    rows: entities.map((entity) => ids.map((id) => store.row(scope, entity, id))),
    clients: clients.map((id) => store.client(scope, id)),
    outcomes: mutations.map((id) => store.outcome(scope, id)),
    snapshot: [reader.cursor, readAll(reader, 3)],
    everyRow: [...store.everyRow(scope)],
    written: store.written(scope, 0, 1_000_000),
  };
  reader.close();
  return JSON.parse(JSON.stringify(contents)) as Json;
}

const NAMES = { entities: ["todo"], ids: ["a", "b"], clients: ["c"], mutations: ["m", "n"] };
const KEEP_ALL: Retention = { changes: 1_000_000, before: 0, outcomes: 1_000_000 };

/**
 * Names that break a careless key, quote or sort. U+FFFD sorts before U+1F600 in UTF-8 and behind
 * it in UTF-16; U+0065 U+0301 and U+00E9 look the same and are two names.
 */
const HOSTILE_NAMES = [
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "'",
  '"',
  "`",
  "'; DROP TABLE rows; --",
  "%_?1$1:x@",
  " ",
  "a b",
  "A",
  "a",
  "aa",
  "\u00e9",
  "e\u0301",
  "\u07ff",
  "\u0800",
  "\ud7ff",
  "\ue000",
  "\ufffd",
  "\u{10000}",
  "\u{1f600}",
  "\u{10ffff}",
  "x".repeat(128),
  "\u{1f600}".repeat(64),
];

const transactions: readonly StoreCase[] = [
  {
    name: "a new store is empty",
    run: using((store) => {
      assert.deepEqual(store.scopes(), []);
      assert.deepEqual(store.head("s"), { cursor: 0, floor: 0, time: 0 });
      assert.equal(store.row("s", "todo", "a"), undefined);
      assert.deepEqual(store.rows("s", "todo"), []);
      assert.deepEqual(store.changes("s", 0, 10), []);
      assert.equal(store.client("s", "c"), undefined);
      assert.equal(store.outcome("s", "m"), undefined);
      assert.deepEqual(store.written("s", 0, 10), []);
      assert.equal(store.trim("s", { changes: 0, before: 99, outcomes: 0 }), 0);
      const reader = store.snapshot("s");
      assert.equal(reader.cursor, 0);
      assert.deepEqual(reader.next(10), []);
      reader.close();
      assert.deepEqual(store.scopes(), [], "reading creates no scope");
    }),
  },
  {
    name: "two stores have different epochs and one keeps its own",
    run(open) {
      const [a, b] = [open(), open()];
      assert.match(a.epoch, /./);
      assert.notEqual(a.epoch, b.epoch);
      const before = a.epoch;
      a.transaction(() => a.append("s", change(1)));
      assert.equal(a.epoch, before);
      a.close();
      b.close();
    },
  },
  {
    name: "a transaction returns what its work returns and keeps what it wrote",
    run: using((store) => {
      const result = store.transaction(() => {
        writeOneOfEach(store, "s");
        return 42;
      });
      assert.equal(result, 42);
      assert.deepEqual(store.head("s"), { cursor: 1, floor: 0, time: 7 });
      assert.deepEqual(store.changes("s", 0, 9), [change(1, { time: 7 })]);
      assert.deepEqual(store.row("s", "todo", "a"), row("a"));
      assert.deepEqual(store.client("s", "c"), client("c"));
      assert.deepEqual(store.outcome("s", "m"), outcome("m"));
    }),
  },
  {
    name: "reads inside a transaction see its writes",
    run: using((store) => {
      store.transaction(() => {
        writeOneOfEach(store, "s");
        assert.deepEqual(store.scopes(), ["s"]);
        assert.deepEqual(store.head("s"), { cursor: 1, floor: 0, time: 7 });
        assert.deepEqual(store.changes("s", 0, 9), [change(1, { time: 7 })]);
        assert.deepEqual(store.row("s", "todo", "a"), row("a"));
        assert.deepEqual(store.rows("s", "todo"), [row("a")]);
        assert.deepEqual(store.client("s", "c"), client("c"));
        assert.deepEqual(store.outcome("s", "m"), outcome("m"));
        const reader = store.snapshot("s");
        assert.equal(reader.cursor, 1);
        assert.deepEqual(reader.next(9), [row("a")]);
        reader.close();
        assert.equal(store.trim("s", { ...KEEP_ALL, changes: 0 }), 1);
        assert.deepEqual(store.head("s"), { cursor: 1, floor: 1, time: 7 });
        assert.deepEqual(store.changes("s", 0, 9), []);
      });
      assert.deepEqual(store.head("s"), { cursor: 1, floor: 1, time: 7 });
    }),
  },
  {
    name: "a transaction that throws leaves nothing in a store that was empty",
    run: using((store) => {
      const before = contentsOf(store, "s", NAMES);
      assert.throws(() =>
        store.transaction(() => {
          writeOneOfEach(store, "s");
          throw new RangeError("stop");
        }), new RangeError("stop"));
      assert.deepEqual(contentsOf(store, "s", NAMES), before);
      assert.deepEqual(store.scopes(), []);
      store.transaction(() => writeOneOfEach(store, "s"));
      assert.deepEqual(store.scopes(), ["s"], "the name is free for the next transaction");
    }),
  },
  {
    name: "a transaction that throws leaves what was there",
    run: using((store) => {
      store.transaction(() => writeOneOfEach(store, "s"));
      const before = contentsOf(store, "s", NAMES);
      assert.throws(() =>
        store.transaction(() => {
          store.append("s", change(2, { time: 8 }));
          store.append("s", change(3, { time: 9 }));
          store.putRow("s", row("a", { json: "1" }));
          store.putRow("s", row("a", { json: "2", live: false }));
          store.putRow("s", row("b"));
          store.putClient("s", client("c", { lastSeq: 2 }));
          store.putOutcome("s", outcome("m", { code: "rejected", error: "no" }));
          store.putOutcome("s", outcome("n"));
          store.trim("s", { changes: 1, before: 99, outcomes: 0 });
          store.putRow("t", row("a"));
          throw new Error("stop");
        }), /stop/);
      assert.deepEqual(contentsOf(store, "s", NAMES), before);
      assert.deepEqual(store.scopes(), ["s"]);
      store.transaction(() => store.append("s", change(2, { time: 8 })));
      assert.equal(store.head("s").cursor, 2, "the next transaction goes on from there");
    }),
  },
  {
    name: "a transaction in a transaction is refused and undoes the outer one",
    run: using((store) => {
      assert.throws(() =>
        store.transaction(() => {
          store.append("s", change(1));
          store.transaction(() => store.append("s", change(2)));
        }), /not nested/);
      assert.equal(store.head("s").cursor, 0);
      store.transaction(() => store.append("s", change(1)));
      assert.equal(store.head("s").cursor, 1);
    }),
  },
  {
    name: "work that returns a promise is refused and undone",
    run: using((store) => {
      const work = () => {
        store.append("s", change(1));
        return Promise.resolve();
      };
      assert.throws(() => store.transaction(work), /synchronous/);
      assert.deepEqual(store.scopes(), []);
    }),
  },
  {
    name: "a write outside a transaction is refused",
    run: using((store) => {
      for (const write of writesOf(store)) assert.throws(write, /inside a transaction/);
      assert.deepEqual(store.scopes(), []);
    }),
  },
];

const logs: readonly StoreCase[] = [
  {
    name: "a log takes only the next cursor",
    run: using((store) => {
      store.transaction(() => store.append("s", change(1)));
      for (const cursor of [0, 1, 3]) {
        assert.throws(
          () => store.transaction(() => store.append("s", change(cursor, { time: 9 }))),
          /end of its log/,
        );
      }
      assert.throws(
        () => store.transaction(() => store.append("new", change(2))),
        /end of its log/,
      );
      assert.deepEqual(store.scopes(), ["s"]);
    }),
  },
  {
    name: "a log takes no time that falls",
    run: using((store) => {
      store.transaction(() => store.append("s", change(1, { time: 5 })));
      const late = () => store.transaction(() => store.append("s", change(2, { time: 4 })));
      assert.throws(late, /time does not fall/);
      store.transaction(() => store.append("s", change(2, { time: 5 })));
      assert.deepEqual(store.head("s"), { cursor: 2, floor: 0, time: 5 });
    }),
  },
  {
    name: "a change comes back as it was written",
    run: using((store) => {
      const written = [
        change(1, { op: "create", json: '{"a":"\\u0000\u{1f600}"}', id: "\u{10ffff}" }),
        change(2, { op: "update", json: "" }),
        change(3, { op: "delete", json: null, entity: "__proto__" }),
        change(4, { time: Number.MAX_SAFE_INTEGER }),
      ];
      store.transaction(() => written.forEach((one) => store.append("s", one)));
      assert.deepEqual(store.changes("s", 0, 10), written);
    }),
  },
  {
    name: "changes come in pages after a cursor",
    run: using((store) => {
      store.transaction(() => {
        for (let cursor = 1; cursor <= 10; cursor++) store.append("s", change(cursor));
      });
      const cursors = (after: number, limit: number) =>
        store.changes("s", after, limit).map(({ cursor }) => cursor);
      assert.deepEqual(cursors(0, 4), [1, 2, 3, 4]);
      assert.deepEqual(cursors(4, 4), [5, 6, 7, 8]);
      assert.deepEqual(cursors(8, 4), [9, 10]);
      assert.deepEqual(cursors(9, 1), [10]);
      assert.deepEqual(cursors(10, 4), []);
      assert.deepEqual(cursors(99, 4), []);
      assert.deepEqual(cursors(0, 0), []);
      assert.deepEqual(cursors(7, Infinity), [8, 9, 10]);
    }),
  },
  {
    name: "scopes keep apart what has the same name",
    run: using((store) => {
      store.transaction(() => {
        writeOneOfEach(store, "s");
        store.append("t", change(1, { id: "of t" }));
        store.append("t", change(2, { id: "of t" }));
        store.putRow("t", row("a", { json: "t" }));
        store.putClient("t", client("c", { lastSeq: 9 }));
        store.putOutcome("t", outcome("m", { code: "forbidden", error: "no" }));
      });
      assert.deepEqual(store.head("s"), { cursor: 1, floor: 0, time: 7 });
      assert.deepEqual(store.head("t"), { cursor: 2, floor: 0, time: 2 });
      assert.deepEqual(store.changes("t", 1, 9), [change(2, { id: "of t" })]);
      assert.equal(store.row("s", "todo", "a")?.json, "{}");
      assert.equal(store.row("t", "todo", "a")?.json, "t");
      assert.equal(store.client("s", "c")?.lastSeq, 1);
      assert.equal(store.outcome("s", "m")?.code, null);
      const of_s = contentsOf(store, "s", NAMES);
      store.trim("t", { changes: 0, before: 99, outcomes: 0 });
      assert.deepEqual(contentsOf(store, "s", NAMES), of_s);
    }),
  },
  {
    name: "a scope exists from its first write, whatever that is",
    run: using((store) => {
      for (const [at, write] of writesOf(store).entries()) {
        store.transaction(write);
        assert.equal(store.scopes().length, at + 1);
      }
    }),
  },
];

const rows: readonly StoreCase[] = [
  {
    name: "a row is replaced and a tombstone stays readable by its id",
    run: using((store) => {
      const versions = [
        row("a", { json: '{"n":1}', stamps: "x" }),
        row("a", { json: '{"n":2}', stamps: "", cursor: 2 }),
        row("a", { json: '{"n":2}', live: false, cursor: 3 }),
        row("a", { json: "\u{1f600}".repeat(8_000), stamps: "y".repeat(4_000), cursor: 4 }),
      ];
      for (const version of versions) {
        store.transaction(() => store.putRow("s", version));
        assert.deepEqual(store.row("s", "todo", "a"), version);
        assert.deepEqual(store.rows("s", "todo"), version.live ? [version] : []);
      }
    }),
  },
  {
    name: "a stored row does not follow its writer's object",
    run: using((store) => {
      const mine = { ...row("a") };
      store.transaction(() => store.putRow("s", mine));
      mine.json = "changed";
      assert.equal(store.row("s", "todo", "a")?.json, "{}");
    }),
  },
  {
    name: "collections keep apart what has the same id",
    run: using((store) => {
      store.transaction(() => {
        for (const entity of ["b", "a", "c"]) store.putRow("s", row("x", { entity, json: entity }));
      });
      assert.deepEqual(store.rows("s", "b"), [row("x", { entity: "b", json: "b" })]);
      assert.deepEqual(store.rows("s", ""), []);
      const all = snapshotOf(store, "s", 10).map(({ entity }) => entity);
      assert.deepEqual(all, ["a", "b", "c"]);
    }),
  },
  {
    name: "hostile names are only names",
    run: using((store) => {
      for (const name of HOSTILE_NAMES) {
        store.transaction(() => {
          store.append(name, change(1, { entity: name, id: name }));
          store.putRow(name, row(name, { entity: name }));
          store.putClient(name, client(name, { principal: name }));
          store.putOutcome(name, outcome(name, { client: name, code: "rejected", error: name }));
        });
      }
      assert.deepEqual(store.scopes(), [...HOSTILE_NAMES].sort(compareText));
      for (const name of HOSTILE_NAMES) {
        assert.deepEqual(store.changes(name, 0, 9), [change(1, { entity: name, id: name })]);
        assert.deepEqual(store.row(name, name, name), row(name, { entity: name }));
        assert.deepEqual(store.client(name, name), client(name, { principal: name }));
        assert.deepEqual(
          store.outcome(name, name),
          outcome(name, { client: name, code: "rejected", error: name }),
        );
        assert.equal(store.row(name, name, `${name}\u0301`), undefined);
      }
    }),
  },
  {
    name: "scopes, collections and snapshots are in UTF-8 order",
    run: using((store) => {
      store.transaction(() => {
        for (const name of HOSTILE_NAMES) {
          for (const id of ["\u{1f600}", "\ufffd", "a", "\ue000"]) {
            store.putRow("s", row(id, { entity: name }));
          }
          store.putRow("t", row(name));
        }
      });
      const sorted = [...HOSTILE_NAMES].sort(compareText);
      const ids = ["a", "\ue000", "\ufffd", "\u{1f600}"];
      assert.deepEqual(store.rows("t", "todo").map(({ id }) => id), sorted);
      assert.deepEqual(store.rows("s", "a").map(({ id }) => id), ids);
      assert.deepEqual(
        snapshotOf(store, "s", 7).map(({ entity, id }) => [entity, id]),
        sorted.flatMap((entity) => ids.map((id) => [entity, id])),
      );
    }),
  },
  {
    name: "clients and outcomes are replaced",
    run: using((store) => {
      const later = client("c", { principal: "", lastSeq: Number.MAX_SAFE_INTEGER, time: 3 });
      const refused = outcome("m", { client: "", seq: 0, code: "not_found", error: "", time: 3 });
      store.transaction(() => writeOneOfEach(store, "s"));
      store.transaction(() => {
        store.putClient("s", later);
        store.putOutcome("s", refused);
      });
      assert.deepEqual(store.client("s", "c"), later);
      assert.deepEqual(store.outcome("s", "m"), refused);
    }),
  },
];

const snapshots: readonly StoreCase[] = [
  {
    name: "a snapshot comes in pages of any size",
    run: using((store) => {
      const n = 10;
      const ids = Array.from({ length: n }, (_, i) => `id${i}`);
      store.transaction(() => {
        for (const id of ids) store.putRow("s", row(id));
        store.putRow("s", row("id", { live: false }));
        store.putRow("s", row("id5x", { live: false }));
        store.putRow("s", row("id9x", { live: false }));
      });
      for (const limit of [1, 3, n - 1, n, n + 1, Infinity]) {
        const reader = store.snapshot("s");
        const pages: string[][] = [];
        for (let page = reader.next(limit); page.length > 0; page = reader.next(limit)) {
          pages.push(page.map(({ id }) => id));
        }
        assert.deepEqual(pages.flat(), ids);
        assert.equal(pages.length, Math.ceil(n / Math.min(limit, n)), `pages of ${limit}`);
        assert.deepEqual(reader.next(limit), [], "the end stays the end");
        reader.close();
      }
    }),
  },
  {
    name: "a snapshot does not see what is written after it",
    run: using((store) => {
      store.transaction(() => {
        for (const id of ["a", "b", "c", "d"]) store.putRow("s", row(id));
        store.append("s", change(1));
      });
      const reader = store.snapshot("s");
      assert.deepEqual(reader.next(1), [row("a")]);
      store.transaction(() => {
        store.append("s", change(2));
        store.putRow("s", row("b", { json: "late", cursor: 2 }));
        store.putRow("s", row("c", { live: false, cursor: 2 }));
        store.putRow("s", row("bb", { cursor: 2 }));
      });
      const later = store.snapshot("s");
      store.transaction(() => store.append("s", change(3)));
      store.trim("s", { changes: 0, before: 0, outcomes: 0 });
      assert.deepEqual([reader.cursor, readAll(reader, 2)], [1, [row("b"), row("c"), row("d")]]);
      assert.equal(later.cursor, 2);
      assert.deepEqual(readAll(later, 9).map(({ id }) => id), ["a", "b", "bb", "d"]);
      reader.close();
      later.close();
    }),
  },
  {
    name: "a snapshot inside a transaction that fails was of that transaction",
    run: using((store) => {
      store.transaction(() => store.putRow("s", row("a")));
      let reader: SnapshotReader | undefined;
      assert.throws(() =>
        store.transaction(() => {
          store.putRow("s", row("b"));
          reader = store.snapshot("s");
          throw new Error("stop");
        })
      );
      assert.deepEqual(reader?.next(9), [row("a"), row("b")]);
      reader?.close();
      assert.deepEqual(snapshotOf(store, "s", 9), [row("a")]);
    }),
  },
  {
    name: "a snapshot closes twice and is not read after that",
    run: using((store) => {
      store.transaction(() => store.putRow("s", row("a")));
      const reader = store.snapshot("s");
      reader.close();
      reader.close();
      assert.throws(() => reader.next(1), /after its close/);
    }),
  },
  {
    name: "many snapshots are open at once and the store closes with some of them",
    run(open) {
      const store = open();
      const readers = Array.from({ length: 12 }, (_, i) => {
        store.transaction(() => store.append("s", change(i + 1)));
        return store.snapshot("s");
      });
      assert.deepEqual(readers.map(({ cursor }) => cursor), readers.map((_, i) => i + 1));
      readers.slice(0, 9).forEach((reader) => reader.close());
      assert.equal(store.snapshot("s").cursor, 12);
      store.close();
    },
  },
  {
    name: "a scope of 10,000 rows is read whole and in order",
    run: using((store) => {
      const n = 10_000;
      store.transaction(() => {
        for (let i = 0; i < n; i++) {
          const id = `row ${(i * 7_919) % n}`;
          store.append("s", change(i + 1, { id }));
          store.putRow("s", row(id, { json: `${i}`, cursor: i + 1 }));
        }
      });
      const ids = Array.from({ length: n }, (_, i) => `row ${i}`).sort(compareText);
      assert.deepEqual(snapshotOf(store, "s", 997).map(({ id }) => id), ids);
      assert.deepEqual(store.rows("s", "todo").map(({ id }) => id), ids);
      assert.equal(store.changes("s", n - 5, 1_000).length, 5);
      assert.equal(store.trim("s", { ...KEEP_ALL, changes: 10 }), n - 10);
    }),
  },
];

const trims: readonly StoreCase[] = [
  {
    name: "a trim keeps the newest changes by number",
    run(open) {
      const n = 5;
      for (const [keep, floor] of [[n + 1, 0], [n, 0], [n - 1, 1], [1, n - 1], [0, n]] as const) {
        const store = open();
        store.transaction(() => {
          for (let cursor = 1; cursor <= n; cursor++) store.append("s", change(cursor));
        });
        assert.equal(store.trim("s", { ...KEEP_ALL, changes: keep }), floor);
        assert.deepEqual(store.head("s"), { cursor: n, floor, time: n });
        const left = store.changes("s", floor, 99).map(({ cursor }) => cursor);
        assert.deepEqual(left, Array.from({ length: n - floor }, (_, i) => floor + 1 + i));
        assert.equal(store.trim("s", { ...KEEP_ALL, changes: keep }), 0, "twice is once");
        store.close();
      }
    },
  },
  {
    name: "a trim drops changes before a time",
    run(open) {
      // Times 10, 20, 20, 30: "before" excludes the time itself.
      for (
        const [before, floor] of [[10, 0], [11, 1], [20, 1], [21, 3], [30, 3], [31, 4]] as const
      ) {
        const store = open();
        store.transaction(() => {
          [10, 20, 20, 30].forEach((time, i) => store.append("s", change(i + 1, { time })));
        });
        assert.equal(store.trim("s", { ...KEEP_ALL, before }), floor);
        assert.deepEqual(store.head("s"), { cursor: 4, floor, time: 30 });
        assert.equal(store.changes("s", 0, 99).length, 4 - floor);
        store.close();
      }
    },
  },
  {
    name: "a trim goes as far as the stricter rule, and the floor never sinks",
    run: using((store) => {
      store.transaction(() => {
        for (let cursor = 1; cursor <= 6; cursor++) store.append("s", change(cursor));
      });
      assert.equal(store.trim("s", { changes: 5, before: 4, outcomes: 0 }), 3);
      assert.equal(store.trim("s", { changes: 2, before: 4, outcomes: 0 }), 1);
      assert.equal(store.trim("s", KEEP_ALL), 0);
      assert.deepEqual(store.head("s"), { cursor: 6, floor: 4, time: 6 });
      store.transaction(() => store.append("s", change(7)));
      assert.deepEqual(store.changes("s", 4, 9).map(({ cursor }) => cursor), [5, 6, 7]);
    }),
  },
  {
    name: "a log that is trimmed empty goes on at its cursor",
    run: using((store) => {
      store.transaction(() => store.append("s", change(1)));
      assert.equal(store.trim("s", { ...KEEP_ALL, before: 99 }), 1);
      assert.throws(() => store.transaction(() => store.append("s", change(1))), /end of its log/);
      store.transaction(() => store.append("s", change(2)));
      assert.deepEqual(store.head("s"), { cursor: 2, floor: 1, time: 2 });
      assert.deepEqual(store.changes("s", 1, 9), [change(2)]);
    }),
  },
  {
    name: "a trim purges tombstones up to the floor and no live row",
    run: using((store) => {
      store.transaction(() => {
        for (let cursor = 1; cursor <= 6; cursor++) store.append("s", change(cursor));
        for (const cursor of [2, 3, 4]) {
          store.putRow("s", row(`dead${cursor}`, { live: false, cursor }));
          store.putRow("s", row(`live${cursor}`, { cursor }));
        }
        store.putRow("s", row("back", { live: false, cursor: 1 }));
        store.putRow("s", row("back", { live: true, cursor: 1 }));
        store.putRow("t", row("dead2", { live: false, cursor: 2 }));
      });
      store.trim("s", { ...KEEP_ALL, changes: 3 });
      assert.equal(store.head("s").floor, 3);
      for (const id of ["dead2", "dead3"]) assert.equal(store.row("s", "todo", id), undefined);
      assert.equal(store.row("s", "todo", "dead4")?.live, false);
      assert.deepEqual(
        store.rows("s", "todo").map(({ id }) => id),
        ["back", "live2", "live3", "live4"],
      );
      assert.equal(store.row("t", "todo", "dead2")?.live, false);
    }),
  },
  {
    name: "a trim drops old outcomes but the newest of each client",
    run: using((store) => {
      const keep = 3;
      store.transaction(() => {
        store.putClient("s", client("c", { lastSeq: 10 }));
        store.putClient("s", client("d", { lastSeq: 2 }));
        for (let seq = 1; seq <= 10; seq++) store.putOutcome("s", outcome(`c${seq}`, { seq }));
        for (const seq of [1, 2]) {
          store.putOutcome("s", outcome(`d${seq}`, { client: "d", seq }));
        }
        store.putOutcome("s", outcome("young", { seq: 1, time: 50 }));
        store.putOutcome("s", outcome("unknown", { client: "nobody", seq: 1 }));
      });
      const kept = (...ids: string[]) => ids.filter((id) => store.outcome("s", id) !== undefined);
      store.trim("s", { ...KEEP_ALL, before: 50, outcomes: keep });
      assert.deepEqual(kept("c1", "c6", "c7", "c8", "c9", "c10"), ["c8", "c9", "c10"]);
      assert.deepEqual(kept("d1", "d2", "young", "unknown"), ["d1", "d2", "young", "unknown"]);
      store.trim("s", { ...KEEP_ALL, before: 50, outcomes: 0 });
      assert.deepEqual(kept("c8", "c9", "c10", "d1", "d2", "young"), ["young"]);
    }),
  },
  {
    name: "a trim drops outcomes without a client by age alone",
    run: using((store) => {
      store.transaction(() => {
        for (const time of [9, 10, 11]) {
          store.putOutcome("s", outcome(`at ${time}`, { client: "", seq: 0, time }));
        }
        store.putClient("s", client("c", { lastSeq: 1 }));
      });
      store.trim("s", { ...KEEP_ALL, before: 10 });
      assert.equal(store.outcome("s", "at 9"), undefined);
      assert.notEqual(store.outcome("s", "at 10"), undefined);
      assert.notEqual(store.outcome("s", "at 11"), undefined);
      assert.notEqual(store.client("s", "c"), undefined, "clients stay");
    }),
  },
];

const model: readonly StoreCase[] = [
  {
    name: "a long fixed history equals the model",
    run: using((store) => {
      const memory = new MemoryStore("model");
      for (const each of [store, memory]) writeHistory(each);
      const names = {
        entities: ["todo", "note"],
        ids: Array.from({ length: 13 }, (_, i) => `r${i}`),
        clients: ["c0", "c1", "c2"],
        mutations: Array.from({ length: 300 }, (_, i) => `m${i}`),
      };
      for (const scope of ["s", "t"]) {
        assert.deepEqual(contentsOf(store, scope, names), contentsOf(memory, scope, names));
      }
    }),
  },
];

const versions: readonly StoreCase[] = [
  {
    name: "a new store has rows of version 1 of the app, and keeps the version that it is given",
    run: using((store) => {
      assert.equal(store.appVersion(), 1);
      store.transaction(() => {
        store.setAppVersion(2);
        assert.equal(store.appVersion(), 2);
        store.setAppVersion(4_294_967_295);
      });
      assert.equal(store.appVersion(), 4_294_967_295);
      assert.deepEqual(store.scopes(), []);
    }),
  },
  {
    name: "the version of the app is undone with its transaction, and set in one alone",
    run: using((store) => {
      store.transaction(() => store.setAppVersion(2));
      assert.throws(() =>
        store.transaction(() => {
          store.setAppVersion(3);
          throw new RangeError("undone");
        }), RangeError);
      assert.throws(() => store.setAppVersion(3), /inside a transaction/);
      assert.equal(store.appVersion(), 2);
    }),
  },
  {
    name: "every row of a scope is read, tombstones too, by entity and id",
    run: using((store) => {
      store.transaction(() => {
        for (const id of ["\u{1f600}", "\ufffd", "b", "a"]) {
          store.putRow("s", row(id, { live: id !== "b" }));
        }
        store.putRow("s", row("z", { entity: "note" }));
        store.putRow("t", row("c"));
      });
      const read = Array.from(store.everyRow("s"), ({ entity, id, live }) => [entity, id, live]);
      assert.deepEqual(read, [
        ["note", "z", true],
        ["todo", "a", true],
        ["todo", "b", false],
        ["todo", "\ufffd", true],
        ["todo", "\u{1f600}", true],
      ]);
      assert.deepEqual([...store.everyRow("unknown")], []);
    }),
  },
  {
    name: "rows may be put while every row is read, and each is read once",
    run: using((store) => {
      const count = 2_001;
      store.transaction(() => {
        for (let i = 0; i < count; i++) store.putRow("s", row(`r${i}`));
      });
      store.transaction(() => {
        let read = 0;
        for (const { id, json } of store.everyRow("s")) {
          assert.equal(json, "{}");
          store.putRow("s", row(id, { json: `{"n":${++read}}` }));
        }
        assert.equal(read, count);
      });
      assert.equal(store.rows("s", "todo").filter(({ json }) => json === "{}").length, 0);
    }),
  },
];

const reads: readonly StoreCase[] = [
  {
    name: "a read returns what its work returns and throws what it throws",
    run: using((store) => {
      store.transaction(() => store.putRow("s", row("a")));
      assert.deepEqual(store.read(() => [store.row("s", "todo", "a")]), [row("a")]);
      const stop = new RangeError("stop");
      assert.throws(() =>
        store.read(() => {
          throw stop;
        }), stop);
      assert.equal(store.read(() => store.read(() => 1) + 1), 2, "a read in a read");
      store.transaction(() => store.putRow("s", row("b")));
      assert.equal(store.rows("s", "todo").length, 2);
    }),
  },
  {
    name: "a read inside a transaction sees its writes and is undone with nothing of it",
    run: using((store) => {
      assert.throws(() =>
        store.transaction(() => {
          store.putRow("s", row("a"));
          assert.deepEqual(store.read(() => store.rows("s", "todo")), [row("a")]);
          assert.throws(() =>
            store.read(() => {
              throw new Error("stop");
            }), /stop/);
          store.putRow("s", row("b"));
          throw new RangeError("undone");
        }), RangeError);
      assert.deepEqual(store.scopes(), []);
    }),
  },
  {
    name: "a transaction in a read is refused, and so is work that returns a promise",
    run: using((store) => {
      assert.throws(() => store.read(() => store.transaction(() => 1)), /inside a read/);
      assert.throws(() => store.read(() => Promise.resolve()), /synchronous/);
      assert.equal(store.transaction(() => 1), 1);
    }),
  },
  {
    name: "written rows come in pages by their cursor, tombstones too",
    run: using((store) => {
      store.transaction(() => {
        for (let cursor = 1; cursor <= 9; cursor++) {
          store.append("s", change(cursor));
          store.putRow("s", row(`r${10 - cursor}`, { cursor, live: cursor % 3 !== 0 }));
        }
        store.putRow("t", row("other", { cursor: 4 }));
      });
      const cursors = (after: number, limit: number) =>
        store.written("s", after, limit).map(({ cursor }) => cursor);
      assert.deepEqual(cursors(0, 4), [1, 2, 3, 4]);
      assert.deepEqual(cursors(4, 4), [5, 6, 7, 8]);
      assert.deepEqual(cursors(8, 4), [9]);
      assert.deepEqual([cursors(9, 4), cursors(99, 4), cursors(0, 0)], [[], [], []]);
      assert.deepEqual(cursors(6, Infinity), [7, 8, 9]);
      assert.deepEqual(store.written("s", 2, 1), [row("r7", { cursor: 3, live: false })]);
      store.trim("s", { ...KEEP_ALL, changes: 5 });
      assert.deepEqual(cursors(0, 9), [1, 2, 4, 5, 6, 7, 8, 9], "the tombstone at 3 is gone");
    }),
  },
  {
    name: "a written row stands at its newest cursor, and rows of one cursor by name",
    run: using((store) => {
      const names = () => store.written("s", 0, 9).map(({ entity, id }) => `${entity} ${id}`);
      store.transaction(() => {
        store.putRow("s", row("a"));
        store.putRow("s", row("b", { cursor: 2 }));
      });
      assert.deepEqual(names(), ["todo a", "todo b"]);
      store.transaction(() => {
        store.putRow("s", row("a", { cursor: 3 }));
        assert.deepEqual(names(), ["todo b", "todo a"]);
      });
      assert.throws(() =>
        store.transaction(() => {
          store.putRow("s", row("b", { cursor: 4 }));
          assert.deepEqual(names(), ["todo a", "todo b"]);
          throw new RangeError("undone");
        }), RangeError);
      assert.deepEqual(names(), ["todo b", "todo a"]);
      store.transaction(() => {
        for (const id of ["\u{1f600}", "\ufffd", "z"]) store.putRow("s", row(id, { cursor: 3 }));
        store.putRow("s", row("z", { entity: "note", cursor: 3 }));
      });
      assert.deepEqual(names().slice(1), [
        "note z",
        "todo a",
        "todo z",
        "todo \ufffd",
        "todo \u{1f600}",
      ]);
    }),
  },
];

/** Every case, for every store. */
export const storeCases: readonly StoreCase[] = [
  ...transactions,
  ...reads,
  ...versions,
  ...logs,
  ...rows,
  ...snapshots,
  ...trims,
  ...model,
];

/** A case with one store, closed whatever happens. */
export function using(work: (store: Store) => void): StoreCase["run"] {
  return (open) => {
    const store = open();
    try {
      work(store);
    } finally {
      store.close();
    }
  };
}

function writeOneOfEach(store: Store, scope: string): void {
  store.append(scope, change(1, { time: 7 }));
  store.putRow(scope, row("a"));
  store.putClient(scope, client("c"));
  store.putOutcome(scope, outcome("m"));
}

/** Each kind of write, each into a scope of its own. */
function writesOf(store: Store): readonly (() => void)[] {
  return [
    () => store.append("1", change(1)),
    () => store.putRow("2", row("a")),
    () => store.putClient("3", client("c")),
    () => store.putOutcome("4", outcome("m")),
  ];
}

function readAll(reader: SnapshotReader, limit: number): readonly StoredRow[] {
  const rows: StoredRow[] = [];
  for (let page = reader.next(limit); page.length > 0; page = reader.next(limit)) {
    assert.ok(page.length <= limit);
    rows.push(...page);
  }
  return rows;
}

function snapshotOf(store: Store, scope: string, limit: number): readonly StoredRow[] {
  const reader = store.snapshot(scope);
  const rows = readAll(reader, limit);
  reader.close();
  return rows;
}

/** 300 transactions over two scopes, every seventh of them undone, with a trim now and then. */
function writeHistory(store: Store): void {
  for (let i = 0; i < 300; i++) {
    const scope = i % 3 === 0 ? "t" : "s";
    const work = () => {
      const cursor = store.head(scope).cursor + 1;
      const live = i % 5 !== 0;
      const [entity, id] = [i % 2 === 0 ? "todo" : "note", `r${i % 13}`];
      store.append(scope, change(cursor, { entity, id, time: i }));
      store.putRow(scope, row(id, { entity, live, cursor, json: `${i}` }));
      store.putOutcome(scope, outcome(`m${i}`, { client: `c${i % 3}`, seq: i, cursor, time: i }));
      store.putClient(scope, client(`c${i % 3}`, { lastSeq: i, time: i }));
      if (i % 50 === 49) store.trim(scope, { changes: 40, before: i - 90, outcomes: 30 });
      if (i % 7 === 6) throw new RangeError("undone");
    };
    if (i % 7 === 6) assert.throws(() => store.transaction(work), RangeError);
    else store.transaction(work);
  }
}
