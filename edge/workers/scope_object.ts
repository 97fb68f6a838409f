/**
 * The Durable Object of a scope: its store, its handler, and its sockets, which outlive its memory.
 *
 *     request, message, alarm ── is it in memory? ── handler
 *                                 └ no: opened from storage, sockets brought back
 *
 * Nothing here ticks while nobody asks for anything, so that an idle object can leave memory. Connections
 * are looked over when something happens anyway, and by the alarm, which also trims the log.
 */
import type { AccessRequest, AnyApp } from "../../core/app.ts";
import { DEFAULT_SCOPE } from "../../core/mutation.ts";
import type { Kernel } from "../../core/ports.ts";
import { kernelOf, kernelSync } from "../../wasm/kernel.ts";
import { createHandler, type Handler, TRIM_MS } from "../handler.ts";
import { SWEEP_MS } from "../live.ts";
import { errorText, type Log } from "../log.ts";
import { refused } from "../refused.ts";
import { acceptAwake, type AwakeSocket } from "./awake_socket.ts";
import { withMounts } from "./routing.ts";
import { CLOSE_RESTART, closeQuietly, ObjectPeer, savedPeer } from "./object_peer.ts";
import { type ObjectStore, openObjectStore } from "./object_store.ts";
import type { ObjectSocket, ObjectState } from "./object_types.ts";
import { addressOf, scopeIn } from "./object_request.ts";
import { logOf, WorkerAdmission, type WorkerEnv, type WorkerOptions } from "./worker_options.ts";

/** What the platform calls. */
export interface ScopeObject {
  /** Answers a request that the worker has sent on. */
  fetch(request: Request): Promise<Response>;
  /** A socket has a message. */
  webSocketMessage(socket: ObjectSocket, message: ArrayBuffer | string): void;
  /** A socket's other side said goodbye. */
  webSocketClose(socket: ObjectSocket, code: number): void;
  /** A socket is broken. */
  webSocketError(socket: ObjectSocket): void;
  /** The alarm rings: connections are looked over, and the log is trimmed. */
  alarm(): Promise<void>;
}

/** A class of Durable Objects. */
export type ScopeObjectClass = new (state: ObjectState, env: WorkerEnv) => ScopeObject;

/** How long a log that nobody writes waits to be trimmed again, in milliseconds. */
const TRIM_IDLE_MS = 24 * 60 * 60 * 1000;
/** Close code of a socket whose object cannot be opened. */
const CLOSE_FAILED = 1011;

/** What all objects of a class have in common. */
interface AppParts {
  readonly app: AnyApp;
  readonly options: WorkerOptions;
  readonly kernel: () => Kernel;
}

/** The parts of an object that is in memory. */
interface Parts {
  readonly scope: string;
  readonly store: ObjectStore;
  readonly handler: Handler;
}

/** The class of objects of an app. */
export function scopeObjectClass(app: AnyApp, options: WorkerOptions): ScopeObjectClass {
  // One for all objects that share an isolate.
  let kernel: Kernel | undefined;
  const { kernel: module } = options;
  const kernelOnce = () => kernel ??= module === undefined ? kernelSync() : kernelOf(module);
  return class extends AppObject {
    constructor(state: ObjectState, env: WorkerEnv) {
      super({ app, options, kernel: kernelOnce }, state, env);
    }
  };
}

class AppObject implements ScopeObject {
  readonly #app: AnyApp;
  readonly #options: WorkerOptions;
  readonly #kernel: () => Kernel;
  readonly #state: ObjectState;
  readonly #admission: WorkerAdmission;
  readonly #log: Log;
  readonly #peers = new WeakMap<ObjectSocket, ObjectPeer>();
  /** Connections whose credentials end, and when the first of them do. */
  readonly #ending = new Set<ObjectPeer>();
  #firstEnd = Infinity;
  #opened: Parts | undefined;
  #sweptAt = -Infinity;
  /** When the alarm rings; undefined while nobody has asked the platform. */
  #alarmAt: number | undefined;
  /** Whether something was asked for since the last alarm. */
  #isUsed = false;

  constructor({ app, options, kernel }: AppParts, state: ObjectState, env: WorkerEnv) {
    this.#app = app;
    this.#options = options;
    this.#kernel = kernel;
    this.#state = state;
    this.#admission = new WorkerAdmission(options, env);
    this.#log = logOf(options);
  }

  async fetch(request: Request): Promise<Response> {
    try {
      this.#admission.meet(new URL(request.url));
      const { handler, ...parts } = this.#parts(scopeIn(request));
      this.#used();
      const peer = { remoteAddress: addressOf(request) };
      if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
        return await handler.fetch(request, peer);
      }
      const upgrade = await handler.upgrade(request, peer);
      if (upgrade instanceof Response) return upgrade;
      const [client, socket] = Object.values(new pairing.WebSocketPair());
      if (client === undefined || socket === undefined) throw new TypeError("There is no pair");
      const { identity } = upgrade;
      // The platform's own kind of answer.
      const answer = { status: 101, webSocket: client } as ResponseInit;
      if (identity === undefined) {
        acceptAwake(socket, upgrade, peer.remoteAddress);
        return new Response(null, answer);
      }
      this.#state.acceptWebSocket(socket);
      const log = { scope: parts.scope, epoch: parts.store.epoch };
      const own = new ObjectPeer(socket, identity, peer.remoteAddress, log);
      this.#keep(socket, own);
      own.listen(upgrade.accept(own));
      return new Response(null, answer);
    } catch (error) {
      return refused(error, this.#log);
    }
  }

  webSocketMessage(socket: ObjectSocket, message: ArrayBuffer | string): void {
    this.#with(socket, (peer) => peer.received(message));
  }

  webSocketClose(socket: ObjectSocket, code: number): void {
    this.#with(socket, (peer) => peer.ended(code));
  }

  webSocketError(socket: ObjectSocket): void {
    this.#with(socket, (peer) => peer.terminate());
  }

  async alarm(): Promise<void> {
    this.#alarmAt = Infinity;
    const isUsed = this.#isUsed;
    this.#isUsed = false;
    try {
      const { handler, store, scope } = this.#parts();
      handler.sweep();
      this.#forgetEnded();
      await handler.trim();
      const { cursor, floor } = store.head(scope);
      if (isUsed) this.#arm(Date.now() + TRIM_MS);
      else if (cursor > floor) this.#arm(Date.now() + TRIM_IDLE_MS);
      else this.#arm(Infinity);
    } catch (error) {
      this.#log.error("alarm failed", { error: errorText(error) });
      this.#arm(Date.now() + TRIM_MS);
    }
  }

  /** Something is asked for: looks connections over, and sees to it that the log is trimmed one day. */
  #used(): void {
    this.#isUsed = true;
    this.#arm(Date.now() + TRIM_MS);
    const now = performance.now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    this.#opened?.handler.sweep();
  }

  #with(socket: ObjectSocket, work: (peer: ObjectPeer) => void): void {
    try {
      this.#parts();
      const peer = this.#peers.get(socket);
      // One that could not be brought back was told so.
      if (peer === undefined) return;
      work(peer);
      this.#used();
    } catch (error) {
      this.#log.error("socket failed", { error: errorText(error) });
      closeQuietly(socket, CLOSE_FAILED, "internal_error");
    }
  }

  #keep(socket: ObjectSocket, peer: ObjectPeer): void {
    this.#peers.set(socket, peer);
    const { expires } = peer.identity;
    if (expires === Infinity) return;
    this.#ending.add(peer);
    this.#firstEnd = Math.min(this.#firstEnd, expires);
    this.#arm(expires);
  }

  #forgetEnded(): void {
    this.#firstEnd = Infinity;
    for (const peer of this.#ending) {
      const { isClosed, identity } = peer;
      if (isClosed || identity.expires <= Date.now()) this.#ending.delete(peer);
      else this.#firstEnd = Math.min(this.#firstEnd, identity.expires);
    }
  }

  /** Sets the alarm, unless one rings before. */
  #arm(time: number): void {
    this.#armed(time).catch((error) => {
      this.#log.error("alarm failed", { error: errorText(error) });
    });
  }

  async #armed(wanted: number): Promise<void> {
    const { storage } = this.#state;
    const time = Math.min(wanted, this.#firstEnd);
    this.#alarmAt ??= await storage.getAlarm() ?? Infinity;
    if (time >= this.#alarmAt) return;
    this.#alarmAt = time;
    await storage.setAlarm(Math.max(time, Date.now()));
  }

  /** The parts, opened when they are not in memory. A scope is told with the first request of all. */
  #parts(named?: string): Parts {
    const opened = this.#opened ??= this.#open(named);
    if (named !== undefined && named !== opened.scope) {
      throw new TypeError("Cannot answer for another scope than the object's own");
    }
    return opened;
  }

  #open(named: string | undefined): Parts {
    const { assets, templates, version = "0" } = this.#options;
    const store = openObjectStore(this.#state.storage, { kernel: this.#kernel() });
    const scope = store.owner(named);
    const handler = createHandler(ownedBy(scope, this.#app, this.#admission.open), {
      origins: this.#admission.origins,
      hosts: this.#admission.hosts,
      open: this.#admission.open,
      authenticate: this.#admission.authenticate,
      store,
      log: this.#log,
      version,
      timers: false,
      islandStates: store.islands,
      ...(assets === undefined ? {} : { assets }),
      ...(templates === undefined ? {} : { templates }),
    });
    this.#bringBack(handler, store, scope);
    return { handler, store, scope };
  }

  #bringBack(handler: Handler, store: ObjectStore, scope: string): void {
    const { cursor } = store.head(scope);
    for (const socket of this.#state.getWebSockets()) {
      const saved = savedPeer(socket, { scope, epoch: store.epoch });
      if (saved === null) {
        closeQuietly(socket, CLOSE_RESTART, "restart");
        continue;
      }
      const { peer, messages } = saved;
      this.#keep(socket, peer);
      peer.resume(handler.resume(peer, peer.identity), messages, cursor);
    }
  }
}

/**
 * The app in one scope: in any other, nobody may do anything. Islands, and modules that keep state, are
 * in the object of the default scope.
 */
function ownedBy(scope: string, app: AnyApp, open: boolean): AnyApp {
  const authorize = app.authorize ??
    (({ principal }: AccessRequest) => open || principal !== null);
  const isDefault = scope === DEFAULT_SCOPE;
  return {
    ...withMounts(app, ({ options }) => isDefault && options.mode === "durable"),
    islands: isDefault ? app.islands : {},
    authorize: (request) => request.scope === scope && authorize(request),
  };
}

/** The platform's own class, which no type of the web knows. */
const pairing = globalThis as unknown as {
  WebSocketPair: new () => Readonly<Record<"0" | "1", AwakeSocket>>;
};
