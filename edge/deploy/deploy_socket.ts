/**
 * A WebSocket of `Deno.upgradeWebSocket`, which Deno Deploy has: bounded as far as it allows.
 *
 * It takes a message whole before anybody can say that it is too large (Deno's own bound is 64 MiB), it
 * tells of no moment when it has sent everything, and it keeps what a peer does not read until that
 * peer's connection breaks. So what waits is looked at, and a peer that is given up is sent nothing more.
 */
import type { Wire } from "../server_socket.ts";

/** The part of a `WebSocket` of the server side that is used here. */
export interface DenoSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
  onerror: (() => void) | null;
  send(data: Uint8Array<ArrayBuffer> | string): void;
  close(code?: number, reason?: string): void;
}

/** How often to look whether a socket has sent everything, while it has not, in milliseconds. */
export const DRAIN_MS = 50;

const CLOSED_CODE = 1011;

/** Who is told of a connection. */
export interface WireEvents {
  /** Nothing waits any more. */
  drained(): void;
  /** It was given up, and nothing more will be heard of it. */
  given(): void;
}

/** One connection, as a {@linkcode Wire}. */
export class DeployWire implements Wire {
  readonly #socket: DenoSocket;
  readonly #events: WireEvents;
  #looking: ReturnType<typeof setInterval> | undefined;
  #isOver = false;

  constructor(socket: DenoSocket, events: WireEvents) {
    this.#socket = socket;
    this.#events = events;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    this.#send(bytes as Uint8Array<ArrayBuffer>);
  }

  sendText(text: string): void {
    this.#send(text);
  }

  close(code: number, reason: string): void {
    if (!this.#isOver) this.#socket.close(code, reason);
  }

  reset(): void {
    this.close(CLOSED_CODE, "The connection was given up");
    this.over();
    // Its close may never come: it waits behind what the peer does not read.
    queueMicrotask(() => this.#events.given());
  }

  /** The connection is gone. */
  over(): void {
    this.#isOver = true;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  #send(data: Uint8Array<ArrayBuffer> | string): void {
    if (this.#isOver) return;
    try {
      this.#socket.send(data);
    } catch {
      // It is closing: its end is told of by itself.
      return;
    }
    if (this.#looking !== undefined || this.#socket.bufferedAmount === 0) return;
    this.#looking = setInterval(() => {
      if (this.#socket.bufferedAmount > 0) return;
      clearInterval(this.#looking);
      this.#looking = undefined;
      this.#events.drained();
    }, DRAIN_MS);
  }
}
