/**
 * Admission: who may talk to the server at all. One gate for requests and for WebSocket upgrades.
 *
 * A browser tells where a request comes from: only the listed origins may. Other programs send no
 * origin; they are taken where they name themselves, or where the server is open on loopback. The host
 * name is checked as well, so that a hostile name that resolves to this machine is no way in.
 */
import type { Context } from "hono";
import { DriftlessError } from "../core/errors.ts";
import { ANONYMOUS, identify, type Identity } from "./identity.ts";

/** Whom to let in. */
export interface Admission {
  /** Exact origins (`https://app.example`) whose pages may use the server. */
  readonly origins: readonly string[];
  /** Host names, with port, that the server answers to. Empty: any, as behind a proxy. */
  readonly hosts: readonly string[];
  /** Development: everyone on this machine may do everything. */
  readonly open: boolean;
  /** Tells who it is, after the gate. */
  readonly authenticate: (context: Context, admitted: Admitted) => Promise<Identity>;
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

/** An `authenticate` for tokens that are signed with a secret. */
export function bySecret(secret: string): Admission["authenticate"] {
  return async (context, { origin }) => {
    const identity = await identify(context, secret);
    // A cookie comes along with whatever makes a browser send a request; a page of ours has an origin.
    const implicit = identity.principal !== null && !identity.explicit;
    if (implicit && origin === null) {
      throw new DriftlessError("forbidden", "A cookie counts only with an origin");
    }
    return identity;
  };
}

/** An `authenticate` for development: nobody is anybody. */
export const openToAll: Admission["authenticate"] = (): Promise<Identity> =>
  Promise.resolve(ANONYMOUS);
