/** Modules behind a real server: their WebSockets, and callers that leave. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { defineApp } from "../../core/app.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import type { WasmMountOptions } from "../../core/wasm_mount.ts";
import { openToAll } from "../../edge/admission.ts";
import { createHandler } from "../../edge/handler.ts";
import { listenNode } from "../../edge/listen_node.ts";
import { createLog } from "../../edge/log.ts";
import { frame, handshake, inTime, OPCODE, RawPeer } from "./raw_peer.ts";
import { assemble, FETCH_MODULES } from "./wasm_fetch_modules.ts";
import { SOCKET_CASES } from "./wasm_socket_cases.ts";

const { text, binary } = OPCODE;
const modules = Object.fromEntries(
  Object.entries(FETCH_MODULES).map(([name, wat]) => [name, new WebAssembly.Module(assemble(wat))]),
);
const encoder = new TextEncoder();

for (const { name, run } of SOCKET_CASES) Deno.test(`wasm sockets: ${name}`, () => run(modules));

Deno.test("a module's WebSocket works through a server, and closes as it says", () =>
  withServer("echo", { mode: "durable" }, async (port) => {
    const peer = await RawPeer.connect(port);
    peer.write(handshake("", "/m/room"));
    assertMatch(await peer.head(), /^HTTP\/1\.1 101 /);
    peer.write(frame(text, encoder.encode("hello")));
    assertEquals(await peer.frame(), { opcode: text, payload: encoder.encode("hello") });
    peer.write(frame(binary, Uint8Array.of(0, 255)));
    assertEquals(await peer.frame(), { opcode: binary, payload: Uint8Array.of(0, 255) });
    peer.write(frame(text, encoder.encode("quit")));
    assertEquals((await peer.frame()).opcode, text);
    assertEquals(await peer.closeCode(), 1000);
    peer.vanish();
  }));

Deno.test("a page of another origin gets no WebSocket of a module, a pooled module has none", () =>
  withServer("echo", { mode: "durable" }, async (port) => {
    const hostile = await RawPeer.connect(port);
    hostile.write(handshake("Origin: https://evil.org\r\n", "/m"));
    assertMatch(await hostile.head(), /^HTTP\/1\.1 403 /);
    const lost = await RawPeer.connect(port);
    lost.write(handshake("", "/pooled"));
    assertMatch(await lost.head(), /^HTTP\/1\.1 404 /);
    for (const peer of [hostile, lost]) peer.vanish();
  }));

Deno.test("callers that leave during a fetch free their instances", async () => {
  const asked: AbortSignal[] = [];
  const hang = (_: string, { signal }: RequestInit) => {
    if (signal) asked.push(signal);
    return new Promise<Response>((_resolve, reject) =>
      signal?.addEventListener("abort", () => reject(signal.reason))
    );
  };
  const bindings = { fetch: { allow: ["one.org"], fetch: hang } };
  await withServer(
    "relay",
    { bindings, limits: { instances: 2, queueMs: 60_000 } },
    async (port) => {
      const request =
        "POST /m HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 16\r\n\r\nhttps://one.org\n";
      for (let round = 1; round <= 4; round++) {
        const peers = await Promise.all([1, 2].map(() => RawPeer.connect(port)));
        for (const peer of peers) peer.write(request);
        await eventuallyTrue(() => asked.length === round * 2);
        for (const peer of peers) peer.vanish();
        await eventuallyTrue(() => asked.every(({ aborted }) => aborted));
      }
    },
  );
});

Deno.test("a streamed body goes out piece by piece, and who leaves ends it", () =>
  withServer("stream", { limits: { instances: 1, queueMs: 60_000 } }, async (port) => {
    const url = `http://127.0.0.1:${port}/m`;
    const first = await fetch(url, { method: "POST", body: "0123456789".repeat(1000) });
    const reader = first.body?.getReader();
    assert(!(await inTime(reader?.read() ?? Promise.reject(), "a piece")).done);
    await reader?.cancel();
    const second = await fetch(url, { method: "POST", body: "x" });
    assertEquals((await second.bytes()).length, 10_000);
  }));

async function withServer(
  module: string,
  options: WasmMountOptions,
  work: (port: number) => Promise<void>,
): Promise<void> {
  const app = defineApp({ name: "modules", collections: {} })
    .wasm("/m", modules[module] ?? assemble(""), options)
    .wasm("/pooled", modules.echo ?? assemble(""));
  const log = createLog("error", () => {});
  const handler = createHandler(app, {
    store: new MemoryStore("epoch"),
    log,
    version: "1.0.0",
    origins: [],
    hosts: [],
    open: true,
    authenticate: openToAll,
  });
  const listener = await listenNode({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, peer) => handler.fetch(request, peer),
    upgrade: (request, peer) => handler.upgrade(request, peer),
    failed: (error) => {
      throw error;
    },
  });
  try {
    await work(listener.port);
  } finally {
    await listener.shutdown(100);
    handler.close();
  }
}

async function eventuallyTrue(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert(Date.now() < deadline, "waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
