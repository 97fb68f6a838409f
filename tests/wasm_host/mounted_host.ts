/** A whole handler with modules mounted, as the cases of every runtime see it. */
import { defineApp } from "../../core/app.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { WasmMount, WasmMountOptions } from "../../core/wasm_mount.ts";
import { openToAll } from "../../edge/admission.ts";
import { createHandler, type Handler } from "../../edge/handler.ts";
import type { Log } from "../../edge/log.ts";

/** Where modules are mounted, and what they are. */
export type Mounts = Readonly<
  Record<string, { readonly module: WasmMount["module"]; readonly options?: WasmMountOptions }>
>;

/** A handler, and what it wrote to its log. */
export interface MountedHost {
  readonly handler: Handler;
  /** One for each failure that the log was told of. */
  readonly failures: string[];
  /** Asks for a path. Whatever the handler throws, it throws as well. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  /** As text, with the status in front: `200 hello`. */
  tell(path: string, init?: RequestInit): Promise<string>;
  close(): void;
}

/** Mounts modules in an app that has nothing else. */
export function mountedHost(mounts: Mounts): MountedHost {
  const app = defineApp({ name: "mounted", collections: {} });
  for (const [path, { module, options }] of Object.entries(mounts)) {
    app.wasm(path, module, options);
  }
  const failures: string[] = [];
  const log: Log = {
    error: (_, fields = {}) => void failures.push(`${fields["error"]}`),
    info: () => {},
    debug: () => {},
  };
  const handler = createHandler(app, {
    store: new MemoryStore("epoch-1"),
    log,
    version: "1.0.0",
    origins: [],
    hosts: [],
    open: true,
    authenticate: openToAll,
    timers: false,
  });
  const ask = async (path: string, init?: RequestInit) =>
    await handler.fetch(new Request(`http://localhost${path}`, init));
  return {
    handler,
    failures,
    ask,
    async tell(path, init) {
      const response = await ask(path, init);
      return `${response.status} ${await response.text()}`;
    },
    close: () => handler.close(),
  };
}
