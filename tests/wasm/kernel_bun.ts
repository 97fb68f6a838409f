/** The cases of kernel_cases.ts on Bun: prints the report as JSON. */
import process from "node:process";
import { kernelSync } from "../../wasm/kernel.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { runKernelCases } from "./kernel_cases.ts";

const [seed, count] = process.argv.slice(2).map(Number) as [number, number];
const kernel = kernelSync();
console.log(
  JSON.stringify({ kind: kernel.kind, ...runKernelCases(kernel, plainKernel, { seed, count }) }),
);
