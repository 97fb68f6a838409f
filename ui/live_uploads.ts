/**
 * Files from pages: the page asks through an upload's slot and gets a ticket for each file; the door that
 * takes the bytes shows the ticket, and says when the file is there.
 */
import { DriftlessError } from "../core/errors.ts";
import { isJsonObject, type Json } from "../core/json.ts";
import { NAME_UNITS_MAX } from "../core/limits.ts";
import { type Random, randomId } from "../core/ports.ts";
import type { LiveHost } from "./live_host.ts";
import { UPLOAD_TICKET_MS, UPLOADS_PENDING_MAX } from "./live_limits.ts";
import type { LiveView } from "./live_view.ts";
import type { Slot } from "./program.ts";

/** A file that a page wants to send. */
export interface UploadOffer {
  readonly name: string;
  /** Its media type, as the page says; empty when it does not know. */
  readonly type: string;
  /** Bytes. */
  readonly size: number;
}

interface Ticket {
  readonly view: LiveView;
  readonly instance: number;
  readonly slot: number;
  readonly offer: UploadOffer;
  /** When it is of no use any more. */
  end: number;
}

type UploadSlot = Slot & { readonly kind: "upload" };

/** The function of the bridge that is given the tickets. */
export const UPLOAD_CALL = "driftless:upload";

/** All tickets of one process. */
export class LiveUploads {
  readonly #host: LiveHost;
  readonly #random: Random;
  readonly #tickets = new Map<string, Ticket>();

  constructor(host: LiveHost, random: Random) {
    this.#host = host;
    this.#random = random;
  }

  /** A page wants to send files: gives it tickets for them, in their order. */
  request(view: LiveView, instance: number, slot: number, upload: UploadSlot, data: Json): void {
    const offers = offersOf(data);
    if (offers.length > upload.filesMax) {
      throw new DriftlessError("too_large", `Cannot take more than ${upload.filesMax} files`);
    }
    for (const { name, type, size } of offers) {
      if (size > upload.bytesMax) {
        throw new DriftlessError("too_large", `Cannot take more than ${upload.bytesMax} bytes`);
      }
      if (!isAccepted(upload.accept, name, type)) {
        throw new DriftlessError("rejected", `Cannot take the file: it is not ${upload.accept}`);
      }
    }
    const own = [...this.#tickets.values()].filter((one) => one.view.session === view.session);
    if (own.length + offers.length > UPLOADS_PENDING_MAX) {
      throw new DriftlessError(
        "rate_limited",
        `Cannot take more than ${UPLOADS_PENDING_MAX} files`,
      );
    }
    const end = this.#host.now() + UPLOAD_TICKET_MS;
    const tickets = offers.map((offer) => {
      const ticket = randomId(this.#random);
      this.#tickets.set(ticket, { view, instance, slot, offer, end });
      return ticket;
    });
    this.#host.wake(UPLOAD_TICKET_MS);
    this.#host.tell(view, UPLOAD_CALL, [instance, slot, tickets]);
  }

  /** What a ticket is for, and a further while for it; `undefined` when it is for nothing. */
  open(ticket: string): UploadOffer | undefined {
    const known = this.#tickets.get(ticket);
    if (known === undefined || known.view.isClosed) return undefined;
    known.end = this.#host.now() + UPLOAD_TICKET_MS;
    return known.offer;
  }

  /** The file of a ticket is there: the handler is called with it. False when nobody wants it now. */
  done(ticket: string, file: object): boolean {
    const known = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (known === undefined || known.view.isClosed) return false;
    const { view, instance, slot } = known;
    if (view.instance.engine.slotAt(instance, slot)?.kind !== "upload") return false;
    return this.#host.runner.handle(view, (engine) => engine.run(instance, slot, file));
  }

  /** Forgets the tickets of pages that are gone, and old ones. */
  turn(now: number): void {
    let next = Infinity;
    for (const [ticket, { view, end }] of this.#tickets) {
      if (end <= now || view.isClosed) this.#tickets.delete(ticket);
      else next = Math.min(next, end - now);
    }
    if (next < Infinity) this.#host.wake(next);
  }

  get size(): number {
    return this.#tickets.size;
  }
}

function offersOf(data: Json): readonly UploadOffer[] {
  const files = isJsonObject(data) ? data.files : undefined;
  if (!Array.isArray(files)) throw invalid("it lists no files");
  return (files as readonly Json[]).map((file) => {
    if (!isJsonObject(file)) throw invalid("a file in it is none");
    const { name, type, size } = file;
    if (typeof name !== "string" || name === "" || name.length > NAME_UNITS_MAX * 2) {
      throw invalid("a file has no usable name");
    }
    if (typeof type !== "string" || type.length > NAME_UNITS_MAX) throw invalid("its type is none");
    if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid("its size is none");
    return { name, type, size: size as number };
  });
}

/** Whether a file is what the input's `accept` lists: suffixes, types, and kinds of types. */
function isAccepted(accept: string, name: string, type: string): boolean {
  const kinds = accept.split(",").map((kind) => kind.trim().toLowerCase()).filter(Boolean);
  return kinds.length === 0 || kinds.some((kind) => {
    if (kind.startsWith(".")) return name.toLowerCase().endsWith(kind);
    return kind.endsWith("/*")
      ? type.toLowerCase().startsWith(kind.slice(0, -1))
      : type.toLowerCase() === kind;
  });
}

function invalid(reason: string): DriftlessError {
  return new DriftlessError("invalid_mutation", `Cannot take the upload: ${reason}`);
}
