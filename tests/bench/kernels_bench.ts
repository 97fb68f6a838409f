/**
 * What the hand-written module costs, beside other hashes in the same process.
 *
 *     deno task bench kernels
 *
 * The rounds alternate, so that a busy machine slows all of them; each figure is the median of its
 * rounds, and a ratio is how many times longer the other one takes. Our hashes include copying the
 * messages in and the digests out; sketches include it as well.
 */
import { hash as nodeHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { blake3 as nobleBlake3 } from "@noble/hashes/blake3.js";
import { createBLAKE3 } from "hash-wasm";
import { kernelSync } from "../../wasm/kernel.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";

/** One thing that is measured. */
interface Measured {
  readonly name: string;
  /** Runs it so often. */
  readonly run: (times: number) => void;
}

const ROUNDS = 21;
/** How long a round of one thing takes, in milliseconds. */
const ROUND_MS = 8;
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
  const figures = mediansNs([
    {
      name: batch > 1 ? `module, ${batch} at a time` : "module",
      run: (times) => {
        for (let left = times; left > 0; left -= batch) kernel.hashAll(messages, ends);
      },
    },
    { name: "module, one at a time", run: repeated(() => kernel.hashAll(message, end)) },
    { name: "node:crypto SHA-256", run: repeated(() => nodeHash("sha256", message, "buffer")) },
    { name: "@noble/hashes BLAKE3", run: repeated(() => nobleBlake3(message)) },
    {
      name: "hash-wasm BLAKE3",
      run: repeated(() => wasmBlake3.init().update(message).digest("binary")),
    },
    { name: "twin", run: repeated(() => plainKernel.hashAll(message, end)) },
  ], batch);
  console.log(`hash of ${length} B`.padEnd(28), "ns each".padStart(12), "ratio".padStart(9));
  printFigures(figures);
}

function printSketches(): void {
  const figures = [16, 32].flatMap((words) => {
    const sketch = new Uint8Array(words * 8);
    const elements = elementsOf(BATCH, 1);
    return mediansNs([{
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
    ...mediansNs([
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
  console.log("sketch".padEnd(28), "ns each".padStart(12));
  for (const { name, ns } of figures) console.log(name.padEnd(28), text(ns));
}

/** The ratios are to the first. */
function printFigures(figures: readonly { readonly name: string; readonly ns: number }[]): void {
  const ours = figures[0]?.ns ?? NaN;
  for (const { name, ns } of figures) {
    console.log(name.padEnd(28), text(ns), (ns / ours).toFixed(1).padStart(9));
  }
  console.log();
}

function text(ns: number): string {
  return (ns < 1000 ? ns.toFixed(1) : String(Math.round(ns))).padStart(12);
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
function mediansNs(
  measured: readonly Measured[],
  step: number,
): readonly { readonly name: string; readonly ns: number }[] {
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
  return measured.map(({ name }, index) => ({ name, ns: median(rounds[index] ?? []) }));
}

function median(figures: readonly number[]): number {
  return [...figures].sort((a, b) => a - b)[figures.length >> 1] ?? NaN;
}
