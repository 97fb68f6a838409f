/**
 * Files from pages: parts of a file arrive for a ticket and go to a folder of temporary files; the
 * island's handler is called with the whole one.
 */
import { mkdtemp, open as openFile, rm } from "node:fs/promises";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DriftlessError } from "../core/errors.ts";
import type { LiveUploads } from "../ui/live_uploads.ts";
import { readBytes } from "./body.ts";
import { errorText, type Log } from "./log.ts";

/** Bytes of one part of a file. */
export const UPLOAD_PART_BYTES_MAX = 512 * 1024;
/** Files that are on their way, or lie there, at a time. */
export const UPLOADS_MAX = 256;
/** Bytes of these files, as they were announced. */
export const UPLOADS_BYTES_MAX = 8 * 1024 * 1024 * 1024;
/** How long a file waits for its next part, in milliseconds. */
export const UPLOAD_SILENCE_MS_MAX = 60_000;
/** How long a whole file lies there for its handler, in milliseconds. */
export const UPLOADED_MS_MAX = 10 * 60 * 1000;
/** The header that holds the ticket. */
export const UPLOAD_HEADER = "x-upload-ticket";

/** A file that a page has sent. */
export interface UploadedFile {
  /** As the page says; no path of this machine. */
  readonly name: string;
  /** Its media type, as the page says; empty when it does not know. */
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  /** Where it lies for {@linkcode UPLOADED_MS_MAX}: what is to stay is moved. */
  readonly path: string;
  /** Reads all of it. */
  bytes(): Uint8Array;
  /** Reads all of it as UTF-8. */
  text(): string;
}

/** What the page is told after each part. */
export interface UploadProgress {
  /** Bytes that have arrived: where the next part begins. */
  readonly received: number;
  readonly done: boolean;
}

/** A file on its way, or there. */
interface Arriving {
  path: string;
  /** Bytes of the whole file. */
  readonly size: number;
  received: number;
  isDone: boolean;
  /** While a part is being written, nobody else writes one. */
  isBusy: boolean;
  /** When it goes. */
  end: number;
}

/** The files of one server. */
export class UiUploads {
  readonly #tickets: LiveUploads;
  readonly #now: () => number;
  readonly #log: Log;
  readonly #files = new Map<string, Arriving>();
  #folder: Promise<string> | undefined;
  #folderPath: string | undefined;
  #serial = 0;
  #isClosed = false;

  /** `now` is a clock in milliseconds that never goes back. */
  constructor(tickets: LiveUploads, now: () => number, log: Log) {
    this.#tickets = tickets;
    this.#now = now;
    this.#log = log;
  }

  /**
   * Takes a part.
   *
   * @throws {DriftlessError} `unauthenticated` for a ticket that is for nothing; `sequence_gap` for a part
   *   that is not the next one; `too_large` for more than was offered; `rate_limited` for too many
   */
  async receive(request: Request): Promise<UploadProgress> {
    const ticket = request.headers.get(UPLOAD_HEADER) ?? "";
    const offer = this.#tickets.open(ticket);
    if (offer === undefined || this.#isClosed) {
      throw new DriftlessError("unauthenticated", "The ticket is unknown, used or too old");
    }
    const file = this.#files.get(ticket) ?? await this.#begin(ticket, offer.size);
    const offset = Number(new URL(request.url).searchParams.get("offset") ?? "0");
    if (file.isBusy || file.isDone || offset !== file.received) {
      throw new DriftlessError("sequence_gap", `The next part begins at ${file.received}`);
    }
    file.isBusy = true;
    try {
      const bytes = await readBytes(request, UPLOAD_PART_BYTES_MAX);
      if (file.received + bytes.length > offer.size) {
        throw new DriftlessError("too_large", `The file has ${offer.size} bytes, as was said`);
      }
      if (bytes.length === 0 && offer.size > 0) {
        throw new DriftlessError("invalid_mutation", "Cannot take an empty part");
      }
      await append(file.path, bytes, file.received);
      file.received += bytes.length;
      file.end = this.#now() + UPLOAD_SILENCE_MS_MAX;
    } finally {
      file.isBusy = false;
    }
    if (file.received === offer.size) this.#finish(ticket, file, offer);
    return { received: file.received, done: file.isDone };
  }

  /** Removes what is over; call it now and then. */
  sweep(): void {
    const now = this.#now();
    for (const [ticket, file] of this.#files) {
      if (file.end > now || file.isBusy) continue;
      this.#files.delete(ticket);
      void rm(file.path, { force: true }).catch((error) => this.#failed(error));
    }
  }

  /** Removes everything. */
  close(): void {
    this.#isClosed = true;
    this.#files.clear();
    if (this.#folderPath !== undefined) rmSync(this.#folderPath, { recursive: true, force: true });
  }

  async #begin(ticket: string, size: number): Promise<Arriving> {
    const bytes = this.#files.values().reduce((sum, file) => sum + file.size, size);
    if (this.#files.size >= UPLOADS_MAX || bytes > UPLOADS_BYTES_MAX) {
      throw new DriftlessError("rate_limited", "Cannot take more files now");
    }
    const end = this.#now() + UPLOAD_SILENCE_MS_MAX;
    const file: Arriving = { path: "", size, received: 0, isDone: false, isBusy: true, end };
    // Its place is taken before anything is waited for: a second part finds it busy.
    this.#files.set(ticket, file);
    const number = this.#serial++;
    try {
      const folder = await (this.#folder ??= mkdtemp(join(tmpdir(), "driftless-uploads-")));
      this.#folderPath = folder;
      file.path = join(folder, `${number}`);
      file.isBusy = false;
    } catch (error) {
      this.#folder = undefined;
      this.#files.delete(ticket);
      throw error;
    }
    if (!this.#isClosed) return file;
    this.close();
    throw new DriftlessError("unavailable", "The server is stopping");
  }

  #finish(
    ticket: string,
    file: Arriving,
    offer: { readonly name: string; readonly type: string; readonly size: number },
  ): void {
    file.isDone = true;
    const { path } = file;
    const { name, type, size } = offer;
    const bytes = () => new Uint8Array(readFileSync(path));
    const text = () => new TextDecoder().decode(bytes());
    const uploaded: UploadedFile = Object.freeze({ name, type, size, path, bytes, text });
    // Until somebody has taken it, nobody wants it.
    file.end = this.#now();
    if (this.#tickets.done(ticket, uploaded)) file.end += UPLOADED_MS_MAX;
  }

  #failed(error: unknown): void {
    this.#log.error("upload failed", { error: errorText(error) });
  }
}

async function append(path: string, bytes: Uint8Array, offset: number): Promise<void> {
  const file = await openFile(path, offset === 0 ? "w" : "r+", 0o600);
  try {
    await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}
