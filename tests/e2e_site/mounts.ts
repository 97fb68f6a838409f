/** The modules of the site, and what each may do. */
import type site from "./app.ts";

/** A module, compiled or not. */
type Module = WebAssembly.Module | Uint8Array<ArrayBuffer>;

/** Mounts the modules: of a pool, anew for each request, with no way out, and with state. */
export function mount(app: typeof site, stats: Module, duties: Module): typeof site {
  // The one machine that is there in every test, which no module reaches by default.
  const fetch = { allow: ["127.0.0.1:*"], privateAddresses: true };
  return app
    .wasm("/stats", stats)
    .wasm("/once", duties, { mode: "instance", bindings: { fetch } })
    .wasm("/closed", duties)
    .wasm("/durable", duties, { mode: "durable" });
}
