/** A running server: an app, its store file and a port, with a start and an end. */
import { setImmediate } from "node:timers";
import type { AnyApp } from "../core/app.ts";
import { type Admission, bySecret, openToAll } from "./admission.ts";
import { createHandler, type Handler, type HandlerOptions } from "./handler.ts";
import { SECRET_UNITS_MIN } from "./identity.ts";
import { errorText, type Log } from "./log.ts";
import type { Listener } from "./socket.ts";
import type { SqlDatabase } from "./sql.ts";
import { openSqliteStore, type SqliteStore } from "./sqlite_store.ts";

/** What to serve, and where. */
export interface ServeOptions {
  /** The app, as `defineApp` made it. */
  readonly app: AnyApp;
  /** Where to listen. Without a secret only loopback: `localhost`, `127.0.0.1` or `::1`. */
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The SQLite file. */
  readonly data: string;
  /** Hears of the start, the end and of failures. */
  readonly log: Log;
  /** As {@linkcode HandlerOptions.version}. */
  readonly version: string;
  /** As {@linkcode HandlerOptions.assets}. */
  readonly assets?: HandlerOptions["assets"];
  /** As {@linkcode HandlerOptions.pages}. */
  readonly pages?: HandlerOptions["pages"];
  /** As {@linkcode HandlerOptions.templates}. */
  readonly templates?: HandlerOptions["templates"];
  /** Opens the file; the built-in driver unless given. */
  readonly openDatabase?: (path: string) => SqlDatabase;
  /** Signs tokens. Without it the server is open, and only on loopback. */
  readonly secret?: string;
  /** Origins besides the server's own whose pages may use it. */
  readonly origins?: readonly string[];
}

/** A server that runs. */
export interface RunningServer {
  /** Where it listens, with the port that it took: `http://HOST:PORT`. */
  readonly url: string;
  /** True in development: no secret, loopback only, everyone may do everything. */
  readonly open: boolean;
  /**
   * Stops: requests finish, sockets close, the store is closed. Who is not done within `ms`, by
   * default {@linkcode SHUTDOWN_MS_MAX}, is cut off.
   */
  stop(ms?: number): Promise<void>;
}

/** How long a shutdown may take, in milliseconds; platforms kill after 5 s. */
export const SHUTDOWN_MS_MAX = 4_000;
/** How often to look for commits of other processes, in milliseconds. */
const FOREIGN_COMMITS_MS = 500;
/** Rows of a tree that is built at start between two lines of the log. */
const BUILDING_LOG_ROWS = 100_000;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/;

/**
 * Starts a server.
 *
 * @example
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import { createLog, serve } from "@driftless/driftless/server";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const server = await serve({
 *   app: defineApp({ name: "notes", collections: { note } }),
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   data: ":memory:",
 *   log: createLog("error"),
 *   version: "1.0.0",
 * });
 * const { status } = await (await fetch(`${server.url}/healthz`)).json();
 * if (status !== "ok") throw new Error(status);
 * await server.stop();
 * ```
 *
 * @throws {TypeError} when it would be open to a network, or the secret is too short
 * @throws {DriftlessError} `store_failed` when the file cannot be used, and what
 *   {@linkcode createHandler} throws about the version of its rows
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { app, hostname, log, secret } = options;
  const open = secret === undefined;
  if (open && !LOOPBACK.test(hostname)) {
    throw new TypeError(
      `Cannot listen on ${hostname} without a secret: set DRIFTLESS_SECRET to at least ` +
        `${SECRET_UNITS_MIN} random characters, or use --host 127.0.0.1`,
    );
  }
  if (secret !== undefined && secret.length < SECRET_UNITS_MIN) {
    throw new TypeError(`Cannot use a secret of fewer than ${SECRET_UNITS_MIN} characters`);
  }
  const store = openSqliteStore(options.data, {
    ...(options.openDatabase === undefined ? {} : { open: options.openDatabase }),
    building(_scope, rows) {
      if (rows % BUILDING_LOG_ROWS === 0) log.info("tree is being built", { rows });
    },
  });
  const origins: string[] = [...options.origins ?? []];
  const hosts: string[] = [];
  const admission: Admission = {
    origins,
    hosts,
    open,
    authenticate: secret === undefined ? openToAll : bySecret(secret),
  };
  let handler: Handler | undefined;
  try {
    handler = createHandler(app, {
      ...admission,
      store,
      log,
      version: options.version,
      defer: setImmediate,
      ...(options.assets === undefined ? {} : { assets: options.assets }),
      ...(options.pages === undefined ? {} : { pages: options.pages }),
      ...(options.templates === undefined ? {} : { templates: options.templates }),
      islandStates: store.islands,
    });
    const listener = await listen(options, handler).catch((cause) => {
      const reason = isTaken(cause) ? "the port is taken" : errorText(cause);
      throw new Error(`Cannot listen on ${hostname}:${options.port}: ${reason}`, { cause });
    });
    const names = hostNames(hostname, listener.port);
    origins.push(...names.map((name) => `http://${name}`));
    // Behind a proxy the host name is the proxy's business, and an origin is required anyway.
    if (open) {
      hosts.push(
        ...names,
        ...(options.origins ?? []).map((origin) => new URL(origin).host),
      );
    }
    return running(`http://${names[0]}`, open, { listener, handler, store, log });
  } catch (error) {
    handler?.close();
    store.close();
    throw error;
  }
}

function running(
  url: string,
  open: boolean,
  parts: { listener: Listener; handler: Handler; store: SqliteStore; log: Log },
): RunningServer {
  const { listener, handler, store, log } = parts;
  let version = store.dataVersion();
  const watch = setInterval(() => {
    try {
      const now = store.dataVersion();
      if (now === version) return;
      version = now;
      handler.noticeForeignCommits();
    } catch (error) {
      log.error("store failed", { error: errorText(error) });
    }
  }, FOREIGN_COMMITS_MS);
  const stop = async (ms: number) => {
    clearInterval(watch);
    await listener.shutdown(ms);
    handler.close();
    store.close();
    log.info("stopped");
  };
  let stopping: Promise<void> | undefined;
  return { url, open, stop: (ms = SHUTDOWN_MS_MAX) => stopping ??= stop(ms) };
}

async function listen({ hostname, port, log }: ServeOptions, handler: Handler): Promise<Listener> {
  const options = {
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    fetch: handler.fetch.bind(handler),
    upgrade: handler.upgrade.bind(handler),
    failed: (error: unknown) => log.error("request failed", { error: errorText(error) }),
  };
  // Each runtime loads only its own server.
  if ("Bun" in globalThis) return await (await import("./listen_bun.ts")).listenBun(options);
  return await (await import("./listen_node.ts")).listenNode(options);
}

/** What a page on this machine may call the server; the first is the one to print. */
export function hostNames(hostname: string, port: number): readonly string[] {
  const given = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
  const names = [given];
  if (LOOPBACK.test(hostname)) names.push("localhost", "127.0.0.1", "[::1]");
  // As browsers write it: in lower case, and without the port that goes without saying.
  return [...new Set(names.map((name) => new URL(`http://${name}:${port}`).host))];
}

function isTaken(error: unknown): boolean {
  return error instanceof Error &&
    /EADDRINUSE|AddrInUse|in use/.test(`${error.name} ${error.message}`);
}
