/** The hand-written module against its twin, and both as ports of the core, on Deno, Bun, workerd. */
import { assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import type * as ports from "../../core/ports.ts";
import { kernelOf, kernelSync, openKernel } from "../../wasm/kernel.ts";
import type { Difference, Kernel } from "../../wasm/kernel_port.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { runKernelCases } from "./kernel_cases.ts";
import { bunReport, workerdReport } from "./runtimes.ts";

const FOLDER = import.meta.dirname ?? ".";
const ROOT = join(FOLDER, "..", "..");
const WASM = join(ROOT, "wasm");

/** Of the random cases; another one finds other cases. */
const SEED = 20_261_121;
const CASES = 1_000_000;
/** On runtimes other than Deno. */
const CASES_ELSEWHERE = 20_000;

Deno.test("the module agrees with the vectors, and with its twin in a million random cases", () => {
  const kernel = kernelSync();
  assertEquals(kernel.kind, "simd");
  const { cases, problems } = runKernelCases(kernel, plainKernel, { seed: SEED, count: CASES });
  assertEquals(problems, []);
  assertEquals(cases >= CASES, true);
});

Deno.test("the twin agrees with the vectors", () => {
  const { problems } = runKernelCases(plainKernel, kernelSync(), { seed: SEED, count: 0 });
  assertEquals(problems, []);
});

Deno.test("the cases find a kernel that is wrong in one digest, or one word of a sketch", () => {
  const hashing: Kernel = {
    ...plainKernel,
    hashAll(messages, ends, key) {
      const digests = plainKernel.hashAll(messages, ends, key);
      if (ends.length === 17) digests[16 * 32 + 31]! ^= 1;
      return digests;
    },
  };
  const adding: Kernel = {
    ...plainKernel,
    addElements(sketch, elements, sign) {
      plainKernel.addElements(sketch, elements, sign);
      if (elements.length === 8) sketch[sketch.length - 1]! ^= 1;
    },
  };
  for (const broken of [hashing, adding]) {
    const { problems } = runKernelCases(broken, plainKernel, { seed: SEED, count: 20_000 });
    assertEquals(problems.length > 0, true);
  }
});

Deno.test("the module agrees with its twin on Bun", async () => {
  const run = { seed: SEED + 1, count: CASES_ELSEWHERE };
  const { kind, problems } = await bunReport("kernel_bun.ts", run);
  assertEquals({ kind, problems }, { kind: "simd", problems: [] });
});

Deno.test("the module agrees with its twin on workerd", async () => {
  const run = { seed: SEED + 2, count: CASES_ELSEWHERE };
  const { kind, problems } = await workerdReport("kernel_worker.ts", "kernel.wasm", run);
  assertEquals({ kind, problems }, { kind: "simd", problems: [] });
});

Deno.test("the kernel is the same one for everybody, and the twin where nothing compiles", async () => {
  assertEquals(kernelSync(), kernelSync());
  assertEquals(await openKernel(), kernelSync());
  const module = new WebAssembly.Module(await Deno.readFile(join(WASM, "kernel.wasm")));
  assertEquals(kernelOf(module).kind, "simd");
  const script = `
    WebAssembly.compile = () => Promise.reject(new WebAssembly.CompileError("refused"));
    WebAssembly.Module = class { constructor() { throw new WebAssembly.CompileError("refused"); } };
    const { kernelSync, openKernel } = await import("../../wasm/kernel.ts");
    console.log(kernelSync().kind, (await openKernel()).kind);`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", script.replaceAll("../..", `file://${ROOT}`)],
    stdin: "null",
  }).output();
  assertEquals(new TextDecoder().decode(stdout).trim(), "plain plain");
});

Deno.test("kernelOf refuses a module that is not the kernel", () => {
  const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  assertThrows(() => kernelOf(empty), TypeError, "Cannot use the module: it is not the kernel");
});

Deno.test("the kernel of this room is the port of the core, and the other way round", () => {
  const asPort: (kernel: Kernel) => ports.Kernel = (kernel) => kernel;
  const fromPort: (kernel: ports.Kernel) => Kernel = (kernel) => kernel;
  const asDifference: (it: Difference) => ports.Difference = (it) => it;
  const fromDifference: (it: ports.Difference) => Difference = (it) => it;
  assertEquals(fromPort(asPort(plainKernel)), plainKernel);
  const difference = { plus: new Uint8Array(8), minus: new Uint8Array() };
  assertEquals(fromDifference(asDifference(difference)), difference);
});
