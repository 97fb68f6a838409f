/** Who a client is to the server: its id, how far it has been decided, and its hybrid clock. */
import type { ClientIdentity, PersistedClient } from "./persistence.ts";
import { type Clock, type Random, randomId } from "./ports.ts";

/** Bytes of a client id. */
const CLIENT_ID_BYTES = 8;

/** The identity of one client, as it moves on. */
export class MovingIdentity {
  readonly #clock: Clock;
  readonly #random: Random;
  #value: ClientIdentity;

  /** Goes on from what was stored, or starts anew. */
  constructor(persisted: PersistedClient | undefined, clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    // A new client that takes over a queue goes on from the times in it.
    const time = persisted?.pending.reduce((max, entry) => Math.max(max, entry.createdAt), 0) ?? 0;
    const client = randomId(random, CLIENT_ID_BYTES);
    this.#value = persisted?.identity ?? { client, decidedSeq: 0, time, clockOffset: 0 };
  }

  /** What to store. */
  get value(): ClientIdentity {
    return this.#value;
  }

  get client(): string {
    return this.#value.client;
  }

  get decidedSeq(): number {
    return this.#value.decidedSeq;
  }

  /** The server has decided the next mutation. */
  decide(): void {
    this.#value = { ...this.#value, decidedSeq: this.#value.decidedSeq + 1 };
  }

  /** Takes a new id, and counts from 1. */
  renew(): void {
    const client = randomId(this.#random, CLIENT_ID_BYTES);
    this.#value = { ...this.#value, client, decidedSeq: 0 };
  }

  /** The time for a new mutation: later than all that this client has seen or said. */
  nextTime(): number {
    const { clockOffset, time } = this.#value;
    return Math.max(Math.trunc(this.#clock.now() + clockOffset), time + 1);
  }

  /** This client has seen, or said, something of this time. */
  saw(time: number): void {
    this.#value = { ...this.#value, time: Math.max(this.#value.time, time) };
  }

  /** The server's clock stands here. */
  learn(serverTime: number): void {
    this.#value = { ...this.#value, clockOffset: serverTime - this.#clock.now() };
  }
}
