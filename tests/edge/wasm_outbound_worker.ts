/** The cases of wasm_outbound_cases.ts in a Worker: answers with the report. */
import { workersKv, type WorkersKvNamespace } from "../../edge/wasm/bindings.ts";
import { type FetchModules, runStoreCase } from "./wasm_fetch_cases.ts";
import { runOutboundCases } from "./wasm_outbound_cases.ts";

/** The report, from modules that workerd has compiled; a store of Workers KV is one more case. */
export async function answer(
  modules: FetchModules,
  origin: string,
  namespace: WorkersKvNamespace,
): Promise<Response> {
  await runStoreCase(modules, workersKv(namespace));
  return Response.json(await runOutboundCases(modules, origin));
}
