/**
 * A WebSocket that keeps its object in memory as long as it is open: for modules, whose state is nowhere
 * else.
 */
import { type Socket, SOCKET_MESSAGE_BYTES_MAX, type Upgrade } from "../socket.ts";
import { closeQuietly } from "./object_peer.ts";
import type { ObjectSocket } from "./object_types.ts";

/** As much of the platform's WebSocket as stays with its object. */
export interface AwakeSocket extends ObjectSocket, EventTarget {
  /** Begins to tell of messages. */
  accept(): void;
}

const CLOSE_UNSUPPORTED = 1003;
const CLOSE_TOO_LARGE = 1009;
const CLOSE_FAILED = 1011;
const CLOSE_LOST = 1006;

/** Connects a socket with what the host does with it. */
export function acceptAwake(socket: AwakeSocket, upgrade: Upgrade, remoteAddress: string): void {
  let isClosed = false;
  const close = (code: number, reason: string) => {
    if (isClosed) return;
    isClosed = true;
    closeQuietly(socket, code, reason);
    queueMicrotask(() => handlers.closed(code));
  };
  const send = (message: Uint8Array | string) => {
    if (isClosed) return;
    try {
      socket.send(message);
    } catch {
      // It is gone; that it is comes as an event of its own.
    }
  };
  const own: Socket = {
    remoteAddress,
    bufferedBytes: 0,
    send,
    sendText: send,
    close,
    terminate: () => close(CLOSE_FAILED, "terminated"),
  };
  const receive = (data: unknown) => {
    if (data instanceof ArrayBuffer) {
      if (data.byteLength > SOCKET_MESSAGE_BYTES_MAX) return close(CLOSE_TOO_LARGE, "too large");
      return handlers.message(new Uint8Array(data));
    }
    if (typeof data !== "string" || handlers.text === undefined) {
      return close(CLOSE_UNSUPPORTED, "Messages are binary");
    }
    if (new TextEncoder().encode(data).length > SOCKET_MESSAGE_BYTES_MAX) {
      return close(CLOSE_TOO_LARGE, "too large");
    }
    handlers.text(data);
  };
  socket.accept();
  const handlers = upgrade.accept(own);
  socket.addEventListener("message", (event) => {
    if (isClosed) return;
    try {
      receive((event as MessageEvent).data);
    } catch (error) {
      close(CLOSE_FAILED, "internal_error");
      throw error;
    }
  });
  const ended = (code: number) => {
    if (isClosed) return;
    isClosed = true;
    closeQuietly(socket, 1000, "");
    handlers.closed(code);
  };
  socket.addEventListener("close", (event) => ended((event as CloseEvent).code));
  socket.addEventListener("error", () => ended(CLOSE_LOST));
}
