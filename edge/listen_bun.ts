/**
 * The server on `Bun.serve`, for Bun and for the executable that Bun makes.
 *
 * Bun bounds a message, a header (200 lines as well as 16 KiB) and a body by itself. Only the time
 * that a body may take is ours to watch.
 */
import {
  answerRequest,
  asksForSocket,
  decideUpgrade,
  stopping,
  unreadable,
} from "./request_bounds.ts";
import { closeWithin, ServerSocket, type Wire } from "./server_socket.ts";
import {
  HTTP_BODY_BYTES_MAX,
  HTTP_IDLE_MS_MAX,
  HTTP_KEEP_ALIVE_MS_MAX,
  type Listener,
  type ListenOptions,
  type Peer,
  SOCKET_BUFFER_BYTES_MAX,
  SOCKET_MESSAGE_BYTES_MAX,
  type Upgrade,
} from "./socket.ts";

/** The part of Bun that is used here. */
interface BunRuntime {
  serve(options: BunServeOptions): BunServer;
}

interface BunServer {
  readonly port: number;
  requestIP(request: Request): { readonly address: string } | null;
  timeout(request: Request, seconds: number): void;
  upgrade(
    request: Request,
    options: { data: Connection; headers: Record<string, string> },
  ): boolean;
  /** Resolves when the last connection is gone; `true` cuts them. */
  stop(closeActiveConnections: boolean): Promise<void>;
}

interface BunWebSocket {
  readonly data: Connection;
  send(message: Uint8Array | string): number;
  close(code: number, reason: string): void;
  terminate(): void;
  getBufferedAmount(): number;
}

interface BunServeOptions {
  readonly hostname: string;
  readonly port: number;
  readonly development: false;
  readonly reusePort: false;
  readonly idleTimeout: number;
  readonly maxRequestBodySize: number;
  fetch(request: Request, server: BunServer): Promise<Response | undefined>;
  readonly websocket: {
    readonly maxPayloadLength: number;
    readonly backpressureLimit: number;
    readonly closeOnBackpressureLimit: true;
    readonly idleTimeout: 0;
    readonly sendPings: false;
    readonly perMessageDeflate: false;
    open(socket: BunWebSocket): void;
    message(socket: BunWebSocket, data: Uint8Array | string): void;
    close(socket: BunWebSocket, code: number): void;
    drain(socket: BunWebSocket): void;
  };
}

/** What travels with a connection from the handshake to its end. */
interface Connection {
  /** Until it is open. */
  upgrade: Upgrade | undefined;
  readonly remoteAddress: string;
  socket?: ServerSocket;
}

/** Bun refuses more without a word; what is less than this and too much is refused with a reason. */
const BUN_BODY_BYTES_MAX = 2 * HTTP_BODY_BYTES_MAX;

/** Listens for HTTP and WebSocket on one port. Rejects when the port cannot be taken. */
// deno-lint-ignore require-await -- a port that cannot be taken must reject, not throw
export async function listenBun(options: ListenOptions): Promise<Listener> {
  return new BunListener(options);
}

class BunListener implements Listener {
  readonly hostname: string;
  readonly port: number;
  readonly #options: ListenOptions;
  readonly #server: BunServer;
  readonly #sockets = new Set<ServerSocket>();
  /** One for all connections. */
  readonly #failed = (error: unknown) => this.#options.failed(error);
  #shutdown: Promise<void> | undefined;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#server = bunRuntime().serve({
      hostname: options.hostname,
      port: options.port,
      development: false,
      // Without development mode Bun shares a port that is taken, and peers reach either server.
      reusePort: false,
      idleTimeout: HTTP_KEEP_ALIVE_MS_MAX / 1000,
      maxRequestBodySize: BUN_BODY_BYTES_MAX,
      fetch: (request, server) => this.#answer(request, server),
      websocket: {
        maxPayloadLength: SOCKET_MESSAGE_BYTES_MAX,
        backpressureLimit: SOCKET_BUFFER_BYTES_MAX,
        closeOnBackpressureLimit: true,
        idleTimeout: 0,
        sendPings: false,
        perMessageDeflate: false,
        open: (socket) => this.#open(socket),
        message: ({ data: { socket } }, data) => socket?.receive(data),
        close: ({ data: { socket } }, code) => {
          if (socket === undefined) return;
          this.#sockets.delete(socket);
          socket.ended(code);
        },
        drain: ({ data: { socket } }) => socket?.drained(),
      },
    });
    this.hostname = options.hostname;
    this.port = this.#server.port;
  }

  shutdown(graceMs: number): Promise<void> {
    return this.#shutdown ??= this.#stop(graceMs);
  }

  async #answer(request: Request, server: BunServer): Promise<Response | undefined> {
    if (this.#shutdown !== undefined) return stopping();
    // Where the host header makes no address, Bun leaves the bare path.
    if (!request.url.startsWith("http")) return unreadable(400);
    server.timeout(request, HTTP_IDLE_MS_MAX / 1000);
    const peer = { remoteAddress: server.requestIP(request)?.address ?? "" };
    if (asksForSocket(request.headers.get("upgrade"))) {
      return await this.#upgrade(request, server, peer);
    }
    return await answerRequest(this.#options, {
      request,
      peer,
      watchBody: true,
      peerLeft: () => request.signal.aborted,
    });
  }

  async #upgrade(request: Request, server: BunServer, peer: Peer): Promise<Response | undefined> {
    const offered = request.headers.get("sec-websocket-protocol");
    const upgrade = await decideUpgrade(this.#options, request, peer);
    if (upgrade instanceof Response) return upgrade;
    if (this.#shutdown !== undefined) return stopping();
    const data: Connection = { upgrade, remoteAddress: peer.remoteAddress };
    // Bun echoes the first protocol offered unless told which; an empty one tells it: none.
    const chosen = offered?.split(",").map((name) => name.trim())
      .find((name) => name === upgrade.protocol) ?? "";
    const headers = { "sec-websocket-protocol": chosen };
    if (server.upgrade(request, { data, headers })) return undefined;
    return unreadable(400);
  }

  #open(bunSocket: BunWebSocket): void {
    const { data } = bunSocket;
    const socket = new ServerSocket(
      new BunWire(bunSocket),
      data.remoteAddress,
      this.#failed,
    );
    const { upgrade } = data;
    data.socket = socket;
    // There are many connections, and what let one in is of no use any more.
    data.upgrade = undefined;
    this.#sockets.add(socket);
    socket.start((own) => (upgrade as Upgrade).accept(own));
  }

  #stop(graceMs: number): Promise<void> {
    const stopped = this.#server.stop(false);
    return closeWithin(graceMs, stopped, this.#sockets, () => void this.#server.stop(true));
  }
}

class BunWire implements Wire {
  readonly #socket: BunWebSocket;

  constructor(socket: BunWebSocket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.getBufferedAmount();
  }

  send(bytes: Uint8Array): void {
    // Bun drops a message that does not fit, and closes the socket: there is never a silent hole.
    this.#socket.send(bytes);
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  reset(): void {
    this.#socket.terminate();
  }
}

function bunRuntime(): BunRuntime {
  const bun = Reflect.get(globalThis, "Bun");
  if (bun === undefined) throw new TypeError("Cannot listen: this is not Bun");
  return bun;
}
