/**
 * The instances of one mount: so many at once, and a queue for who comes when all are at work.
 *
 *     acquire ─ an idle instance? ─ room for another? ─ the queue, in order, until its time is up
 *     release ─ broken, too large, or for one request only? it is dropped ─ else the next takes it
 */
import { DriftlessError } from "../../core/errors.ts";
import type { WasmMode } from "../../core/wasm_mount.ts";
import { type HandlerModule, type Lease, WasmInstance } from "./instance.ts";

/** How a pool is set up. */
export interface PoolOptions {
  readonly mode: WasmMode;
  /** Hears of an instance that goes, and why. */
  readonly dropped: (reason: "broken" | "large", memoryBytes: number) => void;
}

interface Waiting {
  resolve(lease: Lease): void;
  reject(error: unknown): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** The instances of one mount. */
export class InstancePool {
  readonly #handler: HandlerModule;
  readonly #options: PoolOptions;
  readonly #max: number;
  readonly #idle: WasmInstance[] = [];
  readonly #queue = new Set<Waiting>();
  #leases = 0;
  #isClosed = false;

  constructor(handler: HandlerModule, options: PoolOptions) {
    this.#handler = handler;
    this.#options = options;
    this.#max = options.mode === "durable" ? 1 : handler.limits.instances;
  }

  /** Instances that there are, at work and idle. */
  get size(): number {
    return this.#leases + this.#idle.length;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * One instance, for the caller alone until it is released. A promise only for who has to wait.
   *
   * @throws {WasmFault} when a new instance does not start
   * @throws {DriftlessError} `unavailable` when the queue is full, or the wait too long
   */
  acquire(): Lease | Promise<Lease> {
    if (this.#isClosed) throw new DriftlessError("unavailable", "The server is stopping");
    if (this.#leases < this.#max) return this.#lease(this.#idle.pop());
    const { queue, queueMs } = this.#handler.limits;
    if (this.#queue.size >= queue) throw busy();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#queue.delete(waiting);
        reject(busy());
      }, queueMs);
      const waiting = { resolve, reject, timer };
      this.#queue.add(waiting);
    });
  }

  /** Drops what is idle and refuses who waits; leases at work end as they do. */
  close(): void {
    this.#isClosed = true;
    this.#idle.length = 0;
    for (const { reject, timer } of this.#queue) {
      clearTimeout(timer);
      reject(new DriftlessError("unavailable", "The server is stopping"));
    }
    this.#queue.clear();
  }

  #lease(instance: WasmInstance = new WasmInstance(this.#handler)): Lease {
    let isOver = false;
    this.#leases++;
    return {
      instance,
      release: (state) => {
        if (isOver) return;
        isOver = true;
        this.#leases--;
        if (this.#isReusable(instance, instance.hasFailed ? "broken" : state)) {
          this.#idle.push(instance);
        }
        this.#serveNext();
      },
    };
  }

  #isReusable(instance: WasmInstance, state: "good" | "broken"): boolean {
    const { memoryBytes } = instance;
    const isLarge = memoryBytes > this.#handler.limits.memoryBytes;
    if (state === "broken") this.#options.dropped("broken", memoryBytes);
    else if (isLarge) this.#options.dropped("large", memoryBytes);
    return state === "good" && !isLarge && this.#options.mode !== "instance" && !this.#isClosed;
  }

  #serveNext(): void {
    const [next] = this.#queue;
    // Who came while an instance did not start may have taken the room.
    if (next === undefined || this.#leases >= this.#max) return;
    this.#queue.delete(next);
    clearTimeout(next.timer);
    try {
      next.resolve(this.#lease(this.#idle.pop()));
    } catch (error) {
      next.reject(error);
      // Each start may take its time: others get their turn in between.
      if (this.#queue.size > 0) setTimeout(() => this.#serveNext(), 0);
    }
  }
}

function busy(): DriftlessError {
  return new DriftlessError("unavailable", "The handler is busy; try again");
}
