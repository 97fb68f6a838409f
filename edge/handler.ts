/**
 * The one handler of an app, on web standards only: its parts, and the order in which they begin and
 * end. The paths are in `edge/routes.ts`.
 *
 * HTTP requests and WebSocket upgrades pass the same admission: host, origin, identity.
 */
import type { AnyApp } from "../core/app.ts";
import { DriftlessError } from "../core/errors.ts";
import { SyncServer } from "../core/server.ts";
import type { AnyStore } from "../core/suspend.ts";
import { type Admission, admit } from "./admission.ts";
import { notFound } from "./answers.ts";
import { discardBody } from "./body.ts";
import { Committer } from "./committer.ts";
import type { AsyncIslandStates } from "./fetched_islands.ts";
import type { Identity } from "./identity.ts";
import type { Templates } from "./island_templates.ts";
import { LiveHub, SWEEP_MS } from "./live.ts";
import { LiveUi } from "./live_ui.ts";
import { errorText, type Log } from "./log.ts";
import { type Rate, RateLimiter } from "./rate.ts";
import { countWork } from "./reconcile_rate.ts";
import { LIVE_PATH, Routes } from "./routes.ts";
import type { Peer, Socket, SocketHandlers, Upgrade } from "./socket.ts";
import type { IslandStates } from "./sqlite_islands.ts";
import { SyncDoors } from "./sync_doors.ts";
import { type TicketBook, Tickets } from "./tickets.ts";
import { Upkeep } from "./upkeep.ts";
import { WasmMounts } from "./wasm/mount.ts";

/** A page or another file that the handler serves. */
export interface Asset {
  /** The `Content-Type` that it is sent with. */
  readonly type: string;
  /** Text is sent as UTF-8. */
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** A quoted string (`"…"`) that differs when the body does. */
  readonly etag: string;
}

/** What a handler is made of. */
export interface HandlerOptions extends Admission {
  /** Where the scopes are. The handler writes to it and leaves it open. */
  readonly store: AnyStore;
  /** Hears of failures, and of what an operator wants to know. */
  readonly log: Log;
  /** What `/healthz` tells of the program's version. */
  readonly version: string;
  /** Files by path. */
  readonly assets?: Readonly<Record<string, Asset>>;
  /** Finds further files by path. */
  readonly pages?: (path: string) => Promise<Asset | undefined>;
  /** Templates of islands that are in files. */
  readonly templates?: Templates;
  /**
   * Keeps the state of islands when the handler ends; without it they begin anew. It may be elsewhere
   * where the store's data is as well.
   */
  readonly islandStates?: IslandStates | AsyncIslandStates;
  /** Gives out what opens live connections, where several processes are one server. */
  readonly tickets?: TicketBook;
  /** Calls back after the input that is waiting now has been read. @default {setTimeout} */
  readonly defer?: (work: () => void) => void;
  /**
   * Whether the handler sweeps and trims by itself. Without timers, for platforms that put an idle
   * program to sleep, call {@linkcode Handler.sweep} and {@linkcode Handler.trim}.
   *
   * @default {true}
   */
  readonly timers?: boolean;
}

/** An app behind its doors. */
export interface Handler {
  /** Answers an HTTP request; an error is answered as `{code, error}`. */
  fetch(request: Request, peer?: Peer): Promise<Response>;
  /** Answers a WebSocket request on `/_live`. */
  upgrade(request: Request, peer: Peer): Promise<Response | Upgrade>;
  /** Takes a socket in that was admitted before, where sockets outlive the program's memory. */
  resume(socket: Socket, identity: Identity): SocketHandlers;
  /** Looks for commits that another process made, and tells who is connected. */
  noticeForeignCommits(): void;
  /** Cuts connections that are dead or expired, and asks again who may read. Every 5 s is right. */
  sweep(): void;
  /** Trims the logs to their retention. Every hour is right. Failures go to the log. */
  trim(): Promise<void>;
  /** Stops timers. The store stays open. */
  close(): void;
}

/** Mutations of one principal, where principals are known. */
export const MUTATION_RATE: Rate = { perSecond: 2_000, burst: 20_000 };
/** How often to call {@linkcode Handler.trim}, in milliseconds. */
export const TRIM_MS = 60 * 60 * 1000;

/**
 * Makes the handler of an app on a store, whose rows it leads up to the version of the app: at once, or
 * before the first request where the data of the store is elsewhere. Then a failure is that request's,
 * and the next one tries again.
 *
 * @example
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import { createHandler, createLog, MemoryStore, openToAll } from "@driftless/driftless/server";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const handler = createHandler(defineApp({ name: "notes", collections: { note } }), {
 *   store: new MemoryStore("epoch-1"),
 *   log: createLog("error"),
 *   version: "1.0.0",
 *   origins: [],
 *   hosts: [],
 *   open: true,
 *   authenticate: openToAll,
 * });
 * const mutation = { id: "m1", name: "note.create", args: { id: "n1", data: { text: "Hello" } } };
 * const response = await handler.fetch(
 *   new Request("http://localhost/_sync/push", {
 *     method: "POST",
 *     body: JSON.stringify({ mutations: [mutation] }),
 *   }),
 * );
 * const { results } = await response.json();
 * if (results[0].ok !== true) throw new Error(JSON.stringify(results));
 * handler.close();
 * ```
 *
 * @throws {DriftlessError} `upgrade_required` when the rows are of a newer version, `invalid_record`
 *   when a migration or a schema refuses one; the store is as it was
 * @throws {TypeError} and `TemplateError` or `TemplateErrors` when an island cannot be used
 */
export function createHandler(app: AnyApp, options: HandlerOptions): Handler {
  return new AppHandler(app, options);
}

class AppHandler implements Handler {
  readonly #options: HandlerOptions;
  readonly #server: SyncServer;
  readonly #upkeep: Upkeep;
  readonly #committer: Committer;
  readonly #doors: SyncDoors;
  readonly #live: LiveHub;
  readonly #ui: LiveUi | undefined;
  readonly #tickets: TicketBook;
  readonly #mounts: WasmMounts | undefined;
  readonly #routes: Routes;
  readonly #timers: readonly ReturnType<typeof setInterval>[];

  constructor(app: AnyApp, options: HandlerOptions) {
    this.#options = options;
    const { store, log, defer = (work) => setTimeout(work, 0) } = options;
    const now = () => performance.now();
    const clock = { now: () => Date.now() };
    this.#server = new SyncServer({
      app,
      store,
      clock,
      open: options.open,
      onFailure: (error, where) => log.error("app failed", { where, error: errorText(error) }),
    });
    this.#upkeep = new Upkeep({ app, store, server: this.#server, clock, log, now });
    this.#committer = new Committer({
      server: this.#server,
      defer,
      committed: (commits) => this.#live.committed(commits),
    });
    const mutationRate = new RateLimiter(MUTATION_RATE, now);
    const spend = ({ principal }: Pick<Identity, "principal">, count: number) =>
      principal === null ? 0 : mutationRate.take(principal.id, count);
    const spendWork = countWork(now);
    const random = {
      bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)),
    };
    const parts = { server: this.#server, committer: this.#committer, spend, spendWork };
    this.#doors = new SyncDoors({ ...parts, open: options.open });
    this.#ui = Object.keys(app.islands).length === 0
      ? undefined
      : new LiveUi({ ...options, ...parts, app, random, now, admission: options });
    this.#live = new LiveHub({ ...parts, store, ui: this.#ui, log, now });
    this.#tickets = options.tickets ?? new Tickets(random, now);
    this.#mounts = app.mounts.size === 0 ? undefined : new WasmMounts(app.mounts, { log });
    this.#routes = new Routes({
      options,
      server: this.#server,
      doors: this.#doors,
      live: this.#live,
      ui: this.#ui,
      tickets: this.#tickets,
      mounts: this.#mounts,
      now,
    });
    this.#timers = options.timers === false ? [] : [
      setInterval(() => this.sweep(), SWEEP_MS),
      setInterval(() => this.trim(), TRIM_MS),
    ];
  }

  async fetch(request: Request, peer: Peer = { remoteAddress: "" }): Promise<Response> {
    const response = await this.#answer(request, peer);
    await discardBody(request);
    return response;
  }

  async upgrade(request: Request, peer: Peer): Promise<Response | Upgrade> {
    try {
      const url = new URL(request.url);
      const isMounted = this.#mounts?.match(url.pathname) !== undefined;
      if (url.pathname !== LIVE_PATH && !isMounted) throw notFound();
      admit(request, this.#options);
      if (isMounted) return await this.#mounts.upgrade(request, peer);
      const identity = await this.#tickets.redeem(url.searchParams.get("ticket"));
      if (!this.#live.hasRoomFor(identity, peer.remoteAddress)) {
        throw new DriftlessError("unavailable", "The server is full");
      }
      await this.#upkeep.ready();
      return { identity, accept: (socket) => this.#live.accept(socket, identity) };
    } catch (error) {
      return this.#routes.failure(error, peer);
    }
  }

  resume(socket: Socket, identity: Identity): SocketHandlers {
    return this.#live.accept(socket, identity);
  }

  noticeForeignCommits(): void {
    this.#live.catchUp();
    this.#ui?.noticeForeignCommits();
  }

  sweep(): void {
    this.#live.sweep();
    this.#ui?.uploads.sweep();
  }

  trim(): Promise<void> {
    const { log, islandStates } = this.#options;
    const failed = (error: unknown) => log.error("trim failed", { error: errorText(error) });
    let states: Promise<void> | undefined;
    try {
      states = islandStates?.trim() ?? undefined;
    } catch (error) {
      failed(error);
    }
    const logs = this.#upkeep.trim();
    return states === undefined ? logs : states.catch(failed).then(() => logs);
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#live.close();
    this.#ui?.close();
    this.#mounts?.close();
  }

  async #answer(request: Request, peer: Peer): Promise<Response> {
    try {
      const ready = this.#upkeep.ready();
      if (ready !== undefined) await ready;
    } catch (error) {
      return this.#routes.failure(error, peer);
    }
    return await this.#routes.fetch(request, peer);
  }
}
