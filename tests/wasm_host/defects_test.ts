/**
 * What other hosts of this kind get wrong, row by row: G of the host and its functions, Z of the
 * library for slots. Here are the rows that concern the host's own part; that every row has a test
 * somewhere, which names it in its title, the last test asks.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { ROOT } from "../../scripts/steps.ts";
import { Prng } from "../sim/prng.ts";
import { BROKEN_LIMITS } from "./broken/broken_cases.ts";
import { mountedHost } from "./mounted_host.ts";
import { BROKEN, DUTIES } from "./runtimes.ts";

/** Every row. */
const ROWS: readonly string[] = [
  ...Array.from({ length: 16 }, (_, at) => `G${at + 1}`),
  ...Array.from({ length: 5 }, (_, at) => `Z${at + 1}`),
];

/** What of a handler the tests of its allocator call. */
interface Allocator {
  readonly memory: WebAssembly.Memory;
  malloc(bytes: number): number;
  free(address: number): void;
  handle_zerobuf(address: number): number;
}

/** A block that was given, and what it is filled with. */
interface Block {
  readonly at: number;
  readonly size: number;
  readonly fill: number;
}

Deno.test("G1: a request of any size leaves the module's own memory as it was", async () => {
  const module = await Deno.readFile(BROKEN);
  const options = { mode: "durable", limits: { memoryBytes: 64 * 1024 * 1024 } } as const;
  const host = mountedHost({ "/broken": { module, options } });
  assertEquals(await host.tell("/broken/canary"), "200 as it was");
  // The handler's block stands right behind the first one that the host asked for, of 8 KiB.
  for (let length = 7_700; length < 8_300; length++) {
    const body = new Uint8Array(length).fill(0xa5);
    const seen = await host.tell("/broken/canary", { method: "POST", body });
    assertEquals(seen, "200 as it was", `${length} bytes`);
  }
  for (const length of [8_191, 9_000, 16_385, 60_000, 65_536, 1_048_576, 3]) {
    const body = new Uint8Array(length).fill(0xa5);
    assertEquals(await host.tell("/broken/good?n=1", { method: "POST", body }), "200 good 1");
    const path = `/broken/good?n=${"1".repeat(Math.min(length, 4_000))}`;
    assertEquals((await host.ask(path, { headers: { "x-long": "a".repeat(3_000) } })).status, 200);
    assertEquals(await host.tell("/broken/canary"), "200 as it was", `${length} bytes`);
  }
  host.close();
});

Deno.test("G4: addresses, lengths and statuses that make no sense are answered, never thrown", async () => {
  const host = mountedHost({ "/broken": { module: await Deno.readFile(BROKEN) } });
  for (const path of ["wild", "zero", "length?is=4294967295", "status?is=-7", "status?is=1000"]) {
    const response = await host.ask(`/broken/${path}`);
    assertEquals(response.status, 502, path);
    await response.body?.cancel();
  }
  assertEquals(await host.tell("/broken/good?n=2"), "200 good 2");
  host.close();
});

Deno.test("G5: a module that asks for ever is ended, while others are served", async () => {
  let sent = 0;
  // An answer that takes no time at all: nothing but the host itself lets others in between.
  const fetch = () => Promise.resolve(new Response(`${++sent}`));
  const bindings = { fetch: { allow: ["example.test"], fetch } };
  const limits = { ...BROKEN_LIMITS, fetchRounds: 40 };
  const module = await Deno.readFile(BROKEN);
  const host = mountedHost({ "/broken": { module, options: { bindings, limits } } });
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const forever = host.ask("/broken/forever");
  assertEquals(await host.tell("/broken/good?n=3"), "200 good 3");
  assertEquals((await forever).status, 504);
  clearInterval(timer);
  assertEquals(sent, limits.fetchRounds);
  assert(turns > 0, "nothing else had its turn");
  await (await forever).body?.cancel();
  host.close();
});

Deno.test("G6: an instance that has trapped is not used again, in no mode", async () => {
  const module = await Deno.readFile(DUTIES);
  for (const mode of ["pool", "durable", "instance"] as const) {
    const host = mountedHost({ "/duties": { module, options: { mode } } });
    assertEquals(await host.tell("/duties/count"), "200 1");
    // It changes its memory, and then traps.
    assertEquals((await host.ask("/duties/panic")).status, 500);
    assertEquals(await host.tell("/duties/count"), "200 1");
    host.close();
  }
});

Deno.test("G16: blocks of the examples' allocators keep what is in them, and never overlap", async () => {
  for (const name of ["stats", "negotiate", "text"]) {
    const bytes = await Deno.readFile(join(ROOT, "wasm", "handlers", `${name}.wasm`));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    const allocator = exports as unknown as Allocator;
    for (let seed = 1; seed <= 20; seed++) exercise(new Prng(seed), allocator, `${name} ${seed}`);
    const request = allocator.malloc(160);
    new Uint8Array(allocator.memory.buffer, request, 160).fill(0);
    const before = allocator.memory.buffer.byteLength;
    for (let round = 0; round < 2_000; round++) {
      allocator.free(allocator.malloc(4_096));
      // A collector does its work when a request begins.
      allocator.handle_zerobuf(request);
    }
    assertEquals(allocator.memory.buffer.byteLength, before, `${name} gives nothing back`);
  }
});

Deno.test("every row of the defects is named by the title of a test", async () => {
  const titles: string[] = [];
  for await (const path of testFiles(join(ROOT, "tests"))) {
    const text = await Deno.readTextFile(path);
    if (path.endsWith("defects_test.ts")) titles.push(...text.match(/Deno\.test\("[^"]*"/g) ?? []);
    else titles.push(...text.match(/(?:Deno\.test\(\s*|title: |name: )["`][^"`\n]*["`]/g) ?? []);
  }
  assert(titles.length > 1_000);
  const isNamed = (row: string) => titles.some((title) => new RegExp(`\\b${row}\\b`).test(title));
  const missing = ROWS.filter((row) => !isNamed(row));
  assertEquals(missing, []);
});

/** Takes blocks and gives them back, mostly the latest, as a host does. */
function exercise(prng: Prng, { memory, malloc, free }: Allocator, name: string): void {
  const blocks: Block[] = [];
  for (let step = 0; step < 200; step++) {
    if (blocks.length > 0 && prng.chance(0.45)) {
      const at = prng.chance(0.8) ? blocks.length - 1 : prng.between(0, blocks.length - 1);
      const [{ at: address, size, fill } = { at: 0, size: 0, fill: 0 }] = blocks.splice(at, 1);
      const kept = new Uint8Array(memory.buffer, address, size);
      assert(kept.every((byte) => byte === fill), `${name}: a block was changed at step ${step}`);
      free(address);
      continue;
    }
    const size = prng.pick([0, 1, 15, 16, 17, 100, prng.between(0, 9_000)]);
    const at = malloc(size) >>> 0;
    assert(at !== 0 && at % 4 === 0, `${name}: ${at} is no address`);
    for (const other of blocks) {
      assert(at + size <= other.at || at >= other.at + other.size, `${name}: blocks overlap`);
    }
    const fill = prng.between(1, 255);
    new Uint8Array(memory.buffer, at, size).fill(fill);
    blocks.push({ at, size, fill });
  }
  for (const { at } of blocks.reverse()) free(at);
}

async function* testFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* testFiles(path);
    else if (name.endsWith(".ts")) yield path;
  }
}
