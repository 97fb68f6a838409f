/**
 * The server on `node:http` and the `ws` package: for Deno, and for Node from 24 on.
 *
 * `Deno.serve` with `Deno.upgradeWebSocket` answers plain requests three to four times as fast, but
 * bounds nothing: it keeps fragments without limit, cannot drop a peer that does not read, and
 * waits for slow headers for ever. `tests/bench/sockets_bench.ts` measures both.
 *
 * With narrow permissions `ws` reads two variables when it loads:
 * `--allow-env=WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE`.
 */
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Socket as TcpSocket } from "node:net";
import process from "node:process";
import { setImmediate } from "node:timers";
import { getRequestListener, type Http2Bindings, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { WebSocketServer as UntypedWebSocketServer } from "ws";
import { dataFrame, FRAMED_BYTES_MAX } from "./data_frame.ts";
import {
  answerRequest,
  asksForSocket,
  decideUpgrade,
  stopping,
  unreadable,
} from "./request_bounds.ts";
import { closeWithin, ServerSocket, type Wire } from "./server_socket.ts";
import {
  HTTP_BODY_MS_MAX,
  HTTP_HEADER_BYTES_MAX,
  HTTP_HEADER_MS_MAX,
  HTTP_IDLE_MS_MAX,
  HTTP_KEEP_ALIVE_MS_MAX,
  type Listener,
  type ListenOptions,
  SOCKET_MESSAGE_BYTES_MAX,
  type Upgrade,
} from "./socket.ts";

/** The part of a `ws` connection that is used here; the package brings no types. */
interface WsConnection {
  readonly readyState: number;
  send(message: Uint8Array | string): void;
  close(code: number, reason: string): void;
  on(event: "message", listener: (data: Uint8Array, isBinary: boolean) => void): void;
  on(event: "close", listener: (code: number) => void): void;
  on(event: "error", listener: () => void): void;
}

interface WsServer {
  handleUpgrade(
    incoming: IncomingMessage,
    tcp: TcpSocket,
    head: Uint8Array,
    done: (connection: WsConnection) => void,
  ): void;
}

interface WsServerOptions {
  readonly noServer: true;
  readonly clientTracking: false;
  readonly perMessageDeflate: false;
  readonly maxPayload: number;
  readonly handleProtocols: (offered: Set<string>, incoming: IncomingMessage) => string | false;
}

/** The state of a connection that is neither closed nor about to be. */
const OPEN = 1;

const WebSocketServer: new (options: WsServerOptions) => WsServer = UntypedWebSocketServer;

/** How often `node:http` looks for requests that take too long, in milliseconds. */
const TIMEOUT_CHECK_MS = 500;
/** Text is UTF-8 when it comes here: what is not has been refused. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Listens for HTTP and WebSocket on one port. Rejects when the port cannot be taken. */
export async function listenNode(options: ListenOptions): Promise<Listener> {
  const listener = new NodeListener(options);
  await listener.listen();
  return listener;
}

class NodeListener implements Listener {
  readonly hostname: string;
  #port = 0;
  readonly #options: ListenOptions;
  readonly #server: Server;
  readonly #webSockets: WsServer;
  readonly #sockets = new Set<ServerSocket>();
  /** Connections whose WebSocket request the host is still thinking about, or was refused. */
  readonly #undecided = new Set<TcpSocket>();
  readonly #protocols = new WeakMap<IncomingMessage, string>();
  #shutdown: Promise<void> | undefined;

  constructor(options: ListenOptions) {
    this.hostname = options.hostname;
    this.#options = options;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: SOCKET_MESSAGE_BYTES_MAX,
      handleProtocols: (offered, incoming) => {
        const protocol = this.#protocols.get(incoming);
        return protocol !== undefined && offered.has(protocol) ? protocol : false;
      },
    });
    this.#server = this.#createServer();
  }

  get port(): number {
    return this.#port;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#options.port, this.#options.hostname, () => {
        const address = this.#server.address();
        // Only a listener on a path in the file system has an address without a port.
        if (typeof address === "object" && address !== null) this.#port = address.port;
        this.#server.off("error", reject);
        this.#server.on("error", (error) => this.#options.failed(error));
        resolve();
      });
    });
  }

  shutdown(graceMs: number): Promise<void> {
    return this.#shutdown ??= this.#stop(graceMs);
  }

  #createServer(): Server {
    const options = this.#options;
    const bounds = {
      maxHeaderSize: HTTP_HEADER_BYTES_MAX,
      headersTimeout: HTTP_HEADER_MS_MAX,
      requestTimeout: HTTP_HEADER_MS_MAX + (options.bodyMsMax ?? HTTP_BODY_MS_MAX),
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: HTTP_KEEP_ALIVE_MS_MAX,
      // Without this, a request that merely offers HTTP/2 would arrive as an upgrade.
      shouldUpgradeCallback: (incoming: IncomingMessage) => asksForSocket(incoming.headers.upgrade),
    };
    const respond = getRequestListener(async (request, bindings) => {
      const { incoming, outgoing } = http1(bindings);
      const response = this.#shutdown !== undefined ? stopping() : await answerRequest(options, {
        request,
        peer: { remoteAddress: incoming.socket.remoteAddress ?? "" },
        // The parser holds a body to its stated length; a chunked one states none.
        watchBody: incoming.headers["transfer-encoding"] !== undefined,
        peerLeft: () => incoming.destroyed && !incoming.complete,
      });
      await writeResponse(response, outgoing, (error) => options.failed(error));
      return RESPONSE_ALREADY_SENT;
    }, { overrideGlobalObjects: false });
    const server = createServer(bounds, (incoming, outgoing) => void respond(incoming, outgoing));
    server.timeout = HTTP_IDLE_MS_MAX;
    server.on("upgrade", (incoming: IncomingMessage, tcp: TcpSocket, head: Uint8Array) => {
      this.#upgrade(incoming, tcp, head).catch((error) => {
        options.failed(error);
        tcp.destroy();
      });
    });
    return server;
  }

  async #upgrade(incoming: IncomingMessage, tcp: TcpSocket, head: Uint8Array): Promise<void> {
    const peer = { remoteAddress: tcp.remoteAddress ?? "" };
    this.#undecided.add(tcp);
    tcp.once("close", () => this.#undecided.delete(tcp));
    tcp.on("error", () => tcp.destroy());
    const request = toRequest(incoming);
    const decision = request === undefined
      ? unreadable(400)
      : await decideUpgrade(this.#options, request, peer);
    if (this.#shutdown !== undefined) return await refuseUpgrade(tcp, stopping());
    if (decision instanceof Response) return await refuseUpgrade(tcp, decision);
    this.#accept(incoming, tcp, head, decision, peer.remoteAddress);
  }

  #accept(
    incoming: IncomingMessage,
    tcp: TcpSocket,
    head: Uint8Array,
    upgrade: Upgrade,
    remoteAddress: string,
  ): void {
    if (upgrade.protocol !== undefined) this.#protocols.set(incoming, upgrade.protocol);
    this.#webSockets.handleUpgrade(incoming, tcp, head, (connection) => {
      this.#undecided.delete(tcp);
      const wire = new NodeWire(connection, tcp);
      const socket = new ServerSocket(
        wire,
        remoteAddress,
        (error) => this.#options.failed(error),
      );
      this.#sockets.add(socket);
      connection.on(
        "message",
        (data, isBinary) => socket.receive(isBinary ? data : decoder.decode(data)),
      );
      connection.on("close", (code) => {
        this.#sockets.delete(socket);
        socket.ended(code);
      });
      connection.on("error", () => {
        socket.refused();
        // `ws` reads on to discard, which is work that a hostile peer should not get.
        setImmediate(() => tcp.pause());
      });
      tcp.on("drain", () => socket.drained());
      socket.start((own) => upgrade.accept(own));
    });
  }

  #stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    // Deno's `close` waits for those that only keep a connection for later.
    this.#server.closeIdleConnections();
    return closeWithin(graceMs, closed, this.#sockets, () => {
      for (const tcp of this.#undecided) tcp.destroy();
      this.#server.closeAllConnections();
    });
  }
}

/**
 * One connection through `ws`. The first message of a turn of the event loop leaves at once, the others
 * of that turn in one write.
 *
 * `ws` writes a header and a message apart, which takes a queue and a call for two buffers; a small
 * message in one buffer makes a bare round trip on Deno a seventh shorter, so those are framed here.
 */
class NodeWire implements Wire {
  readonly #connection: WsConnection;
  readonly #tcp: TcpSocket;
  #isHeld = false;

  constructor(connection: WsConnection, tcp: TcpSocket) {
    this.#connection = connection;
    this.#tcp = tcp;
  }

  get bufferedBytes(): number {
    return this.#tcp.writableLength;
  }

  send(message: Uint8Array): void {
    // After a close frame, of either side, nothing may follow.
    if (this.#connection.readyState !== OPEN) return;
    if (message.length > FRAMED_BYTES_MAX) this.#connection.send(message);
    else this.#tcp.write(dataFrame(message));
    this.#holdOthers();
  }

  sendText(text: string): void {
    this.#connection.send(text);
    this.#holdOthers();
  }

  close(code: number, reason: string): void {
    this.#connection.close(code, reason);
  }

  reset(): void {
    // A reset, unlike an orderly end, also frees what the kernel still holds for the peer.
    this.#tcp.resetAndDestroy();
  }

  #holdOthers(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#tcp.cork();
    process.nextTick(this.#release);
  }

  readonly #release = (): void => {
    this.#isHeld = false;
    this.#tcp.uncork();
  };
}

function toRequest(incoming: IncomingMessage): Request | undefined {
  const { host } = incoming.headers;
  const target = incoming.url ?? "";
  if (host === undefined || !/^[\w.:[\]-]+$/.test(host) || !target.startsWith("/")) {
    return undefined;
  }
  const headers = new Headers();
  try {
    for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
      headers.append(incoming.rawHeaders[i] ?? "", incoming.rawHeaders[i + 1] ?? "");
    }
    return new Request(`http://${host}${target}`, { method: incoming.method ?? "GET", headers });
  } catch {
    return undefined;
  }
}

async function refuseUpgrade(tcp: TcpSocket, response: Response): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = new Headers(response.headers);
  headers.set("connection", "close");
  headers.set("content-length", String(body.byteLength));
  const lines = [`HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  tcp.once("finish", () => tcp.destroy());
  tcp.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  tcp.end(body);
}

/** This server speaks HTTP/1.1 only, which the adapter's types cannot know. */
function http1(bindings: HttpBindings | Http2Bindings): HttpBindings {
  return bindings as HttpBindings;
}

/** Writes a response; where its body fails the connection is cut, lest it pass for complete. */
async function writeResponse(
  response: Response,
  outgoing: ServerResponse,
  failed: (error: unknown) => void,
): Promise<void> {
  let wake = () => {};
  try {
    const headers: OutgoingHttpHeaders = Object.fromEntries(response.headers);
    const cookies = response.headers.getSetCookie();
    if (cookies.length > 0) headers["set-cookie"] = cookies;
    const reader = response.body?.getReader();
    if (reader === undefined) {
      outgoing.writeHead(response.status, headers).end();
      return;
    }
    outgoing.on("drain", () => wake());
    outgoing.once("close", () => {
      wake();
      reader.cancel().catch(() => {});
    });
    // A body that is complete at once, as most are, goes out with its length instead of in chunks.
    const early: Uint8Array[] = [];
    let pending = reader.read();
    let soon = await atOnce(pending);
    while (soon?.done === false && early.length < 2) {
      early.push(soon.value);
      pending = reader.read();
      soon = await atOnce(pending);
    }
    const length = early.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (soon?.done === true) headers["content-length"] ??= length;
    outgoing.writeHead(response.status, headers);
    if (early.length === 0) outgoing.flushHeaders();
    for (const bytes of early) outgoing.write(bytes);
    for (let piece = await pending; !piece.done; piece = await reader.read()) {
      if (!outgoing.write(piece.value)) await new Promise<void>((resolve) => wake = resolve);
    }
    outgoing.end();
  } catch (error) {
    if (!outgoing.destroyed) failed(error);
    outgoing.destroy();
  }
}

/** What a promise gives within a few microtasks, else nothing. */
function atOnce<T>(promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([promise, Promise.resolve().then(() => Promise.resolve(undefined))]);
}
