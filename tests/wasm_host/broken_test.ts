/** Modules that are broken or hostile: each costs its own request, and the host serves on. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { withLimits } from "../../wasm/fuel.ts";
import { BROKEN_LIMITS, runBrokenCases } from "./broken/broken_cases.ts";
import { assembled, SHAPES } from "./broken/shapes.ts";
import type { Outcome } from "./duty_world.ts";
import { mountedHost } from "./mounted_host.ts";
import { BROKEN, bunReport, workerdReport } from "./runtimes.ts";

const PAGE_BYTES = 65_536;

function assertAllWell(outcomes: readonly Outcome[]): void {
  assert(outcomes.length > 100);
  assertEquals(outcomes.filter(({ problem }) => problem !== null), []);
}

for (const mode of ["pool", "instance", "durable"] as const) {
  Deno.test(`a module that is broken costs its own request, as ${mode}`, async () => {
    assertAllWell(await runBrokenCases(await Deno.readFile(BROKEN), mode));
  });
}

Deno.test("a module that is broken costs its own request on Bun", async () => {
  assertAllWell(await bunReport("broken"));
});

Deno.test("a module that is broken costs its own request on workerd", async () => {
  const limited = withLimits(await Deno.readFile(BROKEN), {
    memoryPages: BROKEN_LIMITS.memoryBytes / PAGE_BYTES,
    fuel: BigInt(BROKEN_LIMITS.fuel),
  });
  assertAllWell(await workerdReport("broken", limited));
});

Deno.test("a module of a wrong shape is refused when it is mounted, or costs its requests", async () => {
  const good = { module: assembled(SHAPES[0]?.text ?? "") };
  for (const { title, text, ends } of SHAPES) {
    const bad = { module: assembled(text), options: { limits: BROKEN_LIMITS } };
    if (typeof ends === "string") {
      assertThrows(() => mountedHost({ "/good": good, "/bad": bad }), TypeError, ends, title);
      continue;
    }
    const host = mountedHost({ "/good": good, "/bad": bad });
    for (const body of ["", "a".repeat(20_000), "a".repeat(40_000), ""]) {
      const status = (await host.ask("/bad", { method: "POST", body })).status;
      assert(ends.includes(status), `${title}: ${status} ${host.failures.at(-1)}`);
      assertEquals(await host.tell("/good"), "200 fine", title);
    }
    host.close();
  }
});

Deno.test("bytes that are no module are refused when they are mounted, and the mount is named", () => {
  const whole = assembled(SHAPES[0]?.text ?? "");
  const wrong = [new Uint8Array(), whole.slice(0, 40), Uint8Array.of(...whole, 1), whole.slice(8)];
  for (const module of wrong) {
    assertThrows(() => mountedHost({ "/bad": { module } }), TypeError, "/bad");
  }
});

Deno.test("each request has the whole of its fuel, and not one unit more", async () => {
  const module = await Deno.readFile(BROKEN);
  const mounted = (fuel: number) =>
    mountedHost({ "/broken": { module, options: { mode: "durable", limits: { fuel } } } });
  const statusWith = async (fuel: number) => {
    const host = mounted(fuel);
    const { status } = await host.ask("/broken/headers?bytes=9000");
    host.close();
    return status;
  };
  let [tooLittle, enough] = [0, 50_000_000];
  while (enough - tooLittle > 1) {
    const fuel = Math.floor((tooLittle + enough) / 2);
    if (await statusWith(fuel) === 200) enough = fuel;
    else tooLittle = fuel;
  }
  assert(enough > 9_000 && enough < 50_000_000);
  assertEquals([await statusWith(enough - 1), await statusWith(enough)], [504, 200]);
  // In the same instance: what one request has used is not missing to the next.
  const host = mounted(enough);
  for (let round = 0; round < 5; round++) {
    assertEquals((await host.ask("/broken/headers?bytes=9000")).status, 200);
  }
  host.close();
});

Deno.test("the refusal of a module that never ends is quick", async () => {
  const host = mountedHost({
    "/broken": { module: await Deno.readFile(BROKEN), options: { limits: BROKEN_LIMITS } },
  });
  for (const path of ["spin", "recurse", "trap", "wild", "forever"]) {
    const start = performance.now();
    const { status } = await host.ask(`/broken/${path}`);
    const elapsedMs = performance.now() - start;
    console.log(`${path}: status ${status} after ${elapsedMs.toFixed(1)} ms`);
    assert(status >= 500);
  }
  host.close();
});
