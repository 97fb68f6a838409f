/**
 * What waits to be sent to one peer: bounded in messages and bytes.
 *
 * A peer that does not keep up is cut, never waited for: it resumes from its cursor, and nobody else
 * notices. Within one turn of the event loop one message leaves at the most, so a burst alone makes no
 * peer slow: one that is over the bounds has a moment to get below them.
 */
import { type Socket, SOCKET_OUTBOX_BYTES_MAX } from "./socket.ts";

/** Messages that wait for one peer at the most. */
export const OUTBOX_MESSAGES_MAX = 256;
/** Bytes in the socket above which further messages wait here, where they can be counted. */
export const OUTBOX_SOCKET_BYTES_MAX = 64 * 1024;
/** How long a peer may be over the bounds, in milliseconds. */
export const OUTBOX_OVER_MS_MAX = 1_000;
/** How many times the bounds a burst may be. */
export const OUTBOX_BURST_FACTOR = 4;

const NOTHING: readonly Uint8Array[] = [];

/** A bounded queue in front of one socket. */
export class Outbox {
  readonly #socket: Socket;
  readonly #now: () => number;
  readonly #overflow: (socket: Socket) => void;
  /** Nothing while all is sent at once, as nearly always. */
  #waiting: Uint8Array[] | undefined;
  #bytes = 0;
  #closed = false;
  /** Since when it is over the bounds. */
  #overSince: number | undefined;

  /**
   * `now` is a clock in milliseconds that never goes back; `overflow` is told once, after the peer
   * was cut.
   */
  constructor(socket: Socket, now: () => number, overflow: (socket: Socket) => void) {
    this.#socket = socket;
    this.#now = now;
    this.#overflow = overflow;
  }

  /** Sends now if the peer keeps up, later if it is behind, and cuts it if it is too far behind. */
  send(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.#waiting === undefined && this.#socket.bufferedBytes < OUTBOX_SOCKET_BYTES_MAX) {
      this.#socket.send(bytes);
      return;
    }
    (this.#waiting ??= []).push(bytes);
    this.#bytes += bytes.length;
    if (!this.#exceeds(1)) return;
    const now = this.#now();
    this.#overSince ??= now;
    if (now - this.#overSince < OUTBOX_OVER_MS_MAX && !this.#exceeds(OUTBOX_BURST_FACTOR)) return;
    this.close();
    this.#socket.terminate();
    this.#overflow(this.#socket);
  }

  /** Whether nothing waits that was to be sent before. */
  get isEmpty(): boolean {
    return this.#waiting === undefined && this.#socket.bufferedBytes < OUTBOX_SOCKET_BYTES_MAX;
  }

  /** The socket has taken everything: goes on with what waits. */
  drained(): void {
    const waiting = this.#waiting ?? NOTHING;
    let sent = 0;
    while (sent < waiting.length && this.#socket.bufferedBytes < OUTBOX_SOCKET_BYTES_MAX) {
      const bytes = waiting[sent++] as Uint8Array;
      this.#bytes -= bytes.length;
      this.#socket.send(bytes);
    }
    if (sent === waiting.length) this.#waiting = undefined;
    else this.#waiting?.splice(0, sent);
    if (!this.#exceeds(1)) this.#overSince = undefined;
  }

  /** Forgets what waits. */
  close(): void {
    this.#closed = true;
    this.#waiting = undefined;
    this.#bytes = 0;
  }

  #exceeds(times: number): boolean {
    return (this.#waiting ?? NOTHING).length > times * OUTBOX_MESSAGES_MAX ||
      this.#bytes > times * SOCKET_OUTBOX_BYTES_MAX;
  }
}
