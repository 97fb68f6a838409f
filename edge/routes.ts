/**
 * The routes of an app: what each path takes and answers, and what a failure looks like from outside.
 *
 *     POST /_sync/push, /_sync/pull, /_sync/snapshot   sync over HTTP
 *     POST /_sync/reconcile                            what differs, and nothing else
 *     POST /_live/ticket, then GET /_live?ticket=…     sync over one WebSocket
 *     POST /_live/upload, GET /_live/table/HASH        files for islands, and what their pages load
 *     POST and DELETE /_session                        a token into a cookie, and out of it
 *     GET  /healthz                                    is it well
 *     any  the paths of mounts                         modules of WebAssembly
 *     GET  everything else                             the app's own pages, with islands in them
 */
import { type Context, Hono } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { DriftlessError, ERROR_STATUS } from "../core/errors.ts";
import {
  PUSH_BODY_BYTES_MAX,
  RECONCILE_REQUEST_BYTES_MAX,
  REQUEST_BODY_BYTES_MAX,
} from "../core/limits.ts";
import type { SyncServer } from "../core/server.ts";
import { VersionError } from "../core/upgrade.ts";
import { admit } from "./admission.ts";
import { DATA_HEADERS, holds, json, notFound, pageHeaders } from "./answers.ts";
import { readBody, readBytes } from "./body.ts";
import { compressed, compressedIfSmaller } from "./compression.ts";
import type { HandlerOptions } from "./handler.ts";
import { COOKIE_NAME, type Identity } from "./identity.ts";
import { callerOf, type LiveHub, publicError } from "./live.ts";
import { IMMUTABLE, type LiveUi, TABLE_PATH } from "./live_ui.ts";
import { type Rate, RateLimitedError, RateLimiter } from "./rate.ts";
import type { Peer } from "./socket.ts";
import type { SyncDoors } from "./sync_doors.ts";
import type { TicketBook } from "./tickets.ts";
import { UPLOAD_HEADER } from "./ui_uploads.ts";
import { mountDoor } from "./wasm/door.ts";
import { HandlerError } from "./wasm/fault.ts";
import type { WasmMounts } from "./wasm/mount.ts";

/** What is behind the routes. */
export interface RouteParts {
  readonly options: HandlerOptions;
  readonly server: SyncServer;
  readonly doors: SyncDoors;
  readonly live: LiveHub;
  readonly ui: LiveUi | undefined;
  readonly tickets: TicketBook;
  /** The modules that answer requests, if there are any. */
  readonly mounts: WasmMounts | undefined;
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
}

/** Where the WebSocket is. */
export const LIVE_PATH = "/_live";
/** Tickets of one address. */
export const TICKET_RATE: Rate = { perSecond: 20, burst: 200 };
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

/** Answers requests. */
export class Routes {
  readonly #parts: RouteParts;
  readonly #ticketRate: RateLimiter;
  readonly #routes: Hono<Env>;

  constructor(parts: RouteParts) {
    this.#parts = parts;
    this.#ticketRate = new RateLimiter(TICKET_RATE, parts.now);
    this.#routes = this.#createRoutes();
  }

  /** Answers a request; never rejects. */
  async fetch(request: Request, peer: Peer): Promise<Response> {
    return await this.#routes.fetch(request, { peer });
  }

  /** What a failure is answered with: `{code, error}`. */
  failure(error: unknown, peer: Peer, headers: Record<string, string> = {}): Response {
    const { code, message } = publicError(error, this.#parts.options.log);
    const body: Record<string, string | number> = { code, error: message };
    if (error instanceof RateLimitedError || error instanceof VersionError) {
      body.retry_after_ms = error.retryAfterMs;
      headers["retry-after"] = String(Math.ceil(error.retryAfterMs / 1000));
    }
    if (error instanceof RateLimitedError) {
      this.#parts.options.log.info("rate limited", { peer: peer.remoteAddress });
    }
    const status = error instanceof HandlerError ? error.status : ERROR_STATUS[code];
    return json(JSON.stringify(body), status as ContentfulStatusCode, headers);
  }

  #createRoutes(): Hono<Env> {
    const { origins, version } = this.#parts.options;
    const routes = new Hono<Env>();
    const forPages = cors({
      origin: (origin) => origins.includes(origin) ? origin : null,
      allowMethods: ["GET", "POST", "DELETE"],
      allowHeaders: ["authorization", "content-type", UPLOAD_HEADER],
      exposeHeaders: ["retry-after"],
      credentials: true,
    });
    const { mounts } = this.#parts;
    const mounted = mounts === undefined ? undefined : mountDoor(mounts, origins);
    // Preflights and pages as well: whom the gate refuses learns nothing at all.
    routes.use(async (c, next) => {
      const { origin } = admit(c.req.raw, this.#parts.options);
      const answer = mounted?.(c);
      if (answer !== undefined) return await answer;
      return await (origin === null ? next() : forPages(c, next));
    });
    routes.get("/healthz", () => this.#health(version));
    routes.post("/_sync/push", async (c) => {
      const identity = await this.#identify(c);
      const text = await readBody(c.req.raw, PUSH_BODY_BYTES_MAX);
      return json(await this.#parts.doors.push(identity, text));
    });
    routes.post("/_sync/pull", async (c) => {
      const identity = await this.#identify(c);
      const text = await readBody(c.req.raw, REQUEST_BODY_BYTES_MAX);
      return compressed(c.req.raw, json(await this.#parts.doors.pull(identity, text)));
    });
    routes.post("/_sync/snapshot", async (c) => {
      const identity = await this.#identify(c);
      const text = await readBody(c.req.raw, REQUEST_BODY_BYTES_MAX);
      return compressed(c.req.raw, json(await this.#parts.doors.snapshot(identity, text)));
    });
    routes.post("/_sync/reconcile", async (c) => {
      const identity = await this.#identify(c);
      const request = await readBytes(c.req.raw, RECONCILE_REQUEST_BYTES_MAX);
      const { remoteAddress } = c.env.peer;
      const reply = await this.#parts.doors.reconcile(identity, remoteAddress, request);
      const headers = { "content-type": "application/x-protobuf", ...DATA_HEADERS };
      return compressedIfSmaller(c.req.raw, new Uint8Array(reply), headers);
    });
    routes.post("/_live/ticket", async (c) => {
      const identity = await this.#identify(c);
      const wait = this.#ticketRate.take(callerOf(identity, c.env.peer.remoteAddress));
      if (wait > 0) throw new RateLimitedError("Cannot give out so many tickets", wait);
      const ticket = await this.#parts.tickets.issue(identity);
      return json(JSON.stringify({ ticket, app_version: this.#parts.server.appVersion }));
    });
    routes.post("/_live/upload", async (c) => {
      if (this.#parts.ui === undefined) throw notFound();
      const { received, done } = await this.#parts.ui.uploads.receive(c.req.raw);
      return json(JSON.stringify({ received, done }));
    });
    routes.post("/_session", async (c) => await this.#signIn(c));
    // Whoever asks: a cookie whose token has expired must be able to go.
    routes.delete("/_session", (c) => {
      deleteCookie(c, COOKIE_NAME, { path: "/", secure: true });
      return c.body(null, 204);
    });
    routes.all("*", pageHeaders, (c) => this.#page(c.req.raw, c.env.peer));
    routes.onError((error, c) => this.failure(error, c.env.peer));
    return routes;
  }

  #identify(c: Context<Env>): Promise<Identity> {
    return this.#parts.options.authenticate(c.req.raw, admit(c.req.raw, this.#parts.options));
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

  async #health(version: string): Promise<Response> {
    const { server } = this.#parts;
    // A read, so that a store that is gone is not reported as well.
    await server.settled(() => server.head(""));
    return json(JSON.stringify({ status: "ok", version, connections: this.#parts.live.size }));
  }

  async #page(request: Request, peer: Peer): Promise<Response> {
    const { assets = {}, pages } = this.#parts.options;
    const { method } = request;
    const path = new URL(request.url).pathname;
    const asset = (Object.hasOwn(assets, path) ? assets[path] : await pages?.(path)) ??
      this.#parts.ui?.asset(path);
    const usual = asset === undefined ? undefined : PAGE_METHODS;
    const methods = Object.hasOwn(METHODS, path) ? METHODS[path] : usual;
    if (methods === undefined) throw notFound();
    const allow = methods.join(", ");
    if (method === "OPTIONS") return new Response(null, { status: 204, headers: { allow } });
    if (path === LIVE_PATH && method === "GET") {
      const error = new DriftlessError("upgrade_required", "Open this path as a WebSocket");
      return this.failure(error, peer, { upgrade: "websocket" });
    }
    if (asset === undefined || !methods.includes(method)) {
      const error = new DriftlessError("method_not_allowed", `Cannot ${method} this path`);
      return this.failure(error, peer, { allow });
    }
    const page = await this.#parts.ui?.page(request, asset, peer);
    if (page !== undefined) {
      const headers = { "content-type": asset.type, "cache-control": "no-store" };
      return compressed(request, new Response(page, { headers }));
    }
    const caching = path.startsWith(TABLE_PATH) ? IMMUTABLE : "no-cache";
    const headers = { "content-type": asset.type, etag: asset.etag, "cache-control": caching };
    if (holds(request, asset.etag)) return new Response(null, { status: 304, headers });
    return compressed(request, new Response(asset.body, { headers }));
  }
}
