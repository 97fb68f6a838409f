/** Modules behind their paths, through the handler that serves an app. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { WasmMountOptions } from "../../core/wasm_mount.ts";
import { openToAll } from "../../edge/admission.ts";
import { createHandler, type Handler } from "../../edge/handler.ts";
import { createLog } from "../../edge/log.ts";
import { HandlerError } from "../../edge/wasm/fault.ts";
import { limitsOf } from "../../edge/wasm/limits.ts";
import { WasmMounts } from "../../edge/wasm/mount.ts";
import { assembled, COUNTER, DONE, ECHO, given, handler, set, text } from "./wasm_modules.ts";

type Modules = Readonly<Record<string, Uint8Array<ArrayBuffer> | WebAssembly.Module>>;

const ORIGIN = "https://app.example";
const HOST = "http://driftless.example";
const utf8 = new TextDecoder();

/** A handler with modules, and what it logged. */
async function serving(
  modules: Modules,
  test: (handler: Handler, lines: string[]) => Promise<void>,
  options: WasmMountOptions = {},
): Promise<void> {
  const app = defineApp({ name: "a", collections: {} });
  for (const [path, module] of Object.entries(modules)) app.wasm(path, module, options);
  const lines: string[] = [];
  const served = createHandler(app, {
    store: new MemoryStore("e"),
    log: createLog("info", (line) => lines.push(line)),
    version: "1",
    origins: [ORIGIN],
    hosts: [new URL(HOST).host],
    open: true,
    authenticate: openToAll,
  });
  try {
    await test(served, lines);
  } finally {
    served.close();
  }
}

/** Mounts alone. */
async function mounted(
  modules: Modules,
  test: (mounts: WasmMounts) => Promise<void>,
  options: WasmMountOptions = {},
): Promise<void> {
  const app = defineApp({ name: "a", collections: {} });
  for (const [path, module] of Object.entries(modules)) app.wasm(path, module, options);
  const mounts = new WasmMounts(app.mounts, { log: createLog("error", () => {}) });
  try {
    await test(mounts);
  } finally {
    mounts.close();
  }
}

function ask(handler: Handler, path: string, init: RequestInit = {}): Promise<Response> {
  return handler.fetch(new Request(`${HOST}${path}`, init));
}

/** The whole of a failure. */
async function failure(response: Response): Promise<[number, string, string]> {
  const { code, error, ...rest } = await response.json();
  assertEquals(rest, {});
  return [response.status, code, error];
}

const FAILED = [500, "wasm_failed", "The handler failed"];
const BAD_RESPONSE = [502, "wasm_failed", "The handler gave no valid response"];

Deno.test("a module gets its path and what is below, and nothing else", () =>
  serving({ "/stats": ECHO, "/stats/deep": COUNTER }, async (served) => {
    for (const path of ["/stats", "/stats/", "/stats/a/b?c=d", "/stats?x"]) {
      const response = await ask(served, path);
      assertEquals([response.status, response.headers.get("content-type")], [
        200,
        "application/x-echo",
      ]);
    }
    assertStrictEquals(await (await ask(served, "/stats/deep/x")).text(), "1");
    for (const path of ["/statsx", "/", "/st", "/Stats"]) {
      assertEquals((await failure(await ask(served, path)))[1], "not_found");
    }
  }));

Deno.test("a module at / gets all but the server's own paths", () =>
  serving({ "/": ECHO }, async (served) => {
    for (const path of ["/", "/a", "/a/_b", "/healthz/x", "/healthzx"]) {
      assertStrictEquals(
        (await ask(served, path)).headers.get("content-type"),
        "application/x-echo",
      );
    }
    assertStrictEquals((await (await ask(served, "/healthz")).json()).status, "ok");
    const pull = await ask(served, "/_sync/pull", { method: "POST", body: "{}" });
    assertStrictEquals((await pull.json()).has_more, false);
    assertEquals((await failure(await ask(served, "/_none")))[1], "not_found");
  }));

Deno.test("bodies arrive and leave as they are, whatever the method and the size, G1 and G3", () =>
  serving({ "/e": ECHO }, async (served) => {
    const bodies = [0, 1, 3, 9_000, 64 * 1024, 1024 * 1024].map((size) => {
      const body = new Uint8Array(size);
      for (let at = 0; at < size; at++) body[at] = (at * 31) & 255;
      return body;
    });
    bodies.push(new Uint8Array([0, 255, 254]));
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"]) {
      for (const body of bodies) {
        const response = await ask(served, "/e", { method, body });
        assertStrictEquals(response.status, 200);
        assertEquals(await response.bytes(), body);
      }
    }
    // In between a small one: nothing of a larger one is left.
    assertEquals(await (await ask(served, "/e", { method: "POST", body: "x" })).text(), "x");
  }));

Deno.test("a body without a length arrives as well", () =>
  serving({ "/e": ECHO }, async (served) => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array([1, 2]));
        controller.enqueue(new Uint8Array([3]));
        controller.close();
      },
    });
    const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
    assertEquals([...await (await ask(served, "/e", init)).bytes()], [1, 2, 3]);
  }));

Deno.test("headers arrive and leave, and the server's own session stays with the server", () =>
  serving({ "/e": ECHO }, async (served) => {
    const headers = {
      "X-One": "1",
      "x-bytes": "\u00e9",
      cookie: "a=1; __Host-driftless=secret; b=2",
      authorization: "Basic eDp5",
    };
    const response = await ask(served, "/e", { headers });
    const got = Object.fromEntries(response.headers);
    assertEquals([got["x-one"], got["x-bytes"], got["cookie"]], ["1", "\u00e9", "a=1; b=2"]);
    assertStrictEquals(got["authorization"], "Basic eDp5");
    assertStrictEquals(got["x-content-type-options"], "nosniff");
    const alone = await ask(served, "/e", { headers: { cookie: "__Host-driftless=secret" } });
    assertStrictEquals(alone.headers.get("cookie"), null);
  }));

Deno.test("HEAD and statuses without a body have none", async () => {
  const statuses = handler({
    body: `${set(0, 2, `(i32.load16_u offset=2 (i32.add (i32.const 4) ${given(2)}))`)}
      ${set(2, 4, given(2))} ${DONE}`,
  });
  await serving({ "/e": ECHO, "/s": statuses }, async (served) => {
    assertStrictEquals(await (await ask(served, "/e", { method: "HEAD" })).text(), "");
    for (const status of [200, 204, 205, 304, 404]) {
      const body = new Uint8Array([7, 7, status & 255, status >> 8]);
      const response = await ask(served, "/s", { method: "POST", body });
      assertStrictEquals(response.status, status);
      assertStrictEquals((await response.bytes()).length, [204, 205, 304].includes(status) ? 0 : 4);
    }
  });
});

Deno.test("a request is as large as it may be, and no larger: 413", async () => {
  const head = "POST/e".length +
    "content-length: 000\ncontent-type: application/octet-stream\n".length;
  const requestBytes = head + 100;
  await serving({ "/e": ECHO }, async (served) => {
    const post = (size: number, init = {}) => {
      const headers = {
        "content-length": `${size}`.padStart(3, "0"),
        "content-type": "application/octet-stream",
      };
      return ask(served, "/e", { method: "POST", body: new Uint8Array(size), headers, ...init });
    };
    assertEquals([(await post(99)).status, (await post(100)).status], [200, 200]);
    const tooLarge = [413, "too_large", `The request is larger than ${requestBytes} bytes`];
    assertEquals(await failure(await post(101)), tooLarge);
    const bare = (size: number) => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(size));
          controller.close();
        },
      });
      const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
      return ask(served, "/e", init);
    };
    const most = requestBytes - "POST/e".length;
    assertEquals([(await bare(most - 1)).status, (await bare(most)).status], [200, 200]);
    assertEquals(await failure(await bare(most + 1)), tooLarge);
    const long = (length: number) => ask(served, `/e?${"q".repeat(length)}`);
    const fits = requestBytes - "GET/e?".length;
    assertEquals([(await long(fits - 1)).status, (await long(fits)).status], [200, 200]);
    assertEquals(await failure(await long(fits + 1)), tooLarge);
  }, { limits: { requestBytes } });
});

Deno.test("methods that hosts alone send are refused before they reach a module", () =>
  serving({ "/c": COUNTER }, async (served) => {
    for (const method of ["__KV_DELETE", "__kv_get", "WEBSOCKET", "WEBSOCKET_CLOSE", "websocket"]) {
      const [status, code] = await failure(await ask(served, "/c", { method, body: "key" }));
      assertEquals([status, code], [405, "method_not_allowed"]);
    }
    assertStrictEquals(await (await ask(served, "/c")).text(), "1");
  }));

Deno.test("modules are behind the gate, and pages that may use the server may use them", () =>
  serving({ "/c": COUNTER, "/e": ECHO }, async (served) => {
    const foreign = await ask(served, "/c", { headers: { origin: "https://evil.example" } });
    assertEquals((await failure(foreign))[1], "forbidden");
    const wrong = await served.fetch(new Request("http://other.example/c"));
    assertEquals((await failure(wrong))[1], "forbidden");
    const own = await ask(served, "/c", { headers: { origin: ORIGIN } });
    assertStrictEquals(own.headers.get("access-control-allow-origin"), ORIGIN);
    assertStrictEquals(await own.text(), "1");
    const preflight = await ask(served, "/c", {
      method: "OPTIONS",
      headers: { origin: ORIGIN, "access-control-request-method": "PUT" },
    });
    assertStrictEquals(preflight.status, 204);
    assertMatch(preflight.headers.get("access-control-allow-methods") ?? "", /PUT/);
    const options = await ask(served, "/e", { method: "OPTIONS", headers: { origin: ORIGIN } });
    assertEquals([options.status, options.headers.get("origin")], [200, ORIGIN]);
  }));

Deno.test("a trap costs its request and its instance, and another serves the next, G6", () =>
  serving({ "/c": COUNTER }, async (served, lines) => {
    assertEquals(await (await ask(served, "/c")).text(), "1");
    assertEquals(await (await ask(served, "/c")).text(), "2");
    assertEquals(await failure(await ask(served, "/c/xx")), FAILED);
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, async () => (await (await ask(served, "/c")).text()).length),
    );
    assertEquals(answers, Array(1_000).fill(1));
    const line = lines.find((it) => it.includes("handler failed")) ?? "";
    assertMatch(line, /"path":"\/c".*unreachable/);
  }));

Deno.test("answers that make no sense are 502, and say nothing of what is inside, G4", async () => {
  const bad = {
    "/null": "(i32.const 0)",
    "/far": "(i32.const 0x7ffffff0)",
    "/high": "(i32.const -64)",
    "/status": `${set(0, 2, "(i32.const 99)")} ${DONE}`,
    "/tag": `${set(0, 4, "(i32.const 200)")} ${DONE}`,
    "/body": `${set(0, 2, "(i32.const 200)")} ${set(2, 4, "(i32.const -2)")} ${DONE}`,
    "/long": `${set(0, 2, "(i32.const 200)")} ${set(2, 4, "(i32.const 2048)")}
      (i32.store (i32.const 2048) (i32.const -1)) ${DONE}`,
  };
  const modules = Object.fromEntries(
    Object.entries(bad).map(([path, body]) => [path, handler({ body })]),
  );
  await serving(modules, async (served) => {
    for (const path of Object.keys(bad)) {
      assertEquals(await failure(await ask(served, path)), BAD_RESPONSE, path);
    }
  });
});

Deno.test("an allocator that gives no block, or none that can be, fails alone", async () => {
  const gives = (value: string) =>
    handler({ body: DONE, malloc: `(func (export "malloc") (param i32) (result i32) ${value})` });
  const modules = {
    "/none": gives("(i32.const 0)"),
    "/odd": gives("(i32.const 1022)"),
    "/far": gives("(i32.const 65528)"),
    "/high": gives("(i32.const -16)"),
    "/trap": gives("(unreachable)"),
    "/ok": ECHO,
  };
  await serving(modules, async (served) => {
    assertEquals(await failure(await ask(served, "/none")), FAILED);
    assertEquals(await failure(await ask(served, "/trap")), FAILED);
    for (const path of ["/odd", "/far", "/high"]) {
      assertEquals(await failure(await ask(served, path)), BAD_RESPONSE, path);
    }
    assertStrictEquals((await ask(served, "/ok")).status, 200);
  });
});

Deno.test("a module that does not end is ended: 504", async () => {
  const spin = handler({ body: "(loop $on (br $on)) (unreachable)" });
  await serving({ "/spin": spin, "/ok": COUNTER }, async (served) => {
    const ended = [504, "wasm_failed", "The handler took too long"];
    assertEquals(await failure(await ask(served, "/spin")), ended);
    assertEquals(await failure(await ask(served, "/spin")), ended);
    assertStrictEquals((await ask(served, "/ok")).status, 200);
  }, { limits: { fuel: 1_000_000 } });
});

Deno.test("what looks like a counter and is none is no counter", async () => {
  const global = (type: string) =>
    handler({
      body: `${set(0, 2, "(i32.const 204)")} ${DONE}`,
      fields: `(global (export "driftless_fuel") ${type})`,
    });
  const modules = {
    "/constant": global("i64 (i64.const 5)"),
    "/narrow": global("(mut i32) (i32.const 5)"),
    "/vector": global("(mut v128) (v128.const i64x2 0 0)"),
    "/own": global("(mut i64) (i64.const 5)"),
  };
  const compiled = Object.fromEntries(
    Object.entries(modules).map(([path, bytes]) => [path, new WebAssembly.Module(bytes)]),
  );
  await serving(compiled, async (served) => {
    for (const path of Object.keys(modules)) {
      assertEquals([(await ask(served, path)).status, (await ask(served, path)).status], [
        204,
        204,
      ]);
    }
  });
});

Deno.test("a memory that threads share fails alone", async () => {
  const shared = new WebAssembly.Module(handler({ body: DONE, pages: "1 1 shared" }));
  await serving({ "/s": shared }, async (served) => {
    assertEquals(await failure(await ask(served, "/s")), FAILED);
  });
});

Deno.test("a module that calls itself without end fails alone", async () => {
  const recurse = handler({
    body: "(call $deep)",
    fields: "(func $deep (result i32) (i32.add (i32.const 1) (call $deep)))",
  });
  await serving({ "/r": recurse, "/ok": COUNTER }, async (served) => {
    assertEquals(await failure(await ask(served, "/r")), FAILED);
    assertStrictEquals((await ask(served, "/ok")).status, 200);
  }, { limits: { fuel: Infinity } });
});

Deno.test("memory has a cap: it does not grow beyond, and one that is given compiled is dropped", async () => {
  // Takes a page with each request, and says how many there are.
  const grows = handler({
    body: `(drop (memory.grow (i32.const 1))) ${set(0, 2, "(i32.const 200)")} ${
      set(2, 8, "(i32.const 1024)")
    }
      (i32.store8 (i32.const 1028) (i32.add (i32.const 48) (memory.size))) ${DONE}`,
    fields: text(1024, "0"),
  });
  const pages = async (module: Uint8Array<ArrayBuffer> | WebAssembly.Module) => {
    let all = "";
    await serving({ "/g": module }, async (served) => {
      for (let round = 0; round < 5; round++) all += await (await ask(served, "/g")).text();
    }, { limits: { memoryBytes: 3 * 64 * 1024 } });
    return all;
  };
  assertStrictEquals(await pages(grows), "23333");
  assertStrictEquals(await pages(new WebAssembly.Module(grows)), "23423");
});

Deno.test("each mode keeps an instance as long as it says", async () => {
  const counts = async (mode: "pool" | "instance" | "durable") => {
    const all: string[] = [];
    await serving({ "/c": COUNTER }, async (served) => {
      for (let round = 0; round < 3; round++) all.push(await (await ask(served, "/c")).text());
      await ask(served, "/c/xx");
      all.push(await (await ask(served, "/c")).text());
    }, { mode });
    return all.join("");
  };
  assertEquals([await counts("pool"), await counts("instance"), await counts("durable")], [
    "1231",
    "1111",
    "1231",
  ]);
});

Deno.test("the program itself calls a module, with items, and sees the response in place", async () => {
  // Answers with the bytes of the item that slot 7 has.
  const item = handler({
    body: `${set(0, 2, "(i32.const 200)")} ${set(2, 8, given(7))} ${DONE}`,
  });
  const request = { method: "GET", target: "/i", headers: "", body: new Uint8Array() };
  await mounted({ "/i": item }, async (mounts) => {
    const body = await mounts.call("/i", { ...request, fanout: ["a", "grüße", 3] }, ({ body }) => {
      assert(body.buffer.byteLength >= 64 * 1024, "a copy");
      return utf8.decode(body);
    });
    assertStrictEquals(body, "grüße");
    const bytes = await mounts.call(
      "/i",
      { ...request, fanout: [1, new Uint8Array([9, 8])] },
      (response) => [...response.body],
    );
    assertEquals(bytes, [9, 8]);
    const none = await assertRejects(() => mounts.call("/none", request, () => 1), DriftlessError);
    assertStrictEquals(none.code, "not_found");
    const fault = await assertRejects(() => mounts.call("/i", request, () => 1), HandlerError);
    assertEquals([fault.code, fault.status], ["wasm_failed", 502]);
    // What the caller itself throws is the caller's own, and the module is none the worse.
    await assertRejects(
      () =>
        mounts.call(
          "/i",
          { ...request, fanout: ["", ""] },
          () => Promise.reject(new RangeError("mine")),
        ),
      RangeError,
    );
  });
  const limits = { requestBytes: "GET/i".length + 3 };
  await mounted({ "/i": item }, async (mounts) => {
    const call = (size: number) => {
      const fanout = ["", "x".repeat(size)];
      return mounts.call("/i", { ...request, fanout }, ({ body }) => body.length);
    };
    assertEquals([await call(2), await call(3)], [2, 3]);
    assertStrictEquals((await assertRejects(() => call(4), DriftlessError)).code, "too_large");
  }, { limits });
});

Deno.test("what cannot be mounted is refused when the server starts, with the reason", () => {
  const refused: readonly [string, unknown, WasmMountOptions | object, RegExp][] = [
    ["stats", ECHO, {}, /"stats": write "\/"/],
    ["", ECHO, {}, /write/],
    ["/a/", ECHO, {}, /write/],
    ["/a//b", ECHO, {}, /write/],
    ["/a b", ECHO, {}, /write/],
    ["/a/*", ECHO, {}, /write/],
    ["/a?b", ECHO, {}, /write/],
    ["/a/..", ECHO, {}, /write/],
    ["/./a", ECHO, {}, /write/],
    ["/_sync", ECHO, {}, /server's own/],
    ["/_x", ECHO, {}, /server's own/],
    ["/healthz", ECHO, {}, /server's own/],
    ["/a", new Uint8Array([1, 2, 3]), {}, /Cannot mount the module at "\/a": /],
    ["/a", "text", {}, /neither a module nor its bytes/],
    ["/a", assembled("(module)"), {}, /does not export the memory "memory"/],
    ["/a", assembled(`(module (memory (export "memory") 1))`), {}, /the function "malloc"/],
    ["/a", assembled(`(module (global (export "memory") i32 (i32.const 0)))`), {}, /the memory/],
    [
      "/a",
      handler({ body: DONE, imports: `(import "env" "abort" (func))` }),
      {},
      /the function "abort" of "env"/,
    ],
    [
      "/a",
      handler({ body: DONE, imports: `(import "x" "g" (global i32))` }),
      {},
      /the global "g" of "x"/,
    ],
    ["/a", ECHO, { mode: "pooled" }, /there is no mode "pooled"/],
    ["/a", ECHO, { limits: { memory: 1 } }, /there is no limit "memory"/],
    ["/a", ECHO, { limits: { toString: 1 } }, /there is no limit "toString"/],
    ["/a", ECHO, { limits: { instances: 0 } }, /"instances" of 0/],
    ["/a", ECHO, { limits: { queueMs: 1.5 } }, /"queueMs" of 1.5/],
    ["/a", ECHO, { limits: { queueMs: Infinity } }, /"queueMs" of Infinity/],
    ["/a", ECHO, { limits: { queue: NaN } }, /"queue" of NaN/],
    ["/a", handler({ body: DONE, pages: "3" }), { limits: { memoryBytes: 2 * 65_536 } }, /"\/a": /],
  ];
  for (const [path, module, options, reason] of refused) {
    const app = defineApp({ name: "a", collections: {} }).wasm(
      path,
      module as typeof ECHO,
      options,
    );
    const error = assertThrows(
      () => new WasmMounts(app.mounts, { log: createLog("error", () => {}) }),
      TypeError,
    );
    assertMatch(error.message, reason);
    assertMatch(error.message, /^Cannot mount the module at "/);
  }
  assertStrictEquals(limitsOf({ fuel: Infinity, queue: 0 }).queue, 0);
});
