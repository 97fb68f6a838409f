/**
 * A worker under test, with a door of its own into each object: `/_probe?scope=S&do=…` tells which
 * incarnation answers, and does what no caller may.
 */
import type { ObjectNamespace, ObjectState } from "../../edge/workers/object_types.ts";
import { createLog, createWorker, type WorkerEnv } from "../../edge/workers.ts";
import { served } from "./served_app.ts";

const PAGE = `<!doctype html><title>Notes</title><div g-island="counter"></div>`;
const PROBE_HEADER = "x-probe";

/** Modules as the platform has compiled them. */
export interface Compiled {
  readonly kernel: WebAssembly.Module;
  readonly stats: WebAssembly.Module;
  readonly duties: WebAssembly.Module;
}

/** The worker, with modules behind `/stats` and, one that keeps count, behind `/durable`. */
export function workerUnderTest({ kernel, stats, duties }: Compiled): {
  readonly ScopeObject: new (state: ObjectState, env: WorkerEnv) => object;
  readonly entry: { fetch(request: Request, env: WorkerEnv): Promise<Response> };
} {
  served.wasm("/stats", stats).wasm("/durable", duties, { mode: "durable" });
  const worker = createWorker(served, {
    kernel,
    log: createLog("error"),
    origins: ["https://pages.example"],
    assets: {
      "/": { type: "text/html", body: PAGE, etag: `"page"` },
      "/plain.txt": { type: "text/plain", body: "Plain ".repeat(200), etag: `"plain"` },
    },
  });

  class ScopeObject extends worker.ScopeObject {
    readonly #state: ObjectState;
    #incarnation = "";

    constructor(state: ObjectState, env: WorkerEnv) {
      super(state, env);
      this.#state = state;
    }

    override async fetch(request: Request): Promise<Response> {
      if (!request.headers.has(PROBE_HEADER)) return await super.fetch(request);
      const { storage } = this.#state;
      const action = new URL(request.url).searchParams.get("do");
      if (action === "age") storage.sql.exec("UPDATE changes SET time = 1");
      if (action === "ring") await storage.setAlarm(Date.now());
      this.#incarnation ||= crypto.randomUUID();
      const [log] = storage.sql.exec("SELECT cursor, floor FROM scopes").toArray();
      const sockets = this.#state.getWebSockets().length;
      const alarm = await storage.getAlarm();
      return Response.json({ incarnation: this.#incarnation, sockets, alarm, ...log });
    }
  }

  const fetch = async (request: Request, env: WorkerEnv) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/_probe") return await worker.fetch(request, env);
    const objects = env["SCOPES"] as ObjectNamespace;
    const stub = objects.get(objects.idFromName(searchParams.get("scope") ?? "") as never);
    return await stub.fetch(new Request(request, { headers: { [PROBE_HEADER]: "1" } }));
  };
  return { ScopeObject, entry: { fetch } };
}
