/**
 * The bridge of the live UI, as pages load it from `/_driftless/live.js`: it finds the islands of the
 * page, connects them to the server, and is `driftless.live` for the page's own scripts.
 *
 *     live.js              connects by itself
 *     live.js?manual       waits for `driftless.live.connect()`
 *     live.js?ns=name      is `name.live` instead
 */
import type { ClientTable } from "../program.ts";
import { Island, type IslandHost } from "./bridge_island.ts";
import { createNotices } from "./bridge_notice.ts";
import { type Shapes, shapesOf } from "./bridge_shapes.ts";
import { type LiveTransport, SocketTransport, type TransportEvents } from "./bridge_socket.ts";
import { BROWSER_INIT_REQUEST, type FromServer } from "./bridge_wire.ts";

/** Code of the page that shows values in an element. */
export interface LivePlugin {
  readonly init: (element: Element, value: unknown) => void;
  readonly update?: (element: Element, value: unknown) => void;
  readonly destroy?: (element: Element) => void;
}

/** How to connect. */
export interface LiveOptions {
  /** The server. @default {where the script came from} */
  readonly url?: string;
  /** A bearer token for the server. */
  readonly token?: string;
  /** Another way to the server than a socket of its own. */
  readonly transport?: (events: TransportEvents) => LiveTransport;
}

/** What a plugin shows in an element. */
interface Plugged {
  readonly name: string;
  value: unknown;
  isUp: boolean;
}

const own = new URL(import.meta.url);
const islands = new Map<Element, Island>();
/** By name; a name from outside finds nothing that is not there. */
const functions: Record<string, ((...args: never[]) => unknown) | undefined> = Object.create(null);
const plugins: Record<string, LivePlugin | undefined> = Object.create(null);
const tables: Record<string, Promise<Shapes> | undefined> = {};
const plugged = new Map<Element, Plugged>();
const notices = createNotices();
let base = new URL("/", own);
let transport: LiveTransport | undefined;
let isOpen = false;
let targets = 0;

/** What the page's scripts work with. */
export const live = {
  /** How long messages take in either direction, in milliseconds: to feel a distant server. */
  latency: /^(localhost|127\.|\[::1)/.test(location.hostname)
    ? Number(new URLSearchParams(location.search).get("live-latency"))
    : 0,
  onconnect(): void {},
  /** With a reason the server wants no other try. */
  ondisconnect(_reason: string): void {},
  onerror(code: string, error: string): void {
    console.error(`${code}: ${error}`);
  },

  /** Mounts the islands of the page and connects. */
  connect({ url, token, transport: open }: LiveOptions = {}): void {
    if (url) base = new URL("/", new URL(url, location.href));
    // Another half of the page may keep the socket.
    for (const { target } of islands.values()) host.send({ kind: BROWSER_INIT_REQUEST, target });
    transport?.close();
    for (const element of document.querySelectorAll("[g-island]")) live.mount(element);
    const events: TransportEvents = { opened, received, closed };
    transport = open?.(events) ??
      new SocketTransport({ base, token, delayMs: () => live.latency }, events);
  },

  /** Shows an island in an element. */
  mount(
    element: Element,
    name: string = element.getAttribute("g-island") ?? "",
    isShadow: boolean = element.hasAttribute("g-shadow"),
  ): void {
    if (islands.has(element)) return;
    const island = new Island(element, name, targets++, isShadow, host);
    islands.set(element, island);
    if (isOpen) island.connected(session());
  },

  /** Leaves an element alone; its markup stays. */
  unmount(element: Element): void {
    islands.get(element)?.end();
    islands.delete(element);
  },

  /**
   * Calls a method that an island exports, of the element or the first of the name. Resolves with what it
   * returned, as JSON has that; rejects with an error that has the server's `code`.
   */
  call(where: Element | string, method: string, ...args: unknown[]): Promise<unknown> {
    const island = [...islands.values()].find(({ element, name }) =>
      element === where || name === where
    );
    if (!island) throw new TypeError(`Cannot call ${method}: there is no such island`);
    return island.call(method, args);
  },

  /** Lets the server call these functions, by name. */
  register(more: Readonly<Record<string, (...args: never[]) => unknown>>): void {
    Object.assign(functions, more);
  },

  /** Shows what `g-plugin:name` has. */
  plugin(name: string, plugin: LivePlugin): void {
    plugins[name] = plugin;
    for (const [element, one] of plugged) if (one.name === name && !one.isUp) start(element, one);
  },
};

const host: IslandHost = {
  send: (message) => transport?.send(message) ?? false,
  shapes: (hash) => tables[hash] ??= load(hash),
  mount: live.mount,
  unmount: live.unmount,
  plug(element, name, value) {
    const old = plugged.get(element);
    if (old?.isUp) plugins[name]?.update?.(element, value);
    else {
      const one = { name, value, isUp: false };
      plugged.set(element, one);
      start(element, one);
    }
  },
  unplug(element) {
    const one = plugged.get(element);
    plugged.delete(element);
    if (one?.isUp) plugins[one.name]?.destroy?.(element);
  },
  more: () => import(new URL("live_more.js", own).href),
  base: () => base,
  called: (message, island) =>
    host.more().then((more) => more.answer(message, island, functions, host)),
  failed: (code, error) => live.onerror(code, error),
};

functions["driftless:navigate"] = (url: string, isReplaced: boolean) =>
  history[isReplaced ? "replaceState" : "pushState"](null, "", url);

const space = own.searchParams.get("ns") ?? "driftless";
const page = globalThis as unknown as Record<string, { live?: typeof live } | undefined>;
(page[space] ??= {}).live = live;

addEventListener("popstate", () => {
  for (const island of islands.values()) island.moved();
});
if (!own.searchParams.has("manual")) live.connect();

function opened(): void {
  isOpen = true;
  notices.hide();
  const any = session();
  for (const island of islands.values()) island.connected(any);
  live.onconnect();
}

function received(message: FromServer): void {
  for (const island of islands.values()) {
    if (island.target === (message.target ?? 0)) return island.received(message);
  }
}

function closed(reason: string): void {
  if (!isOpen && !reason) return;
  isOpen = false;
  const places = [...islands.values()].map((island) => {
    island.disconnected();
    return island.place;
  });
  notices.show(places, reason);
  live.ondisconnect(reason);
}

/** Any of the page's sessions says whose it is. */
function session(): string {
  return [...islands.values()].find((island) => island.session)?.session ?? "";
}

async function load(hash: string): Promise<Shapes> {
  try {
    const response = await fetch(new URL(`_live/table/${hash}`, base));
    return shapesOf(await response.json() as ClientTable);
  } catch (error) {
    tables[hash] = undefined;
    throw error;
  }
}

function start(element: Element, one: Plugged): void {
  const plugin = plugins[one.name];
  if (!plugin) return;
  one.isUp = true;
  plugin.init(element, one.value);
}
