/**
 * The WebSockets of a module in durable mode: each event is a request to the module, one after another.
 *
 *     method            body          what happened
 *     WEBSOCKET         the text      a text message came
 *     WEBSOCKET_BINARY  the bytes     a binary message came
 *     WEBSOCKET_CLOSE   empty         the socket is closed; what is answered is of no account
 *
 * Target and headers are those of the request that opened the socket. A body in the response is sent
 * back: as bytes when bytes came or the response has `x-ws-binary: true`, else as text. With
 * `x-ws-close: true` the socket is closed then, with code 1000. When the module fails, the peer gets
 * the text `error: …`, which says no more than a response would, and code 1011; when the module has too
 * much to do, code 1013. The events of one socket never overtake each other.
 */
import { DriftlessError } from "../../core/errors.ts";
import { errorText, type Log } from "../log.ts";
import {
  type Socket,
  SOCKET_MESSAGE_BYTES_MAX,
  type SocketHandlers,
  type Upgrade,
} from "../socket.ts";
import type { WasmRequest } from "./request_slots.ts";
import type { ReadResponse } from "./response_slots.ts";

/** Asks a module; `use` sees the response while the module's instance is there. */
export type AskModule = <T>(
  request: WasmRequest,
  use: (response: ReadResponse) => T,
) => Promise<T>;

/** WebSockets of one mount at once. */
export const MODULE_SOCKETS_MAX = 1_000;
/** WebSockets of one address at once. */
export const ADDRESS_SOCKETS_MAX = MODULE_SOCKETS_MAX / 2;
/** Messages of one socket that wait for the module. One more closes it with 1008. */
export const SOCKET_EVENTS_MAX = 64;
/** Bytes of the messages that wait, of one socket. More closes it with 1008. */
export const SOCKET_EVENT_BYTES_MAX = 2 * SOCKET_MESSAGE_BYTES_MAX;
/** How long a socket without a message is kept, in milliseconds: nobody may be there any more. */
export const SOCKET_SILENCE_MS_MAX = 10 * 60 * 1000;

const CLOSE_NORMAL = 1000;
const CLOSE_GOING_AWAY = 1001;
const CLOSE_POLICY = 1008;
const CLOSE_FAILED = 1011;
const CLOSE_BUSY = 1013;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const NO_BYTES = new Uint8Array();

/** What a module said to a message. */
interface Reply {
  readonly body: Uint8Array;
  readonly isBinary: boolean;
  readonly isLast: boolean;
}

/** The WebSockets of one mount. */
export class ModuleSockets {
  readonly #ask: AskModule;
  readonly #log: Log;
  readonly #addresses = new Map<string, number>();
  #size = 0;

  constructor(ask: AskModule, log: Log) {
    this.#ask = ask;
    this.#log = log;
  }

  /** Sockets that are open. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a WebSocket in; `opening` is the request that asks for it.
   *
   * @throws {DriftlessError} `unavailable` when there are too many
   */
  upgrade(opening: WasmRequest, address: string): Upgrade {
    const own = this.#addresses.get(address) ?? 0;
    if (this.#size >= MODULE_SOCKETS_MAX || own >= ADDRESS_SOCKETS_MAX) {
      throw new DriftlessError("unavailable", "The handler has too many WebSockets");
    }
    return {
      accept: (socket) => {
        this.#count(address, 1);
        return new ModuleSocket(socket, opening, {
          ask: this.#ask,
          log: this.#log,
          over: () => this.#count(address, -1),
        });
      },
    };
  }

  #count(address: string, more: 1 | -1): void {
    this.#size += more;
    const own = (this.#addresses.get(address) ?? 0) + more;
    if (own === 0) this.#addresses.delete(address);
    else this.#addresses.set(address, own);
  }
}

interface SocketParts {
  readonly ask: AskModule;
  readonly log: Log;
  /** Told when the socket is no more. */
  readonly over: () => void;
}

/** One WebSocket, and the events of it that wait. */
class ModuleSocket implements SocketHandlers {
  readonly #socket: Socket;
  readonly #opening: WasmRequest;
  readonly #parts: SocketParts;
  #tail = Promise.resolve();
  #events = 0;
  #bytes = 0;
  /** Set when the module failed: it is another one now, which knows nothing of the socket. */
  #hasFailed = false;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket, opening: WasmRequest, parts: SocketParts) {
    this.#socket = socket;
    this.#opening = opening;
    this.#parts = parts;
    this.#listen();
  }

  message(bytes: Uint8Array): void {
    this.#take("WEBSOCKET_BINARY", bytes);
  }

  text(text: string): void {
    this.#take("WEBSOCKET", encoder.encode(text));
  }

  closed(): void {
    clearTimeout(this.#silence);
    this.#parts.over();
    this.#then(async () => {
      if (this.#hasFailed) return;
      // How the module takes it concerns nobody any more; that it failed is in the log.
      await this.#parts.ask(
        { ...this.#opening, method: "WEBSOCKET_CLOSE", body: NO_BYTES },
        () => {},
      )
        .catch(() => {});
    });
  }

  #take(method: "WEBSOCKET" | "WEBSOCKET_BINARY", body: Uint8Array): void {
    if (this.#events >= SOCKET_EVENTS_MAX || this.#bytes + body.length > SOCKET_EVENT_BYTES_MAX) {
      return this.#socket.close(CLOSE_POLICY, "Too many messages wait");
    }
    this.#listen();
    this.#events++;
    this.#bytes += body.length;
    this.#then(async () => {
      try {
        if (!this.#hasFailed) await this.#answer(method, body);
      } finally {
        this.#events--;
        this.#bytes -= body.length;
      }
    });
  }

  async #answer(method: "WEBSOCKET" | "WEBSOCKET_BINARY", body: Uint8Array): Promise<void> {
    let reply: Reply;
    try {
      reply = await this.#parts.ask({ ...this.#opening, method, body }, replyOf);
    } catch (error) {
      return this.#fail(error);
    }
    if (reply.body.length > 0) {
      if (reply.isBinary || method === "WEBSOCKET_BINARY") this.#socket.send(reply.body);
      else this.#socket.sendText(decoder.decode(reply.body));
    }
    if (reply.isLast) this.#socket.close(CLOSE_NORMAL, "");
  }

  #fail(error: unknown): void {
    const isBusy = error instanceof DriftlessError && error.code === "unavailable";
    const isKnown = error instanceof DriftlessError;
    if (!isKnown) this.#parts.log.error("socket failed", { error: errorText(error) });
    const text = isKnown ? error.message : "The handler failed";
    this.#hasFailed = !isBusy;
    this.#socket.sendText(`error: ${text}`);
    this.#socket.close(isBusy ? CLOSE_BUSY : CLOSE_FAILED, text);
  }

  #then(work: () => Promise<void>): void {
    this.#tail = this.#tail.then(work);
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(
      () => this.#socket.close(CLOSE_GOING_AWAY, "Nothing was said for long"),
      SOCKET_SILENCE_MS_MAX,
    );
  }
}

/** A copy: the module's instance goes on to the next event. */
function replyOf({ headers, body }: ReadResponse): Reply {
  const says = (name: string) => headers.some((it) => it[0] === name && it[1] === "true");
  return { body: body.slice(), isBinary: says("x-ws-binary"), isLast: says("x-ws-close") };
}
