/**
 * Who read what: reads are reported while expressions run, and writes (`tracking_proxies.ts`) are told to
 * those who read what was written.
 *
 * Both go by the object itself, whichever island it belongs to: islands that show the same object hear of
 * each other's writes.
 */

/** Something that is evaluated again when what it read was written to. */
export interface Reader {
  /** The only object of which any change concerns it, when it is that object's first reader. */
  source: object | null;
  readonly isDead: boolean;
  /** Whether it is cheap, so that any field of its source may concern it. */
  readonly isCheap: boolean;
  markDirty(): void;
  /** Something that cannot be followed was handed out: everything may have changed. */
  markAll(): void;
}

/** Stands for all keys of an object. */
export const ANY: unique symbol = Symbol("any key");

/** Up to so many pairs are searched one by one. */
const PAIRS_MAX = 8;
/** A set of readers is swept when it has grown to this. */
const SWEEP_MIN = 64;

/** Readers of one object. */
class Readers {
  /** Reader and key in turn. */
  #pairs: unknown[] | null = [];
  #byKey: Map<PropertyKey, Set<Reader>> | null = null;
  #sweepAt = SWEEP_MIN;

  add(reader: Reader, key: PropertyKey): void {
    const pairs = this.#pairs;
    if (pairs === null) return this.#addTo(reader, key);
    for (let at = 0; at < pairs.length; at += 2) {
      if (pairs[at] === reader && (pairs[at + 1] === key || pairs[at + 1] === ANY)) return;
    }
    if (pairs.length < PAIRS_MAX * 2) {
      pairs.push(reader, key);
      return;
    }
    this.#pairs = null;
    this.#byKey = new Map();
    for (let at = 0; at < pairs.length; at += 2) {
      this.#addTo(pairs[at] as Reader, pairs[at + 1] as PropertyKey);
    }
    this.#addTo(reader, key);
  }

  /** Tells the readers of a key; with `ANY` all. */
  written(key: PropertyKey): void {
    this.#each(key, (reader) => reader.markDirty());
  }

  handedOut(): void {
    this.#each(ANY, (reader) => reader.markAll());
  }

  #each(key: PropertyKey, tell: (reader: Reader) => void): void {
    const pairs = this.#pairs;
    if (pairs !== null) {
      for (let at = 0; at < pairs.length; at += 2) {
        const known = pairs[at + 1];
        if (known === key || known === ANY || key === ANY) tell(pairs[at] as Reader);
      }
      if (pairs.some((one, at) => at % 2 === 0 && (one as Reader).isDead)) this.#dropDead(pairs);
      return;
    }
    const byKey = this.#byKey as Map<PropertyKey, Set<Reader>>;
    const sets = key === ANY ? [...byKey.values()] : [byKey.get(key), byKey.get(ANY)];
    for (const set of sets) {
      for (const reader of set ?? []) {
        if (reader.isDead) set?.delete(reader);
        else tell(reader);
      }
    }
  }

  #addTo(reader: Reader, key: PropertyKey): void {
    const byKey = this.#byKey as Map<PropertyKey, Set<Reader>>;
    let set = byKey.get(key);
    if (set === undefined) byKey.set(key, set = new Set());
    set.add(reader);
    if (set.size < this.#sweepAt) return;
    for (const one of set) if (one.isDead) set.delete(one);
    this.#sweepAt = Math.max(this.#sweepAt, set.size * 2);
  }

  #dropDead(pairs: readonly unknown[]): void {
    this.#pairs = [];
    for (let at = 0; at < pairs.length; at += 2) {
      if (!(pairs[at] as Reader).isDead) this.#pairs.push(pairs[at], pairs[at + 1]);
    }
  }
}

/** An object with one cheap reader has just that: most rows of a table are such. */
const readersOf = new WeakMap<object, Reader | Readers>();

/**
 * Reads that nobody needed to know of yet: reader, object and key in turn. They are sorted in with the
 * next write, so that a page which is shown and never written to does not pay for being followed.
 */
let pending: unknown[] = [];
/** So many reads wait at most; they hold on to what was read. */
export const PENDING_READS_MAX = 65_536;

/** Says that a reader depends on a key of an object, or with `ANY` on all of them. */
export function noteRead(reader: Reader, object: object, key: PropertyKey): void {
  if (object === reader.source) return;
  const known = readersOf.get(object);
  if (known === reader) return;
  if (reader.isCheap && reader.source === null && (known === undefined || isDead(known))) {
    reader.source = originalOf(object);
  }
  pending.push(reader, object, key);
  if (pending.length >= PENDING_READS_MAX * 3) sortInReads();
}

/** Sorts in the reads that wait; those of dead readers are forgotten. */
export function sortInReads(): void {
  const reads = pending;
  if (reads.length === 0) return;
  pending = [];
  for (let at = 0; at < reads.length; at += 3) {
    const reader = reads[at] as Reader;
    if (!reader.isDead) {
      sortIn(reader, originalOf(reads[at + 1] as object), reads[at + 2] as string);
    }
  }
}

function sortIn(reader: Reader, object: object, key: PropertyKey): void {
  const known = readersOf.get(object);
  if (known === reader) return;
  const isSource = reader.source === object;
  if (isSource && (known === undefined || isDead(known))) {
    readersOf.set(object, reader);
    return;
  }
  // Lists, maps and sets are written as a whole; of its source, a reader told but one key.
  const read = isSource || isWhole(object) ? ANY : key;
  if (known instanceof Readers) return known.add(reader, read);
  const readers = new Readers();
  if (known !== undefined && !known.isDead) readers.add(known, ANY);
  readers.add(reader, read);
  readersOf.set(object, readers);
}

function isDead(known: Reader | Readers): boolean {
  return !(known instanceof Readers) && known.isDead;
}

/** Keeps the readers of an object apart by key from the first on: a state object has many. */
export function separateKeys(object: object): void {
  const known = readersOf.get(object);
  if (known instanceof Readers) return;
  const readers = new Readers();
  if (known !== undefined) readers.add(known, ANY);
  readersOf.set(object, readers);
}

/** Says that a key of an object was written, or with `ANY` that any may have been. */
export function noteWrite(object: object, key: PropertyKey): void {
  sortInReads();
  const known = readersOf.get(object);
  if (known instanceof Readers) known.written(key);
  else known?.markDirty();
}

/** Tells the readers of an object that it was handed out, and that its writes cannot be seen. */
export function noteHandedOut(object: object): void {
  sortInReads();
  const known = readersOf.get(object);
  if (known instanceof Readers) known.handedOut();
  else known?.markAll();
}

/** Whether anybody ever read an object, or wrote to it. */
export function isKnown(object: object): boolean {
  sortInReads();
  return readersOf.has(object) || proxied.has(object);
}

/** Says of which object this is a proxy. */
export function noteProxy(proxy: object, original: object): void {
  originals.set(proxy, original);
  proxied.add(original);
}

/** The object behind a proxy, or the value itself. */
export function originalOf<T>(value: T): T {
  if (value === null || typeof value !== "object") return value;
  return (originals.get(value) as T | undefined) ?? value;
}

const originals = new WeakMap<object, object>();
const proxied = new WeakSet<object>();

/** Whether writes to an object can be seen: not those of platform classes, nor of private fields. */
export function isFollowed(object: object): boolean {
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype === null || prototype === Object.prototype || FOLLOWED.has(prototype)) return true;
  const known = followed.get(prototype);
  if (known !== undefined) return known;
  const isOne = Array.isArray(object) || isFollowedClass(object, prototype);
  followed.set(prototype, isOne);
  return isOne;
}

const FOLLOWED: ReadonlySet<object> = new Set<object>([
  Object.prototype,
  Array.prototype,
  Map.prototype,
  Set.prototype,
]);

/** By prototype: classes do not change. */
const followed = new WeakMap<object, boolean>();

/** A private field, or a text like one, which then costs a full look and nothing else. */
const PRIVATE_NAME = /#[\p{ID_Start}$_]/u;

function isFollowedClass(object: object, prototype: object): boolean {
  if (object instanceof Map || object instanceof Set) return false;
  let one: object | null = prototype;
  for (; one !== null && one !== Object.prototype; one = Object.getPrototypeOf(one)) {
    const source = String(one.constructor);
    if (source.includes("[native code]") || PRIVATE_NAME.test(source)) return false;
  }
  return true;
}

/** Whether an object is written as a whole: a list, map or set. */
export function isWhole(object: object): boolean {
  return Array.isArray(object) || object instanceof Map || object instanceof Set;
}
