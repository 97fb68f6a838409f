/**
 * Lets requests through to the modules of an app, behind the same gate as all others.
 *
 * Every method reaches a module, `HEAD` and `OPTIONS` as well. Only the preflights of pages of other
 * origins are the server's: whom it lets in at all, it lets use every mount.
 */
import type { Context } from "hono";
import { cors } from "hono/cors";
import type { Peer } from "../socket.ts";
import type { WasmMounts } from "./mount.ts";

/** What of a request the door needs. */
type DoorContext = Context<{ Bindings: { peer: Peer } }>;

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Answers what is a module's; `undefined` for what is not. */
export function mountDoor(
  mounts: WasmMounts,
  origins: readonly string[],
): (c: DoorContext) => Promise<Response | void> | undefined {
  const forPages = cors({
    origin: (origin) => origins.includes(origin) ? origin : null,
    allowMethods: METHODS,
    credentials: true,
  });
  return (c) => {
    if (mounts.match(new URL(c.req.url).pathname) === undefined) return undefined;
    const request = c.req.raw;
    const isPreflight = request.headers.has("access-control-request-method");
    if (!request.headers.has("origin") || (request.method === "OPTIONS" && !isPreflight)) {
      return mounts.fetch(request);
    }
    return forPages(c, async () => {
      c.res = await mounts.fetch(request);
    });
  };
}
