/** The worker under test in workerd, and what tests ask of it. */
import { basename, join } from "node:path";
import { type Client, type ClientOptions, createClient } from "../../ui/client/create_client.ts";
import type { AnyApp } from "../../core/app.ts";
import { issueToken } from "../../edge/identity.ts";
import { LivePeer } from "../edge/live_peer.ts";
import { served } from "./served_app.ts";
import { bundleWorker, startWorkerd, type Workerd } from "./workerd_stage.ts";

const ROOT = join(import.meta.dirname ?? ".", "..", "..");
const ENTRY = `
import kernel from "./kernel.wasm";
import stats from "./stats.wasm";
import duties from "./duties.wasm";
import { workerUnderTest } from "./worker.js";
const { ScopeObject, entry } = workerUnderTest({ kernel, stats, duties });
export { ScopeObject };
export default entry;`;
/** Signs the tokens of callers. */
export const SECRET = "0123456789abcdef0123456789abcdef";

/** What an object tells of itself. */
export interface Probe {
  readonly incarnation: string;
  readonly sockets: number;
  readonly alarm: number | null;
  readonly cursor?: number;
  readonly floor?: number;
}

/** A worker that runs, and a caller named Anna. */
export interface WorkerStage extends AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  readonly token: string;
  readonly headers: Readonly<Record<string, string>>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  probe(scope: string, action?: "age" | "ring"): Promise<Probe>;
  client(options: ClientOptions): Client<AnyApp>;
  /** A live connection with a ticket for a scope. */
  open(scope: string): Promise<LivePeer>;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** Starts it, on storage of its own. */
export async function stageWorker(): Promise<WorkerStage> {
  const folder = await Deno.makeTempDir({ prefix: "driftless-workers-" });
  const source = join(import.meta.dirname ?? ".", "served_worker.ts");
  await bundleWorker(source, folder, "worker.js");
  await Deno.writeTextFile(join(folder, "entry.js"), ENTRY);
  for (const module of ["wasm/handlers/stats.wasm", "tests/wasm_host/duties.wasm"]) {
    await Deno.copyFile(join(ROOT, module), join(folder, basename(module)));
  }
  const start = () => startWorkerd({ folder, bindings: { DRIFTLESS_SECRET: SECRET } });
  let workerd: Workerd = await start();
  const token = await issueToken("anna", 3_600, SECRET);
  const headers = { authorization: `Bearer ${token}` };
  const post: WorkerStage["post"] = (path, body, more = headers) =>
    fetch(workerd.url + path, { method: "POST", body: JSON.stringify(body), headers: more });
  return {
    folder,
    token,
    headers,
    get url() {
      return workerd.url;
    },
    post,
    async probe(scope, action) {
      const query = new URLSearchParams({ scope, ...(action === undefined ? {} : { do: action }) });
      return await (await fetch(`${workerd.url}/_probe?${query}`)).json();
    },
    client: (options) =>
      createClient(served, { url: workerd.url, token, persistence: "memory", ...options }),
    async open(scope) {
      const { ticket } = await (await post("/_live/ticket", { scope })).json();
      const url = `${workerd.url.replace("http", "ws")}/_live?ticket=${ticket}`;
      return await LivePeer.connect(url);
    },
    kill: () => workerd.kill(),
    async restart() {
      workerd = await start();
    },
    async [Symbol.asyncDispose]() {
      await workerd[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A mutation that makes a note. */
export function creation(id: string, scope: string, more: Record<string, unknown> = {}): unknown {
  return { id: `m-${id}`, name: "note.create", scope, args: { id, data: { text: id } }, ...more };
}

/** Waits for a condition, for longer than any machine should take. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  msMax = 30_000,
): Promise<void> {
  const end = performance.now() + msMax;
  while (!await isTrue()) {
    if (performance.now() > end) throw new Error(`Nothing came of ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
