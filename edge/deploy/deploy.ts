/**
 * A server on Deno Deploy: any number of instances, which come and go, on one Deno KV database.
 *
 *     request ── instance: host, origin, identity ── handler ── store in memory of what was read ─┐
 *     request ── instance …                                                          Deno KV ─────┴─
 */
import { fileURLToPath } from "node:url";
import type { AnyApp } from "../../core/app.ts";
import { DriftlessError } from "../../core/errors.ts";
import { ArrivingAdmission, isLoopback, SECRET } from "../arriving_admission.ts";
import { clientAssets } from "../client_assets.ts";
import { createHandler, type Handler, TRIM_MS } from "../handler.ts";
import { SECRET_UNITS_MIN } from "../identity.ts";
import { readTemplates, templateFolderOf } from "../island_templates.ts";
import { KV_PREFIX, KvLayout } from "../kv/layout.ts";
import { type KvStore, openKvStore } from "../kv/open.ts";
import { PatientKv } from "../kv/patience.ts";
import { KvTickets } from "../kv/tickets.ts";
import { SWEEP_MS } from "../live.ts";
import { createLog, errorText, type Log } from "../log.ts";
import { createPages, pageFolderOf } from "../pages.ts";
import { refused } from "../refused.ts";
import { answerRequest, asksForSocket, decideUpgrade } from "../request_bounds.ts";
import { ServerSocket } from "../server_socket.ts";
import {
  type ListenOptions,
  type Peer,
  SOCKET_MESSAGE_BYTES_MAX,
  type Upgrade,
} from "../socket.ts";
import type { DeployInfo, DeployOptions } from "./deploy_options.ts";
import { type DenoSocket, DeployWire } from "./deploy_socket.ts";
import { Trimming } from "./trimming.ts";

/** What the file of a deployment exports by default. */
export interface DriftlessDeploy {
  /** Answers a request, WebSocket requests as well. */
  readonly fetch: (request: Request, info?: DeployInfo) => Promise<Response>;
  /**
   * Trims the logs to their retention. It is done every hour by itself, when a request comes; for an
   * app that is seldom asked: `Deno.cron("trim", "0 3 * * *", server.trim)`.
   */
  readonly trim: () => Promise<void>;
  /** Closes what was opened here, for programs that go on; sockets are let go of as they are. */
  readonly close: () => Promise<void>;
}

/** Whether this is Deno Deploy itself. */
const DEPLOY = "DENO_DEPLOY";
const TOO_LARGE_CODE = 1009;
const BROKEN_CODE = 1006;
const LAYOUT = new KvLayout([KV_PREFIX]);

/**
 * Makes the server of an app for Deno Deploy; `deno serve` runs it as well.
 *
 * Rows, queues' outcomes and saved state of islands are in Deno KV. With a secret `DRIFTLESS_SECRET` in
 * the environment tokens say who it is; without one only this machine may ask, and Deno Deploy nobody.
 *
 * @example The whole file of a deployment, but for `export default` in front of `server`
 * ```ts
 * import { collection, defineApp } from "@driftless/driftless";
 * import { createDeploy } from "@driftless/driftless/deploy";
 * import * as v from "valibot";
 *
 * const note = collection("note", v.object({ text: v.string() }));
 * const app = defineApp({ name: "notes", collections: { note } });
 * const kv = await Deno.openKv(":memory:"); // by default Deno Deploy's own
 * const server = await createDeploy(app, { kv });
 *
 * const response = await server.fetch(new Request("http://localhost/healthz"));
 * if ((await response.json()).status !== "ok") throw new Error();
 * await server.close();
 * kv.close();
 * ```
 *
 * @throws {TypeError} when there is no Deno KV, or anybody could come in; and what
 *   {@linkcode createHandler} throws about islands
 * @throws {DriftlessError} `store_failed` when the database cannot be used
 */
export async function createDeploy(
  app: AnyApp,
  options: DeployOptions = {},
): Promise<DriftlessDeploy> {
  const isDeploy = Deno.env.has(DEPLOY);
  const admission = new ArrivingAdmission({ ...options, secret: Deno.env.get(SECRET) });
  if (isDeploy && admission.open) {
    throw new TypeError(
      `Cannot serve without a secret: set ${SECRET} to at least ${SECRET_UNITS_MIN} random ` +
        `characters among the app's environment variables`,
    );
  }
  const log = options.log ?? createLog("info", (line) => console.log(line));
  const own = options.kv === undefined ? await openKv() : undefined;
  const database = options.kv ?? own as Deno.Kv;
  // The store is patient by itself.
  const kv = new PatientKv(database);
  const store = await openKvStore(database, isDeploy ? { pollMs: 0 } : {});
  const handler = await handlerOf(app, options, { admission, log, kv, store });
  return deploymentOf({ handler, admission, store, log, kv, own });
}

interface DeployParts {
  readonly handler: Handler;
  readonly admission: ArrivingAdmission;
  readonly store: KvStore;
  readonly log: Log;
  readonly kv: PatientKv;
  /** The database, where it was opened here. */
  readonly own: Deno.Kv | undefined;
}

async function openKv(): Promise<Deno.Kv> {
  if (typeof Deno.openKv === "function") return await Deno.openKv();
  throw new TypeError(
    `Cannot find Deno KV: set "unstable": ["kv"] in deno.json, or give a database as "kv"`,
  );
}

async function handlerOf(
  app: AnyApp,
  options: DeployOptions,
  { admission, log, kv, store }: Pick<DeployParts, "admission" | "log" | "kv" | "store">,
): Promise<Handler> {
  const file = options.appFile === undefined ? undefined : pathOf(options.appFile);
  const pages = file === undefined
    ? {}
    : { pages: createPages({ app: file, folder: pageFolderOf(file) }, log) };
  const templates = options.templates ??
    await readTemplates(file === undefined ? undefined : templateFolderOf(file));
  const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
  const { open, hosts, origins, authenticate } = admission;
  return createHandler(app, {
    ...{ open, hosts, origins, authenticate, log, templates },
    store,
    islandStates: store.islands,
    tickets: new KvTickets(kv, LAYOUT, random, Date.now),
    version: options.version ?? "0",
    assets: { ...clientAssets, ...options.assets },
    ...pages,
    timers: false,
  });
}

function deploymentOf({ handler, admission, store, log, kv, own }: DeployParts): DriftlessDeploy {
  const trimming = new Trimming({
    kv,
    layout: LAYOUT,
    trim: () => handler.trim(),
    everyMs: TRIM_MS,
    now: Date.now,
    failed: (error) => log.error("trim failed", { error: errorText(error) }),
  });
  const sweeps = setInterval(() => handler.sweep(), SWEEP_MS);
  const listening: Listening = {
    fetch: handler.fetch.bind(handler),
    upgrade: handler.upgrade.bind(handler),
    failed: (error) => log.error("request failed", { error: errorText(error) }),
  };
  return {
    async fetch(request, info) {
      const remoteAddress = info?.remoteAddr?.hostname ?? "";
      const refusal = arrive(request, remoteAddress, admission, log);
      if (refusal !== undefined) return refusal;
      trimming.asked();
      return await answer(request, { remoteAddress }, listening);
    },
    trim: () => handler.trim(),
    async close() {
      clearInterval(sweeps);
      await trimming.ended();
      handler.close();
      store.close();
      own?.close();
    },
  };
}

type Listening = Pick<ListenOptions, "fetch" | "upgrade" | "failed">;

/** Learns where this server is from a request; the answer to one that may not come in at all. */
function arrive(
  request: Request,
  remoteAddress: string,
  admission: ArrivingAdmission,
  log: Log,
): Response | undefined {
  try {
    const url = new URL(request.url);
    // A name in a header proves nothing; where the connection comes from does.
    if (admission.open && remoteAddress !== "" && !isLoopback(remoteAddress)) {
      throw new DriftlessError("forbidden", "Without a secret only this machine may ask");
    }
    admission.meet(url);
    // The platform may speak HTTPS in front and plain HTTP with this server.
    admission.meet(new URL(`https://${url.host}`));
    return undefined;
  } catch (error) {
    return refused(error, log);
  }
}

async function answer(request: Request, peer: Peer, listening: Listening): Promise<Response> {
  const options = { ...listening, hostname: "", port: 0 };
  if (!asksForSocket(request.headers.get("upgrade"))) {
    return await answerRequest(options, {
      request,
      peer,
      watchBody: true,
      isSignalFalse: true,
      peerLeft: () => false,
    });
  }
  const decision = await decideUpgrade(options, request, peer);
  return decision instanceof Response ? decision : upgraded(request, peer, decision, listening);
}

function upgraded(
  request: Request,
  { remoteAddress }: Peer,
  { accept, protocol }: Upgrade,
  { failed }: Listening,
): Response {
  const { socket: denoSocket, response } = Deno.upgradeWebSocket(
    request,
    protocol === undefined ? {} : { protocol },
  );
  const own = denoSocket as unknown as DenoSocket;
  own.binaryType = "arraybuffer";
  const wire = new DeployWire(own, {
    drained: () => socket.drained(),
    given: () => socket.ended(BROKEN_CODE),
  });
  const socket = new ServerSocket(wire, remoteAddress, failed);
  own.onopen = () => socket.start(accept);
  own.onmessage = ({ data }) => {
    const isText = typeof data === "string";
    const length = isText ? data.length : (data as ArrayBuffer).byteLength;
    if (length > SOCKET_MESSAGE_BYTES_MAX) {
      wire.close(TOO_LARGE_CODE, "The message is too large");
      return socket.refused();
    }
    socket.receive(isText ? data : new Uint8Array(data as ArrayBuffer));
  };
  own.onclose = ({ code }) => {
    wire.over();
    socket.ended(code);
  };
  own.onerror = () => {};
  return response;
}

function pathOf(file: string | URL): string {
  return file instanceof URL || file.startsWith("file:") ? fileURLToPath(file) : file;
}
