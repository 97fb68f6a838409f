/** The part of an accepted WebSocket that does not depend on the runtime: order, bounds, guards. */
import {
  type Socket,
  SOCKET_BUFFER_BYTES_MAX,
  SOCKET_CLOSE_MS_MAX,
  SOCKET_LINGER_MS,
  SOCKET_REASON_BYTES_MAX,
  type SocketHandlers,
} from "./socket.ts";

/** What a runtime must be able to do with one connection. */
export interface Wire {
  readonly bufferedBytes: number;
  send(bytes: Uint8Array): void;
  sendText(text: string): void;
  /** Sends a close frame; `reason` fits one. */
  close(code: number, reason: string): void;
  /** Drops the connection without waiting for the peer. Harmless when it is gone. */
  reset(): void;
}

/** The code that stands for "the connection just broke". */
const CLOSE_CODE_BROKEN = 1006;
const CLOSE_CODE_GOING_AWAY = 1001;
const CLOSE_CODE_NOT_BINARY = 1003;
const CLOSE_CODE_FAILED = 1011;
/** How long a runtime is given to report connections as gone after they were cut. */
const CUT_MS_MAX = 500;

/**
 * One accepted WebSocket: the host holds it as `Socket`, the listener feeds it through `start`,
 * `receive`, `drained`, `refused` and `ended`.
 */
export class ServerSocket implements Socket {
  readonly remoteAddress: string;
  readonly #wire: Wire;
  readonly #failed: (error: unknown) => void;
  #handlers: SocketHandlers | undefined;
  #open = true;
  /** Set when this side decided how the socket ends; the same code is reported on any runtime. */
  #ownCode: number | undefined;
  #dropped = false;
  #endCode: number | undefined;
  /** Somebody waits for the end. */
  #end: PromiseWithResolvers<void> | undefined;
  #resetTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(wire: Wire, remoteAddress: string, failed: (error: unknown) => void) {
    this.#wire = wire;
    this.remoteAddress = remoteAddress;
    this.#failed = failed;
  }

  get bufferedBytes(): number {
    return this.#dropped || this.#endCode !== undefined ? 0 : this.#wire.bufferedBytes;
  }

  /** Resolves when the host has been told of the end. */
  get gone(): Promise<void> {
    if (this.#endCode !== undefined) return Promise.resolve();
    this.#end ??= Promise.withResolvers<void>();
    return this.#end.promise;
  }

  send(bytes: Uint8Array): void {
    if (!this.#open) return;
    this.#wire.send(bytes);
    if (this.#wire.bufferedBytes > SOCKET_BUFFER_BYTES_MAX) this.terminate();
  }

  sendText(text: string): void {
    if (!this.#open) return;
    this.#wire.sendText(text);
    if (this.#wire.bufferedBytes > SOCKET_BUFFER_BYTES_MAX) this.terminate();
  }

  close(code: number, reason: string): void {
    if (!this.#open) return;
    this.#ownCode = code;
    this.#leaveWithin(SOCKET_CLOSE_MS_MAX);
    this.#wire.close(code, fitReason(reason));
  }

  terminate(): void {
    if (this.#open) this.#ownCode = CLOSE_CODE_BROKEN;
    this.#open = false;
    if (this.#dropped || this.#endCode !== undefined) return;
    this.#dropped = true;
    this.#wire.reset();
  }

  /** Hands the socket to the host. */
  start(accept: (socket: Socket) => SocketHandlers): void {
    this.#guard(() => {
      const handlers = accept(this);
      this.#handlers = handlers;
      // The host may have terminated the socket inside `accept`, and some runtimes report the end
      // at once, when there was nobody to tell yet.
      if (this.#endCode !== undefined) handlers.closed(this.#endCode);
    });
  }

  /** A whole message. */
  receive(message: Uint8Array | string): void {
    if (!this.#open) return;
    const handlers = this.#handlers;
    if (typeof message !== "string") {
      // Runtimes hand out Node buffers, whose `slice` does not copy; the host gets the plain kind.
      const plain = new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
      return this.#guard(() => handlers?.message(plain));
    }
    if (handlers?.text !== undefined) return this.#guard(() => handlers.text?.(message));
    this.close(CLOSE_CODE_NOT_BINARY, "Only binary messages are accepted");
    this.#leaveWithin(SOCKET_LINGER_MS);
  }

  drained(): void {
    if (this.#open) this.#guard(() => this.#handlers?.drained?.());
  }

  /** The peer broke the protocol: it is given a moment to read why, whether it reads or not. */
  refused(): void {
    if (this.#open) this.#ownCode = CLOSE_CODE_BROKEN;
    this.#leaveWithin(SOCKET_LINGER_MS);
  }

  /** The connection is gone. */
  ended(code: number): void {
    if (this.#endCode !== undefined) return;
    this.#open = false;
    const endCode = this.#ownCode ?? code;
    this.#endCode = endCode;
    clearTimeout(this.#resetTimer);
    this.#guard(() => this.#handlers?.closed(endCode));
    this.#end?.resolve();
  }

  #leaveWithin(ms: number): void {
    this.#open = false;
    clearTimeout(this.#resetTimer);
    this.#resetTimer = setTimeout(() => this.terminate(), ms);
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failed(error);
      this.close(CLOSE_CODE_FAILED, "The server failed");
    }
  }
}

/**
 * Ends a listener that accepts no more: sockets are closed with 1001, and what is not gone after
 * `graceMs` is cut. `closed` resolves when the last connection is gone. When this resolves, the
 * host has been told of the end of every socket.
 */
export async function closeWithin(
  graceMs: number,
  closed: Promise<void>,
  sockets: ReadonlySet<ServerSocket>,
  cut: () => void,
): Promise<void> {
  const all = [...sockets];
  const done = Promise.all([closed, ...all.map((socket) => socket.gone)]);
  for (const socket of all) socket.close(CLOSE_CODE_GOING_AWAY, "The server is stopping");
  await within(done, graceMs);
  for (const socket of all) socket.terminate();
  cut();
  await within(done, CUT_MS_MAX);
  for (const socket of all) socket.ended(CLOSE_CODE_BROKEN);
}

async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}

function fitReason(reason: string): string {
  const bytes = new Uint8Array(SOCKET_REASON_BYTES_MAX);
  return reason.slice(0, new TextEncoder().encodeInto(reason, bytes).read);
}
