/**
 * The way to the server: a ticket, then one WebSocket, opened again whenever it is gone. Where the page
 * has a sync client with the same server and principal, it is the same one.
 *
 *     POST /_live/ticket → GET /_live?ticket=…
 */
import { arrivalOf, browserFrame, type FromBrowser, type FromServer, PING } from "./bridge_wire.ts";
import { BRIDGE_HALF, leaveSocket, type PageSocket, takeSocket } from "./page_sockets.ts";

/** A way to the server, whoever owns the socket. */
export interface LiveTransport {
  /** Sends a message if there is a connection, and says whether there is. */
  send(message: FromBrowser): boolean;
  /** Ends it for good. */
  close(): void;
}

/** What becomes of the connection. */
export interface TransportEvents {
  readonly opened: () => void;
  readonly received: (message: FromServer) => void;
  /** It is gone; with a reason no other try follows. */
  readonly closed: (reason: string) => void;
}

/** How the server is reached. */
export interface TransportOptions {
  /** What `_live` is relative to. */
  readonly base: URL;
  /** Goes with the request for a ticket, as a bearer token. */
  readonly token?: string | undefined;
  /** How long messages take in either direction, in milliseconds. */
  readonly delayMs: () => number;
}

/** The first and the longest wait before another try, in milliseconds. */
const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 30_000;
/** How often a silent connection is probed, in milliseconds; after another such time it is dead. */
const HEARTBEAT_MS = 15_000;
const CLOSE_POLICY = 1008;
/** From here on codes are an app's own. */
const CLOSE_OWN = 4000;
/** The login is too old: another ticket may be had. */
const CLOSE_EXPIRED = 4401;
const RATE_LIMITED = "rate_limited";

/** Connects, and keeps connected. */
export class SocketTransport implements LiveTransport {
  readonly #options: TransportOptions;
  readonly #events: TransportEvents;
  #socket: PageSocket | undefined;
  #attempts = 0;
  #waitMs = 0;
  #isProbed = false;
  #isOver = false;
  /** Of the next try, or of the next probe; none while a ticket is asked for. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: TransportOptions, events: TransportEvents) {
    this.#options = options;
    this.#events = events;
    addEventListener("online", () => {
      if (this.#socket || !this.#timer || this.#isOver) return;
      this.#attempts = 0;
      clearTimeout(this.#timer);
      this.#connect();
    });
    this.#connect();
  }

  send(message: FromBrowser): boolean {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return false;
    const frame = browserFrame(message);
    this.#later(() => socket.readyState === WebSocket.OPEN && socket.send(frame));
    return true;
  }

  close(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  async #connect(): Promise<void> {
    const { base, token } = this.#options;
    this.#timer = undefined;
    try {
      const response = await fetch(new URL("_live/ticket", base), {
        method: "POST",
        credentials: "include",
        headers: {
          "content-type": "application/json",
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
        body: "{}",
      });
      const { ticket } = await response.json();
      if (this.#isOver) return;
      const url = new URL(`_live?ticket=${ticket.toString()}`, base);
      url.protocol = url.protocol.replace("http", "ws");
      this.#listen(takeSocket(url.href, BRIDGE_HALF));
    } catch {
      this.#again();
    }
  }

  #listen(socket: PageSocket): void {
    this.#socket = socket;
    let held: Uint8Array | undefined;
    const opened = () => {
      this.#beat();
      this.#events.opened();
    };
    // The sync client has the properties.
    const on = (type: string, act: (event: never) => void) =>
      socket.addEventListener(type, (event) => this.#socket === socket && act(event as never));
    on("open", opened);
    on("close", ({ code, reason }: CloseEvent) => {
      const isFinal = code === CLOSE_POLICY && reason !== RATE_LIMITED ||
        code >= CLOSE_OWN && code !== CLOSE_EXPIRED;
      this.#drop(isFinal ? reason : "");
    });
    on("message", ({ data }: MessageEvent) => {
      this.#isProbed = false;
      this.#beat();
      const { message, retryAfterMs, ...rest } = arrivalOf(new Uint8Array(data), held);
      held = rest.held;
      if (retryAfterMs) this.#waitMs = retryAfterMs;
      if (!message) return;
      // What was refused before was none of the bridge's.
      this.#attempts = this.#waitMs = 0;
      this.#later(() => this.#socket === socket && this.#events.received(message));
    });
    if (socket.readyState) opened();
  }

  /** Forgets the socket before leaving it: a dead one may report its end much later, or never. */
  #drop(reason = ""): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) leaveSocket(socket, BRIDGE_HALF);
    this.#isOver ||= reason !== "";
    this.#events.closed(reason);
    this.#again();
  }

  #again(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#attempts++);
    const wait = Math.max(this.#waitMs, ceiling * (1 + Math.random()) / 2);
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#waitMs = 0;
  }

  #beat(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#isProbed) {
        this.#socket?.close();
        return this.#drop();
      }
      this.#isProbed = true;
      this.#socket?.send(PING);
      this.#beat();
    }, HEARTBEAT_MS);
  }

  #later(act: () => void): void {
    const ms = this.#options.delayMs();
    if (ms > 0) setTimeout(act, ms);
    else act();
  }
}
