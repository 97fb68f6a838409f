/**
 * A WebSocket of a Durable Object, which outlives the object's memory.
 *
 * What a connection has said that still counts (who it is, its channels, its topics, what it shows) is
 * kept with the socket, as the messages that say it. When the object wakes up, they are said again, with
 * nothing answered: each channel stands at the end of the log then. A client that had not come so far
 * finds the next poke ahead of its rows, and asks for what is between.
 */
import { CHANNELS_MAX, TOPICS_MAX } from "../../core/session.ts";
import { DEFAULT_SCOPE } from "../../core/mutation.ts";
import { decodeUp, encodeUp, PROTOCOL_VERSION, type UpMessage } from "../../core/wire/messages.ts";
import type { Identity } from "../identity.ts";
import {
  type Socket,
  SOCKET_MESSAGE_BYTES_MAX,
  SOCKET_REASON_BYTES_MAX,
  type SocketHandlers,
} from "../socket.ts";
import type { ObjectSocket } from "./object_types.ts";

/** What a channel has said that still counts. */
interface SavedChannel {
  readonly client: string;
  readonly appVersion?: number;
  /** Its client knows another history, and waits for nothing. */
  readonly isStrange: boolean;
  readonly topics: readonly string[];
  readonly presence?: { readonly watch: boolean; readonly data: string };
}

/** What is kept with a socket; `null` when it is too much. */
interface SavedSocket {
  readonly identity: Omit<Identity, "expires"> & { readonly expires: number | null };
  readonly address: string;
  readonly channels: readonly (readonly [number, SavedChannel])[];
  /** It has islands, whose connections are not kept. */
  readonly hasUi: boolean;
}

/** The log of the object. */
export interface ObjectLog {
  readonly scope: string;
  readonly epoch: string;
}

/** A connection that comes back, and what it had said. */
export interface Returning {
  readonly peer: ObjectPeer;
  readonly messages: SavedSocket["channels"];
}

/** Messages that bring a connection back; one with more begins anew. */
export const SAVED_MESSAGES_MAX = 1_000;
/** Close code of a connection that has to begin anew: the client opens another one. */
export const CLOSE_RESTART = 1012;
const CLOSE_UNSUPPORTED = 1003;
const CLOSE_TOO_LARGE = 1009;
const CLOSE_FAILED = 1011;
/** Of peers that named no code, or went without a word. */
const CLOSE_SILENT: readonly number[] = [1005, 1006, 1015];

/** One connection of an object. */
export class ObjectPeer implements Socket {
  readonly remoteAddress: string;
  /** The runtime does not tell. */
  readonly bufferedBytes = 0;
  readonly identity: Identity;
  readonly #socket: ObjectSocket;
  readonly #channels = new Map<number, SavedChannel>();
  #handlers: SocketHandlers | undefined;
  readonly #log: ObjectLog;
  #hasUi = false;
  #isMuted = false;
  #isClosed = false;

  constructor(socket: ObjectSocket, identity: Identity, remoteAddress: string, log: ObjectLog) {
    this.#socket = socket;
    this.identity = identity;
    this.remoteAddress = remoteAddress;
    this.#log = log;
  }

  /** Whether nothing goes either way any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Who hears of what comes from the other side. */
  listen(handlers: SocketHandlers): void {
    this.#handlers = handlers;
    this.#save();
  }

  /** As `listen`, after saying again what was said; the log ends at `cursor`. */
  resume(handlers: SocketHandlers, channels: SavedSocket["channels"], cursor: number): void {
    this.#handlers = handlers;
    this.#isMuted = true;
    for (const [number, channel] of channels) {
      this.#channels.set(number, channel);
      for (const message of messagesOf(channel, this.#log, cursor)) {
        handlers.message(encodeUp(number, message));
      }
    }
    this.#isMuted = false;
  }

  /** Takes a message from the other side. */
  received(message: ArrayBuffer | string): void {
    if (this.#isClosed) return;
    if (typeof message === "string") {
      return this.close(CLOSE_UNSUPPORTED, "Messages are binary");
    }
    if (message.byteLength > SOCKET_MESSAGE_BYTES_MAX) {
      return this.close(CLOSE_TOO_LARGE, "The message is too large");
    }
    const bytes = new Uint8Array(message);
    const isNews = this.#note(bytes);
    try {
      this.#handlers?.message(bytes);
    } catch (error) {
      this.close(CLOSE_FAILED, "internal_error");
      throw error;
    }
    if (isNews) this.#save();
  }

  /** The other side is gone. */
  ended(code: number): void {
    if (this.#isClosed) return;
    this.close(CLOSE_SILENT.includes(code) ? 1000 : code, "");
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosed || this.#isMuted) return;
    try {
      this.#socket.send(bytes);
    } catch {
      // It is gone; that it is comes as an event of its own.
    }
  }

  /** Nobody speaks text to objects: {@linkcode received} refuses it. */
  sendText(): void {}

  close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeQuietly(this.#socket, code, reason);
    // As with any other socket: not within the call that closes it.
    queueMicrotask(() => this.#handlers?.closed(code));
  }

  terminate(): void {
    this.close(CLOSE_FAILED, "terminated");
  }

  /** Notes what a message changes of what is kept; false when that is nothing. */
  #note(bytes: Uint8Array): boolean {
    let number: number;
    let message: UpMessage;
    try {
      ({ channel: number, message } = decodeUp(bytes));
    } catch {
      // Whoever reads it closes the connection.
      return false;
    }
    if (message.kind === "ui") {
      const isFirst = !this.#hasUi;
      this.#hasUi = true;
      return isFirst;
    }
    const known = this.#channels.get(number);
    if (message.kind !== "hello") {
      const next = known && changed(known, message);
      if (next !== undefined) this.#channels.set(number, next);
      return next !== undefined;
    }
    // What is refused now is not to be granted later.
    this.#channels.delete(number);
    const { client, epoch, appVersion, scope } = message;
    const isOwn = (scope || DEFAULT_SCOPE) === this.#log.scope;
    if (isOwn && this.#channels.size < CHANNELS_MAX) {
      this.#channels.set(number, {
        client,
        ...(appVersion === undefined ? {} : { appVersion }),
        isStrange: epoch !== "" && epoch !== this.#log.epoch,
        topics: [],
      });
    }
    return true;
  }

  #save(): void {
    const { expires } = this.identity;
    const saved: SavedSocket = {
      identity: { ...this.identity, expires: expires === Infinity ? null : expires },
      address: this.remoteAddress,
      channels: [...this.#channels],
      hasUi: this.#hasUi,
    };
    const count = saved.channels.reduce((sum, [, { topics }]) => sum + 2 + topics.length, 0);
    try {
      this.#socket.serializeAttachment(count > SAVED_MESSAGES_MAX ? null : saved);
    } catch {
      // It is more than the platform keeps.
      this.#socket.serializeAttachment(null);
    }
  }
}

/** The connection that was kept with a socket; `null` where it cannot come back. */
export function savedPeer(socket: ObjectSocket, log: ObjectLog): Returning | null {
  const saved = socket.deserializeAttachment() as SavedSocket | null | undefined;
  if (saved === null || saved === undefined || saved.hasUi) return null;
  const { identity, address, channels } = saved;
  const peer = new ObjectPeer(
    socket,
    { ...identity, expires: identity.expires ?? Infinity },
    address,
    log,
  );
  return { peer, messages: channels };
}

/** Closes a socket that may be gone already. */
export function closeQuietly(socket: ObjectSocket, code: number, reason: string): void {
  const bytes = new TextEncoder().encode(reason).subarray(0, SOCKET_REASON_BYTES_MAX);
  try {
    socket.close(code, new TextDecoder().decode(bytes));
  } catch {
    // It is.
  }
}

function changed(channel: SavedChannel, message: UpMessage): SavedChannel | undefined {
  const { topics } = channel;
  switch (message.kind) {
    case "subscribe":
      if (topics.includes(message.topic) || topics.length >= TOPICS_MAX) return undefined;
      return { ...channel, topics: [...topics, message.topic] };
    case "unsubscribe":
      return { ...channel, topics: topics.filter((topic) => topic !== message.topic) };
    case "presence":
      return { ...channel, presence: { watch: message.watch, data: message.data } };
    default:
      return undefined;
  }
}

function messagesOf(
  { client, appVersion, isStrange, topics, presence }: SavedChannel,
  { scope, epoch }: ObjectLog,
  cursor: number,
): readonly UpMessage[] {
  return [
    {
      kind: "hello",
      protocol: PROTOCOL_VERSION,
      client,
      scope,
      cursor,
      epoch: isStrange ? "-" : epoch,
      ...(appVersion === undefined ? {} : { appVersion }),
    },
    ...topics.map((topic) => ({ kind: "subscribe", topic }) as const),
    ...(presence === undefined ? [] : [{ kind: "presence", ...presence } as const]),
  ];
}
