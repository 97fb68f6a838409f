/** The whole of a worker. */
import { createWorker } from "@driftless/driftless/workers";
import app from "./app.ts";
// @ts-ignore: whoever bundles for Workers gives it as a compiled module.
import kernel from "./kernel.wasm";

const worker = createWorker(app, { kernel });

export default { fetch: worker.fetch };
export const ScopeObject = worker.ScopeObject;
