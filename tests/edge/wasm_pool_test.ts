/** Instances of a module: how many there are, who waits for them, and that nothing is left behind. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import type { WasmLimits, WasmMode } from "../../core/wasm_mount.ts";
import { WasmFault } from "../../edge/wasm/fault.ts";
import { HeaderCache } from "../../edge/wasm/header_cache.ts";
import { type ImportSource, type Lease, WasmInstance } from "../../edge/wasm/instance.ts";
import { limitsOf } from "../../edge/wasm/limits.ts";
import { InstancePool } from "../../edge/wasm/pool.ts";
import { COUNTER, DONE, ECHO, handler, HEAP } from "./wasm_modules.ts";

/** Exchanges of the test that looks for what is left behind; by hand also 100,000. */
const EXCHANGES = Number(Deno.env.get("DRIFTLESS_WASM_EXCHANGES") ?? 3_000);

const decoder = new TextDecoder();

function moduleOf(
  bytes: Uint8Array<ArrayBuffer>,
  limits: Partial<WasmLimits> = {},
  sources: readonly ImportSource[] = [],
) {
  const module = new WebAssembly.Module(bytes);
  return { module, sources, limits: limitsOf(limits), cache: new HeaderCache() };
}

class Rig {
  readonly pool: InstancePool;
  readonly dropped: string[] = [];

  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    limits: Partial<WasmLimits> = {},
    mode: WasmMode = "pool",
  ) {
    this.pool = new InstancePool(moduleOf(bytes, limits), {
      mode,
      dropped: (reason) => this.dropped.push(reason),
    });
  }

  /** A lease that nobody has to wait for. */
  take(): Lease {
    const lease = this.pool.acquire();
    assert(!(lease instanceof Promise), "all instances are at work");
    return lease;
  }
}

function exchange({ instance }: Lease, target: string, body = new Uint8Array()): string {
  const request = { method: "POST", target, headers: "a: b\n", body };
  const answer = instance.read(instance.run(instance.write(request)));
  assert(answer.kind === "response");
  return decoder.decode(answer.body);
}

const BUSY = "The handler is busy; try again";

Deno.test("there are as many instances as are needed at once, up to the limit", () => {
  const rig = new Rig(COUNTER, { instances: 3, queue: 0 });
  const leases = [rig.take(), rig.take(), rig.take()];
  assertStrictEquals(new Set(leases.map(({ instance }) => instance)).size, 3);
  const error = assertThrows(() => rig.pool.acquire(), DriftlessError, BUSY);
  assertStrictEquals(error.code, "unavailable");
  leases[1]?.release("good");
  assertStrictEquals(rig.take().instance, leases[1]?.instance);
  assertStrictEquals(rig.pool.size, 3);
});

Deno.test("an instance is leased once: a second release of a lease does nothing", () => {
  const rig = new Rig(COUNTER, { instances: 2, queue: 0 });
  const [one, two] = [rig.take(), rig.take()];
  one.release("good");
  one.release("good");
  one.release("broken");
  assertNotSame(rig.take(), two);
  assertThrows(() => rig.pool.acquire(), DriftlessError);
  assertEquals(rig.dropped, []);
});

function assertNotSame(one: Lease, other: Lease): void {
  assert(one.instance !== other.instance, "one instance, two requests");
}

Deno.test("who comes when all are at work waits in turn, up to the limit", async () => {
  const rig = new Rig(COUNTER, { instances: 1, queue: 2, queueMs: 60_000 });
  const first = rig.take();
  const order: number[] = [];
  const waiting = [1, 2].map(async (number) => {
    const lease = await rig.pool.acquire();
    order.push(number);
    return lease;
  });
  assertStrictEquals(rig.pool.waiting, 2);
  assertThrows(() => rig.pool.acquire(), DriftlessError, BUSY);
  assertEquals(exchange(first, "/"), "1");
  first.release("good");
  const second = await waiting[0]!;
  assertEquals(exchange(second, "/"), "2");
  assertEquals(order, [1]);
  // A broken instance makes room for a new one, for who waits as well.
  second.release("broken");
  const third = await waiting[1]!;
  assertEquals([exchange(third, "/"), order, rig.pool.waiting], ["1", [1, 2], 0]);
  third.release("good");
  assertEquals([rig.pool.size, rig.dropped], [1, ["broken"]]);
});

Deno.test("who waits too long is refused, and the others keep their turn", async () => {
  const rig = new Rig(COUNTER, { instances: 1, queue: 5, queueMs: 20 });
  const lease = rig.take();
  const refused = Promise.resolve(rig.pool.acquire());
  const error = await assertRejects(() => refused, DriftlessError, BUSY);
  assertStrictEquals(error.code, "unavailable");
  assertStrictEquals(rig.pool.waiting, 0);
  const next = rig.pool.acquire();
  lease.release("good");
  assertEquals(exchange(await next, "/"), "1");
  (await next).release("good");
  assertStrictEquals(rig.take().instance, lease.instance);
});

Deno.test("an instance that does not start fails who asked, and keeps nobody else waiting", async () => {
  const bytes = handler({
    body: DONE,
    imports: `(import "test" "start" (func $begin))`,
    fields: `(func (export "_start") (call $begin))`,
  });
  let isBad = true;
  const start = () => {
    if (isBad) throw new TypeError("not today");
  };
  const source = { name: "test", make: () => ({ imports: { start } }) };
  const pool = new InstancePool(moduleOf(bytes, { instances: 1, queueMs: 60_000 }, [source]), {
    mode: "instance",
    dropped: () => {},
  });
  const error = assertThrows(() => pool.acquire(), WasmFault, "Cannot start the module");
  assertMatch(String(error.cause), /not today/);
  assertStrictEquals(pool.size, 0);
  isBad = false;
  const lease = await pool.acquire();
  const [second, third] = [pool.acquire(), pool.acquire()].map((it) => Promise.resolve(it));
  isBad = true;
  lease.release("good");
  await assertRejects(() => second!, WasmFault);
  await assertRejects(() => third!, WasmFault);
  isBad = false;
  (await pool.acquire()).release("good");
  assertEquals([pool.size, pool.waiting], [0, 0]);
});

Deno.test("who comes while an instance does not start makes no more of them than there may be", async () => {
  const bytes = handler({
    body: DONE,
    imports: `(import "test" "start" (func $begin))`,
    fields: `(func (export "_start") (call $begin))`,
  });
  let isBad = false;
  const start = () => {
    if (isBad) throw new TypeError("not today");
  };
  const source = { name: "test", make: () => ({ imports: { start } }) };
  const pool = new InstancePool(moduleOf(bytes, { queueMs: 60_000 }, [source]), {
    mode: "durable",
    dropped: () => {},
  });
  const first = await pool.acquire();
  const [second, third] = [pool.acquire(), pool.acquire()].map((it) => Promise.resolve(it));
  isBad = true;
  first.release("broken");
  await assertRejects(() => second!, WasmFault);
  isBad = false;
  // The third's turn comes later, and the room for it is taken.
  const fourth = pool.acquire();
  assert(!(fourth instanceof Promise));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals([pool.size, pool.waiting], [1, 1]);
  fourth.release("good");
  assertStrictEquals((await third!).instance, fourth.instance);
});

Deno.test("modes: one for each request, one for all", () => {
  const fresh = new Rig(COUNTER, {}, "instance");
  const [one, two] = [fresh.take(), fresh.take()];
  one.release("good");
  two.release("good");
  assertEquals([fresh.pool.size, fresh.dropped], [0, []]);
  const durable = new Rig(COUNTER, { instances: 9, queue: 0 }, "durable");
  durable.take();
  assertThrows(() => durable.pool.acquire(), DriftlessError);
});

Deno.test("a pool that is closed keeps nothing, and refuses who waits and who comes", async () => {
  const rig = new Rig(COUNTER, { instances: 1, queueMs: 60_000 });
  const lease = rig.take();
  const waiting = Promise.resolve(rig.pool.acquire());
  rig.pool.close();
  await assertRejects(() => waiting, DriftlessError, "The server is stopping");
  assertThrows(() => rig.pool.acquire(), DriftlessError, "The server is stopping");
  assertEquals(exchange(lease, "/"), "1");
  lease.release("good");
  assertStrictEquals(rig.pool.size, 0);
});

Deno.test("memory at its cap is kept, and one page more is dropped", () => {
  const page = 64 * 1024;
  for (const [pages, dropped] of [[1, []], [2, []], [3, ["large"]]] as const) {
    const grows = handler({ body: `(drop (memory.grow (i32.const ${pages - 1}))) ${DONE}` });
    const rig = new Rig(grows, { memoryBytes: 2 * page });
    const lease = rig.take();
    lease.instance.run(
      lease.instance.write({ method: "GET", target: "/", headers: "", body: new Uint8Array() }),
    );
    assertStrictEquals(lease.instance.memoryBytes, pages * page);
    lease.release("good");
    assertEquals([rig.dropped, rig.pool.size], [dropped, dropped.length === 0 ? 1 : 0]);
  }
});

Deno.test("_start is called once, before the first request; _initialize where there is none", () => {
  for (const name of ["_start", "_initialize"]) {
    const body = `(i32.store8 (i32.const ${
      HEAP - 8
    }) (i32.add (i32.const 1) (i32.load8_u (i32.const ${HEAP - 8}))))`;
    const instance = new WasmInstance(
      moduleOf(handler({ body: DONE, fields: `(func (export "${name}") ${body})` })),
    );
    assertStrictEquals(instance.memory.bytes[HEAP - 8], 1);
    instance.run(
      instance.write({ method: "GET", target: "/", headers: "", body: new Uint8Array() }),
    );
    assertStrictEquals(instance.memory.bytes[HEAP - 8], 1);
  }
});

Deno.test("thousands of exchanges leave neither memory nor instances behind", () => {
  const rig = new Rig(ECHO, { instances: 4 });
  const body = new Uint8Array(2_000).fill(7);
  let most = 0;
  for (let round = 0; round < EXCHANGES; round++) {
    const lease = rig.take();
    exchange(lease, `/echo/${round}`, body.subarray(0, round % 2_000));
    most = Math.max(most, lease.instance.memoryBytes);
    lease.release("good");
  }
  assertEquals([most, rig.pool.size, rig.dropped], [64 * 1024, 1, []]);
});

Deno.test("a module that leaks is begun anew before it has more than its cap", () => {
  // Takes 16 KiB of its own with each request, and gives nothing back.
  const leaks = handler({ body: `(drop (call $malloc (i32.const 16384))) ${DONE}` });
  const memoryBytes = 8 * 64 * 1024;
  const rig = new Rig(leaks, { memoryBytes });
  let most = 0;
  const rounds = EXCHANGES / 10;
  for (let round = 0; round < rounds; round++) {
    const lease = rig.take();
    lease.instance.run(
      lease.instance.write({ method: "GET", target: "/", headers: "", body: new Uint8Array() }),
    );
    most = Math.max(most, lease.instance.memoryBytes);
    lease.release("good");
  }
  assert(most > memoryBytes && most <= memoryBytes + 2 * 64 * 1024, `${most} bytes`);
  assert(
    rig.dropped.length > rounds / 40 && rig.dropped.length < rounds / 20,
    `${rig.dropped.length}`,
  );
  assert(rig.pool.size <= 1);
});
