/**
 * Presence: what clients show of themselves to the others in their scope, while they are there.
 *
 *     set ── shown, numbered ──┐ turn: to each watcher that is ready, the newest of what it was not told
 *     leave ── grace ── gone ──┘
 *
 * Nothing is queued: a watcher has a number, and whatever is numbered higher is news to it. One that
 * reads slowly, or comes back to a room that has moved on, hears only how things are by then.
 */
import { utf8Length } from "./json.ts";
import { POKE_BYTES_MAX } from "./poke.ts";
import type { Clock } from "./ports.ts";
import type { WirePeer } from "./wire/messages.ts";

/** UTF-8 bytes of the JSON that one client shows. */
export const PRESENCE_BYTES_MAX = 4 * 1024;
/** Clients that show something in one scope. */
export const PRESENCE_PEERS_MAX = 1_000;
/** How long a client whose channel has closed is still shown, in milliseconds: it may reconnect. */
export const PRESENCE_GRACE_MS = 5_000;
/** How long news waits for more, in milliseconds: of many updates in it the newest is sent. */
export const PRESENCE_TURN_MS = 10;

/** What a peer costs on the wire besides its texts, in bytes, at the most. */
const PEER_OVERHEAD_BYTES = 16;

/** One channel of one client. */
export interface PresenceMember {
  readonly scope: string;
  readonly client: string;
  /** The id of its principal; `""` for nobody. */
  readonly principal: string;
  /** Whether it takes another message now. One that does not is passed over until `nudge`. */
  isReady(): boolean;
  tell(all: boolean, peers: readonly WirePeer[]): void;
}

/** What {@linkcode PresenceRooms} needs. */
export interface PresenceOptions {
  /** Milliseconds, by a clock that never goes back. */
  readonly clock: Clock;
  /** Call `turn` once this many milliseconds have passed; an earlier call counts. */
  readonly wake: (afterMs: number) => void;
}

interface Shown {
  readonly client: string;
  readonly principal: string;
  /** JSON text; empty when it is gone. */
  data: string;
  /** Its place in the order of what happened in the room. */
  place: number;
  /** The channel that shows it; `null` in its grace. */
  holder: PresenceMember | null;
}

interface Watcher {
  /** The place up to which it was told; -1 for nothing yet. */
  told: number;
  /** The room's floor when it was told all: of departures below, it needs to hear nothing. */
  floor: number;
}

interface Room {
  readonly scope: string;
  /** By client, in the order of their places. */
  readonly shown: Map<string, Shown>;
  readonly watchers: Map<PresenceMember, Watcher>;
  /** The last place. */
  place: number;
  /** Departures up to this place are forgotten. */
  floor: number;
  /** How many are not gone. */
  count: number;
}

/** What is shown in every scope of one process. */
export class PresenceRooms {
  readonly #options: PresenceOptions;
  readonly #rooms = new Map<string, Room>();
  /** Rooms in which somebody was not told everything. */
  readonly #stirred = new Set<Room>();
  /** Those in their grace, with its end, the first to end first. */
  readonly #leaving = new Map<Shown, { readonly room: Room; readonly end: number }>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /**
   * Shows `data` (nothing, when it is empty), and tells the member about the others while it watches.
   *
   * @returns false when it cannot be shown: the scope is full, or somebody else has this client id
   */
  set(member: PresenceMember, watch: boolean, data: string): boolean {
    const room = this.#room(member.scope);
    if (!watch) room.watchers.delete(member);
    else if (!room.watchers.has(member)) room.watchers.set(member, { told: -1, floor: 0 });
    this.#stir(room);
    if (data !== "") return this.#show(room, member, data);
    this.#hide(room, member);
    return true;
  }

  /** Shows nothing of the member any more. */
  hide(member: PresenceMember): void {
    const room = this.#rooms.get(member.scope);
    if (room !== undefined) this.#hide(room, member);
  }

  /** The member's channel is closed; what it showed stays for its grace. */
  leave(member: PresenceMember): void {
    const room = this.#rooms.get(member.scope);
    if (room === undefined) return;
    room.watchers.delete(member);
    const shown = room.shown.get(member.client);
    if (shown?.holder === member) {
      shown.holder = null;
      const end = this.#options.clock.now() + PRESENCE_GRACE_MS;
      this.#leaving.set(shown, { room, end });
      this.#options.wake(PRESENCE_GRACE_MS);
    }
    this.#stir(room);
  }

  /** A member that was passed over takes messages again. */
  nudge(): void {
    if (this.#stirred.size > 0) this.#options.wake(PRESENCE_TURN_MS);
  }

  /** Lets go whose grace is over, and tells the watchers what is new, one message for each. */
  turn(): void {
    const now = this.#options.clock.now();
    for (const [shown, { room, end }] of this.#leaving) {
      if (end > now) {
        this.#options.wake(end - now);
        break;
      }
      this.#remove(room, shown);
    }
    for (const room of [...this.#stirred]) {
      if (tellWatchers(room)) this.#options.wake(PRESENCE_TURN_MS);
      this.#tidy(room);
    }
  }

  #room(scope: string): Room {
    let room = this.#rooms.get(scope);
    if (room === undefined) {
      room = { scope, shown: new Map(), watchers: new Map(), place: 0, floor: 0, count: 0 };
      this.#rooms.set(scope, room);
    }
    return room;
  }

  #show(room: Room, member: PresenceMember, data: string): boolean {
    const { client, principal } = member;
    const known = room.shown.get(client);
    if (known === undefined || known.data === "") {
      if (room.count >= PRESENCE_PEERS_MAX) return false;
      room.count++;
      this.#place(room, { client, principal, data, place: 0, holder: member });
      return true;
    }
    if (known.principal !== principal) return false;
    this.#leaving.delete(known);
    known.holder = member;
    if (known.data !== data) {
      known.data = data;
      this.#place(room, known);
    }
    return true;
  }

  #hide(room: Room, { client, principal }: PresenceMember): void {
    const shown = room.shown.get(client);
    if (shown?.principal === principal) this.#remove(room, shown);
  }

  #remove(room: Room, shown: Shown): void {
    this.#leaving.delete(shown);
    if (shown.data === "") return;
    shown.data = "";
    shown.holder = null;
    room.count--;
    this.#place(room, shown);
  }

  /** Makes it the newest of its room. */
  #place(room: Room, shown: Shown): void {
    shown.place = ++room.place;
    room.shown.delete(shown.client);
    room.shown.set(shown.client, shown);
    this.#stir(room);
  }

  #stir(room: Room): void {
    this.#stirred.add(room);
    this.#options.wake(PRESENCE_TURN_MS);
  }

  /** Forgets departures that everybody has heard of, or too many of them; and what is empty. */
  #tidy(room: Room): void {
    const told = Array.from(room.watchers.values(), (watcher) => watcher.told);
    const slowest = told.reduce((least, place) => Math.min(least, place), room.place);
    const isCrowded = room.shown.size - room.count > PRESENCE_PEERS_MAX;
    for (const { client, data, place } of room.shown.values()) {
      if (data !== "" || !isCrowded && place > slowest) continue;
      room.shown.delete(client);
      room.floor = place;
    }
    if (slowest === room.place) this.#stirred.delete(room);
    if (room.shown.size === 0 && room.watchers.size === 0) this.#rooms.delete(room.scope);
  }
}

/** Returns whether somebody who is ready has more to hear. */
function tellWatchers(room: Room): boolean {
  const ready = [...room.watchers].filter(([member, { told }]) =>
    told < room.place && member.isReady()
  );
  for (const [, watcher] of ready) {
    if (watcher.told < room.floor && watcher.floor < room.floor) watcher.told = -1;
  }
  const oldest = ready.reduce((least, [, { told }]) => Math.min(least, told), room.place);
  const news = [...room.shown.values()].filter(({ place }) => place > oldest);
  for (const [member, watcher] of ready) tell(room, member, watcher, news);
  return ready.some(([, { told }]) => told < room.place);
}

/** Tells one watcher as much of the news as one message holds. */
function tell(
  room: Room,
  member: PresenceMember,
  watcher: Watcher,
  news: readonly Shown[],
): void {
  const { told } = watcher;
  const isAll = told < 0;
  if (isAll) watcher.floor = room.floor;
  watcher.told = room.place;
  const peers: WirePeer[] = [];
  let bytes = 0;
  let last = told;
  for (const { client, data, place } of news) {
    if (place <= told || client === member.client || (isAll && data === "")) continue;
    bytes += utf8Length(client) + utf8Length(data) + PEER_OVERHEAD_BYTES;
    if (peers.length > 0 && bytes > POKE_BYTES_MAX) {
      watcher.told = last;
      break;
    }
    peers.push({ client, data });
    last = place;
  }
  if (isAll || peers.length > 0) member.tell(isAll, peers);
}
