/** The documented shapes of go-mizu's sync protocol: names, defaults, limits, codes, as bytes of JSON. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertRefused,
  creation,
  type Doors,
  EPOCH,
  rootText,
  task,
  withDoors,
} from "./served_app.ts";

interface ChangeBody {
  readonly cursor: number;
  readonly scope: string;
  readonly entity: string;
  readonly id: string;
  readonly op: string;
  readonly data?: unknown;
  readonly time: string;
}

interface ResultBody {
  readonly ok: boolean;
  readonly id: string | null;
  readonly cursor: number;
  readonly last_seq: number;
  readonly code?: string;
  readonly error?: string;
  readonly changes?: readonly ChangeBody[];
}

interface PullBody {
  readonly changes: readonly ChangeBody[];
  readonly has_more: boolean;
  readonly next_cursor: number;
}

Deno.test("push answers a result with its changes, and nothing undocumented", () =>
  withDoors({}, async (doors) => {
    const [result] = await push(doors, creation("m1"));
    assert(result !== undefined);
    const { changes = [], ...rest } = result;
    assertEquals(rest, { ok: true, id: "m1", cursor: 1, last_seq: 0 });
    const [change] = changes;
    assert(change !== undefined && changes.length === 1);
    const { time, ...effect } = change;
    assertEquals(effect, {
      cursor: 1,
      scope: "_default",
      entity: "todo",
      id: "todo-m1",
      op: "create",
      data: { title: "Task m1", done: false },
    });
    assertRfc3339(time);
  }));

Deno.test("push answers each mutation in order, the refused ones with code and error", () =>
  withDoors({}, async (doors) => {
    const results = await push(doors, {
      mutations: [
        task("m1"),
        {
          id: "m2",
          name: "todo.create",
          args: { id: "todo-m1", data: { title: "x", done: true } },
        },
        { id: "m3", name: "todo.toggle", args: { id: "none" } },
        { id: "m4", name: "todo.unheard", args: {} },
        { id: "m5", name: "todo.refuse" },
        { id: "m6", name: "todo.create", args: { id: "b", data: { title: "", done: true } } },
        { id: "m7", name: "todo.toggle", args: { id: "todo-m1" } },
      ],
    });
    assertEquals(results.map(({ id, ok, code, cursor }) => [id, ok, code, cursor]), [
      ["m1", true, undefined, 1],
      ["m2", false, "conflict", 1],
      ["m3", false, "not_found", 1],
      ["m4", false, "not_found", 1],
      ["m5", false, "rejected", 1],
      ["m6", false, "invalid_record", 1],
      ["m7", true, undefined, 2],
    ]);
    for (const { ok, error, changes } of results) {
      assertEquals(
        [typeof error, changes === undefined],
        ok ? ["undefined", false] : ["string", true],
      );
    }
  }));

Deno.test("push answers a repeated id with ok and the current cursor, and does nothing", () =>
  withDoors({}, async (doors) => {
    await push(doors, creation("m1"));
    await push(doors, creation("m2"));
    assertEquals(await push(doors, creation("m1")), [
      { ok: true, id: "m1", cursor: 2, last_seq: 0 },
    ]);
    assertEquals((await pull(doors, {})).changes.length, 2);
  }));

Deno.test("push answers a repeated id of a refused mutation with the same refusal", () =>
  withDoors({}, async (doors) => {
    const refused = { mutations: [{ id: "m1", name: "todo.refuse" }] };
    const first = await push(doors, refused);
    assertEquals(first, [
      { ok: false, id: "m1", cursor: 0, last_seq: 0, code: "rejected", error: "Not today" },
    ]);
    assertEquals(await push(doors, refused), first);
  }));

for (const [count, status] of [[0, 400], [1, 200], [100, 200], [101, 400]] as const) {
  Deno.test(`push with ${count} mutations is ${status}`, () =>
    withDoors({}, async (doors) => {
      const mutations = Array.from({ length: count }, (_, i) => task(`m${i}`));
      const response = await doors.post("/_sync/push", { mutations });
      if (status === 400) return void await assertRefused(response, 400, "invalid_mutation");
      assertEquals(response.status, 200);
      assertEquals((await response.json()).results.length, count);
    }));
}

Deno.test("a body without mutations is 400", () =>
  withDoors({}, async (doors) => {
    for (const body of ["", "{}", `{"mutations":null}`, `{"mutations":{}}`, `{"mutations":"x"}`]) {
      await assertRefused(await doors.post("/_sync/push", body), 400, "invalid_mutation", body);
    }
  }));

Deno.test("a client that numbers its mutations is told how far the server is", () =>
  withDoors({}, async (doors) => {
    const numbered = (id: string, seq: number) => creation(id, { client: "c1", seq });
    assertEquals((await push(doors, numbered("m1", 1)))[0]?.last_seq, 1);
    const [gap] = await push(doors, numbered("m3", 3));
    assertEquals([gap?.ok, gap?.code, gap?.last_seq], [false, "sequence_gap", 1]);
    assertEquals((await push(doors, numbered("m2", 2)))[0]?.last_seq, 2);
    const page = await pull(doors, { client: "c1" });
    assertEquals((page as PullBody & { last_seq?: number }).last_seq, 2);
  }));

Deno.test("created_at is taken as RFC 3339, as milliseconds, and as Go's zero time", () =>
  withDoors({}, async (doors) => {
    const title = async () => (await snapshot(doors)).data.todo?.["todo-m1"]?.title;
    const rename = async (id: string, title: string, created_at: unknown) => {
      const args = { id: "todo-m1", data: { title } };
      const [result] = await push(doors, {
        mutations: [{ id, name: "todo.update", args, created_at }],
      });
      assertEquals([id, result?.ok, result?.error], [id, true, undefined]);
    };
    await push(doors, creation("m1", { created_at: "2024-05-01T12:00:00Z" }));
    await rename("m2", "two seconds", "2024-05-01T12:00:02Z");
    await rename("m3", "one second", "2024-05-01T12:00:01.999999999Z");
    assertEquals(await title(), "two seconds", "the later stamp wins, not the later arrival");
    await rename("m4", "in another zone", "2024-05-01T14:00:03+02:00");
    assertEquals(await title(), "in another zone");
    await rename("m5", "milliseconds", Date.parse("2024-05-01T12:00:04Z"));
    assertEquals(await title(), "milliseconds");
    await rename("m6", "now", "0001-01-01T00:00:00Z");
    assertEquals(await title(), "now", "no time means the server's");
    await rename("m7", "before", "2024-05-01T12:00:05Z");
    assertEquals(await title(), "now");
  }));

Deno.test("created_at that is no time is refused by itself", () =>
  withDoors({}, async (doors) => {
    for (
      const created_at of ["", "yesterday", "12", "2024-05-01", "2024-13-01T00:00:00Z", -1, 1.5]
    ) {
      const results = await push(doors, {
        mutations: [
          { ...task(`bad ${created_at}`), created_at },
          task(`good ${created_at}`),
        ],
      });
      assertEquals(results.map(({ ok }) => ok), [false, true], `${created_at}`);
      assertEquals(results[0]?.code, "invalid_mutation");
    }
  }));

Deno.test("pull answers changes, has_more and next_cursor; all of the request is optional", () =>
  withDoors({}, async (doors) => {
    const added = () => ({ epoch: EPOCH, root: rootText(doors.store) });
    const empty = { changes: [], has_more: false, next_cursor: 0, ...added() };
    for (const body of ["", "{}", `{"cursor":0}`, `{"scope":"","cursor":null,"limit":null}`]) {
      const response = await doors.post("/_sync/pull", body);
      assertEquals(await response.json(), empty, body);
    }
    await push(doors, creation("m1"));
    const { changes, ...rest } = await pull(doors, {});
    assertEquals({ ...rest, changes: [] }, { ...empty, next_cursor: 1, ...added() });
    assertEquals(Object.keys(changes[0] ?? {}).sort(), [
      "cursor",
      "data",
      "entity",
      "id",
      "op",
      "scope",
      "time",
    ]);
  }));

Deno.test("pull gives each kind of change its op, and no data to a delete", () =>
  withDoors({}, async (doors) => {
    const id = "todo-m1";
    await push(doors, creation("m1"));
    await push(doors, {
      mutations: [{ id: "m2", name: "todo.update", args: { id, data: { done: true } } }],
    });
    await push(doors, { mutations: [{ id: "m3", name: "todo.delete", args: { id } }] });
    const { changes } = await pull(doors, {});
    assertEquals(changes.map(({ cursor, op, data }) => [cursor, op, data]), [
      [1, "create", { title: "Task m1", done: false }],
      [2, "update", { title: "Task m1", done: true }],
      [3, "delete", undefined],
    ]);
    for (const { time } of changes) assertRfc3339(time);
    assertEquals("data" in (changes[2] ?? {}), false);
  }));

Deno.test("pull takes a limit: 100 unless told, 1000 at the most", () =>
  withDoors({}, async (doors) => {
    for (let i = 0; i < 11; i++) {
      const mutations = Array.from(
        { length: 100 },
        (_, k) => task(`m${i * 100 + k}`),
      );
      await push(doors, { mutations });
    }
    const expected: readonly (readonly [unknown, number])[] = [
      [undefined, 100],
      [null, 100],
      [0, 100],
      [-1, 100],
      [1, 1],
      [999, 999],
      [1000, 1000],
      [1001, 1000],
      [1e15, 1000],
    ];
    for (const [limit, count] of expected) {
      const page = await pull(doors, { limit });
      assertEquals([page.changes.length, page.has_more, page.next_cursor], [count, true, count]);
    }
    const last = await pull(doors, { cursor: 1000, limit: 100 });
    assertEquals([last.changes.length, last.has_more, last.next_cursor], [100, false, 1100]);
    assertEquals(last.changes.map(({ cursor }) => cursor), range(1001, 1100));
  }));

Deno.test("cursors count from 1 in each scope by itself", () =>
  withDoors({}, async (doors) => {
    await push(doors, creation("m1", { scope: "a" }));
    await push(doors, creation("m2", { scope: "b" }));
    await push(doors, creation("m3", { scope: "a" }));
    const a = await pull(doors, { scope: "a" });
    const b = await pull(doors, { scope: "b" });
    assertEquals(a.changes.map(({ cursor, scope }) => [cursor, scope]), [[1, "a"], [2, "a"]]);
    assertEquals(b.changes.map(({ cursor, scope }) => [cursor, scope]), [[1, "b"]]);
    assertEquals((await pull(doors, {})).changes, []);
  }));

Deno.test("a cursor that the log does not reach is 410", () =>
  withDoors({}, async (doors) => {
    for (let i = 1; i <= 5; i++) await push(doors, creation(`m${i}`));
    doors.store.trim("_default", { changes: 2, before: 0, outcomes: 0 });
    for (const cursor of [0, 2, 6, Number.MAX_SAFE_INTEGER]) {
      const response = await doors.post("/_sync/pull", { cursor });
      await assertRefused(response, 410, "cursor_too_old", `${cursor}`);
    }
    assertEquals((await pull(doors, { cursor: 3 })).changes.map(({ cursor }) => cursor), [4, 5]);
    assertEquals((await pull(doors, { cursor: 5 })).changes, []);
  }));

Deno.test("snapshot answers the rows by entity and id, and the cursor", () =>
  withDoors({}, async (doors) => {
    const added = (scope?: string) => ({
      epoch: EPOCH,
      time: 0,
      root: rootText(doors.store, scope),
    });
    const nothing = { data: {}, cursor: 0 };
    assertEquals(await snapshot(doors), { ...nothing, ...added() });
    await push(doors, creation("m1"));
    await push(doors, creation("m2"));
    await push(doors, { mutations: [{ id: "m3", name: "note.fill", args: { rows: 1, size: 2 } }] });
    await push(doors, { mutations: [{ id: "m4", name: "todo.delete", args: { id: "todo-m2" } }] });
    const { data, cursor } = await snapshot(doors);
    assertEquals(data as unknown, {
      note: { "note-0": { text: "xx" } },
      todo: { "todo-m1": { title: "Task m1", done: false } },
    });
    assertEquals(cursor, 4);
    const other = await doors.post("/_sync/snapshot", { scope: "other" });
    assertEquals(await other.json(), { ...nothing, ...added("other") });
  }));

Deno.test("fields that nobody knows are tolerated everywhere", () =>
  withDoors({}, async (doors) => {
    const more = { version: 2, meta: { trace: ["a"] } };
    const [result] = await push(doors, {
      ...more,
      mutations: [{ ...task("m1"), ...more }],
    });
    assertEquals(result?.ok, true);
    assertEquals((await pull(doors, more)).changes.length, 1);
    assertEquals((await snapshot(doors, more)).cursor, 1);
  }));

Deno.test("a scope that is refused is 403, and a refused scope refuses the whole push", () =>
  withDoors({ authorize: ({ scope }) => scope !== "secret" }, async (doors) => {
    await assertRefused(await doors.post("/_sync/pull", { scope: "secret" }), 403, "forbidden");
    await assertRefused(await doors.post("/_sync/snapshot", { scope: "secret" }), 403, "forbidden");
    const mutations = [task("m1"), task("m2", { scope: "secret" })];
    await assertRefused(await doors.post("/_sync/push", { mutations }), 403, "forbidden");
    assertEquals((await pull(doors, {})).changes, []);
  }));

Deno.test("answers are JSON that nobody keeps", () =>
  withDoors({}, async (doors) => {
    for (const [path, body] of [["push", creation("1")], ["pull", {}], ["snapshot", {}]] as const) {
      const response = await doors.post(`/_sync/${path}`, body);
      assertEquals(response.headers.get("content-type"), "application/json");
      assertEquals(response.headers.get("cache-control"), "no-store");
      await response.text();
    }
  }));

async function push(doors: Doors, body: unknown): Promise<readonly ResultBody[]> {
  const response = await doors.post("/_sync/push", body);
  const answer = await response.json();
  const { results, ...rest } = answer;
  assertEquals([response.status, rest], [200, { epoch: EPOCH }], JSON.stringify(answer));
  return results;
}

async function pull(doors: Doors, body: unknown): Promise<PullBody> {
  const response = await doors.post("/_sync/pull", body);
  assertEquals(response.status, 200);
  return await response.json();
}

interface SnapshotBody {
  readonly data: Readonly<Record<string, Readonly<Record<string, { readonly title?: string }>>>>;
  readonly cursor: number;
}

async function snapshot(doors: Doors, body: unknown = {}): Promise<SnapshotBody> {
  const response = await doors.post("/_sync/snapshot", body);
  assertEquals(response.status, 200);
  return await response.json();
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function assertRfc3339(time: string): void {
  assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
}
