/** What the sync doors add to the documented shapes: each mutation by itself, streams, bounds, owners. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Principal } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import {
  ARGS_BYTES_MAX,
  JSON_DEPTH_MAX,
  JSON_KEYS_MAX,
  JSON_STRING_UNITS_MAX,
  NAME_UNITS_MAX,
} from "../../core/limits.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { SyncServer } from "../../core/server.ts";
import type { SnapshotReader, StoredRow } from "../../core/store.ts";
import { Committer } from "../../edge/committer.ts";
import { ANONYMOUS, type Identity } from "../../edge/identity.ts";
import { RateLimitedError } from "../../edge/rate.ts";
import { SNAPSHOT_MS_MAX } from "../../edge/snapshot_stream.ts";
import { SNAPSHOTS_MAX, SyncDoors, type SyncDoorsOptions } from "../../edge/sync_doors.ts";
import { type Authorize, EPOCH, task, todoApp } from "./served_app.ts";

interface Result {
  readonly ok: boolean;
  readonly id: unknown;
  readonly cursor: number;
  readonly last_seq: number;
  readonly code?: string;
}

const ANNA = signedIn("anna");
const BEN = signedIn("ben");

/** Mutations that are refused by themselves, with the code that says why. */
const MALFORMED: Readonly<Record<string, readonly [mutation: unknown, code: string]>> = {
  "null": [null, "invalid_mutation"],
  "a list": [[], "invalid_mutation"],
  "a text": ["todo.create", "invalid_mutation"],
  "without an id": [{ name: "x" }, "invalid_mutation"],
  "with an id that is a number": [{ id: 1, name: "x" }, "invalid_mutation"],
  "with an empty id": [{ id: "", name: "x" }, "invalid_mutation"],
  "with a long id": [task("i".repeat(NAME_UNITS_MAX + 1)), "invalid_mutation"],
  "with a line break in its id": [task("a\nb"), "invalid_mutation"],
  "with half a surrogate pair in its id": [task("\ud800"), "invalid_mutation"],
  "without a name": [{ id: "x" }, "invalid_mutation"],
  "with a name that is no text": [task("x", { name: {} }), "invalid_mutation"],
  "with a scope that is a list": [task("x", { scope: [] }), "invalid_mutation"],
  "with a client and no seq": [task("x", { client: "c" }), "invalid_mutation"],
  "with a seq and no client": [task("x", { seq: 1 }), "invalid_mutation"],
  "with a negative seq": [task("x", { client: "c", seq: -1 }), "invalid_mutation"],
  "with half a seq": [task("x", { client: "c", seq: 1.5 }), "invalid_mutation"],
  "with a seq beyond 2^53": [task("x", { client: "c", seq: 2 ** 53 }), "invalid_mutation"],
  "with a seq that is a text": [task("x", { client: "c", seq: "1" }), "invalid_mutation"],
  "with a client that is a number": [task("x", { client: 5, seq: 1 }), "invalid_mutation"],
  "with a created_at that is an object": [task("x", { created_at: {} }), "invalid_mutation"],
  "with __proto__ in it": [JSON.parse(`{"id":"x","name":"x","__proto__":{}}`), "invalid_mutation"],
  "with __proto__ in its args": [
    JSON.parse(`{"id":"x","name":"x","args":{"a":[{"__proto__":{"admin":true}}]}}`),
    "invalid_mutation",
  ],
  "with args that are too deep": [
    task("x", { args: nested(JSON_DEPTH_MAX + 1) }),
    "invalid_mutation",
  ],
  "with another field that is too deep": [task("x", { y: nested(40) }), "invalid_mutation"],
  "with too long a text in its args": [
    task("x", { args: "s".repeat(JSON_STRING_UNITS_MAX + 1) }),
    "invalid_mutation",
  ],
  "with too many keys in its args": [
    task("x", { args: keyed(JSON_KEYS_MAX + 1) }),
    "invalid_mutation",
  ],
  "with args that are too large": [task("x", { args: textOf(ARGS_BYTES_MAX + 1) }), "too_large"],
};

for (const [what, [mutation, code]] of Object.entries(MALFORMED)) {
  Deno.test(`a mutation ${what} is refused, and spoils no other`, async () => {
    const { doors } = rig();
    const mutations = [task("before"), mutation, task("after")];
    const results = await push(doors, ANONYMOUS, mutations);
    assertEquals(results.map(({ ok }) => ok), [true, false, true]);
    const given = (mutation as { id?: unknown } | null)?.id;
    const id = typeof given === "string" ? given : null;
    const { ok: _, error, ...rest } = results[1] as Result & { error?: unknown };
    assertEquals(rest, { id, cursor: 0, last_seq: 0, code });
    assertEquals(typeof error, "string");
  });
}

Deno.test("args are taken up to their limits, as on the live connection", async () => {
  const { doors } = rig();
  const args = [
    nested(JSON_DEPTH_MAX),
    "s".repeat(JSON_STRING_UNITS_MAX - 2),
    keyed(JSON_KEYS_MAX),
    textOf(ARGS_BYTES_MAX),
    textOf(ARGS_BYTES_MAX - 1),
  ];
  const mutations = args.map((value, i) => ({ id: `m${i}`, name: "todo.refuse", args: value }));
  const results = await push(doors, ANONYMOUS, mutations);
  assertEquals(results.map(({ code }) => code), args.map(() => "rejected"));
});

Deno.test("a limit that is no integer is refused", () => {
  const { doors } = rig();
  for (const limit of ["10", 1.5, true, {}, [10]]) {
    const error = thrown(() => doors.pull(ANONYMOUS, JSON.stringify({ limit })));
    assertEquals(error.code, "invalid_mutation", `${limit}`);
  }
});

Deno.test("a refused scope is found before anything is decided or spent", async () => {
  const spent: number[] = [];
  const { doors, store } = rig({
    authorize: ({ scope }) => scope !== "secret",
    spend: (_, count) => (spent.push(count), 0),
  });
  const mutations = [task("a"), task("b", { scope: "secret" })];
  const error = await assertRejects(() => push(doors, ANONYMOUS, mutations), DriftlessError);
  assertEquals([error.code, store.scopes(), spent], ["forbidden", [], []]);
});

Deno.test("a push spends its mutations, and not those that are malformed", async () => {
  const spent: number[] = [];
  const { doors } = rig({ spend: (_, count) => (spent.push(count), 0) });
  await push(doors, ANONYMOUS, [task("a"), null, task("b")]);
  assertEquals(spent, [2]);
});

Deno.test("a push over the rate decides nothing and says when to come back", async () => {
  const { doors, store } = rig({ spend: () => 1_234 });
  const error = await assertRejects(() => push(doors, ANNA, [task("a")]), RateLimitedError);
  assertEquals([error.code, error.retryAfterMs], ["rate_limited", 1_234]);
  assertEquals(store.scopes(), []);
});

Deno.test("who has no name is asked for one where names count, and only there", () => {
  const authorize: Authorize = ({ principal }) => principal?.id === "anna";
  const codeFor = (identity: Identity, open: boolean) =>
    thrown(() => rig({ authorize, open }).doors.pull(identity, "{}")).code;
  assertEquals(codeFor(ANONYMOUS, false), "unauthenticated");
  assertEquals(codeFor(ANONYMOUS, true), "forbidden");
  assertEquals(codeFor(BEN, false), "forbidden");
});

Deno.test("a client id belongs to the principal who used it first", async () => {
  const { doors } = rig({ authorize: () => true });
  const numbered = (id: string, seq: number) => [task(id, { client: "tab", seq })];
  assertEquals((await push(doors, ANNA, numbered("a", 1)))[0]?.ok, true);
  const [stolen] = await push(doors, BEN, numbered("b", 2));
  assertEquals([stolen?.code, stolen?.last_seq], ["forbidden", 0]);
  const ask = JSON.stringify({ client: "tab" });
  assertEquals(JSON.parse(atOnce(doors.pull(ANNA, ask))).last_seq, 1);
  assertEquals(thrown(() => doors.pull(BEN, ask)).code, "forbidden");
  assertEquals((await push(doors, ANNA, numbered("c", 2)))[0]?.last_seq, 2);
});

Deno.test("ids of every spelling come back as they went in", async () => {
  const { doors } = rig();
  const name = fc.string({ unit: "binary", minLength: 1, maxLength: 20 })
    .filter((text) => text.isWellFormed() && !/\p{Cc}/u.test(text));
  const ids = [...fc.sample(name, 60), "__proto__", "constructor", `"`, "\\", "}", "\u2028"];
  const unique = [...new Set(ids)];
  const mutations = unique.map((id, i) => ({
    id: `m${i}`,
    name: "todo.create",
    args: { id, data: { title: id, done: false } },
  }));
  const results = await push(doors, ANONYMOUS, mutations);
  assertEquals(results.map(({ ok }) => ok), unique.map(() => true));
  const { data } = JSON.parse(await textOfStream(atOnce(doors.snapshot(ANONYMOUS, "{}"))));
  assertEquals(Object.keys(data.todo).sort(), [...unique].sort());
  const { changes } = JSON.parse(atOnce(doors.pull(ANONYMOUS, "{}")));
  assertEquals(changes.map(({ id }: { id: string }) => id), unique);
});

Deno.test("a snapshot is read page by page, as fast as the caller reads, and closed at its end", async () => {
  const { doors, store } = rig({ rows: 10_000 });
  const reader = atOnce(doors.snapshot(ANONYMOUS, "{}")).getReader();
  const first = await reader.read();
  assert(!first.done);
  assert(store.pages <= 2, "what nobody has asked for yet is not read");
  assertEquals(store.open, 1);
  const decoder = new TextDecoder();
  let text = decoder.decode(first.value, { stream: true });
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
  }
  assertEquals(Object.keys(JSON.parse(text).data.note).length, 10_000);
  assertEquals(store.open, 0);
});

Deno.test("a snapshot of one page is read at once, whoever reads it when", async () => {
  const { doors, store } = rig({ rows: 1_999 });
  const stream = atOnce(doors.snapshot(ANONYMOUS, "{}"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(store.open, 0);
  assertEquals(Object.keys(JSON.parse(await textOfStream(stream)).data.note).length, 1_999);
});

Deno.test("a snapshot of any number of rows is whole", async () => {
  for (const rows of [0, 1, 2_000, 2_001, 4_000]) {
    const { doors, store } = rig({ rows });
    const { data } = JSON.parse(await textOfStream(atOnce(doors.snapshot(ANONYMOUS, "{}"))));
    assertEquals([Object.keys(data.note ?? {}).length, store.open], [rows, 0]);
  }
});

Deno.test("columns say what the records say, whatever the number and the shape of the rows", async () => {
  for (const rows of [0, 1, 2_001]) {
    const { doors } = rig({ rows });
    const mutations = ["a", "b"].map((id) => ({
      id: `m-${id}`,
      name: "todo.create",
      args: { id, data: { title: id, done: false } },
    }));
    if (rows === 1) await push(doors, ANONYMOUS, mutations);
    const records = JSON.parse(await textOfStream(atOnce(doors.snapshot(ANONYMOUS, "{}"))));
    const { pages, ...rest } = JSON.parse(
      await textOfStream(atOnce(doors.snapshot(ANONYMOUS, `{"columns":true}`))),
    );
    const data: Record<string, Record<string, unknown>> = {};
    for (const { entity, keys, ids, columns } of pages) {
      for (const [row, id] of ids.entries()) {
        const values = keys.map((key: string, i: number) => [key, columns[i][row]]);
        (data[entity] ??= {})[id] = Object.fromEntries(values);
      }
    }
    assertEquals({ data, ...rest }, records);
  }
});

Deno.test("more large snapshots than the store can bear are refused, until one is read", async () => {
  const { doors, store } = rig({ rows: 5_000 });
  const open = Array.from({ length: SNAPSHOTS_MAX }, () => atOnce(doors.snapshot(ANONYMOUS, "{}")));
  assertEquals(thrown(() => doors.snapshot(ANONYMOUS, "{}")).code, "unavailable");
  assertEquals(store.open, SNAPSHOTS_MAX);
  await open.pop()?.cancel();
  open.push(atOnce(doors.snapshot(ANONYMOUS, "{}")));
  await Promise.all(open.map((stream) => stream.cancel()));
  assertEquals(store.open, 0);
});

Deno.test("a snapshot whose caller leaves is closed", async () => {
  const { doors, store } = rig({ rows: 10_000 });
  const stream = atOnce(doors.snapshot(ANONYMOUS, "{}"));
  assertEquals(store.open, 1);
  await stream.cancel();
  assertEquals(store.open, 0);
});

Deno.test("a snapshot that the store fails in the middle of is cut, and closed", async () => {
  const { doors, store } = rig({ rows: 10_000 });
  const reader = atOnce(doors.snapshot(ANONYMOUS, "{}")).getReader();
  await reader.read();
  store.failing = true;
  await assertRejects(async () => {
    while (!(await reader.read()).done);
  }, DriftlessError);
  assertEquals(store.open, 0);
});

Deno.test("a snapshot whose caller reads too slowly is given up after its time", async () => {
  const realSetTimeout = globalThis.setTimeout;
  const timers: { work: () => void; ms: number }[] = [];
  const { doors, store } = rig({ rows: 10_000 });
  globalThis.setTimeout = ((work: () => void, ms: number) => {
    timers.push({ work, ms });
    return 0;
  }) as unknown as typeof setTimeout;
  let stream: ReadableStream<Uint8Array>;
  try {
    stream = atOnce(doors.snapshot(ANONYMOUS, "{}"));
  } finally {
    globalThis.setTimeout = realSetTimeout;
  }
  assertEquals(timers.map(({ ms }) => ms), [SNAPSHOT_MS_MAX]);
  timers[0]?.work();
  assertEquals(store.open, 0);
  await assertRejects(() => textOfStream(stream), TypeError, "too slow");
});

Deno.test("no body does worse than a coded error", async () => {
  const { doors } = rig();
  const fields = ["mutations", "scope", "cursor", "limit", "client", "id", "name", "args", "seq"];
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...fields), tie("any"), { maxKeys: 6 }),
      fc.array(tie("any"), { maxLength: 4 }),
    ),
  })).any;
  const text = fc.oneof(value.map((json) => JSON.stringify(json)), fc.string());
  const doorsOf = [
    (body: string) => doors.push(ANONYMOUS, body),
    (body: string) => Promise.resolve(atOnce(doors.pull(ANONYMOUS, body))),
    (body: string) => textOfStream(atOnce(doors.snapshot(ANONYMOUS, body))),
  ];
  await fc.assert(
    fc.asyncProperty(text, fc.constantFrom(...doorsOf), async (body, door) => {
      try {
        JSON.parse(await door(body));
      } catch (error) {
        assert(error instanceof DriftlessError, `${error}`);
        assert(
          ["malformed", "invalid_mutation", "cursor_too_old"].includes(error.code),
          error.code,
        );
      }
    }),
    { numRuns: 500 },
  );
});

interface RigOptions extends Partial<Pick<SyncDoorsOptions, "spend" | "open">> {
  readonly authorize?: Authorize;
  /** Rows to begin with. */
  readonly rows?: number;
}

function rig({ authorize, spend = () => 0, open = true, rows = 0 }: RigOptions = {}) {
  const store = new CountingStore(EPOCH);
  const clock = { now: () => Date.now() };
  const server = new SyncServer({ app: todoApp(authorize), store, clock, open });
  const committer = new Committer({ server, defer: queueMicrotask, committed: () => {} });
  store.transaction(() => {
    for (let i = 0; i < rows; i++) {
      const json = `{"text":"note ${i}"}`;
      const id = `note-${i}`;
      store.putRow("_default", { entity: "note", id, json, stamps: "", live: true, cursor: 1 });
    }
  });
  return {
    store,
    server,
    doors: new SyncDoors({ server, committer, spend, spendWork: () => 0, open }),
  };
}

/** Counts what its snapshots do. */
class CountingStore extends MemoryStore {
  open = 0;
  pages = 0;
  failing = false;

  override snapshot(scope: string): SnapshotReader {
    const reader = super.snapshot(scope);
    let closed = false;
    this.open++;
    return {
      cursor: reader.cursor,
      next: (limit: number): readonly StoredRow[] => {
        this.pages++;
        if (this.failing) throw new DriftlessError("store_failed", "The disk is gone");
        return reader.next(limit);
      },
      close: () => {
        if (!closed) this.open--;
        closed = true;
        reader.close();
      },
    };
  }
}

async function push(
  doors: SyncDoors,
  identity: Identity,
  mutations: readonly unknown[],
): Promise<readonly Result[]> {
  return JSON.parse(await doors.push(identity, JSON.stringify({ mutations }))).results;
}

function signedIn(id: string): Identity {
  const principal: Principal = { id };
  return { principal, expires: Infinity, explicit: true };
}

/** What a store at hand is asked for, it has: nobody waits a turn for it. */
function atOnce<T>(answer: T | Promise<T>): T {
  assert(!(answer instanceof Promise), "no promise on the way");
  return answer;
}

function textOfStream(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream as BodyInit).text();
}

function thrown(run: () => unknown): DriftlessError {
  return assertThrows(run, DriftlessError);
}

function nested(depth: number): unknown {
  return JSON.parse("[".repeat(depth) + "]".repeat(depth));
}

function keyed(count: number): unknown {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 0]));
}

/** A list of texts whose canonical JSON has exactly so many bytes. */
function textOf(bytes: number): unknown {
  const half = Math.floor(bytes / 2);
  return ["x".repeat(half), "x".repeat(bytes - half - `["",""]`.length)];
}
