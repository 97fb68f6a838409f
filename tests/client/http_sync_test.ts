/** The client's side of the HTTP doors: what it sends, what it reads, and how every failure is named. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import type { Mutation } from "../../core/mutation.ts";
import { HttpSync, RefusedError } from "../../ui/client/http_sync.ts";

interface Seen {
  readonly path: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Long enough that only a failure waits for it, in milliseconds. */
const TIMEOUT_MS = 10_000;
const MUTATION: Mutation = {
  id: "m1",
  name: "counter.add",
  scope: "s",
  client: "c",
  seq: 1,
  args: { id: "k" },
  createdAt: 5,
};

type Call = (http: HttpSync, signal: AbortSignal) => Promise<unknown>;
const CALLS: Readonly<Record<string, Call>> = {
  push: (http, signal) => http.push([MUTATION], signal),
  pull: (http, signal) => http.pull("s", 0, signal),
  snapshot: (http, signal) => http.snapshot("s", signal),
  liveUrl: (http, signal) => http.liveUrl(signal),
};

const never = () => new AbortController().signal;

/** Runs a test against a server that answers as the test says. */
async function withAnswers(
  answer: (seen: Seen) => Response | Promise<Response>,
  test: (url: string, seen: readonly Seen[]) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { method, headers } = request;
    const one = {
      path: new URL(request.url).pathname,
      method,
      headers,
      body: await request.json(),
    };
    seen.push(one);
    return await answer(one);
  });
  try {
    await test(`http://127.0.0.1:${server.addr.port}`, seen);
  } finally {
    await server.shutdown();
  }
}

function httpOf(url: string, more: Partial<ConstructorParameters<typeof HttpSync>[0]> = {}) {
  return new HttpSync({
    url,
    fetch,
    token: () => Promise.resolve(undefined),
    timeoutMs: TIMEOUT_MS,
    appVersion: 1,
    ...more,
  });
}

async function failureOf(call: Promise<unknown>): Promise<DriftlessError> {
  return await assertRejects(() => call, DriftlessError);
}

Deno.test("the requests have the documented shapes", async () => {
  const answers: Record<string, unknown> = {
    "/_sync/push": { results: [], epoch: "e" },
    "/_sync/pull": { changes: [], has_more: false, next_cursor: 3, epoch: "e" },
    "/_sync/snapshot": { data: {}, cursor: 0, epoch: "e", time: 0 },
    "/_live/ticket": { ticket: "t" },
  };
  await withAnswers(({ path }) => Response.json(answers[path]), async (url, seen) => {
    const http = httpOf(url);
    await http.push([MUTATION], never());
    await http.pull("s", 3, never());
    await http.snapshot("s", never());
    await http.liveUrl(never());
    const { createdAt, ...rest } = MUTATION;
    assertEquals(seen.map(({ path, method, body }) => [path, method, body]), [
      ["/_sync/push", "POST", {
        mutations: [{ ...rest, created_at: createdAt }],
        app_version: 1,
      }],
      ["/_sync/pull", "POST", { scope: "s", cursor: 3, limit: 1000, app_version: 1 }],
      ["/_sync/snapshot", "POST", { scope: "s", app_version: 1, columns: true }],
      ["/_live/ticket", "POST", {}],
    ]);
    for (const { headers } of seen) {
      assertEquals(headers.get("content-type"), "application/json");
      assertEquals(headers.has("authorization"), false);
    }
  });
});

Deno.test("answers are read into what the engine takes", async () => {
  const time = "2026-01-02T03:04:05.678Z";
  const answers: Record<string, unknown> = {
    "/_sync/push": {
      epoch: "e",
      results: [
        { ok: true, id: "m1", cursor: 4, last_seq: 1 },
        { ok: false, id: "m2", cursor: 4, last_seq: 2, code: "conflict", error: "It exists" },
        { ok: false, id: "m3", cursor: 4, last_seq: 3, code: "of a newer server", error: "No" },
        { ok: false, id: "m4", cursor: 4, last_seq: 4, code: "rejected", error: "" },
      ],
    },
    "/_sync/pull": {
      epoch: "e",
      has_more: true,
      root: "-_8A",
      next_cursor: 2,
      changes: [
        { cursor: 1, scope: "s", entity: "n", id: "a", op: "create", time, data: { b: 1, a: 2 } },
        { cursor: 2, scope: "s", entity: "n", id: "a", op: "delete", time },
      ],
    },
    "/_sync/snapshot": {
      data: { n: { a: { b: 1, a: 2 } }, o: {} },
      cursor: 9,
      epoch: "e",
      time: 7,
    },
  };
  await withAnswers(({ path }) => Response.json(answers[path]), async (url) => {
    const http = httpOf(url);
    const { results, epoch } = await http.push([MUTATION], never());
    assertEquals(epoch, "e");
    assertEquals(results.map(({ id, code, error }) => [id, code, error]), [
      ["m1", null, null],
      ["m2", "conflict", "It exists"],
      ["m3", "rejected", "No"],
      ["m4", "rejected", ""],
    ]);
    assertEquals(results.map(({ cursor, lastSeq }) => [cursor, lastSeq]), [
      [4, 1],
      [4, 2],
      [4, 3],
      [4, 4],
    ]);
    assertEquals(await http.pull("s", 0, never()), {
      epoch: "e",
      from: 0,
      more: true,
      root: Uint8Array.of(251, 255, 0),
      changes: [
        {
          cursor: 1,
          entity: "n",
          id: "a",
          op: "create",
          json: `{"a":2,"b":1}`,
          time: Date.parse(time),
        },
        { cursor: 2, entity: "n", id: "a", op: "delete", json: null, time: Date.parse(time) },
      ],
    });
    assertEquals(await http.snapshot("s", never()), {
      epoch: "e",
      cursor: 9,
      time: 7,
      rows: [{ entity: "n", id: "a", json: `{"a":2,"b":1}` }],
    });
  });
});

Deno.test("columns are read into the rows that they are made of", async () => {
  const pages = [
    { entity: "n", keys: ["a", "b"], ids: ["x", "y"], columns: [[1, null], [{ c: [] }, "2"]] },
    { entity: "n", keys: [], ids: ["z"], columns: [] },
    { entity: "o", keys: ["__proto__"], ids: ["x"], columns: [[true]] },
  ];
  const answer = { pages, cursor: 9, epoch: "e", time: 7 };
  await withAnswers(() => Response.json(answer), async (url) => {
    const { rows } = await httpOf(url).snapshot("s", never());
    assertEquals(rows.map(({ entity, id, json }) => [entity, id, json]), [
      ["n", "x", `{"a":1,"b":{"c":[]}}`],
      ["n", "y", `{"a":null,"b":"2"}`],
      ["n", "z", "{}"],
      ["o", "x", `{"__proto__":true}`],
    ]);
  });
});

Deno.test("columns of another shape are a failure, not a surprise", async () => {
  const page = { entity: "n", keys: ["a"], ids: ["x"], columns: [[1]] };
  const wrong = [{ keys: 1 }, { ids: [1] }, { columns: {} }, { columns: [] }, { columns: [[]] }];
  for (const part of [...wrong, { entity: null }, { keys: [2] }]) {
    const answer = { pages: [{ ...page, ...part }], cursor: 9, epoch: "e", time: 7 };
    await withAnswers(() => Response.json(answer), async (url) => {
      const error = await assertRejects(
        () => httpOf(url).snapshot("s", never()),
        DriftlessError,
        "no answer of a Driftless server",
      );
      assertEquals(error.code, "unavailable");
    });
  }
});

Deno.test("a coded refusal keeps its code and its words", async () => {
  const body = { code: "cursor_too_old", error: "Cannot read the log from cursor 7" };
  await withAnswers(() => Response.json(body, { status: 410 }), async (url) => {
    for (const call of Object.values(CALLS)) {
      const { code, message } = await failureOf(call(httpOf(url), never()));
      assertEquals([code, message], [body.code, body.error]);
    }
  });
});

Deno.test("a refusal says when to come back, in its body or its header", async () => {
  const body = { code: "rate_limited", error: "Too many" };
  const init = { status: 429, headers: { "retry-after": "3" } };
  const answers = [
    Response.json({ ...body, retry_after_ms: 1_234 }, init),
    Response.json(body, init),
    new Response("slow down", init),
    Response.json(body, { status: 429, headers: { "retry-after": "tomorrow" } }),
    Response.json({ ...body, retry_after_ms: "soon" }, { status: 429 }),
  ];
  const waits: number[] = [];
  await withAnswers(() => answers.shift() as Response, async (url) => {
    while (answers.length > 0) {
      const error = await failureOf(httpOf(url).liveUrl(never()));
      assert(error instanceof RefusedError);
      assertEquals(error.code, "rate_limited");
      waits.push(error.retryAfterMs);
    }
  });
  assertEquals(waits, [1_234, 3_000, 3_000, 0, 0]);
});

Deno.test("an answer that is not the server's own is named by its status", async () => {
  for (
    const [status, code] of [
      [200, "unavailable"],
      [401, "unauthenticated"],
      [403, "forbidden"],
      [404, "unavailable"],
      [413, "too_large"],
      [502, "unavailable"],
    ] as const
  ) {
    for (const body of ["<h1>A proxy</h1>", "", `{"code":"what is this","error":7}`, "[]"]) {
      await withAnswers(() => new Response(body, { status }), async (url) => {
        const error = await failureOf(httpOf(url).push([MUTATION], never()));
        assertEquals(error.code, code, `${status} ${body}`);
        assert(error.message.includes(url), error.message);
      });
    }
  }
});

Deno.test("an answer of another shape is a failure, not a surprise", async () => {
  const shapes: readonly unknown[] = [
    {},
    { results: 7, changes: 7, data: 7, epoch: "e", ticket: 7, cursor: 0, time: 0 },
    { results: [7], changes: [7], data: { n: 7 }, epoch: "e", cursor: 1, time: 0, has_more: false },
    { results: [{ ok: true, id: "m1" }], changes: [{ cursor: 1 }], data: {}, epoch: "e" },
    { results: [], changes: [], data: {}, cursor: -1, time: 0 },
    {
      results: [{ ok: true, id: "m1", cursor: 1.5, last_seq: 1 }],
      changes: [{ cursor: 1, entity: "n", id: "a", op: "grow", time: "now", data: {} }],
      data: {},
      cursor: "9",
      time: 0,
      epoch: "e",
    },
    { results: [{ ok: true, cursor: 1, last_seq: 1 }], data: {}, cursor: 1, epoch: "", time: 0 },
  ];
  for (const shape of shapes) {
    await withAnswers(() => Response.json(shape), async (url) => {
      for (const [name, call] of Object.entries(CALLS)) {
        if (name === "pull" && JSON.stringify(shape).includes(`"changes":[]`)) continue;
        const error = await failureOf(call(httpOf(url), never()));
        assertEquals(error.code, "unavailable", `${name} ${JSON.stringify(shape)}`);
      }
    });
  }
});

Deno.test("changes that are not the next ones in order are a failure", async () => {
  const change = { scope: "s", entity: "n", id: "a", op: "update", time: 0, data: {} };
  for (const cursors of [[2], [1, 3], [1, 1], [0]]) {
    const changes = cursors.map((cursor) => ({ ...change, cursor, time: "2026-01-01T00:00:00Z" }));
    const page = { changes, has_more: false, next_cursor: 9, epoch: "e" };
    await withAnswers(() => Response.json(page), async (url) => {
      assertEquals((await failureOf(httpOf(url).pull("s", 0, never()))).code, "unavailable");
    });
  }
});

Deno.test("a server that is not there is unavailable", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  for (const call of Object.values(CALLS)) {
    const error = await failureOf(call(httpOf(`http://127.0.0.1:${port}`), never()));
    assertEquals(error.code, "unavailable");
    assertEquals(error.message, `Cannot reach http://127.0.0.1:${port}`);
    assert(error.cause instanceof Error);
  }
});

Deno.test("a server that does not answer is unavailable after the timeout", async () => {
  const answer = Promise.withResolvers<Response>();
  await withAnswers(() => answer.promise, async (url) => {
    const error = await failureOf(httpOf(url, { timeoutMs: 30 }).pull("s", 0, never()));
    assertEquals(error.code, "unavailable");
    assertEquals((error.cause as Error).name, "TimeoutError");
    answer.resolve(new Response());
  });
});

Deno.test("an answer that stops half-way is unavailable after the timeout", async () => {
  let end = () => {};
  const half = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(`{"changes":[`));
        end = () => controller.close();
      },
    });
  await withAnswers(() => new Response(half()), async (url) => {
    const error = await failureOf(httpOf(url, { timeoutMs: 30 }).pull("s", 0, never()));
    assertEquals(error.code, "unavailable");
    end();
  });
});

Deno.test("an answer that keeps coming may take longer than the timeout", async () => {
  const parts = [`{"da`, `ta":{}`, `,"curs`, `or":0,`, `"time"`, `:0,"ep`, `och":"e"}`];
  const slow = () =>
    new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 200));
        const part = parts.shift();
        if (part === undefined) controller.close();
        else controller.enqueue(new TextEncoder().encode(part));
      },
    });
  await withAnswers(() => new Response(slow()), async (url) => {
    const { cursor } = await httpOf(url, { timeoutMs: 1_000 }).snapshot("s", never());
    assertEquals(cursor, 0);
  });
});

Deno.test("a fetch or a token that never comes, and listens to nothing, is given up", async () => {
  const nothing = () => new Promise<never>(() => {});
  for (const options of [{ fetch: nothing }, { token: nothing }]) {
    const http = httpOf("http://h.example", { timeoutMs: 30, ...options });
    assertEquals((await failureOf(http.liveUrl(never()))).code, "unavailable");
    const { signal, abort } = abortable();
    const call = failureOf(httpOf("http://h.example", options).liveUrl(signal));
    abort();
    assertEquals((await call).code, "unavailable");
  }
});

Deno.test("a request that is called off ends at once", async () => {
  const answer = Promise.withResolvers<Response>();
  await withAnswers(() => answer.promise, async (url, seen) => {
    const { signal, abort } = abortable();
    const call = failureOf(httpOf(url).pull("s", 0, signal));
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    abort();
    assertEquals((await call).code, "unavailable");
    answer.resolve(new Response());
    const { length } = seen;
    assertEquals((await failureOf(httpOf(url).pull("s", 0, signal))).code, "unavailable");
    assertEquals(seen.length, length, "nothing is sent after the call-off");
  });
});

Deno.test("the token goes along, whatever gives it, and is asked for each time", async () => {
  await withAnswers(() => Response.json({ ticket: "t" }), async (url, seen) => {
    const tokens = ["one", "two"];
    const http = httpOf(url, { token: () => Promise.resolve(tokens.shift()) });
    for (let i = 0; i < 3; i++) await http.liveUrl(never());
    assertEquals(seen.map(({ headers }) => headers.get("authorization")), [
      "Bearer one",
      "Bearer two",
      null,
    ]);
  });
});

Deno.test("a token that cannot be had is a failure with its cause, and nothing is sent", async () => {
  await withAnswers(() => Response.json({ ticket: "t" }), async (url, seen) => {
    for (const cause of [new TypeError("signed out"), "a text"]) {
      const error = await failureOf(
        httpOf(url, { token: () => Promise.reject(cause) })
          .liveUrl(never()),
      );
      assertEquals([error.code, error.cause], ["unauthenticated", cause]);
    }
    const error = await failureOf(
      httpOf(url, { token: () => Promise.resolve("line\nbreak") })
        .liveUrl(never()),
    );
    assertEquals(error.code, "unauthenticated");
    assertEquals(seen.length, 0);
  });
});

Deno.test("an injected fetch sees the address and the headers", async () => {
  const calls: [string, string | null][] = [];
  const http = httpOf("https://sync.example", {
    token: () => Promise.resolve("secret"),
    fetch: (input, init) => {
      const request = new Request(input as URL, init);
      calls.push([request.url, request.headers.get("authorization")]);
      return Promise.resolve(Response.json({ ticket: "a ticket" }));
    },
  });
  assertEquals(await http.liveUrl(never()), "wss://sync.example/_live?ticket=a+ticket");
  assertEquals(calls, [["https://sync.example/_live/ticket", "Bearer secret"]]);
});

Deno.test("a base path in the address is kept, with and without a slash at its end", async () => {
  for (const base of ["http://h.example/app/v1", "http://h.example/app/v1/?q=1#f"]) {
    const urls: string[] = [];
    const http = httpOf(base, {
      fetch: (input) => {
        urls.push(String(input));
        return Promise.resolve(Response.json({ ticket: "t" }));
      },
    });
    assertEquals(await http.liveUrl(never()), "ws://h.example/app/v1/_live?ticket=t");
    assertEquals(urls, ["http://h.example/app/v1/_live/ticket"]);
  }
});

Deno.test("an address that is none is refused at once, in words", () => {
  for (const url of [undefined, "", "null", "/api", "ftp://h.example", "h.example:8000"]) {
    const error = assertThrows(() => httpOf(url as string), TypeError);
    assert(error.message.includes("url"), error.message);
  }
});

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
