import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { PendingQueue } from "../../core/queue.ts";
import { TREELESS } from "./options.ts";
import { type Probe, PROBES } from "./probes.ts";
import { reportOf } from "./report.ts";
import { readCases } from "./shrink.ts";
import { type SimResult, simulate } from "./simulation.ts";

const SEEDS = 280;
const SEEDS_TWICE = 20;
const SEEDS_CLOCKS = 15;
/** Seeds until the canary has to be dead. */
const SEEDS_CANARY = 50;
const DAY_MS = 24 * 60 * 60 * 1000;

function assertKept(result: SimResult, name?: string): void {
  assertEquals(result.failure, null, reportOf(result, name));
}

Deno.test("the failures of the past stay mended", async () => {
  const cases = await readCases();
  for (const { name, options } of cases) assertKept(simulate(options.seed, options), name);
  assertNotEquals(cases.length, 0);
});

Deno.test("every promise of the sheet is kept in worlds full of faults [S1-S7, S10-S14, S19, S20, L1]", () => {
  let decisions = 0;
  const reached = new Set<Probe>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = simulate(seed);
    assertKept(result);
    decisions += result.decisions;
    for (const probe of result.probes.keys()) reached.add(probe);
  }
  // Worlds in which nothing happens keep every promise as well.
  assert(decisions > 50 * SEEDS, `only ${decisions} mutations were decided`);
  assertEquals(PROBES.filter((probe) => !reached.has(probe)), [], "what never came about");
});

Deno.test("a seed comes out the same every time, and no two come out alike", () => {
  const hashes = new Set<string>();
  for (let seed = 1; seed <= SEEDS_TWICE; seed++) {
    const first = simulate(seed);
    const second = simulate(seed);
    assertEquals([second.hash, second.events, second.state], [
      first.hash,
      first.events,
      first.state,
    ]);
    hashes.add(first.hash);
  }
  assertEquals(hashes.size, SEEDS_TWICE);
});

Deno.test("clocks that are days off change nothing but times [S13]", () => {
  for (let seed = 1; seed <= SEEDS_CLOCKS; seed++) {
    // The built-in mutators merge by time, so they are the one thing that clocks may decide. How long
    // an exchange takes hangs on hashes of ids, in which there are times.
    const world = { notes: false, clockJumpMeanMs: 2_000, ...TREELESS };
    const right = simulate(seed, { ...world, skewMs: 0 });
    const wrong = simulate(seed, { ...world, skewMs: 3 * DAY_MS });
    assertKept(right);
    assertKept(wrong);
    assertEquals(wrong.state, right.state, `seed ${seed}`);
    assertNotEquals(right.decisions, 0);
  }
});

Deno.test("an engine that forgets what was not answered is found out, and the report says how", () => {
  const { requeue } = PendingQueue.prototype;
  PendingQueue.prototype.requeue = () => {};
  try {
    let found: SimResult | undefined;
    for (let seed = 1; seed <= SEEDS_CANARY && found === undefined; seed++) {
      const result = simulate(seed);
      if (result.failure !== null) found = result;
    }
    assert(found !== undefined, "the canary is alive");
    const report = reportOf(found);
    assertStringIncludes(report, `deno task sim --seed ${found.options.seed}`);
    assertStringIncludes(report, `"transports":`);
    assertStringIncludes(report, found.tail.at(-1) ?? "no event");
    assertEquals(found.tail.length, 100);
  } finally {
    PendingQueue.prototype.requeue = requeue;
  }
});
