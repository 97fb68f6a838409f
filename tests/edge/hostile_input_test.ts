/** Every HTTP door, at a real port, against what a hostile or broken caller sends: a coded error, and on. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { PUSH_BODY_BYTES_MAX, REQUEST_BODY_BYTES_MAX } from "../../core/limits.ts";
import { pause, RawPeer } from "./raw_peer.ts";
import {
  assertRefused,
  type Doors,
  ORIGIN,
  task,
  withDoors,
  withListeningDoors,
} from "./served_app.ts";

type Door = "push" | "pull" | "snapshot";
/** A code where a body is refused, else the status. */
type Verdict = "malformed" | "invalid_mutation" | "cursor_too_old" | 200;

const DOORS: readonly Door[] = ["push", "pull", "snapshot"];
const DEEP = 30_000;
/** The HTTP adapter watches a body that was refused unread for so long, after the connection too. */
const ADAPTER_MS = 600;

interface Hostile {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly push: Verdict;
  readonly pull: Verdict;
  readonly snapshot: Verdict;
}

/** What no door takes. */
const REFUSED: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {
  "not JSON": "hello",
  "only a brace": "{",
  "truncated": `{"scope":"a","cursor":`,
  "truncated in an escape": `{"scope":"\\u00`,
  "followed by more": `{}{}`,
  "with a trailing comma": `{"scope":"a",}`,
  "with single quotes": `{'scope':'a'}`,
  "with a comment": `{/* */}`,
  "NaN": "NaN",
  "white space": " \n\t ",
  "a null byte": "\0",
  "null": "null",
  "true": "true",
  "a number": "1",
  "a text": `"{}"`,
  "a list": "[]",
  "a list of an object": "[{}]",
  "deep lists": "[".repeat(DEEP) + "]".repeat(DEEP),
  "deep lists that end early": "[".repeat(DEEP),
  "deep objects": `{"a":`.repeat(10_000) + "1" + "}".repeat(10_000),
  "deep in a field that nobody knows": `{"x":${"[".repeat(DEEP)}${"]".repeat(DEEP)}}`,
  "__proto__": `{"__proto__":{"admin":true}}`,
  "__proto__ further in": `{"x":{"y":[{"__proto__":null}]}}`,
  "__proto__ in escapes": `{"\\u005f_proto__":1}`,
  "an infinite number": `{"cursor":1e999}`,
  "half a surrogate pair": `{"scope":"\\ud800"}`,
  "half a surrogate pair as a key": `{"\\udfff":1}`,
  "a long text": `{"x":"${"x".repeat(16 * 1024 + 1)}"}`,
  "many keys": `{${Array.from({ length: 1_001 }, (_, i) => `"${i}":0`).join()}}`,
  "bytes that are no UTF-8": new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  "a UTF-8 sequence cut short": new Uint8Array([0x7b, 0x7d, 0xe2, 0x82]),
  "an overlong UTF-8 sequence": new Uint8Array([0x22, 0xc0, 0xaf, 0x22]),
  "UTF-16": new Uint8Array([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
  "compressed": new Uint8Array([0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00]),
};

/** What the doors judge differently. */
const JUDGED: Readonly<Record<string, Hostile>> = {
  "nothing": judged("", "invalid_mutation", 200, 200),
  "an empty object": judged("{}", "invalid_mutation", 200, 200),
  "a byte order mark": judged("\ufeff{}", "invalid_mutation", 200, 200),
  "constructor": judged(`{"constructor":{"prototype":{}}}`, "invalid_mutation", 200, 200),
  "the same key twice": judged(`{"scope":1,"scope":"a"}`, "invalid_mutation", 200, 200),
  "a cursor beyond 2^53": numbers("9007199254740993"),
  "a cursor of 400 digits": judged(
    `{"cursor":${"9".repeat(400)}}`,
    "malformed",
    "malformed",
    "malformed",
  ),
  "a negative cursor": numbers("-1"),
  "a broken cursor": numbers("0.5"),
  "a cursor as text": numbers(`"0"`),
  "a cursor as list": numbers("[0]"),
  "a cursor as object": numbers("{}"),
  "a cursor as truth": numbers("true"),
  "a cursor that is ahead": judged(`{"cursor":7}`, "invalid_mutation", "cursor_too_old", 200),
  "a limit as text": judged(`{"limit":"1"}`, "invalid_mutation", "invalid_mutation", 200),
  "a client as number": judged(`{"client":1}`, "invalid_mutation", "invalid_mutation", 200),
  "a scope as number": scoped("1"),
  "a scope as list": scoped(`["a"]`),
  "a scope as object": scoped(`{"a":1}`),
  "a scope with a line break": scoped(`"a\\nb"`),
  "a scope with a null byte": scoped(`"\\u0000"`),
  "a scope of 129 characters": scoped(JSON.stringify("s".repeat(129))),
  "a scope of 128 characters": judged(
    JSON.stringify({ scope: "s".repeat(128) }),
    "invalid_mutation",
    200,
    200,
  ),
  "a scope like SQL": judged(`{"scope":"'; DROP TABLE rows; --"}`, "invalid_mutation", 200, 200),
  "a scope like a path": judged(`{"scope":"../../etc"}`, "invalid_mutation", 200, 200),
};

Deno.test("a body that no door takes gives a coded error at every door", () =>
  withListeningDoors({}, async (doors) => {
    for (const [what, body] of Object.entries(REFUSED)) {
      for (const door of DOORS) {
        const response = await send(doors.url, door, body);
        await assertRefused(response, 400, "malformed", `${door}: ${what}`);
      }
      await assertWorks(doors.url, what);
    }
  }));

for (const [what, hostile] of Object.entries(JUDGED)) {
  Deno.test(`a body with ${what} is judged by each door`, () =>
    withDoors({}, async (doors) => {
      for (const door of DOORS) {
        const response = await doors.post(`/_sync/${door}`, hostile.body);
        const verdict = hostile[door];
        if (verdict === 200) {
          assertEquals([response.status, typeof await response.json()], [200, "object"], door);
        } else {
          await assertRefused(response, verdict === "cursor_too_old" ? 410 : 400, verdict, door);
        }
      }
    }));
}

for (const door of DOORS) {
  const bytesMax = door === "push" ? PUSH_BODY_BYTES_MAX : REQUEST_BODY_BYTES_MAX;
  const sizes = [bytesMax - 1, bytesMax, bytesMax + 1, bytesMax + 300_000];
  Deno.test(`/_sync/${door} takes a body of ${bytesMax} bytes and not one more`, () =>
    withListeningDoors({}, async (doors) => {
      for (const bytes of sizes) {
        for (const chunked of [false, true]) {
          const context = `${bytes} bytes, chunked: ${chunked}`;
          const body = padded(door, `${bytes}-${chunked}`, bytes);
          const response = await send(doors.url, door, chunked ? inChunks(body) : body);
          if (bytes > bytesMax) await assertRefused(response, 413, "too_large", context);
          else {assertEquals(
              [response.status, (await response.text()) !== ""],
              [200, true],
              context,
            );}
        }
      }
      await assertWorks(doors.url, door);
      await pause(door === "push" ? ADAPTER_MS : 0);
    }));
}

Deno.test("doors that need no body do not mind one", () =>
  withListeningDoors({}, async (doors) => {
    const large = new Uint8Array(100_000);
    for (const body of [() => "", () => "{", () => large, () => inChunks(large)]) {
      const response = await post(`${doors.url}/_live/ticket`, body());
      assertMatch((await response.json()).ticket, /^[0-9a-f]{48}\*[0-9a-f]{16}$/);
      await assertRefused(await post(`${doors.url}/_session`, body()), 401, "unauthenticated");
    }
  }));

Deno.test("who is refused unheard may send a body all the same", () =>
  withListeningDoors({ signed: true }, async (doors) => {
    for (const chunked of [false, true]) {
      const body = () => chunked ? inChunks(new Uint8Array(900_000)) : new Uint8Array(900_000);
      const foreign = { origin: "https://evil.example" };
      await assertRefused(await send(doors.url, "push", body(), foreign), 403, "forbidden");
      const forged = { authorization: "Bearer forged" };
      await assertRefused(await send(doors.url, "push", body(), forged), 401, "unauthenticated");
      await assertRefused(await post(`${doors.url}/nothing`, body()), 404, "not_found");
    }
  }));

Deno.test("a caller that announces a large body is told to go on, or why not", () =>
  withListeningDoors({}, async (doors) => {
    const ask = async (length: number, path = "/_sync/push") => {
      const peer = await RawPeer.connect(doors.port);
      peer.write(
        `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${length}\r\n` +
          "Expect: 100-continue\r\nConnection: close\r\n\r\n",
      );
      return peer;
    };
    const body = padded("push", "announced", 200_000);
    const welcome = await ask(body.length);
    assertMatch(await welcome.head(), /^HTTP\/1\.1 100 /);
    welcome.write(body);
    assertMatch(await welcome.rest(), /^HTTP\/1\.1 200 /);
    const tooLarge = await ask(PUSH_BODY_BYTES_MAX + 1);
    // The protocol lets a server say "continue" and then refuse.
    const answer = (await tooLarge.until("too_large")).replace(/^HTTP\/1\.1 100 [^]*?\r\n\r\n/, "");
    assertMatch(answer, /^HTTP\/1\.1 413 /);
    tooLarge.vanish();
    await pause(ADAPTER_MS);
  }));

Deno.test("a caller that leaves in the middle of its body disturbs nobody", () =>
  withListeningDoors({}, async (doors) => {
    for (const framing of ["Content-Length: 100", "Transfer-Encoding: chunked"]) {
      const peer = await RawPeer.connect(doors.port);
      const start = framing.startsWith("C") ? `{"mutations":` : '5\r\n{"mut';
      peer.write(`POST /_sync/push HTTP/1.1\r\nHost: 127.0.0.1\r\n${framing}\r\n\r\n${start}`);
      await assertWorks(doors.url, framing);
      peer.vanish();
      await peer.gone;
      await assertWorks(doors.url, framing);
    }
    await pause(ADAPTER_MS);
  }));

Deno.test("a request line that means to escape stays inside", () =>
  withListeningDoors({}, async (doors) => {
    const targets = [
      "/../../../../etc/passwd",
      "/%2e%2e/%2e%2e/etc/passwd",
      "/..%5c..%5cwindows",
      "//etc/passwd",
      "/\\..\\..",
      "/_sync/../../etc/passwd",
      "http://evil.example/_sync",
      "/%00",
      "/?/../../x",
    ];
    for (const target of targets) {
      const peer = await RawPeer.connect(doors.port);
      peer.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
      const answer = await peer.rest();
      assertMatch(answer, /^HTTP\/1\.1 40[04] /, target);
      assert(!answer.includes("root:"), target);
    }
    await assertWorks(doors.url, "paths");
  }));

Deno.test("two origins, or two hosts, in one request are refused", () =>
  withListeningDoors({ hosts: ["127.0.0.1"] }, async (doors) => {
    const headers = [
      `Host: 127.0.0.1\r\nOrigin: ${ORIGIN}\r\nOrigin: https://evil.example`,
      `Host: 127.0.0.1\r\nOrigin: https://evil.example\r\nOrigin: ${ORIGIN}`,
      "Host: 127.0.0.1\r\nHost: evil.example",
      "Host: evil.example\r\nHost: 127.0.0.1",
    ];
    for (const lines of headers) {
      const peer = await RawPeer.connect(doors.port);
      peer.write(
        `POST /_sync/pull HTTP/1.1\r\n${lines}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      );
      assertMatch(await peer.rest(), /^HTTP\/1\.1 40[03] /, lines);
    }
    const good = await RawPeer.connect(doors.port);
    good.write(
      `POST /_sync/pull HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: ${ORIGIN}\r\n` +
        "Content-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    assertStringIncludes(await good.rest(), `"changes":[]`);
  }));

Deno.test("no bytes at any door end in a failure of the server", () =>
  withDoors({}, async (doors) => {
    const path = fc.constantFrom(
      ...DOORS.map((door) => `/_sync/${door}`),
      ...["/_sync/reconcile", "/_live/ticket", "/_session", "/_live", "/healthz", "/"],
    );
    await fc.assert(
      fc.asyncProperty(path, fc.uint8Array({ maxLength: 200 }), async (to, bytes) => {
        await assertNoFailure(doors, to, { method: "POST", body: new Uint8Array(bytes) });
      }),
      { numRuns: 300 },
    );
  }));

Deno.test("no method, path or header ends in a failure of the server", () =>
  withDoors({ signed: true }, async (doors) => {
    const letters = (from: string) =>
      fc.string({ unit: fc.constantFrom(...from.split("")), maxLength: 30 });
    const request = fc.record({
      method: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"),
      path: letters("/._synclivepuh%20?=&#:@\\~é"),
      headers: fc.record({
        authorization: letters("Bearer .=eyJ"),
        cookie: letters('__Host-driftless=;, .%"'),
        "accept-encoding": letters("gzip;q=0.1, *"),
        "if-none-match": letters(`W/"x", *`),
        "content-type": letters("json/;= "),
        "content-length": letters("0123456789-x"),
      }, { requiredKeys: [] }),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, headers }) => {
        await assertNoFailure(doors, `/${path}`, { method, headers });
      }),
      { numRuns: 400 },
    );
  }));

Deno.test("no push, however it is made up, ends in a failure of the server", () =>
  withDoors({}, async (doors) => {
    const id = fc.constantFrom("a", "b", "", "x".repeat(129), "__proto__", "\n");
    const field = fc.oneof({ weight: 3, arbitrary: id }, fc.jsonValue({ maxDepth: 3 }));
    const mutation = fc.record({
      id: field,
      name: fc.oneof(
        fc.constantFrom("todo.create", "todo.update", "todo.delete", "todo.toggle", "todo.break"),
        fc.constantFrom("note.fill", ".create", "todo.", "constructor.create", "__proto__"),
        field,
      ),
      scope: fc.oneof(fc.constant("s"), field),
      client: fc.oneof(fc.constantFrom("c1", "c2"), field),
      seq: fc.oneof(fc.integer({ min: -1, max: 4 }), fc.jsonValue({ maxDepth: 1 })),
      args: fc.oneof(
        fc.record({ id, data: fc.record({ title: field, done: fc.boolean() }) }),
        fc.record({ rows: fc.integer({ max: 2_000 }), size: fc.nat(50) }),
        fc.jsonValue(),
      ),
      created_at: fc.oneof(fc.maxSafeNat(), fc.date().map(String), fc.jsonValue({ maxDepth: 1 })),
    }, { requiredKeys: [] });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { maxLength: 6 }), async (mutations) => {
        const body = JSON.stringify({ mutations });
        const status = await assertNoFailure(doors, "/_sync/push", { method: "POST", body });
        assertEquals(status, mutations.length === 0 ? 400 : 200, body);
      }),
      { numRuns: 200 },
    );
    const { cursor } = doors.store.head("s");
    const ids = doors.store.changes("s", 0, cursor).map((change) => change.cursor);
    assertEquals(ids, Array.from({ length: cursor }, (_, i) => i + 1), "the log has no gaps");
  }));

function judged(body: string, push: Verdict, pull: Verdict, snapshot: Verdict): Hostile {
  return { body, push, pull, snapshot };
}

function numbers(cursor: string): Hostile {
  return judged(`{"cursor":${cursor}}`, "invalid_mutation", "invalid_mutation", 200);
}

function scoped(scope: string): Hostile {
  return judged(`{"scope":${scope}}`, "invalid_mutation", "invalid_mutation", "invalid_mutation");
}

function send(url: string, door: Door, body: BodyInit, headers = {}): Promise<Response> {
  return post(`${url}/_sync/${door}`, body, headers);
}

async function post(url: string, body: BodyInit, headers = {}): Promise<Response> {
  return await fetch(url, { method: "POST", body, headers });
}

/** A good body that white space makes as long as wanted. */
function padded(door: Door, id: string, bytes: number): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify(door === "push" ? { mutations: [task(id)] } : {});
  return new TextEncoder().encode(text.padEnd(bytes, " "));
}

function inChunks(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at += 16 * 1024));
    },
  });
}

/** The server does its ordinary work. */
async function assertWorks(url: string, context: string): Promise<void> {
  const response = await send(url, "pull", "{}");
  assertEquals([response.status, (await response.json()).has_more], [200, false], context);
}

async function assertNoFailure(doors: Doors, path: string, init: RequestInit): Promise<number> {
  const response = await doors.get(`http://127.0.0.1:8000${path}`, init);
  const text = await response.text();
  const context = `${init.method} ${path}: ${response.status} ${text}`;
  assert(response.status < 500, context);
  if (response.status >= 400 && init.method !== "HEAD") {
    assertEquals(typeof JSON.parse(text).code, "string", context);
  }
  return response.status;
}
