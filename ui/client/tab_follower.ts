/** A tab that talks to the server over the connection of another one. */
import type { DownMessage, UpMessage } from "../../core/wire/messages.ts";
import { type Connection, type ConnectionEvents, isOfUse, retryMs } from "./live_connection.ts";

/** What a follower sends its leader: a message for the server, or `null` to ask who is there. */
export type UpLetter = UpMessage | null;
/** What a leader sends: a message of the server, or whether there is a connection to it. */
export type DownLetter = DownMessage | boolean;

/** What a follower needs and tells. */
export interface FollowerOptions extends Pick<ConnectionEvents, "opened" | "received" | "closed"> {
  /** Names the line to the leader. */
  readonly port: string;
  /** The leader said something. */
  readonly heard: () => void;
}

/** Follows one leader from its making to its close. */
export class TabFollower implements Connection {
  readonly #options: FollowerOptions;
  readonly #port: BroadcastChannel;
  /** Whether the leader has a connection. */
  #isThere = false;
  #isOpen = false;
  #attempts = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #pings: (() => void)[] = [];

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#port = new BroadcastChannel(options.port);
    this.#port.onmessage = ({ data }: MessageEvent<DownLetter>) => {
      options.heard();
      if (typeof data !== "boolean") return this.#receive(data);
      this.#isThere = data;
      this.#settle();
    };
  }

  /** The leader opens what there is to open. */
  open(): void {}

  /** Follows no more. */
  close(): void {
    clearTimeout(this.#retry);
    this.#port.close();
    this.#isThere = false;
    this.#settle();
  }

  send(message: UpMessage): void {
    if (this.#isOpen) this.#post(message);
  }

  /** Asks the leader whether it is there. */
  ask(): void {
    this.#post(null);
  }

  roundTrip(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#post({ kind: "ping" });
    return new Promise((resolve) => this.#pings.push(resolve));
  }

  hurry(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#settle();
  }

  /** Only this tab's share starts over: the connection is also that of others. */
  restart(afterMs: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.hurry(), retryMs(afterMs, this.#attempts++));
    this.#settle();
  }

  #receive(message: DownMessage): void {
    if (!this.#isOpen) return;
    if (isOfUse(message)) this.#attempts = 0;
    this.#options.received(message, 0);
    if (message.kind === "pong") this.#pings.shift()?.();
  }

  #settle(): void {
    const isOpen = this.#isThere && this.#retry === undefined;
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    for (const answered of this.#pings.splice(0)) answered();
    if (isOpen) this.#options.opened();
    else this.#options.closed();
  }

  #post(letter: UpLetter): void {
    this.#port.postMessage(letter);
  }
}
