/** What Workers would run. */
import { createWorker } from "@driftless/driftless/workers";
import app from "./app.ts";
import { mount } from "./mounts.ts";
// @ts-ignore: `driftless embed` writes it.
import { assets, templates } from "./embedded.ts";
// @ts-ignore: whoever bundles for Workers gives it as a compiled module.
import kernel from "./kernel.wasm";
// @ts-ignore: as above.
import stats from "./stats.wasm";
// @ts-ignore: as above.
import duties from "./duties.wasm";

const worker = createWorker(mount(app, stats, duties), { kernel, assets, templates });

export default { fetch: worker.fetch };
export const ScopeObject = worker.ScopeObject;
