/**
 * Islands at run time: a synchronous machine of instances, the holders of their state, and connections.
 *
 *     page ── markup of instances ──┐ the same instance, adopted
 *     open ── session ── targets ───┘
 *     event ── handler ── patch ── log of the instance ── each tab, from where it is
 *
 * Time, randomness, storage and the sync engine are ports; nothing here waits.
 */
import type { Principal } from "../core/app.ts";
import type { Change } from "../core/change.ts";
import { DriftlessError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { DEFAULT_SCOPE } from "../core/mutation.ts";
import { ServerMessage } from "../core/wire/ui_gen.ts";
import { LiveCalls } from "./live_calls.ts";
import { LiveCollections, type LiveSync, type WantedCollections } from "./live_collections.ts";
import { EventContext } from "./live_context.ts";
import { type Holder, Holders } from "./live_holder.ts";
import { hosted, type HostedIsland, LiveInstance } from "./live_instance.ts";
import { SERVER_JSCALL, type UiRequest } from "./live_messages.ts";
import type { LiveHostOptions, PageIsland, PageRequest, UiConnection } from "./live_ports.ts";
import { LiveRunner } from "./live_runner.ts";
import { forbidden, LiveUiSession } from "./live_session.ts";
import { LiveUploads } from "./live_uploads.ts";
import { LiveView } from "./live_view.ts";

/** What is about to be asked of {@linkcode LiveHost}. */
export interface Preparation {
  readonly principal: Principal | null;
  /** The islands' names. */
  readonly names: readonly string[];
  /** What a page resumes with; empty for a new one. */
  readonly token: string;
}

/** All islands of one process. */
export class LiveHost {
  readonly sync: LiveSync | undefined;
  readonly collections: LiveCollections | undefined;
  readonly uploads: LiveUploads;
  readonly runner: LiveRunner;
  readonly #options: LiveHostOptions;
  readonly #islands: ReadonlyMap<string, HostedIsland>;
  readonly #holders: Holders;
  readonly #instances = new Set<LiveInstance>();
  readonly #sessions = new Set<LiveUiSession>();
  /** Sessions that have messages which wait, or calls that are not answered. */
  readonly #stirred = new Set<LiveUiSession>();

  constructor(options: LiveHostOptions) {
    const { now, wake, random, storage, sync, onFailure } = options;
    this.#options = options;
    this.#islands = new Map(
      Object.entries(options.islands).map(([name, one]) => [name, hosted(name, one)] as const),
    );
    this.sync = sync;
    this.collections = sync === undefined ? undefined : new LiveCollections(sync);
    this.uploads = new LiveUploads(this, random);
    this.runner = new LiveRunner({
      now,
      wake,
      changed: ({ holder }) => this.#holders.changed(holder),
      onFailure,
    });
    this.#holders = new Holders({
      clock: options,
      random,
      storage,
      wake,
      ended: (instance) => this.#ended(instance),
      onFailure,
    });
  }

  /** Instances, connections, and holders of state in memory. */
  get sizes(): { readonly instances: number; readonly sessions: number; readonly holders: number } {
    return {
      instances: this.#instances.size,
      sessions: this.#sessions.size,
      holders: this.#holders.size,
    };
  }

  now(): number {
    return this.#options.now();
  }

  wake(afterMs: number): void {
    this.#options.wake(afterMs);
  }

  /**
   * Calls back when what these islands may read, and what was saved of them, is here, or with the reason
   * why not: at once, unless it is elsewhere. To be called before `page`, which then belongs into `then`.
   */
  prepare({ principal, names, token }: Preparation, then: (error: unknown) => void): void {
    const { storage } = this.#options;
    const isElsewhere = this.sync?.elsewhere !== undefined;
    if (!isElsewhere && storage?.fetch === undefined) return then(null);
    const found = names.map((name) => this.#islands.get(name))
      .filter((one) => one !== undefined && this.allows(principal, one)) as HostedIsland[];
    const wanted = isElsewhere ? found.map((one) => this.#wanted(one)) : [];
    const read = (goOn: (error: unknown) => void) => {
      if (this.collections === undefined) goOn(null);
      else this.collections.prepare(wanted, goOn);
    };
    const scopes = new Set(found.map(({ island }) => island.scope));
    const keys = this.#holders.keysOf(scopes, principal?.id ?? "", sessionOf(token));
    if (storage?.fetch === undefined || keys.length === 0) return read(then);
    storage.fetch(keys).then((within) => read((error) => within(() => then(error))), then);
  }

  /** The islands of a page that is rendered now: `undefined` for one that is not there, or not for them. */
  page({ principal, names, url, session }: PageRequest): readonly (PageIsland | undefined)[] {
    const tab = this.#tab(session ?? "", principal);
    return names.map((name) => {
      const found = this.#islands.get(name);
      if (found === undefined || !this.allows(principal, found)) return undefined;
      try {
        const instance = this.#instance(found, tab, principal, url);
        if (!this.allowsMore(principal, instance)) return undefined;
        this.runner.flush();
        const { html, numbers } = instance.snapshot();
        (tab.rendered ??= new Set()).add(name);
        const { hash: table } = found.program.table;
        return { html, numbers, table, seq: instance.seq, session: instance.token(tab) };
      } catch (error) {
        // The rest of the page is not to suffer from it.
        this.#options.onFailure(error, `island ${name}`);
        return undefined;
      }
    });
  }

  /** Takes a connection in. */
  open(connection: UiConnection): LiveUiSession {
    const session = new LiveUiSession(this, connection);
    this.#sessions.add(session);
    return session;
  }

  /** Changes of a scope are durable: islands that read them show them. */
  committed(scope: string, changes: readonly Change[]): void {
    this.collections?.committed(scope, changes);
    this.runner.flush();
  }

  /** Others may have written anything, in one scope or in all: islands read it anew. */
  reread(scope?: string): void {
    this.collections?.reread(scope);
    this.runner.flush();
  }

  /** Does what is due. */
  turn(): void {
    const now = this.now();
    for (const session of [...this.#stirred]) {
      const wait = Math.min(session.turn(), (session.calls?.expire(now) ?? Infinity) - now);
      if (wait === Infinity) this.#stirred.delete(session);
      else this.wake(wait);
    }
    this.runner.flush();
    this.uploads.turn(now);
    this.#holders.turn();
  }

  /** Lets every connection go, and saves everything. */
  close(): void {
    for (const session of [...this.#sessions]) session.closed();
    this.#holders.save();
  }

  /** Whether a principal may see an island. */
  allows(principal: Principal | null, { name, island: { scope } }: HostedIsland): boolean {
    try {
      return this.#options.authorize({ principal, island: name, scope }) === true;
    } catch (error) {
      this.#options.onFailure(error, "authorize");
      return false;
    }
  }

  /** Whether a principal may go on to see an instance, with what it reads. */
  allowsMore(principal: Principal | null, { hosted, readScopes }: LiveInstance): boolean {
    return this.allows(principal, hosted) &&
      [...readScopes ?? []].every((scope) => this.sync?.mayRead(principal, scope) ?? false);
  }

  /** A page asks for an island: resumes it, or gets it anew. */
  openView(session: LiveUiSession, request: UiRequest & { readonly kind: "open" }): void {
    const { target, island: name, token, seq, table, url } = request;
    const before = session.views.get(target);
    if (before !== undefined) this.closeView(before);
    const found = this.#islands.get(name);
    if (found === undefined) throw new DriftlessError("not_found", "Cannot find the island");
    const { principal } = session;
    if (!this.allows(principal, found)) throw forbidden();
    const tab = this.#tab(token, principal);
    const instance = this.#instance(found, tab, principal, url);
    if (!this.allowsMore(principal, instance)) throw forbidden();
    this.runner.flush();
    const view = new LiveView(session, target, instance, tab, { url, table });
    session.views.set(target, view);
    instance.views.add(view);
    this.#holders.attached(tab);
    this.#holders.attached(instance.holder);
    const isNew = tab.rendered?.delete(name) === true;
    const isSame = token === instance.token(tab) && table === found.program.table.hash;
    if (isSame && instance.after(seq) !== null) view.adopted(seq);
    this.runner.deliver(view);
    if (isSame && isNew) this.runner.say(view, () => view.complete());
    this.runner.lifecycle(instance, "connected", view);
  }

  /** A page does not show an island any more. */
  closeView(view: LiveView): void {
    const { session, instance, tab, target } = view;
    if (view.isClosed) return;
    view.close();
    session.views.delete(target);
    instance.views.delete(view);
    this.runner.lifecycle(instance, "disconnected", view);
    this.#holders.detached(instance.holder);
    this.#holders.detached(tab);
  }

  /** The connection is gone. */
  left(session: LiveUiSession): void {
    this.#sessions.delete(session);
    this.#stirred.delete(session);
  }

  /** The session is to be looked at with the next turn. */
  soon(session: LiveUiSession): void {
    this.#stirred.add(session);
    this.wake(0);
  }

  /** Tells every other instance that wants to hear it. */
  broadcast(from: LiveInstance, event: string, data: Json): void {
    this.runner.broadcast(from, this.#instances, [event, data]);
  }

  /** Calls a function of a page; the patches of the handler that calls are there before it. */
  ask(view: LiveView, name: string, args: readonly Json[]): Promise<Json> {
    const calls = view.session.calls ??= new LiveCalls();
    const { call, result } = calls.add(this.now());
    this.#call(view, call, name, args);
    this.soon(view.session);
    return result;
  }

  /** The same, without an answer. */
  tell(view: LiveView, name: string, args: readonly Json[]): void {
    this.#call(view, 0, name, args);
  }

  #call(view: LiveView, call: number, name: string, args: readonly Json[]): void {
    const { session, target } = view;
    const message = { kind: SERVER_JSCALL, target, call, name, args: JSON.stringify(args) };
    this.runner.say(view, () => session.send(ServerMessage.encode(message)));
  }

  /** The holder of a page, by what the page resumes with. */
  #tab(token: string, principal: Principal | null): Holder {
    const session = sessionOf(token);
    const owner = principal?.id ?? "";
    return this.#holders.tab(session, owner) ?? this.#holders.newTab(owner);
  }

  /** The instance that a page is to show. */
  #instance(
    found: HostedIsland,
    tab: Holder,
    principal: Principal | null,
    url: string,
  ): LiveInstance {
    const holder = this.#holderOf(found, tab, principal);
    const known = holder.instances.get(found.name);
    if (known !== undefined) {
      known.visited(principal, url);
      return known;
    }
    const { random, onFailure } = this.#options;
    const instance: LiveInstance = new LiveInstance(found, holder, random, {
      context: () => new EventContext(this, instance, this.runner.caller),
      changed: () => this.runner.changed(instance),
      failed: (error, where) => onFailure(error, `island ${found.name}: ${where}`),
    });
    instance.visited(principal, url);
    this.collections?.keep(instance, this.#wanted(found));
    try {
      instance.mount();
    } catch (error) {
      this.collections?.left(instance);
      throw error;
    }
    holder.add(found.name, instance);
    this.#instances.add(instance);
    this.runner.shared.add(instance);
    this.#holders.changed(holder);
    return instance;
  }

  /** What an island may read, where that has to be fetched. */
  #wanted({ island }: HostedIsland): WantedCollections {
    const { syncScope: scope = DEFAULT_SCOPE, collections } = island;
    const all = this.sync?.elsewhere?.names;
    return { scope, names: all === undefined ? [] : collections ?? all };
  }

  #holderOf({ island }: HostedIsland, tab: Holder, principal: Principal | null): Holder {
    if (island.scope === "global") return this.#holders.global();
    return island.scope === "user" && principal !== null ? this.#holders.user(principal.id) : tab;
  }

  /** Nobody comes back to an instance. */
  #ended(instance: LiveInstance): void {
    this.runner.ended(instance);
    this.collections?.left(instance);
    this.#instances.delete(instance);
  }
}

/** The session of what a page resumes with. */
function sessionOf(token: string): string {
  return token.split(".", 1)[0] ?? "";
}
