/**
 * Who holds state: everyone, a user, or a page. In memory while somebody is connected and for some time
 * after that; in storage, where the author wants it, for longer.
 */
import { utf8Length } from "../core/json.ts";
import { type Clock, type Random, randomId } from "../core/ports.ts";
import type { IslandScope } from "./island.ts";
import type { LiveInstance } from "./live_instance.ts";
import {
  BLOCK_BYTES,
  IDLE_BYTES_MAX,
  IDLE_HOLDERS_MAX,
  PAGE_WAIT_MS,
  RESUME_MS,
  SAVE_BYTES_PER_MS,
  SAVE_MS,
  SAVE_REST_MS_MAX,
  SAVE_TIME_PART,
  SAVED_BYTES_MAX,
  SAVED_TAB_MS,
  SAVED_USER_MS,
} from "./live_limits.ts";

/** Where state outlives the process. */
export interface IslandStorage {
  /** What was saved under a key, unless its time is over. */
  load(key: string): string | undefined;
  /** Replaces what is under the key, and keeps it for so many milliseconds. */
  save(key: string, text: string, keepMs: number): void;
  /** Forgets what is under the key. */
  remove(key: string): void;
  /** Where state is elsewhere: fetches that of these keys. What this gives runs work that loads it. */
  fetch?(keys: readonly string[]): Promise<(work: () => void) => void>;
}

/** The state of one island in a record. */
export interface SavedIsland {
  readonly version: number;
  readonly state: unknown;
}

/** What {@linkcode Holders} needs. */
export interface HoldersOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: IslandStorage | undefined;
  /** Call `turn` once this many milliseconds have passed. */
  readonly wake: (afterMs: number) => void;
  /** The instance is of no use any more. */
  readonly ended: (instance: LiveInstance) => void;
  readonly onFailure: (error: unknown, where: string) => void;
}

const NO_INSTANCES: ReadonlyMap<string, LiveInstance> = new Map();

/** The instances of islands that belong together. */
export class Holder {
  readonly scope: IslandScope;
  /** Unique among all holders; the key in the storage. */
  readonly key: string;
  /** A page's session, which only that page knows; empty for others. */
  readonly session: string;
  /** The id of the principal that it belongs to; empty for nobody. */
  readonly principal: string;
  instances: ReadonlyMap<string, LiveInstance> = NO_INSTANCES;
  /** The last input that was taken of each of a page's targets, by island and target. */
  acks: Map<string, number> | undefined;
  /** What storage has of islands that are not in memory yet. */
  saved: Map<string, SavedIsland> | undefined;
  /** Islands that a page was rendered with and has not asked for: what markup cannot say is news to it. */
  rendered: Set<string> | undefined;
  /** Connections, each as often as it shows something of this. */
  connections = 0;
  /** Whether a connection has shown something of it. */
  wasConnected = false;
  /** Bytes of memory that it takes, roughly. */
  bytes = 0;
  /** When it was made text last, and how long it is not to be again, in milliseconds. */
  savedAt = 0;
  restMs = 0;
  /** Whether it is too large to be saved, and somebody knows. */
  isTooLarge = false;

  constructor(
    scope: IslandScope,
    key: string,
    identity: { readonly session?: string; readonly principal?: string } = {},
    record: HolderRecord | undefined = undefined,
  ) {
    this.scope = scope;
    this.key = key;
    this.session = identity.session ?? "";
    this.principal = identity.principal ?? "";
    if (record === undefined) return;
    this.acks = new Map(Object.entries(record.acks));
    this.saved = new Map(Object.entries(record.islands));
  }

  /** Takes an instance in, in place of what is saved of it. */
  add(name: string, instance: LiveInstance): void {
    this.instances = new Map([...this.instances, [name, instance]]);
    this.saved?.delete(name);
  }
}

/** A holder in storage. */
interface HolderRecord {
  readonly principal: string;
  readonly acks: Readonly<Record<string, number>>;
  readonly islands: Readonly<Record<string, SavedIsland>>;
}

const SESSION = /^[0-9a-f]{32}$/;

/** All holders of one process. */
export class Holders {
  readonly #options: HoldersOptions;
  readonly #holders = new Map<string, Holder>();
  /** Those that no connection has shown yet, with the time since, the oldest first. */
  readonly #fresh = new Map<Holder, number>();
  /** Those without a connection any more. */
  readonly #idle = new Map<Holder, number>();
  /** Of both. */
  #idleBytes = 0;
  /** Those with changes that are not saved. */
  readonly #unsaved = new Set<Holder>();
  #saveAt = Infinity;
  /** How long a change waits: longer where saving takes long. */
  #saveWaitMs = SAVE_MS;

  constructor(options: HoldersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#holders.size;
  }

  /** That of everyone. */
  global(): Holder {
    return this.#known("global") ??
      this.#added(new Holder("global", "global", {}, this.#load("global")));
  }

  /** That of a user. */
  user(principal: string): Holder {
    const key = `user:${principal}`;
    return this.#known(key) ??
      this.#added(new Holder("user", key, { principal }, this.#load(key)));
  }

  /** That of a page, if its session is one of this principal's. */
  tab(session: string, principal: string): Holder | undefined {
    if (!SESSION.test(session)) return undefined;
    const key = `tab:${session}`;
    const known = this.#known(key);
    if (known !== undefined) return known.principal === principal ? known : undefined;
    const record = this.#load(key);
    if (record === undefined || record.principal !== principal) return undefined;
    return this.#added(new Holder("tab", key, { session, principal }, record));
  }

  /** What to fetch from the storage before holders of these scopes are asked for. */
  keysOf(scopes: ReadonlySet<IslandScope>, principal: string, session: string): readonly string[] {
    const keys = SESSION.test(session) ? [`tab:${session}`] : [];
    if (scopes.has("global")) keys.push("global");
    if (scopes.has("user") && principal !== "") keys.push(`user:${principal}`);
    return keys.filter((key) => !this.#holders.has(key));
  }

  /** That of a new page. */
  newTab(principal: string): Holder {
    const session = randomId(this.#options.random);
    return this.#added(new Holder("tab", `tab:${session}`, { session, principal }));
  }

  /** A connection shows something of it. */
  attached(holder: Holder): void {
    holder.connections++;
    this.#wakeUp(holder);
    holder.wasConnected = true;
  }

  /** A connection does not show that any more. */
  detached(holder: Holder): void {
    holder.connections--;
    if (holder.connections === 0) this.#rest(holder);
  }

  /** Its state may have changed. */
  changed(holder: Holder): void {
    if (this.#unsaved.has(holder)) return;
    this.#unsaved.add(holder);
    this.#scheduleSave(Math.max(this.#saveWaitMs, this.#restOf(holder)));
  }

  /** Lets go whose time is over, and saves what changed. */
  turn(): void {
    const { clock, wake } = this.#options;
    const now = clock.now();
    this.#expire(this.#fresh, PAGE_WAIT_MS);
    this.#expire(this.#idle, RESUME_MS);
    if (this.#saveAt <= now) this.#saveThose((holder) => this.#restOf(holder) === 0);
    else if (this.#saveAt < Infinity) wake(this.#saveAt - now);
  }

  /** Saves all that is not. */
  save(): void {
    this.#saveThose(() => true);
  }

  /** Saves what is not, as far as it is due; the rest later. */
  #saveThose(isDue: (holder: Holder) => boolean): void {
    const { clock } = this.#options;
    const start = clock.now();
    this.#saveAt = Infinity;
    for (const holder of [...this.#unsaved]) {
      if (isDue(holder)) this.#save(holder);
      else this.#scheduleSave(this.#restOf(holder));
    }
    const took = Math.max(0, clock.now() - start);
    this.#saveWaitMs = Math.max(SAVE_MS, took / SAVE_TIME_PART);
  }

  /** How long a holder is not to be saved, in milliseconds: to make much of it text takes long. */
  #restOf({ savedAt, restMs }: Holder): number {
    const since = this.#options.clock.now() - savedAt;
    // A clock that was set back makes nobody wait for longer than that.
    return since < 0 ? 0 : Math.max(0, restMs - since);
  }

  #known(key: string): Holder | undefined {
    return this.#holders.get(key);
  }

  #added(holder: Holder): Holder {
    this.#holders.set(holder.key, holder);
    this.#rest(holder);
    return holder;
  }

  #scheduleSave(afterMs: number): void {
    const at = this.#options.clock.now() + afterMs;
    if (at >= this.#saveAt) return;
    this.#saveAt = at;
    this.#options.wake(afterMs);
  }

  /** Nobody is connected: it is kept for some time, if there is room. */
  #rest(holder: Holder): void {
    if (holder.scope === "global") return;
    this.#save(holder);
    const { clock, wake } = this.#options;
    this.#restingOf(holder).set(holder, clock.now());
    this.#idleBytes += holder.bytes;
    wake(holder.wasConnected ? RESUME_MS : PAGE_WAIT_MS);
    this.#trim(holder);
  }

  #restingOf(holder: Holder): Map<Holder, number> {
    return holder.wasConnected ? this.#idle : this.#fresh;
  }

  #expire(resting: ReadonlyMap<Holder, number>, keptMs: number): void {
    const { clock, wake } = this.#options;
    const now = clock.now();
    for (const [holder, since] of resting) {
      // A clock that was set back keeps nobody for longer than that.
      if (since <= now && since + keptMs > now) return wake(since + keptMs - now);
      this.#end(holder, true);
    }
  }

  /**
   * Lets go of the oldest while there are too many, but not of the newest: first of pages that never
   * connected, for whoever asks for many pages must not cost others what they have done in theirs.
   */
  #trim(newest: Holder): void {
    for (const resting of [this.#fresh, this.#idle]) {
      for (const oldest of resting.keys()) {
        const count = this.#fresh.size + this.#idle.size;
        if (count <= IDLE_HOLDERS_MAX && this.#idleBytes <= IDLE_BYTES_MAX) return;
        if (oldest !== newest) this.#end(oldest, false);
      }
    }
  }

  #wakeUp(holder: Holder): void {
    if (this.#restingOf(holder).delete(holder)) this.#idleBytes -= holder.bytes;
  }

  /** Takes it out of memory; a page that nobody came back to, also out of the storage. */
  #end(holder: Holder, isOver: boolean): void {
    this.#wakeUp(holder);
    this.#holders.delete(holder.key);
    this.#unsaved.delete(holder);
    for (const instance of holder.instances.values()) this.#options.ended(instance);
    // What `unmount` has written is to be kept as well.
    if (holder.scope === "tab" && isOver) this.#remove(holder.key);
    else this.#save(holder);
  }

  #load(key: string): HolderRecord | undefined {
    const { storage, onFailure } = this.#options;
    try {
      const text = storage?.load(key);
      return text === undefined ? undefined : recordIn(text);
    } catch (error) {
      onFailure(error, `saved state of ${key}`);
      return undefined;
    }
  }

  #remove(key: string): void {
    const { storage, onFailure } = this.#options;
    try {
      storage?.remove(key);
    } catch (error) {
      onFailure(error, `saved state of ${key}`);
    }
  }

  #save(holder: Holder): void {
    const { storage, onFailure } = this.#options;
    this.#unsaved.delete(holder);
    const islands: Record<string, SavedIsland> = Object.fromEntries(holder.saved ?? []);
    for (const [name, instance] of holder.instances) {
      if (instance.hosted.island.saved) islands[name] = instance.saved();
    }
    const acks = Object.fromEntries(holder.acks ?? []);
    const record: HolderRecord = { principal: holder.principal, acks, islands };
    const text = JSON.stringify(record);
    const bytes = utf8Length(text);
    this.#weigh(holder, bytes);
    holder.savedAt = this.#options.clock.now();
    holder.restMs = Math.min(Math.floor(bytes / SAVE_BYTES_PER_MS), SAVE_REST_MS_MAX);
    if (storage === undefined || Object.keys(islands).length === 0) return;
    const wasTooLarge = holder.isTooLarge;
    holder.isTooLarge = bytes > SAVED_BYTES_MAX;
    if (holder.isTooLarge) {
      if (wasTooLarge) return;
      onFailure(
        new TypeError(`Cannot save more than ${SAVED_BYTES_MAX} bytes: it has ${bytes}`),
        `state of ${holder.key}`,
      );
      return;
    }
    try {
      storage.save(holder.key, text, holder.scope === "tab" ? SAVED_TAB_MS : SAVED_USER_MS);
    } catch (error) {
      onFailure(error, `state of ${holder.key}`);
      this.#unsaved.add(holder);
      this.#scheduleSave(SAVE_MS);
    }
  }

  /** Notes how much memory a holder takes, by the size of its state as text. */
  #weigh(holder: Holder, textBytes: number): void {
    const blocks = holder.instances.values().reduce((sum, { size }) => sum + size, 0);
    const isResting = this.#restingOf(holder).has(holder);
    if (isResting) this.#idleBytes -= holder.bytes;
    holder.bytes = textBytes + blocks * BLOCK_BYTES;
    if (!isResting) return;
    this.#idleBytes += holder.bytes;
    this.#trim(holder);
  }
}

/** @throws {TypeError} when the text is no record */
function recordIn(text: string): HolderRecord {
  const record = JSON.parse(text) as Partial<HolderRecord> | null;
  const { principal, acks, islands } = record ?? {};
  const isWhole = typeof principal === "string" &&
    Object.values(acks ?? { none: "" }).every(Number.isSafeInteger) &&
    Object.values(islands ?? { none: null }).every((one) => Number.isSafeInteger(one?.version));
  if (!isWhole) throw new TypeError("Cannot read saved state: it is no record");
  return { principal, acks: acks ?? {}, islands: islands ?? {} };
}
