/** Every HTTP door, at a real port, against what a hostile or broken caller sends: a coded error, and on. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { PUSH_BODY_BYTES_MAX, REQUEST_BODY_BYTES_MAX } from "../../core/limits.ts";
import { type Door, DOORS, JUDGED, REFUSED } from "./hostile_bodies.ts";
import { pause, RawPeer } from "./raw_peer.ts";
import {
  assertRefused,
  type Doors,
  ORIGIN,
  task,
  withDoors,
  withListeningDoors,
} from "./served_app.ts";

/** The HTTP adapter watches a body that was refused unread for so long, after the connection too. */
const ADAPTER_MS = 600;

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
