/**
 * The worker in front of the objects: it lets in and routes.
 *
 *     request ── worker: host, origin, identity, may they? ── object of the scope: store, sockets
 *                └ files, /_session, /healthz, refusals: answered at once
 */
import type { AnyApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { MemoryStore } from "../../core/memory_store.ts";
import { DEFAULT_SCOPE } from "../../core/mutation.ts";
import { SyncServer } from "../../core/server.ts";
import { admit } from "../admission.ts";
import { readBytes } from "../body.ts";
import { createHandler, type Handler } from "../handler.ts";
import type { Identity } from "../identity.ts";
import { mayHaveIslands, rootPage } from "../island_pages.ts";
import { errorText } from "../log.ts";
import { refused } from "../refused.ts";
import { LIVE_PATH } from "../routes.ts";
import { addressOf, askObject } from "./object_request.ts";
import type { ObjectNamespace } from "./object_types.ts";
import {
  DOORS,
  durableMount,
  joinAnswers,
  type PushPart,
  pushParts,
  scopeOfBody,
  splitTicket,
  TICKET_PATH,
  withMounts,
  withTicket,
} from "./routing.ts";
import { type ScopeObjectClass, scopeObjectClass } from "./scope_object.ts";
import {
  logOf,
  objectsOf,
  WorkerAdmission,
  type WorkerEnv,
  type WorkerOptions,
} from "./worker_options.ts";

/** What the file of a worker exports. */
export interface DriftlessWorker {
  /** Answers a request, as the `default` export of the file does. */
  fetch(request: Request, env: WorkerEnv): Promise<Response>;
  /** The class of objects, to be exported under the name that the binding has. */
  readonly ScopeObject: ScopeObjectClass;
}

/**
 * Makes a worker of an app.
 *
 * With a secret `DRIFTLESS_SECRET`, tokens say who it is; without one only this machine may ask, as
 * under `wrangler dev`.
 *
 * @example
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import { createWorker } from "@driftless/driftless/workers";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const worker = createWorker(defineApp({ name: "notes", collections: { note } }));
 *
 * export default { fetch: worker.fetch };
 * export const ScopeObject = worker.ScopeObject;
 *
 * const SCOPES = { idFromName: String, get: () => worker }; // the platform's binding
 * const response = await worker.fetch(new Request("http://localhost/healthz"), { SCOPES });
 * if ((await response.json()).status !== "ok") throw new Error();
 * ```
 *
 * @throws {TypeError} when an island reads another scope than the default one: the rows of a scope are
 *   in its own object, and islands in that of the default scope
 */
export function createWorker(app: AnyApp, options: WorkerOptions = {}): DriftlessWorker {
  checkIslands(app);
  // Nothing is made before the first request: outside of one, the platform gives no randomness.
  let router: Router | undefined;
  return {
    async fetch(request, env) {
      try {
        router ??= new Router(app, options, env);
        return await router.fetch(request);
      } catch (error) {
        return refused(error, logOf(options));
      }
    },
    ScopeObject: scopeObjectClass(app, options),
  };
}

function checkIslands({ islands }: AnyApp): void {
  for (const [name, island] of Object.entries(islands)) {
    const { syncScope = DEFAULT_SCOPE } = island as { readonly syncScope?: string };
    if (syncScope === DEFAULT_SCOPE) continue;
    throw new TypeError(
      `Cannot run the island "${name}" on Workers: it reads the scope "${syncScope}", and islands ` +
        `run in the object of the default scope, which has no other's rows`,
    );
  }
}

class Router {
  readonly #app: AnyApp;
  readonly #options: WorkerOptions;
  readonly #objects: ObjectNamespace;
  readonly #admission: WorkerAdmission;
  readonly #rules: SyncServer;
  /** For what needs no scope; in its own store nobody may do anything. */
  readonly #local: Handler;

  constructor(app: AnyApp, options: WorkerOptions, env: WorkerEnv) {
    this.#app = app;
    this.#options = options;
    this.#objects = objectsOf(options, env);
    this.#admission = new WorkerAdmission(options, env);
    const { open, hosts, origins, authenticate } = this.#admission;
    const log = logOf(options);
    const store = new MemoryStore("-");
    this.#rules = new SyncServer({
      app,
      store,
      clock: { now: () => Date.now() },
      open,
      onFailure: (error, where) => log.error("app failed", { where, error: errorText(error) }),
    });
    const { assets, templates, version = "0" } = options;
    const ownMounts = withMounts(app, ({ options }) => options.mode !== "durable");
    this.#local = createHandler({ ...ownMounts, authorize: () => false }, {
      ...{ open, hosts, origins, authenticate, store, log, version, timers: false },
      ...(assets === undefined ? {} : { assets }),
      ...(templates === undefined ? {} : { templates }),
    });
  }

  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    this.#admission.meet(url);
    try {
      return await this.#route(request, url);
    } catch (error) {
      return refused(error, logOf(this.#options), this.#forPages(request));
    }
  }

  async #route(request: Request, url: URL): Promise<Response> {
    const { pathname } = url;
    const { method, headers } = request;
    const bytesMax = DOORS[pathname];
    if (method === "POST" && bytesMax !== undefined) {
      const reading = readBytes(request, bytesMax);
      // A ticket needs no body: one that is too large is none.
      const body = pathname === TICKET_PATH ? reading.catch(() => new Uint8Array()) : reading;
      return await this.#door(request, pathname, await body);
    }
    if (pathname === LIVE_PATH && headers.get("upgrade")?.toLowerCase() === "websocket") {
      admit(request, this.#admission);
      const { scope, ticket } = splitTicket(url.searchParams.get("ticket"));
      url.searchParams.set("ticket", ticket);
      return await askObject(this.#objects, scope, request, { url });
    }
    if (durableMount(this.#app, pathname)) {
      admit(request, this.#admission);
      return await askObject(this.#objects, DEFAULT_SCOPE, request);
    }
    const isUpload = pathname === "/_live/upload" && method === "POST";
    if (isUpload || (method === "GET" && this.#hasIslands(pathname))) {
      admit(request, this.#admission);
      return await askObject(this.#objects, DEFAULT_SCOPE, request);
    }
    // Its compression is the platform's affair.
    const own = new Request(request);
    own.headers.delete("accept-encoding");
    return await this.#local.fetch(own, { remoteAddress: addressOf(request) });
  }

  async #door(request: Request, path: string, body: Uint8Array): Promise<Response> {
    const identity = await this.#admission.authenticate(request, admit(request, this.#admission));
    if (path === "/_sync/push") return await this.#push(request, identity, body);
    const scope = scopeOfBody(path, body);
    const isTicket = path === TICKET_PATH;
    if (!this.#mayRead(identity, scope, isTicket)) {
      throw this.#refusal(identity, "You may not read this scope");
    }
    const answer = await askObject(this.#objects, scope, request, { body: new Uint8Array(body) });
    return isTicket ? await withTicket(answer, scope) : answer;
  }

  /** A push of several scopes goes to the object of each; one that fails fails all, to be sent again. */
  async #push(request: Request, identity: Identity, body: Uint8Array): Promise<Response> {
    const parts = pushParts(body);
    const { principal } = identity;
    for (const { scope } of parts) {
      if (this.#rules.allows({ principal, scope, action: "write" })) continue;
      throw this.#refusal(identity, "You may not write in this scope");
    }
    const ask = ({ scope, text }: PushPart) =>
      askObject(this.#objects, scope, request, { body: text });
    const answers = await Promise.all(parts.map(ask));
    return await joinAnswers(parts, answers);
  }

  /** Whether a scope's object may be asked at all. With a ticket one may also come for an island. */
  #mayRead({ principal }: Identity, scope: string, isTicket: boolean): boolean {
    const access = { principal, scope, action: "read" } as const;
    if (this.#rules.allows(access)) return true;
    return isTicket &&
      Object.keys(this.#app.islands).some((island) => this.#rules.allows({ ...access, island }));
  }

  #hasIslands(path: string): boolean {
    const { assets = {} } = this.#options;
    const asset = Object.hasOwn(assets, path)
      ? assets[path]
      : path === "/"
      ? rootPage(this.#app)
      : undefined;
    if (asset === undefined || !asset.type.startsWith("text/html")) return false;
    if (Object.keys(this.#app.islands).length === 0) return false;
    const { body } = asset;
    return mayHaveIslands(typeof body === "string" ? body : new TextDecoder().decode(body));
  }

  #refusal({ principal }: Identity, message: string): DriftlessError {
    return principal === null && !this.#admission.open
      ? new DriftlessError("unauthenticated", `${message} without a token`)
      : new DriftlessError("forbidden", message);
  }

  /** So that a page of an origin that is let in can read why it was refused. */
  #forPages(request: Request): Record<string, string> {
    const origin = request.headers.get("origin");
    if (origin === null || !this.#admission.origins.includes(origin)) return {};
    return {
      "access-control-allow-origin": origin,
      "access-control-allow-credentials": "true",
      "vary": "origin",
    };
  }
}
