/**
 * Deno's own WebSocket server against ours, in one run: what each does for honest peers and what
 * hostile ones do to it. Prints medians and their ratio; absolute figures are the machine's.
 *
 * ```
 * deno run -A tests/bench/sockets_bench.ts [rounds] [--bun]
 * ```
 *
 * The servers and the peers are processes of their own, and the peers speak raw TCP. The fan-out
 * is measured twice: one message to every socket per turn of the event loop, and many in one turn.
 */
import process from "node:process";
import type { Listen, Socket } from "../../edge/socket.ts";

type Figures = Record<string, number>;

const SELF = new URL(import.meta.url).pathname;
const KINDS = process.argv.includes("--bun") ? ["native", "node", "bun"] : ["native", "node"];
const PEERS = 200;
const WINDOW = 8;
const MESSAGE_BYTES = 64;
const ECHO_MS = 3_000;
const FAN_OUT_MESSAGES = 500;
const IDLE_PEERS = 1_000;
const STUCK_PEERS = 100;
const FRAGMENTS = 60;
const FRAGMENT_BYTES = 8 * 1024 * 1024;
/** How long a server is given to settle before its memory or its connections are looked at. */
const SETTLE_MS = 2_000;
const MEASURES = [echo, fanOut, idle, fragments, stuck, requests];

const [role, argument, port] = process.argv.slice(2);
if (role === "server") await serve(argument ?? "");
else if (role === "peers") await runPeers(argument ?? "", Number(port));
else await compare(Number(role ?? 3) || 3);

/** Starts a server for every kind, measure and round, in turns, and prints the medians. */
async function compare(rounds: number): Promise<void> {
  for (const measure of MEASURES) {
    const results = new Map<string, number[][]>();
    for (let round = 0; round < rounds; round++) {
      for (const [at, kind] of KINDS.entries()) {
        for (const [name, value] of Object.entries(await measureOnce(kind, measure.name))) {
          const values = results.get(name) ?? KINDS.map(() => []);
          values[at]?.push(value);
          results.set(name, values);
        }
      }
    }
    for (const [name, values] of results) {
      const medians = values.map(median);
      const base = medians[0] ?? 0;
      console.log(
        name.padEnd(55),
        ...medians.map((value, at) => {
          const ratio = base === 0 ? "" : ` (${(value / base).toFixed(2)})`;
          return `${KINDS[at]} ${Math.round(value).toLocaleString("en")}${ratio}`.padEnd(26);
        }),
      );
    }
  }
}

async function measureOnce(kind: string, measure: string): Promise<Figures> {
  const server = spawn([...runtime(kind), SELF, "server", kind]);
  try {
    const lines = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const line = (await lines.read()).value ?? "";
    void lines.cancel();
    const peers = spawn(["deno", "run", "-A", SELF, "peers", measure, line.trim()]);
    return await new Response(peers.stdout).json();
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
}

function runtime(kind: string): string[] {
  return kind === "bun" ? ["npx", "-y", "bun@1.4.5"] : ["deno", "run", "-A"];
}

function spawn([command = "", ...args]: string[]): Deno.ChildProcess {
  return new Deno.Command(command, { args, stdout: "piped", stdin: "null" }).spawn();
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** An echo server that can be told over HTTP to fan out, to drop everyone, and what it weighs. */
async function serve(kind: string): Promise<void> {
  const sockets = new Set<Pick<Socket, "send" | "terminate">>();
  const answer = async (request: Request): Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/post") return Response.json(await request.json());
    if (pathname === "/drop") { for (const socket of sockets) socket.terminate(); }
    const bytes = new Uint8Array(Number(searchParams.get("bytes")));
    for (let i = Number(searchParams.get("messages")); i > 0; i--) {
      for (const socket of sockets) socket.send(bytes);
      if (searchParams.has("turns")) await new Promise((resolve) => setTimeout(resolve));
    }
    return Response.json({ rss: process.memoryUsage().rss });
  };
  if (kind === "native") return serveNative(sockets, answer);
  const listen: Listen = kind === "bun"
    ? (await import("../../edge/listen_bun.ts")).listenBun
    : (await import("../../edge/listen_node.ts")).listenNode;
  const listener = await listen({
    hostname: "127.0.0.1",
    port: 0,
    fetch: answer,
    failed: console.error,
    upgrade: () => ({
      accept(socket) {
        sockets.add(socket);
        return { message: (bytes) => socket.send(bytes), closed: () => sockets.delete(socket) };
      },
    }),
  });
  console.log(listener.port);
}

function serveNative(
  sockets: Set<Pick<Socket, "send" | "terminate">>,
  answer: (request: Request) => Promise<Response>,
): void {
  const onListen = (address: Deno.NetAddr) => console.log(address.port);
  Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, (request) => {
    if (request.headers.get("upgrade") !== "websocket") return answer(request);
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.binaryType = "arraybuffer";
    const peer = {
      send: (bytes: Uint8Array<ArrayBuffer>) => socket.send(bytes),
      // There is no terminate: close is all there is.
      terminate: () => socket.close(1001, "dropped"),
    };
    socket.onopen = () => sockets.add(peer);
    socket.onmessage = ({ data }) => socket.send(data);
    socket.onclose = () => sockets.delete(peer);
    socket.onerror = () => {};
    return response;
  });
}

async function runPeers(measure: string, port: number): Promise<void> {
  const run = MEASURES.find(({ name }) => name === measure);
  console.log(JSON.stringify(await run?.(port)));
  Deno.exit(0);
}

async function echo(port: number): Promise<Figures> {
  const figures: Figures = {};
  for (const window of [1, WINDOW]) {
    const peers = await openPeers(port, PEERS);
    const frames = repeat(maskedFrame(0x82, MESSAGE_BYTES), window);
    const frameBytes = frames.length / window;
    const until = performance.now() + ECHO_MS;
    let echoed = 0;
    await Promise.all(peers.map(async (peer) => {
      const buffer = new Uint8Array(65_536);
      let partial = 0;
      await peer.write(frames);
      while (performance.now() < until) {
        partial += await peer.read(buffer) ?? 0;
        const whole = Math.floor(partial / (MESSAGE_BYTES + 2));
        partial -= whole * (MESSAGE_BYTES + 2);
        echoed += whole;
        if (whole > 0) await peer.write(frames.subarray(0, whole * frameBytes));
      }
      peer.close();
    }));
    figures[`echoes per second, window ${window}`] = echoed / ECHO_MS * 1000;
  }
  return figures;
}

async function fanOut(port: number): Promise<Figures> {
  const figures: Figures = {};
  for (const turns of ["", "&turns"]) {
    const peers = await openPeers(port, PEERS);
    const started = performance.now();
    const received = peers.map(async (peer) => {
      const buffer = new Uint8Array(65_536);
      let left = FAN_OUT_MESSAGES * (MESSAGE_BYTES + 2);
      while (left > 0) left -= await peer.read(buffer) ?? left;
      peer.close();
    });
    await ask(port, `/fan?messages=${FAN_OUT_MESSAGES}&bytes=${MESSAGE_BYTES}${turns}`);
    await Promise.all(received);
    const seconds = (performance.now() - started) / 1000;
    const name = turns === "" ? "many messages in one turn" : "one message a turn";
    figures[`fan-out, messages per second, ${name}`] = FAN_OUT_MESSAGES * PEERS / seconds;
  }
  return figures;
}

async function idle(port: number): Promise<Figures> {
  const before = await ask(port, "/");
  await openPeers(port, IDLE_PEERS);
  await pause(SETTLE_MS);
  const after = await ask(port, "/");
  return { "memory per idle socket, bytes": (after - before) / IDLE_PEERS };
}

async function fragments(port: number): Promise<Figures> {
  const before = await ask(port, "/");
  const [peer] = await openPeers(port, 1);
  const payload = new Uint8Array(FRAGMENT_BYTES);
  const head = new Uint8Array(14);
  new DataView(head.buffer).setBigUint64(2, BigInt(FRAGMENT_BYTES));
  head[1] = 0xff;
  let sent = 0;
  try {
    for (; sent < FRAGMENTS; sent++) {
      head[0] = sent === 0 ? 2 : 0;
      for (const bytes of [head, payload]) {
        for (let at = 0; at < bytes.length;) at += await peer?.write(bytes.subarray(at)) ?? 0;
      }
    }
  } catch {
    // The server has cut the peer, which is what a server should do.
  }
  await pause(SETTLE_MS);
  return {
    "fragments of 8 MiB that one peer can send": sent,
    "memory after them, MiB": (await ask(port, "/") - before) / 2 ** 20,
  };
}

async function stuck(port: number): Promise<Figures> {
  const before = await ask(port, "/");
  await openPeers(port, STUCK_PEERS);
  for (let i = 0; i < 14; i++) {
    await ask(port, "/fan?messages=4&bytes=65536");
    await pause(50);
  }
  await ask(port, "/drop");
  await pause(SETTLE_MS * 2);
  return {
    "peers that do not read, still connected after drop": established(port),
    "memory after the drop, MiB": (await ask(port, "/") - before) / 2 ** 20,
  };
}

async function requests(port: number): Promise<Figures> {
  const body = JSON.stringify({ text: "x".repeat(200) });
  const get = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  const post =
    `POST /post HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const figures: Figures = {};
  for (const [name, text] of Object.entries({ GET: get, "POST of JSON": post })) {
    const bytes = new TextEncoder().encode(text);
    const until = performance.now() + ECHO_MS;
    let answered = 0;
    await Promise.all(Array.from({ length: 50 }, async () => {
      const peer = await Deno.connect({ hostname: "127.0.0.1", port });
      const buffer = new Uint8Array(65_536);
      for (; performance.now() < until; answered++) {
        await peer.write(bytes);
        await peer.read(buffer);
      }
      peer.close();
    }));
    figures[`${name}, answers per second`] = answered / ECHO_MS * 1000;
  }
  return figures;
}

async function openPeers(port: number, count: number): Promise<Deno.TcpConn[]> {
  const peers: Deno.TcpConn[] = [];
  const request = new TextEncoder().encode(
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  for (let i = 0; i < count; i++) {
    const peer = await Deno.connect({ hostname: "127.0.0.1", port });
    peer.setNoDelay(true);
    await peer.write(request);
    const buffer = new Uint8Array(4096);
    let head = "";
    while (!head.endsWith("\r\n\r\n")) {
      const length = await peer.read(buffer);
      if (length === null) throw new Error("The server refused a socket");
      head += new TextDecoder().decode(buffer.subarray(0, length));
    }
    peers.push(peer);
  }
  return peers;
}

/** Asks the server over HTTP; the answer is its resident memory in bytes. */
async function ask(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { connection: "close" },
  });
  return (await response.json()).rss;
}

/** Connections that the kernel counts as established on the server's side, this one aside. */
function established(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return Deno.readTextFileSync("/proc/net/tcp").split("\n").filter((row) => {
    const [, address, , state] = row.trim().split(/\s+/);
    return address?.endsWith(local) === true && state === "01";
  }).length;
}

function maskedFrame(firstByte: number, payloadBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(6 + payloadBytes);
  bytes[0] = firstByte;
  bytes[1] = 0x80 | payloadBytes;
  return bytes;
}

function repeat(bytes: Uint8Array<ArrayBuffer>, times: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes.length * times);
  for (let i = 0; i < times; i++) all.set(bytes, i * bytes.length);
  return all;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
