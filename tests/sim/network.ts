/**
 * The network: live connections that keep their order but may die unevenly, and requests that may be
 * lost, come twice, or overtake each other.
 */
import type { SimOptions } from "./options.ts";
import type { World } from "./world.ts";

/** What one end of a live connection hears. */
export interface LinkEnd {
  received(bytes: Uint8Array): void;
  closed(): void;
}

/** A clogged packet waits up to this long, in milliseconds. */
const CLOG_MS_MAX = 6_000;
/** How long a connection lives on, on average, on the end that has not heard of its death. */
const HALF_OPEN_MS = 6_000;

/** Delays, losses and doubles. */
export class Network {
  readonly #world: World;
  readonly #options: SimOptions;
  /** After the faults: nothing is lost, doubled or clogged any more. */
  healed = false;

  constructor(world: World, options: SimOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** How long a message takes, in milliseconds. */
  delay(): number {
    const { prng } = this.#world;
    const { latencyMs, clogChance } = this.#options;
    const usual = prng.between(0, latencyMs);
    if (this.healed || !prng.chance(clogChance)) return usual;
    return usual + prng.between(1, CLOG_MS_MAX);
  }

  /** How long until an end notices a cut, in milliseconds: at once, or long after. */
  noticeDelay(): number {
    const { prng } = this.#world;
    const isHalfOpen = !this.healed && prng.chance(this.#options.halfOpenChance);
    return isHalfOpen ? prng.wait(HALF_OPEN_MS) : this.delay();
  }

  isLost(): boolean {
    return !this.healed && this.#world.prng.chance(this.#options.httpLossChance);
  }

  comesTwice(): boolean {
    return !this.healed && this.#world.prng.chance(this.#options.httpTwiceChance);
  }

  /** A live connection: each direction keeps its order. */
  link(name: string): Link {
    return new Link(this.#world, this, name);
  }
}

/** One live connection. */
export class Link {
  readonly name: string;
  readonly #world: World;
  readonly #network: Network;
  #client: LinkEnd | null = null;
  #server: LinkEnd | null = null;
  #upAt = 0;
  #downAt = 0;
  /** Nothing that is sent from now on arrives. */
  #severed = false;

  constructor(world: World, network: Network, name: string) {
    this.#world = world;
    this.#network = network;
    this.name = name;
  }

  attach(client: LinkEnd, server: LinkEnd): void {
    this.#client = client;
    this.#server = server;
  }

  sendUp(bytes: Uint8Array): void {
    if (this.#severed || this.#client === null) return;
    this.#upAt = Math.max(this.#upAt, this.#world.now + this.#network.delay());
    this.#at(this.#upAt, "up", () => this.#server?.received(bytes));
  }

  sendDown(bytes: Uint8Array): void {
    if (this.#severed || this.#server === null) return;
    this.#downAt = Math.max(this.#downAt, this.#world.now + this.#network.delay());
    // It reaches a client that has given this connection up: the shell has to know it apart.
    const client = this.#client;
    this.#at(this.#downAt, "down", () => (this.#client ?? client)?.received(bytes));
  }

  /** The client lets go; what it sent before is still under way. */
  closeByClient(): void {
    this.#client = null;
    const at = Math.max(this.#upAt, this.#world.now + this.#network.noticeDelay());
    this.#at(at, "close", () => this.#closeServer());
  }

  /** The server lets go, or is gone. */
  closeByServer(): void {
    this.#server = null;
    const at = Math.max(this.#downAt, this.#world.now + this.#network.noticeDelay());
    this.#at(at, "close", () => this.#closeClient());
  }

  /** The wire is cut: what is under way may arrive, and each end notices in its own time. */
  cut(): void {
    if (this.#severed) return;
    this.#severed = true;
    this.#world.log(`${this.name} is cut`);
    this.#at(this.#world.now + this.#network.noticeDelay(), "cut", () => this.#closeClient());
    this.#at(this.#world.now + this.#network.noticeDelay(), "cut", () => this.#closeServer());
  }

  #closeClient(): void {
    const end = this.#client;
    this.#client = null;
    end?.closed();
  }

  #closeServer(): void {
    const end = this.#server;
    this.#server = null;
    end?.closed();
  }

  #at(at: number, what: string, run: () => void): void {
    this.#world.after(at - this.#world.now, `${this.name} ${what}`, run);
  }
}
