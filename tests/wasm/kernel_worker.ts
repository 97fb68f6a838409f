/** The cases of kernel_cases.ts in a Worker: answers with the report. */
import { kernelOf } from "../../wasm/kernel.ts";
import { plainKernel } from "../../wasm/plain_kernel.ts";
import { runKernelCases } from "./kernel_cases.ts";

/** The answer to `/?seed=…&count=…`, from the module that workerd has compiled. */
export function answer(request: Request, module: WebAssembly.Module): Response {
  const { searchParams } = new URL(request.url);
  const kernel = kernelOf(module);
  const report = runKernelCases(kernel, plainKernel, {
    seed: Number(searchParams.get("seed")),
    count: Number(searchParams.get("count")),
  });
  return Response.json({ kind: kernel.kind, ...report });
}
