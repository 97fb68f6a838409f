/** What a module answers, read with every doubt: bounds, tags, statuses, headers, and what is kept. */
import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { WasmFault } from "../../edge/wasm/fault.ts";
import {
  HEADER_ENTRIES_MAX,
  HEADER_ENTRY_BYTES_MAX,
  HeaderCache,
  type HeaderPairs,
} from "../../edge/wasm/header_cache.ts";
import { ModuleMemory } from "../../edge/wasm/memory.ts";
import {
  readAnswer,
  type ReadResponse,
  RESPONSE_HEADER_BYTES_MAX,
} from "../../edge/wasm/response_slots.ts";

const PAGE = 64 * 1024;
const encoder = new TextEncoder();

/** What a module writes. A block is a length, and what is there. */
interface Answer {
  readonly status?: number;
  readonly tags?: readonly number[];
  readonly type?: string | Uint8Array;
  readonly body?: string | Uint8Array;
  readonly headers?: string | Uint8Array;
}

/** A module's memory, written by hand. */
class Rig {
  readonly memory: WebAssembly.Memory;
  readonly cache = new HeaderCache();
  readonly address = 64;

  constructor(pages = 1) {
    this.memory = new WebAssembly.Memory({ initial: pages });
  }

  get view(): DataView {
    return new DataView(this.memory.buffer);
  }

  write(answer: Answer): this {
    const { status = 200, tags = [2, 4, 4, 4], type = "", body = "", headers = "" } = answer;
    let at = 256;
    this.slot(0, tags[0] ?? 2, status);
    for (const [index, content] of [type, body, headers].entries()) {
      const bytes = typeof content === "string" ? encoder.encode(content) : content;
      this.slot(index + 1, tags[index + 1] ?? 4, at);
      this.view.setUint32(at, bytes.length, true);
      new Uint8Array(this.memory.buffer).set(bytes, at + 4);
      at += 4 + bytes.length;
    }
    return this;
  }

  slot(index: number, tag: number, value: number): this {
    this.view.setUint8(this.address + index * 16, tag);
    this.view.setInt32(this.address + index * 16 + 4, value, true);
    return this;
  }

  read(address: number = this.address, bytesMax = 1024 * 1024): ReadResponse {
    const memory = new ModuleMemory(this.memory);
    const answer = readAnswer(memory, address, { bytesMax, cache: this.cache });
    assert(answer.kind === "response");
    return answer;
  }

  refuses(address?: number, bytesMax?: number): void {
    const fault = assertThrows(() => this.read(address, bytesMax), WasmFault);
    assertStrictEquals(fault.code, "wasm_bad_response");
  }
}

const headersOf = (answer: Answer): HeaderPairs => new Rig().write(answer).read().headers;

Deno.test("an answer is its status, its headers, and a view of its body", () => {
  const rig = new Rig().write({
    status: 201,
    type: "text/plain",
    body: new Uint8Array([0, 255, 254]),
    headers: "X-One: 1\nX-Two:  2 \n",
  });
  const { status, headers, body } = rig.read();
  assertStrictEquals(status, 201);
  assertEquals(headers, [["content-type", "text/plain"], ["x-one", "1"], ["x-two", "2"]]);
  assertEquals([...body], [0, 255, 254]);
  assertStrictEquals(body.buffer as ArrayBufferLike, rig.memory.buffer);
});

Deno.test("slots without a block are empty", () => {
  const { headers, body } = new Rig().write({ tags: [2, 0, 0, 0], body: "unseen" }).read();
  assertEquals([headers.length, body.length], [0, 0]);
});

Deno.test("a status is from 200 to 599, in a slot of its tag", () => {
  for (const status of [200, 204, 304, 404, 599]) {
    assertStrictEquals(new Rig().write({ status }).read().status, status);
  }
  for (const status of [-3, 0, 1, 100, 101, 199, 600, 2 ** 31 - 1, -(2 ** 31)]) {
    new Rig().write({ status }).refuses();
  }
  for (const tag of [0, 1, 3, 4, 8, 255]) new Rig().write({ tags: [tag] }).refuses();
});

Deno.test("texts have the tag of a text, and bodies that of bytes as well", () => {
  for (const tag of [1, 2, 3, 5, 6, 7, 9, 255]) {
    for (const slot of [1, 2, 3]) {
      const tags = [2, 4, 4, 4].with(slot, tag);
      new Rig().write({ tags }).refuses();
    }
  }
  new Rig().write({ tags: [2, 8] }).refuses();
  new Rig().write({ tags: [2, 4, 4, 8] }).refuses();
  assertStrictEquals(new Rig().write({ tags: [2, 4, 8], body: "b" }).read().body.length, 1);
});

Deno.test("an answer lies in the memory, at its last address as well, and never at 0", () => {
  const rig = new Rig().write({ body: "last" });
  const slots = new Uint8Array(rig.memory.buffer.slice(64, 128));
  new Uint8Array(rig.memory.buffer).set(slots, PAGE - 64);
  assertStrictEquals(rig.read(PAGE - 64).body.length, 4);
  for (const address of [0, PAGE - 63, PAGE, PAGE + 1, 2 ** 31, 2 ** 32 - 1]) rig.refuses(address);
});

Deno.test("each block lies in the memory, to its last byte", () => {
  for (const slot of [1, 2, 3]) {
    const rig = new Rig().write({}).slot(slot, 4, PAGE - 8);
    for (const [length, isGood] of [[3, true], [4, true], [5, false]] as const) {
      rig.view.setUint32(PAGE - 8, length, true);
      if (isGood) rig.read();
      else rig.refuses();
    }
    for (const length of [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
      rig.view.setUint32(PAGE - 8, length, true);
      rig.refuses();
    }
    // The length itself: whole, at the edge, and over it.
    rig.view.setUint32(PAGE - 4, 0, true);
    rig.slot(slot, 4, PAGE - 4).read();
    for (const at of [0, PAGE - 3, PAGE, -1, 2 ** 31 - 1]) rig.slot(slot, 4, at).refuses();
  }
});

Deno.test("an answer is as large as it may be, and no larger", () => {
  const rig = new Rig().write({ type: "a/b", body: "0123456789", headers: "x: 1\n" });
  for (const bytesMax of [18, 19]) rig.read(rig.address, bytesMax);
  rig.refuses(rig.address, 17);
});

Deno.test("headers and type are as large as they may be, and no larger", () => {
  const lines = (length: number) => `x: ${"v".repeat(length - 4)}\n`;
  for (const [extra, isGood] of [[-1, true], [0, true], [1, false]] as const) {
    const size = RESPONSE_HEADER_BYTES_MAX + extra;
    const headers = new Rig(2).write({ headers: lines(size) });
    const type = new Rig(2).write({ type: "t".repeat(size) });
    if (isGood) assertEquals([headers, type].map((it) => it.read().headers.length), [1, 1]);
    else [headers, type].forEach((it) => it.refuses());
  }
});

Deno.test("lines that are no header are left out, and the rest stays", () => {
  const good = [["a", "1"], ["z", "26"]] as const;
  const bad = [
    "no colon",
    ": no name",
    "a b: name with a space",
    "name\u00e9: name of other letters",
    "x: carriage\rreturn",
    "x: nul\0",
    "x: bell\x07",
    "x: delete\x7f",
    " x: begins with a space",
    "",
    "\r",
  ];
  for (const line of bad) {
    assertEquals(headersOf({ headers: `a: 1\n${line}\nz: 26\n` }), good, JSON.stringify(line));
  }
  assertEquals(headersOf({ type: "text/plain\r\nx: 1" }), []);
  assertEquals(headersOf({ type: "text/plain\0" }), []);
  assertEquals(headersOf({ headers: "a:\nb: \nc:\td \n" }), [["a", ""], ["b", ""], ["c", "d"]]);
  assertEquals(headersOf({ headers: "a: 1" }), [["a", "1"]]);
});

Deno.test("what is the server's own to say is left out, and the type is that of slot 1", () => {
  const own = [
    "Connection: close",
    "Content-Length: 7",
    "content-type: text/html",
    "Keep-Alive: timeout=5",
    "Transfer-Encoding: chunked",
    "Trailer: x",
    "TE: trailers",
    "Upgrade: h2c",
    "Proxy-Connection: close",
    "Proxy-Authenticate: Basic",
    "X-Content-Type-Options: other",
  ];
  for (const line of own) assertEquals(headersOf({ headers: `${line}\nx: 1\n` }), [["x", "1"]]);
  assertEquals(headersOf({ type: "a/b", headers: "content-type: c/d\n" }), [[
    "content-type",
    "a/b",
  ]]);
});

Deno.test("several cookies stay several", () => {
  const pairs = headersOf({ headers: "Set-Cookie: a=1; Path=/\nSet-Cookie: b=2\n" });
  assertEquals(new Headers(pairs as [string, string][]).getSetCookie(), ["a=1; Path=/", "b=2"]);
});

Deno.test("the bytes of a value come out as they are, and every one that is left fits a Response", () => {
  assertEquals(headersOf({ headers: "x: é\n" }), [["x", "\u00c3\u00a9"]]);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (headers) => {
    new Response(null, { headers: headersOf({ headers }) as [string, string][] });
  }));
});

Deno.test("random answers are read or refused, and nothing else happens", () => {
  const rig = new Rig();
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      fc.array(fc.tuple(fc.nat(3), fc.constantFrom(0, 2, 4, 8), fc.nat(PAGE + 64)), {
        maxLength: 4,
      }),
      (bytes, slots) => {
        new Uint8Array(rig.memory.buffer).set(bytes, rig.address);
        for (const [index, tag, value] of slots) rig.slot(index, tag, value);
        const memory = new ModuleMemory(rig.memory);
        try {
          readAnswer(memory, rig.address, { bytesMax: PAGE, cache: rig.cache });
        } catch (error) {
          assert(error instanceof WasmFault, String(error));
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("headers that come again are the same ones, and others that look alike are not", () => {
  const rig = new Rig();
  const first = rig.write({ type: "a/b", headers: "x: 1\n" }).read().headers;
  assertStrictEquals(rig.write({ type: "a/b", headers: "x: 1\n" }).read().headers, first);
  // The same bytes in all, cut elsewhere; and another byte in the middle.
  assertEquals(rig.write({ type: "a/bx", headers: ": 1\n" }).read().headers, [[
    "content-type",
    "a/bx",
  ]]);
  const other = rig.write({ type: "a/c", headers: "x: 1\n" }).read().headers;
  assertEquals(other, [["content-type", "a/c"], ["x", "1"]]);
});

Deno.test("what is kept says what reading anew would say", () => {
  const rig = new Rig();
  const word = fc.stringMatching(/^[ab]{0,2}$/);
  const answers = fc.record({
    type: word,
    headers: fc.array(fc.tuple(word, word)).map((all) =>
      all.map((one) => one.join(":") + "\n").join("")
    ),
  });
  fc.assert(
    fc.property(answers, (answer) => {
      assertEquals(rig.write(answer).read().headers, headersOf(answer));
    }),
    { numRuns: 500 },
  );
});

Deno.test("secrets are not kept, nor what is long, and no more than so many", () => {
  const rig = new Rig();
  const secrets = ["Set-Cookie: a=1", "Authorization: b", "X-Api-Key: c", "location: /?token=1"];
  for (const line of secrets) {
    const read = () => rig.write({ headers: `${line}\n` }).read().headers;
    assertNotStrictEquals(read(), read());
  }
  assertStrictEquals(rig.cache.size, 0);
  for (const [extra, kept] of [[-1, 1], [0, 2], [1, 2]] as const) {
    const headers = `x: ${"v".repeat(HEADER_ENTRY_BYTES_MAX - 4 + extra)}\n`;
    rig.write({ headers }).read();
    assertStrictEquals(rig.cache.size, kept);
  }
  let most = 0;
  for (let size = 0; size < 3 * HEADER_ENTRIES_MAX; size++) {
    rig.write({ headers: `x: ${"v".repeat(size)}\n` }).read();
    most = Math.max(most, rig.cache.size);
  }
  assertStrictEquals(most, HEADER_ENTRIES_MAX);
});

Deno.test("a memory that has grown is seen anew", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 });
  const seen = new ModuleMemory(memory);
  memory.grow(1);
  assert(!seen.holds(8, 1), "detached");
  seen.refresh();
  assertEquals([seen.holds(PAGE, 1), seen.holds(2 * PAGE - 1, 1)], [true, true]);
  assert(!seen.holds(2 * PAGE, 1));
  assertThrows(() => seen.at(2 * PAGE, 1), WasmFault);
});

Deno.test("a memory that threads share is refused", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  assertThrows(() => new ModuleMemory(memory), TypeError, "shared");
});
