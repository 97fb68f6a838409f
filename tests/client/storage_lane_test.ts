/** The lane in front of storage: order, groups, one write at a time, and failures that stop nothing. */
import { assert, assertEquals } from "@std/assert";
import { DriftlessError } from "../../core/errors.ts";
import { StorageLane } from "../../ui/client/storage_lanes.ts";

interface Write {
  readonly steps: readonly number[];
  resolve(): void;
  reject(reason: unknown): void;
}

/** A lane whose writes end when the test says so. */
class SlowLane {
  readonly writes: Write[] = [];
  readonly done: { steps: readonly number[]; error: DriftlessError | null }[] = [];
  readonly lane: StorageLane<number>;
  running = 0;
  mostRunning = 0;

  constructor() {
    this.lane = new StorageLane(
      async (steps) => {
        this.mostRunning = Math.max(this.mostRunning, ++this.running);
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.writes.push({ steps, resolve, reject });
        await promise.finally(() => this.running--);
      },
      (steps, error) => void this.done.push({ steps, error }),
    );
  }
}

/** Lets everything run that waits for nothing but its turn. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("steps of one turn are one write, in their order", async () => {
  const { lane, writes, done } = new SlowLane();
  for (const step of [1, 2, 3]) lane.add(step);
  assertEquals(writes, []);
  await turn();
  assertEquals(writes.map(({ steps }) => steps), [[1, 2, 3]]);
  assertEquals(done, []);
  writes[0]?.resolve();
  await turn();
  assertEquals(done, [{ steps: [1, 2, 3], error: null }]);
});

Deno.test("steps that come during a write wait and go together", async () => {
  const slow = new SlowLane();
  const { lane, writes, done } = slow;
  lane.add(1);
  await turn();
  lane.add(2);
  await turn();
  lane.add(3);
  await turn();
  assertEquals(writes.map(({ steps }) => steps), [[1]]);
  writes[0]?.resolve();
  await turn();
  assertEquals(writes.map(({ steps }) => steps), [[1], [2, 3]]);
  writes[1]?.resolve();
  await lane.idle();
  assertEquals(done.map(({ steps }) => steps), [[1], [2, 3]]);
  assertEquals(slow.mostRunning, 1);
});

Deno.test("a failure is reported for its group, and the next group is written", async () => {
  const { lane, writes, done } = new SlowLane();
  const full = new DriftlessError("store_failed", "The disk is full");
  lane.add(1);
  lane.add(2);
  await turn();
  lane.add(3);
  writes[0]?.reject(full);
  await turn();
  writes[1]?.resolve();
  await lane.idle();
  assertEquals(done, [{ steps: [1, 2], error: full }, { steps: [3], error: null }]);
});

Deno.test("whatever storage throws is reported as store_failed", async () => {
  for (const thrown of [new RangeError("odd"), "a text", undefined]) {
    const { lane, writes, done } = new SlowLane();
    lane.add(1);
    await turn();
    writes[0]?.reject(thrown);
    await lane.idle();
    const error = done[0]?.error;
    assert(error instanceof DriftlessError);
    assertEquals(error.code, "store_failed");
    assertEquals(error.cause, thrown);
  }
});

Deno.test("a save that throws at once is reported like one that rejects", async () => {
  const errors: unknown[] = [];
  const lane = new StorageLane<number>(
    () => {
      throw new DriftlessError("store_failed", "No storage");
    },
    (_steps, error) => void errors.push(error?.message),
  );
  lane.add(1);
  await lane.idle();
  lane.add(2);
  await lane.idle();
  assertEquals(errors, ["No storage", "No storage"]);
});

Deno.test("idle waits for what is added while it waits, and not at all when nothing is", async () => {
  const { lane, writes, done } = new SlowLane();
  await lane.idle();
  lane.add(1);
  const idle = lane.idle().then(() => done.length);
  await turn();
  lane.add(2);
  writes[0]?.resolve();
  await turn();
  writes[1]?.resolve();
  assertEquals(await idle, 2);
});

Deno.test("a step that is added when its predecessor is reported is written", async () => {
  const written: number[] = [];
  const lane: StorageLane<number> = new StorageLane(
    (steps) => {
      written.push(...steps);
      return Promise.resolve();
    },
    (steps) => {
      if (steps.includes(1)) lane.add(2);
    },
  );
  lane.add(1);
  await lane.idle();
  assertEquals(written, [1, 2]);
});
