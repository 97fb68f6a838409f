/**
 * The world: one heap of events, one virtual clock, one stream of chance, and a trace of it all.
 *
 * Nothing in a simulation waits or reads real time: what happens later is an event with a time, and
 * events of the same time happen in the order in which they were planned.
 */
import type { Clock } from "../../core/ports.ts";
import { Prng } from "./prng.ts";

/** A promise of the sheet that did not hold. */
export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise";
  /** The name of the checker. */
  readonly promise: string;

  constructor(promise: string, message: string) {
    super(message);
    this.promise = promise;
  }
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly label: string;
  readonly run: () => void;
}

/** Where virtual time starts, in milliseconds since 1970: late enough that no skew makes it negative. */
const START_MS = 1_700_000_000_000;
/** Lines of trace that are kept for the report of a failure. */
const TAIL_LINES = 100;
/** Events without the end of a phase: a livelock. */
const EVENTS_MAX = 400_000;

/** Time, chance and the trace. */
export class World {
  readonly prng: Prng;
  /** Milliseconds since the start. */
  now = 0;
  events = 0;
  /** Runs after every event. */
  afterEach: () => void = () => {};
  readonly #heap: Event[] = [];
  readonly #tail: string[] = [];
  #order = 0;
  #hash = 0x811c9dc5;

  constructor(seed: number) {
    this.prng = new Prng(seed);
  }

  /** Plans an event; returns how to call it off. */
  after(delayMs: number, label: string, run: () => void): () => void {
    let wanted = true;
    this.#push({
      at: this.now + delayMs,
      order: this.#order++,
      label,
      run: () => {
        if (wanted) run();
      },
    });
    return () => {
      wanted = false;
    };
  }

  /** Notes what happened, for the report and for the hash. */
  log(text: string): void {
    const line = `${this.now} ${text}`;
    for (let i = 0; i < line.length; i++) {
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193);
    }
    if (this.#tail.push(line) > TAIL_LINES * 2) this.#tail.splice(0, TAIL_LINES);
  }

  /** The last lines of the trace. */
  get tail(): readonly string[] {
    return this.#tail.slice(-TAIL_LINES);
  }

  /** One number for the whole trace: two runs of one seed must agree on it. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Lets time pass up to `endMs`, or until `done`; returns whether `done` came true. */
  run(endMs: number, done: () => boolean = () => false): boolean {
    for (;;) {
      if (done()) return true;
      const event = this.#heap[0];
      if (event === undefined || event.at > endMs) {
        this.now = endMs;
        return false;
      }
      this.#pop();
      this.now = event.at;
      this.events++;
      if (this.events > EVENTS_MAX) {
        throw new BrokenPromise("settles", `${EVENTS_MAX} events: ${event.label} never ends`);
      }
      event.run();
      this.afterEach();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent] as Event, event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) {
        child++;
      }
      if (isBefore(last, heap[child] as Event)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

/** The clock on one node's wall: off by some amount, which may jump. */
export class WallClock implements Clock {
  readonly #world: World;
  skewMs: number;

  constructor(world: World, skewMs: number) {
    this.#world = world;
    this.skewMs = skewMs;
  }

  now(): number {
    return START_MS + this.#world.now + this.skewMs;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
