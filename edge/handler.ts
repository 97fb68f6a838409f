/**
 * The one handler of an app: every route, on web standards only.
 *
 *     POST /_sync/push, /_sync/pull, /_sync/snapshot   sync over HTTP
 *     POST /_sync/reconcile                            what differs, and nothing else
 *     POST /_live/ticket, then GET /_live?ticket=…     sync over one WebSocket
 *     POST /_live/upload, GET /_live/table/HASH        files for islands, and what their pages load
 *     POST and DELETE /_session                        a token into a cookie, and out of it
 *     GET  /healthz                                    is it well
 *     GET  everything else                             the app's own pages, with islands in them
 *
 * HTTP requests and WebSocket upgrades pass the same admission: host, origin, identity.
 */
import { type Context, Hono } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AnyApp } from "../core/app.ts";
import { DriftlessError, ERROR_STATUS } from "../core/errors.ts";
import {
  PUSH_BODY_BYTES_MAX,
  RECONCILE_REQUEST_BYTES_MAX,
  REQUEST_BODY_BYTES_MAX,
} from "../core/limits.ts";
import { SyncServer } from "../core/server.ts";
import type { Store } from "../core/store.ts";
import { upgradeStore, VersionError } from "../core/upgrade.ts";
import { type Admission, admit } from "./admission.ts";
import { DATA_HEADERS, holds, json, notFound, pageHeaders } from "./answers.ts";
import { discardBody, readBody, readBytes } from "./body.ts";
import { Committer } from "./committer.ts";
import { compressed, compressedIfSmaller } from "./compression.ts";
import { COOKIE_NAME, type Identity } from "./identity.ts";
import type { Templates } from "./island_templates.ts";
import { callerOf, LiveHub, publicError, SWEEP_MS } from "./live.ts";
import { IMMUTABLE, LiveUi, TABLE_PATH } from "./live_ui.ts";
import { errorText, type Log } from "./log.ts";
import { type Rate, RateLimitedError, RateLimiter } from "./rate.ts";
import { countWork } from "./reconcile_rate.ts";
import type { Peer, Upgrade } from "./socket.ts";
import type { IslandStates } from "./sqlite_islands.ts";
import { SyncDoors } from "./sync_doors.ts";
import { Tickets } from "./tickets.ts";
import { UPLOAD_HEADER } from "./ui_uploads.ts";

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
  readonly store: Store;
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
  /** Keeps the state of islands when the handler ends; without it they begin anew. */
  readonly islandStates?: IslandStates;
  /** Calls back after the input that is waiting now has been read. @default {setTimeout} */
  readonly defer?: (work: () => void) => void;
}

/** An app behind its doors. */
export interface Handler {
  /** Answers an HTTP request; an error is answered as `{code, error}`. */
  fetch(request: Request, peer?: Peer): Promise<Response>;
  /** Answers a WebSocket request on {@linkcode LIVE_PATH}. */
  upgrade(request: Request, peer: Peer): Promise<Response | Upgrade>;
  /** Looks for commits that another process made, and tells who is connected. */
  noticeForeignCommits(): void;
  /** Stops timers. The store stays open. */
  close(): void;
}

/** Where the WebSocket is. */
export const LIVE_PATH = "/_live";
/** Mutations of one principal, where principals are known. */
export const MUTATION_RATE: Rate = { perSecond: 2_000, burst: 20_000 };
/** Tickets of one address. */
export const TICKET_RATE: Rate = { perSecond: 20, burst: 200 };
/** How often the log is trimmed to its retention, in milliseconds. */
const TRIM_MS = 60 * 60 * 1000;
/** How often an upgrade of the rows tells how far it is, in milliseconds. */
const UPGRADE_LOG_MS = 1_000;
/** The longest that a browser keeps the cookie, in seconds. */
const COOKIE_SECONDS_MAX = 400 * 24 * 60 * 60;
/** What the paths take that are no pages. */
const METHODS: Readonly<Record<string, readonly string[]>> = {
  "/healthz": ["GET", "HEAD"],
  "/_sync/push": ["POST"],
  "/_sync/pull": ["POST"],
  "/_sync/snapshot": ["POST"],
  "/_sync/reconcile": ["POST"],
  "/_live/ticket": ["POST"],
  "/_live/upload": ["POST"],
  [LIVE_PATH]: ["GET"],
  "/_session": ["POST", "DELETE"],
};
const PAGE_METHODS: readonly string[] = ["GET", "HEAD"];

type Env = { Bindings: { peer: Peer } };

/**
 * Makes the handler of an app on a store, whose rows it leads up to the version of the app.
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
  readonly #committer: Committer;
  readonly #doors: SyncDoors;
  readonly #live: LiveHub;
  readonly #ui: LiveUi | undefined;
  readonly #tickets: Tickets;
  readonly #ticketRate: RateLimiter;
  readonly #routes: Hono<Env>;
  readonly #timers: ReturnType<typeof setInterval>[];

  constructor(app: AnyApp, options: HandlerOptions) {
    this.#options = options;
    const { store, log, defer = (work) => setTimeout(work, 0) } = options;
    const now = () => performance.now();
    const clock = { now: () => Date.now() };
    let loggedAt = -Infinity;
    upgradeStore(app, store, clock, (progress) => {
      if (progress.done < progress.total && now() - loggedAt < UPGRADE_LOG_MS) return;
      loggedAt = now();
      log.info("rows upgraded", { ...progress });
    });
    this.#server = new SyncServer({
      app,
      store,
      clock,
      open: options.open,
      onFailure: (error, where) => log.error("app failed", { where, error: errorText(error) }),
    });
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
    this.#live = new LiveHub({ ...parts, ui: this.#ui, log, now });
    this.#tickets = new Tickets(random, now);
    this.#ticketRate = new RateLimiter(TICKET_RATE, now);
    this.#routes = this.#createRoutes();
    this.#timers = [
      setInterval(() => this.#sweep(), SWEEP_MS),
      setInterval(() => this.#trim(), TRIM_MS),
    ];
  }

  async fetch(request: Request, peer: Peer = { remoteAddress: "" }): Promise<Response> {
    const response = await this.#routes.fetch(request, { peer });
    await discardBody(request);
    return response;
  }

  async upgrade(request: Request, peer: Peer): Promise<Response | Upgrade> {
    try {
      const url = new URL(request.url);
      if (url.pathname !== LIVE_PATH) throw notFound();
      admit(request, this.#options);
      const identity = this.#tickets.redeem(url.searchParams.get("ticket"));
      if (!this.#live.hasRoomFor(identity, peer.remoteAddress)) {
        throw new DriftlessError("unavailable", "The server is full");
      }
      await Promise.resolve();
      return { accept: (socket) => this.#live.accept(socket, identity) };
    } catch (error) {
      return this.#failure(error, peer);
    }
  }

  noticeForeignCommits(): void {
    this.#live.catchUp();
    this.#ui?.noticeForeignCommits();
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#live.close();
    this.#ui?.close();
  }

  #createRoutes(): Hono<Env> {
    const { origins, version } = this.#options;
    const routes = new Hono<Env>();
    const forPages = cors({
      origin: (origin) => origins.includes(origin) ? origin : null,
      allowMethods: ["GET", "POST", "DELETE"],
      allowHeaders: ["authorization", "content-type", UPLOAD_HEADER],
      exposeHeaders: ["retry-after"],
      credentials: true,
    });
    // Preflights and pages as well: whom the gate refuses learns nothing at all.
    routes.use(async (c, next) => {
      const { origin } = admit(c.req.raw, this.#options);
      return await (origin === null ? next() : forPages(c, next));
    });
    routes.get("/healthz", () => this.#health(version));
    routes.post("/_sync/push", async (c) => {
      const identity = await this.#identify(c);
      const text = await readBody(c.req.raw, PUSH_BODY_BYTES_MAX);
      return json(await this.#doors.push(identity, text));
    });
    routes.post("/_sync/pull", async (c) => {
      const identity = await this.#identify(c);
      const text = await readBody(c.req.raw, REQUEST_BODY_BYTES_MAX);
      return compressed(c.req.raw, json(this.#doors.pull(identity, text)));
    });
    routes.post("/_sync/snapshot", async (c) => {
      const identity = await this.#identify(c);
      const text = await readBody(c.req.raw, REQUEST_BODY_BYTES_MAX);
      return compressed(c.req.raw, json(this.#doors.snapshot(identity, text)));
    });
    routes.post("/_sync/reconcile", async (c) => {
      const identity = await this.#identify(c);
      const request = await readBytes(c.req.raw, RECONCILE_REQUEST_BYTES_MAX);
      const reply = this.#doors.reconcile(identity, c.env.peer.remoteAddress, request);
      const headers = { "content-type": "application/x-protobuf", ...DATA_HEADERS };
      return compressedIfSmaller(c.req.raw, new Uint8Array(reply), headers);
    });
    routes.post("/_live/ticket", async (c) => {
      const identity = await this.#identify(c);
      const wait = this.#ticketRate.take(callerOf(identity, c.env.peer.remoteAddress));
      if (wait > 0) throw new RateLimitedError("Cannot give out so many tickets", wait);
      const ticket = this.#tickets.issue(identity);
      return json(JSON.stringify({ ticket, app_version: this.#server.appVersion }));
    });
    routes.post("/_live/upload", async (c) => {
      if (this.#ui === undefined) throw notFound();
      const { received, done } = await this.#ui.uploads.receive(c.req.raw);
      return json(JSON.stringify({ received, done }));
    });
    routes.post("/_session", async (c) => await this.#signIn(c));
    // Whoever asks: a cookie whose token has expired must be able to go.
    routes.delete("/_session", (c) => {
      deleteCookie(c, COOKIE_NAME, { path: "/", secure: true });
      return c.body(null, 204);
    });
    routes.all("*", pageHeaders, (c) => this.#page(c.req.raw, c.env.peer));
    routes.onError((error, c) => this.#failure(error, c.env.peer));
    return routes;
  }

  #identify(c: Context<Env>): Promise<Identity> {
    return this.#options.authenticate(c.req.raw, admit(c.req.raw, this.#options));
  }

  async #signIn(c: Context<Env>): Promise<Response> {
    const { principal, expires, explicit } = await this.#identify(c);
    const token = /^Bearer (\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    if (principal === null || !explicit || token === undefined) {
      throw new DriftlessError("unauthenticated", `Cannot sign in: send "Bearer TOKEN"`);
    }
    const left = Math.floor((expires - Date.now()) / 1000);
    setCookie(c, COOKIE_NAME, token, {
      path: "/",
      secure: true,
      httpOnly: true,
      sameSite: "Lax",
      maxAge: Math.max(0, Math.min(COOKIE_SECONDS_MAX, left)),
    });
    return c.body(null, 204);
  }

  #health(version: string): Response {
    // A read, so that a store that is gone is not reported as well.
    this.#server.head("");
    return json(JSON.stringify({ status: "ok", version, connections: this.#live.size }));
  }

  async #page(request: Request, peer: Peer): Promise<Response> {
    const { assets = {}, pages } = this.#options;
    const { method } = request;
    const path = new URL(request.url).pathname;
    const asset = (Object.hasOwn(assets, path) ? assets[path] : await pages?.(path)) ??
      this.#ui?.asset(path);
    const usual = asset === undefined ? undefined : PAGE_METHODS;
    const methods = Object.hasOwn(METHODS, path) ? METHODS[path] : usual;
    if (methods === undefined) throw notFound();
    const allow = methods.join(", ");
    if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
    if (path === LIVE_PATH && method === "GET") {
      const error = new DriftlessError("upgrade_required", "Open this path as a WebSocket");
      return this.#failure(error, peer, { upgrade: "websocket" });
    }
    if (asset === undefined || !methods.includes(method)) {
      const error = new DriftlessError("method_not_allowed", `Cannot ${method} this path`);
      return this.#failure(error, peer, { allow });
    }
    const page = await this.#ui?.page(request, asset, peer);
    if (page !== undefined) {
      const headers = { "content-type": asset.type, "cache-control": "no-store" };
      return compressed(request, new Response(page, { headers }));
    }
    const caching = path.startsWith(TABLE_PATH) ? IMMUTABLE : "no-cache";
    const headers = { "content-type": asset.type, etag: asset.etag, "cache-control": caching };
    if (holds(request, asset.etag)) return new Response(null, { status: 304, headers });
    return compressed(request, new Response(asset.body, { headers }));
  }

  #failure(error: unknown, peer: Peer, headers: Record<string, string> = {}): Response {
    const { code, message } = publicError(error, this.#options.log);
    const body: Record<string, string | number> = { code, error: message };
    if (error instanceof RateLimitedError || error instanceof VersionError) {
      body.retry_after_ms = error.retryAfterMs;
      headers["retry-after"] = String(Math.ceil(error.retryAfterMs / 1000));
    }
    if (error instanceof RateLimitedError) {
      this.#options.log.info("rate limited", { peer: peer.remoteAddress });
    }
    return json(JSON.stringify(body), ERROR_STATUS[code] as ContentfulStatusCode, headers);
  }

  #sweep(): void {
    this.#live.sweep();
    this.#ui?.uploads.sweep();
  }

  #trim(): void {
    const { log, islandStates } = this.#options;
    try {
      islandStates?.trim();
      const changes = this.#server.trim();
      if (changes > 0) log.info("log trimmed", { changes });
    } catch (error) {
      log.error("trim failed", { error: errorText(error) });
    }
  }
}
