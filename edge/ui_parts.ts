/**
 * What islands say to one tab, cut into parts where it is too large for one message of its socket.
 *
 * A part leaves when the socket has room, as any message that can wait. Nothing passes it: what is said
 * meanwhile follows the last one, and a tab is not ready for news before that.
 */
import { ServerMessage } from "../core/wire/ui_gen.ts";

/** Bytes of one part. */
export const UI_PART_BYTES_MAX = 128 * 1024;
/** Bytes that are put together in a tab, and that wait for it here, at the most. */
export const UI_BODY_BYTES_MAX = 16 * 1024 * 1024;

/** Where parts go. */
export interface UiPartsOutput {
  /** Sends a whole message, in its envelope. */
  readonly send: (body: Uint8Array) => void;
  /** Whether the socket has room. */
  readonly isReady: () => boolean;
  /** More is to be said than can be. */
  readonly overflow: (bytes: number) => void;
}

/** The way of messages to one tab. */
export class UiParts {
  readonly #output: UiPartsOutput;
  #waiting: Uint8Array[] = [];
  #bytes = 0;

  constructor(output: UiPartsOutput) {
    this.#output = output;
  }

  /** Whether a message would leave at once. */
  get isReady(): boolean {
    return this.#waiting.length === 0 && this.#output.isReady();
  }

  /** Says something, in parts if need be. */
  send(body: Uint8Array): void {
    if (this.#waiting.length === 0 && body.length <= UI_PART_BYTES_MAX) {
      return this.#output.send(body);
    }
    if (this.#bytes + body.length > UI_BODY_BYTES_MAX) {
      return this.#output.overflow(this.#bytes + body.length);
    }
    this.#bytes += body.length;
    this.#waiting.push(...partsOf(body));
    this.drained();
  }

  /** The socket has room: goes on with what waits. */
  drained(): void {
    let sent = 0;
    while (sent < this.#waiting.length && this.#output.isReady()) {
      this.#output.send(this.#waiting[sent++] as Uint8Array);
    }
    this.#waiting.splice(0, sent);
    if (this.#waiting.length === 0) this.#bytes = 0;
  }
}

/** The messages that a body is sent as. */
function partsOf(body: Uint8Array): Uint8Array[] {
  if (body.length <= UI_PART_BYTES_MAX) return [body];
  const count = Math.ceil(body.length / UI_PART_BYTES_MAX);
  return Array.from({ length: count }, (_, index) => {
    const part = body.subarray(index * UI_PART_BYTES_MAX, (index + 1) * UI_PART_BYTES_MAX);
    return ServerMessage.encode({ part, more: index < count - 1 });
  });
}
