/** The tab that holds the one connection of its browser: it gives each other tab a channel of it. */
import { CHANNELS_MAX } from "../../core/session.ts";
import type { UpMessage } from "../../core/wire/messages.ts";
import { type Connection, LiveConnection, type LiveOptions } from "./live_connection.ts";
import type { DownLetter, UpLetter } from "./tab_follower.ts";

/** Ends a channel: the connection may go on for others. */
const GONE: UpMessage = { kind: "unsubscribe", topic: "" };

/** What a leader needs and tells. */
export interface LeaderOptions extends LiveOptions {
  /** Names what the tabs share. */
  readonly name: string;
  /** A tab that shared the connection is gone. */
  readonly left: () => void;
}

interface Member {
  readonly port: BroadcastChannel;
  /** Its number on the socket; 0 while there is none left. */
  channel: number;
}

/** Leads from its making to its close. */
export class TabLeader implements Connection {
  /** Tells this leadership from all others. */
  readonly id: string = crypto.randomUUID();
  readonly #options: LeaderOptions;
  readonly #live: LiveConnection;
  readonly #members = new Map<string, Member>();
  readonly #end = new AbortController();
  #lastChannel = 0;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#live = new LiveConnection({
      ...options,
      opened: () => {
        options.opened();
        this.#tellAll();
      },
      closed: () => {
        options.closed();
        this.#tellAll();
      },
      received: (message, channel) => {
        if (channel === 0) return options.received(message, 0);
        for (const member of this.#members.values()) {
          if (member.channel === channel) post(member.port, message);
        }
      },
    });
  }

  /** Connects. */
  open(): void {
    this.#live.open();
  }

  /** Leads no more. */
  close(): void {
    for (const { channel } of this.#members.values()) this.#live.send(GONE, channel);
    this.#live.close();
    this.#end.abort();
    for (const { port } of this.#members.values()) port.close();
    this.#members.clear();
  }

  send(message: UpMessage): void {
    this.#live.send(message);
  }

  roundTrip(): Promise<void> {
    return this.#live.roundTrip();
  }

  hurry(): void {
    this.#live.hurry();
  }

  restart(afterMs: number): void {
    this.#live.restart(afterMs);
  }

  /** A tab wants to share the connection, or to know whether somebody is here. */
  admit(tab: string): void {
    this.#live.wake();
    const member = this.#members.get(tab) ?? this.#welcome(tab);
    if (member.channel === 0) member.channel = this.#freeChannel();
    this.#tell(member);
  }

  #welcome(tab: string): Member {
    const { name } = this.#options;
    const member: Member = { port: new BroadcastChannel(portName(name, this.id, tab)), channel: 0 };
    member.port.onmessage = ({ data }: MessageEvent<UpLetter>) => {
      if (data === null) return this.admit(tab);
      if (member.channel !== 0) this.#live.send(data, member.channel);
    };
    this.#members.set(tab, member);
    // A tab holds this lock for as long as it is there, however it ends.
    navigator.locks.request(tabLock(name, tab), { signal: this.#end.signal }, () => {
      if (!this.#end.signal.aborted) this.#leave(tab, member);
    }).catch(() => {});
    return member;
  }

  #leave(tab: string, { port, channel }: Member): void {
    port.close();
    this.#members.delete(tab);
    this.#live.send(GONE, channel);
    this.#options.left();
  }

  /** The number that was free for the longest: what is under way to a tab that left reaches no other. */
  #freeChannel(): number {
    const taken = new Set(Array.from(this.#members.values(), ({ channel }) => channel));
    for (let i = 1; i < CHANNELS_MAX; i++) {
      const channel = 1 + (this.#lastChannel + i - 1) % (CHANNELS_MAX - 1);
      if (!taken.has(channel)) return this.#lastChannel = channel;
    }
    return 0;
  }

  #tellAll(): void {
    for (const member of this.#members.values()) this.#tell(member);
  }

  #tell({ port, channel }: Member): void {
    post(port, this.#live.isOpen && channel !== 0);
  }
}

/** Names the line between a leader and one of its followers. */
export function portName(name: string, leader: string, tab: string): string {
  return `${name}/${leader}/${tab}`;
}

/** Names the lock that a tab holds for as long as it shares the connection. */
export function tabLock(name: string, tab: string): string {
  return `${name}/${tab}`;
}

function post(port: BroadcastChannel, letter: DownLetter): void {
  port.postMessage(letter);
}
