/** The cases of kernel_cases.ts in a page: what the test calls. */
import { openKernel } from "../../wasm/kernel.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { type CasesReport, runKernelCases } from "../wasm/kernel_cases.ts";

declare global {
  /** Which kernel the page gets, and how it does. */
  var kernelReport: (seed: number, count: number) => Promise<CasesReport & { kind: string }>;
}

globalThis.kernelReport = async (seed, count) => {
  const kernel = await openKernel();
  return { kind: kernel.kind, ...runKernelCases(kernel, plainKernel, { seed, count }) };
};
