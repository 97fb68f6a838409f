/** A connection as islands see it: their messages in envelopes, in parts where they are large. */
import type { Principal } from "../core/app.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { LiveHost } from "../ui/live_host.ts";
import type { UiConnection } from "../ui/live_ports.ts";
import type { LiveUiSession } from "../ui/live_session.ts";
import { UI_PART_BYTES_MAX, UiParts } from "./ui_parts.ts";

/** The socket of a tab. */
export interface UiSocket {
  readonly principal: Principal | null;
  /** Sends a whole message. */
  send(bytes: Uint8Array): void;
  isReady(): boolean;
  close(code: ErrorCode): void;
}

/** What islands make of a connection. */
export interface UiPeer {
  /** @throws {DriftlessError} when the connection is of no use */
  received(body: Uint8Array): void;
  drained(): void;
  recheck(): void;
  closed(): void;
}

/** What all tabs have in common. */
export interface UiTabHost {
  readonly host: LiveHost;
  /** A message in its envelope: the same bytes for all tabs that are told the same. */
  readonly envelope: (body: Uint8Array) => Uint8Array;
  /** So many bytes are more than can be sent. */
  readonly overflowed: (bytes: number) => void;
}

/** A tab that has asked for islands. */
export class UiTab implements UiConnection, UiPeer {
  readonly #host: UiTabHost;
  readonly #socket: UiSocket;
  readonly #session: LiveUiSession;
  /** Once something was too large for one message. */
  #parts: UiParts | undefined;

  constructor(host: UiTabHost, socket: UiSocket) {
    this.#host = host;
    this.#socket = socket;
    this.#session = host.host.open(this);
  }

  get principal(): Principal | null {
    return this.#socket.principal;
  }

  send(body: Uint8Array): void {
    const { envelope } = this.#host;
    if (this.#parts === undefined && body.length <= UI_PART_BYTES_MAX) {
      return this.#socket.send(envelope(body));
    }
    this.#parts ??= new UiParts({
      send: (part) => this.#socket.send(envelope(part)),
      isReady: () => this.#socket.isReady(),
      overflow: (bytes) => {
        // It cannot be sent now or later: whoever tried again would be cut for ever.
        this.#host.overflowed(bytes);
        this.close("too_large");
      },
    });
    this.#parts.send(body);
  }

  isReady(): boolean {
    return this.#parts === undefined ? this.#socket.isReady() : this.#parts.isReady;
  }

  close(code: ErrorCode): void {
    this.#socket.close(code);
  }

  received(body: Uint8Array): void {
    this.#session.received(body);
  }

  drained(): void {
    this.#parts?.drained();
    if (this.isReady()) this.#session.drained();
  }

  recheck(): void {
    this.#session.recheck();
  }

  closed(): void {
    this.#session.closed();
  }
}
