/**
 * What the hand-written module costs, beside other hashes in the same process.
 *
 *     deno task bench kernels
 *
 * The rounds alternate, so that a busy machine slows all of them. Each figure is the median of its
 * rounds, with the best one beside it; a ratio is of medians, how many times longer the other one
 * takes. Ours include copying in and out.
 */
import { hash as nodeHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { blake3 as nobleBlake3 } from "@noble/hashes/blake3.js";
import { createBLAKE3 } from "hash-wasm";
import { kernelSync } from "../../wasm/kernel.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";

/** What came out, in nanoseconds. */
interface Figure {
  readonly name: string;
  readonly median: number;
  readonly best: number;
}

/** One thing that is measured. */
interface Measured {
  readonly name: string;
  /** Runs it so often. */
  readonly run: (times: number) => void;
}

const ROUNDS = 75;
/** How long a round of one thing takes, in milliseconds: too short to be interrupted often. */
const ROUND_MS = 2;
/** Messages that are hashed in one call of ours. */
const BATCH = 1_000;

const kernel = kernelSync();
const wasmBlake3 = await createBLAKE3();

console.log(`BLAKE3 and sketches, median of ${ROUNDS} rounds; ${kernel.kind}`);
const { size } = await stat(new URL("../../wasm/kernel.wasm", import.meta.url));
console.log(`the module has ${size} bytes\n`);
for (const length of [40, 100, 1024, 1024 * 1024]) printHashes(length);
printSketches();

/** Each message by itself where the other library has nothing for many. */
function printHashes(length: number): void {
  const batch = length > 1024 ? 1 : BATCH;
  const messages = new Uint8Array(batch * length).map((_, at) => at * 7);
  const ends = Uint32Array.from({ length: batch }, (_, index) => (index + 1) * length);
  const message = messages.subarray(0, length);
  const end = Uint32Array.of(length);
  const repeated = (run: () => unknown) => (times: number) => {
    for (let left = times; left > 0; left--) run();
  };
  const batched: Measured = {
    name: `module, ${batch} at a time`,
    run: (times) => {
      for (let left = times; left > 0; left -= batch) kernel.hashAll(messages, ends);
    },
  };
  const figures = measure([
    ...(batch > 1 ? [batched] : []),
    { name: "module, one at a time", run: repeated(() => kernel.hashAll(message, end)) },
    { name: "node:crypto SHA-256", run: repeated(() => nodeHash("sha256", message, "buffer")) },
    { name: "@noble/hashes BLAKE3", run: repeated(() => nobleBlake3(message)) },
    {
      name: "hash-wasm BLAKE3",
      run: repeated(() => wasmBlake3.init().update(message).digest("binary")),
    },
    { name: "twin", run: repeated(() => plainKernel.hashAll(message, end)) },
  ], batch);
  printFigures(`hash of ${length} B`, figures);
}

function printSketches(): void {
  const figures = [16, 32].flatMap((words) => {
    const sketch = new Uint8Array(words * 8);
    const elements = elementsOf(BATCH, 1);
    return measure([{
      name: `add to ${words} words`,
      run: (times) => {
        for (let left = times; left > 0; left -= BATCH) kernel.addElements(sketch, elements, 1);
      },
    }], BATCH);
  });
  const sketch = new Uint8Array(32 * 8);
  const other = new Uint8Array(32 * 8);
  plainKernel.addElements(sketch, elementsOf(10, 2), 1);
  plainKernel.addElements(sketch, elementsOf(10, 3), -1);
  if (kernel.decode(sketch, 0)?.plus.length !== 80) throw new Error("Cannot decode the sketch");
  const overfull = new Uint8Array(32 * 8);
  plainKernel.addElements(overfull, elementsOf(100, 4), 1);
  figures.push(
    ...measure([
      {
        name: "add a sketch of 32 words",
        run: (times) => {
          for (let left = times; left > 0; left--) kernel.addSketch(other, sketch, 1);
        },
      },
      {
        name: "decode 10 and 10, 32 words",
        run: (times) => {
          for (let left = times; left > 0; left--) kernel.decode(sketch, 0);
        },
      },
      {
        name: "refuse 100, 32 words",
        run: (times) => {
          for (let left = times; left > 0; left--) kernel.decode(overfull, 0);
        },
      },
    ], 1),
  );
  printFigures("sketch", figures, false);
}

/** The ratios are to the first. */
function printFigures(title: string, figures: readonly Figure[], hasRatios = true): void {
  const ours = figures[0]?.median ?? NaN;
  const line = (...cells: string[]) => console.log(...cells.map((cell) => cell.padStart(11)));
  line(title.padEnd(28), "median ns", "best ns", ...(hasRatios ? ["ratio"] : []));
  for (const { name, median, best } of figures) {
    const ratio = hasRatios ? [(median / ours).toFixed(1)] : [];
    line(name.padEnd(28), text(median), text(best), ...ratio);
  }
  console.log();
}

function text(ns: number): string {
  return ns < 1000 ? ns.toFixed(1) : String(Math.round(ns));
}

/** Different for each `seed`. */
function elementsOf(count: number, seed: number): Uint8Array {
  const numbers = Uint32Array.from({ length: count * 2 }, (_, at) => at);
  const ends = Uint32Array.from({ length: count }, (_, at) => (at + 1) * 8);
  const key = new Uint8Array(32).fill(seed);
  const digests = plainKernel.hashAll(new Uint8Array(numbers.buffer), ends, key);
  const elements = new Uint8Array(count * 8);
  for (let at = 0; at < count; at++) {
    // Seven bytes are always below the prime.
    elements.set(digests.subarray(at * 32, at * 32 + 7), at * 8);
  }
  return elements;
}

/** In the order given. Everything runs once beforehand, long enough to be compiled for good. */
function measure(measured: readonly Measured[], step: number): readonly Figure[] {
  const times = measured.map(({ run }) => {
    let count = step;
    for (;;) {
      const start = performance.now();
      run(count);
      if (performance.now() - start > ROUND_MS) return count;
      count *= 2;
    }
  });
  const rounds = measured.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { run }] of measured.entries()) {
      const count = times[index] ?? step;
      const start = performance.now();
      run(count);
      rounds[index]?.push((performance.now() - start) * 1e6 / count);
    }
  }
  return measured.map(({ name }, index) => {
    const figures = (rounds[index] ?? []).sort((a, b) => a - b);
    return { name, median: figures[figures.length >> 1] ?? NaN, best: figures[0] ?? NaN };
  });
}
