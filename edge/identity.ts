/** From credentials to a principal: a bearer token, or the same token in a signed-in cookie. */
import { sign, verify } from "hono/jwt";
import { parse } from "hono/utils/cookie";
import type { Principal } from "../core/app.ts";
import { DriftlessError } from "../core/errors.ts";
import { isJsonObject } from "../core/json.ts";

/** Who a request comes from. */
export interface Identity {
  /** `null` when nobody is signed in. */
  readonly principal: Principal | null;
  /** When the credentials end, in milliseconds since 1970; `Infinity` when they do not. */
  readonly expires: number;
  /** Whether the caller named itself in a header, which no other site can make a browser do. */
  readonly explicit: boolean;
}

/** Nobody in particular. */
export const ANONYMOUS: Identity = { principal: null, expires: Infinity, explicit: false };
/** The shortest secret that signs tokens, in UTF-16 units. */
export const SECRET_UNITS_MIN = 32;
/** The cookie that holds the token; the prefix makes browsers insist on HTTPS and on this very host. */
export const COOKIE_NAME = "__Host-driftless";

/**
 * Finds out who a request comes from, by a JSON Web Token (HS256, RFC 7519) whose `sub` is the
 * principal's id and whose other claims are its claims.
 *
 * @throws {DriftlessError} `unauthenticated` when there are credentials and they are not good
 */
export async function identify(request: Request, secret: string | undefined): Promise<Identity> {
  const header = request.headers.get("authorization");
  const cookie = parse(request.headers.get("cookie") ?? "", COOKIE_NAME)[COOKIE_NAME];
  if (secret === undefined || (header === null && cookie === undefined)) return ANONYMOUS;
  const token = header === null ? cookie : /^Bearer (\S+)$/i.exec(header)?.[1];
  if (token === undefined) {
    throw new DriftlessError("unauthenticated", `Cannot use the credentials: send "Bearer TOKEN"`);
  }
  let claims: unknown;
  try {
    // Who issues tokens may have a clock that runs ahead of this one: "iat" is no promise.
    claims = await verify(token, secret, { alg: "HS256", iat: false });
  } catch (cause) {
    throw new DriftlessError("unauthenticated", "The token is not valid here, or has expired", {
      cause,
    });
  }
  if (!isJsonObject(claims) || typeof claims.sub !== "string" || claims.sub === "") {
    throw new DriftlessError("unauthenticated", `The token names nobody: it has no "sub"`);
  }
  const expires = typeof claims.exp === "number" ? claims.exp * 1000 : Infinity;
  return { principal: { id: claims.sub, claims }, expires, explicit: header !== null };
}

/** A token that {@linkcode identify} accepts for `seconds` from now. */
export function issueToken(subject: string, seconds: number, secret: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return sign({ sub: subject, iat: now, exp: now + seconds }, secret, "HS256");
}
