/** What the cases of a host's duties run in: mounts of one module, and the servers that it asks. */
import { memoryKv } from "../../edge/wasm/bindings.ts";
import { type MountedHost, mountedHost } from "./mounted_host.ts";

/** A request that left the host. */
export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** A host, and what left it. */
export interface DutyWorld extends MountedHost {
  readonly sent: Sent[];
}

/** One duty: throws when the host does not do it. */
export interface DutyCase {
  /** Begins with the row of the duty. */
  readonly title: string;
  run(world: DutyWorld): Promise<void>;
}

/** What became of a case. */
export interface Outcome {
  readonly title: string;
  /** `null` when all is well. */
  readonly problem: string | null;
}

/** How long the slow server takes, in milliseconds: long enough for another request to come between. */
const SLOW_MS = 5;

/**
 * A host with the module of duties at `/duties` (a pool), `/fresh` (an instance a request), `/durable`
 * (one for all), and `/alone` (nothing bound).
 */
export function dutyWorld(module: WebAssembly.Module | Uint8Array): DutyWorld {
  const sent: Sent[] = [];
  const bindings = {
    kv: memoryKv(),
    fetch: {
      allow: ["api.test"],
      fetch: (url: string, init: RequestInit) => answered(url, init, sent),
    },
  };
  const host = mountedHost({
    "/duties": { module, options: { bindings } },
    "/fresh": { module, options: { bindings, mode: "instance" } },
    "/durable": { module, options: { bindings, mode: "durable" } },
    "/alone": { module },
  });
  return { ...host, sent };
}

/** Runs every case in a world of its own. */
export async function runDutyCases(
  cases: readonly DutyCase[],
  module: WebAssembly.Module | Uint8Array,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { title, run } of cases) {
    const world = dutyWorld(module);
    try {
      await run(world);
      outcomes.push({ title, problem: null });
    } catch (error) {
      outcomes.push({ title, problem: `${error} ${world.failures}` });
    } finally {
      world.close();
    }
  }
  return outcomes;
}

/** The cases run where no library for assertions is. */
export function same(actual: unknown, wanted: unknown): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`${one} is not ${other}`);
}

/** Bytes as text that shows each of them. */
export async function hexOf(response: Response): Promise<string> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The server at `api.test`. */
async function answered(url: string, init: RequestInit, sent: Sent[]): Promise<Response> {
  const request = new Request(url, init);
  const bytes = new Uint8Array(await request.arrayBuffer());
  const { pathname, search } = new URL(url);
  const body = new TextDecoder().decode(bytes);
  sent.push({ method: request.method, url, headers: request.headers, body });
  if (pathname === "/gone") throw new TypeError("Cannot connect");
  if (pathname === "/slow") await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  if (pathname === "/mirror") return new Response(bytes, { status: 201 });
  const status = pathname === "/broken" ? 500 : 200;
  const type = pathname === "/json" ? "application/json" : "text/plain";
  const headers = { "content-type": type, "X-Answered": "yes, it was" };
  return new Response(`answer of ${pathname}${search}`, { status, headers });
}
