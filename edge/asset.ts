/** A page or another file that is made by the program itself. */
import { createHash } from "node:crypto";
import type { Asset } from "./handler.ts";

/** 128 bits of the hash tell any two versions apart. */
const ETAG_UNITS = 22;

/** What every app's pages load of Driftless itself, of all that a program has for browsers. */
export function ofClient(assets: Readonly<Record<string, Asset>>): Record<string, Asset> {
  return Object.fromEntries(
    Object.entries(assets).filter(([path]) => path.startsWith("/_driftless/")),
  );
}

/** A part of the program, as it is handed to browsers. */
export function assetOf(type: string, body: string | Uint8Array<ArrayBuffer>): Asset {
  const hash = createHash("sha256").update(body).digest("base64url");
  return { type, body, etag: `"${hash.slice(0, ETAG_UNITS)}"` };
}
