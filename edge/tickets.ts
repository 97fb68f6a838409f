/** Single-use tickets: a browser cannot send headers with a WebSocket, and a token must not be in a URL. */
import { DriftlessError } from "../core/errors.ts";
import { type Random, randomId } from "../core/ports.ts";
import type { Identity } from "./identity.ts";

/** How long a ticket is good for, in milliseconds. */
export const TICKET_MS_MAX = 30_000;
/** Tickets that wait to be used. */
export const TICKETS_MAX = 10_000;

interface Ticket {
  readonly identity: Identity;
  readonly expires: number;
}

/** Tickets that were given out and not used. */
export class Tickets {
  readonly #random: Random;
  readonly #now: () => number;
  readonly #tickets = new Map<string, Ticket>();

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
  }

  /**
   * A new ticket for one live connection.
   *
   * @throws {DriftlessError} `unavailable` when too many are waiting
   */
  issue(identity: Identity): string {
    const now = this.#now();
    // In the order of issue, so the expired ones come first.
    for (const [ticket, { expires }] of this.#tickets) {
      if (expires > now) break;
      this.#tickets.delete(ticket);
    }
    if (this.#tickets.size >= TICKETS_MAX) {
      throw new DriftlessError("unavailable", "Cannot give out more tickets now");
    }
    const ticket = randomId(this.#random, 24);
    this.#tickets.set(ticket, { identity, expires: now + TICKET_MS_MAX });
    return ticket;
  }

  /**
   * Uses a ticket up.
   *
   * @throws {DriftlessError} `unauthenticated` when it is unknown, used or too old
   */
  redeem(ticket: string | null): Identity {
    const found = ticket === null ? undefined : this.#tickets.get(ticket);
    if (ticket !== null) this.#tickets.delete(ticket);
    if (found === undefined || found.expires <= this.#now()) {
      throw new DriftlessError("unauthenticated", "The ticket is unknown, used or too old");
    }
    return found.identity;
  }
}
