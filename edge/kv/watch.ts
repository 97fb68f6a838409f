/**
 * Watches the heads of scopes, so many with each stream, and tells when one has gone further.
 *
 * A stream that ends or fails is opened again, and begins with what is there: nothing is lost by
 * it. Several who follow a scope share its place in a stream. The streams of a file tell nothing
 * of other processes, so that the heads are read now and then as well.
 */
import { KV_KEYS_MAX, type KvConnection, type KvEntry, type KvKey } from "./connection.ts";
import { jsonOf, type KvHead, type KvLayout, NO_KV_HEAD } from "./layout.ts";

/** How long to wait before a stream that failed is opened again, in milliseconds; it doubles. */
const RETRY_MS_MIN = 50;
/** At the most, in milliseconds. */
const RETRY_MS_MAX = 5_000;

/** Hears of a scope. */
type Grown = (scope: string) => void;

/** A scope that is followed. */
interface Followed {
  readonly scope: string;
  readonly listeners: Set<Grown>;
  /** The cursor that its listeners have heard of; -1 at first. */
  told: number;
  /** The highest cursor that was seen. */
  seen: number;
  /** Commits from here that are under way: what is seen meanwhile may be theirs. */
  held: number;
}

/** Up to 10 scopes, and the stream that tells of them. */
class Group {
  readonly scopes: Followed[] = [];
  reader: ReadableStreamDefaultReader<readonly KvEntry[]> | undefined;
  /** Grows whenever the stream has to be another one. */
  generation = 0;
}

/** The followed scopes of one store. */
export class KvWatch {
  readonly #kv: KvConnection;
  readonly #layout: KvLayout;
  readonly #followed = new Map<string, Followed>();
  readonly #groups = new Set<Group>();
  readonly #timers = new Map<Group, ReturnType<typeof setTimeout>>();
  readonly #pollMs: number;
  #polling: ReturnType<typeof setTimeout> | undefined;

  /** @param pollMs how often heads are read, in milliseconds; 0 for never */
  constructor(kv: KvConnection, layout: KvLayout, pollMs: number) {
    this.#kv = kv;
    this.#layout = layout;
    this.#pollMs = pollMs;
  }

  /** As `SuspendingStore.follow`. */
  follow(scopes: ReadonlySet<string>, grown: Grown, signal: AbortSignal): void {
    if (signal.aborted) return;
    // One listener of its own, so that each call ends by itself.
    const listener: Grown = (scope) => grown(scope);
    for (const scope of scopes) this.#add(scope, listener);
    if (this.#pollMs > 0) this.#polling ??= setTimeout(() => void this.#poll(), this.#pollMs);
    const end = () => {
      for (const scope of scopes) this.#remove(scope, listener);
    };
    signal.addEventListener("abort", end, { once: true });
  }

  /**
   * Somebody here is about to move scopes on. Call what is returned when that is over, with the
   * cursors from which and to which it has been done: they are no news.
   */
  moving(
    scopes: readonly string[],
  ): (moved: Iterable<readonly [scope: string, from: number, to: number]>) => void {
    const held = scopes.flatMap((scope) => this.#followed.get(scope) ?? []);
    for (const followed of held) followed.held++;
    return (moved) => {
      for (const [scope, from, to] of moved) {
        const followed = this.#followed.get(scope);
        if (followed?.told === from) followed.told = to;
      }
      for (const followed of held) {
        followed.held--;
        tell(followed);
      }
    };
  }

  /** Ends all of it. */
  close(): void {
    for (const group of this.#groups) this.#stop(group);
    this.#groups.clear();
    this.#followed.clear();
    this.#stopPolling();
  }

  #add(scope: string, listener: Grown): void {
    const known = this.#followed.get(scope);
    if (known !== undefined) {
      known.listeners.add(listener);
      // The others hear of it once more: too often rather than not at all.
      known.told = -1;
      this.#restart(this.#groupOf(known));
      return;
    }
    const listeners = new Set([listener]);
    const followed: Followed = { scope, listeners, told: -1, seen: -1, held: 0 };
    this.#followed.set(scope, followed);
    let group = [...this.#groups].find(({ scopes }) => scopes.length < KV_KEYS_MAX);
    if (group === undefined) this.#groups.add(group = new Group());
    group.scopes.push(followed);
    this.#restart(group);
  }

  #remove(scope: string, listener: Grown): void {
    const followed = this.#followed.get(scope);
    if (followed?.listeners.delete(listener) !== true || followed.listeners.size > 0) return;
    const group = this.#groupOf(followed);
    this.#followed.delete(scope);
    group.scopes.splice(group.scopes.indexOf(followed), 1);
    if (group.scopes.length > 0) {
      this.#restart(group);
    } else {
      this.#stop(group);
      this.#groups.delete(group);
      if (this.#groups.size === 0) this.#stopPolling();
    }
  }

  async #poll(): Promise<void> {
    const timer = this.#polling;
    await Promise.all(Array.from(this.#groups, async ({ scopes: current }) => {
      const scopes = [...current];
      try {
        const entries = await this.#kv.getMany(this.#keysOf(scopes));
        entries.forEach((entry, index) => see(scopes[index] as Followed, entry));
      } catch {
        // There is a next time.
      }
    }));
    if (this.#polling !== timer) return;
    this.#polling = setTimeout(() => void this.#poll(), this.#pollMs);
  }

  #stopPolling(): void {
    clearTimeout(this.#polling);
    this.#polling = undefined;
  }

  #keysOf(scopes: readonly Followed[]): readonly KvKey[] {
    return scopes.map(({ scope }) => this.#layout.key("scope", scope));
  }

  #groupOf(followed: Followed): Group {
    for (const group of this.#groups) if (group.scopes.includes(followed)) return group;
    throw new TypeError("a scope that is followed is in a group");
  }

  /** Opens another stream in place of a group's, in the next turn: more scopes may come now. */
  #restart(group: Group): void {
    const generation = this.#stop(group);
    queueMicrotask(() => void this.#read(group, generation, RETRY_MS_MIN));
  }

  #stop(group: Group): number {
    clearTimeout(this.#timers.get(group));
    this.#timers.delete(group);
    group.reader?.cancel().catch(() => {});
    group.reader = undefined;
    return ++group.generation;
  }

  async #read(group: Group, generation: number, retryMs: number): Promise<void> {
    if (group.generation !== generation) return;
    const scopes = [...group.scopes];
    let wait = retryMs;
    try {
      const reader = this.#kv.watch(this.#keysOf(scopes)).getReader();
      group.reader = reader;
      for (;;) {
        const { done, value } = await reader.read();
        if (done || group.generation !== generation) break;
        wait = RETRY_MS_MIN;
        value.forEach((entry, index) => see(scopes[index] as Followed, entry));
      }
    } catch {
      // The next stream begins with what is there.
    }
    if (group.generation !== generation) return;
    const again = () => void this.#read(group, generation, Math.min(wait * 2, RETRY_MS_MAX));
    this.#timers.set(group, setTimeout(again, wait));
  }
}

function see(followed: Followed, { value }: KvEntry): void {
  const head = value instanceof Uint8Array ? jsonOf<KvHead>(value) : NO_KV_HEAD;
  if (head.redo !== undefined) {
    // Nobody knows yet what this will be: whoever looks brings it to its end.
    if (followed.held === 0) notify(followed);
    return;
  }
  followed.seen = Math.max(followed.seen, head.cursor);
  tell(followed);
}

function tell(followed: Followed): void {
  const { seen, told, held } = followed;
  if (held > 0 || seen <= told) return;
  followed.told = seen;
  notify(followed);
}

function notify({ scope, listeners }: Followed): void {
  for (const listener of [...listeners]) listener(scope);
}
