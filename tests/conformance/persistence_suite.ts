/**
 * What every storage of a client promises, sentence by sentence of the port.
 *
 * Needs nothing but the core, so that it runs on Deno and, bundled, in a browser.
 */
import type { Change } from "../../core/change.ts";
import { canonicalText, type Json } from "../../core/json.ts";
import type {
  ClientIdentity,
  PendingRecord,
  PersistBatch,
  PersistedClient,
  Persistence,
  ReplicaMove,
  Standing,
} from "../../core/persistence.ts";
import type { SnapshotRow } from "../../core/snapshot.ts";

/**
 * One behaviour. `open` gives the storage of one client: empty at first, and after a `close` with what
 * was stored before. A case closes what it opens.
 */
export interface PersistenceCase {
  readonly name: string;
  run(open: () => Persistence): Promise<void>;
}

/** Names that break a careless key or sort. */
const HOSTILE_NAMES = [
  "__proto__",
  "constructor",
  "a",
  "A",
  "'",
  '"',
  "a b",
  "\u00e9",
  "e\u0301",
  "\ufffd",
  "\u{1f600}",
  "x".repeat(128),
];
const MANY_ROWS = 2_000;

/** An identity. */
export function identity(more: Partial<ClientIdentity> = {}): ClientIdentity {
  return { client: "c1", decidedSeq: 0, time: 0, clockOffset: 0, ...more };
}

/** A queued mutation. */
export function queued(order: number, more: Partial<PendingRecord> = {}): PendingRecord {
  const id = `m${order}`;
  return { order, id, name: "note.add", args: "{}", createdAt: order, visibleAt: null, ...more };
}

/** A step of the queue. */
export function step(more: Partial<PersistBatch> = {}): PersistBatch {
  return { token: 1, identity: identity(), put: [], drop: [], ...more };
}

/** A confirmed row. */
export function row(id: string, json = "{}", entity = "note"): SnapshotRow {
  return { entity, id, json };
}

/** All rows at a cursor. */
export function snapshot(
  cursor: number,
  rows: readonly SnapshotRow[],
  epoch = "e1",
): ReplicaMove {
  return { kind: "snapshot", rows, cursor, epoch };
}

/** What differs at a cursor from rows that stand at another place; `null` is a row that is gone. */
export function repair(
  onto: Standing,
  cursor: number,
  effects: readonly (readonly [id: string, json: string | null])[],
  epoch = "e1",
): ReplicaMove {
  const rows = effects.flatMap(([id, json]) => json === null ? [] : [row(id, json)]);
  const gone = effects.flatMap(([id, json]) => json === null ? [{ entity: "note", id }] : []);
  return { kind: "snapshot", rows, gone, cursor, epoch, onto };
}

/** Changes behind a cursor, one for each id and text; `null` deletes. */
export function changes(
  from: number,
  effects: readonly (readonly [id: string, json: string | null])[],
  epoch = "e1",
): ReplicaMove {
  const list = effects.map(([id, json], index): Change => {
    const cursor = from + index + 1;
    return { cursor, entity: "note", id, op: json === null ? "delete" : "update", json, time: 1 };
  });
  return { kind: "changes", from, changes: list, epoch };
}

const queues: readonly PersistenceCase[] = [
  {
    name: "a new client finds nothing",
    run: using(async (storage) => same(await storage.load(), null)),
  },
  {
    name: "what was put comes back whole, by order",
    run: using(async (storage) => {
      await storage.load();
      const first = queued(9, { args: `{"a":[1,"\u{1f600}"]}`, visibleAt: 7, createdAt: 3 });
      await storage.saveQueue([step({ put: [queued(10), first, queued(11)] })]);
      same((await found(storage)).pending, [first, queued(10), queued(11)]);
    }),
  },
  {
    name: "a put of an order that is there replaces it",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveQueue([step({ put: [queued(1), queued(2)] })]);
      await storage.saveQueue([step({ put: [queued(1, { visibleAt: 5 })] })]);
      same((await found(storage)).pending, [queued(1, { visibleAt: 5 }), queued(2)]);
    }),
  },
  {
    name: "what waits in quarantine keeps its reason, and may come back into the line",
    run: using(async (storage) => {
      await storage.load();
      const refused = { state: "refused", code: "rejected", error: "No \u{1f600}" } as const;
      const held = { state: "held", cause: "m1" } as const;
      const aside = [queued(1, { quarantine: refused }), queued(2, { quarantine: held })];
      await storage.saveQueue([step({ put: [queued(1), queued(2), queued(3)] })]);
      await storage.saveQueue([step({ put: aside })]);
      same((await found(storage)).pending, [...aside, queued(3)]);
      await storage.saveQueue([step({ put: [queued(2)], drop: [1] })]);
      same((await found(storage)).pending, [queued(2), queued(3)]);
    }),
  },
  {
    name: "a drop removes, and what is not there is no failure",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveQueue([step({ put: [queued(1), queued(2), queued(3)] })]);
      await storage.saveQueue([step({ drop: [2, 99] })]);
      same((await found(storage)).pending, [queued(1), queued(3)]);
    }),
  },
  {
    name: "the batches of one step apply in their order",
    run: using(async (storage) => {
      await storage.load();
      const again = queued(1, { id: "again" });
      await storage.saveQueue([
        step({ put: [queued(1), queued(2)] }),
        step({ drop: [1, 2] }),
        step({ put: [again] }),
      ]);
      same((await found(storage)).pending, [again]);
    }),
  },
  {
    name: "the identity of the last batch stands",
    run: using(async (storage) => {
      await storage.load();
      const last = identity({ client: "c2", decidedSeq: 7, time: 8, clockOffset: -9 });
      await storage.saveQueue([step(), step({ identity: last })]);
      same((await found(storage)).identity, last);
    }),
  },
  {
    name: "a queue without rows starts at cursor 0 of no history",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveQueue([step({ put: [queued(1)] })]);
      same((await found(storage)).replica, { rows: [], cursor: 0, epoch: "" });
    }),
  },
];

const rows: readonly PersistenceCase[] = [
  {
    name: "changes that follow move the rows",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([changes(0, [["a", "1"], ["b", "2"]])]);
      await storage.saveRows([changes(2, [["a", "3"], ["b", null]])]);
      same(await replica(storage), { rows: [row("a", "3")], cursor: 4, epoch: "e1" });
    }),
  },
  {
    name: "changes behind a gap are passed over, and so is what builds on them",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([changes(0, [["a", "1"]])]);
      await storage.saveRows([changes(2, [["a", "3"]]), changes(3, [["b", "4"]])]);
      same(await replica(storage), { rows: [row("a", "1")], cursor: 1, epoch: "e1" });
    }),
  },
  {
    name: "of changes that overlap only the new ones count",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([changes(0, [["a", "1"], ["b", "2"], ["c", "3"]])]);
      await storage.saveRows([changes(1, [["b", "stale"], ["c", "stale"], ["d", "4"]])]);
      await storage.saveRows([changes(0, [["a", "stale"]])]);
      same(await replica(storage), {
        rows: [row("a", "1"), row("b", "2"), row("c", "3"), row("d", "4")],
        cursor: 4,
        epoch: "e1",
      });
    }),
  },
  {
    name: "the moves of one step apply in their order",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([
        changes(0, [["a", "1"]]),
        changes(1, [["b", "2"]]),
        snapshot(7, [row("c", "3")]),
        changes(7, [["d", "4"]]),
      ]);
      same(await replica(storage), {
        rows: [row("c", "3"), row("d", "4")],
        cursor: 8,
        epoch: "e1",
      });
    }),
  },
  {
    name: "a snapshot replaces every row, also one that was further on",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([changes(0, [["a", "1"], ["b", "2"]])]);
      await storage.saveRows([snapshot(1, [row("a", "1")])]);
      same(await replica(storage), { rows: [row("a", "1")], cursor: 1, epoch: "e1" });
      await storage.saveRows([snapshot(9, [])]);
      same(await replica(storage), { rows: [], cursor: 9, epoch: "e1" });
    }),
  },
  {
    name: "changes of another history wait for its snapshot",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([changes(0, [["a", "1"]])]);
      await storage.saveRows([changes(1, [["a", "other"]], "e2")]);
      same(await replica(storage), { rows: [row("a", "1")], cursor: 1, epoch: "e1" });
      await storage.saveRows([
        snapshot(1, [row("a", "2")], "e2"),
        changes(1, [["b", "3"]], "e2"),
      ]);
      same(await replica(storage), {
        rows: [row("a", "2"), row("b", "3")],
        cursor: 2,
        epoch: "e2",
      });
    }),
  },
  {
    name: "rows without a queue have nobody's identity",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([snapshot(3, [row("a")])]);
      const stored = await found(storage);
      same([stored.identity, stored.pending], [null, []]);
    }),
  },
  {
    name: "names of any kind stay apart",
    run: using(async (storage) => {
      await storage.load();
      const all = [
        ...HOSTILE_NAMES.map((id, index) => row(id, `${index}`)),
        row("bc", "1", "a"),
        row("c", "2", "ab"),
      ];
      await storage.saveRows([snapshot(1, all)]);
      same(byName((await found(storage)).replica.rows), byName(all));
    }),
  },
  {
    name: "many rows come back whole",
    run: using(async (storage) => {
      await storage.load();
      const all = Array.from({ length: MANY_ROWS }, (_, i) => row(`id${i}`, `{"n":${i}}`));
      await storage.saveRows([snapshot(1, all)]);
      same(byName((await found(storage)).replica.rows), byName(all));
    }),
  },
];

const AT_2: Standing = { cursor: 2, epoch: "e1" };

const repairs: readonly PersistenceCase[] = [
  {
    name: "a repair puts and removes what it names, and every other row stays",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([snapshot(2, [row("a", "1"), row("b", "2"), row("c", "3")])]);
      await storage.saveRows([
        repair(AT_2, 5, [["b", "20"], ["c", null], ["d", "4"], ["z", null]]),
      ]);
      const rows = [row("a", "1"), row("b", "20"), row("d", "4")];
      same(await replica(storage), { rows, cursor: 5, epoch: "e1" });
    }),
  },
  {
    name: "a repair may stay where the rows stand, and lead to another history",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([snapshot(2, [row("a", "1")])]);
      await storage.saveRows([repair(AT_2, 2, [["b", "2"]])]);
      same(await replica(storage), { rows: [row("a", "1"), row("b", "2")], ...AT_2 });
      await storage.saveRows([
        repair(AT_2, 1, [["a", null]], "e2"),
        changes(1, [["c", "3"]], "e2"),
      ]);
      const rows = [row("b", "2"), row("c", "3")];
      same(await replica(storage), { rows, cursor: 2, epoch: "e2" });
    }),
  },
  {
    name: "a repair of rows that stand further on, further back or elsewhere is passed over",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([repair(AT_2, 5, [["a", "1"]])]);
      const standing = { rows: [row("a", "1")], cursor: 3, epoch: "e1" };
      await storage.saveRows([snapshot(3, [row("a", "1")])]);
      for (const onto of [AT_2, { cursor: 4, epoch: "e1" }, { cursor: 3, epoch: "e2" }]) {
        await storage.saveRows([repair(onto, 5, [["a", "2"], ["b", "2"]])]);
        same(await replica(storage), standing);
      }
      // What builds on it is behind a gap.
      await storage.saveRows([repair(AT_2, 5, [["a", "2"]]), changes(5, [["b", "3"]])]);
      same(await replica(storage), standing);
    }),
  },
  {
    name: "a repair applies in its place among the moves of one step",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveRows([
        changes(0, [["a", "1"], ["b", "2"]]),
        repair(AT_2, 2, [["a", "10"], ["c", "3"]]),
        changes(2, [["a", null], ["d", "4"]]),
      ]);
      const rows = [row("b", "2"), row("c", "3"), row("d", "4")];
      same(await replica(storage), { rows, cursor: 4, epoch: "e1" });
    }),
  },
  {
    name: "a large repair comes back whole",
    run: using(async (storage) => {
      await storage.load();
      const all = Array.from({ length: MANY_ROWS }, (_, i) => row(`id${i}`, `{"n":${i}}`));
      await storage.saveRows([snapshot(2, all.filter((_, i) => i % 2 === 0))]);
      const half = all.filter((_, i) => i % 2 === 1).map(({ id, json }) => [id, json] as const);
      await storage.saveRows([repair(AT_2, 2, half)]);
      same(byName((await found(storage)).replica.rows), byName(all));
    }),
  },
  {
    name: "rows that are read again are those that are stored",
    run: using(async (storage) => {
      await storage.load();
      if (storage.readRows === undefined) return;
      same(await storage.readRows(), null);
      await storage.saveRows([snapshot(2, [row("a", "1"), row("b", "2")])]);
      await storage.saveRows([repair(AT_2, 4, [["a", null]]), changes(4, [["c", "3"]])]);
      const { rows: read, ...place } = await storage.readRows() ?? { rows: [] };
      const rows = [row("b", "2"), row("c", "3")];
      same({ rows: byName(read), ...place }, { rows, cursor: 5, epoch: "e1" });
    }),
  },
];

const restarts: readonly PersistenceCase[] = [
  {
    name: "the next start finds identity, queue and rows",
    async run(open) {
      const before = open();
      await before.load();
      const own = identity({ decidedSeq: 3 });
      await before.saveQueue([step({ identity: own, put: [queued(4), queued(5)] })]);
      await before.saveRows([snapshot(2, [row("a", "1")])]);
      await before.close();
      const after = open();
      same(await after.load(), {
        identity: own,
        pending: [queued(4), queued(5)],
        replica: { rows: [row("a", "1")], cursor: 2, epoch: "e1" },
      });
      await after.saveQueue([step({ identity: own, drop: [4] })]);
      await after.saveRows([changes(2, [["b", "2"]])]);
      await after.close();
      const last = open();
      const stored = await found(last);
      same(stored.pending, [queued(5)]);
      same(stored.replica.cursor, 3);
      await last.close();
    },
  },
  {
    name: "queue and rows are written side by side",
    run: using(async (storage) => {
      await storage.load();
      await Promise.all([
        storage.saveRows([snapshot(1, [row("a")])]),
        storage.saveQueue([step({ put: [queued(1)] })]),
        storage.saveRows([changes(1, [["b", "1"]])]),
        storage.saveQueue([step({ put: [queued(2)] })]),
      ]);
      const stored = await found(storage);
      same([stored.pending.length, stored.replica.cursor], [2, 2]);
    }),
  },
  {
    name: "what was loaded does not change with what is stored later",
    run: using(async (storage) => {
      await storage.load();
      await storage.saveQueue([step({ put: [queued(1)] })]);
      await storage.saveRows([snapshot(1, [row("a")])]);
      const stored = await found(storage);
      await storage.saveQueue([step({ drop: [1] })]);
      await storage.saveRows([snapshot(2, [])]);
      same([stored.pending, stored.replica.rows], [[queued(1)], [row("a")]]);
    }),
  },
];

/** Every case. */
export const persistenceCases: readonly PersistenceCase[] = [
  ...queues,
  ...rows,
  ...repairs,
  ...restarts,
];

function using(run: (storage: Persistence) => Promise<void>): PersistenceCase["run"] {
  return async (open) => {
    const storage = open();
    try {
      await run(storage);
    } finally {
      await storage.close();
    }
  };
}

/** What the next start finds. */
async function found(storage: Persistence): Promise<PersistedClient> {
  await storage.close();
  const stored = await storage.load();
  if (stored === null) throw new Error("Expected stored data, found none");
  return stored;
}

async function replica(storage: Persistence): Promise<unknown> {
  const { rows: all, cursor, epoch } = (await found(storage)).replica;
  return { rows: byName(all), cursor, epoch };
}

function byName(all: readonly SnapshotRow[]): readonly SnapshotRow[] {
  const key = ({ entity, id }: SnapshotRow) => `${entity}\0${id}`;
  return all.map(({ entity, id, json }) => ({ entity, id, json }))
    .sort((a, b) => key(a) < key(b) ? -1 : 1);
}

/** Equal as JSON, whatever the order of keys. */
function same(actual: unknown, expected: unknown): void {
  const [a, b] = [canonicalText(actual as Json), canonicalText(expected as Json)];
  if (a !== b) throw new Error(`Expected ${b}, found ${a}`);
}
