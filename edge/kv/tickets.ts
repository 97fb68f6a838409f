/** Tickets in a KV database: one that a process gave out opens a connection of another one. */
import type { Principal } from "../../core/app.ts";
import type { Random } from "../../core/ports.ts";
import type { Identity } from "../identity.ts";
import { TICKET_MS_MAX, type TicketBook, TicketPrinter, unknownTicket } from "../tickets.ts";
import { type KvConnection, kvFailure } from "./connection.ts";
import { jsonBytes, jsonOf, type KvLayout } from "./layout.ts";

interface SavedTicket {
  readonly principal: Principal | null;
  /** When the credentials end; `null` when they do not. */
  readonly expires: number | null;
  readonly explicit: boolean;
  /** When the ticket ends, in milliseconds since 1970. */
  readonly until: number;
}

/** What a ticket may look like; what does not is not looked for. */
const TICKET = /^[0-9a-f]{48}\*[0-9a-f]{16}$/;

/** Tickets that were given out and not used, by any of the processes. */
export class KvTickets implements TicketBook {
  readonly #kv: KvConnection;
  readonly #layout: KvLayout;
  readonly #printer: TicketPrinter;
  readonly #now: () => number;

  /** `now` is in milliseconds since 1970. */
  constructor(kv: KvConnection, layout: KvLayout, random: Random, now: () => number) {
    this.#kv = kv;
    this.#layout = layout;
    this.#printer = new TicketPrinter(random);
    this.#now = now;
  }

  async issue(identity: Identity): Promise<string> {
    const { principal, expires, explicit } = identity;
    const ticket = this.#printer.print(identity);
    const until = this.#now() + TICKET_MS_MAX;
    const saved: SavedTicket = {
      principal,
      expires: expires === Infinity ? null : expires,
      explicit,
      until,
    };
    try {
      const atomic = this.#kv.atomic();
      atomic.set(this.#layout.key("ticket", ticket), jsonBytes(saved), {
        expireIn: 2 * TICKET_MS_MAX,
      });
      await atomic.commit();
    } catch (error) {
      throw kvFailure(error);
    }
    return ticket;
  }

  async redeem(ticket: string | null): Promise<Identity> {
    if (ticket === null || !TICKET.test(ticket)) throw unknownTicket();
    const saved = await this.#take(ticket).catch((error) => {
      throw kvFailure(error);
    });
    if (saved === undefined || saved.until <= this.#now()) throw unknownTicket();
    const { principal, expires, explicit } = saved;
    return { principal, expires: expires ?? Infinity, explicit };
  }

  /** Whoever removes it has it. */
  async #take(ticket: string): Promise<SavedTicket | undefined> {
    const key = this.#layout.key("ticket", ticket);
    const [entry] = await this.#kv.getMany([key]);
    if (entry === undefined || entry.value === null) return undefined;
    const atomic = this.#kv.atomic();
    atomic.check({ key, versionstamp: entry.versionstamp });
    atomic.delete(key);
    return (await atomic.commit()).ok ? jsonOf<SavedTicket>(entry.value) : undefined;
  }
}
