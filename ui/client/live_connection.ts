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
  type UpMessage,
} from "../../core/wire/messages.ts";

/** The first and the longest wait before another try, in milliseconds. */
export const BACKOFF_MS_MIN = 250;
export const BACKOFF_MS_MAX = 30_000;

/** What a connection needs and tells. */
export interface LiveOptions {
  /** The address of one connection. */
  readonly liveUrl: (signal: AbortSignal) => Promise<string>;
  readonly heartbeatMs: number;
  readonly opened: () => void;
  readonly received: (message: DownMessage) => void;
  /** It is gone; another try follows by itself. */
  readonly closed: () => void;
  readonly failed: (error: DriftlessError) => void;
}

/** One connection at a time, for as long as it is wanted. */
export class LiveConnection {
  readonly #options: LiveOptions;
  #wanted = false;
  #socket: WebSocket | null = null;
  #attempts = 0;
  #abort = new AbortController();
  #retry: ReturnType<typeof setTimeout> | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Connects, and keeps connected. */
  open(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#abort = new AbortController();
    this.#attempts = 0;
    this.#connect();
  }

  /** Disconnects, and stays so. */
  close(): void {
    this.#wanted = false;
    this.#abort.abort();
    clearTimeout(this.#retry);
    this.#drop();
  }

  /** Sends a message, if there is a connection. */
  send(message: UpMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encodeUp(0, message));
  }

  /** Tries at once instead of waiting: the network may be back. */
  hurry(): void {
    if (!this.#wanted) return;
    if (this.#socket !== null) return this.#probe();
    this.#attempts = 0;
    clearTimeout(this.#retry);
    this.#connect();
  }

  /** Gives this connection up; the next try waits at least this long, in milliseconds. */
  restart(afterMs: number): void {
    if (!this.#wanted) return;
    this.#drop();
    this.#again(afterMs);
  }

  async #connect(): Promise<void> {
    const { signal } = this.#abort;
    let url: string;
    try {
      url = await this.#options.liveUrl(signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof DriftlessError) this.#options.failed(error);
      return this.#again(0);
    }
    if (signal.aborted || this.#socket !== null) return;
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      clearTimeout(this.#watch);
      this.#options.opened();
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(this.#watch);
      this.#receive(data);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#drop();
      this.#again(0);
    };
    this.#beat = setInterval(() => this.#probe(), this.#options.heartbeatMs);
    this.#expect();
  }

  #receive(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return;
    try {
      const { message } = decodeDown(new Uint8Array(data));
      this.#attempts = 0;
      this.#options.received(message);
    } catch (error) {
      if (!(error instanceof DriftlessError)) throw error;
      this.#options.failed(error);
      this.restart(BACKOFF_MS_MAX);
    }
  }

  /** Forgets the socket before closing it: a dead one may report its end much later, or never. */
  #drop(): void {
    clearInterval(this.#beat);
    clearTimeout(this.#watch);
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#options.closed();
  }

  #again(afterMs: number): void {
    if (!this.#wanted) return;
    // Full jitter: a thousand clients of a server that comes back must not arrive together.
    const ceiling = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#attempts++);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(
      () => this.#connect(),
      Math.max(afterMs, ceiling / 2 + Math.random() * ceiling / 2),
    );
  }

  #probe(): void {
    this.send({ kind: "ping" });
    this.#expect();
  }

  /** The next message must come in time. */
  #expect(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.restart(0), this.#options.heartbeatMs / 2);
  }
}
