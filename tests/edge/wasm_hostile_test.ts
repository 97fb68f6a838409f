/** What modules, and those who call them, try against the host and its other users. */
import process from "node:process";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { WasmFetchBinding, WasmLimits, WasmMountOptions } from "../../core/wasm_mount.ts";
import { openToAll } from "../../edge/admission.ts";
import { createHandler, type Handler } from "../../edge/handler.ts";
import { createLog } from "../../edge/log.ts";
import { writeResults } from "../../edge/wasm/fetch_result.ts";
import { WasmFault } from "../../edge/wasm/fault.ts";
import { HeaderCache, RESPONSE_HEADERS_MAX } from "../../edge/wasm/header_cache.ts";
import { limitsOf } from "../../edge/wasm/limits.ts";
import { ModuleMemory } from "../../edge/wasm/memory.ts";
import { pathOf, requestFor, targetOf } from "../../edge/wasm/messages.ts";
import {
  Outbound,
  REQUEST_HEADER_BYTES_MAX,
  REQUEST_HEADERS_MAX,
} from "../../edge/wasm/outbound.ts";
import { InstancePool } from "../../edge/wasm/pool.ts";
import { prepare } from "../../edge/wasm/prepare.ts";
import { readCalls } from "../../edge/wasm/response_slots.ts";
import { FUEL_EXPORT, withLimits } from "../../wasm/fuel.ts";
import { assemble, FETCH_MODULES } from "./wasm_fetch_modules.ts";
import { COUNTER, DONE, handler, set, text } from "./wasm_modules.ts";

const ORIGIN = "https://app.example";
const HOST = "http://driftless.example";
const SESSION = "__Host-driftless=secret";

/** One module behind `/m`. */
async function serving(
  module: Uint8Array<ArrayBuffer>,
  test: (ask: (init?: RequestInit) => Promise<Response>, lines: string[]) => Promise<void>,
  options: WasmMountOptions = {},
): Promise<void> {
  const app = defineApp({ name: "a", collections: {} }).wasm("/m", module, options);
  const lines: string[] = [];
  const served: Handler = createHandler(app, {
    store: new MemoryStore("e"),
    log: createLog("info", (line) => lines.push(line)),
    version: "1",
    origins: [ORIGIN],
    hosts: [new URL(HOST).host],
    open: true,
    authenticate: openToAll,
  });
  try {
    await test((init) => served.fetch(new Request(`${HOST}/m`, init)), lines);
  } finally {
    served.close();
  }
}

/** A request as servers make them, which no constructor would. */
function changed(request: Request, other: Readonly<Record<string, unknown>>): Request {
  return new Proxy(request, {
    get: (target, name) => {
      if (typeof name === "string" && Object.hasOwn(other, name)) return other[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** What a response has of these lines. */
function pairsOf(lines: string) {
  const bytes = new TextEncoder().encode(lines);
  const pages = Math.ceil(bytes.length / 65_536) + 1;
  const memory = new ModuleMemory(new WebAssembly.Memory({ initial: pages }));
  memory.bytes.set(bytes, 1024);
  return new HeaderCache().pairs(memory, 1, 0, 1024, bytes.length);
}

/** A module that answers with these headers. */
function answering(headers: string): Uint8Array<ArrayBuffer> {
  return handler({
    body: `${set(0, 2, "(i32.const 200)")} ${set(3, 4, "(i32.const 1024)")} ${DONE}`,
    fields: text(1024, headers),
  });
}

Deno.test("no module sees the session of its caller, however the cookie is spelled", async () => {
  for (
    const cookie of [
      SESSION,
      `a=1; ${SESSION}; b=2`,
      `a=1;\t${SESSION}`,
      `a=1,${SESSION}`,
      `a=1, ${SESSION}`,
      `__Host-driftless =secret; a=1`,
    ]
  ) {
    const { headers } = await requestFor(new Request(HOST, { headers: { cookie } }), "/", 10_000);
    assert(!headers.includes("secret"), cookie);
  }
});

Deno.test("no module signs its caller in as somebody else", async () => {
  const headers =
    `Set-Cookie: a=1\nSet-Cookie: ${SESSION}; Path=/; Secure\nset-cookie:\t${SESSION}\n`;
  await serving(answering(headers), async (ask) => {
    assertEquals((await ask()).headers.getSetCookie(), ["a=1"]);
  });
});

Deno.test("what a module says of caching holds beside what the host says of origins", async () => {
  await serving(answering("Vary: accept\n"), async (ask) => {
    assertEquals((await ask()).headers.get("vary"), "accept");
    const varied = (await ask({ headers: { origin: ORIGIN } })).headers.get("vary") ?? "";
    assertEquals(varied.toLowerCase().split(/, */).sort(), ["accept", "origin"]);
  });
});

Deno.test("a target has no dots to climb with, whatever the server left in it", async () => {
  const targets = {
    "/m/../x": "/x",
    "/m/%2e%2E/x?a=/../b": "/x?a=/../b",
    "/m/./x/..": "/m/",
    "/m\\..\\x": "/x",
    "/m/..x/a.b?q": "/m/..x/a.b?q",
    "//other.example/x": "//other.example/x",
    // As proxies ask; Deno's server leaves it so.
    "?x=/m": "/?x=/m",
    "#/m": "/",
    "": "/",
  };
  for (const [sent, resolved] of Object.entries(targets)) {
    const request = changed(new Request(HOST), { url: `${HOST}${sent}` });
    const target = targetOf(request.url);
    assertStrictEquals((await requestFor(request, target, 10_000)).target, resolved);
    assertStrictEquals(pathOf(target), resolved.split("?")[0]);
  }
});

Deno.test("a body is cut at its limit, whatever length it claims", async () => {
  const claims: [string, string][][] = [
    [["content-length", "5"], ["transfer-encoding", "chunked"]],
    ...["five", "-5", "1e3", "5, 5", ""].map((it): [string, string][] => [["content-length", it]]),
  ];
  for (const claim of claims) {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        if (pulled > 100) controller.error(new Error("all of it is read"));
        else controller.enqueue(new Uint8Array(1024 * 1024));
      },
    });
    const received = changed(new Request(HOST, { method: "POST", body }), {
      headers: new Map(claim),
    });
    const asked = Promise.resolve(requestFor(received, "/", 1024));
    const refused = await asked.then(() => "taken", (error) => error.code);
    assertStrictEquals(refused, "too_large", `${claim}`);
  }
});

Deno.test("a response has as many headers as it may have", () => {
  const pairs = (count: number) => {
    const lines = Array.from({ length: count }, (_, at) => `a${at}: b\n`).join("");
    return pairsOf(lines).length;
  };
  assertStrictEquals(pairs(RESPONSE_HEADERS_MAX - 1), RESPONSE_HEADERS_MAX - 1);
  assertStrictEquals(pairs(RESPONSE_HEADERS_MAX), RESPONSE_HEADERS_MAX);
  const many = RESPONSE_HEADERS_MAX + 1;
  assertThrows(() => pairs(many), WasmFault, `Cannot take ${many} headers`);
});

Deno.test("a header of blanks is read in one go", () => {
  // By a pattern, this takes hours.
  const blanks = " \t".repeat(2 * 1024 * 1024);
  assertEquals(pairsOf(`a:${blanks}b${blanks}c${blanks}\nd:${blanks}\n`), [
    ["a", `b${blanks}c`],
    ["d", ""],
  ]);
});

Deno.test("a module sends as many headers, and as large ones, as it may", async () => {
  const statusOf = async (headers: string, contentType = "") => {
    const fetch = () => Promise.resolve(new Response(null, { status: 204 }));
    const outbound = new Outbound({ fetch: { allow: ["*"], fetch } }, limitsOf());
    const body = new Uint8Array(1);
    const call = { method: "POST", url: "http://one.example/", headers, contentType, body };
    const [result] = await outbound.begin().run([call]);
    return result?.status;
  };
  const room = REQUEST_HEADER_BYTES_MAX - "a: ".length;
  for (const [more, status] of [[-1, 204], [0, 204], [1, 403]] as const) {
    assertStrictEquals(await statusOf("a: b\n".repeat(REQUEST_HEADERS_MAX + more)), status);
    assertStrictEquals(await statusOf(`a: ${"b".repeat(room + more)}`), status);
    assertStrictEquals(await statusOf("a: ", "b".repeat(room + more)), status);
  }
});

Deno.test("bytes that say of themselves that they count are refused, honest or not", () => {
  const spin = (type: string) =>
    handler({
      body: "(loop $again (br $again)) (unreachable)",
      fields: `(global (export "${FUEL_EXPORT}") ${type})`,
    });
  const mounting = (module: Uint8Array<ArrayBuffer>, limits: Partial<WasmLimits> = {}) =>
    prepare({ path: "/m", module, options: { limits } }, createLog("error", () => {}));
  const forged = [
    spin("i64 (i64.const 5)"),
    spin("(mut i64) (i64.const 5)"),
    spin("(mut i32) (i32.const 5)"),
    withLimits(COUNTER, { fuel: 5n }),
  ];
  for (const module of forged) {
    assertThrows(() => mounting(module), TypeError, "it is limited already");
    // Who wants nothing counted may have it.
    assert(mounting(module, { fuel: Infinity }));
  }
});

Deno.test("an instance that has trapped is not used again, also where its request was answered", () => {
  const module = new WebAssembly.Module(COUNTER);
  const dropped: string[] = [];
  const pool = new InstancePool(
    { module, sources: [], limits: limitsOf(), cache: new HeaderCache() },
    { mode: "pool", dropped: (reason) => dropped.push(reason) },
  );
  const lease = pool.acquire();
  assert(!(lease instanceof Promise));
  const { instance } = lease;
  const ask = (target: string) =>
    instance.run(instance.write({ method: "GET", target, headers: "", body: new Uint8Array() }));
  assertThrows(() => ask("/trap"), WasmFault);
  ask("/fine-again");
  lease.release("good");
  assertEquals([dropped, pool.size], [["broken"], 0]);
});

Deno.test("what goes wrong after a response has begun is in the log", async () => {
  // Without slots 6 and 7 it writes nothing; the second response is its fault.
  await serving(assemble(FETCH_MODULES["twice"] ?? ""), async (ask, lines) => {
    const response = await ask();
    assertStrictEquals(response.status, 200);
    await response.text().catch(() => {});
    assert(lines.some((line) => line.includes("Cannot begin a response like this")), `${lines}`);
  });
});

Deno.test("a module that streams has no files, which are stored before a response begins", () => {
  const files = {
    list: () => Promise.resolve([]),
    get: () => Promise.resolve(undefined),
    put: () => Promise.resolve(),
    delete: () => Promise.resolve(),
  };
  const mounting = (wat: string) =>
    prepare(
      { path: "/m", module: assemble(wat), options: { bindings: { files } } },
      createLog("error", () => {}),
    );
  const wat = FETCH_MODULES["suspended"] ?? "";
  assertThrows(() => mounting(wat), TypeError, 'it imports "respond"');
  assert(mounting(FETCH_MODULES["proxy"] ?? ""));
});

Deno.test("no batch has fewer calls than one", () => {
  const memory = new ModuleMemory(new WebAssembly.Memory({ initial: 1 }));
  for (const count of [0, -1]) {
    assertThrows(
      () => readCalls(memory, 1024, count, { bytesMax: 10, cache: new HeaderCache() }),
      WasmFault,
      `Cannot make ${count} calls at once`,
    );
  }
});

Deno.test("results are written over whatever was there before", () => {
  const memory = new ModuleMemory(new WebAssembly.Memory({ initial: 1 }));
  memory.bytes.fill(0xff);
  const one = { status: 200, contentType: "a", body: new Uint8Array([1]), headers: "" };
  const address = writeResults({ memory, malloc: () => 1024 }, [one, one]);
  for (let slot = 0; slot < 8; slot++) {
    const at = address + slot * 16;
    assertEquals([...memory.bytes.subarray(at + 1, at + 4)], [0, 0, 0]);
    assertStrictEquals(memory.view.getBigUint64(at + 8, true), 0n);
  }
});

Deno.test("names are looked up where the runtime's own fetch is used, and only there", async () => {
  const dns = process.getBuiltinModule("node:dns/promises");
  const { lookup } = dns;
  const names: string[] = [];
  const found = (name: string) => {
    names.push(name);
    return Promise.resolve([{ address: "10.0.0.1", family: 4 }]);
  };
  Reflect.set(dns, "lookup", found);
  try {
    const resultOf = async (binding: Partial<WasmFetchBinding>) => {
      const outbound = new Outbound({ fetch: { allow: ["*"], ...binding } }, limitsOf());
      const call = { method: "GET", headers: "", contentType: "", body: new Uint8Array() };
      const [result] = await outbound.begin().run([{ ...call, url: "http://one.invalid/" }]);
      return result?.status;
    };
    assertStrictEquals(await resultOf({}), 403);
    assertEquals(names, ["one.invalid"]);
    const fetch = () => Promise.resolve(new Response(null, { status: 204 }));
    assertStrictEquals(await resultOf({ fetch }), 204);
    assertStrictEquals(await resultOf({ lookup: () => Promise.resolve(["8.8.8.8"]), fetch }), 204);
    assertEquals(names, ["one.invalid"]);
  } finally {
    Reflect.set(dns, "lookup", lookup);
  }
});
