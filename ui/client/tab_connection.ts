/**
 * One connection for all tabs of a browser that show the same data.
 *
 *     tab ─┐
 *     tab ─┤ a BroadcastChannel each
 *     leader ══ one socket, a channel for each tab ══ server
 *
 * Whoever holds the Web Lock leads. The lock of a tab that is closed or crashed goes to the next one. A
 * tab that is frozen keeps it and answers nobody, so one that is not answered takes the lock by force.
 * Each tab keeps its own queue: what a leader takes with it is at most the way of a message, never one.
 */
import type { UpMessage } from "../../core/wire/messages.ts";
import type { Connection } from "./live_connection.ts";
import { TabFollower } from "./tab_follower.ts";
import { type LeaderOptions, portName, TabLeader, tabLock } from "./tab_leader.ts";

/** How long a leader may leave a follower without an answer, in milliseconds. */
export const LEADER_SILENCE_MS = 400;
/** The same for a follower that has taken the lead in vain again and again, in milliseconds. */
export const LEADER_SILENCE_MS_MAX = 6_400;
/** How often a tab that somebody sees asks whether its leader is there, in milliseconds. */
export const PING_MS = 500;
/** A leader that was asked so many times, and answered, is trusted as at first. */
const CALM_PINGS = 20;
/** Pings that stay without an answer before the lock is taken by force. */
const MISSES_MAX = 2;
/** Part of the wait that is random, so that two tabs do not take the lock at the same time. */
const JITTER = 0.2;

/** What is said to all tabs: who leads, or that a tab wants a share in the connection. */
type Call =
  | { readonly leads: string }
  | { readonly tab: string; readonly leader: string | null };

/** What a tab's connection needs and tells. */
export interface TabOptions extends LeaderOptions {
  /** This tab leads now. */
  readonly led: () => void;
}

/** A connection that this tab shares with the others of its browser. */
export class TabConnection implements Connection {
  readonly #options: TabOptions;
  readonly #past = new Set<string>();
  #isWanted = false;
  /** Ends when this tab no longer takes part; `null` while it does not. */
  #part: AbortController | null = null;
  /** Ends when this tab no longer leads, or wants to. */
  #claim = new AbortController();
  #tab = "";
  #air: BroadcastChannel | null = null;
  #role: TabLeader | TabFollower | null = null;
  #leader: string | null = null;
  #pinging: ReturnType<typeof setInterval> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #silenceMs = LEADER_SILENCE_MS;
  #answers = 0;

  constructor(options: TabOptions) {
    this.#options = options;
  }

  /** Whether another tab has the connection, and stores the rows. */
  get isFollower(): boolean {
    return this.#role instanceof TabFollower;
  }

  /** Whether this tab has the connection. */
  get isLeader(): boolean {
    return this.#role instanceof TabLeader;
  }

  open(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    for (const [target, type] of pageEvents()) target.addEventListener(type, this.#onPage);
    this.#join();
  }

  close(): void {
    this.#isWanted = false;
    for (const [target, type] of pageEvents()) target.removeEventListener(type, this.#onPage);
    this.#leave();
  }

  send(message: UpMessage): void {
    this.#role?.send(message);
    this.#ping();
  }

  async roundTrip(): Promise<void> {
    this.#ping();
    await this.#role?.roundTrip();
  }

  hurry(): void {
    this.#role?.hurry();
    this.#ping();
  }

  restart(afterMs: number): void {
    this.#role?.restart(afterMs);
  }

  /** A page that is about to be frozen, or kept for a way back, lets go of everything others wait for. */
  readonly #onPage = ({ type }: Event) => {
    if (type === "freeze" || type === "pagehide") return this.#leave();
    this.#join();
    this.#ping();
  };

  #join(): void {
    if (this.#part !== null) return;
    const part = this.#part = new AbortController();
    const { signal } = part;
    // A new name each time: the lock of the last one may be on its way back.
    this.#tab = crypto.randomUUID();
    hold(tabLock(this.#options.name, this.#tab), { signal }, signal, () => {
      this.#air = new BroadcastChannel(this.#options.name);
      this.#air.onmessage = ({ data }: MessageEvent<Call>) => this.#heard(data);
      this.#pinging = setInterval(() => {
        if (globalThis.document?.visibilityState !== "hidden") this.#ping();
      }, PING_MS);
      this.#apply(false);
      this.#ping();
    }).catch(() => {});
  }

  #leave(): void {
    this.#part?.abort();
    this.#part = null;
    this.#claim.abort();
    clearInterval(this.#pinging);
    this.#answered();
    this.#air?.close();
    this.#air = null;
    this.#become(null, null);
  }

  /** Asks for the lead: when its turn comes, or by force. */
  #apply(steal: boolean): void {
    this.#claim.abort();
    const { signal } = this.#claim = new AbortController();
    const { name } = this.#options;
    hold(name, steal ? { steal } : { signal }, signal, () => {
      if (!steal) this.#silenceMs = LEADER_SILENCE_MS;
      this.#lead();
    }).catch(() => {
      if (signal.aborted || !this.isLeader) return;
      // Somebody took it by force: this page did not answer for a while.
      this.#become(null, null);
      this.#apply(false);
      this.#ping();
    });
  }

  #lead(): void {
    const leader = new TabLeader(this.#options);
    this.#answered();
    this.#become(leader, leader.id);
    leader.open();
    this.#call({ leads: leader.id });
    this.#options.led();
  }

  #follow(leader: string): void {
    const { name, opened, received, closed } = this.#options;
    const follower = new TabFollower({
      port: portName(name, leader, this.#tab),
      opened,
      received,
      closed,
      heard: () => this.#answered(),
    });
    this.#become(follower, leader);
    this.#call({ tab: this.#tab, leader });
  }

  #become(role: TabLeader | TabFollower | null, leader: string | null): void {
    // What it may say later, when it thaws, is of no interest any more.
    if (this.#leader !== null) this.#past.add(this.#leader);
    this.#role?.close();
    this.#role = role;
    this.#leader = leader;
  }

  #heard(call: Call): void {
    if (this.#role instanceof TabLeader) {
      if ("leads" in call) return;
      if (call.leader === this.#leader) this.#role.admit(call.tab);
      else this.#call({ leads: this.#role.id });
    } else if ("leads" in call && call.leads !== this.#leader && !this.#past.has(call.leads)) {
      this.#follow(call.leads);
    }
  }

  #call(call: Call): void {
    this.#air?.postMessage(call);
  }

  /** Asks whether the leader is there, unless an answer is awaited already. */
  #ping(): void {
    if (this.#air === null || this.#silence !== undefined || this.isLeader) return;
    if (this.#role instanceof TabFollower) this.#role.ask();
    else this.#call({ tab: this.#tab, leader: null });
    this.#await(1);
  }

  /**
   * Takes the lead when nobody answers. In steps, because a page that was busy itself finds its timer
   * due before the answers that came in the meantime.
   */
  #await(misses: number): void {
    const wait = this.#silenceMs / MISSES_MAX * (1 + JITTER * (Math.random() - 1));
    this.#silence = setTimeout(() => {
      if (misses < MISSES_MAX) {
        this.#call({ tab: this.#tab, leader: this.#leader });
        return this.#await(misses + 1);
      }
      this.#silence = undefined;
      this.#answers = 0;
      this.#silenceMs = Math.min(2 * this.#silenceMs, LEADER_SILENCE_MS_MAX);
      this.#apply(true);
    }, wait);
  }

  #answered(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
    if (++this.#answers >= CALM_PINGS) this.#silenceMs = LEADER_SILENCE_MS;
  }
}

/** Does the work with a lock, and holds it until the signal ends; rejects when it is taken away. */
async function hold(
  name: string,
  options: LockOptions,
  signal: AbortSignal,
  work: () => void,
): Promise<void> {
  await navigator.locks.request(name, options, () => {
    if (signal.aborted) return;
    work();
    return new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  });
}

function pageEvents(): readonly (readonly [EventTarget, string])[] {
  const { document } = globalThis;
  const ofDocument = document === undefined ? [] : ["freeze", "resume", "visibilitychange"];
  return [
    ...ofDocument.map((type) => [document, type] as const),
    [globalThis, "pagehide"],
    [globalThis, "pageshow"],
  ];
}
