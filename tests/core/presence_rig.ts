/** Presence rooms in the hands of a test: time passes, and turns come, when it says so. */
import { PRESENCE_TURN_MS, type PresenceMember, PresenceRooms } from "../../core/presence.ts";
import type { WirePeer } from "../../core/wire/messages.ts";

/** What a member was told in one message, by client. */
export interface Told {
  readonly all: boolean;
  readonly peers: Readonly<Record<string, string>>;
}

/** A member, and what it was told since the last look. */
export class Watcher implements PresenceMember {
  readonly scope: string;
  readonly client: string;
  readonly principal: string;
  ready = true;
  #told: Told[] = [];

  constructor(client: string, fields: { scope?: string; principal?: string }) {
    this.client = client;
    this.scope = fields.scope ?? "home";
    this.principal = fields.principal ?? "";
  }

  isReady(): boolean {
    return this.ready;
  }

  tell(all: boolean, peers: readonly WirePeer[]): void {
    this.#told.push({
      all,
      peers: Object.fromEntries(peers.map(({ client, data }) => [client, data])),
    });
  }

  take(): readonly Told[] {
    const told = this.#told;
    this.#told = [];
    return told;
  }
}

/** Rooms, and the time in them. */
export class PresenceWorld {
  readonly rooms: PresenceRooms;
  #now = 0;
  #due = Infinity;

  constructor() {
    this.rooms = new PresenceRooms({
      clock: { now: () => this.#now },
      wake: (afterMs) => this.#due = Math.min(this.#due, this.#now + afterMs),
    });
  }

  /** Whether a turn was asked for. */
  get isAwake(): boolean {
    return this.#due < Infinity;
  }

  join(client: string, fields: { scope?: string; principal?: string } = {}): Watcher {
    return new Watcher(client, fields);
  }

  /** The next turn comes. */
  turn(): void {
    this.pass(PRESENCE_TURN_MS);
  }

  /** Forgets that a turn was asked for. */
  sleep(): void {
    this.#due = Infinity;
  }

  /** Time passes, and the turns that fall in it come. */
  pass(ms: number): void {
    const end = this.#now + ms;
    while (this.#due <= end) {
      this.#now = this.#due;
      this.#due = Infinity;
      this.rooms.turn();
    }
    this.#now = end;
  }
}
