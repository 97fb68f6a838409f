/**
 * The live connection of a client: opened with a ticket, watched by a heartbeat, reopened with back-off.
 *
 * A dead network often leaves a WebSocket open and silent, so silence decides: the server is pinged
 * every `heartbeatMs`, and given up when half of that passes without any message from it.
 */
import { DriftlessError } from "../../core/errors.ts";
import {
  decodeDown,
  type DownMessage,
  encodeUp,
  type Envelope,
  type UpMessage,
} from "../../core/wire/messages.ts";
import { RefusedError } from "./http_sync.ts";
import { leaveSocket, type PageSocket, SYNC_HALF, takeSocket } from "./page_sockets.ts";

/** How long a connection may be silent before it is probed, when nobody says, in milliseconds. */
export const HEARTBEAT_MS = 15_000;
/** The first and the longest wait before another try, in milliseconds. */
export const BACKOFF_MS_MIN = 250;
export const BACKOFF_MS_MAX = 30_000;
/** The longest that a server may tell a client to stay away, in milliseconds. */
export const RETRY_AFTER_MS_MAX = 10 * 60 * 1000;

/** `WebSocket.OPEN`, also where there is no `WebSocket`. */
const OPEN = 1;

/** What becomes of a connection, as its owner hears it. */
export interface ConnectionEvents {
  readonly opened: () => void;
  readonly received: (message: DownMessage, channel: number) => void;
  /** It was open and is gone; another try follows by itself. */
  readonly closed: () => void;
  /** Something went wrong; another try follows by itself. */
  readonly failed: (error: DriftlessError) => void;
  /** There is a server, and no WebSocket to it; another try follows by itself. */
  readonly refused: (error: DriftlessError) => void;
}

/** What a connection needs and tells. */
export interface LiveOptions extends ConnectionEvents {
  /** The address of one connection. */
  readonly liveUrl: (signal: AbortSignal) => Promise<string>;
  readonly heartbeatMs: number;
}

/** A live connection in the hands of a client, whether the socket is its own or another tab's. */
export interface Connection {
  /** Connects, and keeps connected. */
  open(): void;
  /** Disconnects, and stays so. */
  close(): void;
  /** Sends a message, if there is a connection. */
  send(message: UpMessage): void;
  /** Resolves when the server has answered everything up to now, or the connection is gone. */
  roundTrip(): Promise<void>;
  /** Tries at once instead of waiting: the network may be back. */
  hurry(): void;
  /** Gives this connection up; the next try waits at least this long, in milliseconds. */
  restart(afterMs: number): void;
}

/** One connection at a time, for as long as it is wanted. */
export class LiveConnection implements Connection {
  readonly #options: LiveOptions;
  #wanted = false;
  #socket: PageSocket | null = null;
  #opened = false;
  #attempts = 0;
  #abort = new AbortController();
  #retry: ReturnType<typeof setTimeout> | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  /** When the server was last pinged, in milliseconds of the page's own clock. */
  #probedAt = 0;
  /** When the next try is due, and when silence counts as death; `Infinity` while neither waits. */
  #retryAt = Infinity;
  #silentAt = Infinity;
  /** Pings of this connection that were not answered, oldest first, each with who waits for it. */
  #pings: (() => void)[] = [];

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Connects, and keeps connected. */
  open(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempts = 0;
    this.#connect();
  }

  /** Disconnects, and stays so. */
  close(): void {
    this.#wanted = false;
    this.#abort.abort();
    this.#calm();
    this.#drop();
  }

  /** Whether messages reach the server now. */
  get isOpen(): boolean {
    return this.#socket?.readyState === OPEN;
  }

  /** Sends a message, if there is a connection; each channel of it is a client of its own. */
  send(message: UpMessage, channel = 0): void {
    if (this.isOpen) this.#socket?.send(encodeUp(channel, message));
  }

  /** Does what is overdue: the timers of a page that nobody sees may sleep for a minute. */
  wake(): void {
    const now = performance.now();
    if (now >= this.#retryAt) this.#connect();
    else if (now >= this.#silentAt) this.#dead();
    else if (this.isOpen && now - this.#probedAt >= this.#options.heartbeatMs) this.#probe();
  }

  /** Resolves when the server has answered everything up to now, or the connection is gone. */
  roundTrip(): Promise<void> {
    return new Promise((resolve) => this.#probe(resolve));
  }

  /** Tries at once instead of waiting: the network may be back. */
  hurry(): void {
    if (!this.#wanted) return;
    if (this.#socket !== null) return this.#probe();
    this.#attempts = 0;
    this.#connect();
  }

  /** Gives this connection up; the next try waits at least this long, in milliseconds. */
  restart(afterMs: number): void {
    if (!this.#wanted) return;
    this.#abort.abort();
    this.#drop();
    this.#again(afterMs);
  }

  /** Asks for an address and opens it; whatever was under way before is called off. */
  async #connect(): Promise<void> {
    this.#calm();
    if (this.#socket !== null) return;
    this.#abort.abort();
    const { signal } = this.#abort = new AbortController();
    let url: string;
    try {
      url = await this.#options.liveUrl(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof DriftlessError) this.#options.failed(error);
      return this.#again(error instanceof RefusedError ? error.retryAfterMs : 0);
    }
    if (signal.aborted) return;
    try {
      this.#listen(takeSocket(url, SYNC_HALF));
    } catch (cause) {
      this.#options.refused(unopened(cause));
      this.#again(0);
    }
  }

  #listen(socket: PageSocket): void {
    this.#socket = socket;
    this.#opened = false;
    const opened = socket.onopen = () => {
      this.#heard();
      this.#opened = true;
      this.#options.opened();
    };
    socket.onmessage = ({ data }) => {
      this.#heard();
      this.#receive(data);
    };
    socket.onclose = () => this.restart(0);
    this.#probedAt = performance.now();
    this.#beat = setInterval(() => this.#probe(), this.#options.heartbeatMs);
    this.#expect();
    // The bridge of the page's islands may have opened it long ago.
    if (this.isOpen) opened();
  }

  #receive(data: unknown): void {
    let envelope: Envelope<DownMessage>;
    try {
      if (!(data instanceof ArrayBuffer)) {
        throw new DriftlessError("malformed", "Cannot read the message: it is text");
      }
      envelope = decodeDown(new Uint8Array(data));
    } catch (error) {
      this.#options.failed(error as DriftlessError);
      return this.restart(BACKOFF_MS_MAX);
    }
    const { channel, message } = envelope;
    if (isOfUse(message)) this.#attempts = 0;
    this.#options.received(message, channel);
    if (message.kind === "pong" && channel === 0) this.#pings.shift()?.();
  }

  /** Forgets the socket before closing it: a dead one may report its end much later, or never. */
  #drop(): void {
    clearInterval(this.#beat);
    this.#heard();
    const socket = this.#socket;
    if (socket === null) return;
    // The socket may stay, for the bridge.
    this.send({ kind: "unsubscribe", topic: "" });
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    leaveSocket(socket, SYNC_HALF);
    for (const answered of this.#pings.splice(0)) answered();
    if (this.#opened) this.#options.closed();
    else if (this.#wanted) this.#options.refused(unopened());
  }

  #again(afterMs: number): void {
    if (!this.#wanted) return;
    this.#calm();
    const wait = retryMs(afterMs, this.#attempts++);
    this.#retryAt = performance.now() + wait;
    this.#retry = setTimeout(() => this.#connect(), wait);
  }

  /** No try waits any more. */
  #calm(): void {
    clearTimeout(this.#retry);
    this.#retryAt = Infinity;
  }

  #probe(answered: () => void = () => {}): void {
    if (this.#socket?.readyState !== OPEN) return answered();
    this.#pings.push(answered);
    this.#probedAt = performance.now();
    this.send({ kind: "ping" });
    this.#expect();
  }

  #heard(): void {
    clearTimeout(this.#watch);
    this.#silentAt = Infinity;
  }

  /** The next message must come in time. */
  #expect(): void {
    this.#heard();
    const wait = this.#options.heartbeatMs / 2;
    this.#silentAt = performance.now() + wait;
    this.#watch = setTimeout(() => this.#dead(), wait);
  }

  /** Nobody is there any more, for whoever shares the socket. */
  #dead(): void {
    this.#socket?.close();
    this.restart(0);
  }
}

/**
 * How long to wait before the next try, in milliseconds: `attempts` tries have failed, and `random` is
 * from 0 to 1. A thousand clients of a server that comes back must not arrive together.
 */
export function backoffMs(attempts: number, random: number): number {
  const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** attempts);
  return ceiling / 2 + random * ceiling / 2;
}

/** As `backoffMs`, and at least as long as the server asks for, within reason. */
export function retryMs(afterMs: number, attempts: number): number {
  return Math.max(Math.min(afterMs, RETRY_AFTER_MS_MAX), backoffMs(attempts, Math.random()));
}

/** Whether a message shows that the connection is worth having, so that a loss is answered at once. */
export function isOfUse(message: DownMessage): boolean {
  return message.kind !== "failure" && !(message.kind === "welcome" && message.reset);
}

function unopened(cause?: unknown): DriftlessError {
  const options = cause === undefined ? {} : { cause };
  return new DriftlessError("unavailable", "Cannot open a live connection", options);
}
