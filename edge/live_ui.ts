/**
 * The islands of an app behind the doors: their ports, their pages, and the tables that browsers load.
 *
 *     GET  a page with g-island       the islands as they are now, in the page
 *     GET  /_live/table/HASH          what the bridge knows of an island
 *     POST /_live/upload?offset=N     a part of a file, for a ticket
 */
import type { AnyApp, Principal } from "../core/app.ts";
import type { ScopeCommit } from "../core/claims.ts";
import { DriftlessError } from "../core/errors.ts";
import { frozenJson } from "../core/json.ts";
import { checkMutation, DEFAULT_SCOPE } from "../core/mutation.ts";
import { type Random, randomId } from "../core/ports.ts";
import type { SyncServer } from "../core/server.ts";
import { type AnyStore, isSuspending } from "../core/suspend.ts";
import { NO_BYTES } from "../core/wire/protobuf.ts";
import { uiEnvelope } from "../core/wire/ui_envelope.ts";
import { LiveHost } from "../ui/live_host.ts";
import type { ElsewhereRows, LiveSync } from "../ui/live_collections.ts";
import type { LiveRecords } from "../ui/live_loads.ts";
import type { IslandStorage } from "../ui/live_holder.ts";
import type { IslandAccess } from "../ui/live_ports.ts";
import { type Admission, identifyVisitor } from "./admission.ts";
import { Alarm } from "./alarm.ts";
import type { Committer } from "./committer.ts";
import { type AsyncIslandStates, FetchedIslands } from "./fetched_islands.ts";
import { Following } from "./following.ts";
import type { Asset } from "./handler.ts";
import type { Identity } from "./identity.ts";
import { fillPage, mayHaveIslands, rootPage, type ShownIsland } from "./island_pages.ts";
import { type CompiledIsland, compileIslands, type Templates } from "./island_templates.ts";
import { callerOf } from "./live.ts";
import { errorText, type Log } from "./log.ts";
import { assetOf } from "./asset.ts";
import { type Rate, RateLimiter } from "./rate.ts";
import type { Peer } from "./socket.ts";
import { UI_BODY_BYTES_MAX } from "./ui_parts.ts";
import { type UiPeer, type UiSocket, UiTab, type UiTabHost } from "./ui_tab.ts";
import { UiUploads } from "./ui_uploads.ts";

/** What {@linkcode LiveUi} is made of. */
export interface LiveUiOptions {
  readonly app: AnyApp;
  readonly server: SyncServer;
  readonly store: AnyStore;
  readonly committer: Committer;
  readonly log: Log;
  readonly templates?: Templates;
  /** Where the state of islands outlives the process. */
  readonly islandStates?: IslandStorage | AsyncIslandStates;
  readonly admission: Admission;
  readonly random: Random;
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
  /** Spends what one principal may push; returns how long to wait, in milliseconds, or 0. */
  readonly spend: (identity: Pick<Identity, "principal">, mutations: number) => number;
}

/** Where browsers load tables from; the hash follows. */
export const TABLE_PATH = "/_live/table/";
/** Tables never change: their address is their hash. In seconds. */
const TABLE_SECONDS = 365 * 24 * 60 * 60;
/** Pages with islands in them of one caller: each is state that is kept for a while. */
export const PAGE_RATE: Rate = { perSecond: 20, burst: 200 };
/** For answers that stay as they are. */
export const IMMUTABLE = `public, max-age=${TABLE_SECONDS}, immutable`;

/** The islands of one app at run time. */
export class LiveUi {
  readonly uploads: UiUploads;
  readonly #host: LiveHost;
  readonly #tabs: UiTabHost;
  readonly #alarm: Alarm;
  readonly #options: LiveUiOptions;
  readonly #pageRate: RateLimiter;
  readonly #following: Following;
  readonly #storage: IslandStorage | undefined;
  readonly #islands: ReadonlyMap<string, CompiledIsland>;
  readonly #assets: ReadonlyMap<string, Asset>;
  /** The last message, and its envelope: the same bytes go to all tabs that are told the same. */
  #told: Uint8Array | undefined;
  #toldBytes: Uint8Array = NO_BYTES;

  /** @throws {TemplateError} and what else {@linkcode compileIslands} throws */
  constructor(options: LiveUiOptions) {
    this.#options = options;
    const { app, templates, log, random, now } = options;
    this.#storage = storageOf(options);
    this.#following = new Following(options.store, (scope) => this.#host.reread(scope));
    const islands = compileIslands(app.islands, templates);
    this.#islands = new Map(islands.map((island) => [island.name, island]));
    this.#assets = assetsOf(islands, rootPage(app));
    this.#pageRate = new RateLimiter(PAGE_RATE, now);
    this.#alarm = new Alarm(now, () => this.#host.turn());
    this.#host = new LiveHost({
      islands: Object.fromEntries(this.#islands),
      now,
      random,
      wake: (afterMs) => this.#alarm.set(afterMs),
      authorize: (request) => this.#allows(request),
      ...(this.#storage === undefined ? {} : { storage: this.#storage }),
      sync: this.#sync(),
      onFailure: (error, where) => log.error("app failed", { where, error: errorText(error) }),
    });
    this.#tabs = {
      host: this.#host,
      envelope: (body) => this.#envelope(body),
      overflowed: (bytes) => log.error("island too large", { bytes, bytesMax: UI_BODY_BYTES_MAX }),
    };
    this.uploads = new UiUploads(this.#host.uploads, now, log);
  }

  /** Takes a connection in. */
  open(socket: UiSocket): UiPeer {
    return new UiTab(this.#tabs, socket);
  }

  /** A table, or the page of an app that has none of its own, by path. */
  asset(path: string): Asset | undefined {
    return this.#assets.get(path);
  }

  /**
   * The page with its islands in it; undefined where there are none. Who asks for many pages gets them
   * without markup: then the bridge asks for it.
   */
  async page(request: Request, asset: Asset, peer: Peer): Promise<string | undefined> {
    if (request.method !== "GET" || !asset.type.startsWith("text/html")) return undefined;
    const html = typeof asset.body === "string" ? asset.body : new TextDecoder().decode(asset.body);
    if (!mayHaveIslands(html)) return undefined;
    const identity = await identifyVisitor(request, this.#options.admission);
    const isMany = this.#pageRate.take(callerOf(identity, peer.remoteAddress)) > 0;
    if (isMany) return unlessSame(fillPage(html, () => undefined), html);
    const { pathname, search } = new URL(request.url);
    const { principal } = identity;
    const names = isSuspending(this.#options.store) ? islandsIn(html) : undefined;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#host.prepare({ principal, names: [...names ?? []], token: "" }, (error) => {
      try {
        if (error !== null) throw error;
        resolve(this.#filled(html, principal, pathname + search, names));
      } catch (thrown) {
        reject(thrown);
      }
    });
    return unlessSame(await promise, html);
  }

  /** Commits are durable: islands that read what they changed show it. */
  committed(commits: readonly ScopeCommit[]): void {
    for (const { scope, changes } of commits) {
      try {
        this.#host.committed(scope, changes);
      } catch (error) {
        this.#options.log.error("islands failed", { error: errorText(error) });
      }
    }
  }

  /** Another process has written: what islands read is read anew. */
  noticeForeignCommits(): void {
    this.#host.reread();
  }

  /** Saves the state of islands, and stops. */
  close(): void {
    this.#host.close();
    this.#alarm.close();
    this.#following.close();
    this.uploads.close();
  }

  /** The page with those islands in it that may be mounted; the bridge asks for the others. */
  #filled(
    html: string,
    principal: Principal | null,
    url: string,
    prepared: ReadonlySet<string> | undefined,
  ): string {
    let session = "";
    return fillPage(html, (name) => {
      if (prepared !== undefined && !prepared.has(name)) return undefined;
      const [shown] = this.#host.page({ principal, url, names: [name], session });
      if (shown === undefined) return undefined;
      session = shown.session;
      return this.#withParts(name, shown);
    });
  }

  #envelope(body: Uint8Array): Uint8Array {
    if (body === this.#told) return this.#toldBytes;
    const bytes = uiEnvelope(body);
    this.#told = body;
    this.#toldBytes = bytes;
    return bytes;
  }

  #withParts(name: string, shown: Omit<ShownIsland, "plugins" | "stylesheet">): ShownIsland {
    const { stylesheet, plugins = {} } = this.#islands.get(name)?.island ?? {};
    return { ...shown, stylesheet, plugins: Object.values(plugins) };
  }

  #allows({ principal, island, scope: sharedBy }: IslandAccess): boolean {
    const { server, admission: { open } } = this.#options;
    // What belongs to a user does not belong to nobody.
    if (sharedBy === "user" && principal === null && !open) return false;
    const scope = this.#islands.get(island)?.island.syncScope ?? DEFAULT_SCOPE;
    return server.allows({ principal, scope, action: "read", island });
  }

  #sync(): LiveSync {
    const { server, store } = this.#options;
    const elsewhere = this.#elsewhere();
    return {
      rows: (scope, collection) => this.#rows(store, scope, collection),
      ...(elsewhere === undefined ? {} : { elsewhere }),
      mayRead: (principal, scope) => server.allows({ principal, scope, action: "read" }),
      mutate: (principal, scope, name, args, decided) =>
        this.#mutate(principal, { scope, name, args }, decided),
    };
  }

  #rows(store: AnyStore, scope: string, collection: string): LiveRecords {
    if (!Object.hasOwn(this.#options.app.collections, collection)) {
      throw new TypeError(`Cannot read the collection "${collection}": there is none`);
    }
    const rows = store.rows(scope, collection);
    return rows.map(({ id, json }) => [id, frozenJson(json)] as const);
  }

  #elsewhere(): ElsewhereRows | undefined {
    const { app, store, log } = this.#options;
    if (!isSuspending(store)) return undefined;
    return {
      names: Object.keys(app.collections),
      fetch: (scope, collection) => store.settle(() => this.#rows(store, scope, collection)),
      follow: (scope) => this.#following.begin(scope),
      unfollow: (scope) => this.#following.end(scope),
      failed: (error) => log.error("islands failed", { error: errorText(error) }),
    };
  }

  /** The same way that the mutations of clients go: it is authorised, checked, durable and poked. */
  #mutate(
    principal: Principal | null,
    call: { readonly scope: string; readonly name: string; readonly args: unknown },
    decided: (error: DriftlessError | null) => void,
  ): void {
    const { committer, random, spend } = this.#options;
    if (spend({ principal }, 1) > 0) {
      return decided(new DriftlessError("rate_limited", "Cannot take so many mutations"));
    }
    try {
      const mutation = checkMutation({ ...call, id: randomId(random) });
      committer.submit({ principal, mutations: [mutation] }, (results, error) => {
        const [result] = results ?? [];
        if (result === undefined) return decided(asFailure(error));
        const { ok, code, error: text } = result;
        decided(ok ? null : new DriftlessError(code ?? "rejected", text ?? "It was refused"));
      });
    } catch (error) {
      decided(asFailure(error));
    }
  }
}

/** Saved state, as if it were at hand. */
function storageOf({ islandStates, store, log }: LiveUiOptions): IslandStorage | undefined {
  if (islandStates === undefined || !isSuspending(store)) {
    return islandStates as IslandStorage | undefined;
  }
  const failed = (error: unknown) => log.error("islands failed", { error: errorText(error) });
  return new FetchedIslands(islandStates as AsyncIslandStates, failed);
}

/** The islands that a page asks for, by name. */
function islandsIn(html: string): ReadonlySet<string> {
  const names = new Set<string>();
  fillPage(html, (name) => void names.add(name));
  return names;
}

function unlessSame(filled: string, html: string): string | undefined {
  return filled === html ? undefined : filled;
}

function asFailure(error: unknown): DriftlessError {
  if (error instanceof DriftlessError) return error;
  return new DriftlessError("internal_error", "The server failed", { cause: error });
}

function assetsOf(
  islands: readonly CompiledIsland[],
  root: Asset | undefined,
): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  if (root !== undefined) assets.set("/", root);
  for (const { program: { table } } of islands) {
    assets.set(TABLE_PATH + table.hash, assetOf("application/json", JSON.stringify(table)));
  }
  return assets;
}
