/** Outbound requests that really leave the program, as cases for every runtime. */
import { strict as assert } from "node:assert";
import type { WasmMountOptions } from "../../core/wasm_mount.ts";
import type { Log } from "../../edge/log.ts";
import { REDIRECTS_MAX } from "../../edge/wasm/outbound.ts";
import { WasmMounts } from "../../edge/wasm/mount.ts";
import type { FetchModules } from "./wasm_fetch_cases.ts";

/** One case; `origin` is that of {@linkcode answerUpstream}. */
export interface UpstreamCase {
  readonly name: string;
  run(modules: FetchModules, origin: string): Promise<void>;
}

const UPSTREAM_BYTES = Uint8Array.from({ length: 50_000 }, (_, at) => (at * 7) & 255);
const LARGE_BYTES = 10 * 1024 * 1024;
const silent: Log = { error() {}, info() {}, debug() {} };

/** What the server is, that the cases ask. */
export async function answerUpstream(request: Request): Promise<Response> {
  const url = new URL(request.url);
  switch (url.pathname) {
    case "/bytes":
      return new Response(UPSTREAM_BYTES, {
        headers: [["content-type", "application/x-bytes"], ["x-up", "1"]],
      });
    case "/once":
      return Response.redirect(new URL("/bytes", url), 302);
    case "/loop":
      url.searchParams.set("n", `${Number(url.searchParams.get("n")) + 1}`);
      return Response.redirect(url, 302);
    case "/away":
      return Response.redirect("http://127.0.0.2:1/", 302);
    case "/zipped": {
      const zipped = new Response(UPSTREAM_BYTES).body?.pipeThrough(new CompressionStream("gzip"));
      const body = await new Response(zipped).bytes();
      return new Response(body, { headers: { "content-encoding": "gzip" } });
    }
    case "/large":
      return new Response(new Uint8Array(LARGE_BYTES));
    case "/hangs":
      return new Response(new ReadableStream({ start: (it) => it.enqueue(new Uint8Array(1)) }));
    default:
      return new Response("nothing", { status: 404 });
  }
}

/** Every case. */
export const UPSTREAM_CASES: readonly UpstreamCase[] = [
  ...["/bytes", "/once", "/zipped"].map((path): UpstreamCase => ({
    name: `the bytes of ${path} arrive as they are`,
    run: async (modules, origin) => {
      const response = await ask(modules, origin, path);
      assert.equal(response.status, 200);
      assert.deepEqual(new Uint8Array(await response.arrayBuffer()), UPSTREAM_BYTES);
      assert.equal(response.headers.get("content-encoding"), null);
      if (path === "/zipped") return;
      assert.equal(response.headers.get("content-type"), "application/x-bytes");
      assert.equal(response.headers.get("x-up"), "1");
    },
  })),
  ...([
    ["/loop", 502, "redirects"],
    ["/away", 403, "refused"],
    ["/large", 502, "too_large"],
    ["/hangs", 504, "timeout"],
  ] as const).map(([path, status, reason]): UpstreamCase => ({
    name: `${path} is a result of ${status}`,
    run: async (modules, origin) => {
      const limits = { fetchBytes: 1024 * 1024, fetchMs: path === "/hangs" ? 300 : 20_000 };
      const response = await ask(modules, origin, path, { limits });
      assert.equal(response.status, status);
      assert.equal(response.headers.get("x-driftless-error"), reason);
    },
  })),
  {
    name: "the status of the server is the result's",
    run: async (modules, origin) => {
      const response = await ask(modules, origin, "/lost");
      assert.equal(response.status, 404);
      assert.equal(await response.text(), "nothing");
    },
  },
  {
    name: "a port where nobody listens is a result of 502",
    run: async (modules) => {
      const response = await ask(modules, "http://127.0.0.1:1", "/");
      assert.equal(response.status, 502);
      assert.equal(await response.text(), "The request failed");
    },
  },
  {
    name: "the server is not asked unless the mount allows it",
    run: async (modules, origin) => {
      const { host } = new URL(origin);
      const bindings = { fetch: { allow: ["one.org", `https://${host}`], privateAddresses: true } };
      const response = await ask(modules, origin, "/bytes", { bindings });
      assert.equal(response.status, 403);
    },
  },
  {
    name: `a loop is left after ${REDIRECTS_MAX} redirects, and others are served meanwhile`,
    run: async (modules, origin) => {
      const [loop, bytes] = await Promise.all(
        ["/loop", "/bytes"].map((path) => ask(modules, origin, path)),
      );
      assert.deepEqual([loop?.status, bytes?.status], [502, 200]);
    },
  },
];

async function ask(
  { relay }: FetchModules,
  origin: string,
  path: string,
  options: WasmMountOptions = {},
): Promise<Response> {
  assert.ok(relay !== undefined);
  const bindings = { fetch: { allow: [new URL(origin).host], privateAddresses: true } };
  const mount = { path: "/m", module: relay, options: { bindings, ...options } };
  const mounts = new WasmMounts(new Map([["/m", mount]]), { log: silent });
  try {
    const request = new Request("http://localhost/m", {
      method: "POST",
      body: `${origin}${path}\n`,
    });
    return await mounts.fetch(request);
  } finally {
    mounts.close();
  }
}
