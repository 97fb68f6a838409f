/**
 * Admission: who may talk to the server at all. One gate for requests and for WebSocket upgrades.
 *
 * A browser tells where a request comes from: only the listed origins may. Other programs send no
 * origin; they are taken where they name themselves, or where the server is open on loopback. The host
 * name is checked as well, so that a hostile name that resolves to this machine is no way in.
 */
import { DriftlessError } from "../core/errors.ts";
import { ANONYMOUS, identify, type Identity } from "./identity.ts";

/**
 * Whom to let in.
 *
 * @example Sessions of the program's own
 * ```ts
 * import { type Admission, DriftlessError } from "@driftless/driftless/server";
 *
 * const sessions = new Map([["4b1d", "ada"]]);
 * const admission: Admission = {
 *   origins: ["https://app.example"],
 *   hosts: [],
 *   open: false,
 *   authenticate: (request) => {
 *     const id = sessions.get(request.headers.get("x-session") ?? "");
 *     if (id === undefined) throw new DriftlessError("unauthenticated", "There is no such session");
 *     return Promise.resolve({ principal: { id }, expires: Infinity, explicit: true });
 *   },
 * };
 *
 * const headers = { "x-session": "4b1d" };
 * const request = new Request("https://app.example/_sync/pull", { headers });
 * const { principal } = await admission.authenticate(request, { origin: null });
 * if (principal?.id !== "ada") throw new Error();
 * ```
 */
export interface Admission {
  /** Exact origins (`https://app.example`) whose pages may use the server. */
  readonly origins: readonly string[];
  /** Host names, with port, that the server answers to. Empty: any, as behind a proxy. */
  readonly hosts: readonly string[];
  /** Development: everyone on this machine may do everything. */
  readonly open: boolean;
  /**
   * Tells who it is, after the gate, by the request's URL and headers; its body is not to be read.
   * It throws a {@linkcode DriftlessError} with `unauthenticated` or `forbidden` to refuse.
   */
  readonly authenticate: (request: Request, admitted: Admitted) => Promise<Identity>;
}

/** What the gate found out. */
export interface Admitted {
  /** The origin of the page, or `null` when no browser page sent the request. */
  readonly origin: string | null;
}

/**
 * Checks the host and the origin of a request.
 *
 * @throws {DriftlessError} `forbidden`
 */
export function admit(request: Request, admission: Admission): Admitted {
  const host = (request.headers.get("host") ?? new URL(request.url).host).toLowerCase();
  if (admission.hosts.length > 0 && !admission.hosts.includes(host)) {
    throw new DriftlessError("forbidden", "This server does not answer to that host name");
  }
  const origin = request.headers.get("origin");
  if (origin !== null && !admission.origins.includes(origin)) {
    throw new DriftlessError("forbidden", "Pages of this origin may not use the server");
  }
  return { origin };
}

/**
 * Who opens a page. The address bar and links send no origin: what a page shows is for its reader alone,
 * so the cookie counts where a browser shows the page itself, and nobody is kept out by a bad one.
 */
export async function identifyVisitor(request: Request, admission: Admission): Promise<Identity> {
  const { origin } = admit(request, admission);
  const use = request.headers.get("sec-fetch-dest") ?? "document";
  const own = use === "document" ? new URL(request.url).origin : null;
  try {
    return await admission.authenticate(request, { origin: origin ?? own });
  } catch (error) {
    if (error instanceof DriftlessError) return ANONYMOUS;
    throw error;
  }
}

/**
 * An `authenticate` for JSON Web Tokens (HS256) that are signed with a secret of at least 32
 * characters. A token comes as `Authorization: Bearer TOKEN`, or in the cookie that `POST /_session`
 * sets; its `sub` is the principal's id.
 *
 * @example
 * ```ts
 * import { bySecret } from "@driftless/driftless/server";
 * import { sign } from "hono/jwt";
 *
 * const secret = "0123456789abcdef0123456789abcdef"; // from a safe place, and random
 * const token = await sign({ sub: "ada", role: "editor" }, secret, "HS256");
 * const request = new Request("https://app.example/_sync/pull", {
 *   headers: { authorization: `Bearer ${token}` },
 * });
 * const { principal } = await bySecret(secret)(request, { origin: null });
 * if (principal?.id !== "ada" || principal.claims?.role !== "editor") throw new Error();
 * ```
 */
export function bySecret(secret: string): Admission["authenticate"] {
  return async (request, { origin }) => {
    const identity = await identify(request, secret);
    // A cookie comes along with whatever makes a browser send a request; a page of ours has an origin.
    const implicit = identity.principal !== null && !identity.explicit;
    if (implicit && origin === null) {
      throw new DriftlessError("forbidden", "A cookie counts only with an origin");
    }
    return identity;
  };
}

/**
 * An `authenticate` for development: nobody is anybody.
 *
 * @example
 * ```ts
 * import { openToAll } from "@driftless/driftless/server";
 *
 * const { principal } = await openToAll(new Request("http://localhost/"), { origin: null });
 * if (principal !== null) throw new Error();
 * ```
 */
export const openToAll: Admission["authenticate"] = (): Promise<Identity> =>
  Promise.resolve(ANONYMOUS);
