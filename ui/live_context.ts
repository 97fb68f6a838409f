/** What `live(this)` answers: bound to the event that is handled when it is asked. */
import type { Principal } from "../core/app.ts";
import { DriftlessError } from "../core/errors.ts";
import { checkJson, type Json } from "../core/json.ts";
import { DEFAULT_SCOPE } from "../core/mutation.ts";
import type { LiveCollection, LiveContext } from "./island.ts";
import type { LiveHost } from "./live_host.ts";
import type { LiveInstance } from "./live_instance.ts";
import { URL_UNITS_MAX } from "./live_limits.ts";
import type { LiveView } from "./live_view.ts";

/** The function of the bridge that changes the page's address. */
export const NAVIGATE_CALL = "driftless:navigate";

/** The context of an event. */
export class EventContext implements LiveContext {
  readonly #host: LiveHost;
  readonly #instance: LiveInstance;
  /** The page that caused the event; `null` when none did. */
  readonly #caller: LiveView | null;

  constructor(host: LiveHost, instance: LiveInstance, caller: LiveView | null) {
    this.#host = host;
    this.#instance = instance;
    this.#caller = caller;
  }

  get principal(): Principal | null {
    const { hosted, principal } = this.#instance;
    return hosted.island.scope === "global" ? this.#caller?.session.principal ?? null : principal;
  }

  get url(): string {
    return this.#page()?.url ?? this.#instance.url;
  }

  refresh(): void {
    this.#instance.engine.refresh();
  }

  markRefresh(...fields: string[]): void {
    this.#instance.engine.refresh(fields);
  }

  call(name: string, ...args: Json[]): Promise<Json> {
    if (!this.#instance.hosted.island.functions.includes(name)) {
      return refused("forbidden", `Cannot call "${name}": the island does not list it`);
    }
    const page = this.#page();
    if (page === null) return refused("unavailable", `Cannot call "${name}": there is no page`);
    checkJson(args, "invalid_mutation");
    return this.#host.ask(page, name, args);
  }

  broadcast(event: string, data: Json = null): void {
    this.#host.broadcast(this.#instance, event, checkJson(data, "invalid_mutation"));
  }

  navigate(url: string, { replace = false }: { readonly replace?: boolean } = {}): void {
    if (!LOCAL_URL.test(url) || url.length > URL_UNITS_MAX) {
      throw new TypeError(`Cannot navigate to "${url}": it is no address of this server`);
    }
    const page = this.#page();
    if (page === null) return;
    page.url = url;
    this.#host.tell(page, NAVIGATE_CALL, [url, replace]);
  }

  mutate(name: string, args: unknown): Promise<void> {
    const { sync } = this.#host;
    if (sync === undefined) throw noSync();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A handler that does not wait for it must not end the process.
    promise.catch(() => {});
    sync.mutate(this.principal, this.#syncScope, name, args, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
    return promise;
  }

  collection(name: string): LiveCollection {
    const { sync, collections } = this.#host;
    if (sync === undefined || collections === undefined) throw noSync();
    const { hosted } = this.#instance;
    const scope = this.#syncScope;
    const listed = hosted.island.collections;
    if (listed !== undefined && !listed.includes(name)) {
      throw new TypeError(`Cannot read the collection "${name}": the island does not list it`);
    }
    // What a global island shows is the same for all who may see it.
    if (hosted.island.scope !== "global") {
      if (!sync.mayRead(this.principal, scope)) {
        throw new DriftlessError("forbidden", "You may not read this scope");
      }
      (this.#instance.readScopes ??= new Set()).add(scope);
    }
    return collections.read(this.#instance, scope, name);
  }

  get #syncScope(): string {
    return this.#instance.hosted.island.syncScope ?? DEFAULT_SCOPE;
  }

  /** The page that the event came from; of one's own island, the last one that connected. */
  #page(): LiveView | null {
    const caller = this.#caller;
    if (caller !== null && !caller.isClosed) return caller;
    const { views, hosted } = this.#instance;
    if (hosted.island.scope === "global") return null;
    return [...views].at(-1) ?? null;
  }
}

/** A path, a query or a fragment: whatever else a text could be, it leads elsewhere. */
const LOCAL_URL = /^(?:\/(?![/\\])|[?#])[^\s\\]*$/;

function refused(code: "forbidden" | "unavailable", message: string): Promise<never> {
  const promise = Promise.reject(new DriftlessError(code, message));
  promise.catch(() => {});
  return promise;
}

function noSync(): TypeError {
  return new TypeError("Cannot use collections: there is no sync engine here");
}
