/** How requests get into the memory of a module: the layout, and that nothing else is touched. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { WasmFault } from "../../edge/wasm/fault.ts";
import { ModuleMemory } from "../../edge/wasm/memory.ts";
import { RequestWriter, type WasmRequest } from "../../edge/wasm/request_slots.ts";
import { readSlot } from "./wasm_modules.ts";

const PAGE = 64 * 1024;
const encoder = new TextEncoder();
const utf8 = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/** A memory with a writer whose blocks lie between bytes that must stay as they are. */
class Rig {
  readonly memory = new WebAssembly.Memory({ initial: 1 });
  readonly seen = new ModuleMemory(this.memory);
  readonly blocks: { address: number; bytes: number }[] = [];
  readonly freed: number[] = [];
  readonly writer: RequestWriter;
  #top = 1024;

  constructor() {
    this.writer = new RequestWriter(
      this.seen,
      (bytes) => {
        const address = this.#top;
        this.#top += bytes + 64;
        const missing = Math.ceil((this.#top - this.memory.buffer.byteLength) / PAGE);
        if (missing > 0) this.memory.grow(missing);
        this.seen.refresh();
        new Uint8Array(this.memory.buffer).fill(0xcc, address + bytes);
        this.blocks.push({ address, bytes });
        return address;
      },
      (address) => this.freed.push(address),
    );
  }

  /** Every byte outside of the blocks. */
  canaries(): Uint8Array {
    const all = new Uint8Array(this.memory.buffer.slice(0));
    for (const { address, bytes } of this.blocks) all.fill(0, address, address + bytes);
    return all;
  }

  slot(address: number, slot: number): ReturnType<typeof readSlot> {
    return readSlot(this.memory.buffer, address, slot);
  }
}

const REQUEST: WasmRequest = {
  method: "POST",
  target: "/stats?a=1",
  headers: "accept: */*\nx-a: b\n",
  body: new Uint8Array([0, 255, 254]),
};

Deno.test("a request is in its slots, in blocks at addresses that 4 divides", () => {
  const rig = new Rig();
  const address = rig.writer.write(REQUEST);
  const slots = [0, 1, 2, 3].map((slot) => rig.slot(address, slot));
  assertEquals(slots.map(({ tag }) => tag), [4, 4, 4, 4]);
  assertEquals(slots.map(({ value }) => value % 4), [0, 0, 0, 0]);
  assertEquals(address % 4, 0);
  const [method, target, body, headers] = slots.map(({ bytes }) => bytes);
  assertEquals(utf8(method ?? body!), "POST");
  assertEquals(utf8(target!), "/stats?a=1");
  assertEquals(utf8(headers!), "accept: */*\nx-a: b\n");
  assertEquals(body, REQUEST.body);
});

Deno.test("ten slots are there at least, and those that were not given are zeros", () => {
  const rig = new Rig();
  const address = rig.writer.write(REQUEST);
  new Uint8Array(rig.memory.buffer, address + 64, 96).fill(0xee);
  assertEquals(rig.writer.write(REQUEST), address);
  assertEquals([...new Uint8Array(rig.memory.buffer, address + 64, 96)], Array(96).fill(0));
  assertEquals(new DataView(rig.memory.buffer).getUint32(0, true), 0);
  const used = [0, 1, 2, 3].map((slot) => rig.slot(address, slot).value);
  assert(used.every((value) => value >= address + 160), "texts lie in the slots");
});

Deno.test("the result of an outbound request is in slots 4 and 5 until the next request", () => {
  const rig = new Rig();
  const address = rig.writer.write(REQUEST);
  rig.writer.setResult(4000, 7);
  const view = new DataView(rig.memory.buffer);
  assertEquals([4, 5].map((slot) => view.getUint8(address + slot * 16)), [4, 2]);
  assertEquals([4, 5].map((slot) => view.getInt32(address + slot * 16 + 4, true)), [4000, 7]);
  rig.writer.write(REQUEST);
  assertEquals([4, 5].map((slot) => view.getInt32(address + slot * 16, true)), [0, 0]);
});

Deno.test("fan-out is in slots 6 and on, as text, bytes and integers", () => {
  const fanout = ["grüße", new Uint8Array([1, 2, 3]), -7, "", 2 ** 31 - 1, "last"];
  const rig = new Rig();
  const address = rig.writer.write({ ...REQUEST, fanout });
  const slots = fanout.map((_, index) => rig.slot(address, 6 + index));
  assertEquals(slots.map(({ tag }) => tag), [4, 8, 2, 4, 2, 4]);
  assertEquals(utf8(slots[0]!.bytes), "grüße");
  assertEquals([...slots[1]!.bytes], [1, 2, 3]);
  assertEquals([slots[2]!.value, slots[4]!.value], [-7, 2 ** 31 - 1]);
  assertEquals([utf8(slots[3]!.bytes), utf8(slots[5]!.bytes)], ["", "last"]);
});

Deno.test("the bytes of headers come out as they came in, whatever they are", () => {
  const rig = new Rig();
  const bytes = "name: \u00e4\u00ff\n";
  const slot = rig.slot(rig.writer.write({ ...REQUEST, headers: bytes }), 3);
  assertEquals(latin1(slot.bytes), bytes);
  const text = rig.writer.write({ ...REQUEST, target: "/ä", headers: "a: €\n" });
  assertEquals(utf8(rig.slot(text, 1).bytes), "/ä");
  assertEquals(utf8(rig.slot(text, 3).bytes), "a: €\n");
});

Deno.test("a request stays within its block, of any size, and the block is used again", () => {
  const rig = new Rig();
  const sizes = [0, 1, 8_000, 8_100, 8_191, 8_192, 9_000, 64 * 1024, 1024 * 1024, 10];
  for (const size of sizes) {
    const body = new Uint8Array(size).fill(0xbb);
    rig.writer.write(REQUEST);
    const address = rig.writer.write({ ...REQUEST, body });
    assertEquals(rig.slot(address, 2).bytes, body);
    const outside = rig.canaries();
    assertEquals(outside.findIndex((byte) => byte !== 0 && byte !== 0xcc), -1, `${size}`);
  }
  const addresses = rig.blocks.map((block) => block.address);
  assertEquals(rig.freed, addresses.slice(0, -1));
  assert(rig.blocks.length < 6, "a block for each request");
});

Deno.test("the memory may grow, or be another, between two requests", () => {
  const rig = new Rig();
  rig.writer.write(REQUEST);
  rig.memory.grow(3);
  rig.seen.refresh();
  const address = rig.writer.write({ ...REQUEST, target: "/other" });
  assertEquals(utf8(rig.slot(address, 1).bytes), "/other");
});

Deno.test("a block that is refused is not written to by the next request", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  let fails = false;
  const writer = new RequestWriter(
    new ModuleMemory(memory),
    () => {
      if (fails) throw new WasmFault("wasm_failed", "no memory");
      return 1024;
    },
    () => {},
  );
  writer.write(REQUEST);
  fails = true;
  assertThrows(() => writer.write({ ...REQUEST, body: new Uint8Array(20_000) }), WasmFault);
  const before = memory.buffer.slice(0);
  assertThrows(() => writer.write(REQUEST), WasmFault);
  assertEquals(new Uint8Array(memory.buffer), new Uint8Array(before));
});

Deno.test("any request comes out as it went in, and nothing around it changes", () => {
  const rig = new Rig();
  const requests = fc.record({
    method: fc.stringMatching(/^[A-Z]{1,9}$/),
    target: fc.string({ unit: "binary", maxLength: 60 }),
    headers: fc.string({ unit: "binary-ascii", maxLength: 90 }),
    body: fc.uint8Array({ maxLength: 500 }),
    fanout: fc.array(
      fc.oneof(fc.string({ unit: "binary" }), fc.integer(), fc.uint8Array()),
      { maxLength: 8 },
    ),
  });
  fc.assert(
    fc.property(requests, (request) => {
      const body = new Uint8Array(request.body);
      const address = rig.writer.write({ ...request, body });
      const [method, target, sent, headers] = [0, 1, 2, 3].map((slot) =>
        rig.slot(address, slot).bytes
      );
      assertEquals(method, encoder.encode(request.method));
      assertEquals(target, encoder.encode(request.target));
      assertEquals(headers, encoder.encode(request.headers));
      assertEquals(sent, body);
      for (const [index, item] of request.fanout.entries()) {
        const { bytes, value } = rig.slot(address, 6 + index);
        if (typeof item === "number") assertEquals(value, item);
        else assertEquals([...bytes], [...typeof item === "string" ? encoder.encode(item) : item]);
      }
      assertEquals(rig.canaries().findIndex((byte) => byte !== 0 && byte !== 0xcc), -1);
    }),
    { numRuns: 300 },
  );
});
