/**
 * What the host asks of a server: one port for HTTP and WebSocket, bounded whatever a peer does.
 *
 * ```
 * TCP ─ Listener ─┬─ fetch(request)   → Response            every ordinary request
 *                 └─ upgrade(request) → Response | Upgrade  every WebSocket request
 *                                                  └─ accept(socket) → SocketHandlers
 * ```
 *
 * `listen_node.ts` and `listen_bun.ts` implement it and answer to the same test suite; what they do
 * alike is in `server_socket.ts` and `request_bounds.ts`.
 */
import type { Identity } from "./identity.ts";
import { LIVE_MESSAGE_BYTES_MAX, PUSH_BODY_BYTES_MAX } from "../core/limits.ts";

/** Bytes of one message from a peer, all fragments together. One more is close code 1009. */
export const SOCKET_MESSAGE_BYTES_MAX = LIVE_MESSAGE_BYTES_MAX;
/** Bytes that wait for one peer right after a send. One more terminates the peer. */
export const SOCKET_BUFFER_BYTES_MAX = 1024 * 1024;
/** Bytes that the host lets wait for one peer before it counts as slow; the host's to enforce. */
export const SOCKET_OUTBOX_BYTES_MAX = 256 * 1024;
/** How long a peer may take to answer a close frame before it is terminated, in milliseconds. */
export const SOCKET_CLOSE_MS_MAX = 5_000;
/** How long a peer that broke the protocol is left to read why, in milliseconds. */
export const SOCKET_LINGER_MS = 500;
/** UTF-8 bytes of the reason in a close frame: a control frame holds 125, two are the code. */
export const SOCKET_REASON_BYTES_MAX = 123;
/** Bytes of a request's line and headers. More is status 431. */
export const HTTP_HEADER_BYTES_MAX = 16 * 1024;
/**
 * How long a peer may take to send its headers, in milliseconds, then 408. Bun has a clock of its
 * own for this: it cuts the connection after ten to twelve seconds.
 */
export const HTTP_HEADER_MS_MAX = 5_000;
/** Bytes of a request's body. More is status 413. */
export const HTTP_BODY_BYTES_MAX = PUSH_BODY_BYTES_MAX;
/** How long a peer may take to send its body, in milliseconds, then 408. */
export const HTTP_BODY_MS_MAX = 30_000;
/** How long a connection waits for its next request, in milliseconds; on Bun, as for the idle. */
export const HTTP_KEEP_ALIVE_MS_MAX = 15_000;
/** How long a request or a response may stand still, in milliseconds, before it is cut. */
export const HTTP_IDLE_MS_MAX = 120_000;

/** One accepted WebSocket. No method throws, and after the close every one does nothing. */
export interface Socket {
  /** The peer's IP address, or that of its proxy. */
  readonly remoteAddress: string;
  /**
   * Bytes handed to `send` that the operating system has not taken yet. A batch counts in full
   * until all of it is taken, and what waits in the kernel's own buffer does not count.
   */
  readonly bufferedBytes: number;
  /**
   * Sends one binary message. The bytes must not change afterwards: they are not always copied.
   * What is sent within one turn of the event loop leaves in one write, but for the first message, which
   * may leave at once.
   */
  send(bytes: Uint8Array): void;
  /** Sends one text message, for who speaks text at all; as `send` otherwise. */
  sendText(text: string): void;
  /**
   * Says goodbye to a peer that reads; one that does not is terminated later. Codes: 1000 normal,
   * 1001 going away, 1003 not binary, 1008 policy, 1011 failed, 4000 to 4999 the host's own.
   */
  close(code: number, reason: string): void;
  /** Drops the connection at once and frees all that it held. For slow and hostile peers. */
  terminate(): void;
}

/**
 * What the host does with a socket; each is called as a method of this object. A handler that throws costs
 * its own socket (code 1011).
 */
export interface SocketHandlers {
  /** The handler owns the bytes. A small part that it keeps long is better copied out. */
  message(bytes: Uint8Array): void;
  /** A text message. Without this, who sends one is refused with code 1003. */
  text?(text: string): void;
  /**
   * Called exactly once: with the code that the host closed with, else with the peer's (1005 if it
   * named none), else 1006: terminated, cut, or refused for breaking the protocol.
   */
  closed(code: number): void;
  /** The peer has taken everything after bytes had been waiting. */
  drained?(): void;
}

/** The host's consent to a WebSocket. */
export interface Upgrade {
  /** Called when the handshake is done; not at all when the peer has gone meanwhile. */
  accept(socket: Socket): SocketHandlers;
  /** Who was admitted, for a host whose sockets outlive its memory. */
  readonly identity?: Identity;
  /** The one of the offered subprotocols that the host speaks; none when absent. */
  readonly protocol?: string;
}

/** The other end of a connection as TCP sees it, which may be a proxy. */
export interface Peer {
  /** An IP address, without a port; `""` when unknown. */
  readonly remoteAddress: string;
}

export interface ListenOptions {
  readonly hostname: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** @default {HTTP_BODY_MS_MAX} */
  readonly bodyMsMax?: number;
  fetch(request: Request, peer: Peer): Response | Promise<Response>;
  /** A `Response` refuses the WebSocket and is what the peer gets. */
  upgrade(request: Request, peer: Peer): Response | Upgrade | Promise<Response | Upgrade>;
  /** Told of what the host's own functions throw. The peer only learns that something failed. */
  failed(error: unknown): void;
}

export interface Listener {
  readonly hostname: string;
  readonly port: number;
  /**
   * Stops accepting, closes sockets with 1001, lets requests finish, and cuts what is left after
   * `graceMs`. Always resolves; calling it again gives the same promise.
   */
  shutdown(graceMs: number): Promise<void>;
}

export type Listen = (options: ListenOptions) => Promise<Listener>;
