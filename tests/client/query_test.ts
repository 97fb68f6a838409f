/** Queries: what they give against a naive computation, what they say differs, and what a change costs. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { compareText, type Json } from "../../core/json.ts";
import type { QueryChange, RowQuery } from "../../ui/client/query.ts";
import { acceptOf, orderOf, type QueryOptions } from "../../ui/client/query_options.ts";
import { effect } from "../../ui/client/signals.ts";
import { type Item, Stage } from "./query_stage.ts";

type ItemRow = readonly [id: string, item: Item];
type ItemChange = QueryChange<Item>;

function item(rank: number, parts: Partial<Item> = {}): Item {
  return { title: `t${rank}`, rank, done: false, ...parts };
}

function ids(rows: readonly (readonly [id: string, record: unknown])[]): string {
  return rows.map(([id]) => id).join("");
}

function changesOf(query: RowQuery): ItemChange[] {
  const changes: ItemChange[] = [];
  query.subscribe((change) => void changes.push(change as unknown as ItemChange));
  return changes;
}

/** A kind of query, and what it should give, said in another way. */
interface Kind {
  readonly options: QueryOptions<Item>;
  readonly accepts: (item: Item, id: string) => boolean;
  readonly order: (a: Item, b: Item) => number;
}

const WHERE: readonly Pick<Kind, "options" | "accepts">[] = [
  { options: {}, accepts: () => true },
  { options: { where: { done: false } }, accepts: ({ done }) => !done },
  { options: { where: { rank: 2, done: false } }, accepts: (i) => i.rank === 2 && !i.done },
  {
    options: { where: (i, id) => i.rank % 2 === 0 || id === "a" },
    accepts: (i, id) => {
      return id === "a" || i.rank % 2 === 0;
    },
  },
];

const ORDER: readonly Pick<Kind, "options" | "order">[] = [
  { options: {}, order: () => 0 },
  { options: { orderBy: "rank" }, order: (a, b) => a.rank - b.rank },
  { options: { orderBy: ["rank", "desc"] }, order: (a, b) => b.rank - a.rank },
  {
    options: { orderBy: ["done", ["title", "desc"]] },
    order: (a, b) =>
      Number(a.done) - Number(b.done) || (a.title < b.title ? 1 : Number(a.title > b.title) * -1),
  },
  {
    options: { orderBy: (a, b) => b.rank % 3 - a.rank % 3 },
    order: (a, b) => b.rank % 3 - a.rank % 3,
  },
];

const kind: fc.Arbitrary<Kind> = fc.record({
  where: fc.constantFrom(...WHERE),
  order: fc.constantFrom(...ORDER),
  limit: fc.option(fc.nat(6), { nil: undefined }),
}).map(({ where, order, limit }) => ({
  options: { ...where.options, ...order.options, ...(limit === undefined ? {} : { limit }) },
  accepts: where.accepts,
  order: order.order,
}));

const id = fc.constantFrom(..."abcdefghi");
const record: fc.Arbitrary<Item> = fc.record({
  title: fc.constantFrom("x", "y", "z"),
  rank: fc.nat(5),
  done: fc.boolean(),
});
const confirmed = fc.record({ id, after: fc.option(record, { nil: undefined }) });

/** Something that happens to a client. */
const event: fc.Arbitrary<(stage: Stage) => void> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(id, record).map(([id, item]) => (s: Stage) => s.put(id, item)) },
  id.map((id) => (s: Stage) => s.mutate("item.remove", { id })),
  fc.integer({ min: -2, max: 2 }).map((by) => (s: Stage) => s.mutate("item.raise", { by })),
  {
    weight: 3,
    arbitrary: fc.tuple(fc.uniqueArray(confirmed, { selector: ({ id }) => id }), fc.boolean()).map(
      ([changes, decides]) => (s: Stage) => s.confirm(changes, ...(decides ? [0] : [])),
    ),
  },
  fc.nat(3).map((place) => (s: Stage) => s.confirm([], place)),
  fc.uniqueArray(fc.tuple(id, record), { selector: ([id]) => id })
    .map((rows) => (s: Stage) => s.replace(rows)),
);

function naive(stage: Stage, { options, accepts, order }: Kind): readonly ItemRow[] {
  return stage.all()
    .filter(([id, item]) => accepts(item, id))
    .toSorted(([idA, a], [idB, b]) => order(a, b) || compareText(idA, idB))
    .slice(0, options.limit);
}

/** What somebody has who only ever heard of differences. */
class Mirror {
  rows: readonly ItemRow[];

  constructor(rows: readonly ItemRow[]) {
    this.rows = rows;
  }

  take({ rows, added, removed, updated, moved }: ItemChange): void {
    const before = new Map(this.rows);
    const after = new Map(rows);
    const names = (some: readonly ItemRow[]) => some.map(([id]) => id).sort();
    const both = [...after.keys()].filter((id) => before.has(id));
    assertEquals(names(added), [...after.keys()].filter((id) => !before.has(id)).sort());
    assertEquals(names(removed), [...before.keys()].filter((id) => !after.has(id)).sort());
    assertEquals(names(updated), both.filter((id) => before.get(id) !== after.get(id)).sort());
    // Those that neither came nor went nor moved stand as before.
    const isStill = ([id]: ItemRow) => both.includes(id) && !moved.some(([other]) => other === id);
    assertEquals(
      this.rows.filter(isStill).map(([id]) => id),
      rows.filter(isStill).map(([id]) => id),
    );
    for (const row of [...added, ...updated]) assert(rows.includes(row));
    for (const row of moved) assert(updated.includes(row));
    for (const row of removed) assert(this.rows.includes(row));
    for (const row of rows) assert(this.rows.includes(row) || [...added, ...updated].includes(row));
    this.rows = rows;
  }
}

Deno.test("a query gives what a computation from scratch gives, and says what differs", () => {
  fc.assert(
    fc.property(kind, fc.array(event, { maxLength: 25 }), (kind, events) => {
      const stage = new Stage();
      const query = stage.query(kind.options);
      const mirror = new Mirror(query.peek() as unknown as readonly ItemRow[]);
      query.subscribe((change) => mirror.take(change as unknown as ItemChange));
      let counted = -1;
      const stop = effect(() => void (counted = query.count));
      for (const happens of events) {
        const before = query.peek();
        happens(stage);
        const expected = naive(stage, kind);
        assertEquals(query.peek() as unknown, expected);
        assertEquals(mirror.rows, expected);
        if (JSON.stringify(before) === JSON.stringify(expected)) {
          assertStrictEquals(query.peek(), before);
        }
        assertEquals(counted, stage.all().filter(([id, item]) => kind.accepts(item, id)).length);
      }
      stop();
      query.dispose();
      assertEquals(stage.reactive.size, 0);
    }),
    { numRuns: 300 },
  );
});

Deno.test("a query that is followed now and then is right whenever it is read", () => {
  const step = fc.tuple(event, fc.constantFrom("read", "follow", "leave", "nothing"));
  fc.assert(
    fc.property(kind, fc.array(step, { maxLength: 25 }), (kind, steps) => {
      const stage = new Stage();
      const query = stage.query(kind.options);
      let stop = () => {};
      let seen: unknown;
      for (const [happens, then] of steps) {
        happens(stage);
        if (seen !== undefined) assertEquals(seen, naive(stage, kind));
        if (then === "read") assertEquals(query.peek() as unknown, naive(stage, kind));
        if (then === "follow" || then === "leave") {
          stop();
          stop = () => {};
          seen = undefined;
        }
        if (then === "follow") stop = effect(() => void (seen = query.value));
        assertEquals(stage.reactive.size, then === "follow" || seen !== undefined ? 1 : 0);
      }
      stop();
    }),
    { numRuns: 200 },
  );
});

Deno.test("a query is attached from the first follower to the last", () => {
  const stage = new Stage();
  const query = stage.query();
  assertEquals([query.peek(), query.value, stage.reactive.size], [[], [], 0]);
  const stops = [
    effect(() => void query.value),
    effect(() => void query.count),
    query.subscribe(() => {}),
  ];
  for (const stop of stops) {
    assertEquals(stage.reactive.size, 1);
    stop();
    stop();
  }
  assertEquals(stage.reactive.size, 0);
});

Deno.test("a disposed query keeps its rows, calls nobody and holds nothing", () => {
  const stage = new Stage();
  stage.put("a", item(1));
  let calls = 0;
  {
    using query = stage.query();
    query.subscribe(() => void calls++);
    const stop = effect(() => void query.value);
    query.dispose();
    stage.put("b", item(2));
    assertEquals([ids(query.value), query.count, calls, stage.reactive.size], ["a", 1, 0, 0]);
    query.subscribe(() => void calls++)();
    stop();
  }
  assertEquals(stage.reactive.size, 0);
});

Deno.test("what is the same stays the same object", () => {
  const stage = new Stage();
  for (const [at, id] of [..."abc"].entries()) stage.put(id, item(at));
  const query = stage.query({ where: { done: false }, orderBy: "rank", limit: 2 });
  query.subscribe(() => {});
  const before = query.peek();
  stage.put("x", item(9));
  stage.mutate("item.put", { id: "c", item: item(2, { title: "below the limit" }) });
  assertStrictEquals(query.peek(), before);
  stage.put("a", item(0, { title: "new" }));
  assert(query.peek() !== before);
  assertStrictEquals(query.peek()[1], before[1]);
  const [, second] = query.peek();
  stage.confirm(stage.all().map(([id, after]) => ({ id, after })), 0, 1, 2, 3, 4, 5);
  assertEquals(stage.pendingCount, 0);
  stage.replace(stage.all());
  assertStrictEquals(query.peek()[1], second);
});

Deno.test("an effect runs once for a change of many records", () => {
  const stage = new Stage();
  for (const [at, id] of [..."abc"].entries()) stage.put(id, item(at));
  const query = stage.query({ orderBy: "rank" });
  const seen: string[] = [];
  const stop = effect(() => void seen.push(query.value.map(([, { rank }]) => rank).join()));
  stage.mutate("item.raise", { by: 10 });
  assertEquals(seen, ["0,1,2", "10,11,12"]);
  stop();
});

Deno.test("a listener that mutates is told of its own change in its turn", () => {
  const stage = new Stage();
  const query = stage.query();
  const heard: string[] = [];
  query.subscribe(({ added }) => {
    if (ids(added) === "a") stage.put("b", item(2));
    heard.push(`1${ids(added)}`);
  });
  query.subscribe(({ added }) => void heard.push(`2${ids(added)}`));
  stage.put("a", item(1));
  assertEquals(heard, ["1a", "2a", "1b", "2b"]);
});

Deno.test("a listener that leaves another one in the middle hears once", () => {
  const stage = new Stage();
  const query = stage.query();
  const changes = changesOf(query);
  const same = () => void calls++;
  let calls = 0;
  const [stop] = [query.subscribe(same), query.subscribe(same)];
  stop();
  stage.put("a", item(1));
  assertEquals([calls, changes.length], [1, 1]);
});

Deno.test("a predicate that throws costs nobody else, and its reader is told", () => {
  const stage = new Stage();
  const { error } = console;
  const complaints: unknown[] = [];
  console.error = (...words) => void complaints.push(words[1]);
  try {
    const fault = new Error("no such title");
    const bad = stage.query({
      where: ({ title }) => {
        if (title === "bad") throw fault;
        return true;
      },
    });
    const good = stage.query();
    bad.subscribe(() => {});
    good.subscribe(() => {});
    stage.put("a", item(1));
    stage.put("b", item(2, { title: "bad" }));
    assertEquals(complaints, [fault]);
    assertEquals(ids(good.peek()), "ab");
    assertStrictEquals(assertThrows(() => bad.peek()), fault);
    stage.mutate("item.remove", { id: "b" });
    assertEquals([ids(bad.peek()), bad.count], ["a", 1]);
  } finally {
    console.error = error;
  }
});

Deno.test("a comparison that throws leaves nothing half done", () => {
  const stage = new Stage();
  const { error } = console;
  console.error = () => {};
  try {
    const query = stage.query({
      orderBy: (a, b) => {
        if (a.title === "bad" || b.title === "bad") throw new Error("no order");
        return b.rank - a.rank;
      },
    });
    const stop = effect(() => void query.count);
    for (const [at, id] of [..."abc"].entries()) stage.put(id, item(at));
    stage.put("b", item(5, { title: "bad" }));
    assertThrows(() => query.peek(), Error, "no order");
    stage.put("b", item(5));
    assertEquals([ids(query.peek()), query.count], ["bca", 3]);
    stop();
  } finally {
    console.error = error;
  }
});

Deno.test("a query survives an order that contradicts itself", () => {
  const stage = new Stage();
  let turn = 0;
  const query = stage.query({ orderBy: () => (turn++ % 3) - 1 });
  query.subscribe(() => {});
  for (let at = 0; at < 2_000; at++) stage.put(`r${at}`, item(at));
  for (let at = 0; at < 2_000; at += 2) stage.put(`r${at}`, item(at, { title: "x" }));
  for (let at = 0; at < 2_000; at += 3) stage.mutate("item.remove", { id: `r${at}` });
  assertEquals(query.peek().map(([id]) => id).sort(), stage.all().map(([id]) => id).sort());
});

Deno.test("what a predicate reads is not what the reader of its query follows", () => {
  const stage = new Stage();
  const inner = stage.query({ where: { done: true } });
  const outer = stage.query({ where: () => inner.value.length >= 0, limit: 1 });
  stage.put("a", item(1));
  let runs = 0;
  const stop = effect(() => void (runs += outer.value.length));
  stage.put("b", item(2, { done: true }));
  assertEquals(runs, 1);
  stop();
});

Deno.test("a limit is a whole number from 0", () => {
  const stage = new Stage();
  stage.put("a", item(1));
  stage.put("b", item(2));
  for (const limit of [-1, 0.5, NaN, -Infinity]) {
    assertThrows(() => stage.query({ limit }), TypeError, "Cannot limit");
  }
  for (
    const [limit, expected] of [[0, ""], [1, "a"], [2, "ab"], [3, "ab"], [Infinity, "ab"]] as const
  ) {
    assertEquals(ids(stage.query({ limit }).peek()), expected);
  }
});

Deno.test("an order that is none is refused", () => {
  const orderBy = [["rank", "up"]] as unknown as "rank";
  assertThrows(() => new Stage().query({ orderBy }), TypeError, "Cannot order by");
});

/** Calls of `where` and of a comparison, counted. */
function counted(rows: number, limit?: number) {
  const stage = new Stage();
  const calls = { where: 0, compare: 0 };
  stage.replace(Array.from({ length: rows }, (_, at): ItemRow => {
    return [`r${at.toString().padStart(6, "0")}`, item((at * 7_919) % rows)];
  }));
  const query = stage.query({
    where: ({ done }) => {
      calls.where++;
      return !done;
    },
    orderBy: (a, b) => {
      calls.compare++;
      return a.rank - b.rank;
    },
    ...(limit === undefined ? {} : { limit }),
  });
  query.subscribe(() => {});
  const cost = (change: () => void) => {
    Object.assign(calls, { where: 0, compare: 0 });
    change();
    return { ...calls };
  };
  return { stage, query, cost };
}

Deno.test("a change asks where once, and compares as often as the logarithm of the rows", () => {
  for (const rows of [1_000, 20_000]) {
    for (const limit of [undefined, 10]) {
      const { stage, query, cost } = counted(rows, limit);
      // One search to the old place, one to the new, and looks at neighbours and at the limit.
      const most = 2 * (Math.ceil(Math.log2(rows)) + 2) + 10;
      const changes: readonly (() => void)[] = [
        () => stage.confirm([{ id: "new", after: item(rows / 2) }]),
        () => stage.confirm([{ id: "new", after: item(3) }]),
        () => stage.confirm([{ id: "new", after: item(3, { title: "x" }) }]),
        () => stage.confirm([{ id: "r000500", after: item(0) }]),
        () => stage.confirm([{ id: "r000500", after: item(rows, { done: true }) }]),
        () => stage.confirm([{ id: "new", after: undefined }]),
      ];
      for (const [at, change] of changes.entries()) {
        const { where, compare } = cost(change);
        assertEquals(where, at === changes.length - 1 ? 0 : 1);
        assert(compare <= most, `change ${at} of ${rows}: ${compare} comparisons, at most ${most}`);
      }
      assertEquals(query.count, rows - 1);
    }
  }
});

Deno.test("a change of another collection costs a query nothing", () => {
  const { stage, cost } = counted(100);
  const nothing = { where: 0, compare: 0 };
  assertEquals(
    cost(() => stage.confirm([{ entity: "other", id: "o", after: { text: "t" } }])),
    nothing,
  );
});

Deno.test("a snapshot with the same records compares nothing", () => {
  const { stage, query, cost } = counted(100);
  const before = query.peek();
  const { compare } = cost(() => stage.replace(stage.all()));
  assertEquals(compare, 0);
  assertStrictEquals(query.peek(), before);
});

Deno.test("a field orders nothing, booleans, numbers and texts in turn, and texts by code point", () => {
  const sorted: readonly Json[] = [
    null,
    false,
    true,
    -1,
    0.5,
    2,
    10,
    "",
    "10",
    "2",
    "a",
    "\uff00",
    "😀",
  ];
  const order = orderOf<{ f?: Json }>("f");
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries()) {
      assertEquals(Math.sign(order({ f: a }, { f: b })), Math.sign(i - j), `${a} and ${b}`);
      assertEquals(
        Math.sign(orderOf<{ f?: Json }>(["f", "desc"])({ f: a }, { f: b })) + 0,
        Math.sign(j - i) + 0,
      );
    }
    assert(order({ f: a }, { f: [] }) < 0);
    assert(order({ f: {} }, { f: a }) > 0);
  }
  assertEquals([order({}, { f: null }), order({ f: null }, {}), order({}, {})], [0, 0, 0]);
  assertEquals([order({ f: [1] }, { f: {} }), order({ f: {} }, { f: [1] })], [0, 0]);
});

Deno.test("two names are two fields, unless the second one is a direction", () => {
  type Fields = { a: number; desc: number };
  const [x, y] = [{ a: 1, desc: 2 }, { a: 1, desc: 1 }];
  assertEquals(orderOf<Fields>(["a", "desc"])(x, y), 0);
  assertEquals(orderOf<Fields>([["a", "asc"], "desc"])(x, y), 1);
  assertEquals(orderOf<Fields>(["desc", "a"])(x, y), 1);
});

Deno.test("fields must be equal as JSON, and undefined asks for one that is absent", () => {
  type Fields = { tags?: readonly string[]; place?: { x: number; y: number }; n?: number | null };
  const accepts = (where: Partial<Fields>, record: Fields) => acceptOf<Fields>(where)(record, "id");
  assert(accepts({}, {}));
  assert(accepts({ tags: ["a"] }, { tags: ["a"], n: 1 }));
  assert(!accepts({ tags: ["a"] }, { tags: ["a", "b"] }));
  assert(accepts({ place: { x: 1, y: 2 } }, { place: { y: 2, x: 1 } }));
  assert(!accepts({ n: null }, {}));
  assert(!accepts({ n: 1 }, { n: 2 }));
  const absent = { n: undefined } as unknown as Partial<Fields>;
  assert(accepts(absent, {}));
  assert(!accepts(absent, { n: null }));
});
