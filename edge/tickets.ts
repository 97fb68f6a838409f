/**
 * Single-use tickets: a browser cannot send headers with a WebSocket, and a token must not be in a URL.
 *
 *     RANDOM*LABEL     one server's tickets of one principal have one label: a page may share a socket
 */
import { createHmac } from "node:crypto";
import { DriftlessError } from "../core/errors.ts";
import { type Random, randomId } from "../core/ports.ts";
import type { Identity } from "./identity.ts";

/** How long a ticket is good for, in milliseconds. */
export const TICKET_MS_MAX = 30_000;
/** Tickets that wait to be used. */
export const TICKETS_MAX = 10_000;
/** Bytes of a ticket that nobody guesses, of its label, and of what labels are made with. */
const RANDOM_BYTES = 24;
const LABEL_BYTES = 8;
const KEY_BYTES = 16;

interface Ticket {
  readonly identity: Identity;
  readonly expires: number;
}

/** Gives tickets out and takes them back, where that takes time. */
export interface TicketBook {
  /** A new ticket for one live connection. */
  issue(identity: Identity): string | Promise<string>;
  /** Uses a ticket up; throws `unauthenticated` when it is unknown, used or too old. */
  redeem(ticket: string | null): Identity | Promise<Identity>;
}

/** Tickets that were given out and not used. */
export class Tickets implements TicketBook {
  readonly #printer: TicketPrinter;
  readonly #now: () => number;
  readonly #tickets = new Map<string, Ticket>();

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(random: Random, now: () => number) {
    this.#printer = new TicketPrinter(random);
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
    const ticket = this.#printer.print(identity);
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
    if (found === undefined || found.expires <= this.#now()) throw unknownTicket();
    return found.identity;
  }
}

/**
 * Makes tickets that nobody guesses, with the label of who each is for. Logs of addresses have labels in
 * them, so they are made with a key of this printer's own: nobody can try names.
 */
export class TicketPrinter {
  readonly #random: Random;
  readonly #key: string;

  constructor(random: Random) {
    this.#random = random;
    this.#key = randomId(random, KEY_BYTES);
  }

  print({ principal }: Identity): string {
    const label = createHmac("sha256", this.#key).update(JSON.stringify(principal)).digest("hex");
    return `${randomId(this.#random, RANDOM_BYTES)}*${label.slice(0, 2 * LABEL_BYTES)}`;
  }
}

/** Says that a ticket opens nothing. */
export function unknownTicket(): DriftlessError {
  return new DriftlessError("unauthenticated", "The ticket is unknown, used or too old");
}
